"""What the schemes share: a multistep table from per-step scalars, and exponential steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import divided_difference_weights
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid

BasisMoments = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def multistep_tableau(name: str, grid: TimeGrid, ratio: np.ndarray, weights: np.ndarray, noise: np.ndarray) -> Tableau:
    """Return the table of a multistep scheme in y with one evaluation and one draw a step.

    Parameters
    ----------
    name : str
        Name in tables.
    grid : TimeGrid
        N steps. A first level inf makes row 0 a state in units of the noise, alpha = 0 and sigma = 1.
    ratio, noise : arrays of shape (N,)
        Coefficients of the previous state and of the draw.
    weights : array of shape (N, k)
        Coefficients of the evaluations i, i - 1, ...; 0 where there is none.
    """
    levels, n = grid.levels, grid.n_steps
    step = np.arange(n)
    columns = step[:, None] - np.arange(weights.shape[1])
    columns = np.where(columns < 0, -1, columns)
    from_infinity = np.isinf(levels[0])
    return Tableau(
        name=name,
        alpha=np.append(0.0 if from_infinity else 1.0, np.ones(n)),
        sigma=np.append(1.0 if from_infinity else levels[0], levels[1:]),
        node=np.arange(n + 1),
        evaluation=np.append(step, -1),
        previous=np.append(1.0, ratio),
        data_columns=np.vstack([np.full((1, weights.shape[1]), -1), columns]),
        data=np.vstack([np.zeros((1, weights.shape[1])), np.where(columns < 0, 0.0, weights)]),
        noise_columns=np.append(-1, step)[:, None],
        noise=np.append(0.0, noise)[:, None],
        draws=tuple(Draw(float(a), float(b)) for a, b in itertools.pairwise(levels)),
    )


def exponential_ratio(noise_scale: NoiseScale, grid: TimeGrid) -> np.ndarray:
    r"""Return :math:`\varphi_t/\varphi_s` of each step; from infinity, for a start in units of the noise."""
    start, end = grid.levels[:-1], grid.levels[1:]
    ratio = np.zeros(grid.n_steps)
    inner = end > 0.0
    excess = noise_scale.log_excess_difference(start[inner], end[inner])
    unit = np.where(np.isinf(start[inner]), 1.0, start[inner])
    ratio[inner] = end[inner] / unit * np.exp(-excess)
    return ratio


def exponential_weights(grid: TimeGrid, order: int, basis_moments: BasisMoments, first_order: np.ndarray) -> np.ndarray:
    """Return data weights of steps whose order rises 1, 2, ... up to `order`; first order to a level 0.

    Parameters
    ----------
    grid : TimeGrid
        N steps.
    order : int
        Number of evaluations used.
    basis_moments : callable
        ``(nodes, lam_end, k)`` to an array (k, steps): the factor of each divided difference. ``nodes`` has
        shape (steps, k), the newest level first.
    first_order : array of shape (N,)
        Sum of the weights of each step, 1 - ratio.
    """
    levels, n = grid.levels, grid.n_steps
    weights = np.zeros((n, order))
    usable = np.minimum(np.arange(n) + 1 - int(np.isinf(levels[0])), order)
    usable[levels[1:] == 0.0] = 1
    for k in range(2, order + 1):
        steps = np.flatnonzero(usable == k)
        if steps.size == 0:
            continue
        nodes = levels[steps[:, None] - np.arange(k)]
        factors = basis_moments(nodes, levels[steps + 1], k)
        differences = divided_difference_weights(nodes)
        weights[steps, 1:k] = np.einsum("mi,imj->ij", factors[1:], differences[:, 1:, 1:])
    weights[:, 0] = first_order - weights[:, 1:].sum(axis=1)
    return weights
