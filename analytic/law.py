"""What every law of clean data offers, and the part of it that the laws share."""

from __future__ import annotations

import abc
import math
from typing import Any, Protocol, runtime_checkable

import numpy as np

from analytic import _checks
from analytic._checks import Array, FloatArray
from analytic._terms import as_array

BLOCK_ELEMENTS = 2**20


@runtime_checkable
class Law(Protocol):
    """A law of clean data x_0 whose noised versions ``x_0 + noise_level * eps`` are known.

    Arrays are NumPy or torch, float32 or float64; results have the library, dtype and device of
    ``y``. ``y`` has shape ``(n, d)``, or ``(d,)`` for one point; ``noise_level`` is a number or one
    per row.

    Examples
    --------
    >>> from analytic import Gaussian, Law
    >>> isinstance(Gaussian([0.0, 1.0], 0.25), Law)
    True
    """

    @property
    def dim(self) -> int:
        """Dimension d of the data."""
        ...

    @property
    def mean(self) -> FloatArray:
        """Mean E[x_0], shape ``(d,)``, float64."""
        ...

    def covariance(self) -> FloatArray:
        """Return the covariance of x_0, shape ``(d, d)``, float64."""
        ...

    def denoise(self, y: Array, noise_level: float | Array) -> Array:
        """Return ``E[x_0 given y]``, shape of ``y``."""
        ...

    def score(self, y: Array, noise_level: float | Array) -> Array:
        """Return the gradient of the log density, shape of ``y``."""
        ...

    def log_density(self, y: Array, noise_level: float | Array) -> Array:
        """Return the log density of ``y``, shape ``(n,)``."""
        ...

    def denoise_jacobian(self, y: Array, noise_level: float | Array) -> Array:
        """Return the derivative of ``denoise``, shape ``(n, d, d)``."""
        ...

    def sample(self, n: int, noise_level: float = 0.0, seed: int | np.random.Generator = 0) -> FloatArray:
        """Return ``n`` draws of ``x_0 + noise_level * eps``, shape ``(n, d)``, float64."""
        ...

    def scaled(self, alpha: float) -> Law:
        """Return the law of ``alpha * x_0``."""
        ...


class LawBase(abc.ABC):
    """Arguments, limits and row blocks; a law adds formulas for one block of finite levels.

    Subclasses set ``_block_width``: the number of scratch numbers that one row needs.
    """

    _block_width: int
    _singular: bool
    _casts: dict[tuple[str, str, str], Array]

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension d of the data."""

    @property
    @abc.abstractmethod
    def mean(self) -> FloatArray:
        """Mean E[x_0], shape ``(d,)``, float64, read-only."""

    @abc.abstractmethod
    def _denoise(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _score(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _log_density(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _jacobian(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _draw(self, n: int, streams: list[np.random.Generator]) -> FloatArray: ...

    def denoise(self, y: Array, noise_level: float | Array) -> Array:
        """Return the ideal denoiser ``E[x_0 given y]``, where ``y = x_0 + noise_level * eps``.

        Parameters
        ----------
        y : array, shape (n, d) or (d,)
            Noisy points; float32 or float64, NumPy or torch.
        noise_level : float or array of shape (n,)
            Level lambda >= 0, in units of y. 0 is the limit: ``y`` itself where the law has a
            density, the nearest point for point masses (equal distances share by weight).
            ``math.inf`` is the limit too: there ``y`` is read in units of the noise and the answer
            is the mean.

        Returns
        -------
        array, shape of ``y``
            Same library, dtype and device as ``y``.

        Raises
        ------
        TypeError
            If ``y`` is not a float array or ``noise_level`` not real.
        ValueError
            If a shape is wrong, ``y`` is not finite, or a level is negative or NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from analytic import Gaussian
        >>> Gaussian([0.0], 1.0).denoise(np.array([[2.0]]), 1.0)
        array([[1.]])
        """
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        out = self._with_limits(xp, rows, level, self._denoise, self.mean)
        return out[0] if single else out

    def score(self, y: Array, noise_level: float | Array) -> Array:
        """Return the score ``grad_y log q(y)``, equal to ``(D - y) / noise_level**2``.

        Computed without dividing by the squared level, so it stays accurate down to level 0.

        Parameters
        ----------
        y : array, shape (n, d) or (d,)
            Noisy points; float32 or float64, NumPy or torch.
        noise_level : float or array of shape (n,)
            Finite level >= 0.

        Returns
        -------
        array, shape of ``y``
            Same library, dtype and device as ``y``.

        Raises
        ------
        TypeError
            If ``y`` is not a float array or ``noise_level`` not real.
        ValueError
            As for ``denoise``; also for an infinite level, and for level 0 of a law that has no
            density.

        Examples
        --------
        >>> import numpy as np
        >>> from analytic import Gaussian
        >>> Gaussian([0.0], 1.0).score(np.array([[2.0]]), 1.0)
        array([[-1.]])
        """
        xp, rows, level, single = self._density_arguments("score", y, noise_level)
        out = self._blocks(xp, rows, level, self._score)
        return out[0] if single else out

    def log_density(self, y: Array, noise_level: float | Array) -> Array:
        """Return the log density of the law at a noise level.

        Parameters
        ----------
        y : array, shape (n, d) or (d,)
            Noisy points; float32 or float64, NumPy or torch.
        noise_level : float or array of shape (n,)
            Finite level >= 0.

        Returns
        -------
        array, shape (n,) or ()
            Natural logarithm; same library, dtype and device as ``y``.

        Raises
        ------
        TypeError
            If ``y`` is not a float array or ``noise_level`` not real.
        ValueError
            As for ``score``.

        Examples
        --------
        >>> import numpy as np
        >>> from analytic import Gaussian
        >>> float(Gaussian([0.0], 1.0).log_density(np.array([0.0]), 0.0)).__round__(6)
        -0.918939
        """
        xp, rows, level, single = self._density_arguments("log_density", y, noise_level)
        out = self._blocks(xp, rows, level, self._log_density)
        return out[0] if single else out

    def denoise_jacobian(self, y: Array, noise_level: float | Array) -> Array:
        """Return the derivative of the denoiser, ``Cov(x_0 given y) / noise_level**2``.

        Symmetric and positive semidefinite. At level 0 it is the limit: the identity where the law
        has a density, zero for point masses away from ties. At ``math.inf`` it is zero.

        Parameters
        ----------
        y : array, shape (n, d) or (d,)
            Noisy points; float32 or float64, NumPy or torch.
        noise_level : float or array of shape (n,)
            Level >= 0.

        Returns
        -------
        array, shape (n, d, d) or (d, d)
            Same library, dtype and device as ``y``.

        Raises
        ------
        TypeError
            If ``y`` is not a float array or ``noise_level`` not real.
        ValueError
            As for ``denoise``; also at level 0 where two point masses are equally near.

        Examples
        --------
        >>> import numpy as np
        >>> from analytic import Gaussian
        >>> Gaussian([0.0], 3.0).denoise_jacobian(np.array([[2.0]]), 1.0)
        array([[[0.75]]])
        """
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        limit = np.zeros((self.dim, self.dim))
        out = self._with_limits(xp, rows, level, self._jacobian, limit)
        return out[0] if single else out

    def sample(self, n: int, noise_level: float = 0.0, seed: int | np.random.Generator = 0) -> FloatArray:
        """Return draws of ``x_0 + noise_level * eps``.

        The first ``m`` rows do not depend on ``n``: ``sample(n)[:m]`` equals ``sample(m)``. The
        same seed gives the same ``x_0`` at every level.

        Parameters
        ----------
        n : int
            Number of draws, >= 1.
        noise_level : float
            Finite level >= 0.
        seed : int or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray, shape (n, d), float64

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If ``n < 1``, the level is negative or not finite, or the seed is negative.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> Gaussian([0.0, 0.0], 1.0).sample(3, noise_level=2.0, seed=1).shape
        (3, 2)
        """
        count = _checks.whole_number("n", n, minimum=1)
        level = _checks.real_number("noise_level", noise_level, minimum=0.0)
        streams = _checks.random_streams(seed, 3)
        clean = self._draw(count, streams[:2])
        return clean + level * streams[2].standard_normal((count, self.dim))

    def _on(self, xp: Any, name: str, like: Array) -> Array:
        """Return a host array of this law by attribute, cast to ``like`` (kept)."""
        key = (name, str(like.dtype), str(_checks.device_of(like)))
        if key not in self._casts:
            self._casts[key] = as_array(xp, getattr(self, name), like)
        return self._casts[key]

    def _density_arguments(
        self, name: str, y: Array, noise_level: float | Array
    ) -> tuple[Any, Array, float | Array, bool]:
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        scalar = isinstance(level, float)
        infinite = math.isinf(level) if scalar else bool(xp.any(xp.isinf(level)))
        if infinite:
            msg = f"{name}: expected a finite noise_level, got inf"
            raise ValueError(msg)
        zero = level == 0.0 if scalar else bool(xp.any(level == 0))
        if zero and self._singular:
            msg = (
                f"{name}: expected noise_level > 0 because this law has no density and its {name} "
                "does not exist at level 0, got 0"
            )
            raise ValueError(msg)
        return xp, rows, level, single

    def _with_limits(self, xp: Any, y: Array, level: float | Array, formula: Any, limit: FloatArray) -> Array:
        at_infinity = as_array(xp, limit, y)
        shape = (y.shape[0], *at_infinity.shape)
        if isinstance(level, float):
            if math.isinf(level):
                return xp.broadcast_to(at_infinity, shape) + xp.zeros(
                    shape, dtype=y.dtype, device=_checks.device_of(y)
                )
            return self._blocks(xp, y, level, formula)
        infinite = xp.isinf(level)
        if not bool(xp.any(infinite)):
            return self._blocks(xp, y, level, formula)
        tame = xp.where(infinite, xp.ones_like(level), level)
        mask = xp.reshape(infinite, (y.shape[0],) + (1,) * at_infinity.ndim)
        return xp.where(mask, at_infinity, self._blocks(xp, y, tame, formula))

    def _blocks(self, xp: Any, y: Array, level: float | Array, formula: Any) -> Array:
        n = y.shape[0]
        step = max(1, BLOCK_ELEMENTS // self._block_width)
        with np.errstate(under="ignore", over="ignore"):
            if n <= step:
                return formula(xp, y, level)
            parts = []
            for start in range(0, n, step):
                rows = slice(start, start + step)
                part = level if isinstance(level, float) else level[rows]
                parts.append(formula(xp, y[rows], part))
        return xp.concat(parts, axis=0)


def positive_scale(alpha: object) -> float:
    """Return the factor of ``scaled``: a finite number > 0."""
    return _checks.real_number("alpha", alpha, minimum=0.0, strict=True)
