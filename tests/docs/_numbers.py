"""Numbers of pages: written by code from the Records, and looked for in the page.

A sentence is a format string and the numbers that go into it. So a page says 2.39 only where a Record has 2.39, and
what fails prints the sentence as it should read.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ersde_theory.records import Record
from tests.project._source import ROOT

Sentence = tuple[Any, ...]  # a format string, then its numbers
Page = Callable[[], Iterator[Sentence]]
Table = Callable[[], Iterator[tuple[str, float]]]  # what a page shows, and the number that it stands for


@functools.cache
def record(name: str) -> Record:
    """Return a committed Record."""
    return Record.load(ROOT / "docs" / "records" / f"{name}.json")


@functools.cache
def benchmark(name: str) -> dict[str, Any]:
    """Return the file of a committed benchmark."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))


def place(found: Record, axis: str, label: Any) -> int:
    """Return the index of a label on an axis."""
    return found[axis].tolist().index(label)


def plain(text: str) -> str:
    """Return a text in which white space, minus signs and exponents are of one form."""
    return re.sub(r"(?<=\d)e([+-])0*(?=\d)", lambda e: "e" + e[1].strip("+"), " ".join(text.replace("−", "-").split()))


@functools.cache
def page(path: str) -> str:
    """Return the words of a page; of a notebook those between its cells of code."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".ipynb"):
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(lines) for lines in cells)
    return plain(text)


def says(text: str, sentence: str) -> bool:
    """Return whether a text has a sentence that neither begins nor ends within one of its numbers."""
    return re.search(rf"(?<![\w.,-]){re.escape(plain(sentence))}(?![\d%]|[.,]\d)", text) is not None


def table(path: str, head: str) -> list[list[str]]:
    """Return the entries of the rows of a page's table that begins so."""
    lines = (ROOT / path).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(head)) + 2
    last = next(i for i in range(first, len(lines) + 1) if i == len(lines) or not lines[i].startswith("|"))
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[first:last]]


def shown(entry: str, value: float) -> bool:
    """Return whether an entry is a number to the digits that it shows.

    Examples
    --------
    >>> shown("2.4", 2.43), shown("5.9e-02", 0.0591), shown("1,024", 1025)
    (True, True, False)
    """
    number, _, exponent = entry.replace(",", "").partition("e")
    scale = 10.0 ** int(exponent or 0)
    return abs(float(number) * scale - value) <= 0.5001 * scale * 10.0 ** -len(number.partition(".")[2])
