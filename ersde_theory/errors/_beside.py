r"""Weak errors of one scheme beside another whose errors are known, its control variate.

On one start and one path the two differ by little, so

.. math:: E f(Y) - E f(X) = E[f(Y) - f(C)] + (E f(C) - E f(X)),

the first mean by sampling the path and its reflection, the second known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors._coupling import Reference, checked_rungs, draws_on_path, path_grid
from ersde_theory.errors._observables import OBSERVABLES, Observable, checked_observables
from ersde_theory.errors._points import StartAt
from ersde_theory.errors._weak_run import REPLICATES, Totals, WeakRun, as_if_falling
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import Denoiser, sample
from ersde_theory.tableau import Tableau


@dataclass(frozen=True)
class Beside:
    """A scheme and its control on one path.

    Attributes
    ----------
    tableaus : tuple of Tableau
        The scheme's and the control's.
    draws : tuple of sparse arrays
        Their draws from the path's normals.
    levels : float64 array of shape (intervals + 1,)
        Of the path.

    Examples
    --------
    See :func:`difference_ladder`.
    """

    tableaus: tuple[Tableau, Tableau]
    draws: tuple[Any, Any]
    levels: np.ndarray

    @property
    def normals(self) -> int:
        """Number of standard normals a coordinate."""
        return int(self.draws[0].shape[1])

    @property
    def evaluations(self) -> int:
        """Of both schemes on the path and its reflection."""
        return 2 * sum(tab.n_evaluations for tab in self.tableaus)

    def states(
        self, denoise: Denoiser, _reference: Reference, start: np.ndarray, normals: np.ndarray
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Return the final states of the scheme and of its control, on the path and on its reflection.

        Parameters
        ----------
        denoise : callable
            As for :func:`ersde_theory.sample`.
        start : float64 array of shape (n, ...)
            Start states.
        normals : float64 array of shape (self.normals, n, ...)
            Standard normals.

        Returns
        -------
        own, controls : tuple of float64 arrays of shape (n, ...)

        Examples
        --------
        See :func:`difference_ladder`.
        """
        flat = normals.reshape(len(normals), -1)
        own, controls = (
            tuple(np.asarray(sample(tab, denoise, start, sign * noise)) for sign in (1.0, -1.0))
            for tab, noise in (
                (tab, (draws @ flat).reshape(-1, *start.shape))
                for tab, draws in zip(self.tableaus, self.draws, strict=True)
            )
        )
        return own, controls


@dataclass(frozen=True)
class DifferenceLadder:
    """Mean differences of observables between a scheme and its control, rung by rung; rungs are independent.

    Attributes
    ----------
    observables : tuple of str
        Names, k of them.
    differences : float64 array of shape (rungs, k)
        Means.
    covariances : float64 array of shape (rungs, k, k)
        Of these means.
    combination : float64 array of shape (k,)
        The combination of observables of variance 1 whose difference stood out most in the pilot.
    paths : int64 array of shape (rungs,)
        Paths of each rung, reflections not counted.
    path_steps : int
        Evaluations, pilots included.

    Examples
    --------
    See :func:`difference_ladder`.
    """

    observables: tuple[str, ...]
    differences: np.ndarray
    covariances: np.ndarray
    combination: np.ndarray
    paths: np.ndarray
    path_steps: int


def difference_ladder(
    tableaus: Sequence[Tableau],
    controls: Sequence[Tableau],
    known: np.ndarray,
    noise_scale: NoiseScale,
    denoise: Denoiser,
    start: StartAt,
    observables: Mapping[str, Observable] = OBSERVABLES,
    *,
    start_numbers: int,
    steps: Sequence[int] | None = None,
    target: float = 0.05,
    seed: int = 0,
    max_path_steps: float = 3e8,
    progress: Callable[[int, int], None] | None = None,
) -> DifferenceLadder:
    """Return mean differences of observables between a scheme and a control, with sizes chosen for the scheme's errors.

    Parameters
    ----------
    tableaus, controls : sequence of Tableau
        At least 4 rungs of either, in y, between the same levels.
    known : array of shape (k, rungs)
        Errors of the control's observables: with the differences they are the scheme's, whose sizes count.
    noise_scale : NoiseScale
        phi, whose clock couples the two.
    denoise, start, start_numbers, observables, steps
        As for :func:`~ersde_theory.errors.weak_ladder`.
    target : float
        Standard error of each rung's error, relative to it.
    seed : int
        Of everything.
    max_path_steps : float
        Evaluations to spend at most.
    progress : callable, optional
        Called as ``progress(done, total)`` in evaluations.

    Returns
    -------
    DifferenceLadder

    Raises
    ------
    TypeError, ValueError
        If arguments are of the wrong kind, the budget is too small, or draws are independent of the path.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> law, phi = Gaussian(np.zeros(1), 0.25), NoiseScale.reverse_sde()
    >>> own, control = ([schemes.er_sde(TimeGrid.karras(n, 5.0, 0.5), phi, k) for n in (4, 8, 16, 32)] for k in (3, 2))
    >>> found = difference_ladder(own, control, np.ones((5, 4)), phi, law.denoise, lambda points: law.sample_at(points,
    ...     5.0), start_numbers=2)
    >>> bool((abs(found.differences[:, 0]) < 5.0 * found.covariances[:, 0, 0] ** 0.5 + 1e-12).all())    # mean 0
    True
    """
    functions, rungs = checked_observables(observables), checked_rungs(tableaus, steps)
    relative, budget = (
        _checks.positive_number(value, name) for value, name in ((target, "target"), (max_path_steps, "max_path_steps"))
    )
    numbers, root = _checks.integer(start_numbers, "start_numbers", minimum=1), _checks.integer(seed, "seed", minimum=0)
    pairs = [_beside(pair, noise_scale) for pair in zip(tableaus, controls, strict=True)]
    of_control = np.asarray(known, dtype=np.float64).T
    run = WeakRun(pairs, denoise, start, numbers, _no_reference, functions, root, progress)

    def excess(trial: Sequence[Totals], _u: np.ndarray) -> np.ndarray:
        size = np.abs(np.array([t.mean for t in trial]) + of_control).T
        unsure = np.sqrt([np.diag(t.covariance) for t in trial]).T
        wanted = [relative * as_if_falling(row, spread, rungs) for row, spread in zip(size, unsure, strict=True)]
        return np.asarray(np.median((unsure / np.array(wanted)) ** 2, axis=0))  # some errors may pass through 0

    sizes, combination, _, main = run.staged(excess, budget)
    return DifferenceLadder(
        tuple(functions),
        np.array([t.mean for t in main]),
        np.array([t.covariance for t in main]),
        combination,
        REPLICATES * np.array(sizes),
        run.done,
    )


def _beside(pair: tuple[Tableau, Tableau], noise_scale: NoiseScale) -> Beside:
    """Return two tableaus on the path that both see; its areas only if one looks at them."""
    grid = path_grid(pair)
    path = BrownianPath(noise_scale, grid, 0)
    own, control = (draws_on_path(tab, path) for tab in pair)
    if max(own.indices.max(initial=-1), control.indices.max(initial=-1)) < grid.n_steps:
        own, control = own[:, : grid.n_steps], control[:, : grid.n_steps]
    return Beside(pair, (own, control), grid.levels)


def _no_reference(*_arguments: np.ndarray) -> np.ndarray:
    """Say that nothing here asks for a reference."""
    msg = "reference: expected no call, got one"
    raise AssertionError(msg)
