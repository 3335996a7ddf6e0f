"""Array helpers of the laws: numbers per component at a noise level, casts, softmax."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import is_torch_array

from analytic import _checks
from analytic._checks import Array, FloatArray


class VarianceTerms(NamedTuple):
    """Per-component numbers at one noise level, ``total = variance + noise_level**2``.

    ``precision`` is 1/total, ``gain`` variance/total, ``shrink`` noise_level**2/total,
    ``log_total`` ln(total). Each has one leading axis: 1 for a scalar level, n for one per row.
    """

    precision: Array
    gain: Array
    shrink: Array
    log_total: Array


def variance_terms(level: float | Array, variance: FloatArray, xp: Any, y: Array) -> VarianceTerms:
    """Return the :class:`VarianceTerms` in the dtype of ``y``.

    Where the total is zero (a point mass without noise) the limits are ``gain`` 0, ``shrink`` 1,
    and a ``precision`` that is huge but finite, so that zero times it is zero.
    """
    if isinstance(level, float):
        terms = _variance_terms(np, np.full((1,) * (variance.ndim + 1), level), variance, y.dtype)
        return VarianceTerms(*(as_array(xp, term, y) for term in terms))
    rows = xp.reshape(level, (level.shape[0],) + (1,) * variance.ndim)
    return _variance_terms(xp, rows, as_array(xp, variance, y), y.dtype)


def _variance_terms(xp: Any, level: Array, variance: Array, dtype: Any) -> VarianceTerms:
    smallest = 16.0 * float(np.finfo(str(dtype).split(".")[-1]).tiny)
    noise = level * level
    total = noise + variance
    safe = xp.where(total > smallest, total, smallest * xp.ones_like(total))
    vanishes = total <= smallest
    gain = xp.where(vanishes, xp.zeros_like(total), variance / safe)
    shrink = xp.where(vanishes, xp.ones_like(total), noise / safe)
    return VarianceTerms(1.0 / safe, gain, shrink, xp.log(safe))


def as_array(xp: Any, value: Any, like: Array) -> Array:
    """Return host numbers as an array of the library, dtype and device of ``like``."""
    if is_torch_array(like) and isinstance(value, np.ndarray):
        value = value.copy()  # torch would share memory, and warns where it is read-only
    return xp.asarray(value, dtype=like.dtype, device=_checks.device_of(like))


def log_sum_exp(xp: Any, logits: Array) -> tuple[Array, Array]:
    """Return ``(log of the sum of exponentials, softmax)`` over the last axis, shift-safe."""
    top = xp.max(logits, axis=-1, keepdims=True)
    weights = xp.exp(logits - top)
    total = xp.sum(weights, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], weights / total


def put(array: Array, rows: Array, columns: Array, values: Array) -> Array:
    """Return ``array`` with ``array[rows, columns] = values`` (in place for NumPy)."""
    if is_torch_array(array):
        return array.index_put((rows, columns), values)
    array[rows, columns] = values
    return array
