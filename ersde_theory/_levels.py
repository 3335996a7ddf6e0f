"""Noise levels: checked arrays and accurate logarithmic steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ersde_theory import _checks


def log_ratio(lam_high: np.ndarray, lam_low: np.ndarray) -> np.ndarray:
    r"""Return :math:`\ln(\lambda_{high}/\lambda_{low})` to full relative accuracy, however small the step.

    Parameters
    ----------
    lam_high, lam_low : float64 arrays, 0 < lam_low <= lam_high
        Noise levels; shapes broadcast.

    Returns
    -------
    float64 array

    Examples
    --------
    >>> bool(log_ratio(np.array(1.0 + 2.0**-52), np.array(1.0)) > 0.999 * 2.0**-52)
    True
    """
    high, low = np.broadcast_arrays(np.asarray(lam_high, float), np.asarray(lam_low, float))
    close = low > 0.5 * high
    gap = np.where(close, high, 1.0) - np.where(close, low, 1.0)
    near = np.log1p(gap / np.where(close, low, 1.0))
    with np.errstate(divide="ignore"):
        far = np.log(np.where(close, 1.0, high)) - np.log(np.where(close, 1.0, low))
    return np.asarray(np.where(close, near, far))


def checked_levels(lam: Any) -> np.ndarray:
    """Return noise levels as a float64 array, numbers >= 0 or inf."""
    array = lam if isinstance(lam, np.ndarray) and lam.dtype == np.float64 else None
    if array is None or np.isnan(array).any():
        array = _checks.float64_array(lam, "noise level")
    if (array < 0.0).any():
        msg = f"noise level: expected numbers >= 0, got {float(array.min())}"
        raise ValueError(msg)
    return array


def checked_step(lam_start: Any, lam_end: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of steps as arrays of one shape, none going up."""
    start, end = checked_levels(lam_start), checked_levels(lam_end)
    try:
        high, low = np.broadcast_arrays(start, end)
    except ValueError:
        msg = f"noise level: expected shapes that broadcast, got {start.shape} and {end.shape}"
        raise ValueError(msg) from None
    if (high < low).any():
        j = int(np.argmax((high < low).ravel()))
        msg = f"noise level: expected steps down, got one from {high.ravel()[j]:g} to {low.ravel()[j]:g}"
        raise ValueError(msg)
    return high, low
