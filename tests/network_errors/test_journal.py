"""The journal: nothing is lost to kills, torn lines, full disks; other settings are other results."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ersde_theory.network_errors import Journal, JournalError
from ersde_theory.network_errors.journal import task_key
from ersde_theory.records import Record

ROOT = Path(__file__).resolve().parents[2]
# Runs two measurements on Gaussian data; argument 3 slows every result down, so that there is something to kill.
PROGRAM = """
import sys, time
from pathlib import Path
from ersde_theory.network_errors import MEASUREMENTS, Journal
from ersde_theory.network_errors import journal as module
from ersde_theory.network_errors._effort import QUICK
from ersde_theory.network_errors._run import combined, run_measurements
from ersde_theory.network_errors._subject import gaussian_subject
folder, pause = Path(sys.argv[1]), float(sys.argv[2])
log = Journal(folder / "journal.jsonl")
asked = [MEASUREMENTS[letter] for letter in "ab"]
found = list(run_measurements(asked, gaussian_subject(), QUICK, log, 0, lambda *_: time.sleep(pause)))
combined([(m.letter, r) for m, r in found]).save(folder / "all.json")
print(log.found)
"""


def launch(folder, pause):
    """Start the program."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(pause)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def lines(folder):
    """Return how many results the journal has."""
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_killed_run_goes_on_and_ends_with_identical_results(tmp_path):
    """Assert that after SIGKILL the same run takes up what it had and gives the same numbers bit for bit."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    uninterrupted = launch(whole, 0.0)
    victim = launch(killed, 0.2)
    deadline = time.monotonic() + 60.0
    while lines(killed) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    before = lines(killed)
    assert before >= 4
    with (killed / "journal.jsonl").open("ab") as file:
        file.write(b"0123456789abcdef {torn")  # as a kill inside a write would leave it
    again = launch(killed, 0.0)
    assert int(again.communicate()[0]) == before
    assert again.returncode == 0
    uninterrupted.communicate()
    first, second = (Record.load(folder / "all.json") for folder in (whole, killed))
    assert list(first.arrays) == list(second.arrays)
    for label in first.arrays:
        np.testing.assert_array_equal(first[label], second[label])
    assert lines(whole) == lines(killed)


def test_results_are_read_back_bit_for_bit(tmp_path):
    """Assert that awkward numbers, words and shapes survive."""
    result = {
        "x": np.array([[np.pi, -0.0], [np.nan, np.inf]]),
        "n": np.array(3),
        "words": np.array(["a", "±"]),
        "yes": np.array([True]),
    }
    Journal(tmp_path / "j").result({"t": 1}, lambda: result)
    found = Journal(tmp_path / "j").result({"t": 1}, lambda: pytest.fail("computed again"))
    for name, value in result.items():
        np.testing.assert_array_equal(found[name], value)
        assert np.asarray(found[name]).shape == value.shape


def test_other_settings_are_computed_anew(tmp_path):
    """Assert that a change of any setting, of the weights' hash say, changes the key."""
    journal = Journal(tmp_path / "j")
    journal.result({"subject": "a", "seed": 0}, lambda: {"v": np.zeros(1)})
    for task in ({"subject": "b", "seed": 0}, {"subject": "a", "seed": 1}):
        assert journal.result(task, lambda: {"v": np.ones(1)})["v"][0] == 1.0
    assert journal.found == 0
    assert task_key({"a": 1}) != task_key({"a": 1.5})


def test_damaged_line_is_ignored_and_the_others_kept(tmp_path):
    """Assert that a changed digit is noticed by its checksum."""
    path = tmp_path / "j"
    journal = Journal(path)
    for k in range(3):
        journal.result({"k": k}, lambda k=k: {"v": np.array([0.125 + k])})
    path.write_bytes(path.read_bytes().replace(b"1.125", b"1.625"))
    found = Journal(path)
    assert found.damaged == 1
    assert found.result({"k": 1}, lambda: {"v": np.array([9.0])})["v"][0] == 9.0
    assert found.result({"k": 2}, lambda: pytest.fail("computed again"))["v"][0] == 2.125


def test_full_disk_is_said_and_loses_nothing(tmp_path, monkeypatch):
    """Assert that a failing write leaves the file as it was, and that the next one works."""
    path = tmp_path / "j"
    journal = Journal(path)
    journal.result({"k": 0}, lambda: {"v": np.zeros(1)})
    before = path.read_bytes()

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match=r"No space left on device.*the results before are whole"):
            journal.result({"k": 1}, lambda: {"v": np.ones(1)})
    assert path.read_bytes() == before
    journal.result({"k": 1}, lambda: {"v": np.ones(1)})
    assert len(Journal(path)._results) == 2


def test_result_of_another_dtype_is_refused():
    """Assert that what could not be read back the same is an error at once."""
    with pytest.raises(TypeError, match="v: expected an array of float64"):
        Journal(None).result({}, lambda: {"v": np.array([1j])})
