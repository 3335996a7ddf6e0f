"""Records that the repository has: results of commands that take too long for a figure."""

from __future__ import annotations

from pathlib import Path

from ersde_theory.records import Record

RECORDS = Path(__file__).resolve().parents[1] / "docs" / "records"


def recorded(name: str) -> Record | None:
    """Return the committed record of a name; None where the project is installed without its records.

    Parameters
    ----------
    name : str
        Of the file, without its ending.

    Returns
    -------
    Record or None

    Examples
    --------
    >>> recorded("no-such-study") is None
    True
    """
    path = RECORDS / f"{name}.json"
    return Record.load(path) if path.exists() else None


def required(name: str, command: str) -> Record:
    """Return the committed record of a name, for figures that do not compute their own.

    Parameters
    ----------
    name : str
        Of the file, without its ending.
    command : str
        That makes one.

    Returns
    -------
    Record

    Raises
    ------
    FileNotFoundError
        If the project is installed without its records; the message names the command.

    Examples
    --------
    >>> required("digits-training-edm", "ersde train-digits").settings["kind"]
    'edm'
    >>> required("nothing", "ersde study run nothing")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    FileNotFoundError: ...nothing.json: expected a committed record, got none; ersde study run nothing makes one
    """
    found = recorded(name)
    if found is None:
        message = f"{RECORDS / name}.json: expected a committed record, got none; {command} makes one"
        raise FileNotFoundError(message)
    return found
