"""Exponential Adams methods: the interpolation polynomial integrated exactly."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import moments, newton_moments
from ersde_theory.schemes._assembly import exponential_ratio, exponential_weights, multistep_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_STARTS = ("increasing", "balanced", "graded")


def exponential_adams(grid: TimeGrid, noise_scale: NoiseScale, order: int = 3, *, start: str = "increasing") -> Tableau:
    r"""Return the exponential Adams method of order k, exact noise.

    .. math:: Y_t = \frac{\varphi_t}{\varphi_s} Y_s
              + \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2} P_k(u)\,du
              + \sqrt{\lambda_t^2 - \lambda_s^2\varphi_t^2/\varphi_s^2}\;Z

    where :math:`P_k` interpolates :math:`D_i \dots D_{i-k+1}` in :math:`\lambda`. Orders 1 and 2 are
    ER-SDE-Solver-1 and -2; order 3 is ER-SDE-Solver-3 with the derivative taken at the node. ODE order k with
    a balanced or graded start; with noise, strong order 1 and weak order 2 at most. One evaluation a step; a
    last step to level 0 is first order.

    Parameters
    ----------
    grid : TimeGrid
        N steps.
    noise_scale : NoiseScale
        phi, admissible on the grid.
    order : int
        1 to 4.
    start : {"increasing", "balanced", "graded"}
        ``increasing``: order 1, 2, ... on the grid as it is, ODE order at most 2. ``balanced``: k - 2 extra levels
        in the first interval make the error of each low-order step as small as that of the others (N + k - 2
        steps). For the ODE: with noise the divided differences over these short steps amplify it, and k = 4 has
        weak order 4/3. ``graded``: 24 extra levels :math:`\lambda_0-(\lambda_0-\lambda_1)2^{-j}` there, which measure
        the order and nothing else (N + 24 steps).

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range; a balanced or graded start needs a finite
        first level.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.exponential_adams(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.ode(), 4, start="balanced")
    >>> tab.n_evaluations
    12

    References
    ----------
    Hochbruck & Ostermann, Exponential integrators, Acta Numerica 2010, section 2.5; ``math.md`` section 5.
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    k = _checks.integer(order, "order", minimum=1, maximum=4)
    if _checks.one_of(start, "start", _STARTS) != "increasing" and np.isinf(grid.levels[0]):
        msg = f"start: expected 'increasing' for a grid from infinity, got {start!r}"
        raise ValueError(msg)
    if start == "balanced":
        grid = balanced_start(grid, range(2, k))
    elif start == "graded":
        grid = grid.with_graded_start()
    noise_scale.check_admissible(grid.levels)

    def basis_moments(nodes: np.ndarray, lam_end: np.ndarray, count: int) -> np.ndarray:
        return newton_moments(moments(noise_scale, nodes[:, 0], lam_end, count - 1), nodes)

    fei = noise_scale.fei(grid.levels[:-1], grid.levels[1:])
    weights = exponential_weights(grid, k, basis_moments, fei)
    variance = noise_scale.noise_variance(grid.levels[:-1], grid.levels[1:])
    name = f"exponential_adams-{k} {start}, {noise_scale.name}"
    return multistep_tableau(name, grid, exponential_ratio(noise_scale, grid), weights, np.sqrt(variance))


def balanced_start(grid: TimeGrid, local_orders: range) -> TimeGrid:
    r"""Return the grid with extra levels in its first interval for starting steps of low order.

    A step of local order m that ends at :math:`\lambda_0 - f_m(\lambda_0-\lambda_1)` has an error of
    :math:`O((f_m\theta)^m)`, where :math:`\theta = (\lambda_0-\lambda_1)/\lambda_0` is the relative length of the first
    interval. With :math:`f_m = \theta^{k/m-1}` it is :math:`O(\theta^k)`, what one step of a method of order k may add.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level.
    local_orders : range
        Local orders of the starting steps, rising; it ends before k, the order to be kept.

    Returns
    -------
    TimeGrid
        Of ``N + len(local_orders)`` steps; the grid itself if its first step goes to level 0.

    Examples
    --------
    >>> balanced_start(TimeGrid([4.0, 3.0, 1.0]), range(2, 3)).levels.tolist()
    [4.0, 3.5, 3.0, 1.0]
    """
    first, second = grid.levels[:2]
    if len(local_orders) == 0 or second == 0.0:
        return grid
    share = (first - second) / first
    extra = first - (first - second) * share ** (local_orders.stop / np.array(local_orders) - 1.0)
    return TimeGrid(np.concatenate([[first], extra, grid.levels[1:]]))
