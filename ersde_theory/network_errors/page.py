"""Puts the tables of committed Records into the page on network measurements.

``python -m ersde_theory.network_errors.page`` after new Records: what stands between ``<!-- table: TITLE -->`` and
``<!-- end -->`` is made anew from the Record that has a table of that title; the prose around it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ersde_theory.network_errors import MEASUREMENTS
from ersde_theory.records import Record, write_atomically

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "network_measurements.md"
BLOCK = re.compile(r"<!-- table: (?P<title>[^\n]+) -->\n.*?<!-- end -->", re.DOTALL)
MISSING = "*No Record of the digits network is committed.*"


def committed_tables() -> dict[str, str]:
    """Return the Markdown of every table of the committed Records, by title.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> all(text.startswith("### ") for text in committed_tables().values())
    True
    """
    tables: dict[str, str] = {}
    for measurement in MEASUREMENTS.values():
        path = DOCS / "records" / f"{measurement.name}.json"
        if path.exists():
            tables |= {table.title: table.markdown() for table in measurement.tables(Record.load(path))}
    return tables


def refreshed(page: str, tables: Mapping[str, str]) -> str:
    r"""Return a page with its tables made anew.

    Parameters
    ----------
    page : str
        Markdown with marks.
    tables : mapping of str to str
        Markdown by title; where there is none, the page says so.

    Returns
    -------
    str

    Examples
    --------
    >>> print(refreshed("<!-- table: t -->\nold\n<!-- end -->\n", {"t": "### t\n\nnew\n"}), end="")
    <!-- table: t -->
    ### t
    <BLANKLINE>
    new
    <!-- end -->
    """

    def block(found: re.Match[str]) -> str:
        title = found["title"]
        text = tables[title].rstrip("\n") if title in tables else MISSING
        return f"<!-- table: {title} -->\n{text}\n<!-- end -->"

    return BLOCK.sub(block, page)


def _main() -> None:
    """Write the page with the tables of the committed Records.

    Examples
    --------
    See the module.
    """
    write_atomically(PAGE, refreshed(PAGE.read_text(encoding="utf-8"), committed_tables()))


if __name__ == "__main__":
    _main()
