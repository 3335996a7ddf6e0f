"""The least that an update can cost: a kernel, written by hand for the benchmark, that only streams its arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

ARRAYS = 4  # read by the kernel besides the state


def floor(state: torch.Tensor, sets: list[list[torch.Tensor]]) -> Callable[[], None]:
    """Return a call that, for each set of four arrays, reads them and the state once and writes the state.

    On the CPU by numba, on as many of torch's threads as the loop takes, with nothing left to the interpreter but one
    call for each set; on a GPU by torch's own copies of as many bytes.
    """
    if state.device.type != "cpu":
        targets = [torch.empty_like(state) for _ in range((ARRAYS + 2) // 2)]  # a copy moves two arrays

        def copies() -> None:
            for arrays in sets:
                for target, source in zip(targets, arrays, strict=False):
                    target.copy_(source)

        return copies
    from ersde_theory._combination_numba import Combination
    from ersde_theory._torch_threads import shared, threads_worth

    size = state.numel()
    call, threads, weights = shared(_compiled(state.dtype).address), threads_worth(size), (0.2,) * ARRAYS
    places = [tuple(a.data_ptr() for a in arrays) for arrays in sets]
    structures = [Combination(0, threads, 0, size, state.data_ptr(), ARRAYS, weights, each, 0.2) for each in places]

    def run(_in_use: object = (state, sets)) -> None:  # their memory is known by its address alone
        for structure in structures:
            structure.taken = 0
            call(structure, threads)

    return run


@functools.cache
def _compiled(dtype: torch.dtype) -> Any:
    """Return the kernel as a function of C, in the fewest instructions that numba makes of it."""
    import numba

    from ersde_theory._combination_numba import Combination
    from ersde_theory._sweep_numba import carray, part, signature, take

    number = np.float64 if dtype == torch.float64 else np.float32

    def stream(s: Any, a: Any, b: Any, c: Any, d: Any, w: Any) -> None:
        for i in range(s.size):
            s[i] = w * s[i] + w * a[i] + w * b[i] + w * c[i] + w * d[i]

    kernel: Any = numba.njit(stream, fastmath=True)

    def run(pointer: Any) -> None:
        sweep = carray(pointer, 1)[0]
        taken, arrays = take(pointer), sweep.arrays
        while taken < sweep.parts:
            p, q = sweep.size * taken // sweep.parts, sweep.size * (taken + 1) // sweep.parts
            a, b = part(arrays[0], p, q, number), part(arrays[1], p, q, number)
            c, d = part(arrays[2], p, q, number), part(arrays[3], p, q, number)
            kernel(part(sweep.result, p, q, number), a, b, c, d, number(sweep.factor))
            taken = take(pointer)

    return numba.cfunc(signature(Combination))(run)
