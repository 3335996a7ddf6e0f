r"""The Fréchet distance of features, and the bias of its estimate, by extrapolation in 1/n.

Estimated from samples, :math:`|m_a - m_b|^2 + \operatorname{tr}(A + B - 2(AB)^{1/2})` is too large by about c/n, with
a c that depends on the model: two models must not be compared at different n, and hardly at the same (Chong & Forsyth
2020). Subsets of both samples give the value at n/4, n/2 and n; the intercept of a line in 1/n is the estimate of the
limit, and its error comes from leaving groups of rows out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytic import gaussian_wasserstein2_full

SHARES = (4, 2, 1)
_GROUPS = 8


class Frechet(NamedTuple):
    """Fréchet distances, squared as is usual.

    Attributes
    ----------
    at_n : float64 array of shape (3,)
        Estimates from a quarter, a half and all of the samples.
    limit, standard_error : float
        Extrapolated to infinitely many.

    Examples
    --------
    >>> Frechet(np.zeros(3), 0.0, 0.1).standard_error
    0.1
    """

    at_n: np.ndarray
    limit: float
    standard_error: float


def frechet_distance(a: np.ndarray, b: np.ndarray) -> Frechet:
    """Return the squared Fréchet distance of two samples of features, with its bias taken off.

    Parameters
    ----------
    a, b : arrays of shape (n, k) and (m, k)
        Features; 32 rows at least of each.

    Returns
    -------
    Frechet

    Raises
    ------
    ValueError
        If there are too few rows, or the features' numbers differ.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> found = frechet_distance(*generator.standard_normal((2, 512, 4)))
    >>> bool(found.at_n[0] > found.at_n[2] > 0.0), bool(abs(found.limit) < 4.0 * found.standard_error)
    (True, True)

    References
    ----------
    Chong & Forsyth 2020, Effectively unbiased FID.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 4 * _GROUPS:
        message = (
            f"features: expected two arrays with as many columns and 32 rows at least, got {a.shape} and {b.shape}"
        )
        raise ValueError(message)
    at_n = _at_shares(a, b)
    partial = []
    for g in range(_GROUPS):
        kept = [rows[np.arange(len(rows)) % _GROUPS != g] for rows in (a, b)]
        partial.append(_intercept(_at_shares(*kept)))
    spread = float(np.sqrt((_GROUPS - 1) * np.var(partial)))
    return Frechet(at_n, _intercept(at_n), spread)


def _at_shares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean estimate over disjoint subsets of each share of the rows."""
    return np.array([np.mean([_squared(a[k::share], b[k::share]) for k in range(share)]) for share in SHARES])


def _squared(a: np.ndarray, b: np.ndarray) -> float:
    """Return the squared Fréchet distance of Gaussians with the samples' moments."""
    moments = [(x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))) for x in (a, b)]
    (mean_a, cov_a), (mean_b, cov_b) = moments
    return gaussian_wasserstein2_full(mean_a, cov_a, mean_b, cov_b) ** 2


def _intercept(at_n: np.ndarray) -> float:
    """Return the value at 1/n = 0 of the line through the estimates, each weighted by its share of the rows."""
    slope_and_end = np.polyfit(np.array(SHARES, dtype=float), at_n, 1, w=1.0 / np.sqrt(np.array(SHARES)))
    return float(slope_and_end[1])
