"""``ersde study``: run, status, show, diff, export, and what is said of misuse."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pytest
from typer.testing import CliRunner

from ersde_theory.catalogue import scheme, scheme_names
from ersde_theory.cli import app
from ersde_theory.laboratory.exact_orders import NOISE_SCALES
from ersde_theory.records import Record
from ersde_theory.studies import Store, Study, executor, table
from ersde_theory.studies import run as run_study
from ersde_theory.studies._export import export
from ersde_theory.studies._task import Task
from ersde_theory.studies._worker import Done

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
    study = Study.from_file("small.toml")
    with Store("wrong.db") as store:
        for k, cell in enumerate(study.cells()):
            task: Task = cell.task(0)
            value = json.loads(dict(rows)[task.key])["distance"]
            store.put([(task, Done(task.key, {"distance": value * (1.0 + 1e-9 * (k == 2))}, "", 0.0))])
    said = call("diff", "small.toml", "studies/small.db", "wrong.db", status=1)
    assert "1 disagree" in said
    assert '"adams-3"' in said


def test_stores_of_two_seeds_agree_and_a_biased_one_does_not(place):
    """Assert that runs with two seeds agree within uncertainty, and that one moved by five standard errors does not."""
    text = (
        'name = "noisy"\nmeasurement = "tests.studies._tasks:random_mean"\nseed = SEED\n[axes]\nx = [1.0, 5.0]\n'
        "[sampling]\ntarget = 0.5\nfirst = 30\nmost = 30\n"
    )
    for seed in (1, 2):
        (place / f"{seed}.toml").write_text(text.replace("SEED", str(seed)), encoding="utf-8")
        call("run", f"{seed}.toml", "--executor", "inline", "--store", f"{seed}.db")
    assert "2 numbers compared, 0 disagree." in call("diff", "1.toml", "1.db", "2.db", "--seed", "2")
    assert "0 numbers compared" in call("diff", "1.toml", "1.db", "2.db", status=1)
    assert "expected" in call("diff", "1.toml", "1.db", "2.db", "--seed", "-1", status=2)
    study = Study.from_file("2.toml")
    with Store("2.db", readonly=True) as sound, Store("biased.db") as biased:
        for cell in study.cells():
            keys = [cell.task(k).key for k in range(30)]
            values = [sound.read([key])[0][key]["mean"] for key in keys]
            moved = 8.0 * np.std(values) / np.sqrt(len(values))
            for k, (key, value) in enumerate(zip(keys, values, strict=True)):
                biased.put([(cell.task(k), Done(key, {"mean": value + moved}, "", 0.0))])
    assert "2 disagree" in call("diff", "1.toml", "1.db", "biased.db", "--seed", "2", status=1)


def test_cells_that_do_not_exist_are_left_out(place):
    """Assert that a scheme meets the noise scales it takes, is nan elsewhere, and that no cell at all is refused."""
    axes = {"scheme": ["adams-3", "ddpm"], "noise_scale": ["ode", "reverse_sde"], "steps": [10]}
    study = Study("some", "exact-error", axes, {"problem": "gaussian"})
    assert (study.n_cells, list(study.places())) == (3, [(0, 0, 0), (0, 1, 0), (1, 1, 0)])
    with Store("some.db") as store, executor() as pool:
        assert run_study(study, store, pool).computed == 3
        values = table(study, store)["value"][..., 0]
    assert np.isfinite(values).tolist() == [[[True], [True]], [[False], [True]]]
    with pytest.raises(ValueError, match="expected a cell to which exact-error applies"):
        Study("none", "exact-error", axes | {"scheme": ["ddpm"], "noise_scale": ["ode"]}, {"problem": "gaussian"})


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
        ('"adams-3"]', '"adamz-3"]', "did you mean 'adams-3'"),
        ('"adams-3"]', '["adams-3"]]', "scheme: expected a str"),
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


def test_example_has_every_scheme_that_can_be_coupled_and_every_noise_scale():
    """Assert that the study of the mixture keeps up with the catalogue."""
    axes = Study.from_file("weak_order_mixture").axes
    assert axes["scheme"] == tuple(name for name in scheme_names() if not scheme(name).own_noise)
    assert axes["noise_scale"] == NOISE_SCALES


def test_check_tells_damaged_rows_of_every_table(place):
    """Assert status 0 for a sound store, and that a changed character of a description or a result is told."""
    begin()
    assert "6 rows are sound, 0 damaged" in call("check", "studies/small.db")
    with sqlite3.connect("studies/small.db") as db:
        db.execute("UPDATE studies SET description = description || ' '")
        db.execute("UPDATE results SET outcome = '{}' WHERE key = (SELECT MIN(key) FROM results)")
    db.close()
    said = call("check", "studies/small.db", status=1)
    assert "damaged: studies small" in said
    assert "4 rows are sound, 2 damaged" in said
    assert "expected a store, found none" in call("check", "no.db", status=2)
