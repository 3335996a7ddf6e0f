"""Is a party's result right? Its law against the exact mixture, in numbers with uncertainties.

Our scheme has to hit the mean, the trace of the covariance and the energy distance within statistical error at
the timed number of steps. Euler's method has a visible bias there, so a peer has to show that the bias is Euler's:
it falls in proportion to 1/N, and its extrapolation to 1/N = 0 is the exact law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import _problem as problem
import numpy as np

LARGEST_Z = 4.5  # two-sided 7e-6
EULER_STEPS = (50, 100, 200)
CURVATURE = 0.25  # share of the last change by which 1/N^2 terms may spoil the extrapolation
ENERGY_POINTS = 4000


@dataclass(frozen=True)
class Moments:
    """Error of the mean and of the covariance's trace, with standard errors."""

    mean_error: tuple[float, ...]
    mean_standard_error: tuple[float, ...]
    trace_error: float
    trace_standard_error: float


def moments(states: np.ndarray) -> Moments:
    """Return how far the states' moments are from the mixture at the last level."""
    mean, trace = problem.exact_moments(problem.LEVEL_LAST)
    centre = states.mean(axis=0)
    squared = ((states - centre) ** 2).sum(axis=1)
    root = math.sqrt(len(states))
    return Moments(
        tuple((centre - mean).tolist()),
        tuple((states.std(axis=0, ddof=1) / root).tolist()),
        float(squared.sum() / (len(states) - 1) - trace),
        float(squared.std(ddof=1) / root),
    )


def energy_distance(states: np.ndarray) -> tuple[float, float]:
    """Return the energy distance of the first states to fresh exact points, and its standard error."""
    from analytic.distances import energy_distance as estimate

    exact = problem.draw(ENERGY_POINTS, problem.LEVEL_LAST, seed=2)
    value, error = estimate(states[:ENERGY_POINTS], exact)
    return float(value), float(error)


def exact_law_check(states: np.ndarray) -> dict[str, Any]:
    """Check a scheme whose bias must be below the statistical error."""
    found = moments(states)
    distance, distance_error = energy_distance(states)
    errors = (*found.mean_error, found.trace_error, distance)
    scales = (*found.mean_standard_error, found.trace_standard_error, distance_error)
    worst = max(abs(e) / s for e, s in zip(errors, scales, strict=True))
    return {
        **asdict(found),
        "energy_distance": distance,
        "energy_distance_standard_error": distance_error,
        "largest_z": worst,
        "right": bool(worst <= LARGEST_Z),
    }


def euler_check(result: Callable[[int, int], np.ndarray]) -> dict[str, Any]:
    """Check a peer: ``result(seed, steps)`` must converge to the exact law at first order."""
    samples = {steps: result(100 + steps, steps) for steps in EULER_STEPS}
    found = [moments(samples[steps]) for steps in EULER_STEPS]
    first, middle, last = found
    span = math.log(EULER_STEPS[-1] / EULER_STEPS[0])
    order = math.log(abs(first.trace_error / last.trace_error)) / span
    relative = (m.trace_standard_error / m.trace_error for m in (first, last))
    order_error = math.hypot(*relative) / span
    limits = [_extrapolated(*entries) for entries in zip(_errors(middle), _errors(last), strict=True)]
    distance, distance_error = energy_distance(samples[EULER_STEPS[0]])
    return {
        "steps": list(EULER_STEPS),
        "trace_error": [m.trace_error for m in found],
        "trace_standard_error": [m.trace_standard_error for m in found],
        "order": order,
        "order_standard_error": order_error,
        "extrapolated_mean_and_trace_error": [(limit, error) for limit, error, _ in limits],
        "energy_distance": distance,
        "energy_distance_standard_error": distance_error,
        "right": all(good for *_, good in limits) and abs(order - 1.0) <= 0.15 + 3.0 * order_error,
    }


def _errors(found: Moments) -> list[tuple[float, float]]:
    """Return (error, standard error) of each mean coordinate and of the trace."""
    means = zip(found.mean_error, found.mean_standard_error, strict=True)
    return [*means, (found.trace_error, found.trace_standard_error)]


def _extrapolated(coarse: tuple[float, float], fine: tuple[float, float]) -> tuple[float, float, bool]:
    """Return the limit of an error at 1/N = 0 from N and 2N, its standard error, and whether it is 0."""
    limit = 2.0 * fine[0] - coarse[0]
    error = math.hypot(2.0 * fine[1], coarse[1])
    allowed = LARGEST_Z * error + CURVATURE * abs(fine[0] - coarse[0])
    return limit, error, abs(limit) <= allowed
