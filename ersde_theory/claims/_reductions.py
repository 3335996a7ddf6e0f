"""Which known samplers are members of the family."""

from __future__ import annotations

import numpy as np

from ersde_theory import schemes
from ersde_theory.claims._broken import off_by
from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import mutated, proofs
from ersde_theory.claims._known_samplers import FIRST_ORDER, member_distance, third_order_slope
from ersde_theory.claims._ladders import ORDER_TOLERANCE
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

TOLERANCE = 1e-13
_MEMBERS = ("reduction-ddim", "reduction-ddpm", "reduction-dpm-solver-1", "reduction-sa-solver-1")
_STRANGERS = (
    "reduction-churn",
    "reduction-dpm-solver-2m",
    "reduction-dpm-solver-3m",
    "reduction-sa-solver-2",
    "reduction-deis",
    "reduction-edm-heun",
)


def _distance(a: Tableau, b: Tableau) -> float:
    """Return the largest difference of the coefficients of two one-step tableaus."""
    parts = [(a.previous, b.previous), (a.data, b.data), (a.noise, b.noise)]
    return max(float(np.abs(x - y).max()) for x, y in parts)


def _examine(context: Context) -> Finding:
    grids = (
        TimeGrid.karras(20, 80.0, 0.002, final_zero=True),
        TimeGrid.uniform_in_time(ForwardProcess.vp_linear(), 20, 1.0, 1e-3),
        TimeGrid.uniform_in_time(ForwardProcess.rectified_flow(), 20, 1.0, 0.05, final_zero=True),
    )
    ode, sde = NoiseScale.ode(), NoiseScale.reverse_sde()
    ddim = max(_distance(schemes.er_sde(g, ode, 1), schemes.ddim(g)) for g in grids)
    ddpm = max(_distance(schemes.er_sde(g, sde, 1), schemes.ddpm_ancestral(g)) for g in grids)
    eta = max(_distance(schemes.er_sde(g, sde, 1), schemes.ddim(g, 1.0)) for g in grids)
    adams = max(
        _distance(schemes.er_sde(g, NoiseScale.exp_power(), k), schemes.exponential_adams(g, NoiseScale.exp_power(), k))
        for g in grids
        for k in (1, 2)
    )
    context.advance(0.6)
    finite, positive = grids[0], TimeGrid.karras(20, 80.0, 0.002)
    euler = _distance(schemes.er_sde(finite, sde, 1), schemes.euler_maruyama(finite, sde))
    third = _distance(schemes.er_sde(finite, ode, 3), schemes.exponential_adams(finite, ode, 3))
    members = {
        "DDIM (η = 0) is solver 1 with φ = x": ddim,
        "DDIM (η = 1) is solver 1 with φ = x²": eta,
        "DDPM ancestral (posterior variance) is solver 1 with φ = x²": ddpm,
        "exponential Adams-1, -2 are solvers 1, 2": adams,
    }
    members |= {what: member_distance(step, name, positive) for what, (name, step) in FIRST_ORDER.items()}
    strangers = {"Euler-Maruyama is not solver 1": euler, "exponential Adams-3 is not solver 3": third}
    eps = float(np.finfo(float).eps)
    evidence = [Evidence(k, v, eps, f"<= {TOLERANCE:g}", v <= TOLERANCE) for k, v in members.items()]
    evidence += [Evidence(k, v, eps, "> 1e-3", v > 1e-3) for k, v in strangers.items()]
    slopes = {1.0: third_order_slope(1.0), 2.0: third_order_slope(2.0)}
    for (curvature, slope), order in zip(slopes.items(), (2, 3), strict=True):
        what = f"order of DPM-Solver++(3M), curvature weight {curvature:g} times as coded"
        bound = f"{order} ± {ORDER_TOLERANCE:g}"
        evidence.append(Evidence(what, slope, 1e-6, bound, abs(slope - order) <= ORDER_TOLERANCE))
    evidence += proofs((*_MEMBERS, *_STRANGERS))
    broken = _distance(schemes.er_sde(finite, ode, 1), off_by(schemes.ddim(finite)))
    name, step = FIRST_ORDER["SDE-DPM-Solver++(1) is solver 1 with φ = x²"]
    other = member_distance(step, "ode", positive)
    twins = (
        Twin("DDIM with one coefficient off by 1e-6", broken, broken > TOLERANCE),
        Twin(f"SDE-DPM-Solver++(1) held against φ = x instead of {name}", other, other > TOLERANCE),
        Twin("DPM-Solver++(3M) as coded, held to order 3", slopes[1.0], abs(slopes[1.0] - 3) > ORDER_TOLERANCE),
        mutated("reduction-ddim", 2),
        mutated("reduction-dpm-solver-3m", 5),
    )
    verdict = Verdict.CONFIRMED if all(e.holds for e in evidence) else Verdict.REFUTED
    return Finding(verdict, tuple(evidence), twins)


CLAIM = Claim(
    id="reductions",
    statement="DDIM and DDPM ancestral sampling are first-order members of the family.",
    source="release README",
    formula=r"y_t = D + \sqrt{\lambda_t^2 - c^2}\,\frac{y_s - D}{\lambda_s} + cZ",
    criterion="confirmed iff the tableaus agree to 1e-13 on Karras, VP and flow grids (starts at α = 0 included), "
    "those said to differ do, and every step of the derivations is proved",
    stated=Verdict.CONFIRMED,
    explanation="DDIM is φ = x, DDPM is φ = x². Members too: DPM-Solver++(1), DEIS-0 and EDM's Euler step (φ = x), "
    "SDE-DPM-Solver++(1) (φ = x²) and SA-Solver's predictor of order 1 (φ = x^(1+τ²)). No members: Euler-"
    "Maruyama, and Adams-3 is not solver 3. SA-Solver's predictor and DPM-Solver++(2M) share φ, ratio and noise "
    "with solver 2 but interpolate in ln λ; their weights differ from its by a term of second order in the "
    "log-step. DEIS interpolates the noise prediction, EDM's Heun step is a trapezoidal rule, churn evaluates "
    "after its noise. DPM-Solver++(3M) as written has half the weight that its curvature needs, and is second "
    "order.",
    examine=_examine,
    derivations=(*_MEMBERS, *_STRANGERS),
)
