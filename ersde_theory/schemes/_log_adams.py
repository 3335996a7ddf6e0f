r"""Adams weights in :math:`\ln\lambda`, which SA-Solver and UniPC share."""

from __future__ import annotations

import numpy as np

from ersde_theory._levels import log_ratio
from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import exponential_ratio, multistep_tableau, pec_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


def log_adams_tableau(
    name: str,
    grid: TimeGrid,
    noise_scale: NoiseScale,
    predictor: int,
    corrector: int,
    two_point: np.ndarray | None = None,
) -> Tableau:
    r"""Return a stochastic Adams predictor, with a corrector that reuses the evaluation or without.

    The order rises 1, 2, ... over the first steps; a last step to level 0 is first order.

    Parameters
    ----------
    name : str
        Name in tables.
    grid : TimeGrid
        N steps from a finite level.
    noise_scale : NoiseScale
        phi.
    predictor, corrector : int
        Number of evaluations that each interpolates; corrector 0 is none.
    two_point : array of shape (N,), optional
        A step's :math:`B`, to replace the integral over two points by :math:`\tfrac12 B` times their slope, the
        slope in units of the step.
    """
    start, end = grid.levels[:-1], grid.levels[1:]
    if np.isinf(start[0]):
        msg = f"grid: expected a finite first level for a polynomial in ln(lambda), got {start[0]}"
        raise ValueError(msg)
    ratio = exponential_ratio(noise_scale, grid)
    noise = np.sqrt(noise_scale.noise_variance(start, end))
    predicts = _weights(grid, noise_scale, predictor, 0, two_point)
    if corrector == 0:
        return multistep_tableau(name, grid, ratio, predicts, noise)
    corrects = _weights(grid, noise_scale, corrector, 1, two_point)
    return pec_tableau(name, grid, ratio, predicts, corrects, noise)


def _weights(
    grid: TimeGrid, noise_scale: NoiseScale, order: int, ahead: int, two_point: np.ndarray | None
) -> np.ndarray:
    """Return the weights of the evaluations i + ahead, i + ahead - 1, ... in step i, shape (N, order)."""
    levels = grid.levels
    step = np.arange(grid.n_steps)
    usable = np.where(levels[1:] > 0.0, np.minimum(step + 1 + ahead, order), 1)
    fei = noise_scale.fei(levels[:-1], levels[1:])
    weights = np.zeros((grid.n_steps, order))
    weights[:, 0] = fei
    for k in range(2, order + 1):
        at = step[usable == k]
        nodes = levels[at[:, None] + ahead - np.arange(k)]
        if k == 2 and two_point is not None:
            step_in_gaps = log_ratio(levels[at], levels[at + 1]) / log_ratio(nodes[:, 1], nodes[:, 0])
            newer_minus_older = 0.5 * two_point[at] * step_in_gaps
            weights[at, 0] = newer_minus_older + (0.0 if ahead else fei[at])
            weights[at, 1] = -newer_minus_older + (fei[at] if ahead else 0.0)
        else:
            variable = InterpolationVariable.log()
            weights[at, :k] = interpolation_weights(noise_scale, levels[at], levels[at + 1], nodes, variable)
    return weights
