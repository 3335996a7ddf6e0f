"""The compiled pass of :mod:`ersde_theory._combination`: optional, one sweep through memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from ersde_theory._sweep_numba import FIELDS, SOURCE, UNROLLED, add, in_parts, part, signature


def _combine(source: int) -> Any:
    """Return the pass over NumPy arrays; `source` is in the key of numba's cache."""

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def combine(state: np.ndarray, factor: float, weights: tuple[float, ...], arrays: tuple[np.ndarray, ...]) -> bool:
        """Set state to factor * state + sum of weights[j] * arrays[j]; return whether it is finite then.

        All are flat and of one length; numbers and arrays are of one dtype.
        """
        fault = source < 0
        for i in range(state.size):
            new = add(i, factor * state[i], weights, arrays)
            state[i] = new
            fault |= new - new != 0.0
        return not fault

    return combine


combine = _combine(SOURCE)


class Combination(ctypes.Structure):
    """The result is the state: it becomes factor * state + sum of terms. It is looked at."""

    _fields_ = (
        *FIELDS,
        ("factor", ctypes.c_double),
    )


@numba.njit(error_model="numpy")
def _step(sweep: Any, first: int, last: int, number: Any, weights: Any, arrays: Any) -> bool:
    """Combine from one number to another, with these terms; return whether a number is not finite then."""
    return not combine(part(sweep.result, first, last, number), number(sweep.factor), weights, arrays)


_run = in_parts(_step)


def _function(number: Any, source: int) -> Any:
    """Return the function of C for one type of numbers; `source` is in the key of numba's cache."""

    @numba.cfunc(signature(Combination), cache=True)
    def run(pointer: Any) -> None:
        if source >= 0:
            _run(pointer, number)

    return run


FUNCTIONS = {"float32": _function(np.float32, SOURCE), "float64": _function(np.float64, SOURCE)}


def sweep_of(dtype: str, shared: Callable[[int], Callable[[Any, int], None]]) -> Callable[..., bool]:
    """Return what combines flat arrays of float32 or float64, given by their addresses, on threads.

    ``shared(address)`` returns what calls the function of C at an address on a structure, on so many threads.
    """
    run_parts = shared(FUNCTIONS[dtype].address)

    def sweep(state: int, factor: float, terms: Sequence[tuple[float, int]], size: int, threads: int) -> bool:
        """Combine; return whether the state is finite then."""
        fault = 0
        for first in range(0, len(terms), UNROLLED):
            weights, arrays = zip(*terms[first : first + UNROLLED], strict=True)
            data = Combination(0, threads, 0, size, state, len(weights), weights, arrays, factor)
            run_parts(data, threads)
            fault, factor = fault | data.fault, 1.0
        return fault == 0

    return sweep
