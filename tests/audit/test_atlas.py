"""The atlas: its command, its Record and its page."""

from __future__ import annotations

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from ersde_theory.audit import atlas
from ersde_theory.audit._atlas_entries import ENTRIES
from ersde_theory.audit._atlas_record import table
from ersde_theory.records import Record
from tests.project._source import ROOT

FOUND = Record.from_json((ROOT / "docs" / "records" / "atlas.json").read_text("utf-8"))


def run(*arguments):
    """Run the command."""
    app = typer.Typer()
    app.command()(atlas._main)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_page_has_the_table_of_the_record():
    """Assert that the numbers of the page are those of the Record."""
    assert table(FOUND) in (ROOT / "docs" / "atlas.md").read_text("utf-8")


def test_record_has_the_faults_that_the_page_names():
    """Assert that each kind of fault of the page's list is in the Record, with its program."""
    faults = dict(zip(zip(FOUND["program"], FOUND["label"], strict=True), FOUND["faults"], strict=True))
    assert "sigma-for-lambda" in faults["sdnext", "flow, order 1"]
    assert "noise-off" in faults["invokeai", "VP, stochastic = False"]
    assert "noise-off" in faults["comfyui", "er_sde, s_noise = 0"]
    assert "100 nodes at the lower (left)" in faults["release", "VE, order 3"]
    assert "200 nodes at the lower (left)" in faults["comfyui", "er_sde, float64"]
    assert "100 nodes at the upper (right)" in faults["sdnext", "VP, order 2"]
    assert "noise-clip" in faults["release", "VE, order 3"]
    assert "noise-round-off" in faults["comfyui", "er_sde, φ = x, float32"]
    stays = FOUND["vanishes"][(FOUND["program"] == "sdnext") & (FOUND["label"] == "flow, order 1")]
    assert stays.tolist() == ["no"]


def test_entries_of_the_record_are_known_and_carry_commits():
    """Assert that the Record holds entries of the command, each with a commit, and no path."""
    known = {(entry.program, entry.label) for entry in ENTRIES}
    assert set(zip(FOUND["program"].tolist(), FOUND["label"].tolist(), strict=True)) <= known
    assert all(len(commit) == 12 for commit in FOUND["commit"].tolist())
    assert np.isfinite(FOUND["variance_error"]).any(axis=1).sum() > 20


def test_atlas_of_a_missing_checkout_reports_what_was_not_run(tmp_path):
    """Assert that an implementation that cannot be run is a line of its own."""
    result = run(
        "--checkout", f"release={tmp_path}@0123456789ab", "--json", tmp_path / "atlas.json", "--only", "VE, order 1"
    )
    assert result.exit_code == 0, result.output
    found = Record.from_json((tmp_path / "atlas.json").read_text("utf-8"))
    assert found["verdict"].tolist() == ["not run"]
    assert str(tmp_path) not in (tmp_path / "atlas.json").read_text("utf-8")


@pytest.mark.parametrize("text", ["release", "release=here", "forge=here@0", "=@"])
def test_wrong_checkouts_are_refused(text):
    """Assert that a checkout of another form or name has status 2."""
    assert run("--checkout", text).exit_code == 2
