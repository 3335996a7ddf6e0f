"""Exponential Adams predictor-corrector (PEC) whose order falls with the length of the step."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import exponential_ratio, pec_tableau
from ersde_theory.schemes._exponential_pec import pec_grid, pec_weights
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_RATIONAL, _LINEAR = InterpolationVariable.rational(1.5), InterpolationVariable.linear()
_SHORT, _LONG = (4, 4), (2, 3)  # values of predictor and corrector
_EVEN = 4  # values of both in a long step that is about as long in the noise level as the one before
_SCALE = 0.75  # of their variable, in levels at which the step begins, where it is no longer than the one before
_SHRUNK, _KEPT = 0.72, 0.8  # ratios to the step before: not even, and even
_GROWN, _SUDDEN = 2.0, 3.0  # ratios up to which it is, and from which it is not again


def variable_order_pec(
    grid: TimeGrid,
    noise_scale: NoiseScale,
    *,
    short_step: float = 0.45,
    long_step: float = 0.7,
    variable: InterpolationVariable = _RATIONAL,
    start: str = "increasing",
) -> Tableau:
    r"""Return the PEC method that interpolates many values in short steps and few in long ones.

    With :math:`\ell = \ln(\lambda_s/\lambda_t)` and the weights of :func:`exponential_pec`, both of the prediction
    and of the correction,

    .. math:: w = (1-\theta)\,w_{4,4} + \theta\,w_{2,3}, \qquad
              \theta = \min\!\Big(1, \max\!\Big(0, \frac{\ell-\ell_{short}}{\ell_{long}-\ell_{short}}\Big)\Big).

    Steps up to :math:`\ell_{short}` are those of PEC-4-4 in a variable that follows the data prediction; from
    :math:`\ell_{long}` on they are those of PEC-2-3 in the noise level, which extrapolates tamely: there a step is too
    long for any order. In between the two are blended, for a scheme that jumps from one to the other can be worse
    than either.

    A step that is long in :math:`\ell` but not much shorter than the one before in :math:`\lambda` ends near level 0,
    with its values no further away than it goes: more values tell more. With
    :math:`r = (\lambda_s-\lambda_t)/(\lambda_{s-1}-\lambda_s)` it replaces, for :math:`r` from 0.8 to 2, by its share
    where :math:`r` is from 0.72 to 0.8 or from 2 to 3,

    .. math:: w_{2,3} \quad\text{by}\quad w_{4,4} \text{ in } v = \sqrt{c^2 + \lambda^2}, \qquad
              c = \tfrac34\,\lambda_s\max(1, r).

    For the data prediction is a smooth function of :math:`\lambda^2`, and in v equal steps in :math:`\lambda` shrink
    towards 0, so that the weights stay tame (:math:`\sum|w|/\sum w` of about 6 at r = 1, 13 in :math:`\lambda`). The
    last steps on levels uniform in the time of a variance-preserving process or a flow are such. On Karras levels with
    rho of 5 and more none is: there :math:`\ell > 0.45` means r < 0.71.

    N steps cost N evaluations; the first steps interpolate what there is, the last is not corrected, and is first
    order if it goes to level 0. Where all steps are short it is PEC-4-4: ODE order 4 with a balanced start, 3 with an
    increasing one; with noise strong order 1 and weak order 2. The defaults come from the comparison in
    ``docs/better_schemes.md``, which says on which laws they were chosen and on which tried.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level.
    noise_scale : NoiseScale
        phi, admissible on the grid.
    short_step, long_step : float
        Logarithmic lengths, 0 < short_step <= long_step; where they are equal the order changes at once.
    variable : InterpolationVariable
        What PEC-4-4 interpolates in; the default suits data of a standard deviation of about 1 or less.
    start : {"increasing", "balanced"}
        As :func:`exponential_pec` has it: ``balanced`` adds one level to the first interval.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of range, the first level is infinite, or the variable is infinite at a level that is
        used.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid
    >>> tab = variable_order_pec(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.exp_power())
    >>> tab.n_evaluations, tab.defects()
    (10, [])

    References
    ----------
    Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, sections III.7 (variable order) and III.8
    (PEC); Shampine & Gordon, Computer Solution of Ordinary Differential Equations; ``docs/better_schemes.md``.
    """
    short = _checks.positive_number(short_step, "short_step")
    long = _checks.positive_number(long_step, "long_step")
    if long < short:
        msg = f"long_step: expected a number >= short_step = {short}, got {long}"
        raise ValueError(msg)
    _checks.instance(variable, "variable", InterpolationVariable)
    grid = pec_grid(grid, noise_scale, max(_SHORT), start)
    share = _share_of_long(grid, short, long)[:, None]
    even = np.where(share[:, 0] > 0.0, _share_of_even(grid), 0.0)

    def weights(ahead: int) -> np.ndarray:
        """Return the weights of the prediction (0) or the correction (1), shape (N, 4)."""
        of_short = pec_weights(noise_scale, grid, _SHORT[ahead], variable, ahead=ahead)
        of_long = pec_weights(noise_scale, grid, _LONG[ahead], _LINEAR, ahead=ahead)
        of_long = np.pad(of_long, ((0, 0), (0, of_short.shape[1] - of_long.shape[1])))
        for i in np.flatnonzero(even):
            of_long[i] *= 1.0 - even[i]
            of_long[i] += even[i] * _weights_of_even(noise_scale, grid, int(i), ahead)
        return (1.0 - share) * of_short + share * of_long

    variance = noise_scale.noise_variance(grid.levels[:-1], grid.levels[1:])
    return pec_tableau(
        f"variable_order_pec {short:g}-{long:g} {variable.name} {start}, {noise_scale.name}",
        grid,
        exponential_ratio(noise_scale, grid),
        weights(0),
        weights(1),
        np.sqrt(variance),
    )


def _share_of_long(grid: TimeGrid, short: float, long: float) -> np.ndarray:
    """Return theta of each step: 0 up to `short`, 1 above `long`."""
    start, end = grid.levels[:-1], grid.levels[1:]
    length = np.full(grid.n_steps, np.inf)
    length[end > 0.0] = log_ratio(start[end > 0.0], end[end > 0.0])
    if short == long:
        return (length > long).astype(float)
    return np.clip((length - short) / (long - short), 0.0, 1.0)


def _ratios(grid: TimeGrid) -> np.ndarray:
    """Return the length of each step in the noise level over that of the one before, 0 for the first."""
    gaps = -np.diff(grid.levels)
    return np.append(0.0, gaps[1:] / gaps[:-1])


def _share_of_even(grid: TimeGrid) -> np.ndarray:
    """Return how far each step is about as long in the noise level as the one before, if it goes above 0: 0 to 1."""
    ratio = _ratios(grid)
    share = np.minimum((ratio - _SHRUNK) / (_KEPT - _SHRUNK), (_SUDDEN - ratio) / (_SUDDEN - _GROWN))
    return np.where(grid.levels[1:] > 0.0, np.clip(share, 0.0, 1.0), 0.0)


def _weights_of_even(noise_scale: NoiseScale, grid: TimeGrid, i: int, ahead: int) -> np.ndarray:
    """Return the weights of the evaluations i + ahead, ... in a step that counts as even."""
    levels, count = grid.levels, min(i + 1 + ahead, _EVEN)
    variable = InterpolationVariable.hypot(_SCALE * float(levels[i] * max(1.0, _ratios(grid)[i])))
    found = interpolation_weights(noise_scale, levels[i], levels[i + 1], levels[i + ahead - np.arange(count)], variable)
    return np.pad(found, (0, _EVEN - count))
