"""Checkpoints are data: they are read without running code, and what is wrong with one is said by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ersde_theory.models._weight_files import (
    PICKLE,
    ZIP,
    first_bytes,
    is_safetensors,
    read_safetensors,
    read_shards,
    unpickled,
    weight_file,
)


def load_weights(path: str | Path, *, entry: str | None = None, trust_pickle: bool = False) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint by name, on the host.

    The kind of file is told by its content: safetensors, or what ``torch.save`` writes, read with
    ``weights_only=True``. A folder is searched for the file names that diffusers uses, shards included.

    Parameters
    ----------
    path : str or Path
        A file or a folder.
    entry : str, optional
        Which entry of a nested checkpoint, such as ``"state_dict"`` or ``"ema"``.
    trust_pickle : bool
        Load a pickle that runs code when it is opened. Only for files from somebody you trust.

    Returns
    -------
    dict of str to tensor

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is nothing to read, or no right to.
    ValueError
        If the file is empty, truncated, of no known kind, nested without `entry`, or would run code.

    Examples
    --------
    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"weight": torch.ones(2)}, f"{folder}/a.safetensors")
    ...     load_weights(f"{folder}/a.safetensors")
    {'weight': tensor([1., 1.])}
    """
    file = weight_file(Path(path))
    if file.name.endswith(".index.json"):
        return read_shards(file)
    head = first_bytes(file)
    # a safetensors header's length may begin like a pickle, never the other way round
    if head.startswith((ZIP, PICKLE)) and not is_safetensors(head):
        return _tensors(unpickled(file, trust_pickle=trust_pickle), file, entry)
    return read_safetensors(file)


def load_into(
    network: torch.nn.Module, path: str | Path, *, entry: str | None = None, trust_pickle: bool = False
) -> None:
    """Fill a network with the tensors of a checkpoint, all of them or none.

    Parameters
    ----------
    network : torch.nn.Module
    path : str or Path
    entry : str, optional
    trust_pickle : bool
        As in :func:`load_weights`.

    Raises
    ------
    ValueError
        If names, shapes or kinds of number differ from the network's, or a value is not finite.

    Examples
    --------
    >>> import tempfile, torch
    >>> network = torch.nn.Linear(1, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"weight": torch.ones(1, 1), "bias": torch.zeros(1)}, f"{folder}/a.pt")
    ...     load_into(network, f"{folder}/a.pt")
    >>> network.weight.item()
    1.0
    """
    weights = load_weights(path, entry=entry, trust_pickle=trust_pickle)
    problems = _problems(network.state_dict(), weights)
    if problems:
        msg = f"{path}: expected the weights of a {type(network).__name__}, got " + "; ".join(problems)
        raise ValueError(msg)
    network.load_state_dict(weights)


def _tensors(loaded: Any, file: Path, entry: str | None) -> dict[str, torch.Tensor]:
    def is_weights(value: Any) -> bool:
        if isinstance(value, torch.nn.Module):
            return True
        return isinstance(value, Mapping) and bool(value) and all(isinstance(v, torch.Tensor) for v in value.values())

    if entry is not None:
        inside = loaded.get(entry) if isinstance(loaded, Mapping) else None
        if inside is None or not is_weights(inside):
            keys = ", ".join(map(repr, list(loaded)[:8])) if isinstance(loaded, Mapping) else type(loaded).__name__
            msg = f"{file}: expected tensors under {entry!r}, got {keys}"
            raise ValueError(msg)
        loaded = inside
    if not is_weights(loaded):
        nested = [k for k, v in loaded.items() if is_weights(v)] if isinstance(loaded, Mapping) else []
        hint = f"; the entries {', '.join(map(repr, nested))} are: say which with entry=" if nested else ""
        msg = f"{file}: expected names and tensors, got a {type(loaded).__name__}{hint}"
        raise ValueError(msg)
    state = loaded.state_dict() if isinstance(loaded, torch.nn.Module) else loaded
    return dict(state)


def _problems(expected: Mapping[str, torch.Tensor], got: Mapping[str, torch.Tensor]) -> list[str]:
    """Return what differs, each kind of fault as a phrase with its number and first case."""
    missing = [name for name in expected if name not in got]
    unexpected = [name for name in got if name not in expected]
    shared = [name for name in expected if name in got]
    shapes = [name for name in shared if got[name].shape != expected[name].shape]
    kinds = [name for name in shared if _kind(got[name]) != _kind(expected[name])]
    floats = [name for name in shared if got[name].is_floating_point() and name not in shapes]
    infinite = [name for name in floats if not bool(got[name].isfinite().all())]
    problems = []
    if missing:
        problems.append(f"{len(missing)} of {len(expected)} names missing (first {missing[0]})")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected names (first {unexpected[0]})")
    if shapes:
        name = shapes[0]
        problems.append(
            f"{len(shapes)} wrong shapes (first {name}: expected {tuple(expected[name].shape)}, "
            f"got {tuple(got[name].shape)})"
        )
    if kinds:
        name = kinds[0]
        problems.append(
            f"{len(kinds)} wrong types (first {name}: expected {expected[name].dtype}, got {got[name].dtype})"
        )
    if infinite:
        count = int((~got[infinite[0]].isfinite()).sum())
        problems.append(f"nan or inf in {len(infinite)} tensors (first {infinite[0]}: {count} values)")
    return problems


def _kind(tensor: torch.Tensor) -> str:
    if tensor.is_complex():
        return "complex"
    return "floating" if tensor.is_floating_point() else "integer"


__all__ = ["load_into", "load_weights"]
