"""One row of the loop: a state times a number plus multiples of arrays, in place."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

WORTH_ELEMENTS = 2**13  # below it numba need not even be imported
MOST_ARRAYS = 8  # of one compiled pass: each number of arrays is compiled for itself
MOST_TERMS = 16  # that a compiled sweep on addresses has room for
PROCESS = os.getpid()  # that imported this: a forked one has none of its threads

Terms = Sequence[tuple[float, Any]]


def combine(state: Any, factor: float, terms: Terms) -> bool | None:
    """Set ``state`` to ``factor * state`` plus each weight times its array, in place.

    NumPy, torch or any other library with in-place operators; weights are Python floats, which upcast
    nothing. With numba installed (and not switched off by ``ERSDE_NUMBA=0``) large contiguous float32 and
    float64 arrays in the host's memory take one compiled pass, without the interpreter's lock; it rounds as
    NumPy does, bit for bit. Arrays may be views of the state.

    Returns
    -------
    bool or None
        True if all arrays are finite, for so is the state now; False if the state is not, whatever the cause; None
        if nobody has looked.
    """
    if is_torch_array(state):
        from ersde_theory import _combination_torch

        return _combination_torch.combine(state, factor, terms)
    if is_numpy_array(state):
        terms = [(w, a.copy() if np.may_share_memory(a, state) else a) for w, a in terms]
        compiled = compiled_pass(state.size) if terms and _one_kind(state, terms) else None
        if compiled is not None:
            return run_compiled(compiled, state.reshape(-1), factor, [(w, a.reshape(-1)) for w, a in terms])
    state *= factor
    for weight, array in terms:
        state += weight * array
    return None


def compiled_pass(size: int) -> Callable[..., bool] | None:
    """Return the compiled pass for so many numbers, or None where it does not pay or is not to be had."""
    if size < WORTH_ELEMENTS or os.environ.get("ERSDE_NUMBA", "1") == "0":
        return None
    return _compiled()


def run_compiled(compiled: Callable[..., bool], state: np.ndarray, factor: float, terms: Terms) -> bool:
    """Run the compiled pass on flat arrays of one dtype; return whether the state is finite then."""
    number = state.dtype.type
    finite = True
    for first in range(0, len(terms), MOST_ARRAYS):
        weights, arrays = zip(*terms[first : first + MOST_ARRAYS], strict=True)
        finite &= compiled(state, number(factor), tuple(number(w) for w in weights), arrays)
        factor = 1.0
    return bool(finite)


def _one_kind(state: np.ndarray, terms: Terms) -> bool:
    """Return whether all arrays are contiguous and of the state's shape and single or double precision."""
    return state.dtype in (np.float32, np.float64) and all(
        a.dtype == state.dtype and a.shape == state.shape and a.flags.c_contiguous
        for a in (state, *(array for _, array in terms))
    )


@functools.cache
def _compiled() -> Callable[..., bool] | None:
    """Return the compiled pass, or None where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return None
    from ersde_theory import _combination_numba

    kernel: Callable[..., bool] = _combination_numba.combine
    return kernel
