"""Exponential Adams predictor-corrector (PEC) whose order falls with the length of the step."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.interpolation import InterpolationVariable
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import exponential_ratio, pec_tableau
from ersde_theory.schemes._exponential_pec import pec_grid, pec_weights
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_RATIONAL, _LINEAR = InterpolationVariable.rational(1.5), InterpolationVariable.linear()
_SHORT, _LONG = (4, 4), (2, 3)  # values of predictor and corrector


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

    def weights(ahead: int) -> np.ndarray:
        """Return the weights of the prediction (0) or the correction (1), shape (N, 4)."""
        of_short = pec_weights(noise_scale, grid, _SHORT[ahead], variable, ahead=ahead)
        of_long = pec_weights(noise_scale, grid, _LONG[ahead], _LINEAR, ahead=ahead)
        missing = of_short.shape[1] - of_long.shape[1]
        return (1.0 - share) * of_short + share * np.pad(of_long, ((0, 0), (0, missing)))

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
