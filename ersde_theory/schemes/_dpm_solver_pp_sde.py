"""The stochastic two-stage DPM-Solver++ of k-diffusion."""

from __future__ import annotations

import math

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.schemes._dpm_solver_pp_singlestep import ancestral_step
from ersde_theory.schemes._staged import State, Step, staged_tableau, step_to_zero
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid


def dpm_solver_pp_sde(grid: TimeGrid, *, eta: float = 1.0, stage: float = 0.5) -> Tableau:
    r"""Return the two-stage stochastic DPM-Solver++ as k-diffusion has it.

    From :math:`\lambda_s` a DDIM step with noise eta goes to the stage :math:`\lambda_m = \lambda_s^{1-r}\lambda_t^r`,
    another one from the same state to :math:`\lambda_t`, in which :math:`(1-\tfrac1{2r})D_s + \tfrac1{2r}D_m` is
    the data prediction. Each has its own draw, asked of one Brownian motion with the time :math:`\lambda`, so that
    their correlation is :math:`\sqrt{(\lambda_s-\lambda_m)/(\lambda_s-\lambda_t)}`.

    ODE order 2. With eta = 1 weak order 2, strong order 1. For eta = 1 and r = 1/2 ratios, weights and noises are those
    of SEEDS-2; only the correlation differs, SEEDS' being that of the exact solution's noise, by a term of higher
    order. With 0 < eta < 1 the steps are those of the SDE with tau = eta to leading order: weak order 2 from the
    forward marginal, 1 from another start law. Two evaluations and two draws a step, no defects. No member of the
    family, as it has a stage.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0, that step is first order.
    eta : float
        Noise, 0 to 1.
    stage : float
        r, where the stage is, above 0, at most 1.

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
    >>> tab = schemes.dpm_solver_pp_sde(TimeGrid([4.0, 1.0]))
    >>> {pair: round(value, 3) for pair, value in tab.draw_covariance.items()}
    {(0, 1): 0.816}

    References
    ----------
    Lu et al. 2022, *DPM-Solver++* (arXiv 2211.01095); k-diffusion (``sample_dpmpp_sde``).
    """
    _checks.instance(grid, "grid", TimeGrid)
    share = _checks.real_number(eta, "eta")
    if not 0.0 <= share <= 1.0:
        msg = f"eta: expected a number in [0, 1], got {share}"
        raise ValueError(msg)
    r = _checks.positive_number(stage, "stage")
    if r > 1.0:
        msg = f"stage: expected a number above 0, at most 1, got {r}"
        raise ValueError(msg)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level for a stage in ln(lambda), got inf"
        raise ValueError(msg)
    inner = grid.n_steps - int(grid.ends_at_zero)
    start, end = grid.levels[:inner], grid.levels[1 : inner + 1]
    middle = start * np.exp(-r * log_ratio(start, end))
    to_stage, stage_noise = ancestral_step(middle, log_ratio(start, middle), share)
    to_end, noise = ancestral_step(end, log_ratio(start, end), share)
    drop = -np.expm1(-to_end)
    levels = np.stack([start, middle, end], axis=1).tolist()
    stage_rows = np.stack([np.exp(-to_stage), -np.expm1(-to_stage), stage_noise], axis=1).tolist()
    end_rows = np.stack([np.exp(-to_end), drop - drop / (2.0 * r), drop / (2.0 * r), noise], axis=1).tolist()
    steps = []
    for (s, m, t), (a, b, c), (ratio, early, late, fresh) in zip(levels, stage_rows, end_rows, strict=True):
        states = (State(m, a, (b,), (c,)), State(t, ratio, (early, late), (-ratio / a * c, fresh)))
        steps.append(Step(states, (Draw(s, m), Draw(s, t)), math.sqrt((s - m) / (s - t))))
    if grid.ends_at_zero:
        steps.append(step_to_zero(float(grid.levels[-2])))
    return staged_tableau(f"dpm_solver_pp_sde eta={share:g} r={r:g}", grid, steps)
