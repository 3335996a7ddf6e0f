"""What a measurement is: its tasks, its Record, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Journal, Result
from ersde_theory.records import LabelledArray, Record

VERSION = 1  # part of every key: raise it when a measurement changes what it computes


@dataclass(frozen=True)
class Table:
    """A table for the terminal and for the summary.

    Attributes
    ----------
    title : str
        What it shows.
    columns : tuple of str
        Names.
    rows : sequence of tuples of str
        Cells.
    notes : tuple of str
        Sentences below it.

    Examples
    --------
    >>> print(Table("t", ("a", "b"), [("1", "2")]).markdown())
    ### t
    <BLANKLINE>
    | a | b |
    |---|---|
    | 1 | 2 |
    <BLANKLINE>
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return the table as Markdown.

        Returns
        -------
        str

        Examples
        --------
        See :class:`Table`.
        """
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        body = (
            "\n".join("| " + " | ".join(line) + " |" for line in lines)
            .replace("| --- ", "|---")
            .replace("--- |", "---|")
        )
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return f"### {self.title}\n\n{body}\n{notes}"


class Memo:
    """Gives the results of a measurement's tasks, from the journal where it has them.

    Parameters
    ----------
    journal : Journal
        Of this and other runs.
    common : mapping
        What all tasks depend on: the subject's fingerprint, the measurement's name, the seed.
    tick : callable
        Called after each task.

    Examples
    --------
    >>> memo = Memo(Journal(None), {"seed": 0}, lambda: None)
    >>> memo({"n": 1}, lambda: {"value": np.ones(1)})["value"].tolist()
    [1.0]
    """

    def __init__(self, journal: Journal, common: Mapping[str, Any], tick: Callable[[], None]) -> None:
        self._journal = journal
        self._common = common
        self._tick = tick

    def __call__(self, task: Mapping[str, Any], compute: Callable[[], Result]) -> Result:
        """Return the result of a task."""
        found = self._journal.result({**self._common, "task": dict(task)}, compute)
        self._tick()
        return found


@dataclass(frozen=True)
class Measurement:
    """One of the measurements that `ersde measure` makes.

    Attributes
    ----------
    letter, name, title : str
        a to f; on the command line; in tables.
    tasks : callable
        ``tasks(subject, effort)``: how many results it asks the memo for.
    run : callable
        ``run(subject, effort, memo, seed)`` to a Record of this name.
    tables : callable
        From that Record to tables.

    Examples
    --------
    >>> from ersde_theory.network_errors import MEASUREMENTS
    >>> [m.letter for m in MEASUREMENTS.values()]
    ['a', 'b', 'c', 'd', 'e', 'f']
    """

    letter: str
    name: str
    title: str
    tasks: Callable[[Subject, Effort], int]
    run: Callable[[Subject, Effort, Memo, int], Record]
    tables: Callable[[Record], list[Table]]


def number(value: float, error: float | None = None) -> str:
    """Return a number to three digits, with its standard error if there is one.

    Parameters
    ----------
    value : float
        nan is a dash.
    error : float, optional
        Its standard error.

    Returns
    -------
    str

    Examples
    --------
    >>> number(0.01234, 0.0005), number(np.nan)
    ('0.0123 ± 0.0005', '–')
    """
    if not np.isfinite(value):
        return "–"
    if error is None or not np.isfinite(error):
        return f"{value:.3g}"
    return f"{value:.3g} ± {error:.1g}"


def coordinates(**values: Sequence[Any]) -> dict[str, LabelledArray]:
    """Return one coordinate array for each name.

    Parameters
    ----------
    **values : sequences
        Labels or numbers along a dim of that name.

    Returns
    -------
    dict of str to LabelledArray

    Examples
    --------
    >>> coordinates(step=(0.5, 0.25))["step"].dims
    ('step',)
    """
    return {name: LabelledArray((name,), np.array(list(entries))) for name, entries in values.items()}


def stacked(results: Sequence[Result], dims: tuple[str, ...], unit: Mapping[str, str]) -> dict[str, LabelledArray]:
    """Return results of equal tasks as labelled arrays with new first axes.

    Parameters
    ----------
    results : sequence of results
        All with the same names and shapes, in the order of one new axis.
    dims : tuple of str
        Of the new axis and of those that a result has; a result with fewer axes takes as many of the first.
    unit : mapping of str to str
        Units by name, "" where there is none.

    Returns
    -------
    dict of str to LabelledArray

    Examples
    --------
    >>> stacked([{"a": np.ones(2)}, {"a": np.zeros(2)}], ("k", "i"), {})["a"].values.tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    arrays = {}
    for name in results[0]:
        values = np.stack([np.asarray(result[name]) for result in results])
        arrays[name] = LabelledArray(dims[: values.ndim], values, unit.get(name, ""))
    return arrays
