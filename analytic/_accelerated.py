"""Whether the optional compiled kernels are used: numba installed, wanted, and worth its start-up."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from analytic import _isotropic_numpy

WORTH_ROWS = 4096  # below it the NumPy path is as fast, and numba need not even be imported


def isotropic_denoise(y: np.ndarray[Any, Any], numbers: _isotropic_numpy.Coefficients) -> np.ndarray[Any, Any]:
    """Return ``E[x_0 given y]`` of an isotropic mixture, by whichever kernel suits."""
    if len(y) < WORTH_ROWS or y.dtype != np.float64:
        return _isotropic_numpy.denoise(y, numbers)
    compiled = _compiled() if os.environ.get("ERSDE_NUMBA", "1") != "0" else None
    if compiled is None:
        return _isotropic_numpy.denoise(y, numbers)
    out = np.empty(y.shape)
    rows = np.ascontiguousarray(y)
    compiled(rows, out, numbers.means, numbers.constant, numbers.half_precision, numbers.read_out)
    return out


@functools.cache
def _compiled() -> Callable[..., None] | None:
    """Return the compiled kernel, or None where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return None
    from analytic import _isotropic_numba

    kernel: Callable[..., None] = _isotropic_numba.denoise
    return kernel
