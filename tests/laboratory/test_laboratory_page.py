"""The page on the laboratory says what the table of declared orders says."""

from __future__ import annotations

from ersde_theory.catalogue import scheme_names
from ersde_theory.laboratory.declared import declared_table
from tests.project._source import ROOT


def test_page_ends_with_the_declared_orders():
    """Assert that the committed page has today's table, whole and in order."""
    page = (ROOT / "docs" / "laboratory.md").read_text(encoding="utf-8")
    assert page.endswith(declared_table())


def test_table_has_a_line_for_every_scheme_and_a_changed_one_is_noticed():
    """Assert that no scheme is left out, and that the comparison would see another number."""
    table = declared_table()
    assert len(table.splitlines()) == len(scheme_names()) + 2
    assert all(f"`{name}`" in table for name in scheme_names())
    assert table.replace("| 2 |", "| 3 |", 1) != table
