"""Time grids: strictly decreasing noise levels, with the parameter that generated them.

A grid of N steps has N + 1 levels. The first may be infinite (a start at alpha = 0), the last may be 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.forward_process import ForwardProcess

GRADED_LEVELS = 24
_LevelAt = Callable[[np.ndarray], np.ndarray]


class TimeGrid:
    r"""Strictly decreasing noise levels :math:`\lambda_0 > \lambda_1 > \dots > \lambda_N \ge 0`.

    Parameters
    ----------
    levels : array of shape (n_steps + 1,)
        At least two; the first may be inf, the last may be 0. Stored as read-only float64.

    Raises
    ------
    TypeError
        If the levels are not real numbers.
    ValueError
        If they do not fall strictly, or one is negative, nan or misplaced.

    Examples
    --------
    >>> TimeGrid([4.0, 1.0, 0.25]).refine(2).levels.tolist()
    [4.0, 2.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, levels: Any) -> None:
        self._levels = _checked_levels(levels)
        self._level_at: _LevelAt | None = None

    @property
    def levels(self) -> np.ndarray:
        """Noise levels, shape (n_steps + 1,), read-only float64."""
        return self._levels

    @property
    def n_steps(self) -> int:
        """Number of steps N."""
        return len(self._levels) - 1

    @property
    def ends_at_zero(self) -> bool:
        """Whether the last level is 0."""
        return bool(self._levels[-1] == 0.0)

    def __repr__(self) -> str:
        return f"TimeGrid({self.n_steps} steps from {self._levels[0]:g} to {self._levels[-1]:g})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeGrid) and np.array_equal(self._levels, other._levels)

    def __hash__(self) -> int:
        return hash(self._levels.tobytes())

    @classmethod
    def karras(
        cls,
        n_steps: int,
        lam_max: float,
        lam_min: float,
        rho: float = 7.0,
        *,
        final_zero: bool = False,
    ) -> TimeGrid:
        r"""Return levels uniform in :math:`\lambda^{1/\rho}`.

        Parameters
        ----------
        n_steps : int
            Steps from lam_max to lam_min; n_steps + 1 levels, no 0 unless `final_zero`.
        lam_max, lam_min : float
            First and last level, lam_max > lam_min > 0.
        rho : float
            > 0; 7 in EDM.
        final_zero : bool
            Append a level 0, one step more.

        Returns
        -------
        TimeGrid

        Raises
        ------
        ValueError
            If the numbers are out of range.

        Examples
        --------
        >>> TimeGrid.karras(2, 9.0, 1.0, rho=2.0).levels.tolist()
        [9.0, 4.0, 1.0]

        References
        ----------
        Karras et al. 2022, equation 5.
        """
        power = _checks.positive_number(rho, "rho")
        n, high, low = _range(n_steps, lam_max, lam_min)
        return cls._from_powers(n, high, low, lambda a: a ** (1.0 / power), lambda a: a**power, final_zero)

    @classmethod
    def uniform_in_log(cls, n_steps: int, lam_max: float, lam_min: float, *, final_zero: bool = False) -> TimeGrid:
        r"""Return levels uniform in :math:`\ln\lambda`.

        Parameters
        ----------
        n_steps : int
            Steps from lam_max to lam_min.
        lam_max, lam_min : float
            First and last level, lam_max > lam_min > 0.
        final_zero : bool
            Append a level 0, one step more.

        Returns
        -------
        TimeGrid

        Raises
        ------
        ValueError
            If the numbers are out of range.

        Examples
        --------
        >>> TimeGrid.uniform_in_log(2, 4.0, 1.0).levels.tolist()
        [4.0, 2.0, 1.0]
        """
        n, high, low = _range(n_steps, lam_max, lam_min)
        return cls._from_powers(n, high, low, np.log, np.exp, final_zero)

    @classmethod
    def uniform_in_time(
        cls,
        process: ForwardProcess,
        n_steps: int,
        t_start: float,
        t_end: float,
        *,
        final_zero: bool = False,
    ) -> TimeGrid:
        """Return levels uniform in the time t of a forward process.

        Parameters
        ----------
        process : ForwardProcess
            Gives the noise level at t.
        n_steps : int
            Steps from t_start to t_end.
        t_start, t_end : float
            t_start > t_end, in the range of the process. A start at alpha = 0 gives a first level inf.
        final_zero : bool
            Append a level 0, one step more.

        Returns
        -------
        TimeGrid

        Raises
        ------
        ValueError
            If the times are out of range or not falling.

        Examples
        --------
        >>> TimeGrid.uniform_in_time(ForwardProcess.rectified_flow(), 2, 1.0, 0.5).levels.tolist()
        [inf, 3.0, 1.0]
        """
        _checks.instance(process, "process", ForwardProcess)
        n = _checks.integer(n_steps, "n_steps", minimum=1)
        start, end = _checks.real_number(t_start, "t_start"), _checks.real_number(t_end, "t_end")
        if start <= end:
            msg = f"t_start: expected a time above t_end = {end}, got {start}"
            raise ValueError(msg)

        def level_at(s: np.ndarray) -> np.ndarray:
            return process.noise_level(((n - s) * start + s * end) / n)

        return cls._generated(n, level_at, {}, final_zero)

    def refine(self, factor: int) -> TimeGrid:
        r"""Return the grid with every interval split into `factor`, the old levels kept bit for bit.

        The split is uniform in the parameter that generated the grid; for a list of levels, in
        :math:`\ln\lambda` (an interval from infinity: in :math:`1/\lambda`). An interval to 0 stays whole.

        Parameters
        ----------
        factor : int
            >= 1.

        Returns
        -------
        TimeGrid

        Raises
        ------
        TypeError, ValueError
            If the factor is not an integer >= 1.

        Examples
        --------
        >>> TimeGrid([4.0, 1.0, 0.0]).refine(2).levels.tolist()
        [4.0, 2.0, 1.0, 0.0]
        """
        k = _checks.integer(factor, "factor", minimum=1)
        coarse = self._levels
        n_split = self.n_steps - int(self.ends_at_zero)
        level_at = self._level_at or _between(coarse)
        position = np.arange(n_split)[:, None] + np.arange(k) / k
        fine = np.asarray(level_at(position), dtype=np.float64)
        fine[:, 0] = coarse[:n_split]
        refined = TimeGrid(np.concatenate([fine.ravel(), coarse[n_split:]]))
        refined._level_at = lambda s: level_at(np.asarray(s) / k)
        return refined

    def with_graded_start(self) -> TimeGrid:
        r"""Return the grid with levels that crowd geometrically towards the first one.

        24 extra levels :math:`\lambda_0-(\lambda_0-\lambda_1)2^{-j}` make the first steps of a multistep method, which
        have low order, so short that they do not hide its order. A tool for measuring orders: N + 24 steps.

        Returns
        -------
        TimeGrid

        Raises
        ------
        ValueError
            If the first level is infinite.

        Examples
        --------
        >>> TimeGrid([4.0, 2.0, 1.0]).with_graded_start().levels[-3:].tolist()
        [3.0, 2.0, 1.0]

        References
        ----------
        ``math.md`` section 6.
        """
        first, second = self.levels[:2]
        if np.isinf(first):
            msg = "grid: expected a finite first level for a graded start, got inf"
            raise ValueError(msg)
        extra = first - (first - second) * 2.0 ** -np.arange(GRADED_LEVELS, 0, -1)
        return TimeGrid(np.concatenate([[first], extra, self.levels[1:]]))

    @classmethod
    def _from_powers(cls, n: int, high: float, low: float, forward: Any, backward: Any, final_zero: bool) -> TimeGrid:
        """Return the grid uniform in `forward` of the level, with its ends exact."""
        a, b = forward(high), forward(low)

        def level_at(s: np.ndarray) -> np.ndarray:
            return np.asarray(backward(((n - s) * a + s * b) / n))

        return cls._generated(n, level_at, {0: high, n: low}, final_zero)

    @classmethod
    def _generated(cls, n: int, level_at: _LevelAt, exact: dict[int, float], final_zero: bool) -> TimeGrid:
        levels = np.array(level_at(np.arange(n + 1.0)), dtype=np.float64)
        for index, level in exact.items():
            levels[index] = level
        if final_zero and levels[-1] > 0.0:
            levels = np.append(levels, 0.0)
        grid = cls(levels)
        grid._level_at = level_at
        return grid


def _between(levels: np.ndarray) -> _LevelAt:
    """Return the interpolation of listed levels: geometric, harmonic on an interval from infinity."""

    def level_at(s: np.ndarray) -> np.ndarray:
        index = np.minimum(np.floor(s).astype(int), len(levels) - 2)
        share = s - index
        high, low = levels[index], levels[index + 1]
        finite = np.isfinite(high)
        safe_low = np.where(low > 0.0, low, 1.0)
        ratio = np.where(finite, high, 1.0) / safe_low
        geometric = safe_low * ratio ** (1.0 - share)
        harmonic = safe_low / np.where(share > 0.0, share, 1.0)
        return np.where(finite, geometric, np.where(share > 0.0, harmonic, math.inf))

    return level_at


def _range(n_steps: int, lam_max: float, lam_min: float) -> tuple[int, float, float]:
    """Return the checked arguments of a grid between two positive levels."""
    n = _checks.integer(n_steps, "n_steps", minimum=1)
    high = _checks.positive_number(lam_max, "lam_max")
    low = _checks.positive_number(lam_min, "lam_min")
    if high <= low:
        msg = f"lam_max: expected a level above lam_min = {low}, got {high}"
        raise ValueError(msg)
    return n, high, low


def _checked_levels(levels: Any) -> np.ndarray:
    """Return read-only float64 levels, or say which one is out of place."""
    array = np.array(_checks.float64_array(levels, "levels", ndim=1))
    if array.size < 2:
        msg = f"levels: expected at least 2, got {array.size}"
        raise ValueError(msg)
    if (array < 0.0).any():
        msg = f"levels: expected numbers >= 0, got {array.min()} at index {int(array.argmin())}"
        raise ValueError(msg)
    for kind, place in ((array == 0.0, array.size - 1), (np.isinf(array), 0)):
        wrong = np.flatnonzero(kind)
        wrong = wrong[wrong != place]
        if wrong.size:
            where = "the last place" if place else "the first place"
            msg = f"levels: expected {array[wrong[0]]:g} in {where} only, got it at index {int(wrong[0])}"
            raise ValueError(msg)
    rises = np.flatnonzero(array[1:] >= array[:-1])
    if rises.size:
        j = int(rises[0])
        msg = f"levels: expected strictly decreasing levels, got {array[j]:g} then {array[j + 1]:g} at index {j + 1}"
        raise ValueError(msg)
    array.flags.writeable = False
    return array
