"""The compiled pass of :mod:`ersde_theory._combination`: optional, float64.

It rounds as NumPy does (no fused operations), so that a result does not depend on which pass made it.
"""

from __future__ import annotations

import numba
import numpy as np

_STRIP = 1024


@numba.njit(nogil=True, cache=True, error_model="numpy")
def combine(state: np.ndarray, factor: float, weights: np.ndarray, arrays: tuple[np.ndarray, ...]) -> None:
    """Set state to factor * state + sum of weights[j] * arrays[j]; all flat, of one length."""
    for first in range(0, state.size, _STRIP):
        last = min(state.size, first + _STRIP)
        for i in range(first, last):
            state[i] *= factor
        for j in range(len(arrays)):
            weight, array = weights[j], arrays[j]
            for i in range(first, last):
                state[i] += weight * array[i]
