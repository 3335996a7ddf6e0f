"""Real data that needs no download: the handwritten digits bundled with scikit-learn."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray
from analytic.empirical import EmpiricalDistribution
from analytic.mixture import GaussianMixture

PIXELS = 64
IMAGES = 1797


class Digits(NamedTuple):
    """Images as rows of pixels and the digit each one shows.

    Examples
    --------
    >>> handwritten_digits()._fields
    ('pixels', 'labels')
    """

    pixels: FloatArray
    labels: npt.NDArray[np.int64]


@functools.cache
def handwritten_digits() -> Digits:
    """Return the 1,797 handwritten digits of 8 by 8 pixels, scaled to [-1, 1].

    Pixel x in 0 … 16 becomes ``x / 8 - 1`` (exact in binary). Source: UCI "Optical recognition of
    handwritten digits", as bundled with scikit-learn.

    Returns
    -------
    Digits
        ``pixels``, shape (1797, 64), float64, read-only; ``labels``, shape (1797,), int64,
        read-only.

    Examples
    --------
    >>> images = handwritten_digits()
    >>> images.pixels.shape, float(images.pixels.min()), float(images.pixels.max())
    ((1797, 64), -1.0, 1.0)
    >>> images.labels[:5].tolist()
    [0, 1, 2, 3, 4]
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    pixels = np.asarray(raw.data, dtype=np.float64) / 8.0 - 1.0
    labels = np.asarray(raw.target, dtype=np.int64)
    pixels.flags.writeable = labels.flags.writeable = False
    return Digits(pixels, labels)


def digits_law(bandwidth: float = 0.1) -> EmpiricalDistribution:
    """Return the law of the digits, each image smoothed by a bandwidth.

    Parameters
    ----------
    bandwidth : float
        Standard deviation >= 0 per pixel, in units of the pixels' range [-1, 1].

    Returns
    -------
    EmpiricalDistribution
        With d = 64 and 1,797 points.

    Raises
    ------
    TypeError
        If the bandwidth is not a real number.
    ValueError
        If it is negative or not finite.

    Examples
    --------
    >>> digits_law(0.1)
    EmpiricalDistribution(1797 points, dim=64, bandwidth=0.1)
    """
    return EmpiricalDistribution(handwritten_digits().pixels, bandwidth)


@functools.cache
def _fitted(n_components: int, seed: int, min_variance: float) -> GaussianMixture:
    from sklearn import mixture

    fit = mixture.GaussianMixture(
        n_components,
        covariance_type="full",
        reg_covar=min_variance,
        random_state=seed,
        max_iter=200,
    )
    fit.fit(handwritten_digits().pixels)
    return GaussianMixture(fit.weights_ / fit.weights_.sum(), fit.means_, fit.covariances_)


def digits_mixture(n_components: int = 10, seed: int = 0, min_variance: float = 0.01) -> GaussianMixture:
    """Return a mixture with full covariances fitted to the digits by scikit-learn's EM.

    Fits are kept for the life of the process. Digits depend on the version of scikit-learn in the
    last bits, so compare runs on one installation only.

    Parameters
    ----------
    n_components : int
        Number K of components, 1 … 1797.
    seed : int
        Seed of the initialisation, 0 … 2**32 - 1.
    min_variance : float
        Variance > 0 added to every covariance's diagonal (some pixels never vary).

    Returns
    -------
    GaussianMixture
        With d = 64.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If one is out of range.

    Examples
    --------
    >>> digits_mixture(2, seed=0).means.shape
    (2, 64)
    """
    count = _checks.whole_number("n_components", n_components, minimum=1)
    if count > IMAGES:
        msg = f"n_components: expected a whole number <= {IMAGES}, got {count}"
        raise ValueError(msg)
    start = _checks.whole_number("seed", seed)
    if start >= 2**32:
        msg = f"seed: expected a whole number < 2**32, got {start}"
        raise ValueError(msg)
    floor = _checks.real_number("min_variance", min_variance, minimum=0.0, strict=True)
    return _fitted(count, start, floor)
