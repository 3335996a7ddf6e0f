"""Errors of the output's law on the line, propagated without sampling."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ersde_theory.errors import OBSERVABLES
from ersde_theory.laboratory._task import Ladders, Task, exact_ladders
from ersde_theory.law_propagation import propagate_law

_DISTANCES = ("total variation", "Wasserstein-1")


def law_errors(task: Task) -> Ladders:
    """Return distances of laws and signed errors of observables, with the errors of the rule as floors."""
    law = task.problem.make_law()
    if law.dim != 1:
        msg = f"problem: expected one of one dimension for kind 'law', got {task.problem.name!r} of {law.dim}"
        raise ValueError(msg)
    names = (*_DISTANCES, *OBSERVABLES)
    values, bounds = np.empty((2, len(names), len(task.tableaus)))
    for k, tab in enumerate(task.tableaus):
        start, end = float(tab.noise_level[0]), float(tab.noise_level[-1])
        output = propagate_law(tab, law.denoise, functools.partial(law.log_density, noise_level=start))
        target = functools.partial(law.log_density, noise_level=end)
        found = [output.total_variation(target), output.wasserstein1(target)]
        found += [output.weak_error(functools.partial(_on_the_line, f), target) for f in OBSERVABLES.values()]
        values[:, k], bounds[:, k] = np.array(found).T
        task.advance((k + 1) / len(task.tableaus))
    return exact_ladders(task.steps, names, values, bounds)


def _on_the_line(observable: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return an observable of states at points of shape (n,)."""
    return observable(x[:, None])
