"""The task that all parties solve, in plain numbers: law, equation, levels, start.

Nothing here comes from the packages that are measured, so a result is judged by numbers that no party made.
The equation is the ER-SDE of ``math.md`` section 2 with phi = x (exp(x^0.3) + 10), run down the Karras levels
80 to 0.002. The peers take the Karras parameter r in [0, 1] as time, so that 50 equal steps of r are the 50
steps of the Karras grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

COMPONENTS, DIM = 8, 2
PATHS, STEPS = 100_000, 50
LEVEL_FIRST, LEVEL_LAST, RHO = 80.0, 0.002, 7.0
START_SEED = 1

_order = np.arange(COMPONENTS)
_angle = 2.0 * np.pi * _order / COMPONENTS
WEIGHTS = (_order + 1.0) / (_order + 1.0).sum()
MEANS = (1.5 + 0.15 * _order)[:, None] * np.stack([np.cos(_angle), np.sin(_angle)], axis=1)
VARIANCES = np.linspace(0.15, 0.5, COMPONENTS) ** 2


def level(r: Any) -> Any:
    """Return the noise level at the Karras parameter r, 80 at r = 0 and 0.002 at r = 1."""
    first, last = LEVEL_FIRST ** (1.0 / RHO), LEVEL_LAST ** (1.0 / RHO)
    return (first + r * (last - first)) ** RHO


def level_slope(r: Any) -> Any:
    """Return d level / d r, which is negative."""
    first, last = LEVEL_FIRST ** (1.0 / RHO), LEVEL_LAST ** (1.0 / RHO)
    return RHO * (last - first) * (first + r * (last - first)) ** (RHO - 1.0)


def tau_squared(lam: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """Return tau^2 = lambda S'(lambda) of phi = x (exp(x^0.3) + 10)."""
    power = lam**0.3
    return 0.3 * power / (1.0 + 10.0 * exp(-power))


def drift_factor(r: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """Return the factor of (Y - D) in dY/dr."""
    lam = level(r)
    return (1.0 + tau_squared(lam, exp)) / lam * level_slope(r)


def diffusion_squared(r: Any, exp: Callable[[Any], Any] = np.exp) -> Any:
    """Return the variance that the noise adds to each coordinate per unit of r."""
    lam = level(r)
    return -2.0 * lam * tau_squared(lam, exp) * level_slope(r)


def draw(n: int, lam: float, seed: int) -> np.ndarray:
    """Return n points of the mixture at a noise level, shape (n, 2)."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(COMPONENTS, size=n, p=WEIGHTS)
    spread = np.sqrt(VARIANCES[chosen] + lam**2)
    return MEANS[chosen] + spread[:, None] * rng.standard_normal((n, DIM))


def start(n: int) -> np.ndarray:
    """Return the start states that every party gets: the mixture at the first level."""
    return draw(n, LEVEL_FIRST, START_SEED)


def exact_moments(lam: float) -> tuple[np.ndarray, float]:
    """Return the mean and the trace of the covariance of the mixture at a noise level."""
    mean = WEIGHTS @ MEANS
    second = WEIGHTS @ (MEANS**2).sum(axis=1)
    trace = second - mean @ mean + DIM * (WEIGHTS @ VARIANCES + lam**2)
    return mean, float(trace)
