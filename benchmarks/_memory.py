"""Working memory of ``sample`` beyond its input and output: NumPy's allocations and the resident peak."""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _ours
import _problem as problem
import numpy as np


def build(paths: int, *, threads: int, scheme: str) -> Callable[[int, int], np.ndarray]:
    """Return ``run(seed, steps)`` to [traced bytes, resident bytes] (nan where the system cannot tell)."""
    from ersde_theory import sample

    denoise = _ours.law().denoise
    y = problem.start(paths)

    def run(seed: int, steps: int) -> np.ndarray:
        tab = _ours.tableau(scheme, steps)
        sample(tab, denoise, y[: paths // 10], seed, threads=threads)  # caches, lazy imports
        resident = _resident_peak(lambda: sample(tab, denoise, y, seed, threads=threads))
        tracemalloc.start()
        out = sample(tab, denoise, y, seed, threads=threads)
        traced = tracemalloc.get_traced_memory()[1] - out.nbytes
        tracemalloc.stop()
        return np.array([traced, resident - out.nbytes])

    return run


def _resident_peak(run: Callable[[], Any]) -> float:
    """Return by how many bytes the resident set rose at its highest (Linux with glibc); nan where that is unknown."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # freed memory that the allocator kept would be used again unseen
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the high-water mark
        before = _status("VmRSS")
    except (OSError, AttributeError):
        return float("nan")
    run()
    return _status("VmHWM") - before


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) * 1024.0 for line in lines if line.startswith(f"{key}:"))
