"""Strong errors on nested grids: every run and the reference on the same Brownian paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors._coupling import (
    BATCH_NUMBERS,
    Reference,
    Start,
    checked_rungs,
    draws_on_path,
    path_grid,
    start_and_normals,
)
from ersde_theory.errors._order_verdict import OrderVerdict, judge_order
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import Denoiser, sample
from ersde_theory.tableau import Tableau

_BOOTSTRAP = 400
_ROUND_OFF = 1e-13

STATISTICS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "rms": lambda errors: np.sqrt((errors**2).mean(axis=-1)),
        "mean": lambda errors: errors.mean(axis=-1),
        "median": lambda errors: np.median(errors, axis=-1),
    }
)
"""Summaries over paths, of errors of shape (rungs, paths)."""


@dataclass(frozen=True)
class StrongLadder:
    """Errors along the same paths on a ladder of step counts.

    Attributes
    ----------
    steps : int64 array of shape (rungs,)
        Step counts N to fit against.
    end : float64 array of shape (rungs, paths)
        Error of the final state of each path, RMS per coordinate.
    over_path : float64 array of shape (rungs, paths)
        The largest such error over the nodes of the rung's grid.
    scale : float
        RMS of the final states: round-off is relative to it.
    seed : int
        Of the bootstrap.

    Examples
    --------
    >>> end = np.outer([1.0, 0.5, 0.25, 0.125], [1.0, 2.0, 3.0])
    >>> StrongLadder(np.array([10, 20, 40, 80]), end, end, 1.0, 0).errors("median")[0].tolist()
    [2.0, 1.0, 0.5, 0.25]
    """

    steps: np.ndarray
    end: np.ndarray
    over_path: np.ndarray
    scale: float
    seed: int

    def errors(self, statistic: str = "rms", where: str = "end") -> tuple[np.ndarray, np.ndarray]:
        """Return a summary of the errors at every rung, and its covariance by bootstrap over paths.

        Parameters
        ----------
        statistic : str
            ``rms``, ``mean`` or ``median`` over paths.
        where : str
            ``end``, or ``over_path``: the largest along the path.

        Returns
        -------
        errors : float64 array of shape (rungs,)
        covariance : float64 array of shape (rungs, rungs)
            All rungs share the paths, so that orders are surer than the errors are.

        Raises
        ------
        ValueError
            If a name is unknown; the nearest is suggested.

        Examples
        --------
        See :func:`strong_ladder`.
        """
        summary = STATISTICS[_checks.one_of(statistic, "statistic", STATISTICS)]
        paths = self.end if _checks.one_of(where, "where", ("end", "over_path")) == "end" else self.over_path
        generator = np.random.default_rng(self.seed)
        count = paths.shape[1]
        again = [summary(paths[:, generator.integers(0, count, count)]) for _ in range(_BOOTSTRAP)]
        return summary(paths), np.cov(again, rowvar=False)

    def verdict(self, statistic: str = "rms", where: str = "end") -> OrderVerdict:
        """Return what a summary of the errors says about the strong order.

        Parameters
        ----------
        statistic, where : str
            As for :meth:`errors`.

        Returns
        -------
        OrderVerdict

        Examples
        --------
        See :func:`strong_ladder`.
        """
        errors, covariance = self.errors(statistic, where)
        floors = np.full(errors.size, _ROUND_OFF * self.scale)
        return judge_order(self.steps, errors, floors=floors, covariance=covariance, paths=self.end.shape[1])


def strong_ladder(
    tableaus: Sequence[Tableau],
    noise_scale: NoiseScale,
    denoise: Denoiser,
    start: Start,
    reference: Reference,
    *,
    steps: Sequence[int] | None = None,
    paths: int = 8000,
    seed: int = 0,
    refinement: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> StrongLadder:
    r"""Return the strong errors of one scheme on nested grids.

    Parameters
    ----------
    tableaus : sequence of Tableau
        At least 4, in y, on finer and finer grids (best nested: what both runs see is what couples them).
    noise_scale : NoiseScale
        phi, whose clock couples them.
    denoise : callable
        ``denoise(y, noise_level)``, as for :func:`ersde_theory.sample`.
    start : callable
        ``start(n, seed)`` gives n start states, float64 of shape (n, ...), independent for other seeds.
    reference : callable
        ``reference(levels, start, z, r)`` gives the exact states at all M + 1 levels, shape (M + 1, n, ...), on a
        Brownian path: z and r of shape (M, n, ...) are the standardised increments over the M intervals, and what
        the areas :math:`\int (A_t - A)\,dB` have besides.
    steps : sequence of int, optional
        Step counts to fit against. Default: those of the tableaus.
    paths : int
        Number of paths, >= 2.
    seed : int
        Of everything.
    refinement : int
        The reference's levels are the finest grid, each interval cut so often.
    progress : callable, optional
        Called as ``progress(done, total)`` in paths.

    Returns
    -------
    StrongLadder

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind, or draws are independent of the path.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> law, phi = Gaussian(np.zeros(1), 0.25), NoiseScale.ode()
    >>> tabs = [schemes.er_sde(TimeGrid.karras(n, 5.0, 0.5), phi, 2) for n in (16, 32, 64, 128)]
    >>> start = lambda n, seed: law.sample(n, 5.0, seed)
    >>> def exact(levels, y, z, r):
    ...     return y * ((0.25 + levels[:, None, None] ** 2) / (0.25 + levels[0] ** 2)) ** 0.5
    >>> ladder = strong_ladder(tabs, phi, law.denoise, start, exact, paths=100)
    >>> ladder.verdict("rms").confirms(2), ladder.verdict("median", "over_path").confirms(2)
    (True, True)

    References
    ----------
    Kloeden and Platen 1992, section 9.3; ``math.md`` section 6.
    """
    _checks.callables(denoise=denoise, start=start, reference=reference)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    count = _checks.integer(paths, "paths", minimum=2)
    root = _checks.integer(seed, "seed", minimum=0)
    rungs = checked_rungs(tableaus, steps)
    fine = path_grid(tableaus).refine(_checks.integer(refinement, "refinement", minimum=1))
    path = BrownianPath(noise_scale, fine, root)
    runs = [_Run(tab, draws_on_path(tab, path), fine.levels) for tab in tableaus]
    end, over_path, squares, done = [], [], 0.0, 0
    while done < count:
        # the reference keeps all its states: as many numbers as one kind of normals has
        rows = min(count - done, max(1, BATCH_NUMBERS // (4 * fine.n_steps)))
        begin, normals = start_and_normals(start, rows, 2 * fine.n_steps, (root, done))
        exact = _exact_states(reference, fine.levels, begin, normals)
        errors = np.array([run.errors(denoise, begin, normals, exact) for run in runs])
        end.append(errors[:, 0])
        over_path.append(errors[:, 1])
        squares += float((exact[-1] ** 2).mean()) * rows
        done += rows
        if progress is not None:
            progress(done, count)
    at_end, largest = (np.concatenate(parts, axis=1) for parts in (end, over_path))
    return StrongLadder(rungs, at_end, largest, (squares / count) ** 0.5, root)


class _Run:
    """A tableau on the common path."""

    def __init__(self, tab: Tableau, draws: Any, levels: np.ndarray) -> None:
        self.tab, self.draws = tab, draws
        self.rows = np.flatnonzero(tab.node > 0)
        self.places = np.searchsorted(-levels, -tab.noise_level[self.rows])

    def errors(
        self, denoise: Denoiser, start: np.ndarray, normals: np.ndarray, exact: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each path's error at the end, and the largest over the nodes."""
        noise = (self.draws @ normals.reshape(len(normals), -1)).reshape(-1, *start.shape)
        states = sample(self.tab, denoise, start, noise, return_trajectory=True).states
        difference = (states[self.rows] - exact[self.places]).reshape(len(self.rows), len(start), -1)
        size = np.sqrt((difference**2).mean(axis=2))
        return size[-1], size.max(axis=0)


def _exact_states(reference: Reference, levels: np.ndarray, start: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the reference's states at all levels, checked."""
    z, r = normals.reshape(2, -1, *start.shape)
    states = np.asarray(reference(levels, start, z, r))
    wanted = (levels.size, *start.shape)
    if states.shape != wanted or not np.isfinite(states).all():
        msg = f"reference: expected finite states of shape {wanted}, got {_checks.describe(states)}"
        raise ValueError(msg)
    return states
