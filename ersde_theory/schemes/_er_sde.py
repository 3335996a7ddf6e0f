"""ER-SDE-Solver-k, as published and as released."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import moments, riemann_moments
from ersde_theory.schemes._assembly import exponential_ratio, exponential_weights, multistep_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

RELEASED_CLIP = 1e-6


def er_sde(grid: TimeGrid, noise_scale: NoiseScale, order: int = 3, *, variant: str = "published") -> Tableau:
    r"""Return ER-SDE-Solver-k: a truncated Taylor expansion with backward differences for derivatives.

    .. math:: Y_t = \frac{\varphi_t}{\varphi_s} Y_s + G_0 D_i + G_1 d_i + \tfrac12 G_2\,dd_i
              + \sqrt{\lambda_t^2 - \lambda_s^2\varphi_t^2/\varphi_s^2}\;Z

    with :math:`d_i = (D_i-D_{i-1})/(\lambda_i-\lambda_{i-1})` and
    :math:`dd_i = 2(d_i-d_{i-1})/(\lambda_i-\lambda_{i-2})`. The order rises 1, 2, 3 over the first steps; a last
    step to level 0 is first order. One evaluation a step. Order 3 is second order in truth: the divided
    difference is not the derivative at the node (``exponential_adams`` corrects that).

    Parameters
    ----------
    grid : TimeGrid
        N steps.
    noise_scale : NoiseScale
        phi, admissible on the grid.
    order : int
        1, 2 or 3.
    variant : {"published", "released"}
        ``published``: exact coefficients. ``released``: integrals by a left Riemann sum of 100 nodes, and a
        noise variance below 1e-6 set to 0, as the public code does.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> schemes.er_sde(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.exp_power())
    Tableau('er_sde-3 published, exp_power': 11 rows, 10 evaluations, 10 draws, levels 80 to 0.002)

    References
    ----------
    ER-SDE-Solvers (arXiv 2309.06169), release code; ``math.md`` section 5.
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    k = _checks.integer(order, "order", minimum=1, maximum=3)
    released = _checks.one_of(variant, "variant", ("published", "released")) == "released"
    noise_scale.check_admissible(grid.levels)
    rule = riemann_moments if released else moments

    def basis_moments(nodes: np.ndarray, lam_end: np.ndarray, count: int) -> np.ndarray:
        return rule(noise_scale, nodes[:, 0], lam_end, count - 1)

    fei = noise_scale.fei(grid.levels[:-1], grid.levels[1:])
    weights = exponential_weights(grid, k, basis_moments, fei)
    variance = noise_scale.noise_variance(grid.levels[:-1], grid.levels[1:])
    if released:
        variance = np.where(variance < RELEASED_CLIP, 0.0, variance)
    name = f"er_sde-{k} {variant}, {noise_scale.name}"
    return multistep_tableau(name, grid, exponential_ratio(noise_scale, grid), weights, np.sqrt(variance))
