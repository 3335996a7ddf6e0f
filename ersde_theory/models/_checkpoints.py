"""Checkpoints are data: they are read without running code, and what is wrong with one is said by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WEIGHT_FILES = (
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
)
ZIP, PICKLE = b"PK\x03\x04", b"\x80"


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
    file = _weight_file(Path(path))
    if file.name.endswith(".index.json"):
        return _shards(file)
    head = _head(file)
    if head.startswith((ZIP, PICKLE)):
        return _tensors(_torch_load(file, trust_pickle=trust_pickle), file, entry)
    return _safetensors(file, head)


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


# ---------------------------------------------------------------------- finding and reading


def _weight_file(path: Path) -> Path:
    if path.is_dir():
        for name in WEIGHT_FILES:
            if (path / name).exists():
                return path / name
        found = sorted(item.name for item in path.iterdir())
        msg = f"{path}: expected a folder with {WEIGHT_FILES[0]} or a file like it, got {', '.join(found) or 'nothing'}"
        raise FileNotFoundError(msg)
    if not path.exists():
        msg = f"{path}: expected a checkpoint, got no such file"
        raise FileNotFoundError(msg)
    return path


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            head = stream.read(8)
    except PermissionError:
        msg = f"{file}: expected a readable file, got no permission to read it"
        raise PermissionError(msg) from None
    if not head:
        msg = f"{file}: expected a checkpoint, got an empty file"
        raise ValueError(msg)
    return head


def _safetensors(file: Path, head: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    size = file.stat().st_size
    header = int.from_bytes(head, "little") if len(head) == 8 else 0
    with file.open("rb") as stream:
        stream.seek(8)
        begins = stream.read(1)
    # a header is JSON and no longer than the 100 MB that the format allows
    if begins != b"{" or not 0 < header < 10**8:
        msg = f"{file}: expected safetensors or a file of torch.save, got one that begins with {head!r}"
        raise ValueError(msg)
    _check_length(file, header, size)
    try:
        return load_file(file)
    except SafetensorError as error:
        msg = f"{file}: expected safetensors, got a damaged file ({error})"
        raise ValueError(msg) from None


def _check_length(file: Path, header: int, size: int) -> None:
    if size < 8 + header:
        msg = f"{file}: expected a header of {header} bytes, got a truncated file of {size} bytes"
        raise ValueError(msg)
    try:
        with file.open("rb") as stream:
            stream.seek(8)
            entries = json.loads(stream.read(header))
        ends = [item["data_offsets"][1] for name, item in entries.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError):
        msg = f"{file}: expected a safetensors header of names, types and offsets, got a damaged one"
        raise ValueError(msg) from None
    expected = 8 + header + max(ends, default=0)
    if size < expected:
        msg = f"{file}: expected {expected} bytes, got a truncated file of {size} bytes"
        raise ValueError(msg)


def _shards(index: Path) -> dict[str, torch.Tensor]:
    _head(index)
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        msg = f"{index}: expected JSON with a weight_map, got something else"
        raise ValueError(msg) from None
    weights: dict[str, torch.Tensor] = {}
    for name in names:
        if Path(name).name != name:
            msg = f"{index}: expected shards in the same folder, got {name!r}"
            raise ValueError(msg)
        file = _weight_file(index.parent / name)
        weights |= _safetensors(file, _head(file))
    return weights


def _torch_load(file: Path, *, trust_pickle: bool) -> Any:
    import pickle

    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=not trust_pickle)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named is None and re.search("truncated|ran out of input", str(error), re.IGNORECASE):
            msg = f"{file}: expected a complete checkpoint, got a truncated one"
            raise ValueError(msg) from None
        wanted = f" ({named[1]} among it)" if named else ""
        msg = (
            f"{file}: expected tensors only, got a pickle that runs code when it is opened{wanted}. Whoever made the "
            "file decides what that code does. Convert it to safetensors where it was made, or, if you trust its "
            "maker as you trust a program, load it with trust_pickle=True (--trust-pickle on the command line)"
        )
        raise ValueError(msg) from None
    except (RuntimeError, EOFError, OSError, ValueError, IndexError, AttributeError, ImportError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        msg = f"{file}: expected a file of torch.save, got a truncated or damaged one ({reason})"
        raise ValueError(msg) from None


def _tensors(loaded: Any, file: Path, entry: str | None) -> dict[str, torch.Tensor]:
    import torch

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


# ---------------------------------------------------------------------- judging


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
