"""Errors on a coupled path: a sampler against a reference driven by the same Brownian path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ersde_theory import _checks

_BOOTSTRAP = 400


@dataclass(frozen=True)
class CoupledErrors:
    """Summary of path errors, RMS per coordinate of each path.

    Attributes
    ----------
    mean, mean_error : float
        Mean over paths and its standard error.
    median, median_error : float
        Median over paths and its bootstrap standard error.
    paths : float64 array of shape (n,)
        The error of each path.

    Examples
    --------
    >>> coupled_errors(np.zeros((4, 2)), np.ones((4, 2))).median
    1.0
    """

    mean: float
    mean_error: float
    median: float
    median_error: float
    paths: np.ndarray


def coupled_errors(output: np.ndarray, reference: np.ndarray, seed: int = 0) -> CoupledErrors:
    """Return the errors of `output` against `reference`, row by row.

    Parameters
    ----------
    output, reference : arrays of shape (n, ...)
        Final states driven by the same start and the same path, n >= 2.
    seed : int
        Of the bootstrap that gives the median's standard error.

    Returns
    -------
    CoupledErrors

    Raises
    ------
    ValueError
        If the shapes differ, or there are fewer than 2 paths.

    Examples
    --------
    >>> coupled_errors(np.zeros((4, 2)), np.ones((4, 2))).mean_error
    0.0
    """
    a = _checks.float64_array(output, "output")
    b = _checks.float64_array(reference, "reference")
    if a.shape != b.shape or a.ndim < 2 or a.shape[0] < 2:
        msg = f"output: expected shape {b.shape} like the reference, n >= 2, got {a.shape}"
        raise ValueError(msg)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        msg = "output: expected finite states like the reference's, got an infinite one"
        raise ValueError(msg)
    difference = (a - b).reshape(a.shape[0], -1)
    paths = np.sqrt((difference**2).mean(axis=1))
    generator = np.random.default_rng(seed)
    resampled = paths[generator.integers(0, paths.size, size=(_BOOTSTRAP, paths.size))]
    return CoupledErrors(
        float(paths.mean()),
        float(paths.std(ddof=1) / paths.size**0.5),
        float(np.median(paths)),
        float(np.median(resampled, axis=1).std(ddof=1)),
        paths,
    )
