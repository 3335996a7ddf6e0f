"""A task: one block of one cell, a pure function of its description, which its content hash stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Values = Mapping[str, Any]


def canonical(value: Any) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, floats by their shortest digits.

    Parameters
    ----------
    value : JSON value
        Numbers must be finite.

    Returns
    -------
    str

    Raises
    ------
    ValueError, TypeError
        If it is no JSON value.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [1, None]})
    '{"a":[1,null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> digest("")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Cell:
    """A point of a study's grid: what is measured there, with which numbers.

    Attributes
    ----------
    measurement : str
        Name, or ``package.module:function``.
    version : int
        Of the measurement: another version is another cell.
    parameters : tuple of (str, JSON value)
        Of axes and settings, sorted by name.
    seed : int
        Of the study.

    Examples
    --------
    >>> Cell("exact-error", 1, (("steps", 10),), 0).key == Cell("exact-error", 1, (("steps", 10),), 1).key
    False
    """

    measurement: str
    version: int
    parameters: tuple[tuple[str, Any], ...]
    seed: int

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the hash is of."""
        return {
            "measurement": self.measurement,
            "version": self.version,
            "parameters": dict(self.parameters),
            "seed": self.seed,
        }

    @cached_property
    def key(self) -> str:
        """Content hash."""
        return digest(canonical(self.description))

    def task(self, block: int) -> Task:
        """Return one block of the cell.

        Parameters
        ----------
        block : int
            Number of the block, from 0.

        Returns
        -------
        Task

        Examples
        --------
        >>> cell = Cell("exact-error", 1, (), 0)
        >>> cell.task(0).stream == cell.task(1).stream
        False
        """
        return Task(self, block)


@dataclass(frozen=True)
class Task:
    """A block of a cell.

    Attributes
    ----------
    cell : Cell
    block : int

    Examples
    --------
    >>> Task(Cell("exact-error", 1, (), 0), 3).description["block"]
    3
    """

    cell: Cell
    block: int

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the task is, for a store and for whoever has to reproduce it."""
        return {**self.cell.description, "block": self.block}

    @cached_property
    def key(self) -> str:
        """Content hash."""
        return digest(canonical(self.description))

    @cached_property
    def stream(self) -> int:
        """The seed of the task's random numbers: of its content, not of order, batch or worker. In [0, 2^63)."""
        return int(self.key[:16], 16) >> 1
