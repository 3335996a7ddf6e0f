r"""Weak errors on nested grids by coupled, antithetic multilevel differences.

With rungs :math:`N_0 < \dots < N_L` the error of an observable is a sum over levels, each with its own paths,

.. math:: e_l = E f(Y_{N_l}) - E f(X) = \sum_{m=l}^{L} \Delta_m, \quad
          \Delta_m = E[f(Y_{N_m}) - f(Y_{N_{m+1}})], \quad \Delta_L = E[f(Y_{N_L}) - f(X)] .

Both runs of a level see one Brownian path. The coarse one knows its draws :math:`c = Cx` alone, so the fine one is
averaged over x and its reflection :math:`2Px - x` with P the projector on the rows of C: what the coarse run cannot
see cancels to first order. What is left is averaged over randomised Sobol' points, replicated for its standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ersde_theory import _checks
from ersde_theory.errors._coupling import Reference, checked_rungs, couplings
from ersde_theory.errors._observables import OBSERVABLES, Observable, checked_observables
from ersde_theory.errors._order_verdict import OrderVerdict, judge_order
from ersde_theory.errors._points import StartAt
from ersde_theory.errors._weak_run import REPLICATES, ROUND_OFF, Totals, WeakRun, as_if_falling
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import Denoiser
from ersde_theory.tableau import Tableau


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
        Evaluations of the pilots, which fixed the number of paths and the combination and enter no mean.
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
        floors = ROUND_OFF * (np.abs(self.state_means) @ np.abs(self._weights(observable)))
        return judge_order(self.steps, errors, floors=floors, covariance=covariance, paths=self.paths, unit=1.0)

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
    start: StartAt,
    reference: Reference,
    observables: Mapping[str, Observable] = OBSERVABLES,
    *,
    start_numbers: int,
    steps: Sequence[int] | None = None,
    target: float = 0.05,
    seed: int = 0,
    max_path_steps: float = 3e8,
    reference_evaluations: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> WeakLadder:
    r"""Return the weak errors of one scheme on nested grids.

    Two pilots fix the combination of observables to judge by and the paths of every level; the main run has paths of
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
        ``start(points)`` maps n points of the open unit cube, shape (n, `start_numbers`), to n start states, float64
        of shape (n, ...), such that uniform points give the start law: :meth:`analytic.Law.sample_at`.
    reference : callable
        ``reference(levels, start, z, r)`` gives the exact final states on a Brownian path: levels of shape (M + 1,),
        z and r of shape (M, n, ...) the standardised increments over the M intervals, and what the areas
        :math:`\int (A_t - A)\,dB` have besides. The levels are the finest grid, each interval halved.
    observables : mapping of str to callable
        Functions of final states to shape (n,).
    start_numbers : int
        Coordinates of a point that the start takes.
    steps : sequence of int, optional
        Step counts to fit against. Default: those of the tableaus.
    target : float
        Standard error of each rung's error, relative to it.
    seed : int
        Of everything.
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
        If arguments are of the wrong kind, the budget is less than the first pilot and the least paths take, draws are
        independent of the path, or an observable gives other than n finite numbers.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> law, phi = Gaussian(np.zeros(1), 0.25), NoiseScale.ode()
    >>> tabs = [schemes.er_sde(TimeGrid.karras(n, 5.0, 0.5), phi, 2) for n in (8, 16, 32, 64)]
    >>> start = lambda points: law.sample_at(points, 5.0)
    >>> exact = lambda levels, y, z, r: y * ((0.25 + levels[-1] ** 2) / (0.25 + levels[0] ** 2)) ** 0.5
    >>> ladder = weak_ladder(tabs, phi, law.denoise, start, exact, start_numbers=2)
    >>> ladder.verdict().confirms(2)
    True

    References
    ----------
    Giles 2008 (multilevel Monte Carlo); Giles and Szpruch 2014 (antithetic twins); Owen 1997 (scrambled nets); Giles
    and Waterhouse 2009 (multilevel quasi-Monte Carlo).
    """
    _checks.callables(denoise=denoise, start=start, reference=reference)
    functions = checked_observables(observables)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    relative = _checks.positive_number(target, "target")
    budget = _checks.positive_number(max_path_steps, "max_path_steps")
    root = _checks.integer(seed, "seed", minimum=0)
    numbers = _checks.integer(start_numbers, "start_numbers", minimum=1)
    rungs = checked_rungs(tableaus, steps)
    per_interval = _checks.integer(reference_evaluations, "reference_evaluations", minimum=1)
    levels = couplings(tableaus, noise_scale, per_interval)
    run = WeakRun(levels, denoise, start, numbers, reference, functions, root, progress)

    def excess(trial: Sequence[Totals], u: np.ndarray) -> np.ndarray:
        return _excess(trial, u, rungs, relative)

    sizes, combination, pilot_steps, main = run.staged(excess, budget)
    paths = REPLICATES * np.array(sizes)
    return WeakLadder(
        steps=rungs,
        observables=tuple(functions),
        differences=np.array([t.mean for t in main]),
        difference_covariances=np.array([t.covariance for t in main]),
        state_covariances=np.array([t.state_covariance for t in main]),
        state_means=np.array([t.state_mean for t in main]),
        paths=paths,
        path_steps=run.cost * sizes,
        pilot_path_steps=pilot_steps,
        evaluations=np.array([tab.n_evaluations for tab in tableaus]),
        combination=combination,
    )


def _excess(trial: Sequence[Totals], u: np.ndarray, rungs: np.ndarray, target: float) -> np.ndarray:
    r"""Return each level's variance over what a relative standard error of the ladder's errors allows.

    :math:`\Delta_m` gets the share 3/4 of the variance allowed to :math:`e_m`, which leaves the rest for the finer
    levels even where the error falls with order 1 only.
    """
    variance, means = np.array([u @ t.covariance @ u for t in trial]), np.array([u @ t.mean for t in trial])
    size, unsure = (np.cumsum(parts[::-1])[::-1] for parts in (means, variance))
    return np.asarray(variance / (0.75 * (target * as_if_falling(np.abs(size), np.sqrt(unsure), rungs)) ** 2))
