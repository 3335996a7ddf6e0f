"""UniPC: unified predictor-corrector for the ODE."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._log_adams import log_adams_tableau
from ersde_theory.schemes._sa_solver import log_steps
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


def uni_pc(grid: TimeGrid, order: int = 2, *, corrector: bool = True, b: str = "bh2") -> Tableau:
    r"""Return UniPC-p: data prediction, multistep, deterministic.

    With :math:`h = \ln(\lambda_s/\lambda_t)` and :math:`r_m = \ln(\lambda_i/\lambda_{i-m})/h` the predictor UniP-p is

    .. math:: y_t = e^{-h} y_s + (1-e^{-h}) D_i + B(h)\sum_{m=1}^{p-1}\frac{a_m}{r_m}(D_{i-m} - D_i)

    and the corrector UniC-p adds the point :math:`D_{i+1}` (:math:`r = 1`), evaluated at the prediction. The a's
    solve p - 1 (p) conditions in which B(h) cancels, which makes each the exact integral of the interpolation
    polynomial in :math:`\ln\lambda`. B is left only where the source sets the one a there is to 1/2: in UniP-2
    and in UniC-1, the corrector of the first step.

    Order p + 1 with the corrector and p without it, if the low-order steps at the start are tiny. One evaluation
    a step: the next step reuses the value at the prediction (PEC), the last step is not corrected. The order
    rises 1, 2, ... at the start and does not fall at the end (``lower_order_final`` of the public codes is off),
    but for a last step to level 0, which is first order. UniP-2 with bh2 is DPM-Solver++(2M).

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0.
    order : int
        p, 1 to 3.
    corrector : bool
        Whether to correct.
    b : {"bh1", "bh2"}
        :math:`B(h) = h` or :math:`1 - e^{-h}`.

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
    >>> grid = TimeGrid.karras(10, 80.0, 0.002)
    >>> schemes.uni_pc(grid, 3)
    Tableau('uni_pc-3 bh2': 20 rows, 10 evaluations, 10 draws, levels 80 to 0.002)
    >>> same = schemes.sa_solver(grid, tau=0.0, predictor=3, corrector=4, variant="released")
    >>> schemes.uni_pc(grid, 3, b="bh1").first_difference(same, atol=1e-13) is None
    True

    References
    ----------
    Zhao et al. 2023, *UniPC* (arXiv 2302.04867), theorem 3.1 and corollary 3.2; the public code.
    """
    _checks.instance(grid, "grid", TimeGrid)
    p = _checks.integer(order, "order", minimum=1, maximum=3)
    corrects = _checks.instance(corrector, "corrector", bool)
    choice = _checks.one_of(b, "b", ("bh1", "bh2"))
    steps = log_steps(grid)
    two_point = steps if choice == "bh1" else -np.expm1(-steps)
    name = f"uni_pc-{p} {choice}" if corrects else f"uni_p-{p} {choice}"
    return log_adams_tableau(name, grid, NoiseScale.ode(), p, p + 1 if corrects else 0, two_point)
