"""What every law of clean data offers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from analytic._checks import Array, FloatArray


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
        """Return the covariance of x_0, smoothing included.

        Returns
        -------
        ndarray, shape (d, d), float64

        Examples
        --------
        >>> from analytic import Gaussian
        >>> Gaussian([0.0, 0.0], 2.0).covariance()
        array([[2., 0.],
               [0., 2.]])
        """
        ...

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
            If a shape is wrong, ``y`` is not finite, or a level is negative or NaN. Coordinates and
            finite levels above 1e12 are refused: their squares overflow in float32.

        Examples
        --------
        >>> import numpy as np
        >>> from analytic import Gaussian
        >>> Gaussian([0.0], 1.0).denoise(np.array([[2.0]]), 1.0)
        array([[1.]])
        """
        ...

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
        ...

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
        ...

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
        ...

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
        ...

    def sample_at(self, points: object, noise_level: float = 0.0) -> FloatArray:
        """Return ``x_0 + noise_level * eps`` as a function of points in the unit cube.

        Uniform points give draws of the law; points that fill the cube evenly give means with less error.

        Parameters
        ----------
        points : array_like, shape (n, 1 + d)
            In the open unit cube. The first coordinate chooses a component (a Gaussian has none), the others become
            normals.
        noise_level : float
            Finite level >= 0.

        Returns
        -------
        ndarray, shape (n, d), float64

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If a point is outside the open cube or of another dimension, or the level negative or not finite.

        Examples
        --------
        >>> from analytic import GaussianMixture
        >>> law = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.25)
        >>> law.sample_at([[0.1, 0.5], [0.9, 0.5]], noise_level=2.0)
        array([[-1.],
               [ 1.]])
        """
        ...

    def scaled(self, alpha: float) -> Law:
        """Return the law of ``alpha * x_0``, of the same class.

        Parameters
        ----------
        alpha : float
            Factor > 0.

        Returns
        -------
        Law

        Raises
        ------
        TypeError
            If ``alpha`` is not a real number.
        ValueError
            If ``alpha`` is not finite and positive.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> Gaussian(1.0, 1.0).scaled(2.0).mean
        array([2.])
        """
        ...
