"""Exact solutions for Gaussian data: the ODE's map and the ER-SDE's transition."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray

NODES = 20
PANEL = 0.5


def _variance(name: str, value: npt.ArrayLike) -> FloatArray:
    what = "variances >= 0 (at most three axes)"
    array = _checks.host_array(name, value, ndims=(0, 1, 2, 3), what=what)
    if array.min() < 0:
        msg = f"{name}: expected {what}, got {array.min():g}"
        raise ValueError(msg)
    return array


def gaussian_ode_solution(
    y: npt.ArrayLike,
    mean: npt.ArrayLike,
    var: npt.ArrayLike,
    lam_start: float,
    lam_end: float,
) -> FloatArray:
    """Return the probability-flow ODE's solution for data ``N(mean, diag(var))``.

    ``y_t = m + (y_s - m) sqrt((v + lambda_t^2) / (v + lambda_s^2))``.

    Parameters
    ----------
    y : array_like
        State at ``lam_start``; any shape that broadcasts with ``mean`` and ``var``.
    mean, var : array_like
        Mean and variances >= 0 per coordinate.
    lam_start : float
        Level > 0.
    lam_end : float
        Level >= 0.

    Returns
    -------
    ndarray, float64

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If a number is not finite, a variance negative, or a level out of range.

    Examples
    --------
    >>> gaussian_ode_solution([[3.0]], 1.0, 0.0, 4.0, 2.0)
    array([[2.]])
    """
    state = _checks.host_array("y", y, ndims=(0, 1, 2, 3), what="numbers")
    centre = _checks.host_array("mean", mean, ndims=(0, 1, 2), what="numbers")
    v = _variance("var", var)
    start = _checks.real_number("lam_start", lam_start, minimum=0.0, strict=True)
    end = _checks.real_number("lam_end", lam_end, minimum=0.0)
    return np.asarray(centre + (state - centre) * np.sqrt((v + end**2) / (v + start**2)))


class GaussianTransition(NamedTuple):
    """Exact ER-SDE transition of ``X = Y - mean`` for data of variance ``v``, each of the shape of ``v``.

    ``X_t = factor * X_s + noise``. The last three speak of the Brownian motion B in the clock
    ``V = lambda^2 / phi^2``, with phi scaled so that ``phi(lam_end) = 1``:

    - ``noise_variance``: variance of ``noise``;
    - ``clock_variance``: variance of ``Delta B``, the noise that an exponential scheme adds;
    - ``cov_with_clock_increment``: Cov(noise, Delta B);
    - ``cov_with_area``: Cov(noise, J), ``J = int (A_t - A) dB``, ``A = 1 / phi``.

    Examples
    --------
    >>> step = gaussian_transition(lambda lam: 0.0 * lam, 0.0, 2.0, 1.0)  # a point mass, the ODE
    >>> float(step.factor), float(step.noise_variance)
    (0.5, 0.0)
    """

    factor: FloatArray
    noise_variance: FloatArray
    clock_variance: FloatArray
    cov_with_clock_increment: FloatArray
    cov_with_area: FloatArray


@functools.cache
def _rule() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights on [0, 1] and the integrals from 0 to each node."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    degrees = np.arange(NODES)
    values = np.polynomial.legendre.legvander(nodes, NODES)
    project = (degrees[:, None] + 0.5) * values[:, :NODES].T * weights  # values -> coefficients
    integral = np.empty((NODES, NODES))
    integral[:, 0] = nodes + 1.0
    for k in range(1, NODES):
        integral[:, k] = (values[:, k + 1] - values[:, k - 1]) / (2 * k + 1)
    return (nodes + 1.0) / 2.0, weights / 2.0, integral @ project / 2.0


def gaussian_transition(
    tau_squared: Callable[[FloatArray], npt.ArrayLike],
    var: npt.ArrayLike,
    lam_start: float,
    lam_end: float,
) -> GaussianTransition:
    """Return the exact ER-SDE transition for Gaussian data, for any noise ``tau^2(lambda)``.

    ``dX = (1 + tau^2) lambda / (v + lambda^2) X dlambda + sqrt(2 lambda tau^2) dW``. With ``K =
    int tau^2 lambda / (v + lambda^2) dlambda``: ``factor = sqrt((v + lambda_t^2) / (v +
    lambda_s^2)) e^-K`` and ``noise_variance = -(v + lambda_t^2) expm1(-2 K)``, for the marginal
    law is invariant. The integrals are by Gauss-Legendre with 20 nodes on panels of at most 0.5 in
    ln(lambda): relative 1e-13 for smooth tau^2.

    Parameters
    ----------
    tau_squared : callable
        ``tau^2(lambda) >= 0`` for an array of levels; smooth.
    var : array_like
        Variances >= 0, any shape.
    lam_start, lam_end : float
        Levels, ``lam_start > lam_end > 0``.

    Returns
    -------
    GaussianTransition

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a number is out of range or ``tau_squared`` is negative or not finite somewhere.

    Examples
    --------
    >>> import numpy as np
    >>> step = gaussian_transition(lambda lam: np.ones_like(lam), 0.25, 2.0, 1.0)  # reverse SDE
    >>> round(float(step.factor), 12), round(float(step.noise_variance), 12)
    (0.294117647059, 0.882352941176)
    """
    v = _variance("var", var)
    start = _checks.real_number("lam_start", lam_start, minimum=0.0, strict=True)
    end = _checks.real_number("lam_end", lam_end, minimum=0.0, strict=True)
    if not start > end:
        msg = f"lam_start: expected a level > lam_end = {end}, got {start}"
        raise ValueError(msg)
    nodes, weights, to_node = _rule()
    reach = -np.log1p(-(start - end) / start) if end > start / 2 else np.log(start / end)
    panels = max(1, int(np.ceil(reach / PANEL)))
    width = reach / panels
    log_excess = 0.0  # int tau^2 dlambda / lambda from lam_end
    damping = np.zeros_like(v)  # K from lam_end
    with_clock, with_area = np.zeros_like(v), np.zeros_like(v)
    for p in range(panels):
        ell = (p + nodes) * width  # ln(lambda / lam_end)
        lam = end * np.exp(ell)
        tau = _tau(tau_squared, lam)
        share = lam**2 / (v[..., None] + lam**2)
        total = v[..., None] + lam**2
        excess_here = log_excess + width * (to_node @ tau)
        damping_here = damping[..., None] + width * ((tau * share) @ to_node.T)
        # d noise = factor(end, lam) phi dB with dV = 2 lam^2 tau^2 / phi^2 dl, 1/phi = e^-(l + excess)
        inverse_phi = np.exp(-(ell + excess_here))
        factor = np.sqrt((v[..., None] + end**2) / total) * np.exp(-damping_here)
        density = factor * 2.0 * lam**2 * tau * inverse_phi
        with_clock = with_clock + width * (density @ weights)
        with_area = with_area + width * ((density * -np.expm1(-(ell + excess_here))) @ weights)
        log_excess = log_excess + width * float(tau @ weights)
        damping = damping + width * ((tau * share) @ weights)
    return GaussianTransition(
        np.asarray(np.sqrt((v + end**2) / (v + start**2)) * np.exp(-damping)),
        np.asarray(-(v + end**2) * np.expm1(-2.0 * damping)),
        np.full_like(v, -(end**2) * np.expm1(-2.0 * log_excess)),
        np.asarray(with_clock),
        np.asarray(with_area),
    )


def _tau(tau_squared: Callable[[FloatArray], npt.ArrayLike], lam: FloatArray) -> FloatArray:
    tau = np.broadcast_to(np.asarray(tau_squared(lam), dtype=np.float64), lam.shape)
    if not (np.isfinite(tau).all() and (tau >= 0).all()):
        bad = tau[~(np.isfinite(tau) & (tau >= 0))][0]
        msg = f"tau_squared: expected finite numbers >= 0, got {bad} between {lam[0]} and {lam[-1]}"
        raise ValueError(msg)
    return tau
