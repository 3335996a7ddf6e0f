"""Where one curve passes below another, with the uncertainty that samples leave: by leaving groups of them out."""

from __future__ import annotations

import numpy as np

GROUPS = 16


def energy_without_groups(samples: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return the energy distance to the data, up to the data's own term, without each group of the samples.

    Parameters
    ----------
    samples : array of shape (n, d)
        Rows i, i + `GROUPS`, ... are a group.
    data : array of shape (m, d)
        Independent of them.

    Returns
    -------
    float64 array of shape (`GROUPS`,)

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((64, 2))
    >>> energy_without_groups(x, x[:8] + 1.0).shape
    (16,)
    """
    from scipy.spatial.distance import cdist

    cross, own = cdist(samples, data).mean(axis=1), cdist(samples, samples)
    group = np.arange(len(samples)) % GROUPS
    values = np.empty(GROUPS)
    for g in range(GROUPS):
        kept = group != g
        count = int(kept.sum())
        values[g] = 2.0 * cross[kept].mean() - own[np.ix_(kept, kept)].sum() / (count * (count - 1))
    return values


def jackknife(values: np.ndarray) -> np.ndarray:
    """Return the standard error from values without each group, on the last axis.

    Parameters
    ----------
    values : array of shape (..., groups)
        Without each group.

    Returns
    -------
    array of shape (...)

    Examples
    --------
    >>> float(jackknife(np.array([1.0, 1.0])))
    0.0
    """
    groups = values.shape[-1]
    return np.asarray(np.sqrt((groups - 1) * values.var(axis=-1)))


def crossing(evaluations: np.ndarray, difference: np.ndarray) -> float:
    """Return from how many evaluations on a difference stays below 0, interpolated in their logarithm.

    Parameters
    ----------
    evaluations : array of shape (k,)
        Rising.
    difference : array of shape (k,)
        Of the second curve from the first.

    Returns
    -------
    float
        inf if it ends above 0; the first number of evaluations if it is never above.

    Examples
    --------
    >>> crossing(np.array([10.0, 40.0]), np.array([1.0, -1.0]))
    20.0
    >>> crossing(np.array([10.0, 40.0]), np.array([-1.0, 1.0]))
    inf
    """
    above = np.flatnonzero(difference >= 0.0)
    if above.size == 0:
        return float(evaluations[0])
    last = int(above[-1])
    if last == len(difference) - 1:
        return float("inf")
    share = difference[last] / (difference[last] - difference[last + 1])
    logs = np.log(evaluations[last : last + 2].astype(float))
    return float(round(np.exp(logs[0] + share * (logs[1] - logs[0])), 9))
