"""The page on network measurements quotes the committed Records, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ersde_theory.network_errors import MEASUREMENTS
from ersde_theory.records import Record

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "network_measurements.md").read_text(encoding="utf-8")
TABLE = re.compile(r"^### (.+?)\n\n((?:\|.*\n)+)", re.MULTILINE)


def record(measurement):
    """Return the committed Record of a measurement on the digits network."""
    return Record.load(ROOT / "docs" / "records" / f"{measurement.name}.json")


def quoted():
    """Return the tables of the page by title."""
    return dict(TABLE.findall(PAGE))


@pytest.mark.parametrize("letter", MEASUREMENTS)
def test_tables_of_the_page_are_those_of_the_records(letter):
    """Assert that every table on the page which a Record makes is that of the committed Record."""
    measurement = MEASUREMENTS[letter]
    made = {
        table.title: dict(TABLE.findall(table.markdown() + "\n")) for table in measurement.tables(record(measurement))
    }
    shown = [title for title in made if title in quoted()]
    assert shown
    for title in shown:
        assert quoted()[title] == made[title][title]


def test_page_has_no_table_of_its_own():
    """Assert that every table with a title comes from a Record."""
    titles = {table.title for m in MEASUREMENTS.values() for table in m.tables(record(m))}
    assert set(quoted()) <= titles


def test_bounds_hold_on_the_network():
    """Assert what the page says of the bounds: no error above its own, every scheme's twin above, at every level."""
    found = record(MEASUREMENTS["a"])
    assert (found["error"] <= found["bound"]).all()
    assert (found["error"][0] <= 1.01 * found["remainder"][0]).all()
    assert (found["twin"] > found["bound"]).any(axis=(1, 2)).all()
    assert (np.abs(found["gap"]) <= found["gap_bound"][..., None]).all()
    assert found["level"].min() <= 0.02
    assert found["level"].max() >= 25.0


def test_all_records_are_of_the_shipped_network():
    """Assert that the Records are of one network, whose weights are those in the package."""
    pytest.importorskip("torch")
    from ersde_theory.network_errors._models import load_subject

    kept = {record(m).settings["subject"] for m in MEASUREMENTS.values()}
    assert len(kept) == 1
    assert {record(m).settings["model"] for m in MEASUREMENTS.values()} == {load_subject("digits").name}
