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


def pec_tableau(
    name: str,
    grid: TimeGrid,
    ratio: np.ndarray,
    predictor: np.ndarray,
    corrector: np.ndarray,
    noise: np.ndarray,
) -> Tableau:
    """Return the table of a predictor-corrector scheme in y that reuses the evaluation (PEC).

    Each step predicts a state, evaluates the denoiser there once, and corrects the state with that value and
    the step's own noise; the next step starts from the corrected state. The last step has no evaluation at
    its end and is not corrected, so N steps cost N evaluations.

    Parameters
    ----------
    name : str
        Name in tables.
    grid : TimeGrid
        N steps from a finite level.
    ratio, noise : arrays of shape (N,)
        Coefficients of the previous corrected state and of the draw.
    predictor : array of shape (N, k)
        Coefficients of the evaluations i, i - 1, ... in the prediction of step i; 0 where there is none.
    corrector : array of shape (N, c)
        Coefficients of the evaluations i + 1, i, ... in the corrected state; the last row is not used.
    """
    levels, n = grid.levels, grid.n_steps
    row = np.arange(2 * n)  # the start, then prediction and correction of each step, the last without correction
    at = (row + 1) // 2  # the grid node of each row
    predicts, corrects = row[1::2], row[2::2]
    stage = np.isin(row, predicts[:-1])
    k, c = predictor.shape[1], corrector.shape[1]
    width = max(k + 1, c)
    columns, data = np.full((row.size, width), -1), np.zeros((row.size, width))
    columns[predicts, :k] = (at[predicts] - 1)[:, None] - np.arange(k)
    data[predicts, :k] = predictor
    columns[corrects] = at[corrects][:, None] - np.arange(width)
    data[corrects, :c] = corrector[:-1]
    data[corrects, 1 : k + 1] -= predictor[:-1]
    columns[columns < 0] = -1
    previous, weight = np.ones(row.size), np.zeros((row.size, 1))
    previous[predicts], weight[predicts, 0] = ratio, noise
    drawn = np.full((row.size, 1), -1)
    drawn[predicts, 0] = at[predicts] - 1
    return Tableau(
        name=name,
        alpha=np.ones(row.size),
        sigma=levels[at],
        node=np.where(stage, -1, at),
        evaluation=np.where(stage | (row == 0), at, -1),
        previous=previous,
        data_columns=columns,
        data=np.where(columns < 0, 0.0, data),
        noise_columns=drawn,
        noise=weight,
        draws=tuple(Draw(float(a), float(b)) for a, b in itertools.pairwise(levels)),
    )
