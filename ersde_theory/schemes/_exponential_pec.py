"""Exponential Adams predictor-corrector that reuses its evaluation (PEC), in a free interpolation variable."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import exponential_ratio, pec_tableau
from ersde_theory.schemes._exponential_adams import balanced_start
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_LINEAR = InterpolationVariable.linear()
_STARTS = ("increasing", "balanced")


def exponential_pec(
    grid: TimeGrid,
    noise_scale: NoiseScale,
    *,
    predictor: int = 3,
    corrector: int = 3,
    variable: InterpolationVariable = _LINEAR,
    start: str = "increasing",
) -> Tableau:
    r"""Return the exponential Adams predictor-corrector method that evaluates once a step.

    .. math:: \tilde Y_t &= \frac{\varphi_t}{\varphi_s} Y_s
              + \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2} P(v(u))\,du
              + \sqrt{\lambda_t^2 - \lambda_s^2\varphi_t^2/\varphi_s^2}\;Z \\
              Y_t &= \tilde Y_t
              + \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2} (C - P)(v(u))\,du

    P interpolates the last p evaluations in the variable v, C the evaluation at :math:`\tilde Y_t` and the last
    c - 1 before it. The next step goes on from :math:`Y_t` with the evaluation at :math:`\tilde Y_t`, so N steps cost N
    evaluations; the last is not corrected, and is first order if it goes to level 0. ODE order min(p + 1, c), but 3
    at most with an increasing start; with noise, strong order 1 and weak order 2.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level.
    noise_scale : NoiseScale
        phi, admissible on the grid.
    predictor : int
        p, 1 to 4.
    corrector : int
        c, 2 to 5.
    variable : InterpolationVariable
        v, the noise level itself if left out. arctan(c) with c twice the data's standard deviation is up to twice as
        accurate from 20 evaluations on, and worse below (``docs/better_schemes.md``).
    start : {"increasing", "balanced"}
        ``increasing``: first 1 and 2 evaluations, then 2 and 3, ... on the grid as it is. ``balanced``: the extra
        levels in the first interval (one for order 4) that keep orders above 3.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of range, the first level is infinite, or v is infinite at a level that is used.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid
    >>> tab = exponential_pec(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.exp_power())
    >>> tab.n_evaluations, tab.defects()
    (10, [])

    References
    ----------
    Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, section III.8 (PEC); ``math.md`` section 6.
    """
    p = _checks.integer(predictor, "predictor", minimum=1, maximum=4)
    c = _checks.integer(corrector, "corrector", minimum=2, maximum=5)
    _checks.instance(variable, "variable", InterpolationVariable)
    grid = pec_grid(grid, noise_scale, min(p + 1, c), start)
    variance = noise_scale.noise_variance(grid.levels[:-1], grid.levels[1:])
    return pec_tableau(
        f"exponential_pec-{p}-{c} {variable.name} {start}, {noise_scale.name}",
        grid,
        exponential_ratio(noise_scale, grid),
        pec_weights(noise_scale, grid, p, variable, ahead=0),
        pec_weights(noise_scale, grid, c, variable, ahead=1),
        np.sqrt(variance),
    )


def pec_grid(grid: TimeGrid, noise_scale: NoiseScale, order: int, start: str) -> TimeGrid:
    """Return the grid that a predictor-corrector scheme runs on, all checked.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level.
    noise_scale : NoiseScale
        phi, admissible on the grid.
    order : int
        The order that a balanced start is to keep.
    start : {"increasing", "balanced"}
        As :func:`exponential_pec` takes it.

    Returns
    -------
    TimeGrid
        Itself, or with the extra levels of a balanced start.

    Examples
    --------
    >>> pec_grid(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), 4, "balanced").n_steps
    3
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    _checks.one_of(start, "start", _STARTS)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level, got inf"
        raise ValueError(msg)
    if start == "balanced":
        grid = balanced_start(grid, range(3, order))
    noise_scale.check_admissible(grid.levels)
    return grid


def pec_weights(
    noise_scale: NoiseScale, grid: TimeGrid, count: int, variable: InterpolationVariable, *, ahead: int
) -> np.ndarray:
    """Return the weights of the evaluations i + ahead, ... (at most `count`) in each step.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    grid : TimeGrid
        N steps from a finite level.
    count : int
        How many values are interpolated.
    variable : InterpolationVariable
        In which.
    ahead : int
        0 for a prediction, 1 for a correction, whose newest evaluation is at the step's end.

    Returns
    -------
    float64 array of shape (N, count)
        First order where the step goes to level 0.

    Examples
    --------
    >>> pec_weights(NoiseScale.ode(), TimeGrid([4.0, 2.0, 1.0]), 2, InterpolationVariable.linear(), ahead=0).shape
    (2, 2)
    """
    levels, step = grid.levels, np.arange(grid.n_steps)
    usable = np.minimum(step + 1 + ahead, count)
    usable[levels[1:] == 0.0] = 1
    newest = np.where(levels[1:] == 0.0, step, step + ahead)
    weights = np.zeros((grid.n_steps, count))
    for k in range(2, count + 1):
        of_k = np.flatnonzero(usable == k)
        nodes = levels[newest[of_k, None] - np.arange(k)]
        weights[of_k, :k] = interpolation_weights(noise_scale, levels[of_k], levels[of_k + 1], nodes, variable)
    single = usable == 1
    weights[single, 0] = noise_scale.fei(levels[:-1][single], levels[1:][single])
    return weights
