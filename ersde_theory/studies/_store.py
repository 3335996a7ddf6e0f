"""The store: one SQLite file, content-addressed, checksummed row by row, written by the driver alone.

WAL mode lets others read while a study runs. One transaction a batch: a killed driver loses unfinished tasks only.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ersde_theory.records import provenance
from ersde_theory.studies._task import Task, canonical, digest

if TYPE_CHECKING:
    from ersde_theory.studies._description import Study
    from ersde_theory.studies._worker import Done

SCHEMA = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, provenance TEXT NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS studies (name TEXT PRIMARY KEY, description TEXT NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, outcome TEXT NOT NULL, seconds REAL NOT NULL, run INTEGER NOT NULL,
    checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, error TEXT NOT NULL, attempts INTEGER NOT NULL, run INTEGER NOT NULL,
    checksum TEXT NOT NULL
) WITHOUT ROWID;
"""
_CONTENT = {  # of each table, what the checksum is of; the first column identifies the row
    "runs": ("id", "provenance"),
    "studies": ("name", "description"),
    "results": ("key", "task", "outcome", "seconds", "run"),
    "failures": ("key", "task", "error", "attempts", "run"),
}
_AT_ONCE = 500  # keys in one query


class StoreError(RuntimeError):
    """The store cannot be read or written; the message says what to do."""


@dataclass(frozen=True)
class Failure:
    """A task that failed.

    Attributes
    ----------
    key, task, error : str
        Its hash, description and traceback.
    attempts : int
    sound : bool
        Whether the row is as it was written; if not, the task is run again.

    Examples
    --------
    >>> Failure("k", "{}", "ValueError: no", 1).attempts
    1
    """

    key: str
    task: str
    error: str
    attempts: int
    sound: bool = True


class Store:
    """Results of tasks by their content.

    Parameters
    ----------
    path : Path or str
        Of the file; made if it is not there.
    readonly : bool
        Only read, as anybody may while a driver writes.

    Raises
    ------
    StoreError
        If it is no store, of another version, or cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store:
    ...     store.count()
    0
    """

    def __init__(self, path: Path | str, *, readonly: bool = False) -> None:
        self.path = Path(path)
        self._run: int | None = None
        if readonly and not self.path.is_file():
            msg = f"{self.path}: expected a store, found none"
            raise StoreError(msg)
        try:
            mode = "ro" if readonly else "rwc"
            self._db = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode={mode}", uri=True, timeout=30.0)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA):
                self._db.close()
                msg = (
                    f"{self.path}: expected a store of version {SCHEMA}, got {version}, which another version of "
                    "ersde-theory has written: read it with that one, or run the study into a new store"
                )
                raise StoreError(msg)
            if not readonly:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_TABLES)
                self._db.execute(f"PRAGMA user_version={SCHEMA}")
        except sqlite3.Error as error:
            raise self._problem(error) from error

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ------------------------------------------------------------------ reading

    def count(self) -> int:
        """Return how many results there are.

        Returns
        -------
        int

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        return int(self._query("SELECT COUNT(*) FROM results")[0][0])

    def read(self, keys: Iterable[str]) -> tuple[dict[str, dict[str, float]], list[str]]:
        """Return the values of tasks that are there and sound, and the keys of those that are damaged.

        Parameters
        ----------
        keys : iterable of str

        Returns
        -------
        values : dict of str to dict
        damaged : list of str

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        values: dict[str, dict[str, float]] = {}
        damaged: list[str] = []
        for key, task, outcome, seconds, run, checksum in self._rows(list(keys)):
            if checksum != _checksum(key, task, outcome, seconds, run):
                damaged.append(key)
            else:
                values[key] = json.loads(outcome)
        return values, damaged

    def check(self) -> tuple[int, list[str]]:
        """Return how many rows of all tables are sound, and what the others are.

        Returns
        -------
        sound : int
        damaged : list of str
            As ``results 3f9a...``: table, and key, name or number.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        count, damaged = 0, []
        for table in _CONTENT:
            for row, sound in self._all(table):
                count += sound
                if not sound:
                    damaged.append(f"{table} {row[0]}")
        return count, damaged

    def failures(self) -> list[Failure]:
        """Return the tasks that failed and have no result.

        Returns
        -------
        list of Failure

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        rows = self._all("failures")
        return [Failure(key, task, error, attempts, sound) for (key, task, error, attempts, _), sound in rows]

    def studies(self) -> dict[str, dict[str, Any]]:
        """Return the descriptions of the studies that were run into this store, without damaged ones.

        Returns
        -------
        dict of str to dict

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        return {name: json.loads(text) for (name, text), sound in self._all("studies") if sound}

    def runs(self) -> list[dict[str, str]]:
        """Return versions, machine, command and time of every run that wrote something.

        Returns
        -------
        list of dict
            With the one key ``damaged``, its number, where the row is.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        rows = self._all("runs")
        return [json.loads(text) if sound else {"damaged": str(number)} for (number, text), sound in rows]

    # ------------------------------------------------------------------ writing

    def register(self, study: Study) -> None:
        """Note that a study is run into this store.

        Parameters
        ----------
        study : Study

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        told = {
            "key": study.key,
            "measurement": study.measurement,
            "axes": {name: list(values) for name, values in study.axes.items()},
            "settings": dict(study.settings),
        }
        row = (study.name, canonical(told))
        self._write([("INSERT OR REPLACE INTO studies VALUES (?, ?, ?)", (*row, _checksum(*row)))])

    def put(self, finished: Iterable[tuple[Task, Done]]) -> int:
        """Write finished tasks in one transaction; a task that is there already is not written again.

        Parameters
        ----------
        finished : iterable of (Task, Done)

        Returns
        -------
        int
            How many results were new.

        Raises
        ------
        StoreError
            If the file cannot be written: then none of them is.
        """
        run, finished = self._this_run(), list(finished)
        again = any(done.values is None for _, done in finished)
        before = {item.key: item.attempts for item in self.failures() if item.sound} if again else {}
        statements: list[tuple[str, tuple[Any, ...]]] = []
        for task, done in finished:
            text = canonical(task.description)
            if done.values is None:
                failed = (task.key, text, done.error, before.get(task.key, 0) + 1, run)
                statements.append(
                    ("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)", (*failed, _checksum(*failed)))
                )
                continue
            row = (task.key, text, canonical(dict(done.values)), float(done.seconds), run)
            statements.append(("INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?, ?)", (*row, _checksum(*row))))
            statements.append(("DELETE FROM failures WHERE key = ?", (task.key,)))
        return self._write(statements, counted="INSERT OR IGNORE")

    def forget(self, keys: Iterable[str]) -> None:
        """Take results out, so that they are computed again.

        Parameters
        ----------
        keys : iterable of str

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        self._write([("DELETE FROM results WHERE key = ?", (key,)) for key in keys])

    def _this_run(self) -> int:
        """Return the id of this process's run, which the first write makes."""
        if self._run is None:
            told = canonical({**provenance(), "commit": _commit()})
            try:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")  # or a second driver could take the same number
                    number = int(self._db.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM runs").fetchone()[0])
                    self._db.execute("INSERT INTO runs VALUES (?, ?, ?)", (number, told, _checksum(number, told)))
                self._run = number
            except sqlite3.Error as error:
                raise self._problem(error) from error
        return self._run

    def _write(self, statements: list[tuple[str, tuple[Any, ...]]], counted: str = "-") -> int:
        """Execute statements in one transaction; return how many rows those that begin so have changed."""
        changed = 0
        try:
            with self._db:
                for statement, values in statements:
                    cursor = self._db.execute(statement, values)
                    changed += cursor.rowcount if statement.startswith(counted) else 0
            return changed
        except sqlite3.Error as error:
            raise self._problem(error) from error

    def _all(self, table: str) -> list[tuple[tuple[Any, ...], bool]]:
        """Return the content of every row of a table, in order, and whether it is sound."""
        columns = _CONTENT[table]
        rows = self._query(f"SELECT {', '.join(columns)}, checksum FROM {table} ORDER BY {columns[0]}")
        return [(row[:-1], row[-1] == _checksum(*row[:-1])) for row in rows]

    def _rows(self, keys: list[str]) -> Iterator[tuple[Any, ...]]:
        for first in range(0, len(keys), _AT_ONCE):
            some = keys[first : first + _AT_ONCE]
            marks = ",".join("?" * len(some))
            yield from self._query(
                f"SELECT key, task, outcome, seconds, run, checksum FROM results WHERE key IN ({marks})", some
            )

    def _query(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, tuple(values)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> StoreError:
        """Return what to say about a failure of the file."""
        told = str(error)
        if "full" in told or "disk I/O" in told:
            advice = (
                "the disk is full or failing: free some space and run the study again, what is in the store is kept"
            )
        elif "not a database" in told or "malformed" in told:
            advice = "the file is damaged or no store: `ersde study salvage` copies what can still be read"
        elif "locked" in told:
            advice = "another process writes to it: a store has one driver"
        else:
            advice = "it cannot be opened, read or written"
        return StoreError(f"{self.path}: {told}; {advice}")


def _commit() -> str:
    """Return the commit of the code that runs, if it runs from a clone."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "-"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "-"


def _checksum(*content: Any) -> str:
    """Return the checksum of a row: of its columns, floats bit for bit."""
    return digest(json.dumps([item.hex() if isinstance(item, float) else item for item in content], default=repr))
