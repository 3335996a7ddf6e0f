"""How a network is called: where it lives, what it returns, keywords for every row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ersde_theory import _checks


def home(network: Any, y: torch.Tensor) -> tuple[torch.dtype, torch.device]:
    """Return dtype and device of a module's weights; those of y where there are none."""
    if isinstance(network, torch.nn.Module):
        for weight in network.parameters():
            if weight.is_floating_point():
                return weight.dtype, weight.device
    return y.dtype, y.device


def tensor(output: Any) -> torch.Tensor:
    """Return the tensor of what a network returned."""
    value = output.sample if hasattr(output, "sample") else output
    value = value[0] if isinstance(value, tuple) else value
    if not isinstance(value, torch.Tensor):
        msg = f"network: expected a tensor, a tuple or an object with .sample, got {type(output).__name__}"
        raise TypeError(msg)
    return value


def rows(condition: Mapping[str, Any], n: int) -> dict[str, Any]:
    """Return the keywords with each tensor's first axis expanded to n rows."""
    expanded = {}
    for name, value in condition.items():
        if isinstance(value, Mapping):
            value = rows(value, n)
        elif isinstance(value, torch.Tensor) and value.ndim > 0:
            if value.shape[0] not in (1, n):
                msg = f"condition[{name!r}]: expected a first axis of 1 or {n} rows, got shape {tuple(value.shape)}"
                raise ValueError(msg)
            value = value.expand(n, *value.shape[1:])
        expanded[name] = value
    return expanded


def doubled(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords for the rows of both halves of a guided batch."""
    joined: dict[str, Any] = {}
    for name, other in second.items():
        value = first.get(name, other)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            joined[name] = doubled(value, other)
        elif isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor) and value.ndim > 0:
            joined[name] = torch.cat([value, other])
        elif value is other or value == other:
            joined[name] = value
        else:
            msg = (
                f"condition[{name!r}]: expected tensors, since guidance puts both halves in one batch, "
                f"got {_checks.describe(value)} and {_checks.describe(other)}"
            )
            raise TypeError(msg)
    return joined


def moved(values: Mapping[str, Any], device: Any, dtype: torch.dtype | None) -> dict[str, Any]:
    """Return the keywords with each tensor on a device, those of floats in a precision."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found[name] = moved(value, device, dtype)
        elif isinstance(value, torch.Tensor):
            found[name] = value.to(device=device, dtype=dtype if value.is_floating_point() else None)
        else:
            found[name] = value
    return found
