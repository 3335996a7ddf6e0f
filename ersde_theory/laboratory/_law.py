"""Errors of the output's law on the line, propagated without sampling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from ersde_theory.errors import OBSERVABLES
from ersde_theory.laboratory._task import Advance, Ladders, Task, exact_ladders, silent
from ersde_theory.law_propagation import OutputLaw, can_propagate, propagate_law
from ersde_theory.problems import Problem
from ersde_theory.tableau import Tableau

_DISTANCES = ("total variation", "Wasserstein-1")
_LogDensity = Callable[[np.ndarray], np.ndarray]


def law_errors(task: Task) -> Ladders:
    """Return distances of laws and signed errors of observables, with the errors of the rule as floors."""
    if not all(map(can_propagate, task.tableaus)):
        msg = (
            f"scheme: expected one without noise, or of one or two steps, for kind 'law', got {task.entry.name} with "
            f"{task.noise_scale.name}; kind 'weak' takes every scheme"
        )
        raise ValueError(msg)
    values, bounds = _compared(task.problem, task.tableaus, _distances_and_observables, task.advance)
    return exact_ladders(task.steps, (*_DISTANCES, *OBSERVABLES), values, bounds)


def weak_errors_of_law(task: Task) -> Ladders:
    """Return the signed errors of observables alone, with the errors of the rule as floors."""
    values, bounds = _compared(task.problem, task.tableaus, _of_observables, task.advance)
    return exact_ladders(task.steps, tuple(OBSERVABLES), values, bounds)


def law_of_observables(problem: Problem, tableaus: Sequence[Tableau]) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed errors of observables and the errors of the rule, each of shape (observables, tableaus)."""
    return _compared(problem, tableaus, _of_observables, silent)


def _compared(
    problem: Problem,
    tableaus: Sequence[Tableau],
    compare: Callable[[OutputLaw, _LogDensity], list[tuple[float, float]]],
    advance: Advance,
) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers that compare the output's law with the right one, and their errors, a column a tableau."""
    law = problem.make_law()
    if law.dim != 1:
        msg = f"problem: expected one of one dimension for kind 'law', got {problem.name!r} of {law.dim}"
        raise ValueError(msg)
    found = []
    for k, tab in enumerate(tableaus):
        start, end = float(tab.noise_level[0]), float(tab.noise_level[-1])
        output = propagate_law(tab, law.denoise, functools.partial(law.log_density, noise_level=start))
        found.append(compare(output, functools.partial(law.log_density, noise_level=end)))
        advance((k + 1) / len(tableaus))
    values, bounds = np.array(found).transpose(2, 1, 0)
    return values, bounds


def _of_observables(output: OutputLaw, target: _LogDensity) -> list[tuple[float, float]]:
    return [output.weak_error(functools.partial(_on_the_line, f), target) for f in OBSERVABLES.values()]


def _distances_and_observables(output: OutputLaw, target: _LogDensity) -> list[tuple[float, float]]:
    return [output.total_variation(target), output.wasserstein1(target), *_of_observables(output, target)]


def _on_the_line(observable: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return an observable of states at points of shape (n,)."""
    return observable(x[:, None])
