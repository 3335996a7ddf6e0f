"""Weak errors of any scheme on the line, against a scheme whose law is propagated: that one is the control variate.

On the same start, grid and noise the two differ by a small amount, and what the other one errs is known exactly. So

    E f(Y) - E f(X) = E[f(Y) - f(C)] + (E f(C) - E f(X)),

the first mean by sampling antithetic pairs, the second without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ersde_theory.catalogue import Scheme
from ersde_theory.errors import OBSERVABLES, judge_order
from ersde_theory.laboratory._measurement import Measurement
from ersde_theory.laboratory._task import Ladders
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau

_BATCH_NUMBERS = 2**22  # normals held at once: 32 MiB


def errors_against_law(
    entry: Scheme,
    control: Scheme,
    law_of_control: Measurement,
    noise_scale: NoiseScale,
    chosen: Problem,
    steps: Sequence[int],
    paths_per_step: int,
    seed: int,
) -> Ladders:
    """Return the signed errors of the observables on rungs where the control's law is known, judged.

    The difference falls faster than its standard error: a rung of N steps gets N times `paths_per_step` pairs.
    """
    rows = [law_of_control.quantities.index(name) for name in OBSERVABLES]
    columns = np.searchsorted(law_of_control.steps, steps)
    errors, floors = (table[rows][:, columns] for table in (law_of_control.errors, law_of_control.floors))
    spread, spent = np.zeros_like(errors), 0
    for k, n in enumerate(steps):
        pair = tuple(item.tableau(chosen.make_grid(n), noise_scale) for item in (entry, control))
        mean, spread[:, k] = _mean_difference(pair, chosen, n * paths_per_step, (seed, n))
        errors[:, k] += mean
        spent += 2 * n * paths_per_step * sum(tab.n_evaluations for tab in pair)
    said = tuple(judge_order(steps, e, s, floors=f) for e, s, f in zip(errors, spread, floors, strict=True))
    return Ladders(tuple(OBSERVABLES), errors, spread, floors, said, spent)


def _mean_difference(
    pair: tuple[Tableau, ...], chosen: Problem, pairs: int, seeds: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean difference of each observable between two tableaus, and its standard error."""
    law = chosen.make_law()
    total, squares = np.zeros((2, len(OBSERVABLES)))
    rows = max(1, _BATCH_NUMBERS // pair[0].n_draws)
    for batch, first in enumerate(range(0, pairs, rows)):
        n = min(rows, pairs - first)
        of_start, of_noise = np.random.SeedSequence((*seeds, batch)).spawn(2)
        start = law.sample(n, noise_level=float(pair[0].noise_level[0]), seed=int(of_start.generate_state(1)[0]))
        z = np.random.default_rng(of_noise).standard_normal((pair[0].n_draws, *start.shape))
        values = np.mean([_difference(pair, law.denoise, start, noise) for noise in (z, -z)], axis=0)
        total += values.sum(axis=1)
        squares += (values**2).sum(axis=1)
    mean = total / pairs
    return mean, np.sqrt((squares / pairs - mean**2) / (pairs - 1))


def _difference(
    pair: tuple[Tableau, ...], denoise: Callable[..., np.ndarray], start: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """Return the difference of every observable on every path, shape (observables, n)."""
    here, control = (sample(tab, denoise, start, noise) for tab in pair)
    return np.array([f(here) - f(control) for f in OBSERVABLES.values()])
