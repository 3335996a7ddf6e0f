"""The page on studies says what the Records say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ersde_theory.records import Record
from ersde_theory.studies import Study
from tests.docs._numbers import shown

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows(label: str) -> list[list[str]]:
    """Return the entries of the rows of the page's tables that begin so."""
    lines = (DOCS / "studies.md").read_text("utf-8").splitlines()
    return [line.strip("| ").split(" | ")[1:] for line in lines if line.startswith(f"| {label}")]


@pytest.fixture(scope="module")
def scaling() -> Record:
    """Give the Record of what studies cost."""
    return Record.load(DOCS / "records" / "study-scaling.json")


def test_costs_are_those_of_the_record(scaling):
    """Assert every number of the tables of costs, and that twice the number would not pass."""
    ((inline, dask),) = rows("cost of a task that does nothing")
    ((processes, cluster),) = rows("efficiency from one worker to two")
    pairs = [
        (inline, 1e3 * scaling["seconds_each"][-1]),
        (dask, 1e3 * scaling.settings["dask_seconds_each"]),
        (processes, scaling.settings["processes_efficiency"]),
        (cluster, scaling.settings["dask_efficiency"]),
    ]
    for label, name, factor in (
        ("tasks", "tasks", 1.0),
        ("cost each, inline", "seconds_each", 1e3),
        ("planning, s", "planning", 1.0),
        ("memory of planning", "planning_memory", 1.0),
    ):
        (entries,) = rows(label)
        pairs += zip(entries, factor * scaling[name], strict=True)
    for entry, value in pairs:
        assert shown(entry, value), (entry, value)
        assert not shown(entry, 2.0 * value)


def test_goals_of_the_record_are_met(scaling):
    """Assert what studies promise: a second worker is used, overhead is small, cost is linear in tasks."""
    told = scaling.settings
    assert min(told["processes_efficiency"], told["dask_efficiency"]) >= 0.9
    assert min(told["processes_task"], told["dask_task"]) >= 0.5
    assert scaling["seconds_each"].max() <= 2e-3
    assert told["dask_seconds_each"] <= 15e-3
    assert scaling["tasks"].tolist() == [1_000, 10_000, 100_000]
    assert scaling["planning"][-1] < 5.0
    assert scaling["planning_memory"][-1] < 500.0
    assert scaling["planning"][-1] / scaling["planning"][0] < 200.0


def test_example_is_told_as_recorded():
    """Assert cells, blocks, rounds' outcome and the share of numbers that meet the target."""
    record = Record.load(DOCS / "records" / "study-weak-order-mixture.json")
    study = Study.from_file("weak_order_mixture")
    assert study.sampling is not None
    there = np.isfinite(record["value"])
    met = record["standard_error"][there] <= study.sampling.target * np.abs(record["value"][there])
    text = " ".join((DOCS / "studies.md").read_text("utf-8").split())
    found = re.search(r"(\d+) pairs of scheme and φ, (\d+) cells, (\d+) blocks of 1000 paths", text)
    assert found is not None
    pairs = int(there[:, :, 0, 0].sum())
    assert [int(number) for number in found.groups()] == [pairs, study.n_cells, int(record["blocks"][..., 0].sum())]
    share = re.search(r"is met by (\d+) % of the numbers", text)
    assert share is not None
    assert int(share[1]) == round(100.0 * met.mean())
    assert record.settings["missing"] == record.settings["damaged"] == 0
    assert record["scheme"].tolist() == list(study.axes["scheme"])
