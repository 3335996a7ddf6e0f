"""DPM-Solver++, multistep, for the ODE and the SDE."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import exponential_ratio, multistep_tableau
from ersde_theory.schemes._sa_solver import log_steps
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

SOLVER_TYPES = ("midpoint", "heun")
_SERIES_BELOW = 1.0
_SERIES_TERMS = 20


def dpm_solver_pp(
    grid: TimeGrid,
    order: int = 2,
    *,
    eta: float = 0.0,
    solver_type: str = "midpoint",
    lower_order_final: bool = False,
) -> Tableau:
    r"""Return multistep DPM-Solver++(k), or with noise SDE-DPM-Solver++(kM).

    With :math:`h = \ln(\lambda_s/\lambda_t)`, :math:`z = (1+\eta)h`, the older steps :math:`r_m h` and
    :math:`b_n = z\int_0^1 e^{-z(1-s)} s^n ds`

    .. math:: y_t = e^{-z} y_s + b_0 D_i + c_1 \Delta + c_2 \Delta^2
              + \lambda_t\sqrt{1 - e^{-2\eta h}}\;Z

    Order 2: :math:`\Delta = (D_i-D_{i-1})/r_0`, :math:`c_1 = \tfrac12 b_0` (midpoint) or :math:`b_1` (heun), no
    :math:`\Delta^2`. Order 3: slope and divided difference of the parabola through three values,
    :math:`c_1 = b_1`, and :math:`c_2 = \tfrac12 b_2` as all public codes have it. That is half of the parabola's
    integral, so the order is 2; with :math:`c_2 = b_2` it would be SA-Solver's predictor of order 3 (``sa_solver``
    with tau^2 = eta).

    ODE (eta = 0) order 1, 2, 2; with noise weak order 1, 2, 2 and strong order 1. Steps of lower order at the start
    cap any order at 2. One evaluation a step. Exact noise and ratio of the family's
    :math:`\varphi = x^{1+\eta}`; order 1 is its ER-SDE-Solver-1, the others interpolate in another variable.

    Parameters
    ----------
    grid : TimeGrid
        N steps; the first level may be inf, the last 0. A step from inf or to 0 is first order.
    order : int
        1, 2 or 3; it rises 1, 2, 3 over the first steps.
    eta : float
        tau^2, the noise relative to the reverse SDE, >= 0; 0 is the ODE, 1 the reverse SDE.
    solver_type : {"midpoint", "heun"}
        Of the steps that use two values: the authors call them ``dpmsolver`` and ``taylor``. The authors' and
        Diffusers' default is midpoint; k-diffusion's SDE form of order 3 has heun.
    lower_order_final : bool
        Whether the order falls again over the last steps, as the public codes do for few steps.

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
    >>> schemes.dpm_solver_pp(grid, 1).first_difference(schemes.ddim(grid), rtol=1e-14) is None
    True
    >>> schemes.dpm_solver_pp(grid, 2, eta=1.0, solver_type="heun")
    Tableau('dpm_solver_pp-2 heun eta=1': 11 rows, 10 evaluations, 10 draws, levels 80 to 0.002)

    References
    ----------
    Lu et al. 2022, *DPM-Solver++* (arXiv 2211.01095), algorithm 2 and appendices A, B; the authors' code, Diffusers
    and k-diffusion.
    """
    _checks.instance(grid, "grid", TimeGrid)
    k = _checks.integer(order, "order", minimum=1, maximum=3)
    tau_squared = _checks.nonnegative_number(eta, "eta")
    midpoint = _checks.one_of(solver_type, "solver_type", SOLVER_TYPES) == "midpoint"
    falls = _checks.instance(lower_order_final, "lower_order_final", bool)
    phi = NoiseScale.power(1.0 + tau_squared)
    start, end = grid.levels[:-1], grid.levels[1:]
    usable = usable_orders(grid, k, falls)
    steps = log_steps(grid)
    b0, b1, b2 = exponential_moments((1.0 + tau_squared) * steps)
    weights = np.zeros((grid.n_steps, k))
    for i in np.flatnonzero(usable == 2):
        older = (0.5 * b0[i] if midpoint else b1[i]) * steps[i] / steps[i - 1]
        weights[i, 1] = -older
    for i in np.flatnonzero(usable == 3):
        weights[i, 1:] = _parabola(steps[i - 1] / steps[i], steps[i - 2] / steps[i], b1[i], 0.5 * b2[i])
    weights[:, 0] = phi.fei(start, end) - weights[:, 1:].sum(axis=1)
    name = f"dpm_solver_pp-{k} {solver_type} eta={tau_squared:g}"
    noise = np.sqrt(phi.noise_variance(start, end))
    return multistep_tableau(name, grid, exponential_ratio(phi, grid), weights, noise)


def usable_orders(grid: TimeGrid, order: int, falls: bool) -> np.ndarray:
    """Return the number of values each step uses: it rises at the start, is 1 at infinity and 0, and may fall."""
    step = np.arange(grid.n_steps)
    usable = np.minimum(step + 1 - int(np.isinf(grid.levels[0])), order)
    if falls:
        usable = np.minimum(usable, grid.n_steps - step)
    return np.where(grid.levels[1:] > 0.0, np.maximum(usable, 1), 1)


def exponential_moments(z: np.ndarray) -> np.ndarray:
    r"""Return :math:`b_n = z\int_0^1 e^{-z(1-s)} s^n ds`, n = 0, 1, 2, shape (3, ...), to round-off; z in [0, inf].

    :math:`b_n = 1 - n b_{n-1}/z` cancels for small z, where it is run downwards.
    """
    z = np.asarray(z, dtype=float)
    small = z < _SERIES_BELOW
    low, high = np.where(small, z, 0.0), np.where(small, 1.0, z)
    b1 = 1.0 + np.expm1(-high) / high
    upwards = [b1, 1.0 - 2.0 * b1 / high]
    downwards = [np.zeros_like(low)]
    for n in range(_SERIES_TERMS, 1, -1):
        downwards.append(low * (1.0 - downwards[-1]) / n)
    return np.stack([-np.expm1(-z), *(np.where(small, downwards[-n], upwards[n - 1]) for n in (1, 2))])


def _parabola(r0: float, r1: float, slope: float, curvature: float) -> tuple[float, float]:
    """Return the weights of the two older values in slope * D1 + curvature * D2 of the parabola."""
    newer = slope * (1.0 + r0 / (r0 + r1)) + curvature / (r0 + r1)  # of (D_i - D_(i-1))/r0
    older = slope * r0 / (r0 + r1) + curvature / (r0 + r1)  # of -(D_(i-1) - D_(i-2))/r1
    return -newer / r0 - older / r1, older / r1
