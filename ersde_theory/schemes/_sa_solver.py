"""SA-Solver: stochastic Adams methods with a constant tau."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._log_adams import log_adams_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

MAX_TAU = 30.0


def sa_solver(
    grid: TimeGrid, tau: float = 1.0, predictor: int = 2, corrector: int = 0, *, variant: str = "published"
) -> Tableau:
    r"""Return SA-Solver: data prediction, interpolated in the log-SNR, with constant noise tau.

    .. math:: y_t = \Bigl(\frac{\lambda_t}{\lambda_s}\Bigr)^{1+\tau^2} y_s
              + (1+\tau^2)\int_0^{h} e^{-(1+\tau^2)(h-r)} P(r)\,dr
              + \lambda_t\sqrt{1-e^{-2\tau^2 h}}\;Z, \qquad h = \ln\frac{\lambda_s}{\lambda_t}

    where P interpolates in :math:`r = \ln(\lambda_s/u)`: the predictor through :math:`D_i, D_{i-1}, \dots`, the
    corrector through :math:`D_{i+1}, D_i, \dots` with :math:`D_{i+1}` evaluated at the prediction. This is the
    family's :math:`\varphi = x^{1+\tau^2}`. A corrector uses the step's own draw, and its last step is not
    corrected (PEC), so every form costs one evaluation a step.

    ODE (tau = 0) order k for the predictor alone and min(k + 1, c) with a corrector of c points, if the low-order
    steps at the start are tiny; with noise, strong order 1 and weak order 2 at most. Exact noise. A last step to
    level 0 is first order.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0.
    tau : float
        Noise relative to the reverse SDE, 0 (the ODE) to 30 (above, the weights lose their accuracy).
    predictor : int
        Evaluations of the predictor, 1 to 4.
    corrector : int
        Evaluations of the corrector, 1 to 4; 0 is no corrector.
    variant : {"published", "released"}
        ``published``: every polynomial is integrated exactly. ``released``: where two points are used, the slope's
        integral is replaced by its leading term :math:`(1+\tau^2)h^2/2`, as in the public codes. Their other habits
        are left out: a lower order at the end, and a last step without noise.

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
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> grid = TimeGrid.karras(10, 80.0, 0.002)
    >>> schemes.sa_solver(grid, tau=0.8, predictor=3, corrector=4).n_evaluations
    10
    >>> first = schemes.er_sde(grid, NoiseScale.reverse_sde(), order=1)
    >>> schemes.sa_solver(grid, predictor=1).first_difference(first, rtol=1e-14) is None
    True

    References
    ----------
    Xue et al. 2023, *SA-Solver* (arXiv 2309.05019), equations 15 and 18, and appendix D for the replaced term; the
    public code.
    """
    _checks.instance(grid, "grid", TimeGrid)
    noise = _checks.nonnegative_number(tau, "tau")
    if noise > MAX_TAU:
        msg = f"tau: expected a number <= {MAX_TAU:g}, got {noise}"
        raise ValueError(msg)
    power = 1.0 + noise**2
    k = _checks.integer(predictor, "predictor", minimum=1, maximum=4)
    c = _checks.integer(corrector, "corrector", minimum=0, maximum=4)
    released = _checks.one_of(variant, "variant", ("published", "released")) == "released"
    two_point = power * log_steps(grid) if released else None
    name = f"sa_solver-{k}{f',{c}' if c else ''} {variant}, tau={noise:g}"
    return log_adams_tableau(name, grid, NoiseScale.power(power), k, c, two_point)


def log_steps(grid: TimeGrid) -> np.ndarray:
    r"""Return :math:`h = \ln(\lambda_s/\lambda_t)` of each step; inf from an infinite level or to 0."""
    start, end = grid.levels[:-1], grid.levels[1:]
    inner = np.isfinite(start) & (end > 0.0)
    return np.where(inner, log_ratio(np.where(inner, start, 1.0), np.where(inner, end, 1.0)), np.inf)
