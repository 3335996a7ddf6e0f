"""Convergence orders from errors on a ladder of step counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks

MIN_POINTS = 4
CONFIDENCE = 0.95
_FLOOR_FACTOR = 4.0


@dataclass(frozen=True)
class OrderFit:
    """A fitted order of convergence.

    Attributes
    ----------
    order : float
        Slope of the weighted log-log regression over the points used.
    half_width : float
        Of its 95 % confidence interval (Student's t).
    local_slopes : float64 array of shape (points - 1,)
        Orders between neighbours, over all points given; nan across a change of sign.
    used : bool array of shape (points,)
        The points in the regression: after the last change of sign, above the noise floor.

    Examples
    --------
    >>> round(fit_order([10, 20, 40, 80], [1.0, 0.25, 0.0625, 0.015625]).order, 12)
    2.0
    """

    order: float
    half_width: float
    local_slopes: np.ndarray
    used: np.ndarray

    @property
    def last_slope(self) -> float:
        """The order between the two finest points."""
        return float(self.local_slopes[-1])

    @property
    def bend(self) -> float:
        """How much the last two local slopes differ: about how far the last one is from its limit."""
        return float(abs(self.local_slopes[-1] - self.local_slopes[-2]))

    def __str__(self) -> str:
        return f"{self.order:.3f} ± {self.half_width:.3f}"


def fit_order(steps: Any, errors: Any, standard_errors: Any = None, *, last: int | None = None) -> OrderFit:
    """Return the order of convergence of signed errors.

    Points before the last change of sign are left out, for an error that passes through 0 makes a fake order;
    so are points within 4 standard errors of 0.

    Parameters
    ----------
    steps : array of shape (points,)
        Strictly rising numbers of steps.
    errors : array of shape (points,)
        Signed errors (or norms), none 0.
    standard_errors : array of shape (points,), optional
        Of the errors; they weight the regression.
    last : int, optional
        Use at most so many of the finest points, >= 4.

    Returns
    -------
    OrderFit

    Raises
    ------
    ValueError
        If fewer than 4 points can be used, which is said with the reason; or shapes do not fit.

    Examples
    --------
    >>> fit_order([10, 20, 40], [1.0, 0.5, 0.25])
    Traceback (most recent call last):
        ...
    ValueError: errors: expected at least 4 usable points, got 3 of 3 (0 before a sign change, 0 in the noise)

    References
    ----------
    Weighted least squares; Student's t for the slope.
    """
    n = _checks.float64_array(steps, "steps", ndim=1)
    error = _checks.float64_array(errors, "errors", ndim=1)
    spread = (
        np.zeros_like(error)
        if standard_errors is None
        else _checks.nonnegative_array(standard_errors, "standard_errors")
    )
    if not n.shape == error.shape == spread.shape:
        msg = f"errors: expected shape {n.shape} like steps, got {error.shape} and {spread.shape}"
        raise ValueError(msg)
    if (np.diff(n) <= 0.0).any() or (n <= 0.0).any():
        msg = f"steps: expected strictly rising positive numbers, got {n.tolist()}"
        raise ValueError(msg)
    if (error == 0.0).any() or not np.isfinite(error).all():
        msg = f"errors: expected finite numbers other than 0, got {error.tolist()}"
        raise ValueError(msg)
    signal = np.abs(error) > _FLOOR_FACTOR * spread
    flips = np.flatnonzero((np.sign(error[1:]) != np.sign(error[:-1])) & signal[1:] & signal[:-1])
    settled = np.arange(n.size) > (flips[-1] if flips.size else -1)
    used = signal & settled
    if last is not None:
        keep = np.flatnonzero(used)[-_checks.integer(last, "last", minimum=MIN_POINTS) :]
        used = np.isin(np.arange(n.size), keep)
    if used.sum() < MIN_POINTS:
        msg = (
            f"errors: expected at least {MIN_POINTS} usable points, got {int(used.sum())} of {n.size} "
            f"({int((~settled).sum())} before a sign change, {int((settled & ~signal).sum())} in the noise)"
        )
        raise ValueError(msg)
    slope, half_width = _regression(np.log(n[used]), np.log(np.abs(error[used])), spread[used] / np.abs(error[used]))
    with np.errstate(invalid="ignore"):
        local = -np.diff(np.log(np.abs(error))) / np.diff(np.log(n))
    local[np.sign(error[1:]) != np.sign(error[:-1])] = np.nan
    return OrderFit(-slope, half_width, local, used)


def _regression(x: np.ndarray, y: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Return the slope of a weighted regression and the half-width of its confidence interval."""
    from scipy.stats import t

    weight = 1.0 / spread**2 if (spread > 0.0).all() else np.ones_like(x)
    centre = np.average(x, weights=weight)
    scatter = float((weight * (x - centre) ** 2).sum())
    slope = float((weight * (x - centre) * y).sum() / scatter)
    residual = y - np.average(y, weights=weight) - slope * (x - centre)
    freedom = x.size - 2
    variance = float((weight * residual**2).sum() / freedom)
    if (spread > 0.0).all():
        variance = max(variance, 1.0)  # never below what the standard errors say
    return slope, float(t.ppf(0.5 + CONFIDENCE / 2.0, freedom)) * (variance / scatter) ** 0.5
