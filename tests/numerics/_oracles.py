"""Slow second opinions, written from the formulas alone; no code of `ersde_theory` is used here."""

from __future__ import annotations

import functools
from collections.abc import Callable

import mpmath as mp
import numpy as np
from mpmath.calculus.quadrature import GaussLegendre

Phi = Callable[[mp.mpf], mp.mpf]
DIGITS = 50
TENTH = mp.mpf(1) / 10
PHI: dict[str, Phi] = {
    "ode": lambda x: x,
    "reverse_sde": lambda x: x**2,
    "power(1.5)": lambda x: x ** mp.mpf("1.5"),
    "power(2.5)": lambda x: x ** mp.mpf("2.5"),
    "exp_reciprocal": lambda x: x * (mp.exp(-1 / x) + 10),
    "log_power": lambda x: x ** (9 * mp.mpf(1) / 10) * mp.log10(1 + 100 * mp.sqrt(x) ** 3),
    "exp_power": lambda x: x * (mp.exp(x ** (3 * mp.mpf(1) / 10)) + 10),
    "shifted": lambda x: x * (1 + x),
}


@functools.cache
def legendre_nodes(degree: int, precision: int) -> list[tuple[mp.mpf, mp.mpf]]:
    """Return nodes and weights on [-1, 1]: 12 of degree 3, 24 of degree 4, 48 of degree 5."""
    return GaussLegendre(mp.mp).calc_nodes(degree, precision)


def exact_moments(
    phi: Phi, lam_start: float, lam_end: float, n_max: int, *, degree: int = 5, digits: int = DIGITS
) -> list[mp.mpf]:
    """Return G_0 ... G_n_max by parts, which needs phi alone and many digits (math.md section 3)."""
    with mp.workdps(digits):
        start, end = mp.mpf(float(lam_start)), mp.mpf(float(lam_end))
        length = mp.log(start / end)
        panels = max(1, int(mp.ceil(length)))
        half = length / panels / 2
        totals = [mp.mpf(0)] * (n_max + 1)
        for j in range(panels):
            for x, weight in legendre_nodes(degree, mp.mp.prec):
                u = end * mp.exp(half * (2 * j + 1 + x))
                density = half * weight * u / phi(u)
                for n in range(1, n_max + 1):
                    totals[n] += density * (u - start) ** (n - 1)
        parts = [1 - phi(end) / phi(start)]
        return parts + [(end - start) ** n + n * phi(end) * totals[n] for n in range(1, n_max + 1)]


@functools.cache
def _short_step_moments(phi: Phi, lam_start: float, lam_end: float) -> list[mp.mpf]:
    """Return G_0 ... G_3 of a step of a fine grid; 12 nodes are plenty."""
    return exact_moments(phi, lam_start, lam_end, 3, degree=3, digits=25)


@functools.cache
def riemann_moments(phi: Phi, lam_start: float, lam_end: float, n_max: int = 2) -> list[mp.mpf]:
    """Return the moments by parts with the release's left Riemann sum of 100 nodes."""
    start, end = mp.mpf(float(lam_start)), mp.mpf(float(lam_end))
    nodes = [end + j * (start - end) / 100 for j in range(100)]
    result = [1 - phi(end) / phi(start)]
    for n in range(1, n_max + 1):
        total = mp.fsum((u - start) ** (n - 1) / phi(u) for u in nodes) * (start - end) / 100
        result.append((end - start) ** n + n * phi(end) * total)
    return result


def taylor_weights(moments: list[float], levels: np.ndarray) -> np.ndarray:
    """Return the weights of D_i, D_i-1, ... of ER-SDE-Solver-k, k = len(moments), newest level first."""
    data = np.eye(len(moments))
    weights = moments[0] * data[0]
    if len(moments) > 1:
        slope = (data[0] - data[1]) / (levels[0] - levels[1])
        weights = weights + moments[1] * slope
    if len(moments) > 2:
        older = (data[1] - data[2]) / (levels[1] - levels[2])
        weights = weights + 0.5 * moments[2] * 2.0 * (slope - older) / (levels[0] - levels[2])
    return weights


def interpolation_weights(moments: list[mp.mpf], levels: np.ndarray) -> np.ndarray:
    """Return the weights that integrate the interpolation polynomial, by matching its moments."""
    k = len(moments)
    gaps = [mp.mpf(float(level)) - mp.mpf(float(levels[0])) for level in levels]
    system = mp.matrix(k, k)
    for n in range(k):
        for j in range(k):
            system[n, j] = gaps[j] ** n
    return np.array([float(w) for w in mp.lu_solve(system, mp.matrix(moments))])


def scheme_moments(
    method: str,
    order: int,
    phi: Phi,
    levels: np.ndarray,
    data: tuple[float, float],
    start: tuple[float, float],
) -> tuple[float, float]:
    """Return mean and variance of a scheme's final state on data N(mean, variance).

    ``method`` is "published", "released" or "adams". The vector (Y, D_i, D_i-1, D_i-2, D_i-3) is Gaussian;
    its mean and covariance are carried through every step as full matrices.
    """
    mean, covariance = np.zeros(5), np.zeros((5, 5))
    mean[0], covariance[0, 0] = start
    for i in range(len(levels) - 1):
        ratio, weights, noise = _step(method, order, phi, levels, i)
        gain = data[1] / (data[1] + levels[i] ** 2)
        look = np.zeros((5, 5))  # evaluate, and move the older evaluations on
        look[0, 0], look[1, 0] = 1.0, gain
        look[2, 1] = look[3, 2] = look[4, 3] = 1.0
        move = np.eye(5)
        move[0, 0] = ratio
        move[0, 1 : 1 + weights.size] = weights
        shift = move @ np.array([0.0, data[0] * (1.0 - gain), 0.0, 0.0, 0.0])
        mean = move @ (look @ mean) + shift
        covariance = move @ look @ covariance @ look.T @ move.T
        covariance[0, 0] += noise
    return float(mean[0]), float(covariance[0, 0])


def _step(method: str, order: int, phi: Phi, levels: np.ndarray, i: int) -> tuple[float, np.ndarray, float]:
    """Return ratio, data weights and noise variance of step i (math.md section 5)."""
    with mp.workdps(25):
        start, end = mp.mpf(float(levels[i])), mp.mpf(float(levels[i + 1]))
        k = min(order, i + 1)
        history = levels[i - k + 1 : i + 1][::-1]
        if method == "released":
            moments = riemann_moments(phi, float(levels[i]), float(levels[i + 1]))[:k]
        else:
            moments = _short_step_moments(phi, float(levels[i]), float(levels[i + 1]))[:k]
        if method == "adams":
            weights = interpolation_weights(moments, history)
        else:
            weights = taylor_weights([float(g) for g in moments], history)
        noise = float(end**2 - (start * phi(end) / phi(start)) ** 2)
        ratio = float(phi(end) / phi(start))
    if method == "released" and abs(noise) < 1e-6:
        noise = 0.0
    return ratio, weights, noise
