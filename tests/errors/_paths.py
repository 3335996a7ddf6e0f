"""Laws, starts and references that the order tests share; the reference is the analytic one."""

from __future__ import annotations

import numpy as np

from analytic import GaussianMixture, solve_sde, step_covariances
from ersde_theory import TimeGrid

TOP = 5.0
OVERLAPPING = GaussianMixture(
    np.array([0.5, 0.3, 0.2]), np.array([[0.8, 0.0], [-0.6, 0.5], [-0.3, -0.8]]), np.array([0.3, 0.4, 0.2])
)


def grid(n, bottom=0.2):
    """Return the Karras grid of n steps from 5."""
    return TimeGrid.karras(n, TOP, bottom)


def start_of(law):
    """Return a start from the smoothed law at the top level."""
    return lambda n, seed: law.sample(n, noise_level=TOP, seed=seed)


def start_at(law):
    """Return that start as a function of points in the unit cube."""
    return lambda points: law.sample_at(points, TOP)


def reference_of(law, phi, *, trajectory=False):
    """Return the analytic reference along a path given by standard normals."""

    def reference(levels, start, z, r):
        steps = step_covariances(phi, levels)
        column = (-1,) + (1,) * start.ndim
        root = np.sqrt(steps.variance).reshape(column)
        along = steps.cross.reshape(column) / np.where(root > 0.0, root, 1.0)
        rest = np.sqrt(np.maximum(steps.area_variance.reshape(column) - along**2, 0.0))
        areas = along * z + rest * r
        return solve_sde(law.denoise, phi, levels, start, root * z, areas, return_trajectory=trajectory)

    return reference


def exp_power(x):
    """Return phi of the release's default."""
    return x * (np.exp(x**0.3) + 10.0)
