r"""Weak errors on nested grids by coupled, antithetic multilevel differences.

With rungs :math:`N_0 < \dots < N_L` the error of an observable is a sum over levels, each with its own paths,

.. math:: e_l = E f(Y_{N_l}) - E f(X) = \sum_{m=l}^{L} \Delta_m, \quad
          \Delta_m = E[f(Y_{N_m}) - f(Y_{N_{m+1}})], \quad \Delta_L = E[f(Y_{N_L}) - f(X)] .

Both runs of a level see one Brownian path. The coarse one knows its draws :math:`c = Cx` alone, so the fine one is
averaged over x and its reflection :math:`2Px - x` with P the projector on the rows of C: what the coarse run cannot
see cancels to first order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ersde_theory import _checks
from ersde_theory.errors._coupling import (
    BATCH_NUMBERS,
    Coupling,
    Reference,
    Start,
    checked_callables,
    checked_rungs,
    couplings,
    start_and_normals,
)
from ersde_theory.errors._observables import OBSERVABLES, Observable, checked_observables
from ersde_theory.errors._order_verdict import OrderVerdict, judge_order
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import Denoiser
from ersde_theory.tableau import Tableau

_MIN_PATHS = 1024
_CLEAR = 3.0  # standard errors of the pilot from which an error counts as seen
_ROUND_OFF = 1e-13
_PILOT, _MAIN = 0, 1


@dataclass(frozen=True)
class WeakLadder:
    """Weak errors on a ladder of step counts, with their covariance and their cost.

    Attributes
    ----------
    steps : int64 array of shape (rungs,)
        Step counts N to fit against.
    observables : tuple of str
        Names, k of them.
    differences : float64 array of shape (rungs, k)
        The levels' means; the last is against the reference.
    difference_covariances : float64 array of shape (rungs, k, k)
        Of these means. Levels are independent.
    state_covariances : float64 array of shape (rungs, k, k)
        Of the observables themselves, per path: what plain Monte Carlo has to average out.
    state_means : float64 array of shape (rungs, k)
        Of the observables themselves.
    paths, path_steps : int64 arrays of shape (rungs,)
        Paths of each level, and evaluations they took.
    pilot_path_steps : int
        Evaluations of the pilot, which fixed the number of paths and the combination and enters no mean.
    evaluations : int64 array of shape (rungs,)
        Of one run of each tableau.
    combination : float64 array of shape (k,)
        The combination of observables of variance 1 whose error stands out most in the pilot.

    Examples
    --------
    >>> one = np.ones(4)
    >>> ladder = WeakLadder(10 * 2 ** np.arange(4), ("mean",), 0.75 * 4.0 ** -np.arange(4.0)[:, None],
    ...     1e-12 * one[:, None, None], one[:, None, None], one[:, None], 100 * np.ones(4, int), 5000 * np.ones(4, int),
    ...     0, 10 * 2 ** np.arange(4), np.ones(1))
    >>> ladder.errors("mean")[0].round(3).tolist()
    [0.996, 0.246, 0.059, 0.012]
    """

    steps: np.ndarray
    observables: tuple[str, ...]
    differences: np.ndarray
    difference_covariances: np.ndarray
    state_covariances: np.ndarray
    state_means: np.ndarray
    paths: np.ndarray
    path_steps: np.ndarray
    pilot_path_steps: int
    evaluations: np.ndarray
    combination: np.ndarray

    def errors(self, observable: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the signed errors of an observable and their covariance.

        Parameters
        ----------
        observable : str, optional
            Its name; default: the combination.

        Returns
        -------
        errors : float64 array of shape (rungs,)
        covariance : float64 array of shape (rungs, rungs)

        Raises
        ------
        ValueError
            If the name is unknown; the nearest is suggested.

        Examples
        --------
        See :func:`weak_ladder`.
        """
        u = self._weights(observable)
        tail = np.cumsum((u @ self.difference_covariances @ u)[::-1])[::-1]
        index = np.arange(tail.size)
        return np.cumsum((self.differences @ u)[::-1])[::-1], tail[np.maximum.outer(index, index)]

    def verdict(self, observable: str | None = None) -> OrderVerdict:
        """Return what the errors say about the weak order.

        Parameters
        ----------
        observable : str, optional
            Its name; default: the combination.

        Returns
        -------
        OrderVerdict

        Examples
        --------
        See :func:`weak_ladder`.
        """
        errors, covariance = self.errors(observable)
        floors = _ROUND_OFF * (np.abs(self.state_means) @ np.abs(self._weights(observable)))
        return judge_order(self.steps, errors, floors=floors, covariance=covariance, paths=self.paths)

    def plain_path_steps(self, observable: str | None = None) -> float:
        """Return the evaluations that plain Monte Carlo would take for the same standard errors.

        Each rung by independent paths of its own tableau, the exact expectation known for nothing.

        Parameters
        ----------
        observable : str, optional
            Its name; default: the combination.

        Returns
        -------
        float

        Examples
        --------
        See :func:`weak_ladder`.
        """
        u = self._weights(observable)
        variances = np.diag(self.errors(observable)[1])
        return float(((u @ self.state_covariances @ u) / variances * self.evaluations).sum())

    def _weights(self, observable: str | None) -> np.ndarray:
        """Return an observable as weights of all."""
        if observable is None:
            return self.combination
        name = _checks.one_of(observable, "observable", self.observables)
        return np.array([1.0 if name == other else 0.0 for other in self.observables])


def weak_ladder(
    tableaus: Sequence[Tableau],
    noise_scale: NoiseScale,
    denoise: Denoiser,
    start: Start,
    reference: Reference,
    observables: Mapping[str, Observable] = OBSERVABLES,
    *,
    steps: Sequence[int] | None = None,
    target: float = 0.05,
    seed: int = 0,
    pilot_paths: int = 4096,
    max_path_steps: float = 3e8,
    reference_evaluations: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> WeakLadder:
    r"""Return the weak errors of one scheme on nested grids.

    A pilot fixes the combination of observables to judge by and the paths of every level; the main run has paths of
    its own and these sizes, so its means are unbiased.

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
        ``reference(levels, start, z, r)`` gives the exact final states on a Brownian path: levels of shape (M + 1,),
        z and r of shape (M, n, ...) the standardised increments over the M intervals, and what the areas
        :math:`\int (A_t - A)\,dB` have besides. The levels are the finest grid, each interval halved.
    observables : mapping of str to callable
        Functions of final states to shape (n,).
    steps : sequence of int, optional
        Step counts to fit against. Default: those of the tableaus.
    target : float
        Standard error of each rung's error, relative to it.
    seed : int
        Of everything.
    pilot_paths : int
        Of each level.
    max_path_steps : float
        Evaluations to spend at most; then all levels fall short of the target by one factor.
    reference_evaluations : int
        Evaluations that the reference takes an interval.
    progress : callable, optional
        Called as ``progress(done, total)`` in evaluations.

    Returns
    -------
    WeakLadder

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind, the budget is less than the pilot and the least paths take, draws are
        independent of the path, or an observable gives other than n finite numbers.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> law, phi = Gaussian(np.zeros(1), 0.25), NoiseScale.ode()
    >>> tabs = [schemes.er_sde(TimeGrid.karras(n, 5.0, 0.5), phi, 2) for n in (8, 16, 32, 64)]
    >>> start = lambda n, seed: law.sample(n, 5.0, seed)
    >>> exact = lambda levels, y, z, r: y * ((0.25 + levels[-1] ** 2) / (0.25 + levels[0] ** 2)) ** 0.5
    >>> ladder = weak_ladder(tabs, phi, law.denoise, start, exact, pilot_paths=512)
    >>> ladder.verdict().confirms(2)
    True

    References
    ----------
    Giles 2008 (multilevel Monte Carlo); Giles and Szpruch 2014 (antithetic twins).
    """
    checked_callables(denoise=denoise, start=start, reference=reference)
    functions = checked_observables(observables)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    relative = _checks.positive_number(target, "target")
    budget = _checks.positive_number(max_path_steps, "max_path_steps")
    pilot = _checks.integer(pilot_paths, "pilot_paths", minimum=2)
    root = _checks.integer(seed, "seed", minimum=0)
    rungs = checked_rungs(tableaus, steps)
    per_interval = _checks.integer(reference_evaluations, "reference_evaluations", minimum=1)
    levels = couplings(tableaus, noise_scale, per_interval)
    cost = np.array([level.evaluations for level in levels])
    spare = budget - float((pilot + _MIN_PATHS) * cost.sum())
    if spare < 0.0:
        msg = f"max_path_steps: expected at least {budget - spare:g} for {pilot} + {_MIN_PATHS} paths, got {budget:g}"
        raise ValueError(msg)
    run = _Run(levels, denoise, start, reference, functions, root, progress)

    trial = run.totals(_PILOT, [pilot] * len(levels))
    combination = _combination(trial)
    sizes = _sizes(trial, combination, cost, rungs, relative, spare)
    pilot_steps, main = run.done, run.totals(_MAIN, sizes)
    k = len(functions)
    return WeakLadder(
        steps=rungs,
        observables=tuple(functions),
        differences=np.array([t.mean[:k] for t in main]),
        difference_covariances=np.array([t.covariance[:k, :k] / t.paths for t in main]),
        state_covariances=np.array([t.covariance[k:, k:] for t in main]),
        state_means=np.array([t.mean[k:] for t in main]),
        paths=np.array(sizes),
        path_steps=cost * sizes,
        pilot_path_steps=pilot_steps,
        evaluations=np.array([tab.n_evaluations for tab in tableaus]),
        combination=combination,
    )


@dataclass
class _Totals:
    """Sums over paths of the level's difference and of the coarse run's observables, side by side."""

    paths: int
    total: np.ndarray
    outer: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean of each."""
        return self.total / self.paths

    @property
    def covariance(self) -> np.ndarray:
        """Covariance per path."""
        return (self.outer - np.outer(self.total, self.mean)) / (self.paths - 1)


@dataclass
class _Run:
    """What all levels share, and the evaluations spent so far."""

    levels: list[Coupling]
    denoise: Denoiser
    start: Start
    reference: Reference
    observables: dict[str, Observable]
    seed: int
    progress: Callable[[int, int], None] | None
    done: int = 0

    def totals(self, stage: int, sizes: Sequence[int]) -> list[_Totals]:
        """Return the sums of every level over so many paths."""
        planned = self.done + sum(n * level.evaluations for n, level in zip(sizes, self.levels, strict=True))
        return [self._level_totals(stage, m, n, planned) for m, n in enumerate(sizes)]

    def _level_totals(self, stage: int, m: int, paths: int, planned: int) -> _Totals:
        level, k = self.levels[m], len(self.observables)
        sums = _Totals(paths, np.zeros(2 * k), np.zeros((2 * k, 2 * k)))
        width = math.prod(np.shape(self.start(1, 0))[1:])
        rows = max(_MIN_PATHS, BATCH_NUMBERS // (level.normals * width))
        for batch, first in enumerate(range(0, paths, rows)):
            n = min(rows, paths - first)
            values = self._values(level, n, (self.seed, stage, m, batch))
            sums.total += values.sum(axis=1)
            sums.outer += values @ values.T
            self.done += n * level.evaluations
            if self.progress is not None:
                self.progress(self.done, planned)
        return sums

    def _values(self, level: Coupling, n: int, seeds: tuple[int, ...]) -> np.ndarray:
        """Return differences and coarse observables of n paths, shape (2k, n)."""
        start, normals = start_and_normals(self.start, n, level.normals, seeds)
        coarse, fine = level.states(self.denoise, self.reference, start, normals)
        here = self._observe(coarse)
        return np.concatenate([here - sum(self._observe(states) for states in fine) / len(fine), here])

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


def _combination(trial: Sequence[_Totals]) -> np.ndarray:
    """Return the combination of observables, of variance 1, whose differences stand out most from their noise."""
    k = trial[0].mean.size // 2
    noise, signal = np.zeros((k, k)), np.zeros(k)
    spread = np.mean([t.covariance[k:, k:] for t in trial], axis=0)
    unit = np.sqrt(np.diag(spread)) + np.finfo(float).tiny
    for t in trial:
        covariance = t.covariance[:k, :k] / np.outer(unit, unit)
        scale = max(float(np.trace(covariance)), np.finfo(float).tiny)
        noise, signal = noise + covariance / scale, signal + t.mean[:k] / unit / scale**0.5
    u = np.linalg.pinv(noise, rcond=1e-6, hermitian=True) @ signal / unit
    size = float(u @ spread @ u) ** 0.5
    return u / size if size > 0.0 else np.eye(k)[0]


def _sizes(
    trial: Sequence[_Totals], u: np.ndarray, cost: np.ndarray, rungs: np.ndarray, target: float, budget: float
) -> list[int]:
    r"""Return the paths of each level that the target asks for, cut to the budget.

    :math:`\Delta_m` gets the share 3/4 of the variance allowed to :math:`e_m`, which leaves the rest for the finer
    levels even where the error falls with order 1 only. Every level gets the least number besides.
    """
    k = u.size
    variance = np.array([u @ t.covariance[:k, :k] @ u for t in trial])
    means, unsure = np.array([u @ t.mean[:k] for t in trial]), variance / np.array([t.paths for t in trial])
    size = np.abs(np.cumsum(means[::-1])[::-1])
    clear = size > _CLEAR * np.sqrt(np.cumsum(unsure[::-1])[::-1])
    for i in np.flatnonzero(~clear):  # as if it fell with order 2 from the rung before
        size[i] = max(size[i], size[i - 1] * (rungs[i - 1] / rungs[i]) ** 2) if i else size[i]
    wanted = np.minimum(variance / (0.75 * (target * np.maximum(size, _ROUND_OFF)) ** 2), budget / cost)
    wanted *= min(1.0, budget / max(float(wanted @ cost), 1.0))
    return [_MIN_PATHS + int(n) for n in wanted]
