"""More noise means a larger first-order coefficient."""

from __future__ import annotations

import itertools

import numpy as np

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import mutated, proofs
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.time_grid import TimeGrid

_DERIVATIONS = ("fei-order",)
_MEMBERS = ("ode", "exp_reciprocal", "exp_power", "power(1.5)", "log_power", "reverse_sde", "power(2.5)")


def _violations(sign: float) -> tuple[int, int]:
    """Return how many ordered pairs (phi, psi, step) with tau^2 <= tau'^2 all along break the order of FEI."""
    grid = TimeGrid.karras(50, 80.0, 0.002)
    start, end = grid.levels[:-1], grid.levels[1:]
    inside = np.exp(np.linspace(np.log(end), np.log(start), 33))
    broken = compared = 0
    scales = [NoiseScale.from_name(name) for name in _MEMBERS]
    for a, b in itertools.permutations(scales, 2):
        below = (a.tau_squared(inside) <= b.tau_squared(inside)).all(axis=0)
        gap = sign * (b.fei(start, end) - a.fei(start, end))
        broken += int((gap[below] < 0.0).sum())
        compared += int(below.sum())
    return broken, compared


def _examine(context: Context) -> Finding:
    evidence = proofs(_DERIVATIONS)
    context.advance(0.5)
    broken, compared = _violations(1.0)
    reversed_order, _ = _violations(-1.0)
    what = f"steps that break the order, of {compared} compared"
    evidence.append(Evidence(what, float(broken), 0.0, "= 0", broken == 0))
    twins = (
        mutated("fei-order", 4, "sign"),
        Twin("order reversed: steps that break it", float(reversed_order), reversed_order > 0),
    )
    verdict = Verdict.PROVED if all(item.holds for item in evidence) else Verdict.REFUTED
    return Finding(verdict, tuple(evidence), twins)


CLAIM = Claim(
    id="fei-order",
    statement="Where one φ injects more noise than another all along a step, its FEI is larger; the ODE has the least.",
    source="the paper, quoted from memory",
    formula=r"\mathrm{FEI} = 1 - \frac{\lambda_t}{\lambda_s}e^{-(S_s-S_t)}, \qquad"
    r" S_s - S_t = \int_{\lambda_t}^{\lambda_s}\frac{\tau^2(u)}{u}\,du",
    criterion="proved iff every step of its derivation is proved (FEI rises with S_s − S_t, which the integral of τ² "
    "orders), and no step of a 50-step grid breaks it for the seven functions",
    stated=Verdict.PROVED,
    explanation="This is the paper's reason why ODE solvers are fast. It bounds the one-step error; it does not "
    "rank φ, because the change of the data prediction along a step depends on φ too.",
    examine=_examine,
    derivations=_DERIVATIONS,
)
