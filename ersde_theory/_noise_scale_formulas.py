r"""Formulas of each noise scale function: :math:`S(\lambda)`, :math:`S(\lambda e^b) - S(\lambda)`, :math:`\tau^2`.

The difference is computed from the lower level and the logarithmic step b, never by subtracting two
values of S. Names are ``<member>_log_excess``, ``<member>_difference`` and ``<member>_tau_squared``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ersde_theory._gauss_legendre import integrate

TINY, HUGE = 1e-30, 1e30


def power_log_excess(p: float, lam: np.ndarray) -> np.ndarray:
    return (p - 1.0) * np.log(lam) if p != 1.0 else np.zeros_like(lam)


def power_difference(p: float, lam: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (p - 1.0) * (b + 0.0 * lam)


def power_tau_squared(p: float, lam: np.ndarray) -> np.ndarray:
    return np.full(np.shape(lam), p - 1.0)


def exp_reciprocal_log_excess(lam: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(10.0 + np.exp(-1.0 / lam)))


def exp_reciprocal_difference(lam: np.ndarray, b: np.ndarray) -> np.ndarray:
    upper = np.exp(-np.exp(-b) / lam)
    return np.log1p(-upper * np.expm1(np.expm1(-b) / lam) / (10.0 + np.exp(-1.0 / lam)))


def exp_reciprocal_tau_squared(lam: np.ndarray) -> np.ndarray:
    weight = np.exp(-1.0 / lam)
    return weight / lam / (10.0 + weight)


def log_power_log_excess(lam: np.ndarray) -> np.ndarray:
    return -0.1 * np.log(lam) + np.log(np.log1p(100.0 * lam**1.5) / math.log(10.0))


def log_power_difference(lam: np.ndarray, b: np.ndarray) -> np.ndarray:
    w = 100.0 * lam**1.5
    growth = np.log1p(w * np.expm1(1.5 * b) / (1.0 + w))
    return -0.1 * b + np.log1p(growth / np.log1p(w))


def log_power_tau_squared(lam: np.ndarray) -> np.ndarray:
    w = 100.0 * lam**1.5
    return -0.1 + 1.5 * w / ((1.0 + w) * np.log1p(w))


def exp_power_log_excess(lam: np.ndarray) -> np.ndarray:
    return np.logaddexp(math.log(10.0), lam**0.3)


def exp_power_difference(lam: np.ndarray, b: np.ndarray) -> np.ndarray:
    x = lam**0.3
    weight = 1.0 / (1.0 + 10.0 * np.exp(-x))
    growth = x * np.expm1(0.3 * b)
    near = np.log1p(weight * np.expm1(np.minimum(growth, 30.0)))
    return np.where(growth <= 30.0, near, growth + np.log(weight + (1.0 - weight) * np.exp(-growth)))


def exp_power_tau_squared(lam: np.ndarray) -> np.ndarray:
    x = lam**0.3
    return 0.3 * x / (1.0 + 10.0 * np.exp(-x))


def scaled(share: float, function: Callable[..., np.ndarray], *arguments: np.ndarray) -> np.ndarray:
    return np.asarray(share * function(*arguments))


def checked_rate(function: Callable[[np.ndarray], np.ndarray], lam: np.ndarray) -> np.ndarray:
    value = np.asarray(function(lam), dtype=np.float64)
    if value.shape != np.shape(lam):
        msg = f"tau_squared: expected one value per level, shape {np.shape(lam)}, got shape {value.shape}"
        raise ValueError(msg)
    if not np.isfinite(value).all():
        where = float(np.ravel(lam)[int(np.argmax(~np.isfinite(value.ravel())))])
        msg = f"tau_squared: expected finite values, got a non-finite one at lambda = {where:g}"
        raise ValueError(msg)
    return value


def integrated_difference(rate: Callable[[np.ndarray], np.ndarray], lam: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, length = np.broadcast_arrays(lam, b)  # ascontiguousarray would turn a number into one axis
    flat_low, flat_length = low.ravel(), length.ravel()

    def integrand(j: np.ndarray, v: np.ndarray) -> np.ndarray:
        return rate(flat_low[j] * np.exp(v))[None]

    return integrate(integrand, flat_length, "tau_squared")[0].reshape(low.shape)


def integrated_log_excess(difference: Callable[[np.ndarray, np.ndarray], np.ndarray], lam: np.ndarray) -> np.ndarray:
    inside = np.clip(lam, TINY, HUGE)
    low = np.minimum(inside, 1.0)
    value = difference(low, np.abs(np.log(inside)))
    return np.where(inside >= 1.0, value, -value)
