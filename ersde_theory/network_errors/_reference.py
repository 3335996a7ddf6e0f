"""Fine references along the samplers' own Brownian path, by the Runge-Kutta method of :mod:`analytic`.

It steps in A = 1/phi with classical weights and shares nothing with the exponential schemes that it judges. What
drives it are the increments and areas of the same path, over the intervals of any grid whose levels the path has.
"""

from __future__ import annotations

import itertools

import numpy as np

from analytic import solve_sde, step_covariances
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.laboratory._references import formula
from ersde_theory.network_errors._host import watched
from ersde_theory.sampling import Denoiser
from ersde_theory.tableau import Draw
from ersde_theory.time_grid import TimeGrid

EVALUATIONS = 4  # of one step


def reference_states(denoise: Denoiser, path: BrownianPath, levels: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the reference's states at all levels.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)``.
    path : BrownianPath
        That has the levels.
    levels : float64 array of shape (N + 1,)
        Strictly decreasing, > 0.
    start : float64 array of shape (n, d)
        State at the first.

    Returns
    -------
    float64 array of shape (N + 1, n, d)

    Raises
    ------
    NonFiniteError
        If the denoiser gives nan or inf.

    Examples
    --------
    >>> from ersde_theory import NoiseScale
    >>> grid = TimeGrid([4.0, 2.0, 1.0])
    >>> path = BrownianPath(NoiseScale.ode(), grid, 0)
    >>> halve = lambda y, noise_level: np.zeros_like(y)
    >>> reference_states(halve, path, grid.levels, np.array([[8.0]]))[:, 0, 0].round(12).tolist()
    [8.0, 4.0, 2.0]
    """
    phi = formula(path.noise_scale)
    steps = step_covariances(phi, levels)
    shape, n = start.shape[1:], len(start)
    increments, areas = np.zeros((2, len(levels) - 1, *start.shape))
    if steps.variance.any():
        for j, (high, low) in enumerate(itertools.pairwise(levels.tolist())):
            increments[j] = np.sqrt(steps.variance[j]) * path.normals(Draw(high, low), shape, 0, n)
            areas[j] = np.sqrt(steps.area_variance[j]) * path.normals(Draw(high, low, "area"), shape, 0, n)
    safe = watched(denoise, "the reference")
    return solve_sde(safe, phi, levels, start, increments, areas, return_trajectory=True)


def nested_grid(base: TimeGrid, n_steps: int) -> TimeGrid:
    """Return a grid of so many steps, a multiple of the base grid's, nested with all others of that base."""
    return base.refine(n_steps // base.n_steps)
