"""Levels uniform in time: the default is ahead there, the rule before was not, and the page says what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ersde_theory.laboratory import timesteps as study
from ersde_theory.laboratory.timesteps import timesteps
from ersde_theory.records import Record
from ersde_theory.schemes import _variable_order_pec

DOCS = Path(__file__).resolve().parents[2] / "docs"
ABOVE_ZERO = 4  # the grids that do not end at 0 come first

pytestmark = pytest.mark.slow


def two_values_in_long_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the default what it was before: all long steps are those of PEC-2-3."""
    monkeypatch.setattr(_variable_order_pec, "_share_of_even", lambda grid: np.zeros(grid.n_steps))


def test_default_is_ahead_on_the_spectrum(monkeypatch):
    """Assert it for both phi on all levels, exactly; twin: with two values it is behind on all but the cosine's."""
    found = timesteps(paths=0)
    assert (found["gain"][:, :2] > 1.0).all()
    assert np.isnan(found["gain"][:, 2:]).all()
    two_values_in_long_steps(monkeypatch)
    before = timesteps(paths=0)["gain"][[0, 1, 3], :2, 1:]
    assert (before < 0.9).all()


def test_default_is_ahead_on_the_mixture_at_enough_evaluations(monkeypatch):
    """Assert it without noise at 30; twin: with two values there is no gain."""
    monkeypatch.setattr(study, "EVALUATIONS", (30,))
    monkeypatch.setattr(study, "CASES", (("mixture", "ode"),))
    assert (timesteps(paths=200)["gain"][:ABOVE_ZERO] > 2.0).all()
    two_values_in_long_steps(monkeypatch)
    assert (timesteps(paths=200)["gain"][:ABOVE_ZERO] < 1.2).all()


def test_page_shows_the_gains_of_the_record():
    """Assert that every row of the table is the Record's, that none is left out, and where the default is ahead."""
    record = Record.load(DOCS / "records" / "timesteps.json")
    section = (DOCS / "better_schemes.md").read_text("utf-8").split("\n## Levels uniform in time")[1].split("\n## ")[0]
    shown = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    expected = [
        [grid, case, *(f"{gain:.2f}" for gain in record["gain"][i, j])]
        for i, grid in enumerate(record["grid"].tolist())
        for j, case in enumerate(record["case"].tolist())
        if np.isfinite(record["gain"][i, j]).all()
    ]
    assert shown == expected
    gain, cases = record["gain"], record["case"].tolist()
    of = {word: [i for i, case in enumerate(cases) if word in case] for word in ("spectrum", "mixture", "five modes")}
    assert (gain[:, of["spectrum"]] > 1.0).all()
    late = record["evaluations"] >= 30
    assert (gain[:ABOVE_ZERO][:, of["mixture"] + of["five modes"]][..., late] > 1.0).all()
    assert not (gain[:ABOVE_ZERO][:, of["mixture"] + of["five modes"]] > 1.0).all()
