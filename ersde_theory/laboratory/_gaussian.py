"""Errors on Gaussian data: exact, no sampling."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytic import gaussian_transition
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.catalogue import Scheme
from ersde_theory.clock import step_clock
from ersde_theory.errors import StepTransition, exact_local_error, exact_strong_error
from ersde_theory.exact_gaussian import output_moments, target_moments, wasserstein2
from ersde_theory.laboratory._measurement import Kind
from ersde_theory.laboratory._task import Ladders, Task, exact_ladders
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_Found = tuple[tuple[str, ...], np.ndarray, np.ndarray]
_EPSILON = float(np.finfo(float).eps)


def exact_errors(task: Task, kind: Kind) -> Ladders:
    """Return the errors of a kind on a Gaussian problem."""
    assert task.problem.spectrum is not None
    if kind in (Kind.STRONG, Kind.LOCAL) and np.size(task.problem.spectrum[1]) > 1:
        msg = f"problem: expected one dimension for kind {kind.value!r}, got {task.problem.name!r}"
        raise ValueError(msg)
    if kind in (Kind.STRONG, Kind.LOCAL) and task.entry.own_noise:
        what = f"{task.entry.name}, whose noise belongs to no path"
        msg = f"kind: expected 'exact' or 'weak' for {what}, got {kind.value!r}"
        raise ValueError(msg)
    mean, variance = task.problem.spectrum
    tables, phi = task.tableaus, task.noise_scale
    if np.size(variance) > 1:
        found = spectrum_errors(tables, mean, variance)
    elif kind is Kind.STRONG:
        found = path_errors(tables, float(mean), float(variance), phi)
    elif kind is Kind.LOCAL:
        coarse = task.problem.make_grid(task.steps[0]).levels
        found = step_errors(tables, float(mean), float(variance), phi, coarse[len(coarse) // 2 : -1])
    else:
        found = of_own_noise(task.entry, moment_errors(tables, float(mean), float(variance), phi))
    return exact_ladders(task.steps, *found, unit=0.5 if kind in (Kind.STRONG, Kind.LOCAL) else 1.0)


def of_own_noise(entry: Scheme, found: _Found) -> _Found:
    """Return what can be judged of a scheme: without the mean if its noise is its own, for no phi has that mean."""
    names, errors, floors = found
    return (names[1:], errors[1:], floors[1:]) if entry.own_noise else found


def spectrum_errors(tableaus: Sequence[Tableau], mean: np.ndarray, variance: np.ndarray) -> _Found:
    """Return the name, values and round-off of the output's Wasserstein-2 distance over a spectrum."""
    values = np.array([[float(np.sqrt((wasserstein2(tab, mean, variance) ** 2).sum())) for tab in tableaus]])
    return ("W2",), values, _roundoff(tableaus, np.array([float(np.sqrt(variance.sum()))]))


def moment_errors(tableaus: Sequence[Tableau], mean: float, variance: float, noise_scale: NoiseScale) -> _Found:
    """Return names, signed errors and round-off of the output's mean (start mean 0) and variance, shape (2, L)."""
    got = np.array([output_moments(tab, mean, variance, start_mean=0.0) for tab in tableaus])
    return against_exact_moments(got, tableaus, mean, variance, noise_scale)


def against_exact_moments(
    got: np.ndarray, tableaus: Sequence[Tableau], mean: float, variance: float, noise_scale: NoiseScale
) -> _Found:
    """Return names, signed errors and round-off of moments of shape (L, 2), started from mean 0.

    The exact mean contracts towards the data's by the factor of the exact solution.
    """
    end, start = tableaus[0].noise_level[-1], tableaus[0].noise_level[0]
    factor = float(gaussian_transition(noise_scale.tau_squared, variance, float(start), float(end)).factor)
    exact = np.array([mean * (1.0 - factor), float(target_moments(tableaus[0], mean, variance)[1])])
    return ("mean", "variance"), (got - exact).T, _roundoff(tableaus, np.abs(exact))


def path_errors(tableaus: Sequence[Tableau], mean: float, variance: float, noise_scale: NoiseScale) -> _Found:
    """Return names, root mean square errors and round-off at the end and at the worst node of the coupled path.

    The start has mean 0, so that errors of the mean count.
    """
    errors = np.empty((2, len(tableaus)))
    for k, tab in enumerate(tableaus):
        found = exact_strong_error(tab, variance, **_on_the_path(tab, noise_scale, variance), mean=mean, start_mean=0.0)
        errors[:, k] = found[-1], found.max()
    size = np.hypot(mean, np.sqrt(variance + tableaus[0].sigma[[-1, 0]] ** 2))
    return ("RMS at the end", "RMS at the worst node"), errors, _roundoff(tableaus, size)


def step_errors(
    tableaus: Sequence[Tableau], mean: float, variance: float, noise_scale: NoiseScale, starts: np.ndarray
) -> _Found:
    """Return the name, root mean square errors and round-off of steps that start at given levels, nodes of all.

    The mean is over several levels too, for at a single one the leading term may vanish.
    """
    errors = np.empty((1, len(tableaus)))
    for k, tab in enumerate(tableaus):
        chosen = np.isin(node_levels(tab)[:-1], starts)
        found = exact_local_error(tab, variance, **_on_the_path(tab, noise_scale, variance), mean=mean, start_mean=0.0)
        errors[0, k] = np.sqrt(np.mean(found.error[chosen] ** 2))
    size = np.array([np.hypot(mean, (variance + starts[0] ** 2) ** 0.5)])
    return ("RMS of a step",), errors, _roundoff(tableaus, size)


def _on_the_path(tab: Tableau, noise_scale: NoiseScale, variance: float) -> dict[str, Any]:
    """Return the exact solution over the intervals between all levels of nodes and draws, and the path on them."""
    nodes = node_levels(tab)
    ends = [level for draw in tab.draws for level in (draw.level_from, draw.level_to)]
    levels = np.unique(np.append(nodes, ends))[::-1]
    path = None if levels.size == nodes.size else BrownianPath(noise_scale, TimeGrid(levels), 0)
    return {"transition": transition(levels, noise_scale, variance), "path": path}


def transition(levels: np.ndarray, noise_scale: NoiseScale, variance: float) -> StepTransition:
    """Return the exact solution over the steps between levels > 0, from the independent closed forms."""
    steps = [
        gaussian_transition(noise_scale.tau_squared, variance, float(a), float(b))
        for a, b in itertools.pairwise(levels)
    ]
    factor, noise, clock, cross, with_area = np.array(steps, dtype=float).T
    lever, spread = step_clock(noise_scale, levels[:-1], levels[1:])[1:]
    root = np.sqrt(np.where(clock > 0.0, clock, 1.0))
    seen, seen_area = cross / root, (with_area - lever * cross) / (spread * root)
    return StepTransition(factor, seen, np.sqrt(np.maximum(noise - seen**2 - seen_area**2, 0.0)), seen_area)


def node_levels(tab: Tableau) -> np.ndarray:
    """Return the levels of the grid that a tableau runs on."""
    last = np.full(tab.n_steps + 1, -1)
    rows = np.flatnonzero(tab.node >= 0)
    last[tab.node[rows]] = rows
    return tab.noise_level[last]


def _roundoff(tableaus: Sequence[Tableau], size: np.ndarray) -> np.ndarray:
    """Return the round-off of numbers of a size made by so many rows, shape (sizes, L)."""
    return _EPSILON * size[:, None] * np.array([float(tab.n_rows) for tab in tableaus])
