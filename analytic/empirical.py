"""The law of a data set: its points, smoothed by a bandwidth. Its denoiser is the ideal denoiser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analytic import _checks
from analytic._base import LawBase, positive_scale
from analytic._checks import Array, FloatArray
from analytic._point_distances import spread_of, squared_distances, within
from analytic._terms import VarianceTerms, as_array, log_sum_exp, variance_terms
from analytic.gaussian import LOG_TWO_PI


class EmpiricalDistribution(LawBase):
    """Data points as masses, each smoothed to ``N(x_k, bandwidth^2 I)``.

    With ``s^2 = bandwidth^2 + lambda^2`` and weights ``r_k`` proportional to ``w_k exp(-|y -
    x_k|^2 / (2 s^2))``: ``D = (lambda^2 xbar + bandwidth^2 y) / s^2`` where ``xbar = sum r_k
    x_k``.

    Parameters
    ----------
    points : array_like, shape (K, d) or (K,)
        Data; one axis means d = 1.
    bandwidth : float
        Standard deviation >= 0 of the smoothing. With 0 the law has no density at level 0, and
        ``denoise`` there is the nearest point.
    weights : array_like, shape (K,), optional
        Probabilities; equal if left out. Points of weight 0 are dropped.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If a shape is wrong, a number is not finite, the bandwidth is negative, or the weights are
        not probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> law = EmpiricalDistribution([[-1.0], [1.0]])
    >>> law.denoise(np.array([[0.5]]), 1.0).round(6), law.denoise(np.array([[0.5]]), 0.0)
    (array([[0.462117]]), array([[1.]]))
    """

    def __init__(self, points: object, bandwidth: float = 0.0, weights: object | None = None) -> None:
        data = _checks.host_array("points", points, ndims=(1, 2), what="points of shape (K, d)")
        data = data.reshape(len(data), -1)
        self._bandwidth = _checks.real_number("bandwidth", bandwidth, minimum=0.0)
        count = len(data)
        if weights is None:
            self._weights = np.full(count, 1.0 / count)
        else:
            self._weights = _checks.probability_weights("weights", weights, count)
            data, self._weights = data[self._weights > 0], self._weights[self._weights > 0]
        self._points = data
        self._points.flags.writeable = False
        self._mean = self._weights @ data
        self._mean.flags.writeable = False
        self._centred = data - self._mean
        self._log_weights = np.log(self._weights)
        self._singular = self._bandwidth == 0.0
        self._block_width = 6 * len(data)
        self._casts = {}

    def __repr__(self) -> str:
        """Return a short description."""
        count, dim = self._points.shape
        return f"EmpiricalDistribution({count} points, dim={dim}, bandwidth={self._bandwidth:g})"

    @property
    def dim(self) -> int:
        """Dimension d of the data."""
        return int(self._points.shape[1])

    @property
    def points(self) -> FloatArray:
        """The data, shape ``(K, d)``, float64, read-only."""
        return self._points

    @property
    def bandwidth(self) -> float:
        """Standard deviation of the smoothing."""
        return self._bandwidth

    @property
    def mean(self) -> FloatArray:
        """Mean E[x_0], shape ``(d,)``, float64, read-only."""
        return self._mean

    def covariance(self) -> FloatArray:
        """Return the covariance of x_0, smoothing included.

        Returns
        -------
        ndarray, shape (d, d), float64

        Examples
        --------
        >>> EmpiricalDistribution([-1.0, 1.0], bandwidth=2.0).covariance()
        array([[5.]])
        """
        scatter = (self._centred * self._weights[:, None]).T @ self._centred
        return np.asarray(scatter + self._bandwidth**2 * np.eye(self.dim))

    def scaled(self, alpha: float) -> EmpiricalDistribution:
        """Return the law of ``alpha * x_0``.

        Parameters
        ----------
        alpha : float
            Factor > 0.

        Returns
        -------
        EmpiricalDistribution

        Raises
        ------
        TypeError
            If ``alpha`` is not a real number.
        ValueError
            If ``alpha`` is not finite and positive.

        Examples
        --------
        >>> EmpiricalDistribution([-1.0, 1.0], bandwidth=2.0).scaled(3.0).bandwidth
        6.0
        """
        factor = positive_scale(alpha)
        return EmpiricalDistribution(factor * self._points, factor * self._bandwidth, self._weights)

    def nearest(self, y: Array) -> Array:
        """Return the index of the nearest data point, of the first one where several are.

        Parameters
        ----------
        y : array, shape (n, d) or (d,)
            Queries; float32 or float64, NumPy or torch.

        Returns
        -------
        integer array, shape (n,) or ()

        Raises
        ------
        TypeError
            If ``y`` is not a float array.
        ValueError
            If its shape is wrong or it is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> EmpiricalDistribution([-1.0, 1.0]).nearest(np.array([[0.3], [-7.0]]))
        array([1, 0])
        """
        xp, rows, single = _checks.points(y, self.dim)
        _checks.finite(xp, rows)
        out = self._blocks(xp, rows, 0.0, self._nearest)
        return out[0] if single else out

    def _nearest(self, xp: Any, y: Array, level: float | Array) -> Array:
        mean, points, _ = self._arrays(xp, y)
        huge = variance_terms(level, np.asarray(0.0), xp, y).precision[:, None]
        keep = within(xp, y, huge, 0.0)
        return xp.argmin(squared_distances(xp, y - mean, points, math.inf, keep), axis=1)

    def _arrays(self, xp: Any, y: Array) -> tuple[Array, Array, Array]:
        names = ("_mean", "_centred", "_log_weights")
        mean, points, log_weights = (self._on(xp, name, y) for name in names)
        return mean, points, log_weights

    def _kernel(self, xp: Any, y: Array, level: float | Array) -> tuple[Array, Array, Array, VarianceTerms]:
        """Return centred y, squared distance to the nearest, log weights relative to it, and terms."""
        terms = variance_terms(level, np.asarray(self._bandwidth**2), xp, y)
        terms = VarianceTerms(*(term[:, None] for term in terms))
        mean, points, log_weights = self._arrays(xp, y)
        z = y - mean
        keep = within(xp, y, terms.precision, spread_of(self._log_weights))
        largest = _checks.host_number(xp.max(terms.precision)) if y.shape[0] else 0.0
        squared = squared_distances(xp, z, points, largest, keep)
        nearest = xp.min(squared, axis=1, keepdims=True)
        logits = squared - nearest
        logits *= -0.5 * terms.precision
        logits += log_weights
        return z, nearest, logits, terms

    def _posterior_mean(self, xp: Any, y: Array, level: float | Array) -> tuple[Array, Array, VarianceTerms]:
        z, _, logits, terms = self._kernel(xp, y, level)
        weights = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
        total = xp.sum(weights, axis=1, keepdims=True)
        return z, (weights @ self._arrays(xp, y)[1]) / total, terms

    def _denoise(self, xp: Any, y: Array, level: float | Array) -> Array:
        z, xbar, terms = self._posterior_mean(xp, y, level)
        return self._arrays(xp, y)[0] + (terms.shrink * xbar + terms.gain * z)

    def _score(self, xp: Any, y: Array, level: float | Array) -> Array:
        z, xbar, terms = self._posterior_mean(xp, y, level)
        return terms.precision * (xbar - z)

    def _log_density(self, xp: Any, y: Array, level: float | Array) -> Array:
        _, nearest, logits, terms = self._kernel(xp, y, level)
        log_sum, _ = log_sum_exp(xp, logits)
        half = 0.5 * (terms.precision * nearest + self.dim * (terms.log_total + LOG_TWO_PI))
        return log_sum - half[:, 0]

    def _jacobian(self, xp: Any, y: Array, level: float | Array) -> Array:
        step = max(1, 2**20 // (len(self._points) * self.dim))
        parts = []
        for start in range(0, max(1, y.shape[0]), step):
            rows = slice(start, start + step)
            part = level if isinstance(level, float) else level[rows]
            parts.append(self._jacobian_rows(xp, y[rows], part))
        return xp.concat(parts, axis=0)

    def _jacobian_rows(self, xp: Any, y: Array, level: float | Array) -> Array:
        _, _, logits, terms = self._kernel(xp, y, level)
        _, weights = log_sum_exp(xp, logits)
        if self._singular:
            tied = (xp.max(weights, axis=1) < 1) & (xp.zeros_like(y[:, 0]) + level == 0)
            if bool(xp.any(tied)):
                msg = (
                    "denoise_jacobian: expected a y with one nearest point at level 0, "
                    "got one at equal distance from several"
                )
                raise ValueError(msg)
        points = self._arrays(xp, y)[1]
        offset = points[None, :, :] - (weights @ points)[:, None, :]
        scatter = xp.matrix_transpose(offset * weights[:, :, None]) @ offset
        factor = (terms.shrink * terms.precision)[:, :, None]
        identity = as_array(xp, np.eye(self.dim), y)
        return terms.gain[:, :, None] * identity + factor * scatter

    def _place(self, chance: FloatArray, normal: FloatArray, added: float) -> FloatArray:
        edges = np.cumsum(self._weights)
        edges[-1] = 1.0
        chosen = np.searchsorted(edges, chance, side="right")
        return np.asarray(self._points[chosen] + (self._bandwidth**2 + added) ** 0.5 * normal)
