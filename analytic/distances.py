"""Distances between laws: exact between Gaussians, estimated with a standard error between samples.

NumPy only. The Gaussian formulas lose nothing when the two laws nearly agree: errors of the result
are relative to the result, not to the variances.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray
from analytic._sample_distances import Estimate, energy_distance, sliced_wasserstein2

__all__ = [
    "Estimate",
    "energy_distance",
    "excess_over_log1p",
    "gaussian_kl",
    "gaussian_kl_full",
    "gaussian_wasserstein2",
    "gaussian_wasserstein2_full",
    "sliced_wasserstein2",
]

SERIES_LIMIT = 0.5
SERIES_TERMS = 20


# Gaussians with diagonal covariances.


def _spectrum(name: str, value: object, *, strict: bool, is_variance: bool) -> FloatArray:
    raw = np.asarray(value)
    if raw.dtype.kind not in "fiu":
        msg = f"{name}: expected real numbers, got dtype {raw.dtype}"
        raise TypeError(msg)
    array = raw.astype(np.float64)
    if not np.isfinite(array).all():
        msg = f"{name}: expected finite numbers, got {array[~np.isfinite(array)].flat[0]}"
        raise ValueError(msg)
    lowest = float(array.min()) if array.size else math.inf
    if is_variance and (lowest < 0 or (strict and lowest == 0)):
        msg = f"{name}: expected variances {'>' if strict else '>='} 0, got {lowest:g}"
        raise ValueError(msg)
    return array


def _four(
    mean_a: object, var_a: object, mean_b: object, var_b: object, *, strict: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    arrays = [
        _spectrum("mean_a", mean_a, strict=False, is_variance=False),
        _spectrum("var_a", var_a, strict=False, is_variance=True),
        _spectrum("mean_b", mean_b, strict=False, is_variance=False),
        _spectrum("var_b", var_b, strict=strict, is_variance=True),
    ]
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError as error:
        shapes = ", ".join(str(array.shape) for array in arrays)
        msg = f"mean_a, var_a, mean_b, var_b: expected shapes that broadcast, got {shapes}"
        raise ValueError(msg) from error
    a, b, c, d = (np.atleast_1d(array) for array in together)
    return a, b, c, d


def _per_coordinate_w2_squared(
    mean_a: FloatArray, var_a: FloatArray, mean_b: FloatArray, var_b: FloatArray
) -> FloatArray:
    total = np.sqrt(var_a) + np.sqrt(var_b)
    safe = np.where(total > 0, total, 1.0)
    return np.asarray((mean_a - mean_b) ** 2 + ((var_a - var_b) / safe) ** 2)


def gaussian_wasserstein2(
    mean_a: npt.ArrayLike,
    var_a: npt.ArrayLike,
    mean_b: npt.ArrayLike,
    var_b: npt.ArrayLike,
    axis: int | tuple[int, ...] = -1,
) -> Any:
    """Return the 2-Wasserstein distance of Gaussians with diagonal covariances.

    ``W2^2 = sum (mean_a - mean_b)^2 + (sd_a - sd_b)^2``, the second difference as
    ``(var_a - var_b) / (sd_a + sd_b)``. The distance itself, not its square.

    Parameters
    ----------
    mean_a, var_a, mean_b, var_b : array_like
        Means and variances >= 0 per coordinate; they broadcast together.
    axis : int or tuple of int
        Axis of the coordinates, summed over; ``()`` leaves one distance per coordinate.

    Returns
    -------
    float64 or ndarray
        Broadcast shape without ``axis``. Relative error a few eps of the inputs.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If shapes do not broadcast, a number is not finite, or a variance is negative.

    Examples
    --------
    >>> float(gaussian_wasserstein2([0.0, 0.0], [1.0, 4.0], [3.0, 0.0], [1.0, 36.0]))
    5.0
    >>> gaussian_wasserstein2(0.0, [1.0, 4.0], 0.0, [1.0, 9.0], axis=())
    array([0., 1.])
    """
    arrays = _four(mean_a, var_a, mean_b, var_b, strict=False)
    return np.sqrt(np.sum(_per_coordinate_w2_squared(*arrays), axis=axis))


def excess_over_log1p(u: npt.ArrayLike) -> FloatArray:
    """Return ``u - log(1 + u)`` to full relative accuracy for ``u > -1`` (infinite at -1).

    With ``s = u / (2 + u)``: ``u - 2 atanh(s) = s u - 2 s^3 (1/3 + s^2/5 + …)`` for ``|u| <= 1/2``.

    Parameters
    ----------
    u : array_like
        Numbers >= -1.

    Returns
    -------
    ndarray, float64

    Examples
    --------
    >>> round(float(excess_over_log1p(1e-9)) / 5e-19, 8)
    1.0
    """
    u = np.asarray(u, dtype=np.float64)
    small = np.abs(u) <= SERIES_LIMIT
    near = np.where(small, u, 0.0)
    s = near / (2.0 + near)
    square = s * s
    tail = np.zeros_like(s)
    for k in range(SERIES_TERMS, 0, -1):
        tail = 1.0 / (2 * k + 1) + square * tail
    with np.errstate(divide="ignore"):
        far = np.where(small, 1.0, u)
        return np.where(small, s * near - 2.0 * s * square * tail, far - np.log1p(far))


def gaussian_kl(
    mean_a: npt.ArrayLike,
    var_a: npt.ArrayLike,
    mean_b: npt.ArrayLike,
    var_b: npt.ArrayLike,
    axis: int | tuple[int, ...] = -1,
) -> Any:
    """Return the Kullback-Leibler divergence ``KL(a || b)`` of Gaussians with diagonal covariances.

    ``1/2 sum [u - log(1 + u) + (mean_a - mean_b)^2 / var_b]`` with ``u = (var_a - var_b) /
    var_b``, in nats.

    Parameters
    ----------
    mean_a, var_a, mean_b, var_b : array_like
        Means and variances per coordinate, ``var_a >= 0`` and ``var_b > 0``; they broadcast
        together.
    axis : int or tuple of int
        Axis of the coordinates, summed over; ``()`` leaves one divergence per coordinate.

    Returns
    -------
    float64 or ndarray
        Infinite where ``var_a`` is 0.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If shapes do not broadcast, a number is not finite, or a variance is out of range.

    Examples
    --------
    >>> round(float(gaussian_kl(0.0, 1.0, 1.0, 1.0)), 12)
    0.5
    """
    mean_a, var_a, mean_b, var_b = _four(mean_a, var_a, mean_b, var_b, strict=True)
    each = excess_over_log1p((var_a - var_b) / var_b) + (mean_a - mean_b) ** 2 / var_b
    return 0.5 * np.sum(each, axis=axis)


# Gaussians with full covariances.


def _full(name: str, mean: object, cov: object) -> tuple[FloatArray, FloatArray]:
    centre = _checks.host_array(f"mean_{name}", mean, ndims=(1,), what="shape (d,)")
    dim = len(centre)
    what = f"a symmetric matrix of shape ({dim}, {dim})"
    matrix = _checks.host_array(f"cov_{name}", cov, ndims=(2,), what=what)
    if matrix.shape != (dim, dim):
        msg = f"cov_{name}: expected {what}, got shape {matrix.shape}"
        raise ValueError(msg)
    skew = float(np.abs(matrix - matrix.T).max())
    if skew > 1e-10 * float(np.abs(matrix).max()):
        msg = f"cov_{name}: expected {what}, got an asymmetry of {skew:.3g}"
        raise ValueError(msg)
    return centre, np.asarray((matrix + matrix.T) / 2)


def _root(name: str, matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    slack = 64 * len(values) * float(np.finfo(np.float64).eps) * float(np.abs(values).max())
    if values.min() < -slack:
        msg = f"cov_{name}: expected eigenvalues >= 0, got {values.min():.3g}"
        raise ValueError(msg)
    return np.asarray((vectors * np.sqrt(np.where(values > 0, values, 0.0))) @ vectors.T)


def gaussian_wasserstein2_full(
    mean_a: npt.ArrayLike, cov_a: npt.ArrayLike, mean_b: npt.ArrayLike, cov_b: npt.ArrayLike
) -> float:
    """Return the 2-Wasserstein (Bures) distance of Gaussians with full covariances.

    The covariance part is ``min_Q |A^1/2 - Q B^1/2|_F`` over orthogonal Q (polar factor of ``A^1/2
    B^1/2``): a norm of a difference instead of a difference of traces, so equal covariances give
    ``eps |A|^1/2`` instead of ``(eps |A|)^1/2``. Bhatia, Jain, Lim (2019), On the
    Bures-Wasserstein distance.

    Parameters
    ----------
    mean_a, cov_a, mean_b, cov_b : array_like
        Means of shape (d,) and symmetric positive semidefinite covariances of shape (d, d).
        Eigenvalues negative within round-off count as 0.

    Returns
    -------
    float
        The distance, not its square.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If shapes are wrong or a matrix is not a covariance.

    Examples
    --------
    >>> import numpy as np
    >>> round(gaussian_wasserstein2_full([0.0, 0.0], np.eye(2), [0.0, 0.0], 4 * np.eye(2)), 12)
    1.414213562373
    """
    centre_a, matrix_a = _full("a", mean_a, cov_a)
    centre_b, matrix_b = _full("b", mean_b, cov_b)
    if centre_a.shape != centre_b.shape:
        msg = f"mean_b: expected shape {centre_a.shape}, got shape {centre_b.shape}"
        raise ValueError(msg)
    root_a, root_b = _root("a", matrix_a), _root("b", matrix_b)
    left, _, right = np.linalg.svd(root_a @ root_b)
    gap = np.linalg.norm(root_a - (left @ right) @ root_b)
    return math.hypot(float(np.linalg.norm(centre_a - centre_b)), float(gap))


def gaussian_kl_full(mean_a: npt.ArrayLike, cov_a: npt.ArrayLike, mean_b: npt.ArrayLike, cov_b: npt.ArrayLike) -> float:
    """Return ``KL(a || b)`` of Gaussians with full covariances, in nats.

    With ``B = L L^T``, from the eigenvalues u of ``L^-1 (A - B) L^-T`` as in :func:`gaussian_kl`.

    Parameters
    ----------
    mean_a, cov_a, mean_b, cov_b : array_like
        Means of shape (d,) and symmetric covariances of shape (d, d); ``cov_b`` positive definite.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If shapes are wrong, ``cov_a`` is not a covariance, or ``cov_b`` is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_kl_full([0.0], [[1.0]], [1.0], [[1.0]])
    0.5
    """
    centre_a, matrix_a = _full("a", mean_a, cov_a)
    centre_b, matrix_b = _full("b", mean_b, cov_b)
    if centre_a.shape != centre_b.shape:
        msg = f"mean_b: expected shape {centre_a.shape}, got shape {centre_b.shape}"
        raise ValueError(msg)
    _root("a", matrix_a)
    try:
        lower = np.linalg.cholesky(matrix_b)
    except np.linalg.LinAlgError as error:
        lowest = np.linalg.eigvalsh(matrix_b).min()
        msg = f"cov_b: expected a positive definite matrix, got an eigenvalue of {lowest:.3g}"
        raise ValueError(msg) from error
    half = np.linalg.solve(lower, matrix_a - matrix_b)
    u = np.linalg.eigvalsh(np.linalg.solve(lower, half.T))
    shift = np.linalg.solve(lower, centre_a - centre_b)
    return 0.5 * (float(excess_over_log1p(np.maximum(u, -1.0)).sum()) + float(shift @ shift))
