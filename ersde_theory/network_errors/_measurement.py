"""What a measurement is: its tasks, its Record, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory.models.processes import Processes
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Journal, JournalError, Result
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import NonFiniteError

VERSION = 1  # part of every key: raise it when a measurement changes what it computes
FAILURES = (NonFiniteError, MemoryError, JournalError, ValueError)  # what ends a run with a message
ALONE = Processes(0, 1, "cpu")


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
    """Gives the results of a measurement's tasks, from the journal where it has them; processes share the tasks.

    Parameters
    ----------
    journal : Journal
        Of this and other runs.
    common : mapping
        What all tasks depend on: the subject's fingerprint, the measurement's name, the seed.
    tick : callable
        Called after each task.
    group : Processes
        All of them ask for the same tasks in the same order, each with a journal of its own.

    Examples
    --------
    >>> memo = Memo(Journal(None), {"seed": 0}, lambda: None)
    >>> memo({"n": 1}, lambda: {"value": np.ones(1)})["value"].tolist()
    [1.0]
    """

    def __init__(
        self, journal: Journal, common: Mapping[str, Any], tick: Callable[[], None], group: Processes = ALONE
    ) -> None:
        self._journal = journal
        self._common = common
        self._tick = tick
        self._group = group

    def __call__(self, task: Mapping[str, Any], compute: Callable[[], Result]) -> Result:
        """Return the result of a task."""
        return self.all([(task, compute)])[0]

    def all(self, tasks: Iterable[tuple[Mapping[str, Any], Callable[[], Result]]]) -> list[Result]:
        """Return the results of tasks that do not need each other's: every process makes its share and gets all.

        What the first process finds in its journal it gives to the others; what is missing there is shared. If one
        fails, the others end their shares, which their journals keep, and then fail in the same way.

        Parameters
        ----------
        tasks : iterable of (task, compute)
            As for :meth:`ersde_theory.network_errors.Journal.result`.

        Returns
        -------
        list of results

        Examples
        --------
        >>> memo = Memo(Journal(None), {}, lambda: None)
        >>> [found["v"].item() for found in memo.all(({"n": n}, lambda n=n: {"v": np.array(n)}) for n in (3, 1))]
        [3, 1]
        """
        asked = [({**self._common, "task": dict(task)}, compute) for task, compute in tasks]
        mine = self._my_share([task for task, _ in asked])
        results: dict[int, Result] = {}
        failure: Exception | None = None
        try:
            for k, i in enumerate(mine):
                results[i] = self._journal.result(*asked[i])
                for _ in range(k, len(asked), len(mine)):  # this one, and those that others make meanwhile
                    self._tick()
        except FAILURES as error:
            failure = error
        shares = self._group.gathered((results, failure))
        for _, failed in shares:
            if failed is not None:
                raise failed
        if not mine:
            for _ in asked:
                self._tick()
        together = {i: result for share, _ in shares for i, result in share.items()}
        return [together[i] for i in range(len(asked))]

    def _my_share(self, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return which tasks this process sees to: the first those that it knows, each a part of the others."""
        known = self._group.gathered([self._journal.knows(task) for task in tasks])[0]
        found = [i for i, there in enumerate(known) if there]
        missing = [i for i, there in enumerate(known) if not there]
        first, last = self._group.share(len(missing))
        return (found if self._group.is_first else []) + missing[first:last]


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


def stacked(
    results: Sequence[Result], shape: tuple[int, ...], dims: tuple[str, ...], unit: Callable[[str], str]
) -> dict[str, LabelledArray]:
    """Return the results of a grid of equal tasks as labelled arrays, the axes of the grid first.

    Parameters
    ----------
    results : sequence of results
        All with the same names and shapes, in the order of the grid, its last axis fastest.
    shape : tuple of int
        Of the grid.
    dims : tuple of str
        Of the grid and of the axes that a result has; a result with fewer axes takes as many of the first.
    unit : callable
        From a name to its unit.

    Returns
    -------
    dict of str to LabelledArray

    Examples
    --------
    >>> grid = stacked([{"a": np.ones(2)}, {"a": np.zeros(2)}], (2, 1), ("j", "k", "i"), lambda name: "")
    >>> grid["a"].dims, grid["a"].values.tolist()
    (('j', 'k', 'i'), [[[1.0, 1.0]], [[0.0, 0.0]]])
    """
    arrays = {}
    for name in results[0]:
        values = np.stack([np.asarray(result[name]) for result in results])
        values = values.reshape(*shape, *values.shape[1:])
        arrays[name] = LabelledArray(dims[: values.ndim], values, unit(name))
    return arrays
