"""A step in one sweep through memory: the network's output to data, and data to the next state.

The arrays of a step on a usual latent do not fit a core's cache, so the time is that of fetching them, and each is
fetched once here. The new value takes the place of one that is used for the last time. It rounds as NumPy does (no
fused operations, terms in their order).

A sweep is described by a structure of addresses and numbers, and run by a function of C that takes one: any number of
threads may call it at once on the same structure, and share the parts among them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from ersde_theory._combination_numba import _add
from ersde_theory.integrations._fused import MOST_TERMS

UNROLLED = 4  # terms that are added in the same sweep; each further one takes a sweep of its own

_INTEGER = ctypes.c_int64


class Sweep(ctypes.Structure):
    """With new = conversion . (state, output): result = factors . (state, new, value) + sum of terms, value = new.

    All arrays are flat, of `size` numbers of one dtype, and given by their addresses; no two overlap. A factor 0 of the
    old value means that it is not read. `fault` becomes 1 if a new value is not finite.
    """

    _fields_ = (
        ("taken", _INTEGER),  # parts that a thread has begun; the first field: `_take` counts it up
        ("parts", _INTEGER),
        ("size", _INTEGER),
        ("result", _INTEGER),
        ("state", _INTEGER),
        ("output", _INTEGER),
        ("value", _INTEGER),
        ("conversion", ctypes.c_double * 2),
        ("factors", ctypes.c_double * 3),
        ("terms", _INTEGER),
        ("weights", ctypes.c_double * MOST_TERMS),
        ("arrays", _INTEGER * MOST_TERMS),
        ("fault", _INTEGER),
    )


_POINTER: Any = types.CPointer(numba.from_dtype(np.dtype(Sweep)))  # type: ignore[no-untyped-call]


def _take_code(_context: Any, sweep: Any) -> Any:
    """Return how many parts have been begun, and count one more, at once."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.bitcast(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.atomic_rmw("add", place, context.get_constant(types.int64, 1), "monotonic")

    return types.int64(sweep), code


def _pointer_code(_context: Any, address: Any) -> Any:
    """Return an address as a pointer."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), code


carray: Any = numba.carray  # type: ignore[attr-defined]
_take: Any = intrinsic(_take_code)
_pointer: Any = intrinsic(_pointer_code)


@numba.njit(error_model="numpy")
def _part(address: int, first: int, last: int, number: Any) -> np.ndarray:
    """Return a part of the array at an address."""
    width = np.empty(0, number).itemsize
    return carray(_pointer(address + width * first), last - first, number)


@numba.njit(error_model="numpy")
def _step(sweep: Any, first: int, last: int, number: Any, weights: Any, arrays: Any) -> bool:
    """Take the step from one number to another, with these terms; return whether a new value is not finite."""
    c0, c1 = number(sweep.conversion[0]), number(sweep.conversion[1])
    f0, f1, f2 = number(sweep.factors[0]), number(sweep.factors[1]), number(sweep.factors[2])
    result, value = _part(sweep.result, first, last, number), _part(sweep.value, first, last, number)
    state, output = _part(sweep.state, first, last, number), _part(sweep.output, first, last, number)
    fault = False
    for i in range(result.size):
        new = c0 * state[i] + c1 * output[i]
        total = f0 * state[i] + f1 * new
        if f2 != 0.0:
            total += f2 * value[i]
        result[i] = _add(i, total, weights, arrays)
        value[i] = new
        fault |= (new - new) != 0.0
    return fault


@numba.njit(error_model="numpy")
def _run(pointer: Any, number: Any) -> None:
    """Take parts of the sweep as long as there are any."""
    sweep = carray(pointer, 1)[0]
    w, a, terms = sweep.weights, sweep.arrays, sweep.terms
    w0, w1, w2, w3 = number(w[0]), number(w[1]), number(w[2]), number(w[3])
    part = _take(pointer)
    while part < sweep.parts:
        p, q = sweep.size * part // sweep.parts, sweep.size * (part + 1) // sweep.parts
        a0, a1 = _part(a[0], p, q, number), _part(a[1], p, q, number)
        a2, a3 = _part(a[2], p, q, number), _part(a[3], p, q, number)
        if terms == 0:
            fault = _step(sweep, p, q, number, (), ())
        elif terms == 1:
            fault = _step(sweep, p, q, number, (w0,), (a0,))
        elif terms == 2:
            fault = _step(sweep, p, q, number, (w0, w1), (a0, a1))
        elif terms == 3:
            fault = _step(sweep, p, q, number, (w0, w1, w2), (a0, a1, a2))
        else:
            fault = _step(sweep, p, q, number, (w0, w1, w2, w3), (a0, a1, a2, a3))
        result = _part(sweep.result, p, q, number)
        for j in range(UNROLLED, terms):
            weight, array = number(w[j]), _part(a[j], p, q, number)
            for i in range(result.size):
                result[i] += weight * array[i]
        if fault:
            sweep.fault = 1
        part = _take(pointer)


@numba.cfunc(types.void(_POINTER), cache=True)
def _run_float32(pointer: Any) -> None:
    _run(pointer, np.float32)


@numba.cfunc(types.void(_POINTER), cache=True)
def _run_float64(pointer: Any) -> None:
    _run(pointer, np.float64)


def sweep_of(dtype: str) -> Callable[..., bool]:
    """Return the sweep for float32 or float64."""
    address: Any = (_run_float64 if dtype == "float64" else _run_float32).address
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def sweep(
        places: tuple[int, int, int, int],
        conversion: tuple[float, float],
        factors: tuple[float, float, float],
        terms: Sequence[tuple[float, int]],
        size: int,
        threads: int,
        parallel: Callable[..., None] | None,
    ) -> bool:
        """Run the sweep, in parts on threads if `parallel` is given; return whether all new values are finite."""
        weights, arrays = zip(*terms, strict=True) if terms else ((), ())
        data = Sweep(0, threads, size, *places, conversion, factors, len(terms), weights, arrays)
        if parallel is None or threads == 1:
            run(ctypes.byref(data))
        else:
            parallel(address, ctypes.byref(data), threads, 0)
        return data.fault == 0

    return sweep
