"""Data of a model from a file, and feature maps from a file of the user's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.network_errors._subject import fingerprint

LEAST = 128  # two halves of 64 to compare
_NAMES = ("data", "x", "images", "samples")
_SUFFIXES = (".npy", ".npz", ".safetensors")


@dataclass(frozen=True)
class FeatureMap:
    """A map from rows to features, and a hash of what it depends on.

    Attributes
    ----------
    function : callable
        From float64 rows (n, d) to features (n, k).
    fingerprint : str
        Of weights or source.

    Examples
    --------
    >>> FeatureMap(lambda rows: 2.0 * rows, "").function(np.ones((1, 1))).tolist()
    [[2.0]]
    """

    function: Callable[[np.ndarray], np.ndarray]
    fingerprint: str

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the features."""
        return self.function(rows)


def load_data(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return data for a model from a file, as rows.

    Parameters
    ----------
    path : Path
        ``.npy``, or ``.npz`` or ``.safetensors`` with one array, or one named data, x, images or samples. Floating
        point, in the units of the model's x0, of shape (n, *shape).
    shape : tuple of int
        Of one sample.

    Returns
    -------
    float64 array of shape (n, d)

    Raises
    ------
    ValueError
        If the file is missing, of another kind, or its array is not such data.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "data.npy", np.zeros((200, 1, 2)))
    ...     load_data(Path(folder) / "data.npy", (1, 2)).shape
    (200, 2)
    """
    if path.suffix not in _SUFFIXES:
        message = f"--data: expected a file {' or '.join(_SUFFIXES)}, got {path}"
        raise ValueError(message)
    if not path.is_file():
        message = f"--data: expected a file, got no such file: {path}"
        raise ValueError(message)
    try:
        array = _array(path)
    except (OSError, ValueError, KeyError, EOFError) as error:
        message = f"--data: expected arrays that can be read without pickle, got {path} ({error})"
        raise ValueError(message) from None
    return _rows(array, path, shape)


def _array(path: Path) -> np.ndarray:
    """Return the array of a file."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    arrays: Any
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    else:
        from safetensors.numpy import load_file

        arrays = load_file(path)
    if len(arrays) == 1:
        return np.asarray(next(iter(arrays.values())))
    for name in _NAMES:
        if name in arrays:
            return np.asarray(arrays[name])
    message = f"expected one array or one named {', '.join(_NAMES)}; it has {', '.join(sorted(arrays)) or 'none'}"
    raise ValueError(message)


def _rows(array: np.ndarray, path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array as float64 rows if it is data of that shape."""
    if array.dtype.kind != "f":
        message = (
            f"--data: expected floating point in the units of the model's x0 (as in [-1, 1]), got dtype {array.dtype} "
            f"in {path}"
        )
        raise ValueError(message)
    if array.shape[1:] != tuple(shape) or len(array) < LEAST:
        message = f"--data: expected shape (n, {', '.join(map(str, shape))}), n >= {LEAST}, got {array.shape} in {path}"
        raise ValueError(message)
    if not np.isfinite(array).all():
        message = f"--data: expected finite numbers, got nan or inf in {path}"
        raise ValueError(message)
    return np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float64)


def load_features(target: str, shape: tuple[int, ...], device: str) -> tuple[str, FeatureMap]:
    r"""Return a feature map from ``FILE.py:FACTORY``, for Fréchet distances.

    Parameters
    ----------
    target : str
        The function takes no argument and returns a torch module, or a callable, from images (n, *shape), float32,
        to features (n, k).
    shape : tuple of int
        Of one sample.
    device : str
        Where the images are sent, and the features moved if they are a module.

    Returns
    -------
    name : str
        Of the factory.
    features : FeatureMap

    Raises
    ------
    ValueError
        If the target is no such thing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.py"
    ...     _ = file.write_text("def double():\n    return lambda x: 2.0 * x.flatten(1)")
    ...     name, features = load_features(f"{file}:double", (1, 2), "cpu")
    >>> name, features(np.ones((1, 2))).tolist()
    ('double', [[2.0, 2.0]])
    """
    file, _, factory = target.rpartition(":")
    path = Path(file)
    if not (path.suffix == ".py" and factory and path.is_file()):
        message = f"--features: expected FILE.py:FACTORY with a file that exists, got {target!r}"
        raise ValueError(message)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    made = getattr(module, _checks.one_of(factory, f"factory in {path}", public))()
    if not callable(made):
        message = f"--features: expected a callable from {target}, got {_checks.describe(made)}"
        raise ValueError(message)
    return factory, module_features(made, shape, device, path.read_text(encoding="utf-8"))


def module_features(made: Any, shape: tuple[int, ...], device: str, source: str = "") -> FeatureMap:
    """Return a torch module or callable as a map from rows to features.

    Parameters
    ----------
    made : callable
        From images (n, *shape), float32, to features (n, k), or a tuple whose first item they are.
    shape : tuple of int
        Of one sample.
    device : str
        Where it runs.
    source : str
        Whatever else it depends on, for its hash.

    Returns
    -------
    FeatureMap

    Raises
    ------
    ValueError
        When called, if the features are not finite or not of shape (n, k).

    Examples
    --------
    >>> module_features(lambda x: x.flatten(1), (1, 2), "cpu")(np.zeros((3, 2))).shape
    (3, 2)
    """
    import torch

    weights = []
    if isinstance(made, torch.nn.Module):
        made = made.to(device).eval()
        weights = [value.detach().cpu().double().numpy() for value in made.state_dict().values()]

    def features(rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            images = torch.from_numpy(rows.astype(np.float32)).reshape(-1, *shape).to(device)
            found = [made(part) for part in torch.split(images, 256)]
            parts = [(part[0] if isinstance(part, tuple) else part).double().cpu().numpy() for part in found]
        values = np.concatenate(parts)
        if values.ndim != 2 or len(values) != len(rows) or not np.isfinite(values).all():
            message = f"features: expected finite numbers of shape ({len(rows)}, k), got {_checks.describe(values)}"
            raise ValueError(message)
        return values

    return FeatureMap(features, fingerprint(source, *weights))
