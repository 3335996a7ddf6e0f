"""Numbers that documents quote are those of the Records beside them, and the Records are of this body."""

from __future__ import annotations

import re

import pytest

from ersde_theory import derivations
from ersde_theory.records import Record
from tests.project._source import ROOT

FOLDER = ROOT / "docs" / "records"
CHECKED, MUTATED = Record.load(FOLDER / "derivations.json"), Record.load(FOLDER / "mutants.json")


def quoted(text: str) -> tuple[str, str, str]:
    """Return how many derivations, steps and mutants a document speaks of."""
    found = re.search(r"(\d+) derivations with (\d+) steps.*?(\d+)(?: of \d+ mutated)? steps", text, re.DOTALL)
    assert found, "the document quotes no counts"
    return found.groups()


def recorded() -> tuple[str, str, str]:
    """Return the same numbers of the Records."""
    return str(CHECKED["derivation"].size), str(CHECKED["proved"].sum()), str(MUTATED["caught"].sum())


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md"])
def test_counts_of_the_document_are_those_of_the_records(document):
    """Assert that what is quoted is what was recorded, and that a changed number would be noticed."""
    text = (ROOT / document).read_text("utf-8")
    assert quoted(text) == recorded()
    changed = text.replace(f"with {recorded()[1]} steps", "with 7 steps", 1)
    assert quoted(changed) != recorded()


@pytest.mark.slow
def test_records_are_of_the_present_body_and_say_that_nothing_fails():
    """Assert that derivations and numbers of steps are today's, nothing failed, nothing was missed."""
    body = derivations.all()
    assert CHECKED["derivation"].tolist() == MUTATED["derivation"].tolist() == [item.name for item in body]
    steps = sum(CHECKED[key] for key in ("proved", "verified_numerically", "fails"))
    assert steps.tolist() == [len(item.steps) for item in body]
    assert int(CHECKED["fails"].sum()) == int(CHECKED["verified_numerically"].sum()) == 0
    assert int(MUTATED["missed"].sum()) == 0
