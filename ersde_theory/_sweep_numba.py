"""Compiled sweeps through the host's memory, that any number of threads share.

A sweep is described by a structure of addresses and numbers, and run by a function of C that takes one: each thread
that calls it on the same structure takes parts of it until none are left. A sweep rounds as NumPy does (no fused
operations, terms in their order), so that a result does not depend on which pass made it. The sum over the arrays is
unrolled when it is compiled, once for each number of arrays: a loop over them inside the loop over the numbers is not
vectorised, and five times slower.

numba keeps compiled functions on disk and looks at the file of a function alone to see whether they are still right. So
functions of other files that are made of what is here close over `SOURCE`, which their key then holds.
"""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from ersde_theory._combination import MOST_TERMS

UNROLLED = 6  # terms that are added in the same sweep; each further one takes a sweep of its own

INTEGER = ctypes.c_int64
SOURCE = int(hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:15], 16)  # of this file


# What every structure begins with. All arrays are flat, of `size` numbers of one dtype, and given by their addresses;
# no two overlap. `fault` becomes 1 if a number that the sweep looks at is not finite; with more than UNROLLED terms it
# looks before the last of them are added.
FIELDS = (
    ("taken", INTEGER),  # parts that a thread has begun; the first field: `take` counts it up
    ("parts", INTEGER),
    ("fault", INTEGER),
    ("size", INTEGER),
    ("result", INTEGER),
    ("terms", INTEGER),
    ("weights", ctypes.c_double * MOST_TERMS),
    ("arrays", INTEGER * MOST_TERMS),
)


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
take: Any = intrinsic(_take_code)
_pointer: Any = intrinsic(_pointer_code)


def signature(structure: type[ctypes.Structure]) -> Any:
    """Return the type of a function of C that runs a sweep of such a structure."""
    return types.void(types.CPointer(numba.from_dtype(np.dtype(structure))))  # type: ignore[no-untyped-call]


def add(i: Any, total: Any, weights: Any, arrays: Any) -> Any:
    """Return total + sum of weights[j] * arrays[j][i]. Compiled code only: see the overload."""
    raise NotImplementedError


@overload(add)
def _add_unrolled(i: Any, total: Any, weights: Any, arrays: Any) -> Any:  # noqa: ARG001
    """Return, for one number of arrays, the code that adds the first and leaves the others to the same."""
    if len(arrays) == 0:

        def added(i: Any, total: Any, weights: Any, arrays: Any) -> Any:  # noqa: ARG001
            return total

    else:

        def added(i: Any, total: Any, weights: Any, arrays: Any) -> Any:
            return add(i, total + weights[0] * arrays[0][i], weights[1:], arrays[1:])

    return added


@numba.njit(error_model="numpy")
def part(address: int, first: int, last: int, number: Any) -> np.ndarray:
    """Return a part of the array at an address."""
    width = np.empty(0, number).itemsize
    return carray(_pointer(address + width * first), last - first, number)


def _with_terms(step: Any, known: int) -> Any:
    """Return the compiled step that has so many terms and finds those that come after them."""
    if known == UNROLLED:
        return step
    with_more = _with_terms(step, known + 1)

    @numba.njit(error_model="numpy")
    def with_all(sweep: Any, first: int, last: int, number: Any, weights: Any, arrays: Any) -> Any:
        if sweep.terms == known:
            return step(sweep, first, last, number, weights, arrays)
        weight, array = number(sweep.weights[known]), part(sweep.arrays[known], first, last, number)
        return with_more(sweep, first, last, number, (*weights, weight), (*arrays, array))

    return with_all


def in_parts(step: Any) -> Any:
    """Return what takes parts of a sweep as long as there are any, from its structure and the type of its numbers.

    The compiled ``step(sweep, first, last, number, weights, arrays)`` writes the result from one number to another, the
    terms that it is given included, and returns whether a number is not finite.
    """
    with_terms = _with_terms(step, 0)

    @numba.njit(error_model="numpy")
    def run(pointer: Any, number: Any) -> None:
        sweep = carray(pointer, 1)[0]
        taken = take(pointer)
        while taken < sweep.parts:
            first, last = sweep.size * taken // sweep.parts, sweep.size * (taken + 1) // sweep.parts
            if with_terms(sweep, first, last, number, (), ()):
                sweep.fault = 1
            result = part(sweep.result, first, last, number)
            for j in range(UNROLLED, sweep.terms):
                weight, array = number(sweep.weights[j]), part(sweep.arrays[j], first, last, number)
                for i in range(result.size):
                    result[i] += weight * array[i]
            taken = take(pointer)

    return run
