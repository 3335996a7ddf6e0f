"""How the loop asks the denoiser: with copies that make any denoiser safe, or without, for one that needs none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array

Call = Callable[[Any, float, float, bool], Any]


def denoiser_call(denoise: Callable[[Any, float], Any], state: Any) -> Call:
    """Return ``call(state, unit, noise_level, kept)``, the denoiser's value at y = state/unit.

    The value is of the state's shape and dtype. `kept` says that it is used after the next call. A denoiser with a
    true attribute ``pure`` gets the state itself where the unit is 1, and its value is taken as it is; others get a
    copy, for they may return or change what they are given, and their value is copied if it is kept, for it may be
    a buffer that they use again. Autograd needs the copies too: a graph must not hold a state that changes.
    """
    if getattr(denoise, "pure", False) and not _followed_by_autograd(state):
        return lambda y, unit, level, _kept: _pure_value(denoise, y, unit, level)

    def call(y: Any, unit: float, level: float, kept: bool) -> Any:
        given = copied(y) if unit == 1.0 else y / unit
        value = _checked(denoise(given, level), y)
        return copied(value) if kept else value

    return call


def copied(array: Any) -> Any:
    """Return a copy in rows, which autograd follows where it follows the array."""
    if is_numpy_array(array):
        return array.copy()
    import torch

    return array.clone(memory_format=torch.contiguous_format)


def _pure_value(denoise: Callable[[Any, float], Any], state: Any, unit: float, level: float) -> Any:
    """Return the value of a denoiser that leaves alone what it is given, or say that it does not."""
    if unit != 1.0:
        return _checked(denoise(state / unit, level), state)
    before = _version(state)
    value = _checked(denoise(_read_only(state), level), state)
    if before != _version(state) or _shares_memory(value, state):
        msg = "denoise: says that it is pure: expected it to leave its y alone and to return other memory, got its y"
        raise ValueError(msg)
    if getattr(value, "requires_grad", False):
        msg = "denoise: says that it is pure: expected values without gradients, got one that autograd follows"
        raise ValueError(msg)
    return value


def _checked(value: Any, state: Any) -> Any:
    """Return the denoiser's value if it has the state's shape and dtype."""
    if getattr(value, "shape", None) != state.shape or value.dtype != state.dtype:
        got = f"shape {getattr(value, 'shape', None)}, dtype {getattr(value, 'dtype', type(value).__name__)}"
        msg = f"denoise: expected an array of shape {tuple(state.shape)} and dtype {state.dtype}, got {got}"
        raise ValueError(msg)
    return value


def _followed_by_autograd(state: Any) -> bool:
    """Return whether operations on a state may be recorded."""
    if is_numpy_array(state):
        return False
    import torch

    return torch.is_grad_enabled() and bool(state.requires_grad)


def _read_only(state: Any) -> Any:
    """Return a NumPy state as an array that cannot be written to; a tensor counts its own changes."""
    if not is_numpy_array(state):
        return state
    view = state.view()
    view.flags.writeable = False
    return view


def _version(state: Any) -> int:
    """Return how often a tensor was changed, 0 where nobody counts."""
    return 0 if is_numpy_array(state) or state.is_inference() else int(state._version)


def _shares_memory(value: Any, state: Any) -> bool:
    """Return whether a value lies in the state's memory."""
    if is_numpy_array(state):
        return np.may_share_memory(value, state)
    return bool(value.untyped_storage().data_ptr() == state.untyped_storage().data_ptr())


__all__ = ["Call", "copied", "denoiser_call"]
