"""Root mean squares over paths, each with its standard error."""

from __future__ import annotations

import numpy as np


def mean_squares(states: np.ndarray) -> np.ndarray:
    """Return the mean square per coordinate of each path, shape (n,), of states (n, d)."""
    return np.asarray((states**2).mean(axis=-1))


def rms(squares: np.ndarray) -> tuple[float, float]:
    """Return the root of the mean over paths, and its standard error by the delta method; squares of shape (n,)."""
    value = float(np.sqrt(squares.mean()))
    return value, float(_influence(squares).std(ddof=1) / squares.size**0.5)


def rms_difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the difference of two such roots on the same paths, and its standard error."""
    influence = _influence(a) - _influence(b)
    return rms(a)[0] - rms(b)[0], float(influence.std(ddof=1) / a.size**0.5)


def _influence(squares: np.ndarray) -> np.ndarray:
    """Return what each path adds to the root of the mean, up to a constant."""
    root = np.sqrt(squares.mean())
    return squares / (2.0 * root) if root > 0.0 else np.zeros_like(squares)
