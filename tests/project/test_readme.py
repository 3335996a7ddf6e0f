"""The README says what the ledger computes, and its examples run."""

from __future__ import annotations

import re

from ersde_theory.claims import ledger
from tests.project._source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def stated_verdicts(text: str) -> dict[str, str]:
    """Return the table of claims of a README."""
    return dict(re.findall(r"^\| `([\w-]+)` \| (\w+) \|", text, re.MULTILINE))


def test_readme_states_the_verdicts_of_the_ledger():
    """Assert that the README's table has every claim with the verdict of the ledger, and no other."""
    assert stated_verdicts(README) == {claim.id: claim.stated.value for claim in ledger()}


def test_comparison_notices_a_changed_verdict():
    """Assert that a README with one verdict changed would not pass."""
    changed = README.replace("| `order-ode` | refuted |", "| `order-ode` | confirmed |")
    assert changed != README
    assert stated_verdicts(changed) != {claim.id: claim.stated.value for claim in ledger()}


def test_python_examples_of_the_readme_run():
    """Assert that every Python block of the README runs as it stands."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
