"""The denoiser of an isotropic mixture as one compiled loop: optional, float64, equal to 1e-12.

NumPy needs a dozen short calls a block, and between them two threads hand the interpreter's lock to
and fro; this loop is one call without the lock. Rows are taken in strips, coordinates apart, so that
the compiler vectorises every inner loop. Squares are of differences, never expanded.

Importing this module compiles nothing; numba caches the machine code on disk at the first call.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from analytic._checks import FloatArray

_STRIP = 256
_LOWEST = -700.0  # exp of less than this is as good as 0 beside the largest weight, 1
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))  # of exp; |r| <= ln(2)/2: 4e-18


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _exponentials(logs: FloatArray, top: FloatArray, bits: npt.NDArray[np.int64], m: int) -> None:
    """Turn ``logs - top`` into r, then exp(r), and the bits of 2^e: exp(x) = 2^e exp(r), x = e ln 2 + r."""
    for i in range(m):
        x = max(logs[i] - top[i], _LOWEST)
        e = math.floor(x * _LOG2_E + 0.5)
        r = (x - e * _LN2_HIGH) - e * _LN2_LOW
        p = _TAYLOR[0]
        p = p * r + _TAYLOR[1]
        p = p * r + _TAYLOR[2]
        p = p * r + _TAYLOR[3]
        p = p * r + _TAYLOR[4]
        p = p * r + _TAYLOR[5]
        p = p * r + _TAYLOR[6]
        p = p * r + _TAYLOR[7]
        p = p * r + _TAYLOR[8]
        p = p * r + _TAYLOR[9]
        p = p * r + _TAYLOR[10]
        p = p * r + _TAYLOR[11]
        p = p * r + _TAYLOR[12]
        logs[i] = p * r + _TAYLOR[13]
        bits[i] = (np.int64(e) + 1023) << 52


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def denoise(
    y: FloatArray,
    out: FloatArray,
    means: FloatArray,
    constant: FloatArray,
    half_precision: FloatArray,
    read_out: FloatArray,
) -> None:
    """Write ``E[x_0 given y]`` into ``out``; y (n, d), means (K, d), read_out (2 + d, K)."""
    n, dim = y.shape
    count = means.shape[0]
    rows = np.empty((dim, _STRIP))
    sums = np.empty((dim + 1, _STRIP))
    total, top = np.empty(_STRIP), np.empty(_STRIP)
    logs = np.empty((count, _STRIP))
    bits = np.empty(_STRIP, np.int64)
    scale = bits.view(np.float64)
    for first in range(0, n, _STRIP):
        m = min(_STRIP, n - first)
        for i in range(m):
            top[i] = -np.inf
            total[i] = 0.0
        for a in range(dim):
            for i in range(m):
                rows[a, i] = y[first + i, a]
        for a in range(dim + 1):
            for i in range(m):
                sums[a, i] = 0.0
        for k in range(count):
            for i in range(m):
                logs[k, i] = 0.0
            for a in range(dim):
                for i in range(m):
                    gap = rows[a, i] - means[k, a]
                    logs[k, i] += gap * gap
            for i in range(m):
                logs[k, i] = constant[k] - half_precision[k] * logs[k, i]
                top[i] = max(top[i], logs[k, i])
        for k in range(count):
            _exponentials(logs[k], top, bits, m)
            for i in range(m):
                logs[k, i] *= scale[i]
                total[i] += logs[k, i]
            for a in range(dim + 1):
                factor = read_out[a + 1, k]
                for i in range(m):
                    sums[a, i] += factor * logs[k, i]
        for a in range(dim):
            for i in range(m):
                out[first + i, a] = (sums[0, i] * rows[a, i] + sums[a + 1, i]) / total[i]
