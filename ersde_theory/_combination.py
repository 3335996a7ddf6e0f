"""One row of the loop: a state times a number plus multiples of arrays, in place."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array

WORTH_ELEMENTS = 2**13  # below it numba need not even be imported

Terms = Sequence[tuple[float, Any]]


def combine(state: Any, factor: float, terms: Terms) -> None:
    """Set ``state`` to ``factor * state`` plus each weight times its array, in place.

    NumPy, torch or any other library with in-place operators. With numba installed (and not switched off
    by ``ERSDE_NUMBA=0``) large contiguous float64 NumPy arrays take one compiled pass, without the
    interpreter's lock; the result is the same bit for bit.
    """
    compiled = _compiled() if _suits(state, terms) else None
    if compiled is not None:
        weights = np.array([weight for weight, _ in terms])
        compiled(state.reshape(-1), factor, weights, tuple(array.reshape(-1) for _, array in terms))
        return
    state *= factor
    for weight, array in terms:
        state += weight * array


def _suits(state: Any, terms: Terms) -> bool:
    """Return whether the compiled pass can take these arrays, and pays."""
    if not terms or os.environ.get("ERSDE_NUMBA", "1") == "0" or not is_numpy_array(state):
        return False
    arrays = [state, *(array for _, array in terms)]
    return state.size >= WORTH_ELEMENTS and all(a.dtype == np.float64 and a.flags.c_contiguous for a in arrays)


@functools.cache
def _compiled() -> Callable[..., None] | None:
    """Return the compiled pass, or None where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return None
    from ersde_theory import _combination_numba

    kernel: Callable[..., None] = _combination_numba.combine
    return kernel
