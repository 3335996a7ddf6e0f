"""Paths that end at another mode than the exact solution: what they do to the strong error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytic import GaussianMixture
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.catalogue import Scheme
from ersde_theory.errors import judge_order
from ersde_theory.laboratory._references import sde_end
from ersde_theory.laboratory._task import Ladders
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.sampling import sample

_REFINEMENT = 2  # of the finest grid, for the reference


def mode_switches(
    entry: Scheme, noise_scale: NoiseScale, chosen: Problem, steps: Sequence[int], paths: int, seed: int
) -> Ladders:
    """Return the share of paths that end at another mode than the exact solution, and the RMS error of the others."""
    law = chosen.make_law()
    if not isinstance(law, GaussianMixture):
        msg = f"problem: expected a mixture of Gaussians, got {chosen.name!r}"
        raise ValueError(msg)
    path = BrownianPath(noise_scale, chosen.make_grid(steps[-1]).refine(_REFINEMENT), seed)
    start = law.sample(paths, noise_level=float(path.grid.levels[0]), seed=seed)
    exact = sde_end(law, path, start)
    values, spread = np.empty((2, 2, len(steps)))
    for k, n in enumerate(steps):
        states = sample(entry.tableau(chosen.make_grid(n), noise_scale), law.denoise, start, path)
        stays = _nearest(states, law.means) == _nearest(exact, law.means)
        share = (paths - stays.sum() + 0.5) / (paths + 1.0)  # Jeffreys: not 0, and not sure, if none is seen
        squares = ((states - exact)[stays] ** 2).mean(axis=1)
        rms = squares.mean() ** 0.5
        values[:, k] = share, rms
        spread[:, k] = (share * (1.0 - share) / paths) ** 0.5, squares.std() / stays.sum() ** 0.5 / (2.0 * rms)
    said = tuple(judge_order(steps, row, error) for row, error in zip(values, spread, strict=True))
    names = ("share of switched paths", "RMS of the others, end")
    return Ladders(names, values, spread, np.zeros_like(values), said)


def _nearest(states: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the index of the mean nearest to each state."""
    squares: np.ndarray = ((states[:, None] - means) ** 2).sum(axis=2)
    return squares.argmin(axis=1)
