"""The exact solution formula of a process, held against a reference that does not know it."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytic import solve_ode_x
from ersde_theory.claims._claim import Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import mutated, proofs
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.problems import problem

TOLERANCE = 1e-9
DERIVATIONS = ("exact-solution-in-x", "exact-solution")
_START, _END, _PANELS, _NODES, _PATHS = 10.0, 0.1, 16, 12, 8


def _formula_error(process: ForwardProcess, seed: int) -> tuple[float, float]:
    """Return how far the formula with phi = x is off a reference path, and how far with D frozen at the start.

    The reference integrates the process's own equation in (x, t); the formula takes D along that path and is
    integrated by Gauss-Legendre panels in ln(lambda). Both relative to the state.
    """
    law = problem("mixture").make_law()
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    ends = np.linspace(np.log(_START), np.log(_END), _PANELS + 1)
    half = np.diff(ends)[:, None] / 2
    inner = (ends[:-1, None] + half * (1 + nodes)).ravel()
    levels = np.exp(np.concatenate([ends[:1], inner, ends[-1:]]))
    times, alpha = process.time(levels), process.alpha_at_level(levels)

    def score_x(x: np.ndarray, t: float) -> Any:
        return law.scaled(float(process.alpha(t))).score(x, float(process.sigma(t)))

    start = alpha[0] * law.sample(_PATHS, noise_level=_START, seed=seed)
    path = solve_ode_x(
        score_x,
        lambda t: float(process.drift(t)),
        lambda t: float(process.diffusion_squared(t)),
        start,
        float(times[0]),
        float(times[-1]),
        times=times,
    )
    denoised = np.stack([law.denoise(x / a, float(lam)) for x, a, lam in zip(path, alpha, levels, strict=True)])
    # x_t = (alpha_t phi_t)/(alpha_s phi_s) x_s + alpha_t phi_t int phi'/phi^2 D dlam, phi = lam: dlam/lam^2 = dell/lam
    measure = (np.abs(half) * weights).ravel() / levels[1:-1]
    carried = alpha[-1] * levels[-1] / (alpha[0] * levels[0]) * path[0]
    exact = carried + alpha[-1] * levels[-1] * np.tensordot(measure, denoised[1:-1], 1)
    frozen = carried + alpha[-1] * (1.0 - levels[-1] / levels[0]) * denoised[0]
    size = float(np.abs(path[-1]).max())
    return float(np.abs(exact - path[-1]).max()) / size, float(np.abs(frozen - path[-1]).max()) / size


def examine(process: ForwardProcess, steps: tuple[int, int], context: Context) -> Finding:
    """Return the finding for a process; `steps` of exact-solution-in-x write it out, and are mutated as twins."""
    evidence = proofs(DERIVATIONS)
    context.advance(0.6)
    error, frozen = _formula_error(process, context.seed)
    what = f"second witness, {process.name}, φ = x: formula against the reference in (x, t)"
    evidence.append(Evidence(what, error, 1e-12, f"<= {TOLERANCE:g}", error <= TOLERANCE))
    twins = (
        *(mutated("exact-solution-in-x", number) for number in steps),
        Twin("D frozen at the start of the path, as solver 1 does", frozen, frozen > TOLERANCE),
    )
    verdict = Verdict.PROVED if all(item.holds for item in evidence) else Verdict.REFUTED
    return Finding(verdict, tuple(evidence), twins)
