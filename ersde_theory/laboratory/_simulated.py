"""Errors by simulation: weak ones by coupled levels, strong ones and the ODE's along the path."""

from __future__ import annotations

import functools

import numpy as np

from ersde_theory.errors import strong_ladder, weak_ladder
from ersde_theory.laboratory._against_law import errors_against_law
from ersde_theory.laboratory._law import weak_errors_of_law
from ersde_theory.laboratory._references import ode_reference, sde_reference
from ersde_theory.laboratory._task import Ladders, Task
from ersde_theory.law_propagation import ResolutionError, can_propagate

_PATH_STEPS = 3e8  # evaluations that a weak ladder may take: about a quarter of a minute
_PATHS = {"ode": 500, "noise": 4000}
_REFINEMENT = {"ode": 1, "noise": 4}  # of the reference's levels: the ODE's has its own steps
_SUMMARIES = (("rms", "end"), ("median", "end"), ("rms", "over_path"), ("median", "over_path"))


def weak_errors(task: Task) -> Ladders:
    """Return signed errors of observables: on the line from a propagated law, the scheme's or a control's."""
    if task.problem.make_law().dim == 1 and task.noise_scale.name != "ode":
        try:
            if all(can_propagate(tab) for tab in task.tableaus):
                return weak_errors_of_law(task)
            return errors_against_law(task, _PATH_STEPS)
        except ResolutionError:  # so little noise that its law is too fine for the lattice
            pass
    return level_errors(task)


def level_errors(task: Task) -> Ladders:
    """Return signed errors of observables by coupled levels, and of the combination of them that stands out most."""
    law = task.problem.make_law()
    top = float(task.tableaus[0].noise_level[0])
    ladder = weak_ladder(
        task.tableaus,
        task.noise_scale,
        law.denoise,
        functools.partial(law.sample_at, noise_level=top),
        sde_reference(law, task.noise_scale),
        start_numbers=1 + law.dim,
        target=task.target,
        max_path_steps=_PATH_STEPS,
        seed=task.seed,
        progress=lambda done, total: task.advance(done / total),
    )
    names = ("combination", *ladder.observables)
    choice = (None, *ladder.observables)
    found = [ladder.errors(name) for name in choice]
    errors = np.stack([errors for errors, _ in found])
    spread = np.sqrt(np.stack([np.diag(covariance) for _, covariance in found]))
    spent = int(ladder.path_steps.sum()) + ladder.pilot_path_steps
    return Ladders(names, errors, spread, np.zeros_like(errors), tuple(map(ladder.verdict, choice)), spent)


def path_errors(task: Task) -> Ladders:
    """Return root mean squares and medians over paths of the error along the path: strong, or the ODE's."""
    law = task.problem.make_law()
    top = float(task.tableaus[0].noise_level[0])
    noise = "ode" if task.noise_scale.name == "ode" else "noise"
    exact = ode_reference(law) if noise == "ode" else sde_reference(law, task.noise_scale)
    ladder = strong_ladder(
        task.tableaus,
        task.noise_scale,
        law.denoise,
        lambda n, seed: law.sample(n, noise_level=top, seed=seed),
        functools.partial(exact, return_trajectory=True),
        steps=task.steps,
        paths=_PATHS[noise],
        refinement=_REFINEMENT[noise],
        seed=task.seed,
        progress=lambda done, total: task.advance(done / total),
    )
    names = tuple(f"{statistic}, {where.replace('_', ' ')}" for statistic, where in _SUMMARIES)
    found = [ladder.errors(*summary) for summary in _SUMMARIES]
    errors = np.stack([errors for errors, _ in found])
    spread = np.sqrt(np.stack([np.diag(covariance) for _, covariance in found]))
    spent = sum(tab.n_evaluations for tab in task.tableaus) * _PATHS[noise]
    return Ladders(names, errors, spread, np.zeros_like(errors), tuple(ladder.verdict(*s) for s in _SUMMARIES), spent)
