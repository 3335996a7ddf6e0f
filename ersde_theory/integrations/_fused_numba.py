"""A step in one sweep through memory: the network's output to data, and data to the next state.

The arrays of a step on a usual latent do not fit a core's cache, so the time is that of fetching them, and each is
fetched once here. The new value takes the place of one that is used for the last time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from ersde_theory._sweep_numba import FIELDS, INTEGER, SOURCE, add, in_parts, part, signature


class Step(ctypes.Structure):
    """With new = conversion . (state, output): result = factors . (state, new, value) + sum of terms, value = new.

    A factor 0 of the old value means that it is not read. It is the new values that are looked at.
    """

    _fields_ = (
        *FIELDS,
        ("state", INTEGER),
        ("output", INTEGER),
        ("value", INTEGER),
        ("conversion", ctypes.c_double * 2),
        ("factors", ctypes.c_double * 3),
    )


@numba.njit(error_model="numpy")
def _step(sweep: Any, first: int, last: int, number: Any, weights: Any, arrays: Any) -> bool:
    """Take the step from one number to another, with these terms; return whether a new value is not finite."""
    c0, c1 = number(sweep.conversion[0]), number(sweep.conversion[1])
    f0, f1, f2 = number(sweep.factors[0]), number(sweep.factors[1]), number(sweep.factors[2])
    result, value = part(sweep.result, first, last, number), part(sweep.value, first, last, number)
    state, output = part(sweep.state, first, last, number), part(sweep.output, first, last, number)
    fault = False
    for i in range(result.size):
        new = c0 * state[i] + c1 * output[i]
        total = f0 * state[i] + f1 * new
        if f2 != 0.0:
            total += f2 * value[i]
        result[i] = add(i, total, weights, arrays)
        value[i] = new
        fault |= (new - new) != 0.0
    return fault


_run = in_parts(_step)


def _function(number: Any, source: int) -> Any:
    """Return the function of C for one type of numbers; `source` is in the key of numba's cache."""

    @numba.cfunc(signature(Step), cache=True)
    def run(pointer: Any) -> None:
        if source >= 0:
            _run(pointer, number)

    return run


FUNCTIONS = {"float32": _function(np.float32, SOURCE), "float64": _function(np.float64, SOURCE)}


def sweep_of(dtype: str, shared: Callable[[int], Callable[[Any, int], None]]) -> Callable[..., bool]:
    """Return the sweep for float32 or float64; `shared` is as in :mod:`ersde_theory._combination_numba`."""
    run_parts = shared(FUNCTIONS[dtype].address)

    def sweep(
        places: tuple[int, int, int, int],
        conversion: tuple[float, float],
        factors: tuple[float, float, float],
        terms: Sequence[tuple[float, int]],
        size: int,
        threads: int,
    ) -> bool:
        """Run the sweep, in parts on so many threads; return whether all new values are finite."""
        weights, arrays = zip(*terms, strict=True) if terms else ((), ())
        result, state, output, value = places
        data = Step(0, threads, 0, size, result, len(terms), weights, arrays, state, output, value, conversion, factors)
        run_parts(data, threads)
        return data.fault == 0

    return sweep
