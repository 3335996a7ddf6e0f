"""DDIM with any eta."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.schemes._assembly import multistep_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


def ddim(grid: TimeGrid, eta: float = 0.0) -> Tableau:
    r"""Return DDIM with noise eta.

    In y the step is

    .. math:: y_t = D + \sqrt{\lambda_t^2 - c^2}\;\frac{y_s - D}{\lambda_s} + c\,Z,
              \qquad c^2 = \eta^2\lambda_t^2\,(1 - \lambda_t^2/\lambda_s^2) .

    First order, one evaluation a step. eta = 0 is ER-SDE-Solver-1 with phi = x, eta = 1 the one with
    phi = x^2; in between it is no member of the family with a phi free of the grid.

    Parameters
    ----------
    grid : TimeGrid
        N steps; the first level may be inf, the last 0.
    eta : float
        Noise, 0 to 1.

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
    >>> schemes.ddim(TimeGrid([4.0, 2.0, 0.0])).previous.tolist()
    [1.0, 0.5, 0.0]

    References
    ----------
    Song, Meng & Ermon 2021, equations 12 and 16.
    """
    _checks.instance(grid, "grid", TimeGrid)
    share = _checks.real_number(eta, "eta")
    if not 0.0 <= share <= 1.0:
        msg = f"eta: expected a number in [0, 1], got {share}"
        raise ValueError(msg)
    start, end = grid.levels[:-1], grid.levels[1:]
    shrink = shrink_of_steps(grid)
    noise = share * end * np.sqrt(shrink)
    unit = np.where(np.isinf(start), 1.0, start)
    quotient = np.where(np.isinf(start), 0.0, end / unit)
    kept = np.hypot(np.sqrt((1.0 - share) * (1.0 + share)), share * quotient)  # kept^2 = 1 - eta^2 (1 - q^2)
    ratio = kept * end / unit
    # 1 - ratio without cancellation
    drop = np.where(quotient > 0.0, -np.expm1(-log_ratio(unit, np.where(quotient > 0.0, end, unit))), 1.0)
    weights = drop + quotient * share**2 * shrink / (1.0 + kept)
    return multistep_tableau(f"ddim eta={share:g}", grid, ratio, weights[:, None], noise)


def shrink_of_steps(grid: TimeGrid) -> np.ndarray:
    r"""Return :math:`1 - \lambda_t^2/\lambda_s^2` of each step, without cancellation."""
    start, end = grid.levels[:-1], grid.levels[1:]
    inner = np.isfinite(start) & (end > 0.0)
    ratio = log_ratio(np.where(inner, start, 1.0), np.where(inner, end, 1.0))
    return np.where(inner, -np.expm1(-2.0 * ratio), 1.0)
