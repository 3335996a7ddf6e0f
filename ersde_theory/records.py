"""Records: labelled arrays with the settings and the provenance that made them.

Figures, the report and the ledger read Records and nothing else, so a number can always be traced to the
command that made it.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory import _checks

if TYPE_CHECKING:
    import xarray

SCHEMA = "ersde-theory/record/1"
_PACKAGES = ("ersde-theory", "numpy", "scipy", "sympy", "scikit-learn", "torch")


@dataclass(frozen=True)
class LabelledArray:
    """An array whose axes have names.

    Attributes
    ----------
    dims : tuple of str
        One name per axis.
    values : array
        float64, int64, bool or str.
    unit : str
        Unit of the values, or "" for a pure number.

    Examples
    --------
    >>> LabelledArray(("step",), np.array([1.0, 2.0])).values.shape
    (2,)
    """

    dims: tuple[str, ...]
    values: np.ndarray
    unit: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.dtype.kind not in "fiubU":
            msg = f"values: expected numbers, bools or strings, got dtype {values.dtype}"
            raise TypeError(msg)
        if len(self.dims) != values.ndim:
            msg = f"dims: expected {values.ndim} names, got {self.dims}"
            raise ValueError(msg)
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Record:
    """The result of one computation.

    Attributes
    ----------
    name : str
        What was computed.
    settings : mapping
        What it depends on; JSON values only.
    arrays : mapping of str to LabelledArray
        Results and coordinates. An array whose only dim has its own name is a coordinate.
    claims : tuple of str
        Ids of the claims it is evidence for.
    provenance : mapping
        Versions, machine, command, time; see :func:`provenance`.
    seconds : float
        How long it took.

    Examples
    --------
    >>> record = Record("squares", {"n": 2}, {"square": LabelledArray(("i",), np.array([0.0, 1.0]))})
    >>> Record.from_json(record.to_json()).arrays["square"].values.tolist()
    [0.0, 1.0]
    """

    name: str
    settings: Mapping[str, Any]
    arrays: Mapping[str, LabelledArray]
    claims: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=lambda: provenance())
    seconds: float = 0.0

    def __post_init__(self) -> None:
        sizes: dict[str, tuple[str, int]] = {}
        for label, array in self.arrays.items():
            for dim, size in zip(array.dims, array.values.shape, strict=True):
                other, known = sizes.setdefault(dim, (label, size))
                if known != size:
                    msg = f"arrays: expected {known} entries along {dim!r} as in {other!r}, got {size} in {label!r}"
                    raise ValueError(msg)

    def __getitem__(self, label: str) -> np.ndarray:
        """Return the values of an array by its name."""
        _checks.one_of(label, "array", tuple(self.arrays))
        return self.arrays[label].values

    def to_xarray(self) -> xarray.Dataset:
        """Return the arrays as an xarray Dataset, settings and provenance as attributes.

        Returns
        -------
        xarray.Dataset

        Examples
        --------
        >>> record = Record("r", {}, {"x": LabelledArray(("x",), np.array([3.0]))})
        >>> float(record.to_xarray()["x"][0])
        3.0
        """
        import xarray

        variables = {k: (a.dims, a.values, {"unit": a.unit}) for k, a in self.arrays.items()}
        attributes = {
            "name": self.name,
            "settings": json.dumps(dict(self.settings)),
            "claims": " ".join(self.claims),
            **self.provenance,
        }
        return xarray.Dataset(variables, attrs=attributes)

    def to_json(self) -> str:
        """Return the record as JSON text; floats survive bit for bit, nan and inf as strings.

        Returns
        -------
        str

        Raises
        ------
        TypeError
            If a setting is not a JSON value.

        Examples
        --------
        >>> "ersde-theory/record/1" in Record("r", {}, {}).to_json()
        True
        """
        document = {
            "schema": SCHEMA,
            "name": self.name,
            "settings": dict(self.settings),
            "arrays": {
                k: {
                    "dims": list(a.dims),
                    "dtype": a.values.dtype.kind,
                    "shape": list(a.values.shape),
                    "unit": a.unit,
                    "values": [_plain(v) for v in a.values.ravel().tolist()],
                }
                for k, a in self.arrays.items()
            },
            "claims": list(self.claims),
            "provenance": dict(self.provenance),
            "seconds": self.seconds,
        }
        return json.dumps(document, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Record:
        """Return the record stored by :meth:`to_json`.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Record

        Raises
        ------
        ValueError
            If it is not JSON, not a record, or of an unknown schema version.

        Examples
        --------
        >>> Record.from_json("{}")
        Traceback (most recent call last):
            ...
        ValueError: schema: expected 'ersde-theory/record/1', got None
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            msg = f"text: expected JSON, got something else ({error})"
            raise ValueError(msg) from None
        schema = document.get("schema") if isinstance(document, dict) else type(document).__name__
        if schema != SCHEMA:
            msg = f"schema: expected {SCHEMA!r}, got {schema!r}"
            raise ValueError(msg)
        try:
            arrays = {k: _array(a) for k, a in document["arrays"].items()}
            return Record(
                document["name"],
                document["settings"],
                arrays,
                tuple(document["claims"]),
                document["provenance"],
                float(document["seconds"]),
            )
        except (KeyError, AttributeError) as error:
            msg = f"text: expected every key of a record, got none for {error}"
            raise ValueError(msg) from None

    def save(self, path: str | Path) -> None:
        """Write the record to a file; a crash or a full disk leaves the old file whole.

        Parameters
        ----------
        path : str or Path
            Folders are made.

        Raises
        ------
        OSError
            If it cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Record("r", {}, {}).save(Path(folder) / "r.json")
        ...     Record.load(Path(folder) / "r.json").name
        'r'
        """
        write_atomically(Path(path), self.to_json() + "\n")

    @staticmethod
    def load(path: str | Path) -> Record:
        """Return the record of a file.

        Parameters
        ----------
        path : str or Path
            Written by :meth:`save`.

        Returns
        -------
        Record

        Raises
        ------
        OSError, ValueError
            If it cannot be read, or is not a record.

        Examples
        --------
        >>> Record.load("missing.json")
        Traceback (most recent call last):
            ...
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.json'
        """
        return Record.from_json(Path(path).read_text(encoding="utf-8"))


def provenance() -> dict[str, str]:
    """Return what is needed to trace a number: versions, machine type, command, time in UTC.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> "numpy" in provenance()
    True
    """
    found = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    found["command"] = command_line(sys.argv)
    found["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return found


def command_line(arguments: Sequence[str]) -> str:
    """Return a command without the folders of this machine: of absolute paths, the last names.

    Parameters
    ----------
    arguments : sequence of str
        Of the process, the program first.

    Returns
    -------
    str

    Examples
    --------
    >>> command_line(["/a/ersde", "order", "--json", "/b/a.json", "--out=/b/c", "docs/d.json"])
    'ersde order --json a.json --out=c docs/d.json'
    """
    told = [Path(arguments[0]).name]
    for argument in arguments[1:]:
        option, equals, value = argument.rpartition("=")
        told.append(f"{option}{equals}{Path(value).name if Path(value).is_absolute() else value}")
    return " ".join(told)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash or a full disk leaves the old one whole.

    Parameters
    ----------
    path : Path
        Folders are made.
    content : str or bytes
        Text is written as UTF-8.

    Raises
    ------
    OSError
        If it cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "a.txt", "text")
    ...     (Path(folder) / "a.txt").read_text()
    'text'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _plain(value: Any) -> Any:
    """Return a JSON value of a Python scalar."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _array(stored: Mapping[str, Any]) -> LabelledArray:
    """Return a stored array."""
    kind = stored["dtype"]
    dtype = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_, "U": np.str_}[kind]
    values = [float(v) for v in stored["values"]] if kind == "f" else stored["values"]
    array = np.array(values, dtype=dtype).reshape(stored["shape"])
    return LabelledArray(tuple(stored["dims"]), array, stored["unit"])
