"""``ersde study``: run, status, show, diff, export, and what is said of misuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ersde_theory.cli import app
from ersde_theory.records import Record
from ersde_theory.studies import Store, Study, table
from ersde_theory.studies._export import export

STUDY = """
name = "small"
measurement = "exact-error"
[axes]
scheme = ["er_sde-2", "adams-3"]
steps = [10, 20]
[settings]
problem = "gaussian"
noise_scale = "ode"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Give a folder with a study file, and work in it."""
    (tmp_path / "small.toml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments, status=0):
    """Run the command and return what it says."""
    result = CliRunner().invoke(app, ["study", *arguments])
    assert result.exit_code == status, result.output
    return " ".join(result.output.replace("│", " ").split())


def begin():
    """Run the small study in this process."""
    return call("run", "small.toml", "--executor", "inline", "--json", "r.json")


def test_study_is_run_shown_and_exported(place):
    """Assert that each command does what it says, and that formats agree."""
    assert "4 tasks computed" in begin()
    assert "0 tasks computed" in call("resume", "small.toml", "--executor", "inline")
    assert "4 of 4 tasks done, 0 failed" in call("status", "small.toml")
    assert "adams-3" in call("show", "small.toml")
    assert "0 disagree" in call("diff", "small.toml", "studies/small.db", "studies/small.db")
    record = Record.load(place / "r.json")
    for ending in ("csv", "json", "nc"):
        assert "4 numbers" in call("export", "small.toml", f"out.{ending}")
    import pandas
    import xarray

    frame = pandas.read_csv(place / "out.csv")
    np.testing.assert_allclose(np.sort(frame["value"]), np.sort(record["value"].ravel()), rtol=1e-15)
    with xarray.open_dataset(place / "out.nc", engine="scipy") as found:
        np.testing.assert_array_equal(found["value"], record["value"])


def test_other_formats_and_file_systems(place):
    """Assert that Zarr and Parquet hold the same numbers, on a disk and on a file system of fsspec."""
    pytest.importorskip("zarr", reason="comes with the extra `studies`")
    pytest.importorskip("pyarrow", reason="comes with the extra `studies`")
    import fsspec
    import pandas
    import xarray

    begin()
    with Store(place / "studies" / "small.db", readonly=True) as store:
        record = table(Study.from_file("small.toml"), store)
    export(record, str(place / "out.zarr"))
    np.testing.assert_array_equal(xarray.open_zarr(place / "out.zarr")["value"], record["value"])
    export(record, "memory://folder/out.parquet")
    with fsspec.open("memory://folder/out.parquet", "rb") as file:
        assert len(pandas.read_parquet(file)) == 4


def test_stores_that_differ_are_told_apart(place):
    """Assert that a changed number is a disagreement, with its cell."""
    begin()
    (place / "other.toml").write_text(STUDY.replace('"ode"', '"exp_power"'), encoding="utf-8")
    with Store("studies/small.db") as store:
        rows = store._db.execute("SELECT key, outcome FROM results").fetchall()
    assert len(rows) == 4
    from ersde_theory.studies._task import Task
    from ersde_theory.studies._worker import Done

    study = Study.from_file("small.toml")
    with Store("wrong.db") as store:
        for k, cell in enumerate(study.cells()):
            task: Task = cell.task(0)
            value = json.loads(dict(rows)[task.key])["distance"]
            store.put([(task, Done(task.key, {"distance": value * (1.0 + 1e-9 * (k == 2))}, "", 0.0))])
    said = call("diff", "small.toml", "studies/small.db", "wrong.db", status=1)
    assert "1 disagree" in said
    assert '"adams-3"' in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "no_such.toml"), "expected a TOML file, or one of weak_order_mixture"),
        (("run", "small.toml", "--executor", "daks"), "did you mean 'dask'"),
        (("run", "small.toml", "--executor", "inline", "--resource", "GPU"), "NAME=NUMBER"),
        (("resume", "small.toml"), "expected the store of a study that was begun"),
        (("status", "small.toml"), "expected a store, found none"),
        (("export", "small.toml", "out.xls", "--store", "s.db"), "expected a store, found none"),
        (("diff", "small.toml", "a.db", "b.db"), "expected a store, found none"),
    ],
)
def test_misuse_is_explained(place, arguments, expected):
    """Assert status 2 and a message that says what was expected."""
    assert expected in call(*arguments, status=2)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("measurement", "measurment", "did you mean 'measurement'"),
        ('"exact-error"', '"exact-eror"', "did you mean 'exact-error'"),
        ("steps = [10, 20]", "steps = [10, 10]", "expected distinct values"),
        ("steps = [10, 20]", "steps = 10", "expected a list of values"),
        ('problem = "gaussian"\n', "", "got no problem"),
        ('problem = "gaussian"', 'problm = "gaussian"', "did you mean 'problem'"),
        ('name = "small"', 'name = "../small"', "expected letters"),
        ("[settings]", "[sampling]\ntarget = 0.1\n[settings]", "expected no sampling"),
        ("[axes]", "[axes", "small.toml:"),
    ],
)
def test_wrong_descriptions_are_explained(place, old, new, expected):
    """Assert that each mistake in a study file is named."""
    assert old in STUDY
    (place / "small.toml").write_text(STUDY.replace(old, new), encoding="utf-8")
    said = call("run", "small.toml", "--executor", "inline", status=2)
    assert expected in said


def test_a_file_that_is_no_store_is_refused(place):
    """Assert that a file of another kind is named as what it is not."""
    (place / "no.db").write_bytes(b"something else, long enough to be looked at" * 50)
    said = call("run", "small.toml", "--executor", "inline", "--store", "no.db", status=2)
    assert "damaged or no store" in said


def test_damaged_file_can_be_salvaged(place):
    """Assert that a file with a page overwritten gives back the rows that can be read."""
    (place / "many.toml").write_text(STUDY.replace("[10, 20]", str(list(range(5, 105)))), encoding="utf-8")
    call("run", "many.toml", "--executor", "inline", "--store", "m.db")
    content = bytearray((place / "m.db").read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\0" * 4096
    (place / "m.db").write_bytes(bytes(content))
    said = call("salvage", "many.toml", "m.db", "fresh.db")
    saved = int(said.split()[0])
    assert 100 < saved < 200
    assert f"{200 - saved} tasks computed" in call("run", "many.toml", "--executor", "inline", "--store", "fresh.db")
