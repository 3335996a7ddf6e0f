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
