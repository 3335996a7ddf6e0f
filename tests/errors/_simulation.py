"""Paths of Gaussian data simulated by the independent reference, as a judge of exact errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytic import Gaussian, coarsen_brownian, draw_brownian, solve_sde, step_covariances
from ersde_theory import Tableau, TimeGrid
from ersde_theory.claims._ladders import VARIANCE
from ersde_theory.schemes._assembly import exponential_ratio, pec_tableau

LAW = Gaussian(np.zeros(1), VARIANCE)
SIGMAS = 4.5  # two-sided level 1e-5


class Simulated(NamedTuple):
    """Exact states at the nodes (nodes, n, 1), and increments and areas of the steps as normals (steps, n, 1)."""

    states: np.ndarray
    increments: np.ndarray
    areas: np.ndarray

    def noise(self, tab: Tableau) -> np.ndarray:
        """Return the draws of a tableau on these paths."""
        step = {level: j for j, level in enumerate(tab.sigma[tab.node >= 0].tolist())}
        normals = {"increment": self.increments, "area": self.areas}
        return np.stack([normals[draw.kind][step[draw.level_from]] for draw in tab.draws])


def simulate(phi, grid: TimeGrid, paths: int, seed: int, refine: int = 40) -> Simulated:
    """Return exact paths from the right law, on steps `refine` times finer than the grid's."""
    fine = grid.refine(refine).levels
    increments, areas = draw_brownian(phi, fine, (paths, 1), seed=seed)
    start = LAW.sample(paths, noise_level=float(fine[0]), seed=seed + 1)
    states = solve_sde(LAW.denoise, phi, fine, start, increments, areas, return_trajectory=True)
    levels, total, area = coarsen_brownian(phi, fine, increments, areas, refine)
    steps = step_covariances(phi, levels)
    normals = (x / np.sqrt(v)[:, None, None] for x, v in ((total, steps.variance), (area, steps.area_variance)))
    return Simulated(states[::refine], *normals)


def heun_with_one_evaluation(grid: TimeGrid, phi) -> Tableau:
    """Return a predictor-corrector tableau (PEC): Euler, then the mean of the evaluations at both ends."""
    fei = phi.fei(grid.levels[:-1], grid.levels[1:])[:, None]
    noise = np.sqrt(phi.noise_variance(grid.levels[:-1], grid.levels[1:]))
    return pec_tableau("pec", grid, exponential_ratio(phi, grid), fei, fei * np.array([0.5, 0.5]), noise)


def within(squared_errors: np.ndarray, predicted_rms: float) -> bool:
    """Return whether the mean of squared errors is as predicted, within the Monte Carlo interval."""
    spread = squared_errors.std(ddof=1) / squared_errors.size**0.5
    return bool(abs(squared_errors.mean() - predicted_rms**2) < SIGMAS * spread)
