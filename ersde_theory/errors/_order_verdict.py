r"""What a ladder of errors says about the order of convergence, and how sure that is.

The model of the error is :math:`e_N = c N^{-p}\exp(\sum_k d_k (N_0/N)^k/k)` with :math:`N_0` the coarsest step count
used and each :math:`d_k` of size 1: a ladder may start where its corrections are as large as the leading term. That
turns the regression into least squares with a prior, and puts what cannot be told from the order into its interval.
Clear local slopes must also settle: their drift, continued by Aitken's rule, widens the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.errors._order_fit import (
    FLOOR_FACTOR,
    MIN_POINTS,
    SETTLED,
    Ladder,
    Regime,
    checked_ladder,
    differences_orders,
    shortage,
)

_SIGMAS = 1.96  # of a 95 % interval
_FAR = 0.75  # from the finest slope: a correction as large as the leading term
_CLEAR = 3.0  # standard errors of a bend that do not count
_SLOWEST = 0.9  # ratio of successive bends from which the slopes are not seen to settle
_DRIFT_SAFETY = 1.75  # Aitken's rule falls short for logarithms
_SIGNAL = 20.0  # error over standard error with which four points make a fit
_GAINS = tuple(1.1**k for k in range(1, 146))  # factors of the paths, up to 1e6
_MISSED = 1.5  # half-widths from the nearest possible order from which a ladder counts as not yet asymptotic
_UNITS = {0.5: "multiples of 1/2", 1.0: "whole numbers"}
_BOUND_MARGIN = 1.0  # a lower bound is made of slopes that may still fall: it excludes what is a whole order lower
_RESOLUTION = 1e-4  # relative size of what no expansion in 1/N explains, so that no interval is empty


class Outcome(StrEnum):
    """The three kinds of verdict.

    Examples
    --------
    >>> Outcome.AT_LEAST.value
    'at least'
    """

    ORDER = "order"
    AT_LEAST = "at least"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class OrderVerdict:
    """An order with its uncertainty, a lower bound of it, or why there is neither.

    Attributes
    ----------
    outcome : Outcome
        What is stated.
    order, half_width : float
        95 % interval of the order, drift included; of a lower bound if the outcome is *at least*; nan if nothing
        could be fitted.
    reason : str
        What the verdict rests on, or what is missing.
    more_paths : int
        Paths to add for a decision, if they are what is missing; else 0.

    Examples
    --------
    >>> print(OrderVerdict(Outcome.ORDER, 1.99, 0.04, "5 points"))
    order 1.99 ± 0.04
    """

    outcome: Outcome
    order: float
    half_width: float
    reason: str
    more_paths: int = 0

    @property
    def nearest(self) -> float:
        """The multiple of 1/2 that the order is nearest to; nan if nothing could be fitted."""
        return 0.5 * round(2.0 * self.order) if math.isfinite(self.order) else math.nan

    def contradicts(self, declared: float) -> bool:
        """Return whether the declared order is excluded: by twice the half-width, about four standard errors.

        Parameters
        ----------
        declared : float
            The order that is claimed.

        Returns
        -------
        bool
            False for every undecided verdict.

        Examples
        --------
        >>> OrderVerdict(Outcome.ORDER, 1.1, 0.1, "").contradicts(2)
        True
        """
        p = _checks.real_number(declared, "declared")
        if self.outcome is Outcome.ORDER:
            return abs(self.order - p) > 2.0 * self.half_width
        return self.outcome is Outcome.AT_LEAST and p < self.order - self.half_width - _BOUND_MARGIN

    def confirms(self, declared: float) -> bool:
        """Return whether the interval contains the declared order, and no other multiple of 1/2.

        Parameters
        ----------
        declared : float
            The order that is claimed.

        Returns
        -------
        bool

        Examples
        --------
        >>> OrderVerdict(Outcome.ORDER, 1.9, 0.2, "").confirms(2)
        True
        """
        p = _checks.real_number(declared, "declared")
        if self.outcome is not Outcome.ORDER or abs(self.order - p) > self.half_width:
            return False
        others = [0.5 * k for k in range(-4, 41) if 0.5 * k != p]
        return all(abs(self.order - other) > self.half_width for other in others)

    def __str__(self) -> str:
        if self.outcome is Outcome.ORDER:
            return f"order {self.order:.2f} ± {self.half_width:.2f}"
        if self.outcome is Outcome.AT_LEAST:
            return f"order at least {self.order - self.half_width:.1f} ({self.reason})"
        return f"undecided: {self.reason}"


def judge_order(
    steps: Any,
    errors: Any,
    standard_errors: Any = None,
    *,
    floors: Any = None,
    covariance: Any = None,
    paths: Any = None,
    unit: float = 0.5,
) -> OrderVerdict:
    """Return what errors on nested grids say about the order of convergence.

    Parameters
    ----------
    steps : array of shape (points,)
        Strictly rising numbers of steps.
    errors : array of shape (points,)
        Signed errors (or norms).
    standard_errors : array of shape (points,), optional
        Of the errors; none means exact.
    floors : array of shape (points,), optional
        Round-off of each error.
    covariance : array of shape (points, points), optional
        Of the errors, instead of standard errors, where they are correlated.
    paths : int or array of int, optional
        Paths behind the standard errors (an array is added up): their number is what `more_paths` extrapolates.
    unit : {0.5, 1.0}
        What orders are multiples of: along a noisy path of 1/2, of expectations and without noise of 1. Slopes that
        rest between two are not yet asymptotic.

    Returns
    -------
    OrderVerdict

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit or a number is out of range. Ladders that are too short or too noisy are no error:
        they are undecided.

    Examples
    --------
    >>> n = np.array([40, 80, 160, 320, 640])
    >>> print(judge_order(n, 3.0 / n**2 + 20.0 / n**3))
    order 2.00 ± 0.03
    >>> print(judge_order(n, 3.0 / n**2 + 0.01))
    order 0.00 ± 0.05
    >>> print(judge_order(n[:3], 3.0 / n[:3] ** 2))
    undecided: 3 usable points of 3 (0 before a sign change, 0 in the noise), 4 needed

    References
    ----------
    Roache 1998 (Richardson check); Sidi 2003, Practical Extrapolation Methods (Aitken).
    """
    ladder = checked_ladder(steps, errors, standard_errors, floors, covariance)
    if unit not in _UNITS:
        msg = f"unit: expected one of {', '.join(map(str, _UNITS))}, got {unit!r}"
        raise ValueError(msg)
    total = 0 if paths is None else int(_checks.nonnegative_array(paths, "paths").sum())
    verdict = _without_convergence(ladder)
    if verdict is None and ladder.usable.sum() >= MIN_POINTS:
        verdict = _with_enough_points(ladder, total, unit)
    elif verdict is None:
        verdict = _with_too_few_points(ladder, total)
    if verdict.outcome is Outcome.UNDECIDED:
        bound, width = _lower_bound(ladder)
        if bound - width > SETTLED:
            return OrderVerdict(Outcome.AT_LEAST, bound, width, "the rest is round-off")
    return verdict


def _with_enough_points(ladder: Ladder, paths: int, unit: float) -> OrderVerdict:
    """Return the verdict on at least four usable points."""
    used = _near_asymptotic(ladder)
    if used.sum() < MIN_POINTS:
        return OrderVerdict(Outcome.UNDECIDED, np.nan, np.nan, _drifting(ladder.slopes[ladder.usable[1:]]))
    n, size, noise = ladder.steps[used], np.abs(ladder.errors[used]), ladder.log_covariance(used)
    order, half_width = _fit(n, size, noise)
    slopes, drift = _drift(n, size, noise)
    drift_width = max((abs(end - order) for end in drift), default=0.0)
    width = max(half_width, drift_width)
    if width < SETTLED and abs(order - unit * round(order / unit)) > _MISSED * width:
        rest = f"the slopes rest at {order:.2f} ± {width:.2f}, and orders are {_UNITS[unit]}"
        reason = f"needs finer grids, for {rest}"
        return OrderVerdict(Outcome.UNDECIDED, order, width, reason)
    if width < SETTLED:
        return OrderVerdict(Outcome.ORDER, order, width, f"{n.size} points from N = {n[0]:g} to {n[-1]:g}")
    if half_width < SETTLED:
        return OrderVerdict(Outcome.UNDECIDED, order, width, _drifting(slopes))
    if not ladder.covariance.any():
        return OrderVerdict(Outcome.UNDECIDED, order, width, "needs more points above the round-off")
    enough = next((f for f in _GAINS if _fit(n, size, noise / f)[1] < SETTLED), None)
    if enough is None:
        return OrderVerdict(Outcome.UNDECIDED, order, width, "needs more rungs")
    return _undecided_by_noise(order, width, enough, paths)


def _near_asymptotic(ladder: Ladder) -> np.ndarray:
    """Return the usable points without the coarsest, up to the last whose slope is far from the finest one's."""
    used = np.flatnonzero(ladder.usable)
    fall = np.log(np.abs(ladder.errors[used]))
    slopes = -np.diff(fall) / np.diff(np.log(ladder.steps[used]))
    unsure = _SIGMAS * ladder.slope_errors[used[:-1]]
    far = np.flatnonzero(np.abs(slopes - slopes[-1]) - np.where(np.isfinite(unsure), unsure, 0.0) > _FAR)
    return np.isin(np.arange(ladder.steps.size), used[far[-1] + 1 :] if far.size else used)


def _drifting(slopes: np.ndarray) -> str:
    """Return what is missing where slopes drift."""
    return f"needs finer grids, for the local slopes drift ({', '.join(f'{slope:.2f}' for slope in slopes)})"


def _fit(n: np.ndarray, size: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """Return the order and the half-width of its interval under the model of the module's first lines."""
    powers = np.arange(1, n.size - 1)
    corrections = (n[0] / n[:, None]) ** powers / powers
    spread = np.linalg.cholesky(noise + _RESOLUTION**2 * np.eye(n.size))
    design = np.hstack([np.ones((n.size, 1)), -np.log(n / n[-1])[:, None], corrections])
    prior = np.hstack([np.zeros((powers.size, 2)), np.eye(powers.size)])
    q, r = np.linalg.qr(np.vstack([np.linalg.solve(spread, design), prior]))
    inverse = np.linalg.inv(r)
    target = np.append(np.linalg.solve(spread, np.log(size)), np.zeros(powers.size))
    return float((inverse @ (q.T @ target))[1]), _SIGMAS * float(np.linalg.norm(inverse[1]))


def _drift(n: np.ndarray, size: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return the local slopes, and the ends of the interval they tend to; no ends if noise hides their bend."""
    slope_of = -np.diff(np.eye(n.size), axis=0) / np.diff(np.log(n))[:, None]
    bend_of = np.diff(slope_of, axis=0)[-2:]
    slopes, (before, bend) = slope_of @ np.log(size), bend_of @ np.log(size)
    unsure = np.sqrt(np.maximum(np.diag(bend_of @ noise @ bend_of.T), 0.0) + _RESOLUTION**2)
    sure_before, sure = np.maximum(np.abs([before, bend]) - _CLEAR * unsure, 0.0)
    if sure == sure_before == 0.0:
        return slopes, ()
    ratio = min(sure / (abs(before) + unsure[0]), _SLOWEST)
    slower = max(ratio, 0.5)  # no faster than a correction of 1/N
    limit = slopes[-1] + (np.sign(bend) * sure * ratio / (1.0 - ratio) if ratio < _SLOWEST else 0.0)
    reach = _DRIFT_SAFETY * max(sure, 0.25 * sure_before) * slower / (1.0 - slower)
    return slopes, (float(limit - reach), float(limit + reach))


def _without_convergence(ladder: Ladder) -> OrderVerdict | None:
    """Return the verdict on errors that do not tend to 0: flat or growing over two stretches; None otherwise.

    One flat stretch is enough where the differences of the errors keep falling with one order.
    """
    if ladder.steps.size < MIN_POINTS or not ladder.usable[-3:].all():
        return None
    slopes, unsure = ladder.slopes, _SIGMAS * ladder.slope_errors
    last, flat = float(slopes[-1]), slopes + unsure < SETTLED
    width = max(float(unsure[-1]), 0.2 * SETTLED)
    if flat[-2:].all() and ladder.steps[-1] >= 4.0 * ladder.steps[-3]:
        width += 0.25 * float(abs(slopes[-1] - slopes[-2]))
        return OrderVerdict(Outcome.ORDER, last, width, "the error stays or grows")
    orders = differences_orders(ladder.steps, ladder.errors)[-2:]
    if flat[-1] and orders[-1] > SETTLED and abs(orders[-1] - orders[0]) < SETTLED:
        reason = f"the error stays, for its differences fall with order {orders[-1]:.1f} to another limit than 0"
        return OrderVerdict(Outcome.ORDER, 0.0, max(width, abs(last)), reason)
    return None


def _with_too_few_points(ladder: Ladder, paths: int) -> OrderVerdict:
    """Return the verdict where fewer than four points can be used."""
    used = np.flatnonzero(ladder.usable)
    needed = used[0] + MIN_POINTS - 1 if used.size else MIN_POINTS - 1
    if ladder.count(Regime.NOISE) and needed < ladder.steps.size:
        slope = float(ladder.slopes[used[-1] - 1]) if used.size > 1 else np.nan
        fall = slope if np.isfinite(slope) else 0.0
        known = used[-1] if used.size else 0
        expected = np.abs(ladder.errors[known]) * (ladder.steps[known] / ladder.steps[needed]) ** fall
        gain = (_SIGNAL**2) * ladder.covariance[needed, needed] / max(float(expected), np.finfo(float).tiny) ** 2
        return _undecided_by_noise(np.nan, np.nan, gain, paths)
    reason = f"{used.size} usable points of {shortage(ladder, ladder.usable).split(' of ', 1)[1]}, {MIN_POINTS} needed"
    return OrderVerdict(Outcome.UNDECIDED, np.nan, np.nan, reason)


def _lower_bound(ladder: Ladder) -> tuple[float, float]:
    """Return a rate at which the error fell over two stretches before it met its round-off, and its uncertainty."""
    used = np.flatnonzero(ladder.usable)
    if used.size < 2 or used[-1] + 1 >= ladder.steps.size or ladder.regimes[used[-1] + 1] is not Regime.ROUND_OFF:
        return 0.0, 0.0
    slopes, unsure = ladder.slopes[used[:-1]], _SIGMAS * ladder.slope_errors[used[:-1]]
    if slopes.size < 2 or not -0.8 * SETTLED <= slopes[-1] - slopes[-2] <= 0.2 * SETTLED:
        return 0.0, 0.0  # slopes that rise may lead through 0 rather than to round-off
    end = used[-1] + 1
    below = (FLOOR_FACTOR + 1.0) * ladder.floors[end]
    fall = np.log(np.abs(ladder.errors[end - 1]) / below) / np.log(ladder.steps[end] / ladder.steps[end - 1])
    width = float(unsure[-2:].max() + np.ptp(slopes[-2:]))
    bound = max(min(float(slopes[-1]), float(fall)), float(slopes[-2:].min()))
    return bound, width


def _undecided_by_noise(order: float, half_width: float, gain: float, paths: int) -> OrderVerdict:
    """Return that the paths must be multiplied by a factor."""
    more = math.ceil(paths * max(gain - 1.0, 0.0))
    reason = f"needs {more} more paths" if more else "needs more rungs"
    return OrderVerdict(Outcome.UNDECIDED, order, half_width, reason, more)
