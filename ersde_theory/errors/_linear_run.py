"""A tableau and the exact solution on one Brownian path, on Gaussian data: both are linear in the same normals."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.tableau import Tableau

Combined = tuple[np.ndarray, np.ndarray]  # columns and coefficients
_FIXED, _PER_INTERVAL = 2, 3  # the start's normal and the constant 1; Z, R and W of each interval


@dataclass(frozen=True)
class StepTransition:
    r"""The exact solution over the steps of a grid, :math:`X_t = A X_s + \eta Z + \theta R + \zeta W` about the mean.

    Z is the standardised increment of the Brownian path over the step, R what its standardised area
    :math:`J = \int (A_t - A)\,dB` has besides: :math:`J \sim \rho Z + \sqrt{1-\rho^2}\,R`.

    Attributes
    ----------
    factor : float64 array of shape (N,)
        A.
    seen : float64 array of shape (N,)
        eta, the coefficient of Z.
    unseen : float64 array of shape (N,)
        zeta, the coefficient of all else that the path does inside the step.
    seen_area : float64 array of shape (N,), optional
        theta, the coefficient of R; left out, R counts as a part of W.

    Examples
    --------
    >>> StepTransition(np.ones(1), np.zeros(1), np.zeros(1)).factor.shape
    (1,)
    """

    factor: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray
    seen_area: np.ndarray | None = None


class LinearRun:
    """The states of a tableau, and the exact solution at its nodes, as vectors over the same normals.

    A vector has the coefficients of the start's normal, of 1, and of Z, R and W of each interval; all states are
    deviations from the data's mean.
    """

    def __init__(
        self,
        tab: Tableau,
        variance: float,
        transition: StepTransition,
        mean: float,
        start_mean: float | None,
        path: BrownianPath | None,
    ) -> None:
        """Check the arguments, and stand at the start."""
        _checks.instance(tab, "tab", Tableau)
        v = _checks.nonnegative_number(variance, "variance")
        self.mean = _checks.real_number(mean, "mean")
        if (tab.alpha != 1.0).any():
            msg = "tab: expected a tableau in y (alpha = 1), got another alpha"
            raise ValueError(msg)
        self.tab = tab
        self.node_rows = _node_rows(tab)
        nodes = tab.sigma[self.node_rows]
        levels = nodes if path is None else _checks.instance(path, "path", BrownianPath).grid.levels
        self.interval = _positions(nodes, levels)
        n = levels.size - 1
        self.factor, self.noise = _checked_transition(transition, n)
        self.draws = _draws_of_intervals(tab, levels) if path is None else _draws_of_path(tab, path)
        self.gain = v / (v + tab.sigma**2) if v > 0.0 else np.zeros(tab.n_rows)
        self.exact = np.zeros(_FIXED + _PER_INTERVAL * n)
        self.exact[0] = (v + tab.sigma[0] ** 2) ** 0.5
        if start_mean is not None:
            self.exact[1] = _checks.real_number(start_mean, "start_mean") - self.mean
        self._values: dict[int, np.ndarray] = {}
        self._last_use = _last_use(tab)

    def row(self, r: int, state: np.ndarray) -> np.ndarray:
        """Return the state of row r >= 1 from that of the row before."""
        tab = self.tab
        new = tab.previous[r] * state
        new[1] += (tab.previous[r] + tab.data[r].sum() - 1.0) * self.mean
        for column, weight in zip(tab.data_columns[r], tab.data[r], strict=True):
            if column >= 0:
                new += weight * self._values[int(column)]
        for column in tab.data_columns[r]:
            if column >= 0 and self._last_use[column] == r:
                self._values.pop(int(column), None)
        for column, weight in zip(tab.noise_columns[r], tab.noise[r], strict=True):
            if column >= 0 and weight != 0.0:
                index, weights = self.draws[int(column)]
                new[index] += weight * weights
        return new

    def evaluate(self, r: int, state: np.ndarray) -> None:
        """Keep the evaluation that row r feeds, if any, at a state."""
        k = int(self.tab.evaluation[r])
        if k >= 0 and self._last_use[k] > r:
            self._values[k] = self.gain[r] * state

    def advance(self, node: int) -> None:
        """Move the exact solution from the node before to this one."""
        new = self.exact
        for j in range(self.interval[node - 1], self.interval[node]):
            new = self.factor[j] * new
            first = _FIXED + _PER_INTERVAL * j
            new[first : first + _PER_INTERVAL] = self.noise[j]
        self.exact = new

    def before(self, node: int) -> slice:
        """Return the columns of what is known at a node."""
        return slice(0, _FIXED + _PER_INTERVAL * int(self.interval[node]))


def _node_rows(tab: Tableau) -> np.ndarray:
    """Return the row of each node, the last of those that share it."""
    rows = np.flatnonzero(tab.node >= 0)
    rows = rows[np.append(np.diff(tab.node[rows]) > 0, True)]
    if not np.array_equal(tab.node[rows], np.arange(rows.size)) or rows.size < 2:
        msg = f"tab: expected a row for each node 0, 1, 2 ..., got nodes {tab.node[rows].tolist()[:20]}"
        raise ValueError(msg)
    return rows


def _positions(nodes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the index of each node's level among the levels of the path."""
    index = {float(level): j for j, level in enumerate(levels)}
    missing = [float(level) for level in nodes if float(level) not in index]
    if missing:
        msg = f"path: expected a grid with every node's level, got one without {missing[0]!r}"
        raise ValueError(msg)
    position = np.array([index[float(level)] for level in nodes])
    if (np.diff(position) <= 0).any():
        msg = "tab: expected levels that fall from node to node, got others"
        raise ValueError(msg)
    return position


def _checked_transition(transition: StepTransition, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return A, (n,), and the coefficients of Z, R and W, (n, 3), if they are finite numbers for n intervals."""
    _checks.instance(transition, "transition", StepTransition)
    parts = {}
    for name in ("factor", "seen", "seen_area", "unseen"):
        given = getattr(transition, name)
        parts[name] = np.zeros(n) if given is None and name == "seen_area" else np.asarray(given, dtype=float)
        if parts[name].shape != (n,):
            msg = f"transition.{name}: expected shape ({n},), got {parts[name].shape}"
            raise ValueError(msg)
        if not np.isfinite(parts[name]).all():
            msg = f"transition.{name}: expected finite numbers, got nan or inf"
            raise ValueError(msg)
    return parts["factor"], np.column_stack([parts[name] for name in ("seen", "seen_area", "unseen")])


def _last_use(tab: Tableau) -> np.ndarray:
    """Return the last row that uses each evaluation."""
    last = np.zeros(tab.n_evaluations, dtype=int)
    used = tab.data_columns >= 0
    np.maximum.at(last, tab.data_columns[used], np.nonzero(used)[0])
    return last


def _draws_of_path(tab: Tableau, path: BrownianPath) -> dict[int, Combined]:
    """Return each draw that has a weight as what a path on a finer grid makes of it."""
    return {m: _columns(*path.combination(tab.draws[m])) for m in _weighted(tab)}


def _draws_of_intervals(tab: Tableau, levels: np.ndarray) -> dict[int, Combined]:
    """Return each draw that has a weight as Z and R of its step, areas by the correlation that the tableau states."""
    step = {pair: j for j, pair in enumerate(itertools.pairwise(levels.tolist()))}
    correlation = {}
    for (i, j), value in tab.draw_covariance.items():
        for area, other in ((i, j), (j, i)):
            if replace(tab.draws[area], kind="increment") == tab.draws[other]:
                correlation[area] = value
    combined = {}
    for m in _weighted(tab):
        draw = tab.draws[m]
        first = step.get((draw.level_from, draw.level_to))
        if draw.kind == "independent" or first is None:
            msg = f"tab: expected draws of the Brownian path over one grid step each (or a path), got {draw}"
            raise ValueError(msg)
        if draw.kind == "area" and m not in correlation:
            msg = f"tab: expected a covariance of each area with its step's increment (or a path), got none for {draw}"
            raise ValueError(msg)
        rho = correlation[m] if draw.kind == "area" else 1.0
        combined[m] = _columns(first, np.array([[rho, np.sqrt(1.0 - rho**2)]]))
    return combined


def _weighted(tab: Tableau) -> list[int]:
    """Return the draws that have a weight other than 0."""
    return np.unique(tab.noise_columns[tab.noise != 0.0]).tolist()


def _columns(first: int, weights: np.ndarray) -> Combined:
    """Return the columns of Z and R of the intervals from `first` on, and their coefficients."""
    columns = _FIXED + _PER_INTERVAL * (first + np.arange(len(weights)))[:, None] + np.arange(2)
    return columns.ravel(), weights.ravel()
