"""``ersde measure`` in two processes gives what one gives, and survives what one survives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ersde_theory.models.processes import Processes
from ersde_theory.network_errors import MEASUREMENTS, Journal
from ersde_theory.network_errors._effort import QUICK
from ersde_theory.network_errors._measurement import Memo
from ersde_theory.network_errors._run import run_measurements
from ersde_theory.network_errors._subject import gaussian_subject
from ersde_theory.records import Record
from ersde_theory.sampling import NonFiniteError

ROOT = Path(__file__).resolve().parents[2]
AGREEMENT = 1e-6


class Thread(Processes):
    """A process that is only a thread, to try without torch what processes do."""

    def __init__(self, rank, size, values, barrier):
        super().__init__(rank, size, "cpu")
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_barrier", barrier)

    def gathered(self, value):
        """Return the values of all threads."""
        self._barrier.wait()
        self._values[self.rank] = value
        self._barrier.wait()
        return list(self._values)


def in_threads(size, function):
    """Return what ``function(process)`` gives in each of the threads."""
    values, barrier = [None] * size, threading.Barrier(size, timeout=60.0)
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: function(Thread(rank, size, values, barrier)), range(size)))


def measured(letters, group, journal, seed=0):
    """Return the arrays of measurements on normal data."""
    asked = [MEASUREMENTS[letter] for letter in letters]
    found = run_measurements(asked, gaussian_subject(), QUICK, journal, seed, lambda *_: None, group)
    return {(m.letter, name): record[name] for m, record in found for name in record.arrays}


def agree(found, wanted):
    """Return whether two sets of arrays are the same to 1e-6 of the largest number."""
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if value.dtype.kind != "f":
            same = np.array_equal(found[name], value)
        else:
            size = AGREEMENT * np.nanmax(np.abs(value), initial=0.0)
            same = np.allclose(found[name], value, rtol=0.0, atol=size, equal_nan=True)
        if not same:
            return False
    return True


@pytest.fixture(scope="module")
def wanted():
    """Give the arrays that a run in one process makes."""
    return measured("bf", Processes(0, 1, "cpu"), Journal(None))


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 5])
def test_processes_together_make_what_one_makes(wanted, size):
    """Assert that every process gets all; a seed by rank, the usual mistake, does not pass."""
    found = in_threads(size, lambda group: measured("bf", group, Journal(None)))
    assert all(agree(one, wanted) for one in found)
    wrong = in_threads(size, lambda group: measured("bf", group, Journal(None), seed=group.rank))
    assert not any(agree(one, wanted) for one in wrong)


@pytest.mark.slow
def test_each_task_is_done_once_and_a_killed_run_goes_on_in_any_number_of_processes(wanted, tmp_path):
    """Assert that journals share the tasks, and that what they have left of them serves one, two or three processes."""

    def run(size, folder):
        paths = [folder / f"journal-{rank}" for rank in range(size)]
        before = sorted(folder.glob("journal*"))

        def one(group):
            others = [path for path in before if path != paths[group.rank]]
            journal = Journal(paths[group.rank], others)
            return measured("bf", group, journal), journal.found

        found = in_threads(size, one)
        assert all(agree(arrays, wanted) for arrays, _ in found)
        return sum(count for _, count in found)

    (tmp_path / "whole").mkdir()
    assert run(2, tmp_path / "whole") == 0
    lines = [path.read_bytes().splitlines(keepends=True) for path in sorted((tmp_path / "whole").iterdir())]
    effort = [MEASUREMENTS[letter].tasks(gaussian_subject(), QUICK) for letter in "bf"]
    assert sum(map(len, lines)) == sum(effort)
    assert (
        abs(len(lines[0]) - len(lines[1])) <= 3
    )  # there are three lots of tasks that do not need each other's results
    for size in (1, 2, 3):
        folder = tmp_path / str(size)
        folder.mkdir()
        for rank, kept in enumerate((10, 7)):
            torn = b"0123456789abcdef {torn"
            (folder / f"journal-{rank}").write_bytes(b"".join(lines[rank][:kept]) + torn)
        found = run(size, folder)
        assert found == 17


@pytest.mark.slow
def test_what_is_missing_is_shared_wherever_the_rest_was_made(wanted, tmp_path):
    """Assert that two processes go on with the half of a run that one has left, and each computes its half of that."""

    def one(group):
        paths = [tmp_path / "0", tmp_path / "1"]
        return measured("bf", group, Journal(paths[group.rank], [path for path in paths[:1] if group.rank]))

    in_threads(1, one)
    whole = (tmp_path / "0").read_bytes().splitlines(keepends=True)
    kept = len(whole) // 2
    (tmp_path / "0").write_bytes(b"".join(whole[:kept]))
    assert all(agree(arrays, wanted) for arrays in in_threads(2, one))
    made = [lines(tmp_path / "0") - kept, lines(tmp_path / "1")]
    assert sum(made) == len(whole) - kept
    assert abs(made[0] - made[1]) <= 3  # there are three lots of tasks that do not need each other's results


def test_every_process_is_told_of_every_task():
    """Assert that progress comes to its end in all of them, also in one that has nothing to do."""

    def one(group):
        ticks = []
        memo = Memo(Journal(None), {}, lambda: ticks.append(1), group)
        memo({"k": 0}, lambda: {"k": np.array(0)})
        memo.all(({"k": k}, lambda k=k: {"k": np.array(k)}) for k in range(1, 8))
        return len(ticks)

    assert in_threads(3, one) == [8, 8, 8]


def test_failure_of_one_process_is_the_failure_of_all_and_keeps_what_others_did(tmp_path):
    """Assert that nobody waits for a process that failed, and that its fellow ends its share first."""

    def compute(k):
        if k == 3:
            message = "first in sample 3"
            raise NonFiniteError(message)
        return {"k": np.array(k)}

    def one(group):
        memo = Memo(Journal(tmp_path / str(group.rank)), {}, lambda: None, group)
        with pytest.raises(NonFiniteError, match="first in sample 3"):
            memo.all(({"k": k}, lambda k=k: compute(k)) for k in range(6))

    in_threads(2, one)
    assert [(tmp_path / name).exists() for name in "01"] == [True, False]
    assert len(Journal(tmp_path / "0")._results) == 3


def launch(tmp_path, *arguments):
    """Start ``ersde measure`` in two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "ersde_theory", "measure", *map(str, arguments), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(path):
    """Return how many results a journal has."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture
def needs_gloo():
    """Skip where processes cannot be joined."""
    if not pytest.importorskip("torch").distributed.is_available():
        pytest.skip("torch without its distributed part")


@pytest.mark.usefixtures("needs_gloo")
def test_two_processes_measure_what_one_does(measure, factories, data, tmp_path):
    """Assert results to 1e-6 and one voice, and that another run in one process finds all of it."""
    call = (f"{factories}:shrink", "--data", data, "--what", "f", "--quick", "--json")
    assert measure(*call, tmp_path / "one.json").exit_code == 0
    (tmp_path / "out").rename(tmp_path / "one")
    run = launch(tmp_path, *call, tmp_path / "two.json")
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr
    assert stdout.count("Distance of samples from the data") == 1
    one, two = (
        {name: array.values for name, array in Record.load(tmp_path / file).arrays.items()}
        for file in ("one.json", "two.json")
    )
    assert agree(two, one)
    assert [lines(tmp_path / "out" / name) for name in ("journal.jsonl", "journal-1.jsonl")] == [4, 4]
    again = measure(*call, tmp_path / "again.json")
    assert "8 results were found" in again.stdout  # seven runs, and the test of consistency
    np.testing.assert_array_equal(Record.load(tmp_path / "again.json")["f.energy"], two["f.energy"])


@pytest.mark.usefixtures("needs_gloo")
def test_folder_that_cannot_be_written_is_told_once(tmp_path):
    """Assert that the other process ends quietly, and does not complain that the first has left."""
    (tmp_path / "out").write_text("a file")
    run = launch(tmp_path, "exact", "--what", "f", "--quick")
    _, stderr = run.communicate(timeout=60)
    assert run.returncode != 0
    assert stderr.count("expected a folder that can be written") == 1
    assert "RuntimeError" not in stderr


@pytest.mark.usefixtures("needs_gloo")
def test_interrupted_processes_leave_a_summary_and_their_journals(measure, factories, data, tmp_path):
    """Assert that Ctrl-C while one process waits for the other is said once, and that the same command goes on."""
    call = (f"{factories}:slow", "--data", data, "--what", "f", "--quick")
    run = launch(tmp_path, *call)
    journals = [tmp_path / "out" / name for name in ("journal.jsonl", "journal-1.jsonl")]
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline and not (lines(journals[0]) == 4 and lines(journals[1]) >= 1):
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert stderr.count("interrupted: what is finished is kept") == 1
    assert "Not finished: distance of samples" in (tmp_path / "out" / "README.md").read_text()
    kept = sum(map(lines, journals))
    assert 5 <= kept < 8
    assert re.search(f"^{kept} results were found", measure(*call).stdout, re.MULTILINE)
