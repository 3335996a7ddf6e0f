r"""A step in the clock :math:`V = \lambda^2/\varphi^2` and the time :math:`A = 1/\varphi`, without cancellation.

In :math:`u = Y/\varphi` the ER-SDE is :math:`du = D\,dA + dB`, where the Brownian motion B runs in V. A step
:math:`\lambda_s \to \lambda_t` is known by its increment dB and its area
:math:`J = \int (A_t - A)\,dB = \int (B - B_s)\,dA`, which add up exactly under refinement. Here phi is scaled so
that :math:`\varphi(\lambda_t) = 1`: nothing overflows, and the noise of an exponential scheme is dB itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ersde_theory import _checks
from ersde_theory._gauss_legendre import integrate
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale

_STILL = 1e-290  # of S: below it tau^2 is subnormal, and the clock counts as standing still
_BISECTIONS = 64


class StepClock(NamedTuple):
    r"""Increment and area of steps, with phi scaled to 1 at each step's end.

    The lever :math:`A_t - A` is what an increment at A contributes to the area; mean and spread are those of
    the lever over the clock of the step, so that :math:`J = \text{lever}\cdot dB` plus an independent part.

    Attributes
    ----------
    variance : float64 array
        Var dB, the noise variance of an exponential scheme.
    lever : float64 array
        Mean of the lever: Cov(dB, J) / Var dB.
    spread : float64 array
        Standard deviation of the lever: the root of Var(J given dB) / Var dB.

    Examples
    --------
    >>> step = StepClock(np.array(4.0), np.array(0.6), np.array(0.8))
    >>> float(step.covariance), float(step.area_variance), float(step.correlation)
    (2.4, 4.0, 0.6)
    """

    variance: np.ndarray
    lever: np.ndarray
    spread: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Cov(dB, J)."""
        return self.variance * self.lever

    @property
    def area_variance(self) -> np.ndarray:
        """Var J."""
        return np.asarray(self.variance * (self.lever**2 + self.spread**2))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of dB and J, sqrt(3)/2 for short steps."""
        return np.asarray(self.lever / np.hypot(self.lever, self.spread))


def step_clock(noise_scale: NoiseScale, lam_start: Any, lam_end: Any) -> StepClock:
    r"""Return increment and area of steps, to relative 1e-13 however short the step or small the noise.

    With :math:`\ell = \ln(u/\lambda_t)` and :math:`E = S(u) - S(\lambda_t)`, the lever is
    :math:`-\mathrm{expm1}(-\ell - E)` and the clock advances by :math:`2\lambda_t^2\tau^2 e^{-2E}\,d\ell`: integrals
    of one sign. Where the clock stands still (phi = x), lever and spread are their limits for
    :math:`\tau^2 \to 0` constant over the step, and the variance is 0.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : float or array
        Levels of the steps, lam_start > lam_end > 0, finite; shapes broadcast.

    Returns
    -------
    StepClock

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or a step does not go down between finite levels > 0.
    NotAdmissible
        If phi/lambda falls over a step.
    QuadratureError
        If phi (given by the user) is too rough to be integrated to that accuracy.

    Examples
    --------
    >>> step = step_clock(NoiseScale.reverse_sde(), 2.0, 1.0)  # V = A: the lever is uniform on [0, 3/4]
    >>> float(step.variance), round(float(step.lever), 12), round(float(step.area_variance), 12)
    (0.75, 0.375, 0.140625)

    References
    ----------
    ``math.md`` sections 3 and 7.
    """
    high, low = _checked_steps(noise_scale, lam_start, lam_end)
    shape, start, end = high.shape, high.ravel(), low.ravel()
    variance = noise_scale.noise_variance(start, end)
    length = log_ratio(start, end)
    reach = noise_scale.fei(start, end)
    excess = noise_scale.log_excess_difference(start, end)
    still = excess < _STILL
    mean_rate = np.where(still, 1.0, excess / length)

    def clock_and_lever(j: np.ndarray, ell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        level = np.broadcast_to(end[j], ell.shape)
        gained = noise_scale._difference(level, ell)
        rate = np.where(still[j], 1.0, noise_scale._tau_squared(level * np.exp(ell)))
        return rate / mean_rate[j] * np.exp(-2.0 * gained), -np.expm1(-(ell + gained)) / reach[j]

    def moments(j: np.ndarray, ell: np.ndarray) -> np.ndarray:
        clock, lever = clock_and_lever(j, ell)
        return np.stack([clock, clock * lever])

    total, first = integrate(moments, length, f"noise scale {noise_scale.name}")
    mean = first / total

    def second(j: np.ndarray, ell: np.ndarray) -> np.ndarray:
        clock, lever = clock_and_lever(j, ell)
        return np.asarray(clock * (lever - mean[j]) ** 2)[None]

    squared = integrate(second, length, f"noise scale {noise_scale.name}")[0] / total
    return StepClock(*(x.reshape(shape) for x in (variance, reach * mean, reach * np.sqrt(squared))))


def level_at_share(noise_scale: NoiseScale, lam_start: Any, lam_end: Any, share: float) -> np.ndarray:
    r"""Return the levels at a share of each step in :math:`A = 1/\varphi`.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : float or array
        Levels of the steps, lam_start > lam_end > 0, finite; shapes broadcast.
    share : float
        In [0, 1]: 0 at the start of a step, 1 at its end.

    Returns
    -------
    float64 array

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> round(float(level_at_share(NoiseScale.ode(), 4.0, 1.0, 0.5)), 12)  # 1/A, A = (1/4 + 1)/2
    1.6
    """
    high, low = _checked_steps(noise_scale, lam_start, lam_end)
    part = _checks.nonnegative_number(share, "share")
    if part > 1.0:
        msg = f"share: expected a number in [0, 1], got {part}"
        raise ValueError(msg)
    wanted = -np.log1p(-(1.0 - part) * noise_scale.fei(high, low))  # ln(phi/phi_t) there
    below, above = np.zeros(high.shape), log_ratio(high, low)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (below + above)
        over = middle + noise_scale._difference(low, middle) > wanted
        below, above = np.where(over, below, middle), np.where(over, middle, above)
    return np.asarray(np.clip(low * np.exp(0.5 * (below + above)), low, high))


def _checked_steps(noise_scale: NoiseScale, lam_start: Any, lam_end: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of steps down between finite levels > 0, as arrays of one shape."""
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    start = _checks.nonnegative_array(lam_start, "lam_start")
    end = _checks.nonnegative_array(lam_end, "lam_end")
    try:
        high, low = np.broadcast_arrays(start, end)
    except ValueError:
        msg = f"lam_start: expected a shape that broadcasts with lam_end {end.shape}, got {start.shape}"
        raise ValueError(msg) from None
    wrong = ~((high > low) & (low > 0.0)).ravel()
    if wrong.any():
        j = int(np.argmax(wrong))
        msg = f"lam_end: expected a level > 0 below lam_start, got {low.ravel()[j]:g} below {high.ravel()[j]:g}"
        raise ValueError(msg)
    return high, low
