"""DDPM ancestral sampling."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.schemes._assembly import multistep_tableau
from ersde_theory.schemes._ddim import shrink_of_steps
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


def ddpm_ancestral(grid: TimeGrid, *, variance: str = "posterior", process: ForwardProcess | None = None) -> Tableau:
    r"""Return DDPM ancestral sampling: the mean of :math:`q(y_t \mid y_s, x_0 = D)`, and its noise.

    .. math:: y_t = q^2 y_s + (1-q^2) D + c\,Z, \qquad q = \lambda_t/\lambda_s .

    The posterior variance :math:`c^2 = \lambda_t^2(1-q^2)` makes it ER-SDE-Solver-1 with phi = x^2. The other
    choice of DDPM, the forward variance :math:`c^2 = \alpha_s^2(\lambda_s^2-\lambda_t^2)/\alpha_t^2`, injects too much
    noise at every finite step, and has a variance defect that `Tableau.defects` names. First order, one
    evaluation a step.

    Parameters
    ----------
    grid : TimeGrid
        N steps; the first level may be inf (posterior only), the last 0.
    variance : {"posterior", "forward"}
        Which noise.
    process : ForwardProcess, optional
        Needed for ``forward``, which depends on alpha.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, out of range or missing.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> grid = TimeGrid.karras(5, 80.0, 0.002)
    >>> member = schemes.er_sde(grid, NoiseScale.reverse_sde(), order=1)
    >>> schemes.ddpm_ancestral(grid).first_difference(member, rtol=1e-14) is None
    True

    References
    ----------
    Ho, Jain & Abbeel 2020, equations 6, 7 and section 3.2.
    """
    _checks.instance(grid, "grid", TimeGrid)
    choice = _checks.one_of(variance, "variance", ("posterior", "forward"))
    start, end = grid.levels[:-1], grid.levels[1:]
    shrink = shrink_of_steps(grid)
    noise = end * np.sqrt(shrink)
    if process is not None:
        _checks.instance(process, "process", ForwardProcess)
    if choice == "forward":
        if process is None:
            msg = "process: expected a ForwardProcess for variance='forward', got None"
            raise TypeError(msg)
        if np.isinf(start[0]):
            msg = "grid: expected a finite first level for variance='forward', got inf"
            raise ValueError(msg)
        alpha = process.alpha_at_level(grid.levels)
        noise = alpha[:-1] / alpha[1:] * start * np.sqrt(shrink)
    inner = np.isfinite(start) & (end > 0.0)
    ratio = np.where(inner, np.exp(-2.0 * log_ratio(np.where(inner, start, 1.0), np.where(inner, end, 1.0))), 0.0)
    return multistep_tableau(f"ddpm_ancestral {choice}", grid, ratio, shrink[:, None], noise)
