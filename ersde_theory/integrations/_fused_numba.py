"""A step in one sweep through memory: the network's output to data, and data to the next state.

The arrays of a step on a usual latent do not fit a core's cache, so the time is that of fetching them, and each is
fetched once here. The new value takes the place of one that is used for the last time.
"""

from __future__ import annotations

import numba
import numpy as np

from ersde_theory._combination_numba import _add


@numba.njit(nogil=True, cache=True, error_model="numpy")
def step(
    result: np.ndarray,
    state: np.ndarray,
    output: np.ndarray,
    value: np.ndarray,
    conversion: tuple[float, float],
    factors: tuple[float, float, float],
    weights: tuple[float, ...],
    arrays: tuple[np.ndarray, ...],
) -> bool:
    """Set value and result; return whether the new value is finite.

    With old the value on entry and new = conversion . (state, output), result is factors . (state, new, old) plus the
    sum of weights[j] * arrays[j], and value is new. All are flat, of one length and one dtype; no two overlap.
    """
    fault = False
    for i in range(result.size):
        new = conversion[0] * state[i] + conversion[1] * output[i]
        total = factors[0] * state[i] + factors[1] * new + factors[2] * value[i]
        result[i] = _add(i, total, weights, arrays)
        value[i] = new
        fault |= (new - new) != 0.0
    return not fault
