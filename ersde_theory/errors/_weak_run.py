"""The sampling behind weak errors: replicates of randomised points, level by level, and how many points to take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ersde_theory import _checks
from ersde_theory.errors._coupling import BATCH_NUMBERS, Reference
from ersde_theory.errors._observables import Observable
from ersde_theory.errors._points import StartAt, bridge, point_batches
from ersde_theory.sampling import Denoiser

REPLICATES = 32  # of every set of points, independently randomised: their spread is the standard error
LEAST_POINTS = 32  # of a set
ROUND_OFF = 1e-13
_PILOT, _SECOND_PILOT, _MAIN = 0, 1, 2
_PILOT_SHARE = 0.2  # of the budget, for the second pilot
_CLEAR = 3.0  # standard errors of a pilot from which an error counts as seen
_ASSUMED_RATE = 1.3  # of the variance against the points, before it is seen
_RATES = (1.0, 2.0)  # at which the variance is believed to fall with the points
_CUT = 2.0**0.25  # of a variance that the budget does not allow, again and again


class Level(Protocol):
    """Two runs whose observables are compared on one path.

    Examples
    --------
    >>> from ersde_theory.errors._coupling import Coupling
    >>> hasattr(Coupling, "states")
    True
    """

    @property
    def levels(self) -> np.ndarray:
        """Levels of the path, shape (intervals + 1,)."""

    @property
    def normals(self) -> int:
        """Standard normals of the path, a coordinate."""

    @property
    def evaluations(self) -> int:
        """Of all runs, a path."""

    def states(
        self, denoise: Denoiser, reference: Reference, start: np.ndarray, normals: np.ndarray
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Return the final states of the runs that are looked at, and of those they are compared with."""


@dataclass(frozen=True)
class Totals:
    """What the replicates of one level say.

    Attributes
    ----------
    points : int
        Of a replicate.
    means : float64 array of shape (replicates, k)
        Of the level's differences.
    state_mean, state_covariance : float64 arrays of shapes (k,) and (k, k)
        Of the coarse run's observables, a path.

    Examples
    --------
    >>> Totals(32, np.array([[1.0], [3.0]]), np.zeros(1), np.eye(1)).covariance
    array([[1.]])
    """

    points: int
    means: np.ndarray
    state_mean: np.ndarray
    state_covariance: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean of the level's differences."""
        return np.asarray(self.means.mean(axis=0))

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of that mean, from the replicates' spread."""
        return np.asarray(np.atleast_2d(np.cov(self.means, rowvar=False)) / len(self.means))


@dataclass
class WeakRun:
    """What all levels share, and the evaluations spent so far.

    Attributes
    ----------
    levels : sequence of Level
        The ladder.
    denoise, start, reference, observables, start_numbers
        As for :func:`~ersde_theory.errors.weak_ladder`.
    seed : int
        Of everything.
    progress : callable or None
        Told the evaluations done and planned.
    done : int
        Evaluations.

    Examples
    --------
    See :func:`~ersde_theory.errors.weak_ladder`.
    """

    levels: Sequence[Level]
    denoise: Denoiser
    start: StartAt
    start_numbers: int
    reference: Reference
    observables: dict[str, Observable]
    seed: int
    progress: Callable[[int, int], None] | None
    done: int = 0

    @property
    def cost(self) -> np.ndarray:
        """Evaluations of each level for a point of every replicate."""
        return REPLICATES * np.array([level.evaluations for level in self.levels])

    def totals(self, stage: int, sizes: Sequence[int]) -> list[Totals]:
        """Return what every level says with so many points a replicate, on points of its own for every stage.

        Parameters
        ----------
        stage : int
            Part of the seed.
        sizes : sequence of int
            Powers of 2.

        Returns
        -------
        list of Totals

        Raises
        ------
        ValueError
            If a callable gives something else than was asked.

        Examples
        --------
        See :func:`~ersde_theory.errors.weak_ladder`.
        """
        planned = self.done + int(self.cost @ np.asarray(sizes))
        return [self._level_totals(stage, m, n, planned) for m, n in enumerate(sizes)]

    def staged(
        self, excess: Callable[[Sequence[Totals], np.ndarray], np.ndarray], budget: float
    ) -> tuple[list[int], np.ndarray, int, list[Totals]]:
        """Run two pilots, which fix all sizes and the combination to judge by, and then on other points the main run.

        Parameters
        ----------
        excess : callable
            ``excess(trial, combination)``: each level's variance over what it may have, shape (levels,).
        budget : float
            Evaluations to spend at most.

        Returns
        -------
        sizes : list of int
            Points of a replicate of each level.
        combination : float64 array of shape (k,)
        pilot_path_steps : int
        main : list of Totals

        Raises
        ------
        ValueError
            If the budget is less than the pilots and the least points take.

        Examples
        --------
        See :func:`~ersde_theory.errors.weak_ladder`.
        """
        least = 3.0 * LEAST_POINTS * float(self.cost.sum())
        if budget < least:
            msg = f"max_path_steps: expected at least {least:g} for pilots and the least paths, got {budget:g}"
            raise ValueError(msg)
        first = self.totals(_PILOT, [LEAST_POINTS] * len(self.levels))
        u = standing_out(first)
        share = max(_PILOT_SHARE * budget, least / 3.0)
        sizes = points_wanted(first, excess(first, u), _ASSUMED_RATE, self.cost, share)
        second = self.totals(_SECOND_PILOT, sizes)
        u, rate = standing_out(second), rates(first, second, u)
        sizes = points_wanted(second, excess(second, u), rate, self.cost, budget - self.done)
        pilots = self.done
        return sizes, u, pilots, self.totals(_MAIN, sizes)

    def _level_totals(self, stage: int, m: int, points: int, planned: int) -> Totals:
        """Run the replicates of a level, several at once where they are small, one in batches where it is large."""
        level, k = self.levels[m], len(self.observables)
        shape = self._start_states(np.full((1, self.start_numbers), 0.5)).shape[1:]
        width = math.prod(shape)
        rows = 2 ** int(math.log2(max(LEAST_POINTS, BATCH_NUMBERS / (level.normals * width))))
        means, total, outer = np.zeros((REPLICATES, k)), np.zeros(k), np.zeros((k, k))
        together = min(REPLICATES, max(1, rows // points))
        for first in range(0, REPLICATES, together):
            group = range(first, min(first + together, REPLICATES))
            sets = [
                point_batches(self.start_numbers, level.normals, width, points, rows, (self.seed, stage, m, r))
                for r in group
            ]
            for parts in zip(*sets, strict=True):
                cube = np.concatenate([part for part, _ in parts])
                normals = np.concatenate([part for _, part in parts], axis=2)
                here, difference = self._values(level, cube, normals, shape)
                means[group] += difference.reshape(k, len(group), -1).sum(axis=2).T / points
                total += here.sum(axis=1)
                outer += here @ here.T
                self.done += here.shape[1] * level.evaluations
                if self.progress is not None:
                    self.progress(self.done, planned)
        paths = REPLICATES * points
        return Totals(points, means, total / paths, (outer - np.outer(total, total / paths)) / (paths - 1))

    def _values(
        self, level: Level, cube: np.ndarray, normals: np.ndarray, shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return coarse observables and differences of n points, each of shape (k, n)."""
        start, n = self._start_states(cube), len(cube)
        intervals = level.levels.size - 1
        kinds = normals.reshape(-1, intervals, normals[0].size)
        path = np.stack([bridge(intervals) @ kind for kind in kinds]).reshape(*normals.shape)
        path = path.transpose(0, 2, 1).reshape(len(normals), n, *shape)
        coarse, fine = level.states(self.denoise, self.reference, start, path)
        here, there = ([self._observe(states) for states in runs] for runs in (coarse, fine))
        return here[0], np.mean(here, axis=0) - np.mean(there, axis=0)

    def _start_states(self, cube: np.ndarray) -> np.ndarray:
        """Return start states at points, checked."""
        states = np.asarray(self.start(cube))
        if states.dtype != np.float64 or states.ndim < 2 or len(states) != len(cube):
            msg = f"start: expected float64 states of shape ({len(cube)}, ...), got {_checks.describe(states)}"
            raise ValueError(msg)
        return states

    def _observe(self, states: np.ndarray) -> np.ndarray:
        """Return all observables of states, shape (k, n)."""
        rows = []
        for name, function in self.observables.items():
            row = np.asarray(function(states), dtype=np.float64)
            if row.shape != (len(states),) or not np.isfinite(row).all():
                msg = f"observable {name!r}: expected {len(states)} finite numbers, got {_checks.describe(row)}"
                raise ValueError(msg)
            rows.append(row)
        return np.array(rows)


def standing_out(trial: Sequence[Totals]) -> np.ndarray:
    """Return the combination of observables, of variance 1, whose differences stand out most from their noise.

    Parameters
    ----------
    trial : sequence of Totals
        Of a pilot.

    Returns
    -------
    float64 array of shape (k,)

    Examples
    --------
    >>> trial = [Totals(32, np.array([[1.0], [1.1]]), np.zeros(1), 4.0 * np.eye(1))]
    >>> standing_out(trial)
    array([0.5])
    """
    k = trial[0].mean.size
    noise, signal = np.zeros((k, k)), np.zeros(k)
    spread = np.mean([t.state_covariance for t in trial], axis=0)
    unit = np.sqrt(np.diag(spread)) + np.finfo(float).tiny
    for t in trial:
        covariance = t.covariance / np.outer(unit, unit)
        scale = max(float(np.trace(covariance)), np.finfo(float).tiny)
        noise, signal = noise + covariance / scale, signal + t.mean / unit / scale**0.5
    u = np.linalg.pinv(noise, rcond=1e-6, hermitian=True) @ signal / unit
    size = float(u @ spread @ u) ** 0.5
    return u / size if size > 0.0 else np.eye(k)[0]


def rates(before: Sequence[Totals], now: Sequence[Totals], u: np.ndarray) -> np.ndarray:
    """Return how fast the variance of each level falls with the points, from two pilots.

    Parameters
    ----------
    before, now : sequence of Totals
        The smaller and the larger.
    u : float64 array of shape (k,)
        The combination to look at.

    Returns
    -------
    float64 array of shape (levels,)
        Between 1, that of independent points, and 2.

    Examples
    --------
    >>> few, many = (Totals(n, np.array([[-1.0], [1.0]]) / n, np.zeros(1), np.eye(1)) for n in (32, 128))
    >>> rates([few], [many], np.ones(1))
    array([2.])
    """
    found = []
    for a, b in zip(before, now, strict=True):
        fall = [max(float(u @ t.covariance @ u), np.finfo(float).tiny) for t in (a, b)]
        grown = math.log(b.points / a.points)
        found.append(math.log(fall[0] / fall[1]) / grown if grown else _RATES[0])
    return np.clip(found, *_RATES)


def points_wanted(
    trial: Sequence[Totals], excess: np.ndarray, rate: np.ndarray | float, cost: np.ndarray, budget: float
) -> list[int]:
    """Return the points of a replicate of each level that bring its variance down by a factor, cut to the budget.

    If the budget does not do, all levels fall short by one factor.

    Parameters
    ----------
    trial : sequence of Totals
        Of a pilot.
    excess : float64 array of shape (levels,)
        Each level's variance over what it may have.
    rate : float64 array of shape (levels,) or float
        How fast variances fall with the points.
    cost : array of shape (levels,)
        Of a point.
    budget : float
        Evaluations.

    Returns
    -------
    list of int
        Powers of 2, at least 32.

    Examples
    --------
    >>> few = Totals(32, np.array([[0.9], [1.1]]), np.zeros(1), np.eye(1))
    >>> points_wanted([few], np.array([100.0]), 1.0, np.ones(1), 1e6)
    [4096]
    """
    known, short = np.array([t.points for t in trial]), 1.0
    while True:
        wanted = known * (excess / short) ** (1.0 / np.asarray(rate))
        sizes = np.maximum(LEAST_POINTS, 2.0 ** np.ceil(np.log2(np.maximum(wanted, 1.0))))
        if cost @ sizes <= budget or (sizes == LEAST_POINTS).all():
            return [int(n) for n in sizes]
        short *= _CUT


def as_if_falling(size: np.ndarray, unsure: np.ndarray, rungs: np.ndarray) -> np.ndarray:
    """Return sizes of errors, those that are not seen as if they fell with order 2 from the rung before.

    Parameters
    ----------
    size, unsure, rungs : float64 arrays of shape (rungs,)
        Magnitudes of errors, their standard errors, step counts.

    Returns
    -------
    float64 array of shape (rungs,)

    Examples
    --------
    >>> as_if_falling(np.array([1.0, 0.001]), np.array([0.1, 0.1]), np.array([10, 20]))
    array([1.  , 0.25])
    """
    found = np.maximum(size, ROUND_OFF)
    for i in np.flatnonzero(size <= _CLEAR * unsure):
        found[i] = max(found[i], found[i - 1] * (rungs[i - 1] / rungs[i]) ** 2) if i else found[i]
    return found
