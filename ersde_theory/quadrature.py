r"""Data weights of a step: moments :math:`G_n`, and the weights of interpolation formulas made of them.

The exact solution over a step :math:`\lambda_s \to \lambda_t` integrates the data prediction against
:math:`\varphi_t\varphi'/\varphi^2`. For a polynomial that integral is a combination of the moments

.. math:: G_n = \varphi_t \int_{\lambda_t}^{\lambda_s} \frac{\varphi'(u)}{\varphi(u)^2}\,(u-\lambda_s)^n\,du .

``math.md`` section 3 has the derivation and why the obvious formulas cancel.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory._gauss_legendre import QuadratureError, integrate
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale

RELEASED_NODES = 100
_CLOSED_FORM_ERROR = 2e-14
_CLOSED_FORM_MIN_STEP = 1.5
_SEEN = 1e-10  # relative: a spike between all nodes misses by about 1


def moments(noise_scale: NoiseScale, lam_start: Any, lam_end: Any, n_max: int) -> np.ndarray:
    r"""Return the moments :math:`G_0 \dots G_{n_{max}}` of steps, to relative 1e-13.

    :math:`G_0` is the FEI. With :math:`\ell = \ln(\lambda_s/u)` the integrand of the others has one sign,
    and is integrated by error-bounded Gauss-Legendre panels; for :math:`\varphi = x^p` and long steps the
    closed form is used where its running error bound is below 2e-14. At :math:`\lambda_t = 0`,
    :math:`G_n = (-\lambda_s)^n`.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : float or array
        Levels of the steps, lam_start > lam_end >= 0, finite; shapes broadcast.
    n_max : int
        Highest moment, >= 0.

    Returns
    -------
    float64 array of shape (n_max + 1, ...)

    Raises
    ------
    ValueError
        If a step does not go down.
    QuadratureError
        If phi (given by the user) is too rough to be integrated to that accuracy.

    Examples
    --------
    >>> g = moments(NoiseScale.reverse_sde(), 2.0, 1.0, 1)
    >>> [round(float(v), 12) for v in g]    # 1 - 1/4, and 2/2 - 2 + 2*2/8
    [0.75, -0.5]

    References
    ----------
    ``math.md`` section 3.
    """
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    n_max = _checks.integer(n_max, "n_max", minimum=0)
    start, end = np.broadcast_arrays(
        _checks.nonnegative_array(lam_start, "lam_start"),
        _checks.nonnegative_array(lam_end, "lam_end"),
    )
    shape, start, end = start.shape, start.ravel(), end.ravel()
    if (start <= end).any():
        j = int(np.argmax(start <= end))
        msg = f"lam_start: expected a level above lam_end, got {start[j]} and {end[j]}"
        raise ValueError(msg)
    powers = np.arange(n_max + 1)[:, None]
    result = (-start) ** powers
    result[0] = noise_scale.fei(start, end)
    inner = end > 0.0
    if n_max > 0 and inner.any():
        result[1:, inner] = _higher_moments(noise_scale, start[inner], end[inner], n_max)
    return result.reshape(n_max + 1, *shape)


def riemann_moments(
    noise_scale: NoiseScale,
    lam_start: np.ndarray,
    lam_end: np.ndarray,
    n_max: int,
    n_nodes: int = RELEASED_NODES,
) -> np.ndarray:
    r"""Return the moments as the public release computes them, by a left Riemann sum.

    :math:`G_n = (\lambda_t-\lambda_s)^n + n\varphi_t\int (u-\lambda_s)^{n-1}/\varphi\,du`, the integral by
    `n_nodes` nodes :math:`\lambda_t + j(\lambda_s-\lambda_t)/n_{nodes}`. Its relative error does not vanish with
    the step.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : float64 arrays of one shape
        Levels of the steps, lam_start > lam_end > 0.
    n_max : int
        Highest moment, >= 0.
    n_nodes : int
        Nodes of the sum; the release has 100.

    Returns
    -------
    float64 array of shape (n_max + 1, ...)

    Examples
    --------
    >>> exact = moments(NoiseScale.ode(), 1.0, 0.9, 1)[1]
    >>> rough = riemann_moments(NoiseScale.ode(), np.array(1.0), np.array(0.9), 1)[1]
    >>> round(float(rough / exact - 1), 4)
    -0.0097

    References
    ----------
    Release code of ER-SDE-Solver; ``math.md`` section 5.
    """
    share = np.arange(n_nodes) / n_nodes
    step = (lam_start - lam_end)[..., None]
    nodes = lam_end[..., None] + share * step
    drop = log_ratio(nodes, lam_end[..., None]) + noise_scale.log_excess_difference(nodes, lam_end[..., None])
    result = [noise_scale.fei(lam_start, lam_end)]
    for n in range(1, n_max + 1):
        terms = np.exp(-drop) * (nodes - lam_start[..., None]) ** (n - 1)
        result.append((lam_end - lam_start) ** n + n * np.sum(terms * step / n_nodes, axis=-1))
    return np.stack(result)


def divided_difference_weights(nodes: np.ndarray) -> np.ndarray:
    """Return the weights of the divided differences of rising order on the last axis of `nodes`.

    Parameters
    ----------
    nodes : float64 array of shape (..., k)
        Distinct levels, the newest first.

    Returns
    -------
    float64 array of shape (..., k, k)
        ``[..., m, j]``: weight of the value at node j in the divided difference over nodes 0 ... m.

    Examples
    --------
    >>> divided_difference_weights(np.array([1.0, 3.0])).tolist()
    [[1.0, 0.0], [-0.5, 0.5]]
    """
    k = nodes.shape[-1]
    weights = np.zeros((*nodes.shape, k))
    for m in range(k):
        for j in range(m + 1):
            others = [i for i in range(m + 1) if i != j]
            gaps = nodes[..., j, None] - nodes[..., others]
            weights[..., m, j] = 1.0 / np.prod(gaps, axis=-1)
    return weights


def newton_moments(power_moments: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    r"""Return the moments of the Newton basis :math:`\prod_{j<m}(u-\lambda_j)`, from the :math:`G_n`.

    All terms of one moment have the same sign when the nodes rise into the past, so nothing cancels.

    Parameters
    ----------
    power_moments : float64 array of shape (k, ...)
        G_0 ... G_{k-1} about the newest node.
    nodes : float64 array of shape (..., k)
        Levels, the newest (the start of the step) first.

    Returns
    -------
    float64 array of shape (k, ...)

    Examples
    --------
    >>> g = moments(NoiseScale.ode(), 1.0, 0.5, 2)
    >>> m = newton_moments(g, np.array([1.0, 2.0, 4.0]))
    >>> bool(np.isclose(m[2], g[2] + (1.0 - 2.0) * g[1]))
    True
    """
    k = power_moments.shape[0]
    result = np.empty_like(power_moments)
    result[0] = power_moments[0]
    basis = [np.ones_like(power_moments[0])]  # coefficients of the basis in powers of u - nodes[0]
    for m in range(1, k):
        shift = nodes[..., 0] - nodes[..., m - 1]
        raised = [np.zeros_like(basis[0]), *basis]
        kept = [shift * c for c in basis] + [np.zeros_like(basis[0])]
        basis = [a + b for a, b in zip(raised, kept, strict=True)]
        result[m] = sum(c * g for c, g in zip(basis, power_moments, strict=False))
    return result


def _higher_moments(noise_scale: NoiseScale, start: np.ndarray, end: np.ndarray, n_max: int) -> np.ndarray:
    """Return G_1 ... G_n_max of steps with end > 0, shape (n_max, steps)."""
    length = log_ratio(start, end)
    if noise_scale.power_exponent is None:
        return _integrated(noise_scale, start, end, length, n_max)
    result = np.empty((n_max, start.size))
    long = length >= _CLOSED_FORM_MIN_STEP
    done = np.zeros(start.size, dtype=bool)
    if long.any():
        values, bound = _closed_form(noise_scale.power_exponent, start[long], length[long], n_max)
        result[:, long] = values
        done[long] = (bound <= _CLOSED_FORM_ERROR).all(axis=0)
    if not done.all():
        rest = ~done
        result[:, rest] = _integrated(noise_scale, start[rest], end[rest], length[rest], n_max)
    return result


def _integrated(
    noise_scale: NoiseScale, start: np.ndarray, end: np.ndarray, length: np.ndarray, n_max: int
) -> np.ndarray:
    """Integrate over l = ln(start/u), where the integrand has the sign (-1)^n; G_0, known exactly, is the check."""
    powers = np.arange(n_max + 1)[:, None, None]

    def integrand(j: np.ndarray, ell: np.ndarray) -> np.ndarray:
        low, b = end[j], np.maximum(length[j] - ell, 0.0)
        excess = noise_scale._difference(np.broadcast_to(low, b.shape), b)
        level = start[j] * np.exp(-ell)
        weight = np.exp(-(b + excess)) * (1.0 + noise_scale._tau_squared(level))
        return np.asarray(weight * (start[j] * np.expm1(-ell)) ** powers)

    found = integrate(integrand, length, f"noise scale {noise_scale.name}")
    exact = noise_scale.fei(start, end)
    off = np.abs(found[0] - exact) / exact
    if not (off <= _SEEN).all():
        worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        message = (
            f"noise scale {noise_scale.name}: expected a phi that panels of 0.5 in ln(lambda) resolve, got one whose "
            f"FEI from {start[worst]:g} to {end[worst]:g} is missed by a share of {off[worst]:.1g}"
        )
        raise QuadratureError(message)
    return found[1:]


def _closed_form(p: float, start: np.ndarray, length: np.ndarray, n_max: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return G_1 ... of phi = x^p and bounds of their relative round-off.

    :math:`G_n = p\lambda_s^n\sum_k \binom{n}{k}(-1)^{n-k}e^{-kB}E(p-k)`, with
    :math:`B = \ln(\lambda_s/\lambda_t)` and :math:`E(c) = (1-e^{-cB})/c`.
    """
    values, bounds = [], []
    for n in range(1, n_max + 1):
        terms = []
        for k in range(n + 1):
            c = p - k
            mean = length if c == 0.0 else -np.expm1(-c * length) / c
            terms.append(comb(n, k) * (-1.0) ** (n - k) * np.exp(-k * length) * mean)
        total = np.sum(terms, axis=0)
        values.append(p * start**n * total)
        roundoff = (4.0 + p * length) * np.finfo(float).eps * np.sum(np.abs(terms), axis=0)
        bounds.append(roundoff / np.abs(total))
    return np.stack(values), np.stack(bounds)
