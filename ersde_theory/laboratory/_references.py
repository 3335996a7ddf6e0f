"""Reference solutions for the laboratory: the oracles of `analytic`, driven by the same start and Brownian path."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from analytic import Law, solve_ode, solve_sde, step_covariances
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.random_numbers import AREA_NOISE, STEP_NOISE, standard_normal
from ersde_theory.time_grid import TimeGrid

Phi = Callable[[np.ndarray], np.ndarray]
ODE_TOLERANCE = 1e-10

# Written out again, so that the reference does not share the formula with what it judges.
_FORMULAS: dict[str, Phi] = {
    "ode": lambda x: x,
    "reverse_sde": lambda x: x**2,
    "exp_reciprocal": lambda x: x * (np.exp(-1.0 / x) + 10.0),
    "log_power": lambda x: x**0.9 * np.log10(1.0 + 100.0 * x**1.5),
    "exp_power": lambda x: x * (np.exp(x**0.3) + 10.0),
}


def formula(noise_scale: NoiseScale) -> Phi:
    """Return phi as a plain function of the level: its own formula where it has a name, else that of the object."""
    if noise_scale.name in _FORMULAS:
        return _FORMULAS[noise_scale.name]
    exponent = noise_scale.power_exponent
    if exponent is not None:
        return lambda x: x**exponent
    return lambda x: x * np.exp(np.asarray(noise_scale.log_excess(x)))


def ode_end(law: Law, grid: TimeGrid, start: np.ndarray) -> np.ndarray:
    """Return the final states of the probability-flow ODE, shape (n, d)."""
    return solve_ode(law.denoise, start, float(grid.levels[0]), float(grid.levels[-1]), rtol=ODE_TOLERANCE)


Reference = Callable[..., np.ndarray]


def sde_reference(law: Law, noise_scale: NoiseScale) -> Reference:
    """Return the exact solution as a function of a path: ``(levels, start, z, r)`` to final states (n, d).

    z and r, of shape (N, n, d), are the standard normals of each interval: of its increment, and of what its area
    has besides. With ``return_trajectory=True`` all states come, (N + 1, n, d).
    """
    phi = formula(noise_scale)

    @functools.lru_cache(maxsize=8)
    def scales(levels: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what z is multiplied by in increments and areas, and r in areas."""
        steps = step_covariances(phi, np.array(levels))
        root = np.sqrt(steps.variance)
        shared = np.divide(steps.cross, root, out=np.zeros_like(root), where=root > 0.0)
        return root, shared, np.sqrt(np.maximum(steps.area_variance - shared**2, 0.0))

    def solve(
        levels: np.ndarray, start: np.ndarray, z: np.ndarray, r: np.ndarray, *, return_trajectory: bool = False
    ) -> np.ndarray:
        column = (-1,) + (1,) * (z.ndim - 1)
        increment, shared, rest = (scale.reshape(column) for scale in scales(tuple(levels.tolist())))
        areas = shared * z + rest * r
        return solve_sde(law.denoise, phi, levels, start, increment * z, areas, return_trajectory=return_trajectory)

    return solve


def ode_reference(law: Law) -> Reference:
    """Return the solution of the probability-flow ODE with the signature of :func:`sde_reference`."""

    def solve(
        levels: np.ndarray, start: np.ndarray, *_noise: np.ndarray, return_trajectory: bool = False
    ) -> np.ndarray:
        states = solve_ode(law.denoise, start, float(levels[0]), float(levels[-1]), rtol=ODE_TOLERANCE, levels=levels)
        return states if return_trajectory else states[-1]

    return solve


def path_normals(
    path: BrownianPath, row_shape: tuple[int, ...], first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path's own two normals per fine interval for some rows, each of shape (N, rows, ...)."""
    intervals = range(path.grid.n_steps)
    z, r = (
        np.stack([standard_normal(path.seed, j, row_shape, first, last, stream) for j in intervals])
        for stream in (STEP_NOISE, AREA_NOISE)
    )
    return z, r


def rows_in_memory(grid: TimeGrid, row_shape: tuple[int, ...], megabytes: float = 256.0) -> int:
    """Return how many rows of normals on a grid fit into so much memory."""
    return max(16, int(megabytes * 2.0**17 / (2 * grid.n_steps * math.prod(row_shape))))


def sde_end(law: Law, path: BrownianPath, start: np.ndarray) -> np.ndarray:
    """Return the final states of the SDE along a Brownian path, on its own grid, shape (n, d)."""
    reference = sde_reference(law, path.noise_scale)
    rows, shape = rows_in_memory(path.grid, start.shape[1:]), tuple(start.shape[1:])
    parts = []
    for first in range(0, start.shape[0], rows):
        last = min(start.shape[0], first + rows)
        parts.append(reference(path.grid.levels, start[first:last], *path_normals(path, shape, first, last)))
    return np.concatenate(parts)
