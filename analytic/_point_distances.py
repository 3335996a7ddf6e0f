"""Squared distances to many points, accurate where a small kernel looks at them.

The expanded form ``|y|^2 + |x|^2 - 2 y.x`` is one matrix product but loses ``eps * (|y| +
|x|)^2``, which a kernel of variance s^2 magnifies by ``1/s^2``. Where that matters, only the
points near the nearest one carry weight, and their distances are recomputed from differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from analytic import _checks
from analytic._checks import Array
from analytic._terms import put

DIRECT_DIM = 8
ACCEPTED_AMPLIFICATION = 1024.0
PAIR_ELEMENTS = 2**19
NEGLIGIBLE_NATS = {"float32": 28.0, "float64": 46.0}

Keep = Callable[[Array, Array], Array]


def squared_distances(xp: Any, y: Array, points: Array, largest_precision: float, keep: Keep) -> Array:
    """Return ``|y_i - x_k|^2``, shape ``(n, K)``.

    Parameters
    ----------
    xp : namespace
        Array namespace of ``y``.
    y : array, shape (n, d)
        Queries, shifted so that the points are about the origin.
    points : array, shape (K, d)
        Points, shifted alike.
    largest_precision : float
        Largest 1/s^2 of the kernels that will read the distances.
    keep : callable
        ``keep(squared, error)`` with ``error`` of shape ``(n, 1)`` bounding the error of
        ``squared``: a mask of the entries whose kernel weight may not be negligible.
    """
    if y.shape[1] <= DIRECT_DIM:
        return _by_coordinates(y, points)
    y_norm = xp.sum(y * y, axis=1, keepdims=True)
    x_norm = xp.sum(points * points, axis=1)[None, :]
    squared = y @ points.T  # the rest in place: these are long arrays
    squared *= -2.0
    squared += x_norm
    squared += y_norm
    squared = xp.clip(squared, 0.0, None)
    reach = y_norm + xp.max(x_norm)
    if y.shape[0] == 0:
        return squared
    if _checks.host_number(xp.max(reach)) * largest_precision <= ACCEPTED_AMPLIFICATION:
        return squared
    eps = float(np.finfo(str(y.dtype).split(".")[-1]).eps)
    mask = keep(squared, 2.0 * (y.shape[1] + 4) * eps * reach)
    rows, columns = xp.nonzero(mask)
    return put(squared, rows, columns, _of_pairs(xp, y, points, rows, columns))


def _by_coordinates(y: Array, points: Array) -> Array:
    difference = y[:, 0:1] - points[None, :, 0]
    squared = difference * difference
    for axis in range(1, y.shape[1]):
        difference = y[:, axis : axis + 1] - points[None, :, axis]
        squared = squared + difference * difference
    return squared


def _of_pairs(xp: Any, y: Array, points: Array, rows: Array, columns: Array) -> Array:
    step = max(1, PAIR_ELEMENTS // y.shape[1])
    parts = []
    for start in range(0, max(1, rows.shape[0]), step):
        chosen = slice(start, start + step)
        difference = y[rows[chosen]] - points[columns[chosen]]
        parts.append(xp.sum(difference * difference, axis=1))
    return xp.concat(parts, axis=0)


def nats(y: Array, spread: float = 0.0) -> float:
    """Return how far below the largest a log weight must be to vanish in the dtype of ``y``."""
    return NEGLIGIBLE_NATS[str(y.dtype).split(".")[-1]] + spread


def within(xp: Any, y: Array, precision: Array, spread: float) -> Keep:
    """Return the ``keep`` of kernels that share one precision per row, (1, 1) or (n, 1)."""
    margin = 2.0 * nats(y, spread) / precision

    def keep(squared: Array, error: Array) -> Array:
        nearest = xp.min(squared, axis=1, keepdims=True)
        return squared <= nearest + margin + 2.0 * error

    return keep


def spread_of(log_weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the range of finite log weights, in nats."""
    return float(log_weights.max() - log_weights.min()) if len(log_weights) else math.inf
