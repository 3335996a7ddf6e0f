"""Whether SDE solvers beat ODE solvers in law when the score is imperfect."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from analytic import handwritten_digits
from ersde_theory import schemes
from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.time_grid import TimeGrid

_LEVELS = (80.0, 0.002)
_STEPS = (5, 7, 10, 14, 20, 30, 50, 100, 200, 400)
_MEMBERS = ("ode", "exp_power", "power(1.5)", "reverse_sde")
_ERRORS = (0.0, 0.003, 0.01, 0.03)
_MANY, _FEW = 50, 5
_HIGH, _LOW = 3.0, 0.3
_BANDWIDTH = 0.1
_TOLERANCE = 0.02  # of the distance at the most steps from that of the differential equation


def _variances() -> np.ndarray:
    """Return the spectrum of the digits' covariance."""
    spectrum = np.linalg.eigvalsh(np.cov(handwritten_digits().pixels.T)).clip(min=0.0)
    return np.asarray(spectrum + _BANDWIDTH**2)


def _distances(variances: np.ndarray, error: float) -> np.ndarray:
    """Return the exact W2, relative to the data's size, for each phi and number of steps."""
    distances = np.empty((len(_MEMBERS), len(_STEPS)))
    for m, member in enumerate(_MEMBERS):
        phi = NoiseScale.from_name(member)
        tableaus = [schemes.exponential_adams(TimeGrid.karras(n, *_LEVELS), phi, 3) for n in _STEPS]
        for k, tab in enumerate(tableaus):
            per_coordinate = wasserstein2(tab, 0.0, variances, score_error=lambda lam: np.full_like(lam, error))
            distances[m, k] = np.linalg.norm(per_coordinate) / np.sqrt(variances.sum())
    return distances


def _limits(variances: np.ndarray, error: float, band: tuple[float, float] = (0.0, np.inf)) -> np.ndarray:
    r"""Return what the distances tend to: the variance of the ER-SDE itself, its score wrong on a band of levels.

    With :math:`\ell = \ln\lambda` it solves :math:`dV/d\ell = 2(1+\tau^2)(1+e)\,\lambda^2/(v+\lambda^2)\,V -
    2\tau^2\lambda^2`, which shares nothing with a tableau.
    """
    found = []
    for member in _MEMBERS:
        phi = NoiseScale.from_name(member)

        def slope(ell: float, w: np.ndarray, phi: NoiseScale = phi) -> np.ndarray:
            """Return the slope of W = V / (v + lambda^2), which stays near 1."""
            square = np.exp(2.0 * ell)
            share, tau2 = square / (variances + square), float(phi.tau_squared(np.exp(ell)))
            wrong = error if band[0] <= np.exp(ell) < band[1] else 0.0
            return np.asarray(2.0 * share * ((1.0 + tau2) * (1.0 + wrong) * w - tau2 - w))

        span = (np.log(_LEVELS[0]), np.log(_LEVELS[1]))
        end = solve_ivp(slope, span, np.ones_like(variances), method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
        scale = np.sqrt(variances + _LEVELS[1] ** 2)
        found.append(np.linalg.norm(scale * (np.sqrt(end) - 1.0)) / np.sqrt(variances.sum()))
    return np.array(found)


def _ahead(distances: np.ndarray) -> np.ndarray:
    """Return, for each number of steps, whether some SDE is closer to the right law than the ODE."""
    return np.asarray((distances[1:] < distances[0]).any(axis=0))


def _verdict(distances: np.ndarray) -> Verdict:
    """Return what the distances for several errors of the score say."""
    late = np.array(_STEPS) >= _MANY
    wins = np.array([_ahead(found)[late].all() for found in distances])
    losses = np.array([(~_ahead(found))[late].all() for found in distances])
    return Verdict.CONFIRMED if wins.all() else Verdict.REFUTED if losses.all() else Verdict.QUALIFIED


def _examine(context: Context) -> Finding:
    variances = _variances()
    distances, limits = [], []
    for i, error in enumerate(_ERRORS):
        distances.append(_distances(variances, error))
        limits.append(_limits(variances, error))
        context.advance((i + 1) / len(_ERRORS))
    table, limit = np.stack(distances), np.stack(limits)
    evidence = []
    for i, error in enumerate(_ERRORS[1:], start=1):
        ahead = _ahead(table[i])
        first = _STEPS[int(np.argmax([ahead[k:].all() for k in range(len(_STEPS))]))]
        ratio = float(limit[i, 1:].min() / limit[i, 0])
        label = f"score off by {100 * error:g} %"
        evidence += [
            Evidence(f"{label}: steps from which some SDE is ahead", first, 0.0, f"<= {_MANY}", first <= _MANY),
            Evidence(f"{label}: distance of the best SDE over the ODE's, N → ∞", ratio, 1e-8, "< 1", ratio < 1.0),
        ]
        miss = float(np.abs(table[i, :, -1] / limit[i] - 1.0).max())
        what = f"{label}: largest relative difference of {_STEPS[-1]} steps from the differential equation"
        evidence.append(Evidence(what, miss, 1e-8, f"<= {_TOLERANCE}", miss <= _TOLERANCE))
    evidence += _where(variances)
    few = float(table[1, 1:, _STEPS.index(_FEW)].min() / table[1, 0, _STEPS.index(_FEW)])
    evidence.append(Evidence(f"{_FEW} steps, score off by 0.3 %: best SDE over ODE", few, 0.0, "> 1", few > 1.0))
    holds = all(item.holds for item in evidence)
    verdict = _verdict(table[1:]) if holds else Verdict.UNDECIDED
    exact = _verdict(table[:1])
    twins = (
        Twin("exact score", float(exact != Verdict.CONFIRMED), exact != Verdict.CONFIRMED),
        Twin(
            "differential equation of an exact score",
            float(np.abs(table[1, :, -1] / np.maximum(limit[0], 1e-12) - 1.0).min()),
            bool((np.abs(table[1, :, -1] / np.maximum(limit[0], 1e-12) - 1.0) > _TOLERANCE).all()),
        ),
    )
    return Finding(verdict, tuple(evidence), twins, (_record(table, limit),))


def _where(variances: np.ndarray) -> list[Evidence]:
    """Return the reverse SDE's distance over the ODE's, for a score that is wrong at high or at low levels only."""
    bands = (("above λ = 3", (_HIGH, np.inf), "< 1"), ("below λ = 0.3", (0.0, _LOW), ">= 1"))
    found = []
    for said, band, bound in bands:
        limits = _limits(variances, 0.01, band)
        ratio = float(limits[-1] / limits[0])
        label = f"score off by 1 % {said} only: distance of the reverse SDE over the ODE's, N → ∞"
        found.append(Evidence(label, ratio, 1e-6, bound, (ratio < 1.0) == (bound == "< 1")))
    return found


def _record(table: np.ndarray, limit: np.ndarray) -> Record:
    """Return what the figure draws."""
    dims = ("score_error", "noise_scale")
    return Record(
        "crossing",
        {"spectrum": "covariance of the digits", "bandwidth": _BANDWIDTH, "scheme": "Adams-3", "levels": list(_LEVELS)},
        {
            "steps": LabelledArray(("steps",), np.array(_STEPS)),
            "noise_scale": LabelledArray(("noise_scale",), np.array(_MEMBERS)),
            "score_error": LabelledArray(("score_error",), np.array(_ERRORS)),
            "distance": LabelledArray((*dims, "steps"), table),
            "limit": LabelledArray(dims, limit),
        },
        (CLAIM.id,),
    )


CLAIM = Claim(
    id="sde-quality-imperfect",
    statement="With many steps SDE solvers beat ODE solvers (here: in law, a score that is wrong by a constant share, "
    "Gaussian data).",
    source="abstract v3",
    formula=r"\nabla\log q_\theta = (1+e)\,\nabla\log q_\lambda,\qquad e \in \{0.003, 0.01, 0.03\}",
    criterion="exact W2 of Adams-3 on Gaussian data with the covariance of the digits; confirmed iff for every error "
    "of the score some stochastic φ is closer to the data than the ODE at 50 steps and more, at the smallest error "
    "none is at 5 steps, 400 steps agree with the differential equation of the variance within 2 %, and in its limit "
    "an error above λ = 3 alone hurts the reverse SDE less than the ODE, one below 0.3 alone not; refuted iff the "
    "ODE is ahead throughout",
    stated=Verdict.CONFIRMED,
    explanation="An error of the score leaves a distance that no number of steps removes. The ODE adds it up over "
    "all levels; an SDE forgets what it did at high levels, the faster the more noise it has, so with many steps the "
    "reverse SDE ends closest. With few steps discretisation rules, and the smaller the error of the score, the "
    "longer. The effect is one of errors at high levels: those of low levels an SDE makes anew. On the shipped "
    "digits network, whose errors are largest in the middle, no SDE is seen to overtake (network-score-error). With "
    "an exact score there is nothing to forget (sde-quality-law).",
    examine=_examine,
    derivations=("error-recursion", "error-flow"),
)
