r"""The Brownian path in the clock :math:`V(\lambda) = \lambda^2/\varphi^2`, which couples all grids exactly.

In :math:`u = Y/\varphi` the noise of the ER-SDE is a Brownian motion run in V. A path is two standard normals per
interval of the finest levels, Z of its increment and R of what its area has besides. The increment of any coarser
step is a weighted sum of those inside it, :math:`\sum_j \sqrt{\Delta V_j/\Delta V}\,Z_j`; so is its area
:math:`J = \int (A_t - A)\,dB = \sum_j J_j + (A_t - A_{j+1})\,dB_j`, with :math:`A = 1/\varphi` (``math.md``
sections 3 and 7).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.clock import step_clock
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.random_numbers import AREA_NOISE, STEP_NOISE, checked_seed, standard_normal
from ersde_theory.tableau import Draw
from ersde_theory.time_grid import TimeGrid


class BrownianPath:
    r"""A Brownian path in the clock of phi, resolved on the levels of a fine grid.

    Two degenerate clocks are defined by their limits. Where :math:`\Delta V = 0` (phi = x) the weights are those
    of :math:`\varphi = x^{1+\epsilon}`, shares of :math:`\ln\lambda`. Where V runs out to infinity at
    :math:`\lambda = 0`, the last interval carries all.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi, admissible on the grid.
    grid : TimeGrid
        The finest levels. Steps of a tableau must begin and end on them.
    seed : int
        In [0, 2^64). Interval j of the fine grid has draw j of this seed, of its steps' and its areas' stream.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> fine = TimeGrid([4.0, 2.0, 1.0])
    >>> path = BrownianPath(NoiseScale.reverse_sde(), fine, seed=1)
    >>> weights = path.weights(Draw(4.0, 1.0))[1]
    >>> bool(np.isclose((weights**2).sum(), 1.0))
    True
    """

    def __init__(self, noise_scale: NoiseScale, grid: TimeGrid, seed: int) -> None:
        self.noise_scale = _checks.instance(noise_scale, "noise_scale", NoiseScale)
        self.grid = _checks.instance(grid, "grid", TimeGrid)
        self.seed = checked_seed(seed)
        noise_scale.check_admissible(grid.levels)
        self._index = {float(level): j for j, level in enumerate(grid.levels)}

    def __repr__(self) -> str:
        return f"BrownianPath({self.noise_scale.name}, {self.grid}, seed={self.seed})"

    def combination(self, draw: Draw) -> tuple[int, np.ndarray]:
        r"""Return the first fine interval of a draw, and what of each interval's two normals it is made of.

        Parameters
        ----------
        draw : Draw
            An increment or an area between two levels of the fine grid; an area between finite levels > 0.

        Returns
        -------
        first : int
            Index of the first fine interval.
        weights : float64 array of shape (intervals, 2)
            The draw is :math:`\sum_j w_{j0} Z_j + w_{j1} R_j`; the sum of squares is 1. Increments have
            :math:`w_{j1} = 0`.

        Raises
        ------
        ValueError
            If the draw is independent of the path, its levels are not on the grid, or an area's are 0 or inf.

        Examples
        --------
        >>> path = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0]), seed=1)
        >>> increment, area = (path.combination(Draw(4.0, 1.0, kind))[1] for kind in ("increment", "area"))
        >>> round(float((increment * area).sum()) ** 2, 12)  # their correlation is sqrt(3)/2 for phi = x^2
        0.75
        """
        _checks.instance(draw, "draw", Draw)
        if draw.kind == "independent":
            msg = "draw: expected an increment or an area of the path, got kind 'independent'"
            raise ValueError(msg)
        first, last = self._interval(draw)
        levels = self.grid.levels[first : last + 1]
        root = np.sqrt(_shares(self.noise_scale, levels))
        if draw.kind == "increment":
            return first, np.column_stack([root, np.zeros_like(root)])
        if np.isinf(levels[0]) or levels[-1] == 0.0:
            msg = f"draw: expected an area between finite levels > 0, got one from {levels[0]:g} to {levels[-1]:g}"
            raise ValueError(msg)
        lever, spread = self._levers[:, first:last]
        beyond = self.noise_scale.fei(levels[1:], levels[-1])  # A_t - A_(j+1), with phi = 1 at the end
        weights = root[:, None] * np.column_stack([beyond + (1.0 - beyond) * lever, (1.0 - beyond) * spread])
        return first, weights / np.sqrt((weights**2).sum())

    @cached_property
    def _levers(self) -> np.ndarray:
        """Mean and spread of the lever over each fine interval, (2, intervals); 0 at levels 0 and inf."""
        high, low = self.grid.levels[:-1], self.grid.levels[1:]
        inner = np.isfinite(high) & (low > 0.0)
        levers = np.zeros((2, self.grid.n_steps))
        if inner.any():
            levers[:, inner] = step_clock(self.noise_scale, high[inner], low[inner])[1:]
        return levers

    def weights(self, draw: Draw) -> tuple[int, np.ndarray]:
        r"""Return the first fine interval of a draw, and the weights of its intervals.

        Parameters
        ----------
        draw : Draw
            An increment between two levels of the fine grid.

        Returns
        -------
        first : int
            Index of the first fine interval.
        weights : float64 array of shape (intervals,)
            :math:`\sqrt{\Delta V_j/\Delta V}`; the sum of squares is 1.

        Raises
        ------
        ValueError
            If the draw is no increment, or its levels are not on the grid, which is said with the nearest.

        Examples
        --------
        >>> path = BrownianPath(NoiseScale.ode(), TimeGrid([4.0, 2.0, 1.0]), seed=1)
        >>> [round(float(w) ** 2, 12) for w in path.weights(Draw(4.0, 1.0))[1]]
        [0.5, 0.5]
        """
        _checks.instance(draw, "draw", Draw)
        if draw.kind != "increment":
            msg = f"draw: expected an increment of the path, got kind {draw.kind!r}"
            raise ValueError(msg)
        first, combined = self.combination(draw)
        return first, combined[:, 0]

    def normals(self, draw: Draw, row_shape: tuple[int, ...], first_row: int, last_row: int) -> np.ndarray:
        """Return the standard normal of a step of any coarser grid, for some rows.

        Parameters
        ----------
        draw : Draw
            An increment or an area between two levels of the fine grid.
        row_shape : tuple of int
            Shape of one row.
        first_row, last_row : int
            Rows wanted.

        Returns
        -------
        float64 array of shape ``(last_row - first_row, *row_shape)``

        Raises
        ------
        ValueError
            As :meth:`combination`.

        Examples
        --------
        >>> path = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0]), seed=1)
        >>> path.normals(Draw(4.0, 1.0), (2,), 0, 5).shape
        (5, 2)
        """
        first, weights = self.combination(draw)
        total = np.zeros((last_row - first_row, *row_shape))
        for j, pair in enumerate(weights, start=first):
            for weight, stream in zip(pair, (STEP_NOISE, AREA_NOISE), strict=True):
                if weight != 0.0:
                    total += weight * standard_normal(self.seed, j, row_shape, first_row, last_row, stream)
        return total

    def _interval(self, draw: Draw) -> tuple[int, int]:
        """Return the fine levels' indices at which a draw begins and ends."""
        first, last = self._position(draw.level_from), self._position(draw.level_to)
        if first >= last:
            msg = f"draw: expected a step down, got one from {draw.level_from:g} to {draw.level_to:g}"
            raise ValueError(msg)
        return first, last

    def _position(self, level: float) -> int:
        """Return the index of a level on the fine grid."""
        if level not in self._index:
            nearest = self.grid.levels[int(np.argmin(np.abs(self.grid.levels - level)))]
            msg = f"draw: expected a level of the path's grid, got {level!r}; the nearest is {float(nearest)!r}"
            raise ValueError(msg)
        return self._index[level]


def _shares(noise_scale: NoiseScale, levels: np.ndarray) -> np.ndarray:
    r"""Return :math:`\Delta V_j/\Delta V` of the intervals between decreasing levels; they sum to 1."""
    high, low, end = levels[:-1], levels[1:], levels[-1]
    inside = noise_scale.log_excess_difference(high, low)  # S(high) - S(low) of each interval
    below = noise_scale.log_excess_difference(low, np.full_like(low, end))  # S(low) - S(end)
    if not (inside > 0.0).any():
        return _log_shares(high, low)
    with np.errstate(over="ignore"):
        share = np.exp(-2.0 * below) * -np.expm1(-2.0 * inside)
    return np.asarray(share / share.sum())


def _log_shares(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return shares of the logarithmic step; an interval from infinity or to 0 carries all."""
    endless = np.isinf(high) | (low == 0.0)
    if endless.any():
        return endless / endless.sum()
    step = log_ratio(high, low)
    return np.asarray(step / step.sum())
