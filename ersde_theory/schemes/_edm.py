"""The samplers of EDM: Heun's method, and Heun's method with churn."""

from __future__ import annotations

import math

import numpy as np

from ersde_theory import _checks
from ersde_theory.schemes._staged import State, Step, staged_tableau
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid

LARGEST_CHURN = math.sqrt(2.0) - 1.0


def edm_heun(grid: TimeGrid) -> Tableau:
    r"""Return Heun's method for :math:`dy/d\lambda = (y-D)/\lambda`.

    .. math:: \hat y_t = \frac{\lambda_t}{\lambda_s}y_s + \Bigl(1-\frac{\lambda_t}{\lambda_s}\Bigr)D_s, \qquad
              y_t = \frac{\lambda_t}{\lambda_s}y_s
              + \frac{\lambda_s-\lambda_t}2\Bigl(\frac2{\lambda_s}-\frac1{\lambda_t}\Bigr)D_s
              + \frac{\lambda_s-\lambda_t}{2\lambda_t}\hat D_t

    Second order, two evaluations a step. The last step to 0 is Euler's. The start's coefficients are those of the
    exact solution, so the table has no defects. Euler's step is the family's member with phi = x, Heun's is none.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0.

    Returns
    -------
    Tableau
        In y (alpha = 1). Its draws, one a step, have no weight.

    Raises
    ------
    TypeError, ValueError
        If the grid is none or starts at infinity.

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> tab = schemes.edm_heun(TimeGrid([4.0, 2.0, 0.0]))
    >>> tab.n_evaluations, tab.dense().data[2].tolist()
    (3, [0.0, 0.5, 0.0])

    References
    ----------
    Karras et al. 2022, *Elucidating the design space* (arXiv 2206.00364), algorithm 1 with sigma = t, s = 1.
    """
    return _churned("edm_heun", grid, np.zeros(_checked(grid).n_steps), 1.0)


def edm_stochastic(
    grid: TimeGrid,
    s_churn: float = 40.0,
    s_tmin: float = 0.05,
    s_tmax: float = 50.0,
    s_noise: float = 1.003,
) -> Tableau:
    r"""Return EDM's stochastic sampler: each step adds noise (churn) and takes Heun's step from the raised level.

    .. math:: \hat\lambda = (1+\gamma)\lambda_s, \qquad
              \hat y = y_s + s_{noise}\sqrt{\hat\lambda^2-\lambda_s^2}\;Z, \qquad
              \gamma = \min(s_{churn}/N, \sqrt2-1)

    where :math:`s_{tmin} \le \lambda_s \le s_{tmax}`, else gamma = 0 and the step is ``edm_heun``'s. The draws are
    independent of any Brownian path in the grid's clock: the level goes up.

    With s_noise = 1 noise and ODE both keep the forward marginals, so that from the right start law the weak order
    is Heun's, 2. With another s_noise each churned state has a defect of its variance, and the limit is not
    the right law. Two evaluations a step. For many steps it tends to the SDE with
    :math:`\tau^2 = \gamma/\ln(\lambda_s/\lambda_t)`, which depends on how dense the grid is: no member of the family.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0.
    s_churn : float
        >= 0; 0 is ``edm_heun``.
    s_tmin, s_tmax : float
        Levels between which noise is added; s_tmax may be inf.
    s_noise : float
        Factor of the noise, >= 0. The defaults are the paper's for ImageNet-64.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> tab = schemes.edm_stochastic(TimeGrid([4.0, 2.0, 1.0]), s_churn=1.0, s_tmin=3.0)
    >>> [round(float(level), 3) for level in tab.noise_level]
    [4.0, 5.657, 2.0, 2.0, 1.0, 1.0]

    References
    ----------
    Karras et al. 2022, *Elucidating the design space* (arXiv 2206.00364), algorithm 2 and table 5; the authors' code.
    """
    churn = _checks.nonnegative_number(s_churn, "s_churn")
    low = _checks.nonnegative_number(s_tmin, "s_tmin")
    high = _checks.float64_array(s_tmax, "s_tmax", ndim=0)
    if high < low:
        msg = f"s_tmax: expected a level >= s_tmin = {low:g}, got {float(high):g}"
        raise ValueError(msg)
    factor = _checks.nonnegative_number(s_noise, "s_noise")
    start = _checked(grid).levels[:-1]
    gamma = np.where((start >= low) & (start <= high), min(churn / grid.n_steps, LARGEST_CHURN), 0.0)
    name = f"edm_stochastic churn={churn:g} in [{low:g}, {float(high):g}] noise={factor:g}"
    return _churned(name, grid, gamma, factor)


def _checked(grid: TimeGrid) -> TimeGrid:
    """Return the grid if Heun's method can run on it."""
    _checks.instance(grid, "grid", TimeGrid)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level for steps in lambda, got inf"
        raise ValueError(msg)
    return grid


def _churned(name: str, grid: TimeGrid, gamma: np.ndarray, s_noise: float) -> Tableau:
    """Return the table of Heun's method with a given churn of each step."""
    levels = [float(level) for level in grid.levels]
    steps = []
    for s, t, g in zip(levels[:-1], levels[1:], gamma.tolist(), strict=True):
        raised = s * (1.0 + g)
        draws = (Draw(s, raised, "independent") if gamma.any() else Draw(s, t),)
        heun = _heun_states(raised, t)
        if g > 0.0:
            churn = State(raised, 1.0, (), (s_noise * s * math.sqrt(g * (2.0 + g)),))
            steps.append(Step((churn, *heun), draws, evaluates_start=False))
        else:
            steps.append(Step(heun, draws))
    return staged_tableau(name, grid, steps)


def _heun_states(start: float, end: float) -> tuple[State, ...]:
    """Return Euler's state and Heun's; to level 0 Euler's alone."""
    ratio, span = end / start, start - end
    euler = State(end, ratio, (span / start,))
    if end == 0.0:
        return (euler,)
    late = span / (2.0 * end)
    return euler, State(end, ratio, (span / start - late, late))
