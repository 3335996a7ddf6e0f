"""The state of a training run in one safetensors file, replaced as a whole: a kill leaves a readable one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ersde_theory.records import write_atomically

_KEY = "ersde"  # one key only: the order of several would not be fixed
_HINT = "delete it or choose another folder to start anew"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write tensors with a description in JSON values; the same bytes for the same content."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(dict(description), sort_keys=True)
    write_atomically(path, save(whole, {_KEY: text}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what :func:`write_tensors` wrote; ValueError if the file is damaged or of another kind."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            text = (file.metadata() or {}).get(_KEY)
    except SafetensorError as error:
        msg = f"{path}: expected a whole safetensors file, got a damaged one ({error}); {_HINT}"
        raise ValueError(msg) from None
    if text is None:
        msg = f"{path}: expected a file written by train-digits, got one without its description; {_HINT}"
        raise ValueError(msg)
    return tensors, json.loads(text)


def flat_state(
    network: torch.nn.Module, average: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Return everything that the next step depends on as named tensors."""
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    state |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
    return state


def restore_state(
    state: Mapping[str, Tensor], network: torch.nn.Module, average: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Put the tensors of :func:`flat_state` back."""
    network.load_state_dict(part(state, "network"))
    average.load_state_dict(part(state, "average"))
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in part(state, "optimiser").items():
        index, _, which = name.partition(".")
        alike = torch.empty_like(parameters[int(index)]) if tensor.ndim else torch.empty_like(tensor)
        moments.setdefault(int(index), {})[which] = alike.copy_(tensor)  # with the parameter's memory layout
    whole = optimiser.state_dict()
    optimiser.load_state_dict({"state": moments, "param_groups": whole["param_groups"]})


def part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name starts with a prefix and a dot, without it."""
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}
