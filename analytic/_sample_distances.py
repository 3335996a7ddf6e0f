"""Distances between laws estimated from samples, each with a standard error."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray

PAIRS_AT_ONCE = 2**21


class Estimate(NamedTuple):
    """An estimate and its standard error.

    Examples
    --------
    >>> Estimate(2.0, 0.5).standard_error
    0.5
    """

    value: float
    standard_error: float


def _samples(x: object, y: object, least: int) -> tuple[FloatArray, FloatArray]:
    a = _checks.host_array("x", x, ndims=(2,), what="samples of shape (n, d)")
    b = _checks.host_array("y", y, ndims=(2,), what="samples of shape (m, d)")
    for name, array in (("x", a), ("y", b)):
        if len(array) < least:
            msg = f"{name}: expected at least {least} rows, got {len(array)}"
            raise ValueError(msg)
    if a.shape[1] != b.shape[1]:
        msg = f"y: expected {a.shape[1]} columns as in x, got {b.shape[1]}"
        raise ValueError(msg)
    return a, b


def _mean_distances(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return row means, column means and mean square of ``|a_i - b_j|``, in blocks of rows."""
    squares_b = (b * b).sum(axis=1)
    rows, columns, square = np.empty(len(a)), np.zeros(len(b)), 0.0
    step = max(1, PAIRS_AT_ONCE // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step]
        squared = (part * part).sum(axis=1)[:, None] + squares_b - 2.0 * (part @ b.T)
        if a is b:
            squared[np.arange(len(part)), np.arange(start, start + len(part))] = 0.0
        squared = np.maximum(squared, 0.0)
        distance = np.sqrt(squared)
        rows[start : start + step] = distance.mean(axis=1)
        columns += distance.sum(axis=0)
        square += float(squared.sum())
    return rows, columns / len(a), square / (len(a) * len(b))


def energy_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> Estimate:
    """Estimate the energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` from two samples.

    Szekely and Rizzo (2013). The estimator is the U-statistic: unbiased, so it may be negative
    when the laws are close. Its variance is the sum of the Hoeffding terms: those of first order
    by the jackknife, from which the terms T of second order (which the jackknife counts twice) are
    taken off; never below T. It therefore holds for equal laws too, where the first order vanishes
    (there the estimate is a centred sum of chi-squares, not a normal variable, and the floor makes
    the standard error about a quarter too large).

    Parameters
    ----------
    x, y : array_like, shape (n, d) and (m, d)
        Independent samples with independent rows, at least 8 each. Not for coupled samples.

    Returns
    -------
    Estimate
        ``(value, standard_error)``; the value is in units of the data.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If shapes do not fit, a sample is too small, or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> value, error = energy_distance(rng.normal(size=(400, 2)), rng.normal(3.0, 1.0, (400, 2)))
    >>> bool(abs(value - 4.9) < 5 * error)
    True
    """
    a, b = _samples(x, y, 8)
    shift = a.mean(axis=0)
    a, b = a - shift, b - shift
    n, m = len(a), len(b)
    cross_a, cross_b, cross_square = _mean_distances(a, b)
    own_a, _, square_a = _mean_distances(a, a)
    own_b, _, square_b = _mean_distances(b, b)
    own_a, own_b = own_a * n / (n - 1), own_b * m / (m - 1)
    square_a, square_b = square_a * n / (n - 1), square_b * m / (m - 1)
    value = 2.0 * float(cross_a.mean()) - float(own_a.mean()) - float(own_b.mean())

    def second_order(square: float, rows: FloatArray, columns: FloatArray) -> float:
        mean = float(rows.mean())
        return max(0.0, square - float((rows**2).mean()) - float((columns**2).mean()) + mean**2)

    jackknife = 4.0 * (np.var(cross_a - own_a, ddof=1) / n + np.var(cross_b - own_b, ddof=1) / m)
    double = (
        4.0 * second_order(cross_square, cross_a, cross_b) / (n * m)
        + 2.0 * second_order(square_a, own_a, own_a) / (n * (n - 1))
        + 2.0 * second_order(square_b, own_b, own_b) / (m * (m - 1))
    )
    return Estimate(value, math.sqrt(max(float(jackknife) - double, double)))


def sliced_wasserstein2(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    n_projections: int = 64,
    seed: int | np.random.Generator = 0,
    n_groups: int = 16,
) -> Estimate:
    """Estimate the *squared* sliced 2-Wasserstein distance from two independent samples.

    The mean over directions of ``int_0^1 (Q_x - Q_y)^2`` with Q the quantile functions of the
    projections (Bonneel et al. 2015). Plugging in the samples is biased upwards by their own
    scatter, also for equal laws. Here rows go to groups, and products of quantile differences of
    *different* groups are averaged: unbiased for the squared difference of the groups' expected
    quantile functions. What is left is the bias of expected order statistics, relative O(n_groups
    / n), none for equal laws (groups of both samples have one size, for that). The value may be
    negative.

    The standard error adds the scatter of groups (Hoeffding terms as in :func:`energy_distance`)
    and that of directions, which counts a part of the first twice: conservative, by about a third
    for equal laws.

    Parameters
    ----------
    x, y : array_like, shape (n, d) and (m, d)
        Independent samples with independent rows, at least two a group. The first
        ``n_groups * (min(n, m) // n_groups)`` rows of each are used.
    n_projections : int
        Number of random directions >= 2 (with d = 1 every direction is the same).
    seed : int or numpy.random.Generator
        Source of the directions.
    n_groups : int
        Number of groups >= 4.

    Returns
    -------
    Estimate
        ``(value, standard_error)`` of the square, in squared units of the data.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes do not fit, a sample is too small, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> value, error = sliced_wasserstein2(rng.normal(size=(800, 1)), rng.normal(3.0, 1.0, (800, 1)))
    >>> bool(abs(value - 9.0) < 5 * error)
    True
    """
    groups = _checks.whole_number("n_groups", n_groups, minimum=4)
    a, b = _samples(x, y, 2 * groups)
    count = _checks.whole_number("n_projections", n_projections, minimum=2)
    (stream,) = _checks.random_streams(seed, 1)
    directions = stream.standard_normal((a.shape[1], count))
    directions /= np.linalg.norm(directions, axis=0)
    size = min(len(a), len(b)) // groups
    used = size * groups
    products = np.zeros((groups, groups))
    values = np.empty(count)
    pairs = groups * (groups - 1)
    for j in range(count):
        sorted_a = np.sort((a[:used] @ directions[:, j]).reshape(groups, size), axis=1)
        sorted_b = np.sort((b[:used] @ directions[:, j]).reshape(groups, size), axis=1)
        gap = sorted_a - sorted_b
        gram = gap @ gap.T / size
        values[j] = (gram.sum() - np.trace(gram)) / pairs
        products += gram / count
    variance = _pairs_variance(products) + float(np.var(values, ddof=1)) / count
    return Estimate(float(values.mean()), math.sqrt(variance))


def _pairs_variance(products: FloatArray) -> float:
    """Return the variance of the mean over ``i != j`` of ``h(g_i, g_j)``, the g independent.

    Unbiased under ``h = mu + a_i + a_j + e_ij``: with s^2 the variance of the row means over n
    rows, ``E s^2 = ((n-2)/(n-1))^2 var(a) + (n-2)/(n-1)^2 var(e)`` and the answer is ``4 var(a)/n
    + 2 var(e)/(n(n-1))``, never below its second part.
    """
    n = len(products)
    off = ~np.eye(n, dtype=bool)
    rows = np.where(off, products, 0.0).sum(axis=1) / (n - 1)
    effect = (rows - rows.mean()) * (n - 1) / (n - 2)
    fitted = float(rows.mean()) + effect[:, None] + effect[None, :]
    residual = np.where(off, products - fitted, 0.0)
    second = float((residual**2).sum()) / (n * (n - 3))
    first = float(np.var(effect, ddof=1)) - second / (n - 2)
    return 4.0 * max(first, 0.0) / n + 2.0 * second / (n * (n - 1))
