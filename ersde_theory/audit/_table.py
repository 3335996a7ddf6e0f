"""From the rows that a run with unit vectors shows to a Tableau."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ersde_theory._tableau_structure import banded, coefficient_of_previous
from ersde_theory.audit._run import Evaluation, Meaning
from ersde_theory.tableau import DenseTableau, Draw, Tableau

_SAME_LEVEL = 1e-6
_COARSE = 2.0**-20  # above it, half precision
_ROUNDOFF = 64.0
_HALF_ROUNDOFF = 2.0  # in half precision 64 roundings are no longer small


@dataclass(frozen=True)
class Rows:
    """Visible states of a sampler: the start, every evaluated state, the final one.

    `table` has shape (rows, 1 + evaluations + draws); `evaluation` is the evaluation that a row feeds, or -1.
    """

    alpha: np.ndarray
    sigma: np.ndarray
    table: np.ndarray
    evaluation: np.ndarray

    @property
    def level(self) -> np.ndarray:
        """Noise level of each row."""
        zero = self.alpha == 0.0
        return np.where(zero, np.inf, self.sigma / np.where(zero, 1.0, self.alpha))

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations."""
        return int(self.evaluation.max()) + 1


def visible_rows(
    evaluations: Sequence[Evaluation], final: np.ndarray, nodes: Sequence[tuple[float, float]], eps: float
) -> Rows:
    """Return the rows of a run with unit vectors; the first evaluation shares row 0 if it is of the start itself.

    That is, if neither the state has been touched nor the level moved; half precision rounds the level itself, and
    a level of infinity can only be the start's.
    """
    width = final.size
    start = np.zeros(width)
    start[0] = 1.0
    alpha, sigma, table, fed = [nodes[0][0]], [nodes[0][1]], [start], [-1]
    for k, evaluation in enumerate(evaluations):
        state = evaluation.state.reshape(-1)
        unmoved = evaluation.alpha == 0.0 or eps > _COARSE or _same(evaluation.level, _level(*nodes[0]))
        if k == 0 and unmoved and np.array_equal(state, start):
            alpha[0], sigma[0], fed[0] = evaluation.alpha, evaluation.sigma, 0
            continue
        alpha.append(evaluation.alpha)
        sigma.append(evaluation.sigma)
        table.append(state)
        fed.append(k)
    alpha.append(nodes[-1][0])
    sigma.append(nodes[-1][1])
    table.append(final.reshape(-1))
    fed.append(-1)
    return Rows(np.array(alpha), np.array(sigma), np.array(table), np.array(fed))


def as_seen(tab: Tableau) -> Tableau:
    """Return a tableau of at most 512 steps as it shows itself from outside.

    Rows that are neither evaluated nor the first or last are eliminated, for no black box shows them; nodes are
    assigned by level as in a read-out.

    Parameters
    ----------
    tab : Tableau
        Any sampler.

    Returns
    -------
    Tableau

    Raises
    ------
    ValueError
        If the grid has more than 512 steps.

    Examples
    --------
    >>> from ersde_theory import TimeGrid, NoiseScale, schemes
    >>> tab = schemes.exponential_pec(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode())
    >>> tab.n_rows, as_seen(tab).n_rows
    (4, 3)
    """
    dense = tab.dense()
    kept = [r for r in range(tab.n_rows) if r in (0, tab.n_rows - 1) or tab.evaluation[r] >= 0]
    table = np.column_stack([dense.start, dense.data, dense.noise])[kept]
    rows = Rows(tab.alpha[kept], tab.sigma[kept], table, tab.evaluation[kept])
    grid = tab.noise_level[tab.node >= 0]
    seen = assembled(tab.name, rows, grid, tab.draws, tab.draw_covariance, 2.0**-52)
    return replace(seen, draws=tab.draws)


def without_unused_draws(tab: Tableau) -> Tableau:
    """Return a tableau without the draws that have no weight in any row.

    Programs differ in whether a step that needs no noise still asks for some, our schemes have one draw a step.

    Parameters
    ----------
    tab : Tableau
        Any sampler.

    Returns
    -------
    Tableau

    Examples
    --------
    >>> from ersde_theory import TimeGrid, NoiseScale, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 0.0]), NoiseScale.exp_power(), order=1)
    >>> tab.n_draws, without_unused_draws(tab).n_draws
    (2, 1)
    """
    kept = np.unique(tab.noise_columns[tab.noise != 0.0])
    place = {int(m): i for i, m in enumerate(kept)}
    columns = np.where(tab.noise != 0.0, tab.noise_columns, -1)
    return replace(
        tab,
        noise_columns=np.vectorize(lambda m: place.get(int(m), -1), otypes=[np.int64])(columns),
        draws=tuple(tab.draws[m] for m in kept),
        draw_covariance={
            (place[i], place[j]): value for (i, j), value in tab.draw_covariance.items() if i in place and j in place
        },
    )


def assembled(
    name: str,
    rows: Rows,
    grid: Sequence[float] | np.ndarray,
    draws: tuple[Draw, ...],
    covariance: dict[tuple[int, int], float],
    eps: float,
) -> Tableau:
    """Return the tableau of visible rows; differences of two coefficients within round-off count as 0."""
    previous, data, noise = _increments(rows, len(draws), eps)
    data_columns, data_values = banded(data)
    noise_columns, noise_values = banded(noise)
    return Tableau(
        name=name,
        alpha=rows.alpha,
        sigma=rows.sigma,
        node=assigned_nodes(rows.level, np.asarray(grid)),
        evaluation=rows.evaluation,
        previous=previous,
        data_columns=data_columns,
        data=data_values,
        noise_columns=noise_columns,
        noise=noise_values,
        draws=draws,
        draw_covariance=covariance,
    )


def dense_table(tab: Tableau) -> np.ndarray:
    """Return the dense form as one array of shape (rows, 1 + evaluations + draws)."""
    dense: DenseTableau = tab.dense()
    return np.column_stack([dense.start, dense.data, dense.noise])


def _increments(rows: Rows, n_draws: int, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return previous, data and noise coefficients over the row before.

    A model that predicts noise, velocity or flow sees the state in its output, so that each entry carries
    round-off in proportion to the entry of the row before; what is not above it is 0.
    """
    n_rows, table = len(rows.alpha), rows.table.copy()
    n_data = table.shape[1] - 1 - n_draws
    rounding = eps * (_HALF_ROUNDOFF if eps > _COARSE else _ROUNDOFF)
    unit = np.where(rows.alpha > 0.0, rows.alpha, rows.sigma)
    gain = np.append(1.0, np.maximum(1.0, unit[1:] / unit[:-1]))
    for r in range(1, n_rows):
        if abs(table[r, 0]) <= rounding * gain[r] * abs(table[r - 1, 0]):
            table[r, 0] = 0.0
    dense = DenseTableau(table[:, 0], table[:, 1 : 1 + n_data], table[:, 1 + n_data :])
    previous = np.array([1.0, *(coefficient_of_previous(dense, r) for r in range(1, n_rows))])
    rest = np.zeros_like(table)
    rest[1:] = table[1:] - previous[1:, None] * table[:-1]
    scale = np.abs(table[1:]) + (np.abs(previous) + gain)[1:, None] * np.abs(table[:-1])
    rest[1:][np.abs(rest[1:]) <= rounding * scale] = 0.0
    return previous, rest[:, 1 : 1 + n_data], rest[:, 1 + n_data :]


# ---------------------------------------------------------------------- nodes and draws


def assigned_nodes(level: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the grid node of each row, or -1: of the rows at a node's level, in order, the last is the node."""
    node = np.full(level.size, -1, dtype=np.int64)
    at = 0
    for r in range(1, level.size - 1):
        nearest = at + int(np.argmin(_distance(grid[at:], float(level[r]))))
        if _same(float(level[r]), float(grid[nearest])):
            node[r] = at = nearest
    node[0], node[-1] = 0, grid.size - 1
    for r in range(1, level.size):
        if node[r] >= 0 and (node[r] in node[r + 1 :] or node[r] == 0):
            node[r] = -1
    return node


def meant_draws(
    rows: Rows, n_draws: int, asked: Sequence[tuple[int, Meaning | None]], grid: np.ndarray
) -> tuple[Draw, ...]:
    """Return what each draw means: as said, or else the interval that ends where it is first used.

    The interval starts where the noise before it ended, or at the last grid node before. A draw that raises
    the level, or the second one over an interval, is independent of any Brownian path. A draw that is never used is
    given the step in which it was made.
    """
    levels = np.asarray(grid)
    level, node = rows.level, assigned_nodes(rows.level, levels)
    n_data = rows.table.shape[1] - 1 - n_draws
    draws: list[Draw] = []
    reached = math.inf  # where the noise before ended
    for m, (after, meaning) in enumerate(asked):
        if meaning is not None:
            draws.append(Draw(meaning.level_from, meaning.level_to, meaning.kind))
            continue
        used = np.flatnonzero(rows.table[:, 1 + n_data + m])
        row = int(used[0]) if used.size else _row_after(rows, after)
        passed = float(level[:row][node[:row] >= 0][-1])
        start, end = min(reached, passed), float(level[row])
        if not used.size and (after == 0 or reached <= end):
            # drawn at the start of a step that then does without it
            start = float(levels[0]) if after == 0 else reached
            end = _next_node(levels, start)
        if end < start:
            draws.append(Draw(start, end))
            reached = end
        else:
            draws.append(Draw(passed, end, "independent"))
            reached = _next_node(levels, passed) if end > passed else reached
    return tuple(draws)


def _next_node(levels: np.ndarray, level: float) -> float:
    """Return the first grid level below a level; the last one if there is none."""
    below = levels[levels < level]
    return float(below[0] if below.size else levels[-1])


def _row_after(rows: Rows, evaluations: int) -> int:
    """Return the first row that comes after so many evaluations."""
    fed = np.flatnonzero(rows.evaluation >= evaluations)
    return max(1, int(fed[0])) if fed.size else len(rows.alpha) - 1


def draw_covariance(
    asked: Sequence[tuple[int, Meaning | None]], values: Sequence[np.ndarray]
) -> dict[tuple[int, int], float]:
    """Return the covariances of draws: stated, of overlapping intervals of one tree, of numbers that come twice."""
    found: dict[tuple[int, int], float] = {}
    keys = [value.tobytes() for value in values]
    for j, (_, b) in enumerate(asked):
        found |= {(i, j): value for i, value in (b.linked if b is not None else ())}
        for i, (_, a) in enumerate(asked[:j]):
            if a is None or b is None or a.tree is None or a.tree != b.tree:
                continue
            shared = min(a.times[1], b.times[1]) - max(a.times[0], b.times[0])
            if shared > 0.0:
                product = (a.times[1] - a.times[0]) * (b.times[1] - b.times[0])
                found[i, j] = min(1.0, shared / math.sqrt(product))
        found |= {(i, j): 1.0 for i in range(j) if keys[i] == keys[j]}
    return found


def foreseen(rows: Rows, asked: Sequence[tuple[int, Meaning | None]]) -> str:
    """Return which state depends on an output or a draw that did not exist yet, in words; empty if none does."""
    n_data = rows.table.shape[1] - 1 - len(asked)
    known = np.append(0, np.cumsum(rows.evaluation >= 0)[:-1])
    drawn_after = np.array([after for after, _ in asked], dtype=np.int64)
    for r in range(1, len(rows.alpha)):
        later = np.concatenate([[False], np.arange(n_data) >= known[r], drawn_after > known[r]])
        if (rows.table[r, later] != 0.0).any():
            return (
                f"the state of row {r} (noise level {rows.level[r]:.6g}) depends on numbers of places that should not "
                f"touch: it mixes the numbers of a state, or adds some of its own"
            )
    return ""


def _distance(grid: np.ndarray, level: float) -> np.ndarray:
    """Return how far levels are from one, infinite ones included."""
    with np.errstate(invalid="ignore"):
        return np.where(grid == level, 0.0, np.abs(grid - level))


def _level(alpha: float, sigma: float) -> float:
    return math.inf if alpha == 0.0 else sigma / alpha


def _same(a: float, b: float) -> bool:
    """Return whether two levels are one, up to a flow's sigma in float32: an error of 1 + level units."""
    if math.isinf(a) or math.isinf(b):
        return a == b
    largest = max(abs(a), abs(b))
    return abs(a - b) <= _SAME_LEVEL * largest * (1.0 + largest)
