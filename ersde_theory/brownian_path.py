r"""The Brownian path in the clock :math:`V(\lambda) = \lambda^2/\varphi^2`, which couples all grids exactly.

In :math:`u = Y/\varphi` the noise of the ER-SDE is a Brownian motion run in V. A path is a standard normal per
interval of the finest levels; the draw of any coarser step is a weighted sum of those inside it,
:math:`Z = \sum_j \sqrt{\Delta V_j/\Delta V}\,Z_j` (``math.md`` section 3).
"""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.random_numbers import checked_seed, standard_normal
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
        In [0, 2^64). Interval j of the fine grid is draw j of this seed.

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
        first, last = self._position(draw.level_from), self._position(draw.level_to)
        if first >= last:
            msg = f"draw: expected a step down, got one from {draw.level_from:g} to {draw.level_to:g}"
            raise ValueError(msg)
        levels = self.grid.levels[first : last + 1]
        return first, np.sqrt(_shares(self.noise_scale, levels))

    def normals(self, draw: Draw, row_shape: tuple[int, ...], first_row: int, last_row: int) -> np.ndarray:
        """Return the standard normal of a step of any coarser grid, for some rows.

        Parameters
        ----------
        draw : Draw
            An increment between two levels of the fine grid.
        row_shape : tuple of int
            Shape of one row.
        first_row, last_row : int
            Rows wanted.

        Returns
        -------
        float64 array of shape (last_row - first_row, *row_shape)

        Raises
        ------
        ValueError
            As :meth:`weights`.

        Examples
        --------
        >>> path = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0]), seed=1)
        >>> path.normals(Draw(4.0, 1.0), (2,), 0, 5).shape
        (5, 2)
        """
        first, weights = self.weights(draw)
        total = np.zeros((last_row - first_row, *row_shape))
        for j, weight in enumerate(weights):
            if weight != 0.0:
                total += weight * standard_normal(self.seed, first + j, row_shape, first_row, last_row)
        return total

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
