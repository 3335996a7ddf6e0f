"""Files of weights: how they are found and read, and what is said about damaged ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

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


def weight_file(path: Path) -> Path:
    """Return the file of weights at a path: the path itself, or the one that a folder of diffusers has."""
    if path.is_dir():
        for name in WEIGHT_FILES:
            if (path / name).exists():
                return path / name
        msg = f"{path}: expected a folder with {WEIGHT_FILES[0]} or a file like it, got {listing(path)}"
        raise FileNotFoundError(msg)
    if not path.exists():
        msg = f"{path}: expected a checkpoint, got no such file"
        raise FileNotFoundError(msg)
    return path


def listing(folder: Path, shown: int = 6) -> str:
    """Return the first names of what is in a folder, for a message."""
    names = sorted(item.name for item in folder.iterdir())
    more = f" and {len(names) - shown} others" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more if names else "nothing"


def first_bytes(file: Path) -> bytes:
    """Return the first nine bytes of a file that can be read and is not empty."""
    try:
        with file.open("rb") as stream:
            head = stream.read(9)
    except PermissionError:
        msg = f"{file}: expected a readable file, got no permission to read it"
        raise PermissionError(msg) from None
    if not head:
        msg = f"{file}: expected a checkpoint, got an empty file"
        raise ValueError(msg)
    return head


def is_safetensors(head: bytes) -> bool:
    """Return whether a file begins as safetensors do: the length of a header, at most 100 MB, and its brace."""
    return len(head) == 9 and head.endswith(b"{") and 0 < int.from_bytes(head[:8], "little") < 10**8


def read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, whose length is checked against its header first."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    head = first_bytes(file)
    if not is_safetensors(head):
        msg = f"{file}: expected safetensors or a file of torch.save, got one that begins with {head!r}"
        raise ValueError(msg)
    _check_length(file, int.from_bytes(head[:8], "little"), file.stat().st_size)
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


def read_shards(index: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of all files that an index names."""
    first_bytes(index)
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        msg = f"{index}: expected JSON with a weight_map, got something else"
        raise ValueError(msg) from None
    weights: dict[str, torch.Tensor] = {}
    for name in names:
        if Path(name).name != name:
            msg = f"{index}: expected shards in the same folder, got {name!r}"
            raise ValueError(msg)
        file = weight_file(index.parent / name)
        weights |= read_safetensors(file)
    return weights


def unpickled(file: Path, *, trust_pickle: bool) -> Any:
    """Return what a pickle holds; without trust, only if it is tensors and opening it runs nothing."""
    import pickle

    try:
        return _trusted(file) if trust_pickle else _weights_only(file)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if trust_pickle or (named is None and re.search("truncated|ran out of input", str(error), re.IGNORECASE)):
            msg = f"{file}: expected a complete checkpoint, got a truncated or damaged one ({error})"
            raise ValueError(msg.splitlines()[0]) from None
        wanted = f" ({named[1]} among it)" if named else ""
        msg = (
            f"{file}: expected tensors only, got a pickle that can run code when it is opened{wanted}. Whoever made "
            "the file decides what that code does. Convert it to safetensors where it was made, or, if you trust its "
            "maker as you trust a program, load it with trust_pickle=True (--trust-pickle on the command line)"
        )
        raise ValueError(msg) from None
    except (RuntimeError, EOFError, OSError, ValueError, IndexError, AttributeError, ImportError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        msg = f"{file}: expected a file of torch.save, got a truncated or damaged one ({reason})"
        raise ValueError(msg) from None


def _weights_only(file: Path) -> Any:
    import warnings

    with warnings.catch_warnings():
        # torch remarks on the protocol of a pickle that it refuses a moment later
        warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
        return torch.load(file, map_location="cpu", weights_only=True)


def _trusted(file: Path) -> Any:
    """Return what a file holds, running what it asks for: torch's layouts, or one plain pickle."""
    import pickle

    with file.open("rb") as stream:
        if stream.read(4) != ZIP:
            stream.seek(0)
            first = pickle.load(stream)
            if first != torch.serialization.MAGIC_NUMBER:
                return first
    return torch.load(file, map_location="cpu", weights_only=False)
