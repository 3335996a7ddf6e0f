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

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, provenance TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS studies (name TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, outcome TEXT NOT NULL, seconds REAL NOT NULL, run INTEGER NOT NULL,
    checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, error TEXT NOT NULL, attempts INTEGER NOT NULL, run INTEGER NOT NULL
) WITHOUT ROWID;
"""
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

    Examples
    --------
    >>> Failure("k", "{}", "ValueError: no", 1).attempts
    1
    """

    key: str
    task: str
    error: str
    attempts: int


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
                msg = f"{self.path}: expected a store of version {SCHEMA}, got {version}"
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
        """Return how many rows are sound, and the keys of those that are not.

        Returns
        -------
        sound : int
        damaged : list of str

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        sound, damaged = 0, []
        for row in self._query("SELECT key, task, outcome, seconds, run, checksum FROM results"):
            if row[5] == _checksum(*row[:5]):
                sound += 1
            else:
                damaged.append(str(row[0]))
        return sound, damaged

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
        return [Failure(*row) for row in self._query("SELECT key, task, error, attempts FROM failures ORDER BY key")]

    def studies(self) -> dict[str, dict[str, Any]]:
        """Return the descriptions of the studies that were run into this store.

        Returns
        -------
        dict of str to dict

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        return {name: json.loads(text) for name, text in self._query("SELECT name, description FROM studies")}

    def runs(self) -> list[dict[str, str]]:
        """Return versions, machine, command and time of every run that wrote something.

        Returns
        -------
        list of dict

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        return [json.loads(text) for (text,) in self._query("SELECT provenance FROM runs ORDER BY id")]

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
        self._write([("INSERT OR REPLACE INTO studies VALUES (?, ?)", (study.name, canonical(told)))])

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
        run = self._this_run()
        statements: list[tuple[str, tuple[Any, ...]]] = []
        for task, done in finished:
            text = canonical(task.description)
            if done.values is None:
                statements.append(
                    (
                        "INSERT INTO failures VALUES (?, ?, ?, 1, ?) "
                        "ON CONFLICT(key) DO UPDATE SET error=excluded.error, attempts=attempts+1, run=excluded.run",
                        (task.key, text, done.error, run),
                    )
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
                    self._run = int(
                        self._db.execute("INSERT INTO runs (provenance) VALUES (?)", (told,)).lastrowid or 0
                    )
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


def _checksum(key: str, task: str, outcome: str, seconds: float, run: int) -> str:
    """Return the checksum of a row."""
    return digest(canonical([key, task, outcome, float(seconds).hex() if isinstance(seconds, float) else seconds, run]))
