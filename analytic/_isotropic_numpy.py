"""The denoiser of an isotropic mixture in few dimensions, in the layout that NumPy runs fastest.

Rows are the long axis, so every operation is one pass over ``(K, rows)``; the sums over components
are two small matrix products with the features ``(1, y, |y|^2)``. Expanding the square so loses
``eps * |y - m|^2 / s^2``: where that may exceed ``AMPLIFICATION`` units of eps, differences are
used instead. Below it the largest log weight also cannot underflow, so it needs no shift.

Measured with K = 8, d = 2, float64 on one core with AVX-512: 20 ns a row, 43 where differences are
needed. The compiled kernel of ``_isotropic_numba`` takes 17 for both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytic._checks import FloatArray

Real = npt.NDArray[Any]

AMPLIFICATION = {"float32": 64.0, "float64": 1000.0}
CACHED_WEIGHTS = 2**14  # numbers of scratch that stay in the second-level cache


class Coefficients(NamedTuple):
    """Scalars of one noise level.

    ``quadratic`` (K, d + 2) maps the features (1, y, |y|^2) to log weights; ``read_out`` (d + 2,
    K) maps weights to the sums that make the mean; ``constant`` and ``half_precision`` (K,) serve
    the careful form; ``reach`` is the largest |m| and ``sharpness`` the largest 1/s^2.
    """

    quadratic: Real
    read_out: Real
    means: Real
    constant: Real
    half_precision: Real
    reach: float
    sharpness: float


def coefficients(
    log_weights: FloatArray, means: FloatArray, variances: FloatArray, level: float, dtype: Any
) -> Coefficients:
    """Return the scalars of a level, computed in float64 and kept in ``dtype``."""
    count, dim = means.shape
    total = variances + level * level
    half = 0.5 / total
    constant = log_weights - 0.5 * dim * np.log(total)
    constant = constant - constant.max()
    quadratic = np.empty((count, dim + 2))
    quadratic[:, 0] = constant - half * (means * means).sum(axis=1)
    quadratic[:, 1:-1] = 2.0 * half[:, None] * means
    quadratic[:, -1] = -half
    shrink = level * level / total
    read_out = np.vstack([np.ones(count), variances / total, (shrink[:, None] * means).T])
    return Coefficients(
        quadratic.astype(dtype),
        read_out.astype(dtype),
        means.astype(dtype),
        constant.astype(dtype),
        half.astype(dtype),
        float(np.sqrt((means * means).sum(axis=1).max())),
        float(2.0 * half.max()),
    )


def denoise(y: Real, numbers: Coefficients) -> Real:
    """Return ``E[x_0 given y]`` for ``y`` of shape ``(n, d)``."""
    n, dim = y.shape
    out = np.empty_like(y, order="C")
    step = max(256, CACHED_WEIGHTS // len(numbers.means))
    rows = min(n, step)
    features = np.ones((dim + 2, rows), dtype=y.dtype)
    weights = np.empty((len(numbers.means), rows), dtype=y.dtype)
    sums = np.empty((dim + 2, rows), dtype=y.dtype)
    for start in range(0, n, step):
        block = y[start : start + step]
        m = len(block)
        if m < rows:
            features, weights, sums = (a[:, :m].copy() for a in (features, weights, sums))
        _block(block, out[start : start + step], numbers, features, weights, sums)
    return out


def _block(y: Real, out: Real, numbers: Coefficients, features: Real, weights: Real, sums: Real) -> None:
    coordinates, square = features[1:-1], features[-1]
    coordinates[...] = y.T
    np.multiply(coordinates[0], coordinates[0], out=square)
    for axis in range(1, len(coordinates)):
        square += np.multiply(coordinates[axis], coordinates[axis], out=sums[0])
    farthest = numbers.reach + float(square.max()) ** 0.5
    if farthest * farthest * numbers.sharpness <= AMPLIFICATION[y.dtype.name]:
        np.matmul(numbers.quadratic, features, out=weights)
    else:
        _careful_log_weights(coordinates, numbers, weights)
    np.exp(weights, out=weights)
    np.matmul(numbers.read_out, weights, out=sums)
    np.multiply(coordinates, sums[1], out=coordinates)
    coordinates += sums[2:]
    np.divide(coordinates, sums[0], out=out.T)


def _careful_log_weights(coordinates: Real, numbers: Coefficients, weights: Real) -> None:
    scratch = np.empty_like(weights)
    weights[...] = 0.0
    for axis in range(len(coordinates)):
        np.subtract(coordinates[axis], numbers.means[:, axis, None], out=scratch)
        weights += np.multiply(scratch, scratch, out=scratch)
    weights *= -numbers.half_precision[:, None]
    weights += numbers.constant[:, None]
    weights -= weights.max(axis=0)
