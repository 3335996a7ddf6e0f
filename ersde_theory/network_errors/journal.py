"""A journal of results: one checksummed line each, written through to the disk, found again by content.

The key of a result is the hash of everything that it depends on. A run that was killed begins again, finds what it
had, and goes on; another setting or other weights have other keys, and are computed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Result = dict[str, np.ndarray]
_DTYPES = {"f": np.float64, "i": np.int64, "b": np.bool_, "U": np.str_}


class JournalError(OSError):
    """The journal cannot be written; what it had before is whole."""


class Journal:
    """Results by the content of their tasks, in a file of JSON lines.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps results in memory only.
    others : sequence of Path
        Journals of other processes, whose results count as found; they are read once, and never written.

    Attributes
    ----------
    damaged : int
        Lines of the file that were found torn or changed, and are ignored.
    found : int
        Results that a call of :meth:`result` did not have to compute.

    Raises
    ------
    OSError
        If the file is there and cannot be read.

    Examples
    --------
    >>> journal = Journal(None)
    >>> journal.result({"task": 1}, lambda: {"value": np.array([2.0])})["value"].tolist()
    [2.0]
    >>> journal.result({"task": 1}, lambda: 1 / 0)["value"].tolist()
    [2.0]
    """

    def __init__(self, path: Path | None, others: Sequence[Path] = ()) -> None:
        self.path = path
        self.found = 0
        self._results: dict[str, Result] = {}
        for other in others:
            self._read(other.read_bytes())
        self._end, self.damaged = (0, 0) if path is None or not path.exists() else self._read(path.read_bytes())

    def result(self, task: Mapping[str, Any], compute: Callable[[], Result]) -> Result:
        """Return the result of a task: from the journal, or computed and written there.

        Parameters
        ----------
        task : mapping
            Everything that the result depends on; JSON values only.
        compute : callable
            Gives the result, arrays of float64, int64, bool or str by name.

        Returns
        -------
        dict of str to array

        Raises
        ------
        JournalError
            If the result cannot be written, as on a full disk.

        Examples
        --------
        See :class:`Journal`.
        """
        key = task_key(task)
        if key in self._results:
            self.found += 1
            return self._results[key]
        # through the text and back, so that a result is the same whether it was computed or found
        body = json.dumps({"key": key, "task": dict(task), "result": _packed(compute())}, sort_keys=True)
        self._append(body)
        self._results[key] = _unpacked(json.loads(body)["result"])
        return self._results[key]

    def knows(self, task: Mapping[str, Any]) -> bool:
        """Return whether the result of a task is there.

        Parameters
        ----------
        task : mapping
            As for :meth:`result`.

        Returns
        -------
        bool

        Examples
        --------
        >>> Journal(None).knows({"task": 1})
        False
        """
        return task_key(task) in self._results

    def _append(self, body: str) -> None:
        """Write one line through to the disk; if that fails, take back what was written of it."""
        if self.path is None:
            return
        line = f"{_checksum(body)} {body}\n".encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.seek(self._end)
                file.truncate()  # a line that a kill tore
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(self._end)
                    raise
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"could not write to the journal {self.path} ({reason}); the results before are whole there"
            raise JournalError(error.errno, message) from error
        self._end += len(line)

    def _read(self, content: bytes) -> tuple[int, int]:
        """Take in every line whose checksum is right; return where a torn last one begins, and how many are not."""
        end = damaged = 0
        for line in content.splitlines(keepends=True):
            checksum, _, body = line.decode("utf-8", errors="replace").rstrip("\n").partition(" ")
            if line.endswith(b"\n"):
                end += len(line)
            if not line.endswith(b"\n") or checksum != _checksum(body):
                damaged += 1
                continue
            entry = json.loads(body)
            self._results[entry["key"]] = _unpacked(entry["result"])
        return end, damaged


def task_key(task: Mapping[str, Any]) -> str:
    """Return the hash of a task's content.

    Parameters
    ----------
    task : mapping
        JSON values only; the order of its keys does not matter.

    Returns
    -------
    str

    Examples
    --------
    >>> task_key({"a": 1, "b": 2}) == task_key({"b": 2, "a": 1}) != task_key({"a": 1, "b": 3})
    True
    """
    return hashlib.sha256(json.dumps(dict(task), sort_keys=True, allow_nan=False).encode()).hexdigest()


def _checksum(body: str) -> str:
    """Return the checksum that stands before a line's body."""
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _packed(result: Result) -> dict[str, Any]:
    """Return JSON of arrays; a float is written so that it is read back bit for bit."""
    packed = {}
    for name, value in result.items():
        array = np.asarray(value)
        if array.dtype.kind not in _DTYPES:
            message = f"{name}: expected an array of float64, int64, bool or str, got dtype {array.dtype}"
            raise TypeError(message)
        packed[name] = {"kind": array.dtype.kind, "shape": list(array.shape), "values": array.ravel().tolist()}
    return packed


def _unpacked(packed: Mapping[str, Any]) -> Result:
    """Return the arrays again."""
    return {
        name: np.array(entry["values"], dtype=_DTYPES[entry["kind"]]).reshape(entry["shape"])
        for name, entry in packed.items()
    }
