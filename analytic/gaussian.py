"""The Gaussian law: everything in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analytic import _checks, _covariance
from analytic._base import LawBase, positive_scale
from analytic._checks import Array, FloatArray
from analytic._terms import variance_terms

LOG_TWO_PI = math.log(2.0 * math.pi)


class Gaussian(LawBase):
    """Normal law ``N(mean, covariance)`` of clean data.

    With ``S = C + lambda^2 I``: ``D(y) = m + C S^-1 (y - m)`` and ``score = -S^-1 (y - m)``.
    Variances of zero are allowed (a point mass, or data on a plane).

    Parameters
    ----------
    mean : float or array_like, shape (d,)
        Mean; a number means d = 1.
    covariance : float or array_like, shape (), (d,) or (d, d)
        Isotropic variance, variances per coordinate, or a symmetric positive semidefinite matrix.
        Eigenvalues of a matrix within round-off of zero count as zero.

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If a shape is wrong, a number is not finite, or a variance is negative.

    Examples
    --------
    >>> import numpy as np
    >>> law = Gaussian([0.0, 0.0], [4.0, 1.0])
    >>> law.denoise(np.array([[5.0, 2.0]]), 1.0)
    array([[4., 1.]])
    """

    def __init__(self, mean: object, covariance: object) -> None:
        centre = _checks.host_array("mean", mean, ndims=(0, 1), what="a number or shape (d,)")
        self._mean = centre.reshape(-1)
        self._mean.flags.writeable = False
        self._spectrum = _covariance.read("covariance", covariance, (), self.dim, strict=False)
        self._singular = bool(self._spectrum.variances.min() == 0.0)
        basis = self._spectrum.basis
        self._basis = np.eye(self.dim) if basis is None else basis
        self._block_width = 4 * self.dim
        self._casts = {}

    def __repr__(self) -> str:
        """Return a short description."""
        return f"Gaussian(dim={self.dim})"

    @property
    def dim(self) -> int:
        """Dimension d of the data."""
        return len(self._mean)

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
        >>> Gaussian([0.0, 0.0], 2.0).covariance()
        array([[2., 0.],
               [0., 2.]])
        """
        return _covariance.as_matrices(self._spectrum, self.dim)

    def scaled(self, alpha: float) -> Gaussian:
        """Return the law of ``alpha * x_0``.

        Parameters
        ----------
        alpha : float
            Factor > 0.

        Returns
        -------
        Gaussian

        Raises
        ------
        TypeError
            If ``alpha`` is not a real number.
        ValueError
            If ``alpha`` is not finite and positive.

        Examples
        --------
        >>> Gaussian(1.0, 1.0).scaled(2.0).mean
        array([2.])
        """
        factor = positive_scale(alpha)
        return Gaussian(factor * self._mean, _covariance.scaled(self._spectrum, factor**2))

    def _variances(self) -> FloatArray:
        return np.broadcast_to(self._spectrum.variances, (self.dim,))

    def _centred(self, xp: Any, y: Array) -> Array:
        z = y - self._on(xp, "_mean", y)
        return z if self._spectrum.basis is None else z @ self._on(xp, "_basis", y)

    def _back(self, xp: Any, z: Array) -> Array:
        return z if self._spectrum.basis is None else z @ self._on(xp, "_basis", z).T

    def _denoise(self, xp: Any, y: Array, level: float | Array) -> Array:
        if isinstance(level, float) and level == 0.0 and not self._singular:
            return y + xp.zeros_like(y)
        terms = variance_terms(level, self._variances(), xp, y)
        moved = self._back(xp, terms.gain * self._centred(xp, y))
        return self._on(xp, "_mean", y) + moved

    def _score(self, xp: Any, y: Array, level: float | Array) -> Array:
        terms = variance_terms(level, self._variances(), xp, y)
        return self._back(xp, -terms.precision * self._centred(xp, y))

    def _log_density(self, xp: Any, y: Array, level: float | Array) -> Array:
        terms = variance_terms(level, self._variances(), xp, y)
        z = self._centred(xp, y)
        return -0.5 * xp.sum(z * z * terms.precision + terms.log_total + LOG_TWO_PI, axis=-1)

    def _jacobian(self, xp: Any, y: Array, level: float | Array) -> Array:
        gain = variance_terms(level, self._variances(), xp, y).gain
        axes = self._on(xp, "_basis", y)
        one = (axes[None, :, :] * gain[:, None, :]) @ axes.T
        return one + xp.zeros((y.shape[0], 1, 1), dtype=y.dtype, device=_checks.device_of(y))

    def _place(self, chance: FloatArray, normal: FloatArray, added: float) -> FloatArray:  # noqa: ARG002
        spectrum = self._spectrum._replace(variances=self._spectrum.variances + added)
        return self._mean + _covariance.draw(spectrum, normal)
