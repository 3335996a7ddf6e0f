"""The threads of torch, for compiled code of ours.

Threads of our own would have to be woken (0.1 ms) and would compete with torch's, which wait in a loop between two
operations: handing them a part takes as long as 2^13 numbers. OpenMP keeps threads apart for each thread that calls
it. numba's way to OpenMP is closed: its start sets the number of torch's threads as well, and it ends a forked process.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

import torch

from ersde_theory._combination import PROCESS

WORTH_THREADS = 2**16  # numbers


def threads_worth(size: int) -> int:
    """Return how many of torch's threads are worth having for so many numbers.

    One in a process that was forked after the import of the package: the threads of its parent are not there, and torch
    itself would wait for them.
    """
    if size < WORTH_THREADS or os.getpid() != PROCESS or _parallel() is None:
        return 1
    return torch.get_num_threads()


def shared(function: int) -> Callable[[Any, int], None]:
    """Return what calls the function of C at an address on a structure, on each of so many threads, and waits."""
    alone, parallel = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function), _parallel()

    def call(structure: ctypes.Structure, threads: int) -> None:
        if threads == 1 or parallel is None:
            alone(ctypes.byref(structure))
        else:
            parallel(function, ctypes.byref(structure), threads, 0)

    return call


@functools.cache
def _parallel() -> Callable[..., None] | None:
    """Return ``GOMP_parallel(function, data, threads, 0)`` of the OpenMP that torch is linked to, if it has it."""
    parallel = getattr(ctypes.CDLL(torch._C.__file__), "GOMP_parallel", None)
    if parallel is not None:
        parallel.argtypes, parallel.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return parallel


__all__ = ["shared", "threads_worth"]
