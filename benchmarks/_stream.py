"""The least that an update can cost: a kernel, written by hand for the benchmark, that only streams its arrays."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

ARRAYS = 4  # read by the kernel besides the state


def floor(state: torch.Tensor, sets: list[list[torch.Tensor]]) -> Callable[[], None]:
    """Return a call that, for each set of four arrays, reads them and the state once and writes the state.

    On the CPU by numba, a part of the arrays on each of torch's threads; on a GPU by torch's own copies of as many
    bytes. No thread pool of OpenMP takes part: its threads would wait for each other, actively, on a busy machine.
    """
    if state.device.type != "cpu":
        targets = [torch.empty_like(state) for _ in range((ARRAYS + 2) // 2)]  # a copy moves two arrays

        def copies() -> None:
            for arrays in sets:
                for target, source in zip(targets, arrays, strict=False):
                    target.copy_(source)

        return copies
    kernel, threads = _compiled(), torch.get_num_threads()
    cuts = [state.numel() * i // threads for i in range(threads + 1)]
    flat = [[t.reshape(-1).numpy() for t in (state, *arrays)] for arrays in sets]
    parts = [[[a[low:high] for a in arrays] for low, high in itertools.pairwise(cuts)] for arrays in flat]
    weight = flat[0][0].dtype.type(0.2)
    pool = ThreadPoolExecutor(max(1, threads - 1))

    def run() -> None:
        for of_set in parts:
            others = [pool.submit(kernel, *part, weight) for part in of_set[1:]]
            kernel(*of_set[0], weight)
            for other in others:
                other.result()

    return run


@functools.cache
def _compiled() -> Callable[..., None]:
    """Return the kernel, in the fewest instructions that numba makes of it."""
    import numba

    def stream(s: Any, a: Any, b: Any, c: Any, d: Any, w: Any) -> None:
        for i in range(s.size):
            s[i] = w * s[i] + w * a[i] + w * b[i] + w * c[i] + w * d[i]

    compiled: Callable[..., None] = numba.njit(stream, nogil=True, fastmath=True)
    return compiled
