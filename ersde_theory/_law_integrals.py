"""Integrals on the line from samples on a uniform grid: spectral antiderivatives, |f|, and slopes of maps."""

from __future__ import annotations

import math

import numpy as np

from analytic.distances import excess_over_log1p

_UPSAMPLING = 4
_CHORD_STEPS = 4
_WINDOW = 12
_STENCIL = 8


def antiderivative(values: np.ndarray, spacing: float) -> np.ndarray:
    """Return the integral from the left end to each node, of a function that vanishes at both ends."""
    return _antiderivative(values, spacing, 1)[: values.size]


def absolute_integral(values: np.ndarray, spacing: float, noise: float) -> float:
    """Return the integral of |f| for a smooth f that vanishes at both ends of the grid.

    Between two zeros it is the difference of an antiderivative, which is flat there: zeros need few digits.
    Changes of sign among values below `noise` are round-off and not looked at.
    """
    fine = _series(values, _UPSAMPLING)
    clear = np.flatnonzero(np.abs(fine) > noise)
    before = np.flatnonzero(np.sign(fine[clear[:-1]]) != np.sign(fine[clear[1:]]))
    left, right = clear[before], clear[before + 1]
    per_value = (right - left) / (fine[left] - fine[right])
    zero = left + per_value * fine[left]
    for _ in range(_CHORD_STEPS):
        zero = np.clip(zero + per_value * _interpolated(fine, zero), left, right)
    integral = _antiderivative(values, spacing, _UPSAMPLING)
    at_ends = np.concatenate((integral[:1], _interpolated(integral, zero), integral[-1:]))
    return float(np.abs(np.diff(at_ends)).sum())


def unresolved(values: np.ndarray) -> float:
    """Return the part of a function's Fourier series at the highest frequency of the grid, relative to the largest."""
    size = np.abs(np.fft.rfft(values))
    return float(size[-_WINDOW:].max() / size.max())


def _series(values: np.ndarray, finer: int, spacing: float | None = None) -> np.ndarray:
    """Return the Fourier series through the values, or its antiderivative without the mean, on a finer grid."""
    values = np.pad(values, (0, values.size % 2))
    coefficients = np.fft.rfft(values)
    coefficients[-1] = 0.0
    if spacing is not None:
        frequency = 2j * math.pi * np.fft.rfftfreq(values.size, spacing)
        coefficients = np.append(0.0, coefficients[1:] / frequency[1:])
    return finer * np.fft.irfft(coefficients, finer * values.size)


def _antiderivative(values: np.ndarray, spacing: float, finer: int) -> np.ndarray:
    """Return the integral from the left end on a finer grid."""
    wave = _series(values, finer, spacing)
    mean = values.sum() / (values.size + values.size % 2)
    return wave - wave[0] + mean * (spacing / finer) * np.arange(wave.size)


def _interpolated(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the polynomials through the 12 nearest values, at positions counted in nodes."""
    if values.size < _WINDOW:
        return np.interp(position, np.arange(values.size), values)
    first = np.clip(np.floor(position).astype(np.int64) - _WINDOW // 2 + 1, 0, values.size - _WINDOW)
    node = np.arange(_WINDOW)
    apart = (position - first)[:, None] - node
    total = np.zeros(position.size)
    for j in range(_WINDOW):
        others = node != j
        total += values[first + j] * np.prod(apart[:, others] / (j - node[others]), axis=1)
    return total


def relative_entropy(mass: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return p ln(p/t) - p + t for densities p and t, as t times a square where they nearly agree.

    Its sum is that of p ln(p/t) for densities of equal mass, but no term is negative. Infinite where t alone is 0.
    """
    both = (mass > 0.0) & (target > 0.0)
    p, t = np.where(both, mass, 1.0), np.where(both, target, 1.0)
    with np.errstate(over="ignore"):
        u = (p - t) / t
    near = np.abs(u) < 0.5
    small = np.where(near, u, 0.0)
    close = t * (small * small - (1.0 + small) * excess_over_log1p(small))
    apart = p * (np.log(p) - np.log(t)) - p + t
    return np.where(both, np.where(near, close, apart), np.where(mass > 0.0, np.inf, target))


def slope_of_map(x: np.ndarray, spacing: float) -> np.ndarray:
    """Return dx/ds at the nodes by central differences of order 16; the nearest such value at the ends."""
    m = _STENCIL
    if x.size <= 2 * m:
        return np.gradient(x, spacing)
    inner = np.zeros(x.size - 2 * m)
    for k in range(1, m + 1):
        weight = (-1) ** (k + 1) * math.factorial(m) ** 2 / (k * math.factorial(m - k) * math.factorial(m + k))
        inner += weight * (x[m + k : x.size - m + k] - x[m - k : x.size - m - k])
    return np.pad(inner / spacing, m, mode="edge")
