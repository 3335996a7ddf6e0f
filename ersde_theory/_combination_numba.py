"""The compiled pass of :mod:`ersde_theory._combination`: optional, one sweep through memory.

It rounds as NumPy does (no fused operations, terms in their order), so that a result does not depend on which
pass made it. The sum over the arrays is unrolled when it is compiled, once for each number of arrays: a loop
over them inside the loop over the numbers is not vectorised, and five times slower.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.extending import overload


@numba.njit(nogil=True, cache=True, error_model="numpy")
def combine(state: np.ndarray, factor: float, weights: tuple[float, ...], arrays: tuple[np.ndarray, ...]) -> bool:
    """Set state to factor * state + sum of weights[j] * arrays[j]; return whether it is finite then.

    All are flat and of one length; numbers and arrays are of one dtype.
    """
    fault = False
    for i in range(state.size):
        new = _add(i, factor * state[i], weights, arrays)
        state[i] = new
        fault |= new - new != 0.0
    return not fault


def _add(i: Any, total: Any, weights: Any, arrays: Any) -> Any:
    """Return total + sum of weights[j] * arrays[j][i]. Compiled code only: see the overload."""
    raise NotImplementedError


@overload(_add)
def _add_unrolled(i: Any, total: Any, weights: Any, arrays: Any) -> Any:  # noqa: ARG001
    """Return, for one number of arrays, the code that adds the first and leaves the others to the same."""
    if len(arrays) == 0:

        def added(i: Any, total: Any, weights: Any, arrays: Any) -> Any:  # noqa: ARG001
            return total

    else:

        def added(i: Any, total: Any, weights: Any, arrays: Any) -> Any:
            return _add(i, total + weights[0] * arrays[0][i], weights[1:], arrays[1:])

    return added
