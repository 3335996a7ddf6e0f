"""A study whose driver and workers are killed at random moments must end as one that nobody disturbed.

python -m ersde_theory.studies.kill_test --json docs/records/study-kill-test.json
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ersde_theory.records import LabelledArray, Record
from ersde_theory.studies._description import Sampling, Study
from ersde_theory.studies._store import Store, StoreError

_MODULE = "ersde_theory.studies.kill_test"  # also where this file is the main one
TASKS, KILLS = 2000, 100


def noisy(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Return a mean of normals after a little sleep: a task for tests.

    Parameters
    ----------
    parameters : mapping
        ``place``: float; ``seconds``: float, to sleep.
    seed : int
        Of the normals.

    Returns
    -------
    dict

    Examples
    --------
    >>> noisy({"place": 1.0, "seconds": 0.0}, 3) == noisy({"place": 1.0, "seconds": 0.0}, 3)
    True
    """
    time.sleep(float(parameters["seconds"]))
    values = np.random.default_rng(seed).standard_normal(100)
    return {"mean": float(parameters["place"]) + float(values.mean()), "spread": float(values.std())}


noisy.sampled = True  # type: ignore[attr-defined]


def study(cells: int, seconds: float) -> Study:
    """Return a study of so many cells of 8 blocks and more.

    Parameters
    ----------
    cells : int
    seconds : float
        Of each task.

    Returns
    -------
    Study

    Examples
    --------
    >>> study(3, 0.0).n_cells
    3
    """
    places = tuple(round(1.0 + 0.01 * k, 2) for k in range(cells))
    sampling = Sampling(target=0.03, first=8, most=16, rounds=2)
    return Study("kill_test", f"{_MODULE}:noisy", {"place": places}, {"seconds": seconds}, sampling, timeout=None)


def contents(store: Path, of: Study) -> dict[str, dict[str, float]]:
    """Return all results of a study, bit for bit.

    Parameters
    ----------
    store : Path
    of : Study

    Returns
    -------
    dict of str to dict

    Raises
    ------
    ValueError
        If a result is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Store(f"{folder}/s.db").close()
    ...     contents(Path(folder) / "s.db", study(1, 0.0))
    {}
    """
    most = 1 if of.sampling is None else of.sampling.most
    with Store(store, readonly=True) as found:
        values, damaged = found.read(cell.task(block).key for cell in of.cells() for block in range(most))
    if damaged:
        msg = f"{store}: expected no damaged result, got {len(damaged)}"
        raise ValueError(msg)
    return values


def drive(store: Path, cells: int, seconds: float, executor: str) -> subprocess.Popen[bytes]:
    """Start a driver in a process group of its own.

    Parameters
    ----------
    store : Path
    cells : int
    seconds : float
    executor : str
        Its name; two workers.

    Returns
    -------
    subprocess.Popen
    """
    command = [sys.executable, "-m", _MODULE, "--drive", str(store), str(cells), str(seconds), executor]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def disturbed(
    store: Path, cells: int, seconds: float, executor: str, kills: int, seed: int, advance: Callable[[], None]
) -> tuple[int, int]:
    """Run a study to its end, killing its driver or one of its workers so many times on the way.

    Parameters
    ----------
    store : Path
    cells : int
    seconds : float
    executor : str
    kills : int
    seed : int
        Of the moments and the victims.
    advance : callable
        Called after each kill.

    Returns
    -------
    drivers, workers : int
        How many of each were killed.
    """
    chance = random.Random(seed)
    killed = [0, 0]
    driver = drive(store, cells, seconds, executor)
    # moments of progress, not of the clock: how long a driver takes to start does not decide how many kills there are
    moments = sorted(chance.uniform(0.0, 0.9 * cells * 8) for _ in range(kills))
    while sum(killed) < kills and driver.poll() is None:
        time.sleep(chance.uniform(0.02, 0.4))
        if _progress(store) < moments[sum(killed)]:
            continue
        victims = _children(driver.pid)
        if chance.random() < 0.5 or not victims:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
            killed[0] += 1
            driver = drive(store, cells, seconds, executor)
        else:
            _kill(chance.choice(victims))
            killed[1] += 1
        advance()
    if driver.wait() != 0:
        driver = drive(store, cells, seconds, executor)
        driver.wait()
    return killed[0], killed[1]


def _progress(store: Path) -> int:
    """Return how many results there are; none if the store is just being made."""
    try:
        with Store(store, readonly=True) as found:
            return found.count()
    except StoreError:
        return 0


def _children(pid: int) -> list[int]:
    """Return the processes that descend from one and run Python for it."""
    import psutil

    try:
        found = psutil.Process(pid).children(recursive=True)
        return [c.pid for c in found if not c.children() and "resource_tracker" not in " ".join(c.cmdline())]
    except psutil.Error:
        return []


def _kill(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def compare(
    cells: int, seconds: float, executor: str, kills: int, seed: int = 0, advance: Callable[[], None] | None = None
) -> Record:
    """Return what a disturbed run lost, counted twice or got wrong, against an undisturbed one.

    Parameters
    ----------
    cells : int
    seconds : float
    executor : str
    kills : int
    seed : int
    advance : callable, optional

    Returns
    -------
    Record
        Named ``study-kill-test``; its settings hold the counts.
    """
    begin = time.perf_counter()
    of = study(cells, seconds)
    with tempfile.TemporaryDirectory() as folder:
        calm, wild = Path(folder) / "calm.db", Path(folder) / "wild.db"
        undisturbed = drive(calm, cells, seconds, executor)
        drivers, workers = disturbed(wild, cells, seconds, executor, kills, seed, advance or (lambda: None))
        undisturbed.wait()
        left, right = contents(calm, of), contents(wild, of)
        with Store(wild, readonly=True) as store:
            rows, failures = store.count(), len(store.failures())
    settings = {
        "executor": executor,
        "tasks": len(left),
        "killed_drivers": drivers,
        "killed_workers": workers,
        "lost": len(left.keys() - right.keys()),
        "duplicated": rows - len(right),
        "different": sum(left[key] != right[key] for key in left.keys() & right.keys()),
        "more": len(right.keys() - left.keys()),
        "failed": failures,
    }
    counts = np.array([settings[name] for name in ("lost", "duplicated", "different", "more", "failed")])
    arrays = {"count": LabelledArray(("what",), counts)}
    return Record("study-kill-test", settings, arrays, seconds=time.perf_counter() - begin)


def main() -> None:
    """Run the test, or drive the study in a process that will be killed."""
    from rich.console import Console

    from ersde_theory.progress import progress_bar

    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--executor", default="dask")
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drive", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        _drive(*options.drive)
        return
    cells = math.ceil(options.tasks / 8)
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("kills", total=float(options.kills))
        record = compare(cells, 0.05, options.executor, options.kills, options.seed, lambda: bar.advance(task))
    print(record.settings)  # noqa: T201 - the result
    if options.json is not None:
        record.save(options.json)
    sys.exit(0 if not record["count"].any() else 1)


def _drive(store: str, cells: str, seconds: str, executor: str) -> None:
    """Run the study; a task that lost its worker is tried again."""
    from ersde_theory.studies._driver import run
    from ersde_theory.studies._executors import executor as executor_of

    workers = None if executor == "inline" else 2
    with Store(store) as found, executor_of(executor, workers=workers) as pool:
        outcome = run(study(int(cells), float(seconds)), found, pool, workers=workers or 1, retry_failed=True)
    sys.exit(0 if outcome.succeeded else 1)


if __name__ == "__main__":
    main()
