"""The page on network measurements quotes the committed Records, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory.network_errors import MEASUREMENTS
from ersde_theory.network_errors.page import BLOCK, DOCS, MISSING, PAGE, committed_tables, refreshed
from ersde_theory.records import Record


def record(letter):
    """Return the committed Record of a measurement on the digits network."""
    path = DOCS / "records" / f"{MEASUREMENTS[letter].name}.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not committed")
    return Record.load(path)


def test_tables_of_the_page_are_those_of_the_records():
    """Assert that making the tables anew changes nothing, and that every measurement has one."""
    page, tables = PAGE.read_text(encoding="utf-8"), committed_tables()
    assert refreshed(page, tables) == page
    titles = {found["title"] for found in BLOCK.finditer(page)}
    assert {title for title in tables if title in titles} or not tables


def test_changed_number_in_a_table_is_noticed():
    """Assert that the broken twin, a page with another number, is not what the Records give."""
    right = "<!-- table: t -->\n### t\n\n| 0.1 ± 0.02 |\n<!-- end -->\n"
    tables = {"t": "### t\n\n| 0.1 ± 0.02 |\n"}
    assert refreshed(right, tables) == right
    assert refreshed(right.replace("0.1", "0.2"), tables) == right
    assert MISSING in refreshed(right, {})


@pytest.mark.slow
def test_titles_of_the_page_are_those_of_tables():
    """Assert that every mark names a table that its measurement makes, on whatever data."""
    from paper_figures._network import recorded_or_tried
    from paper_figures.registry import Settings

    made = {
        table.title.split(",")[0].split(" from λ")[0]
        for letter, m in MEASUREMENTS.items()
        for table in m.tables(recorded_or_tried(letter, m.name, Settings(quick=True)))
    }
    for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        assert found["title"].split(",")[0].split(" from λ")[0] in made


def test_bounds_hold_on_the_network():
    """Assert what the page says of the bounds: no error above its own, every scheme's twin above, at every level."""
    found = record("a")
    assert (found["error"] <= found["bound"]).all()
    assert (found["error"][0] <= 1.01 * found["remainder"][0]).all()
    assert (found["twin"] > found["bound"]).any(axis=(1, 2)).all()
    assert (np.abs(found["gap"]) <= found["gap_bound"][..., None]).all()
    assert found["level"].min() <= 0.02
    assert found["level"].max() >= 25.0


def test_all_records_are_of_the_same_network():
    """Assert that the Records are of one network and one set of data."""
    assert len({record(letter).settings["subject"] for letter in MEASUREMENTS}) == 1
    assert {record(letter).settings["model"] for letter in MEASUREMENTS} == {"digits edm"}
