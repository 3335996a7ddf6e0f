"""Running studies: every executor gives the same, nothing finished is lost, what fails is told."""

from __future__ import annotations

import sqlite3
import sys
import time
from concurrent.futures import Future

import numpy as np
import pytest

from ersde_theory.studies import Store, StoreError, Study, executor, run, table
from ersde_theory.studies._allocation import estimate, next_blocks
from ersde_theory.studies._description import Sampling
from ersde_theory.studies._driver import _batches, standing
from ersde_theory.studies._executors import InlineExecutor
from ersde_theory.studies._worker import run_chunk
from ersde_theory.studies.kill_test import compare, contents
from tests.studies import _tasks

TASKS = "tests.studies._tasks"


@pytest.fixture
def store(tmp_path):
    """Give an empty store."""
    with Store(tmp_path / "s.db") as found:
        yield found


def plain(xs=(1.0, 2.0, 3.0)):
    """Return a study without randomness."""
    return Study("plain", f"{TASKS}:plain", {"x": xs})


def sampled(function="random_mean", xs=(1.0, 5.0), **sampling):
    """Return a study that is sampled."""
    settings = {"target": 0.02, "first": 8, "most": 64, "rounds": 4} | sampling
    return Study("sampled", f"{TASKS}:{function}", {"x": xs}, sampling=Sampling(**settings))


def results(study, store):
    """Return a study's values by task."""
    return contents(store.path, study)


def test_repeated_and_extended_studies_compute_only_what_is_new(store):
    """Assert that results are found by their content, whatever study asks for them."""
    with executor() as pool:
        assert run(plain(), store, pool).computed == 3
        _tasks.CALLS.clear()
        again = run(plain(), store, pool)
        assert (again.computed, again.found, len(_tasks.CALLS)) == (0, 3, 0)
        wider = run(plain((0.0, 1.0, 2.0, 3.0)), store, pool)
    assert (wider.computed, wider.found) == (1, 3)
    assert _tasks.CALLS == [{"x": 0.0}]


def test_rounds_reach_the_target_and_give_more_to_what_needs_more(store):
    """Assert that standard errors meet the target and that a cell with a small value gets more blocks."""
    study = sampled()
    with executor() as pool:
        run(study, store, pool)
    found = table(study, store)
    value, spread, blocks = (found[name][:, 0] for name in ("value", "standard_error", "blocks"))
    assert (spread <= 0.02 * np.abs(value)).all()
    assert blocks[0] > blocks[1]
    assert (np.abs(value - [1.0, 5.0]) < 5.0 * spread).all()


def test_every_executor_gives_the_same_bit_for_bit(tmp_path):
    """Assert that inline, processes and a local Dask cluster agree, whatever the order of work."""
    study, found = sampled(), []
    for name in ("inline", "processes", "dask"):
        if name == "dask":
            pytest.importorskip("distributed", reason="comes with the extra `studies`")
        with Store(tmp_path / f"{name}.db") as store, executor(name, workers=None if name == "inline" else 2) as pool:
            run(study, store, pool, workers=2)
            found.append(results(study, store))
    assert all(other == found[0] for other in found[1:])
    assert len(found[0]) > 16


def test_a_task_that_depends_on_its_worker_is_noticed(tmp_path):
    """Assert that the comparison catches its broken twin: numbers of the process, not of the task."""
    study, found = sampled("worker_dependent", rounds=1), []
    for name in ("inline", "processes"):
        with Store(tmp_path / f"{name}.db") as store, executor(name, workers=None if name == "inline" else 2) as pool:
            run(study, store, pool, workers=2)
            found.append(results(study, store))
    assert found[0].keys() == found[1].keys()
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_study_whose_driver_and_workers_are_killed_ends_as_an_undisturbed_one(name):
    """Assert that SIGKILLs at random moments lose, repeat and change nothing."""
    pytest.importorskip("psutil", reason="comes with the extra `studies`")
    if name == "dask":
        pytest.importorskip("distributed", reason="comes with the extra `studies`")
    record = compare(20, 0.02, name, kills=4, seed=1)
    assert record.settings["killed_drivers"] + record.settings["killed_workers"] > 0
    assert not record["count"].any()
    assert record.settings["tasks"] >= 160


def test_interrupt_keeps_what_is_finished(store):
    """Assert that Ctrl-C writes the results that are there, and that the next run goes on."""
    study = plain(tuple(float(x) for x in range(40)))

    def interrupted(progress):
        if progress.done >= 1:
            raise KeyboardInterrupt

    with executor() as pool:
        with pytest.raises(KeyboardInterrupt):
            run(study, store, pool, advance=interrupted)
        done = store.count()
        assert done >= 1
        assert run(study, store, pool).computed == 40 - done


def test_failures_are_told_and_can_be_tried_again_alone(store, tmp_path):
    """Assert that what raises, gives nan or nothing is recorded with its description, and the rest is done."""
    flag = tmp_path / "flag"
    whats = ("well", "raise", "nan", "nothing", "mend")
    study = Study("troubled", f"{TASKS}:troubled", {"what": whats}, {"flag": str(flag)})
    with executor() as pool:
        first = run(study, store, pool)
        assert (first.computed, first.failed) == (1, 4)
        told = {f.task: f.error for f in store.failures()}
        assert any("something is wrong" in error and "Traceback" in error for error in told.values())
        assert any("finite" in error for error in told.values())
        assert all('"what"' in task for task in told)
        assert run(study, store, pool).failed == 0  # they are not tried again unasked
        flag.touch()
        again = run(study, store, pool, retry_failed=True)
    assert (again.computed, again.failed) == (1, 3)
    assert len(store.failures()) == 3


@pytest.mark.slow
def test_a_task_that_hangs_or_dies_is_given_up_and_the_others_are_done(store):
    """Assert that a time-out ends one task, not the run; and that a dead process is one task's failure."""
    study = Study("hang", f"{TASKS}:troubled", {"what": ("hang", "die", "well")}, {"flag": ""}, timeout=4.0)
    with executor() as pool:
        outcome = run(study, store, pool)
    errors = sorted(failure.error for failure in store.failures())
    assert (outcome.computed, outcome.failed) == (1, 2)
    assert errors == ["the process that ran it died", "timed out after 4 s"]


def test_damaged_results_are_found_and_computed_again_alone(tmp_path):
    """Assert that changing any one character of any column of any row is noticed, and costs that row only."""
    path, study = tmp_path / "s.db", plain()
    with Store(path) as store, executor() as pool:
        run(study, store, pool)
        sound = results(study, store)
    rows = sqlite3.connect(path).execute("SELECT key, task, outcome, seconds, run, checksum FROM results").fetchall()
    others = len(rows) - 1 + 2  # a run and a study
    changes = [(column, _changed) for column in ("task", "outcome", "checksum")]
    for row in rows:
        other = _changed(row[0], 5)
        _poke(path, row[0], "key", other)
        with Store(path) as store:
            assert store.check() == (others, [f"results {other}"])
        _poke(path, other, "key", row[0])
        for column, change in changes:
            text = row[("key", "task", "outcome", "seconds", "run", "checksum").index(column)]
            for place in range(0, len(text), max(1, len(text) // 7)):
                _poke(path, row[0], column, change(text, place))
                with Store(path) as store:
                    assert store.check() == (others, [f"results {row[0]}"])
                _poke(path, row[0], column, text)
        for column, value in (("seconds", row[3] + 1e-9), ("run", 99)):
            _poke(path, row[0], column, value)
            with Store(path) as store:
                assert store.check()[1] == [f"results {row[0]}"]
            _poke(path, row[0], column, row[3] if column == "seconds" else row[4])
    _poke(path, rows[0][0], "outcome", _changed(rows[0][2], 12))
    with Store(path) as store, executor() as pool:
        outcome = run(study, store, pool)
        assert (outcome.computed, outcome.damaged, outcome.found) == (1, 1, 2)
        assert results(study, store) == sound


def test_damaged_failures_studies_and_runs_are_found(tmp_path):
    """Assert that a changed failure is run again and kept from its cell's mean, a changed run or study is told."""
    path, study = tmp_path / "s.db", Study("some", f"{TASKS}:fails_for_two", {"x": (1, 2)})
    with Store(path) as store, executor() as pool:
        assert run(study, store, pool).failed == 1
        (failure,) = store.failures()
        assert run(study, store, pool).computed == run(study, store, pool).failed == 0
    for where, column, key in (("failures", "error", "key"), ("studies", "description", "name"), ("runs", "id", "id")):
        with sqlite3.connect(path) as db:
            ((name, value),) = db.execute(f"SELECT {key}, {column} FROM {where}").fetchall()
            other = value + 1 if isinstance(value, int) else _changed(value, len(value) // 2)
            db.execute(f"UPDATE {where} SET {column} = ?", (other,))
        db.close()
        with Store(path) as store:
            wrong = [text.partition(" ") for text in store.check()[1]]
        assert (where, " ", str(other if column == key else name)) in wrong
    with Store(path) as store, executor() as pool:
        assert store.studies() == {}
        assert store.runs() == [{"damaged": "2"}]
        assert [(item.key, item.sound) for item in store.failures()] == [(failure.key, False)]
        assert run(study, store, pool).failed == 1
        assert [(item.attempts, item.sound) for item in store.failures()] == [(1, True)]


def test_runs_of_two_drivers_have_two_numbers(tmp_path):
    """Assert that nobody takes a run's number between the look for it and its row."""
    path = tmp_path / "s.db"
    with Store(path) as first, Store(path) as second, executor() as pool:
        other = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        tried = []

        def meanwhile(statement):
            if statement.startswith("INSERT INTO runs"):
                tried.append(statement)
                other.execute("INSERT INTO runs VALUES (1, '{}', '')")

        first._db.set_trace_callback(meanwhile)
        assert run(plain(), first, pool).computed == 3
        first._db.set_trace_callback(None)
        other.close()
        assert run(plain((4.0,)), second, pool).computed == 1
        assert len(tried) == 1
        assert len(first.runs()) == 2
        assert first.check()[1] == []


def test_store_of_another_version_says_what_to_do(tmp_path):
    """Assert that it is refused, and not changed."""
    path = tmp_path / "s.db"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=1")
    db.close()
    for readonly in (False, True):
        with pytest.raises(StoreError, match=r"of version 2, got 1, which another .* run the study into a new store"):
            Store(path, readonly=readonly)


def _changed(text, place):
    """Return a text with one character changed."""
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


def _poke(path, key, column, value):
    """Change one column of one row behind the store's back."""
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE results SET {column} = ? WHERE key = ?", (value, key))
    db.close()


def test_full_disk_is_said_and_loses_nothing(store, monkeypatch):
    """Assert that a transaction that fails leaves what was there, and that the message says what to do."""
    with executor() as pool:
        run(plain(), store, pool)

        class Full:
            def __init__(self, db):
                self.db = db

            def __getattr__(self, name):
                return getattr(self.db, name)

            def __enter__(self):
                return self.db.__enter__()

            def __exit__(self, *problem):
                return self.db.__exit__(*problem)

            def execute(self, statement, *values):
                if statement.startswith("INSERT OR IGNORE"):
                    message = "database or disk is full"
                    raise sqlite3.OperationalError(message)
                return self.db.execute(statement, *values)

        real = store._db
        store._db = Full(real)
        with pytest.raises(StoreError, match="free some space and run the study again"):
            run(plain((7.0, 8.0)), store, pool)
        store._db = real
        assert store.count() == 3
        assert run(plain((7.0, 8.0)), store, pool).computed == 2


def test_failed_block_leaves_its_cell_without_an_estimate(store):
    """Assert that the mean is not taken over the blocks that happened not to fail."""
    study = Study(
        "some", f"{TASKS}:fails_now_and_then", {"x": (1.0,)}, sampling=Sampling(target=0.1, first=16, most=16)
    )
    with executor() as pool:
        outcome = run(study, store, pool)
    assert outcome.failed > 0
    assert outcome.computed > 0
    assert np.isnan(table(study, store)["value"]).all()


def test_standing_knows_when_a_sampled_study_has_ended(store):
    """Assert that a study that met its target before `most` blocks is finished, and one that lacks a block is not."""
    study = sampled()
    assert not standing(study, store).finished
    with executor() as pool:
        run(study, store, pool)
    ended = standing(study, store)
    assert ended.finished
    assert ended.done == ended.planned < 2 * 64
    store.forget([next(study.cells()).task(3).key])
    assert not standing(study, store).finished


@pytest.mark.slow
def test_task_that_ends_its_process_is_alone_to_blame(store):
    """Assert that what ran beside it, or was to run after it in the same chunk, is done."""
    whats = ("well", "die", *range(12))
    study = Study("deadly", f"{TASKS}:troubled", {"what": whats}, {"flag": ""})
    with executor("processes", workers=2) as pool:
        outcome = run(study, store, pool, workers=2)
    assert (outcome.computed, outcome.failed) == (13, 1)
    assert '"die"' in store.failures()[0].task


@pytest.mark.slow
def test_processes_are_told_to_stop_when_the_run_is():
    """Assert that what waits is not run after an interrupt."""
    begin = time.perf_counter()
    futures = []

    def interrupted():
        with executor("processes", workers=1) as pool:
            futures.extend(pool.submit(time.sleep, 0.5) for _ in range(200))
            futures[0].result()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.perf_counter() - begin < 50.0  # all of them take 100 s
    assert futures[-1].cancelled()


def test_what_a_task_prints_or_reads_does_not_disturb_its_answer():
    """Assert that the pipe to a task's process is not its standard input and output."""
    payload = ("k", f"{TASKS}:noisy_neighbour", {}, 0)
    (done,) = run_chunk([payload], timeout=60.0)
    assert done.values == {"read": 0.0}


def test_quantity_that_is_always_zero_asks_for_no_more_blocks():
    """Assert that it does not stand in the way of the others' target."""
    blocks = [{"x": v, "zero": 0.0} for v in (1.0, 1.1, 0.9, 1.0)]
    assert next_blocks(Sampling(target=0.1, first=4), blocks) == 4


def test_lost_worker_is_the_failure_of_its_tasks_not_of_the_run():
    """Assert that an executor whose call raises gives every task of the chunk an outcome."""

    class Lossy(InlineExecutor):
        def submit(self, _, /, *chunk):
            return super().submit(lambda: (_ for _ in chunk).throw(OSError("gone")))

    tasks = [cell.task(0) for cell in plain().cells()]
    done = [item for batch in _batches(tasks, Lossy(), 1, None) for item in batch]
    assert [task.key for task, _ in done] == [task.key for task in tasks]
    assert all("the worker was lost: OSError: gone" in outcome.error for _, outcome in done)


def test_lost_scheduler_ends_the_run_and_is_no_failure_of_a_task(store):
    """Assert that futures which somebody else cancels end the run with what is finished, and can be computed later."""

    class Dying(InlineExecutor):
        left = 2

        def submit(self, fn, /, *args, **kwargs):
            self.left -= 1
            future = super().submit(fn, *args, **kwargs) if self.left >= 0 else Future()
            if self.left < 0:
                future.cancel()
                future.set_running_or_notify_cancel()
            return future

    study = plain(tuple(float(x) for x in range(600)))
    with pytest.raises(ConnectionError, match="run the study again"):
        run(study, store, Dying())
    assert store.failures() == []
    done = store.count()
    assert done > 0
    with executor() as pool:
        assert run(study, store, pool).computed == 600 - done


def test_store_can_be_read_while_it_is_written(store):
    """Assert that a reader sees committed results while the driver has the file."""
    with executor() as pool:
        run(plain(), store, pool)
        with Store(store.path, readonly=True) as reader:
            assert reader.count() == 3
            run(plain((9.0,)), store, pool)
            assert reader.count() == 4


def test_allocation_is_a_function_of_the_blocks_in_their_order_of_number():
    """Assert that the mean does not depend on the order of work, and that growth is bounded."""
    blocks = [{"x": v} for v in (1e16, 1.0, -1e16, 1.0, 2.0, 3.0)]
    assert estimate(blocks)["x"].value == pytest.approx(7.0 / 6.0)
    sampling = Sampling(target=1e-6, first=4, most=1000)
    assert next_blocks(sampling, [{"x": v} for v in (1.0, 2.0, 3.0, 4.0)]) == 16
    assert next_blocks(sampling, [{"x": 1.0}] * 4) == 4


def test_chunk_on_a_worker_runs_in_a_fresh_interpreter():
    """Assert that a child process finds the caller's modules and gives the same values."""
    payload = ("k", f"{TASKS}:random_mean", {"x": 1.0}, 5)
    (here,), (there,) = run_chunk([payload]), run_chunk([payload], timeout=60.0)
    assert here.values == there.values
    assert sys.executable
