"""Convergence orders from errors on a ladder of step counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from ersde_theory import _checks

MIN_POINTS = 4
CONFIDENCE = 0.95
SETTLED = 0.25  # slopes this near to each other belong to the same multiple of 1/2
FLOOR_FACTOR = 4.0


class Regime(StrEnum):
    """What rules the error at one point of a ladder.

    Examples
    --------
    >>> Regime.NOISE.value
    'noise'
    """

    SIGN_CHANGE = "before a sign change"
    PRE_ASYMPTOTIC = "pre-asymptotic"
    ASYMPTOTIC = "asymptotic"
    NOISE = "noise"
    ROUND_OFF = "round-off"


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
        The points in the regression: after the last change of sign, above the noise and the round-off.
    regimes : tuple of Regime
        What rules each point. Used points are pre-asymptotic up to the last local slope that is more than 1/4
        (beyond twice its standard error) from the finest one.
    differences_order : float
        Order of the last three errors' successive differences (Richardson): no reference enters. It agrees with
        the order iff the errors tend to 0; nan where :func:`differences_orders` is.

    Examples
    --------
    >>> fit = fit_order([10, 20, 40, 80], [1.0, 0.25, 0.0625, 0.015625])
    >>> round(fit.order, 12), round(fit.differences_order, 12)
    (2.0, 2.0)
    """

    order: float
    half_width: float
    local_slopes: np.ndarray
    used: np.ndarray
    regimes: tuple[Regime, ...]
    differences_order: float

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


class Ladder(NamedTuple):
    """Checked errors on a ladder, and which of them can be used.

    Attributes
    ----------
    steps, errors, floors : float64 arrays of shape (points,)
        As given; no floor is 0.
    covariance : float64 array of shape (points, points)
        Of the errors.
    regimes : tuple of Regime
        Points that can be used are asymptotic, for all that is known yet.

    Examples
    --------
    >>> checked_ladder([1, 2], [1.0, -0.5]).regimes[0].value
    'before a sign change'
    """

    steps: np.ndarray
    errors: np.ndarray
    floors: np.ndarray
    covariance: np.ndarray
    regimes: tuple[Regime, ...]

    @property
    def usable(self) -> np.ndarray:
        """Whether each point is after the last change of sign and above noise and round-off."""
        return np.array([r is Regime.ASYMPTOTIC for r in self.regimes])

    @property
    def slopes(self) -> np.ndarray:
        """Orders between neighbours; nan across a change of sign or beside an error of 0."""
        size = np.abs(self.errors)
        same = (np.sign(self.errors[1:]) == np.sign(self.errors[:-1])) & (size[1:] > 0.0)
        fall = np.log(np.where(same, size[:-1], 1.0)) - np.log(np.where(same, size[1:], 1.0))
        return np.where(same, fall / np.diff(np.log(self.steps)), np.nan)

    @property
    def slope_errors(self) -> np.ndarray:
        """Standard errors of the local slopes; inf where there is none."""
        known = np.isfinite(self.slopes)
        result = np.full(known.size, np.inf)
        for i in np.flatnonzero(known):
            (a, c), (_, b) = self.log_covariance(np.array([i, i + 1]))
            result[i] = max(a + b - 2.0 * c, 0.0) ** 0.5 / np.log(self.steps[i + 1] / self.steps[i])
        return result

    def log_covariance(self, chosen: np.ndarray) -> np.ndarray:
        """Return the covariance of the logarithms of the chosen errors, round-off included."""
        e, f = self.errors[chosen], self.floors[chosen]
        return np.asarray((self.covariance[np.ix_(chosen, chosen)] + np.diag(f**2)) / np.outer(e, e))

    def count(self, regime: Regime) -> int:
        """Return how many points are in a regime."""
        return sum(r is regime for r in self.regimes)


def checked_ladder(
    steps: Any, errors: Any, standard_errors: Any = None, floors: Any = None, covariance: Any = None
) -> Ladder:
    """Return a ladder, checked and sorted into what can be used and what not.

    Parameters
    ----------
    steps, errors, standard_errors, floors, covariance
        As for :func:`fit_order`, but errors of 0 are allowed where their standard error or floor is not.

    Returns
    -------
    Ladder

    Raises
    ------
    ValueError
        If shapes do not fit, the steps do not rise, both kinds of uncertainty are given, or a number is out of range.

    Examples
    --------
    >>> checked_ladder([10, 20], [1.0, 0.01], floors=[0.0, 0.1]).usable.tolist()
    [True, False]
    """
    n = _checks.float64_array(steps, "steps", ndim=1)
    error = _checks.float64_array(errors, "errors", ndim=1)
    if n.shape != error.shape:
        msg = f"errors: expected shape {n.shape} like steps, got {error.shape}"
        raise ValueError(msg)
    if (np.diff(n) <= 0.0).any() or (n <= 0.0).any() or np.isinf(n).any():
        msg = f"steps: expected strictly rising positive numbers, got {n.tolist()}"
        raise ValueError(msg)
    floor = _like(np.zeros_like(error) if floors is None else floors, "floors", error.shape)
    matrix = _covariance(standard_errors, covariance, error.size)
    spread = np.sqrt(np.diag(matrix))
    if ((error == 0.0) & (spread == 0.0) & (floor == 0.0)).any() or not np.isfinite(error).all():
        msg = f"errors: expected finite numbers other than 0, got {error.tolist()}"
        raise ValueError(msg)
    clear = np.abs(error) > FLOOR_FACTOR * np.maximum(spread, floor)
    seen = np.flatnonzero(clear)  # a change of sign may lie across points that are hidden
    flips = seen[:-1][np.diff(np.sign(error[seen])) != 0.0]
    settled = np.arange(n.size) > (flips[-1] if flips.size else -1)
    hidden = np.where(floor > spread, Regime.ROUND_OFF, Regime.NOISE)
    regimes = np.where(settled, np.where(clear, Regime.ASYMPTOTIC, hidden), Regime.SIGN_CHANGE)
    return Ladder(n, error, floor, matrix, tuple(Regime(r) for r in regimes))


def fit_order(
    steps: Any,
    errors: Any,
    standard_errors: Any = None,
    *,
    floors: Any = None,
    covariance: Any = None,
    last: int | None = None,
) -> OrderFit:
    """Return the order of convergence of signed errors.

    Points before the last change of sign are left out, for an error that passes through 0 makes a fake order;
    so are points within 4 standard errors, or 4 floors, of 0.

    Parameters
    ----------
    steps : array of shape (points,)
        Strictly rising numbers of steps.
    errors : array of shape (points,)
        Signed errors (or norms), none 0.
    standard_errors : array of shape (points,), optional
        Of the errors; they weight the regression.
    floors : array of shape (points,), optional
        Round-off of each error.
    covariance : array of shape (points, points), optional
        Of the errors, instead of standard errors, where they are correlated.
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
    Generalised least squares; Student's t for the slope.
    """
    ladder = checked_ladder(steps, errors, standard_errors, floors, covariance)
    used = ladder.usable
    if last is not None:
        keep = np.flatnonzero(used)[-_checks.integer(last, "last", minimum=MIN_POINTS) :]
        used = np.isin(np.arange(used.size), keep)
    if used.sum() < MIN_POINTS:
        msg = f"errors: expected at least {MIN_POINTS} usable points, got {shortage(ladder, used)}"
        raise ValueError(msg)
    x, y = np.log(ladder.steps[used]), np.log(np.abs(ladder.errors[used]))
    slope, half_width = _regression(x, y, ladder.log_covariance(used))
    orders = differences_orders(ladder.steps, ladder.errors)
    return OrderFit(-slope, half_width, ladder.slopes, used, _regimes_of(ladder), float(orders[-1]))


def shortage(ladder: Ladder, used: np.ndarray) -> str:
    """Return how many points can be used, and what is wrong with the others.

    Parameters
    ----------
    ladder : Ladder
        The points.
    used : bool array of shape (points,)
        Those that are used.

    Returns
    -------
    str

    Examples
    --------
    >>> ladder = checked_ladder([10, 20], [-1.0, 0.5])
    >>> shortage(ladder, ladder.usable)
    '1 of 2 (1 before a sign change, 0 in the noise)'
    """
    lost = [f"{ladder.count(Regime.SIGN_CHANGE)} before a sign change", f"{ladder.count(Regime.NOISE)} in the noise"]
    if ladder.count(Regime.ROUND_OFF):
        lost.append(f"{ladder.count(Regime.ROUND_OFF)} in the round-off")
    return f"{int(used.sum())} of {used.size} ({', '.join(lost)})"


def differences_orders(steps: Any, errors: Any) -> np.ndarray:
    r"""Return the orders with which the differences of neighbouring errors fall (Richardson).

    :math:`e_i - e_{i+1}` holds no reference solution: where these orders settle and those of the errors do not
    follow, the errors tend to another limit than 0.

    Parameters
    ----------
    steps : array of shape (points,)
        Strictly rising numbers of steps.
    errors : array of shape (points,)
        Signed errors.

    Returns
    -------
    float64 array of shape (points - 2,)
        nan beside a change of sign, and everywhere if the steps do not grow by one ratio.

    Examples
    --------
    >>> n = np.array([10.0, 20.0, 40.0, 80.0])
    >>> differences_orders(n, n**-2.0 + 0.001).round(9).tolist()
    [2.0, 2.0]

    References
    ----------
    Roache 1998, Verification and Validation in Computational Science and Engineering.
    """
    n = _checks.float64_array(steps, "steps", ndim=1)
    difference = -np.diff(_checks.float64_array(errors, "errors", ndim=1))
    ratio = np.diff(np.log(n))
    product = difference[1:] * difference[:-1]
    if not np.allclose(ratio, ratio[:1]):
        return np.full(product.size, np.nan)
    good = product > 0.0
    fall = np.log(np.where(good, difference[:-1] / np.where(good, difference[1:], 1.0), 1.0))
    return np.where(good, fall / ratio[:1], np.nan)


def _regimes_of(ladder: Ladder) -> tuple[Regime, ...]:
    """Return the regimes with the pre-asymptotic ones told from the asymptotic ones."""
    inside = np.flatnonzero(ladder.usable)
    slopes, errors = ladder.slopes[inside[:-1]], ladder.slope_errors[inside[:-1]]
    off = np.flatnonzero(np.abs(slopes - slopes[-1]) > SETTLED + 2.0 * np.hypot(errors, errors[-1]))
    early = set(inside[: off[-1] + 1].tolist()) if off.size else set()
    return tuple(Regime.PRE_ASYMPTOTIC if i in early else r for i, r in enumerate(ladder.regimes))


def _like(value: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return finite numbers >= 0 of a shape."""
    array = _checks.nonnegative_array(value, name)
    if array.shape != shape:
        msg = f"{name}: expected shape {shape} like steps, got {array.shape}"
        raise ValueError(msg)
    return array


def _covariance(standard_errors: Any, covariance: Any, size: int) -> np.ndarray:
    """Return the covariance of the errors from either of the two ways to state it."""
    if standard_errors is not None and covariance is not None:
        msg = "covariance: expected None beside standard_errors, got both"
        raise ValueError(msg)
    if covariance is None:
        spread = np.zeros(size) if standard_errors is None else standard_errors
        return np.diag(_like(spread, "standard_errors", (size,)) ** 2)
    matrix = _checks.float64_array(covariance, "covariance", ndim=2)
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        msg = f"covariance: expected finite numbers of shape {(size, size)}, got {_checks.describe(matrix)}"
        raise ValueError(msg)
    lowest, scale = float(np.linalg.eigvalsh(matrix)[0]), float(np.abs(matrix).max())
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0.0) or lowest < -1e-9 * scale:
        msg = f"covariance: expected a symmetric positive semi-definite matrix, got lowest eigenvalue {lowest:.3g}"
        raise ValueError(msg)
    return 0.5 * (matrix + matrix.T)


def _regression(x: np.ndarray, y: np.ndarray, covariance: np.ndarray) -> tuple[float, float]:
    """Return the slope of a generalised regression and the half-width of its confidence interval."""
    from scipy.stats import t

    certain = not (np.diag(covariance) > 0.0).all()
    whiten = np.eye(x.size) if certain else np.linalg.inv(np.linalg.cholesky(covariance))
    design = whiten @ np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    line = inverse @ design.T @ (whiten @ y)
    freedom = x.size - 2
    variance = float(((whiten @ y - design @ line) ** 2).sum() / freedom)
    if not certain:
        variance = max(variance, 1.0)  # never below what the standard errors say
    return float(line[1]), float(t.ppf(0.5 + CONFIDENCE / 2.0, freedom)) * (variance * float(inverse[1, 1])) ** 0.5
