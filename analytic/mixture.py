"""Mixtures of Gaussians with isotropic, diagonal or full covariances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import is_numpy_array

from analytic import _accelerated, _checks, _covariance, _isotropic_numpy
from analytic._base import LawBase, positive_scale
from analytic._checks import Array, FloatArray
from analytic._point_distances import DIRECT_DIM, nats, spread_of, squared_distances
from analytic._terms import VarianceTerms, log_sum_exp, variance_terms
from analytic.gaussian import LOG_TWO_PI

REMEMBERED_LEVELS = 512


class _Rotated(NamedTuple):
    """Points seen from each component: ``z`` (K, n, d) in its eigenbasis, terms (K, 1|n, d)."""

    z: Array
    terms: VarianceTerms
    logits: Array


class GaussianMixture(LawBase):
    """Mixture ``sum_k w_k N(m_k, C_k)`` of clean data.

    At level lambda component k has ``S_k = C_k + lambda^2 I`` and posterior weight ``r_k``
    proportional to ``w_k N(y; m_k, S_k)``, by log-sum-exp; ``D = sum_k r_k (m_k + C_k S_k^-1 (y -
    m_k))``.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Probabilities. Components of weight 0 are dropped.
    means : array_like, shape (K, d) or (K,)
        Means; one axis means d = 1.
    covariances : array_like, shape (), (K,), (K, d) or (K, d, d)
        Isotropic variances, variances per coordinate, or symmetric positive definite matrices. For
        ``d = K`` a two-axis array is read as ``(K, d)``.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If a shape is wrong, a number is not finite, the weights are not probabilities, or a
        covariance is not positive definite (point masses:
        :class:`analytic.EmpiricalDistribution`).

    Examples
    --------
    >>> import numpy as np
    >>> law = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.25, 0.25])
    >>> law.denoise(np.array([[0.5], [2.0]]), 1.0).round(4)
    array([[0.404 ],
           [1.1373]])
    """

    def __init__(self, weights: object, means: object, covariances: object) -> None:
        centres = _checks.host_array("means", means, ndims=(1, 2), what="means of shape (K, d)")
        centres = centres.reshape(len(centres), -1)
        chances = _checks.probability_weights("weights", weights, len(centres))
        spectrum = _covariance.read("covariances", covariances, (len(centres),), centres.shape[1], strict=True)
        used = chances > 0
        basis = None if spectrum.basis is None else spectrum.basis[used]
        self._weights, self._means = chances[used], centres[used]
        self._spectrum = spectrum._replace(variances=spectrum.variances[used], basis=basis)
        for array in (self._weights, self._means):
            array.flags.writeable = False
        self._mean = self._weights @ self._means
        self._mean.flags.writeable = False
        self._log_weights = np.log(self._weights)
        self._offsets = self._means - self._mean
        self._basis = np.eye(self.dim)[None] if basis is None else basis
        self._casts = {}
        self._singular = False
        self._block_width = 6 * len(self._means) * (1 if spectrum.isotropic else self.dim)
        self._levels: dict[tuple[float, str], _isotropic_numpy.Coefficients] = {}

    def __repr__(self) -> str:
        """Return a short description."""
        return f"GaussianMixture({len(self._means)} components, dim={self.dim})"

    @property
    def dim(self) -> int:
        """Dimension d of the data."""
        return int(self._means.shape[1])

    @property
    def weights(self) -> FloatArray:
        """Probabilities of the components, shape ``(K,)``, read-only."""
        return self._weights

    @property
    def means(self) -> FloatArray:
        """Means of the components, shape ``(K, d)``, read-only."""
        return self._means

    @property
    def mean(self) -> FloatArray:
        """Mean E[x_0], shape ``(d,)``, float64, read-only."""
        return self._mean

    def covariance(self) -> FloatArray:
        """Return the covariance of x_0.

        Returns
        -------
        ndarray, shape (d, d), float64

        Examples
        --------
        >>> GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.25, 0.25]).covariance()
        array([[1.25]])
        """
        inner = np.tensordot(self._weights, _covariance.as_matrices(self._spectrum, self.dim), 1)
        offset = self._means - self._mean
        return np.asarray(inner + (offset * self._weights[:, None]).T @ offset)

    def scaled(self, alpha: float) -> GaussianMixture:
        """Return the law of ``alpha * x_0``.

        Parameters
        ----------
        alpha : float
            Factor > 0.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        TypeError
            If ``alpha`` is not a real number.
        ValueError
            If ``alpha`` is not finite and positive.

        Examples
        --------
        >>> GaussianMixture([0.5, 0.5], [0.0, 1.0], 0.25).scaled(2.0).mean
        array([1.])
        """
        factor = positive_scale(alpha)
        spread = _covariance.scaled(self._spectrum, factor**2)
        return GaussianMixture(self._weights, factor * self._means, spread)

    def _place(self, chance: FloatArray, normal: FloatArray, added: float) -> FloatArray:
        edges = np.cumsum(self._weights)
        edges[-1] = 1.0
        chosen = np.searchsorted(edges, chance, side="right")
        spectrum = self._spectrum._replace(variances=self._spectrum.variances + added)
        return np.asarray(self._means[chosen] + _covariance.draw(spectrum, normal, chosen))

    # Isotropic components: distances are all that is needed.

    def _isotropic(self, xp: Any, y: Array, level: float | Array) -> tuple[Array, VarianceTerms]:
        """Return log weights with their normalising constants, (n, K), and terms (1|n, K)."""
        terms = variance_terms(level, self._spectrum.variances, xp, y)
        constant = self._on(xp, "_log_weights", y) - 0.5 * self.dim * (terms.log_total + LOG_TWO_PI)
        half = 0.5 * terms.precision
        sharpest = _checks.host_number(xp.max(terms.precision)) if terms.precision.shape[0] else 0.0

        def keep(squared: Array, error: Array) -> Array:
            logits = constant - half * squared
            margin = nats(y, spread_of(self._log_weights)) + error * sharpest
            return logits >= xp.max(logits, axis=1, keepdims=True) - margin

        z, means = y - self._on(xp, "_mean", y), self._on(xp, "_offsets", y)
        return constant - half * squared_distances(xp, z, means, sharpest, keep), terms

    def _level_coefficients(self, level: float, y: Array) -> _isotropic_numpy.Coefficients:
        key = (level, y.dtype.name)
        found = self._levels.get(key)
        if found is None:
            if len(self._levels) >= REMEMBERED_LEVELS:
                self._levels.clear()
            found = _isotropic_numpy.coefficients(
                self._log_weights, self._means, self._spectrum.variances, level, y.dtype
            )
            self._levels[key] = found
        return found

    # Diagonal and full covariances: every component looks at y in its own eigenbasis.

    def _rotated(self, xp: Any, y: Array, level: float | Array) -> _Rotated:
        terms = variance_terms(level, self._spectrum.variances, xp, y)
        terms = VarianceTerms(*(xp.permute_dims(term, (1, 0, 2)) for term in terms))
        z = y[None, :, :] - self._on(xp, "_means", y)[:, None, :]
        if self._spectrum.basis is not None:
            z = z @ self._on(xp, "_basis", y)
        exponent = xp.sum(z * z * terms.precision + terms.log_total + LOG_TWO_PI, axis=-1)
        return _Rotated(z, terms, self._on(xp, "_log_weights", y) - 0.5 * exponent.T)

    def _unrotate(self, xp: Any, z: Array) -> Array:
        if self._spectrum.basis is None:
            return z
        return z @ xp.matrix_transpose(self._on(xp, "_basis", z))

    def _denoise(self, xp: Any, y: Array, level: float | Array) -> Array:
        if isinstance(level, float) and level == 0.0:
            return y + xp.zeros_like(y)
        if not self._spectrum.isotropic:
            z, terms, logits = self._rotated(xp, y, level)
            weights = log_sum_exp(xp, logits)[1]
            moved = self._unrotate(xp, weights.T[:, :, None] * (terms.gain * z))
            return weights @ self._on(xp, "_means", y) + xp.sum(moved, axis=0)
        if isinstance(level, float) and self.dim <= DIRECT_DIM and is_numpy_array(y):
            return _accelerated.isotropic_denoise(y, self._level_coefficients(level, y))
        logits, terms = self._isotropic(xp, y, level)
        weights = log_sum_exp(xp, logits)[1]
        pulled = (weights * terms.shrink) @ self._on(xp, "_means", y)
        return pulled + xp.sum(weights * terms.gain, axis=1, keepdims=True) * y

    def _score(self, xp: Any, y: Array, level: float | Array) -> Array:
        if not self._spectrum.isotropic:
            z, terms, logits = self._rotated(xp, y, level)
            weights = log_sum_exp(xp, logits)[1]
            pulls = weights.T[:, :, None] * (-terms.precision * z)
            return xp.sum(self._unrotate(xp, pulls), axis=0)
        logits, terms = self._isotropic(xp, y, level)
        pulls = log_sum_exp(xp, logits)[1] * terms.precision
        offset = self._on(xp, "_offsets", y)
        z = y - self._on(xp, "_mean", y)
        return pulls @ offset - xp.sum(pulls, axis=1, keepdims=True) * z

    def _log_density(self, xp: Any, y: Array, level: float | Array) -> Array:
        if self._spectrum.isotropic:
            return log_sum_exp(xp, self._isotropic(xp, y, level)[0])[0]
        return log_sum_exp(xp, self._rotated(xp, y, level).logits)[0]

    def _jacobian(self, xp: Any, y: Array, level: float | Array) -> Array:
        """Return ``sum_k r_k (G_k + e_k e_k^T)``, e_k the scaled deviation of component k's mean."""
        step = max(1, 2**20 // (len(self._means) * self.dim**2))
        parts = []
        for start in range(0, max(1, y.shape[0]), step):
            rows = slice(start, start + step)
            part = level if isinstance(level, float) else level[rows]
            parts.append(self._jacobian_rows(xp, y[rows], part))
        return xp.concat(parts, axis=0)

    def _jacobian_rows(self, xp: Any, y: Array, level: float | Array) -> Array:
        if self._spectrum.isotropic:
            logits, terms = self._isotropic(xp, y, level)
            terms = VarianceTerms(*(term.T[:, :, None] for term in terms))
            z = y[None, :, :] - self._on(xp, "_means", y)[:, None, :]
        else:
            z, terms, logits = self._rotated(xp, y, level)
        weights = log_sum_exp(xp, logits)[1].T[:, :, None]
        deviation = self._deviation(xp, y, level, weights, z, terms)
        spread = xp.permute_dims(weights * deviation, (1, 2, 0)) @ xp.permute_dims(deviation, (1, 0, 2))
        axes = self._on(xp, "_basis", y)[:, None, :, :]
        gains = (weights * terms.gain * xp.ones_like(z))[:, :, None, :]
        return spread + xp.sum((axes * gains) @ xp.matrix_transpose(axes), axis=0)

    def _deviation(self, xp: Any, y: Array, level: float | Array, r: Array, z: Array, terms: VarianceTerms) -> Array:
        """Return ``(mu_k - D) / lambda = lambda (s_k - s)``, by the form that loses less.

        Here mu_k is the posterior mean and s_k the score of component k alone.
        """
        lam = xp.reshape(xp.zeros_like(y[:, 0]) + level, (1, y.shape[0], 1))
        score = self._unrotate(xp, -terms.precision * z)
        by_score = lam * (score - xp.sum(r * score, axis=0, keepdims=True))
        means = self._on(xp, "_offsets", y)[:, None, :]
        centre = means + self._unrotate(xp, terms.gain * z)
        safe = xp.where(lam >= 1, lam, xp.ones_like(lam))
        by_mean = (centre - xp.sum(r * centre, axis=0, keepdims=True)) / safe
        return xp.where(lam >= 1, by_mean, by_score)
