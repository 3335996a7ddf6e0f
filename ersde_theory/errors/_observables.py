"""Functions of final states whose expectations measure the law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from ersde_theory import _checks

Observable = Callable[[np.ndarray], np.ndarray]


def _projection(y: np.ndarray) -> np.ndarray:
    """Return the projection of the rows on (1, ..., 1), normalised."""
    flat = y.reshape(len(y), -1)
    return np.asarray(flat.sum(axis=1) / flat.shape[1] ** 0.5)


def _first_coordinate(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1)[:, 0]


def _mean_square(y: np.ndarray) -> np.ndarray:
    return np.asarray((y.reshape(len(y), -1) ** 2).mean(axis=1))


OBSERVABLES: Mapping[str, Observable] = MappingProxyType(
    {
        "first coordinate": _first_coordinate,
        "mean square": _mean_square,
        "cosine": lambda y: np.cos(_projection(y)),
        "bump": lambda y: np.exp(-0.5 * _mean_square(y)),
        "logistic": lambda y: 0.5 * (1.0 + np.tanh(2.0 * _first_coordinate(y))),
    }
)
"""Functions of states of shape (n, ...) to shape (n,): two moments and three bounded ones."""


def checked_observables(observables: Mapping[str, Observable]) -> dict[str, Observable]:
    """Return named functions, at least one.

    Parameters
    ----------
    observables : mapping of str to callable
        The functions.

    Returns
    -------
    dict

    Raises
    ------
    TypeError, ValueError
        If it is no mapping, empty, or a value cannot be called.

    Examples
    --------
    >>> list(checked_observables({"mean": lambda y: y.mean(axis=1)}))
    ['mean']
    """
    _checks.instance(observables, "observables", Mapping)
    if not observables:
        msg = "observables: expected at least one function, got none"
        raise ValueError(msg)
    for name, function in observables.items():
        if not callable(function):
            msg = f"observables[{name!r}]: expected a callable, got {_checks.describe(function)}"
            raise TypeError(msg)
    return dict(observables)
