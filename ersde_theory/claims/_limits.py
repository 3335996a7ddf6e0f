"""The two ends of the family: the probability-flow ODE and the reverse-time SDE."""

from __future__ import annotations

import numpy as np

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import mutated, proofs
from ersde_theory.noise_scale import NoiseScale

TOLERANCE = 1e-13
_DERIVATIONS = ("limits", "time-reversal", "noise-scale")


def _off(scale: NoiseScale, expected: float) -> float:
    """Return how far lambda phi'/phi - 1 is from the expected tau^2, phi'/phi by the slope of ln phi."""
    levels = np.geomspace(1e-3, 80.0, 41)
    coarse = np.log(levels[1:] / levels[:-1])
    slope = scale.log_excess_difference(levels[1:], levels[:-1]) / coarse
    return float(max(np.abs(slope - expected).max(), np.abs(scale.tau_squared(levels) - expected).max()))


def _examine(context: Context) -> Finding:
    evidence = proofs(_DERIVATIONS)
    context.advance(0.7)
    worst = max(_off(NoiseScale.ode(), 0.0), _off(NoiseScale.reverse_sde(), 1.0))
    what = "second witness: τ² of φ = x and φ = x² against 0 and 1 on 41 levels"
    evidence.append(Evidence(what, worst, float(np.finfo(float).eps), f"<= {TOLERANCE:g}", worst <= TOLERANCE))
    other = _off(NoiseScale.power(1.5), 1.0)
    twins = (
        mutated("limits", 5),
        mutated("limits", 1, "sign"),
        Twin("φ = x^1.5 for the reverse SDE", other, other > TOLERANCE),
    )
    verdict = Verdict.PROVED if all(item.holds for item in evidence) else Verdict.REFUTED
    return Finding(verdict, tuple(evidence), twins)


CLAIM = Claim(
    id="limits",
    statement="h = 0 gives the probability-flow ODE (φ = x), h = g the reverse-time SDE (φ = x²).",
    source="abstract v3",
    formula=r"h=0:\; dx = \left[fx - \tfrac12 g^2\,\nabla\log p_t\right]dt,\qquad"
    r" h=g:\; dx = \left[fx - g^2\,\nabla\log p_t\right]dt + g\,d\bar w",
    criterion="proved iff every step of its derivations is proved and the functions of the numerics have τ² = 0 "
    "and 1 to 1e-13",
    stated=Verdict.PROVED,
    explanation="The family has a member for every admissible φ; these two are named, φ = x^p with p between 1 "
    "and 2 lies between them, p > 2 beyond.",
    examine=_examine,
    derivations=_DERIVATIONS,
)
