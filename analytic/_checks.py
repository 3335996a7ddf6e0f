"""Checks at the boundary: each returns the checked value or says what was expected and got.

``TypeError`` means the wrong kind of object, ``ValueError`` the wrong value. Nothing is clipped and
nothing is repaired silently.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, is_array_api_obj, is_torch_array

Array = Any
FloatArray = npt.NDArray[np.float64]

WEIGHT_SUM_TOLERANCE = 1e-6
LARGEST = 1e12  # of coordinates and finite levels: squares then stay finite in float32


def describe(value: object) -> str:
    """Return a short description of a value for an error message."""
    if isinstance(value, str):
        return repr(value)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None and len(shape) > 0:
        return f"{type(value).__name__} of shape {tuple(shape)} and dtype {dtype}"
    if isinstance(value, numbers.Number) or shape == ():
        return f"{value!r}"
    return f"{type(value).__name__}"


def real_number(name: str, value: object, *, minimum: float = -math.inf, strict: bool = False) -> float:
    """Return ``value`` as a finite float >= ``minimum`` (> when ``strict``)."""
    sign = ">" if strict else ">="
    bound = "" if minimum == -math.inf else f" {sign} {minimum:g}"
    message = f"{name}: expected a finite number{bound}, got {describe(value)}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(message)
    number = float(value)
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        raise ValueError(message)
    return number


def whole_number(name: str, value: object, *, minimum: int = 0) -> int:
    """Return ``value`` as an int that is at least ``minimum``."""
    message = f"{name}: expected a whole number >= {minimum}, got {describe(value)}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(message)
    if int(value) < minimum:
        raise ValueError(message)
    return int(value)


def host_array(name: str, value: object, *, ndims: tuple[int, ...], what: str) -> FloatArray:
    """Return real, finite numbers as a read-only float64 NumPy copy with an allowed rank."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu().numpy()
    try:
        raw = np.asarray(value)
    except ValueError as error:
        msg = f"{name}: expected {what}, got a ragged {type(value).__name__}"
        raise ValueError(msg) from error
    if raw.dtype.kind not in "fiu":
        msg = f"{name}: expected {what} of real numbers, got dtype {raw.dtype}"
        raise TypeError(msg)
    if raw.ndim not in ndims or raw.size == 0:
        msg = f"{name}: expected {what}, got shape {raw.shape}"
        raise ValueError(msg)
    out = np.array(raw, dtype=np.float64)
    good = np.abs(out) <= LARGEST
    if not good.all():
        msg = f"{name}: expected finite numbers of size <= {LARGEST:g}, got {out[~good].flat[0]}"
        raise ValueError(msg)
    out.flags.writeable = False
    return out


def probability_weights(name: str, value: object, count: int) -> FloatArray:
    """Return ``count`` non-negative weights that sum to one (renormalised to full precision)."""
    weights = host_array(name, value, ndims=(1,), what=f"weights of shape ({count},)")
    if weights.shape != (count,):
        msg = f"{name}: expected weights of shape ({count},), got shape {weights.shape}"
        raise ValueError(msg)
    if weights.min() < 0:
        msg = f"{name}: expected weights >= 0, got {weights.min()}"
        raise ValueError(msg)
    total = math.fsum(weights)
    if abs(total - 1.0) > WEIGHT_SUM_TOLERANCE:
        msg = f"{name}: expected weights that sum to 1, got a sum of {total:.9g}"
        raise ValueError(msg)
    weights = weights / total
    weights.flags.writeable = False
    return weights


def is_float_array(value: object) -> bool:
    """Say whether ``value`` is a float32 or float64 array of a supported library."""
    return is_array_api_obj(value) and str(getattr(value, "dtype", "")).split(".")[-1] in (
        "float32",
        "float64",
    )


def points(y: Array, dim: int) -> tuple[Any, Array, bool]:
    """Check query points and return ``(namespace, y of shape (n, dim), was a single point)``.

    Finiteness is checked separately (:func:`finite`), because fast paths get it for free.
    """
    if not is_array_api_obj(y):
        msg = f"y: expected a NumPy array or torch tensor of floats, got {describe(y)}"
        raise TypeError(msg)
    if not is_float_array(y):
        msg = f"y: expected dtype float32 or float64, got dtype {y.dtype}"
        raise TypeError(msg)
    if y.ndim not in (1, 2) or y.shape[-1] != dim:
        msg = f"y: expected shape (n, {dim}) or ({dim},), got shape {tuple(y.shape)}"
        raise ValueError(msg)
    xp = array_namespace(y)
    return xp, (y if y.ndim == 2 else y[None, :]), y.ndim == 1


def host_number(value: Array) -> float:
    """Return a zero-dimensional array as a float, outside any gradient."""
    return float(value.detach() if is_torch_array(value) else value)


def finite(xp: Any, y: Array) -> None:
    """Raise unless every number in ``y`` is finite and at most ``LARGEST`` in size."""
    if y.shape[0] == 0:
        return
    with np.errstate(invalid="ignore"):
        low, high = host_number(xp.min(y)), host_number(xp.max(y))
    if low >= -LARGEST and high <= LARGEST:
        return
    not_finite(xp, y)


def not_finite(xp: Any, y: Array) -> NoReturn:
    """Raise the error that names the first number of ``y`` that is not finite or too large."""
    with np.errstate(invalid="ignore"):
        bad = host_number(y[~(xp.abs(y) <= LARGEST)][0])
    what = "finite numbers" if not math.isfinite(bad) else f"numbers of size <= {LARGEST:g}"
    msg = f"y: expected {what}, got {bad}"
    raise ValueError(msg)


def noise_level(value: object, xp: Any, y: Array) -> float | Array:
    """Return a noise level as a float, or as an array of shape ``(n,)`` in the dtype of ``y``.

    ``math.inf`` passes; who cannot take it says so.
    """
    if isinstance(value, float):
        level = value
    elif isinstance(value, (bool, np.bool_)):
        msg = f"noise_level: expected a number >= 0 or one per row, got {value!r}"
        raise TypeError(msg)
    elif isinstance(value, numbers.Real):
        level = float(value)
    elif is_array_api_obj(value):
        return _level_rows(value, xp, y)
    else:
        msg = f"noise_level: expected a number >= 0 or one per row, got {describe(value)}"
        raise TypeError(msg)
    if not (0.0 <= level <= LARGEST or level == math.inf):
        msg = f"noise_level: expected a number >= 0 (at most {LARGEST:g}, or inf), got {level!r}"
        raise ValueError(msg)
    return level


def _level_rows(value: Array, xp: Any, y: Array) -> float | Array:
    kind = str(value.dtype).split(".")[-1]
    if not kind.startswith(("float", "int", "uint")):
        msg = f"noise_level: expected real numbers, got dtype {value.dtype}"
        raise TypeError(msg)
    if value.ndim == 0:
        return noise_level(host_number(value), xp, y)
    n = y.shape[0]
    if tuple(value.shape) != (n,):
        msg = f"noise_level: expected a number or shape ({n},), got shape {tuple(value.shape)}"
        raise ValueError(msg)
    if is_torch_array(value) and not is_torch_array(y):
        msg = "noise_level: expected a NumPy array because y is one, got a torch tensor"
        raise TypeError(msg)
    level = xp.asarray(value, dtype=y.dtype, device=device_of(y))
    good = ((level >= 0) & (level <= LARGEST)) | (level == math.inf)
    if not bool(xp.all(good)):
        bad = host_number(level[~good][0])
        msg = f"noise_level: expected numbers >= 0 (at most {LARGEST:g}, or inf), got {bad}"
        raise ValueError(msg)
    return level


def device_of(y: Array) -> Any:
    """Return the device of an array (None for NumPy, which has only one)."""
    return y.device if is_torch_array(y) else None


def random_streams(seed: object, count: int) -> list[np.random.Generator]:
    """Return independent generators from a whole number or a ``numpy.random.Generator``."""
    if isinstance(seed, np.random.Generator):
        return seed.spawn(count)
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, numbers.Integral):
        msg = f"seed: expected a whole number >= 0 or a numpy.random.Generator, got {describe(seed)}"
        raise TypeError(msg)
    root = np.random.SeedSequence(whole_number("seed", seed))
    return [np.random.Generator(np.random.PCG64(child)) for child in root.spawn(count)]
