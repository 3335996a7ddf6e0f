"""Checks at the boundary: each returns the checked value or says what was expected and what came."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np


def describe(value: Any) -> str:
    """Describe a value for an error message in one short phrase."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value)
    shown = text if len(text) <= 60 else text[:57] + "..."
    return f"{shown} ({type(value).__name__})"


def real_number(value: Any, name: str) -> float:
    """Return `value` as a finite float."""
    number = _any_real(value, name)
    if not math.isfinite(number):
        msg = f"{name}: expected a finite number, got {number}"
        raise ValueError(msg)
    return number


def positive_number(value: Any, name: str) -> float:
    """Return `value` as a finite float greater than 0."""
    number = real_number(value, name)
    if number <= 0.0:
        msg = f"{name}: expected a number greater than 0, got {number}"
        raise ValueError(msg)
    return number


def nonnegative_number(value: Any, name: str) -> float:
    """Return `value` as a finite float >= 0."""
    number = real_number(value, name)
    if number < 0.0:
        msg = f"{name}: expected a number >= 0, got {number}"
        raise ValueError(msg)
    return number


def integer(value: Any, name: str, *, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int within [minimum, maximum]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        msg = f"{name}: expected an integer, got {describe(value)}"
        raise TypeError(msg)
    number = int(value)
    upper = "" if maximum is None else f" and <= {maximum}"
    if number < minimum or (maximum is not None and number > maximum):
        msg = f"{name}: expected an integer >= {minimum}{upper}, got {number}"
        raise ValueError(msg)
    return number


def float64_array(value: Any, name: str, *, ndim: int | None = None) -> np.ndarray:
    """Return `value` as a float64 array without NaN, of `ndim` axes if that is given."""
    raw = np.asarray(value)
    if raw.dtype.kind not in "fiu":
        msg = f"{name}: expected real numbers, got {describe(value)}"
        raise TypeError(msg)
    array = raw.astype(np.float64)
    if ndim is not None and array.ndim != ndim:
        msg = f"{name}: expected {ndim} axes, got shape {array.shape}"
        raise ValueError(msg)
    if np.isnan(array).any():
        where = np.argwhere(np.isnan(array))[0].tolist()
        msg = f"{name}: expected numbers, got nan at index {where}"
        raise ValueError(msg)
    return array


def nonnegative_array(value: Any, name: str) -> np.ndarray:
    """Return `value` as a float64 array of finite numbers >= 0."""
    array = float64_array(value, name)
    bad = ~(np.isfinite(array) & (array >= 0.0))
    if bad.any():
        where = np.argwhere(bad)[0].tolist()
        got = array[tuple(where)]
        msg = f"{name}: expected finite numbers >= 0, got {got} at index {where}"
        raise ValueError(msg)
    return array


def one_of(value: Any, name: str, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed names; else suggest the nearest."""
    names = tuple(allowed)
    if not isinstance(value, str):
        msg = f"{name}: expected one of {', '.join(names)}, got {describe(value)}"
        raise TypeError(msg)
    if value not in names:
        near = difflib.get_close_matches(value, names, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        msg = f"{name}: expected one of {', '.join(names)}, got {value!r}{hint}"
        raise ValueError(msg)
    return value


def instance(value: Any, name: str, kind: type) -> Any:
    """Return `value` if it is an instance of `kind`."""
    if not isinstance(value, kind):
        msg = f"{name}: expected a {kind.__name__}, got {describe(value)}"
        raise TypeError(msg)
    return value


def callables(**items: object) -> None:
    """Raise unless every item can be called."""
    for name, item in items.items():
        if not callable(item):
            msg = f"{name}: expected a callable, got {describe(item)}"
            raise TypeError(msg)


def _any_real(value: Any, name: str) -> float:
    """Return `value` as a float, inf and nan allowed."""
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, np.ndarray)):
        msg = f"{name}: expected a number, got {describe(value)}"
        raise TypeError(msg)
    if isinstance(value, np.ndarray) and (value.ndim != 0 or value.dtype.kind not in "fiu"):
        msg = f"{name}: expected a number, got {describe(value)}"
        raise TypeError(msg)
    return float(value)
