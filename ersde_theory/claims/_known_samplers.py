"""One-step coefficients of known samplers, each from its own paper, and the multistep one that differs by a factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ersde_theory import schemes
from ersde_theory.claims._ladders import VARIANCE
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.time_grid import TimeGrid

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
THIRD_LADDER = (320, 640)

# (ratio, data weight, noise variance) of a step in y = x/alpha, with the member of the family that it is said to be
FIRST_ORDER: dict[str, tuple[str, Step]] = {
    "DPM-Solver++(1) is solver 1 with φ = x": ("ode", lambda s, t: (t / s, -np.expm1(-np.log(s / t)), 0.0 * t)),
    "DEIS-0 and EDM's Euler step are solver 1 with φ = x": (
        "ode",
        lambda s, t: (1.0 + (t - s) / s, (s - t) / s, 0.0 * t),
    ),
    "SDE-DPM-Solver++(1) is solver 1 with φ = x²": (
        "reverse_sde",
        lambda s, t: (
            t / s * np.exp(-np.log(s / t)),
            -np.expm1(-2.0 * np.log(s / t)),
            -(t**2) * np.expm1(-2.0 * np.log(s / t)),
        ),
    ),
    "SA-Solver's predictor of order 1, τ² = 1.5, is solver 1 with φ = x^2.5": (
        "power(2.5)",
        lambda s, t: (
            t / s * np.exp(-1.5 * np.log(s / t)),
            -np.expm1(-2.5 * np.log(s / t)),
            -(t**2) * np.expm1(-3.0 * np.log(s / t)),
        ),
    ),
}


def member_distance(step: Step, member: str, grid: TimeGrid) -> float:
    """Return the largest relative difference between a sampler's coefficients and those of solver 1."""
    tab = schemes.er_sde(grid, NoiseScale.from_name(member), 1)
    start, end = grid.levels[:-1], grid.levels[1:]
    ratio, weight, variance = step(start, end)
    ours = (tab.previous[1:], tab.data[1:, 0], tab.noise[1:, 0] ** 2)
    pairs = zip(ours, (ratio, weight, variance), (1.0, 1.0, end**2), strict=True)
    return max(float((np.abs(a - b) / size).max()) for a, b, size in pairs)


def third_order_multistep(n_steps: int, curvature: float) -> float:
    """Return the error of DPM-Solver++(3M) on the Gaussian ODE, equal steps in ln(lambda) from 5 to 0.5, exact start.

    `curvature` multiplies the weight of the second difference as it is coded.
    """
    levels = np.exp(np.linspace(np.log(5.0), np.log(0.5), n_steps + 1))
    solution, gain = np.sqrt(VARIANCE + levels**2), VARIANCE / (VARIANCE + levels**2)
    y = list(solution[:3])
    ell = np.log(levels[0] / levels[1])
    first = np.expm1(-ell) / ell + 1.0
    second = first / ell - 0.5
    for i in range(2, n_steps):
        d0, d1, d2 = (gain[i - j] * y[i - j] for j in range(3))
        bend = 0.5 * ((d0 - d1) - (d1 - d2))
        y.append(np.exp(-ell) * y[i] - np.expm1(-ell) * d0 + first * (d0 - d1 + bend) - curvature * second * bend)
    return float(abs(y[-1] - solution[-1]))


def third_order_slope(curvature: float) -> float:
    """Return the order of DPM-Solver++(3M) between the two step counts of `THIRD_LADDER`."""
    coarse, fine = (third_order_multistep(n, curvature) for n in THIRD_LADDER)
    return float(np.log2(coarse / fine))
