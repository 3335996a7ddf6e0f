"""Two runs of a scheme, or a scheme and the exact solution, on one Brownian path and its antithetic twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors._order_fit import MIN_POINTS
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import Denoiser, sample
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

Reference = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Start = Callable[[int, int], np.ndarray]

BATCH_NUMBERS = 2**22  # normals held at once: 32 MiB
REFERENCE_REFINEMENT = 2  # the reference's own weak error falls with the same order as a good scheme's
_SEEN_ALL = 1e-12


@dataclass(frozen=True)
class Coupling:
    """A coarse tableau and what it is compared with, on the intervals of one path.

    Attributes
    ----------
    coarse : Tableau
        The one whose error is looked at.
    levels : float64 array of shape (intervals + 1,)
        Of the path.
    draws_of_coarse, draws_of_fine, seen : sparse arrays
        The draws of both runs from the path's normals, and what of the normals the coarse run's draws tell,
        shapes (draws, normals) and (normals, draws). Normals are all Z, then all R of the intervals, these only
        where somebody looks at areas.
    fine : Tableau or None
        None: the reference.
    evaluations : int
        Of both runs and the twin, a path.
    twin : bool
        Whether the fine run has anything to reflect.

    Examples
    --------
    See :func:`couplings`.
    """

    coarse: Tableau
    levels: np.ndarray
    draws_of_coarse: Any
    draws_of_fine: Any
    seen: Any
    fine: Tableau | None
    evaluations: int
    twin: bool

    @property
    def normals(self) -> int:
        """Number of standard normals a coordinate."""
        return int(self.draws_of_coarse.shape[1])

    def states(
        self, denoise: Denoiser, reference: Reference, start: np.ndarray, normals: np.ndarray
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Return the coarse run's final states, and the fine run's: one, or it and its twin.

        Parameters
        ----------
        denoise, reference : callable
            As for :func:`~ersde_theory.errors.weak_ladder`.
        start : float64 array of shape (n, ...)
            Start states.
        normals : float64 array of shape (self.normals, n, ...)
            Standard normals.

        Returns
        -------
        coarse, fine : tuple of float64 arrays of shape (n, ...)

        Examples
        --------
        See :func:`couplings`.
        """
        flat = normals.reshape(len(normals), -1)
        draws = self.draws_of_coarse @ flat
        coarse = sample(self.coarse, denoise, start, draws.reshape(-1, *start.shape))
        paths = (flat, 2.0 * (self.seen @ draws) - flat) if self.twin else (flat,)
        return (coarse,), tuple(self._run_fine(denoise, reference, start, path) for path in paths)

    def _run_fine(self, denoise: Denoiser, reference: Reference, start: np.ndarray, flat: np.ndarray) -> np.ndarray:
        """Return the fine run's final states."""
        if self.fine is not None:
            return np.asarray(sample(self.fine, denoise, start, (self.draws_of_fine @ flat).reshape(-1, *start.shape)))
        z, r = flat.reshape(2, -1, *start.shape)
        states = np.asarray(reference(self.levels, start, z, r))
        if states.shape != start.shape or not np.isfinite(states).all():
            msg = f"reference: expected finite states of shape {start.shape}, got {_checks.describe(states)}"
            raise ValueError(msg)
        return states


def couplings(tableaus: Sequence[Tableau], noise_scale: NoiseScale, reference_evaluations: int) -> list[Coupling]:
    """Return the couplings of each tableau with the next, and of the last with the reference.

    Parameters
    ----------
    tableaus : sequence of Tableau
        In y.
    noise_scale : NoiseScale
        phi.
    reference_evaluations : int
        Of the reference, an interval.

    Returns
    -------
    list of Coupling

    Raises
    ------
    TypeError, ValueError
        If an item is no tableau, not in y, or has a draw independent of the path.

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> phi, grid = NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0])
    >>> tabs = [schemes.er_sde(TimeGrid([4.0, 1.0]), phi, 1), schemes.er_sde(grid, phi, 1)]
    >>> [(c.normals, c.evaluations, c.twin) for c in couplings(tabs, phi, 4)]
    [(2, 5, True), (8, 34, True)]
    """
    pairs = [_coupling(a, b, path_grid([a, b]), noise_scale, 0) for a, b in pairwise(tableaus)]
    finest = path_grid(tableaus[-1:]).refine(REFERENCE_REFINEMENT)
    return [*pairs, _coupling(tableaus[-1], None, finest, noise_scale, reference_evaluations)]


def path_grid(tableaus: Sequence[Tableau]) -> TimeGrid:
    """Return the grid of all levels between which a path must be known: those of all nodes and draws.

    Parameters
    ----------
    tableaus : sequence of Tableau
        In y.

    Returns
    -------
    TimeGrid

    Raises
    ------
    TypeError, ValueError
        If an item is no tableau, or not in y.

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> tabs = [schemes.er_sde(TimeGrid([4.0, *inner, 1.0]), NoiseScale.ode(), 1) for inner in ([3.0], [2.0])]
    >>> path_grid(tabs).levels.tolist()
    [4.0, 3.0, 2.0, 1.0]
    """
    parts = []
    for tab in tableaus:
        if (_checks.instance(tab, "tableaus", Tableau).alpha != 1.0).any():
            msg = f"tableaus: expected tableaus in y (alpha = 1), got {tab.name!r} with another alpha"
            raise ValueError(msg)
        ends = [level for draw in tab.draws for level in (draw.level_from, draw.level_to)]
        parts += [tab.noise_level[tab.node >= 0], np.array(ends)]
    return TimeGrid(np.unique(np.concatenate(parts))[::-1])


def checked_rungs(tableaus: Sequence[Tableau], steps: Sequence[int] | None) -> np.ndarray:
    """Return the step counts of a ladder, rising, one for each of at least four tableaus.

    Parameters
    ----------
    tableaus : sequence of Tableau
        The ladder.
    steps : sequence of int or None
        Step counts that the caller names instead of the tableaus' own.

    Returns
    -------
    int64 array of shape (rungs,)

    Raises
    ------
    TypeError, ValueError
        If an item is no tableau, there are too few, or the counts do not rise.

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> tabs = [schemes.er_sde(TimeGrid.karras(n, 4.0, 1.0), NoiseScale.ode(), 1) for n in (5, 10, 20, 40)]
    >>> checked_rungs(tabs, None).tolist()
    [5, 10, 20, 40]
    """
    if len(tableaus) < MIN_POINTS:
        msg = f"tableaus: expected at least {MIN_POINTS}, got {len(tableaus)}"
        raise ValueError(msg)
    own = [_checks.instance(tab, "tableaus", Tableau).n_steps for tab in tableaus]
    rungs = np.array([_checks.integer(n, "steps", minimum=1) for n in (own if steps is None else steps)])
    if rungs.shape != (len(own),) or (np.diff(rungs) <= 0).any():
        msg = f"steps: expected {len(own)} rising step counts, got {rungs.tolist()}"
        raise ValueError(msg)
    return rungs


def start_and_normals(start: Start, n: int, count: int, seeds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return n start states and `count` standard normals for each of their coordinates, independent for other seeds.

    Parameters
    ----------
    start : callable
        ``start(n, seed)``.
    n, count : int
        Numbers wanted.
    seeds : tuple of int
        Together the seed.

    Returns
    -------
    start : float64 array of shape (n, ...)
    normals : float64 array of shape (count, n, ...)

    Raises
    ------
    ValueError
        If the start states are not float64 of shape (n, ...).

    Examples
    --------
    >>> [a.shape for a in start_and_normals(lambda n, seed: np.zeros((n, 2)), 3, 5, (0, 1))]
    [(3, 2), (5, 3, 2)]
    """
    of_start, of_noise = np.random.SeedSequence(seeds).spawn(2)
    states = np.asarray(start(n, int(of_start.generate_state(1)[0])))
    if states.dtype != np.float64 or states.ndim < 2 or len(states) != n:
        msg = f"start: expected float64 states of shape ({n}, ...), got {_checks.describe(states)}"
        raise ValueError(msg)
    return states, np.random.default_rng(of_noise).standard_normal((count, *states.shape))


def _coupling(
    coarse: Tableau, fine: Tableau | None, grid: TimeGrid, noise_scale: NoiseScale, reference_evaluations: int
) -> Coupling:
    """Return the coupling of two tableaus, or of one and the reference, on a path with the levels of a grid."""
    from scipy.sparse import csr_array

    path = BrownianPath(noise_scale, grid, 0)
    matrix = draws_on_path(coarse, path)
    of_fine = None if fine is None else draws_on_path(fine, path)
    if of_fine is not None and max(matrix.indices.max(initial=-1), of_fine.indices.max(initial=-1)) < grid.n_steps:
        matrix, of_fine = matrix[:, : grid.n_steps], of_fine[:, : grid.n_steps]
    inverse = np.linalg.pinv((matrix @ matrix.T).toarray(), rcond=1e-10, hermitian=True)
    seen = matrix.T @ csr_array(np.where(np.abs(inverse) > _SEEN_ALL, inverse, 0.0))
    stochastic = coarse.is_stochastic if fine is None else fine.is_stochastic
    twin = stochastic and matrix.shape[0] < matrix.shape[1]
    once = reference_evaluations * grid.n_steps if fine is None else fine.n_evaluations
    evaluations = coarse.n_evaluations + (2 if twin else 1) * once
    return Coupling(coarse, grid.levels, matrix, of_fine, seen, fine, evaluations, twin)


def draws_on_path(tab: Tableau, path: BrownianPath) -> Any:
    """Return a tableau's draws as combinations of the path's normals.

    Parameters
    ----------
    tab : Tableau
        Its draws are increments or areas between levels of the path.
    path : BrownianPath
        Of M intervals.

    Returns
    -------
    sparse array of shape (draws, 2 M)
        Columns are Z of all intervals, then R.

    Raises
    ------
    ValueError
        If a draw is independent of the path or its levels are not the path's.

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> phi, grid = NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0])
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), phi, 1)
    >>> (draws_on_path(tab, BrownianPath(phi, grid, 0)).toarray() ** 2).round(12).tolist()
    [[0.2, 0.8, 0.0, 0.0]]
    """
    from scipy.sparse import csr_array

    intervals = path.grid.n_steps
    rows, columns, values = [], [], []
    for m, draw in enumerate(tab.draws):
        first, weights = path.combination(draw)
        index = first + np.arange(len(weights))
        rows += [m] * (2 * len(weights))
        columns += [*index, *(index + intervals)]
        values += weights.T.ravel().tolist()
    entries = np.array(values)
    place = (np.array(rows)[entries != 0.0], np.array(columns)[entries != 0.0])
    return csr_array((entries[entries != 0.0], place), shape=(tab.n_draws, 2 * intervals))
