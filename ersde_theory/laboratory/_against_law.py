"""Weak errors of any scheme on the line, against a scheme whose law is propagated: that one is the control variate."""

from __future__ import annotations

import functools

import numpy as np

from ersde_theory.catalogue import scheme
from ersde_theory.errors import OBSERVABLES, difference_ladder, judge_order
from ersde_theory.laboratory._law import law_of_observables
from ersde_theory.laboratory._task import Ladders, Task

CONTROL = "er_sde-2"  # two steps, for any phi


def errors_against_law(task: Task, max_path_steps: float) -> Ladders:
    """Return the signed errors of the observables, and of the combination of their differences that stands out most."""
    law, entry = task.problem.make_law(), scheme(CONTROL)
    controls = [entry.tableau(task.problem.make_grid(n), task.noise_scale) for n in task.steps]
    known, rounding = law_of_observables(task.problem, controls)
    found = difference_ladder(
        task.tableaus,
        controls,
        known,
        task.noise_scale,
        law.denoise,
        functools.partial(law.sample_at, noise_level=float(controls[0].noise_level[0])),
        start_numbers=1 + law.dim,
        steps=task.steps,
        target=task.target,
        seed=task.seed,
        max_path_steps=max_path_steps,
        progress=lambda done, total: task.advance(done / total),
    )
    weights = np.vstack([found.combination, np.eye(len(OBSERVABLES))])
    errors = weights @ (known + found.differences.T)
    spread = np.sqrt(np.einsum("qk,lkj,qj->ql", weights, found.covariances, weights))
    floors = np.abs(weights) @ rounding
    said = tuple(
        judge_order(task.steps, e, s, floors=f, paths=found.paths, unit=1.0)
        for e, s, f in zip(errors, spread, floors, strict=True)
    )
    return Ladders(("combination", *found.observables), errors, spread, floors, said, found.path_steps)
