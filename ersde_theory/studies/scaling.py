"""What a study costs besides its tasks: overhead of a task, planning, memory, and the gain of a second worker.

python -m ersde_theory.studies.scaling --json docs/records/study-scaling.json
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ersde_theory.records import LabelledArray, Record
from ersde_theory.studies._description import Study
from ersde_theory.studies._driver import run
from ersde_theory.studies._executors import executor as executor_of
from ersde_theory.studies._store import Store

_MODULE = "ersde_theory.studies.scaling"  # also where this file is the main one
COUNTS = (1000, 10_000, 100_000)
_WORK_SECONDS = 0.6


def nothing(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:  # noqa: ARG001 - as every measurement
    """Return at once: what a task costs is then overhead.

    Parameters
    ----------
    parameters : mapping
        ``place``: number.
    seed : int
        Not used.

    Returns
    -------
    dict

    Examples
    --------
    >>> nothing({"place": 2}, 0)
    {'place': 2.0}
    """
    return {"place": float(parameters["place"])}


def work(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Compute for about half a second of one core: a fixed number of matrix products.

    Parameters
    ----------
    parameters : mapping
        ``products``: int.
    seed : int
        Of the matrix.

    Returns
    -------
    dict
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        matrix = np.random.default_rng(seed).standard_normal((200, 200)) / 20.0
        for _ in range(int(parameters["products"])):
            matrix = np.tanh(matrix @ matrix)
    return {"sum": float(matrix.sum())}


def _study(name: str, count: int, function: str, settings: dict[str, Any]) -> Study:
    return Study(name, f"{_MODULE}:{function}", {"place": tuple(range(count))}, settings)


def overhead(count: int, executor: str, workers: int) -> dict[str, float]:
    """Return what empty tasks cost, in seconds, and the memory of planning them.

    Parameters
    ----------
    count : int
        Tasks.
    executor : str
    workers : int

    Returns
    -------
    dict
        ``planning`` (all tasks with their hashes, looked up in the store), ``each``, ``peak`` (MB, of planning).

    Examples
    --------
    >>> overhead(50, "inline", 1)["each"] > 0.0
    True
    """
    of = _study("overhead", count, "nothing", {})
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "s.db") as store:
        begin = time.perf_counter()
        keys = [cell.task(0).key for cell in of.cells()]
        store.read(keys)
        planning = time.perf_counter() - begin
        peak = _peak(lambda: [cell.task(0) for cell in of.cells()])
        with executor_of(executor, workers=None if executor == "inline" else workers) as pool:
            pool.submit(len, ()).result()  # workers are up
            begin = time.perf_counter()
            run(of, store, pool, workers=workers)
            each = (time.perf_counter() - begin) / count
    return {"planning": planning, "each": each, "peak": peak}


def _peak(function: Callable[[], Any]) -> float:
    """Return the most memory that Python objects take in a call, in MB."""
    tracemalloc.start()
    kept = function()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    del kept
    return peak


def efficiency(tasks: int, executor: str) -> dict[str, float]:
    """Return how much of a second worker is used, on tasks of half a second and more.

    Parameters
    ----------
    tasks : int
    executor : str

    Returns
    -------
    dict
        ``one``, ``two``: seconds; ``task``: seconds of one task; ``efficiency``: one / (2 two).
    """
    products = 100
    begin = time.process_time()
    work({"products": products}, 0)
    products = int(products * _WORK_SECONDS / max(time.process_time() - begin, 1e-3))
    seconds = {}
    for workers in (1, 2):
        of = _study(f"efficiency-{workers}", tasks, "work", {"products": products, "workers": workers})
        with (
            tempfile.TemporaryDirectory() as folder,
            Store(Path(folder) / "s.db") as store,
            executor_of(executor, workers=workers) as pool,
        ):
            pool.submit(work, {"products": 1}, 0).result()
            begin_wall = time.perf_counter()
            run(of, store, pool, workers=workers)
            seconds[workers] = time.perf_counter() - begin_wall
    return {
        "one": seconds[1],
        "two": seconds[2],
        "task": seconds[1] / tasks,
        "efficiency": seconds[1] / (2.0 * seconds[2]),
    }


def measure(counts: tuple[int, ...] = COUNTS, tasks: int = 24) -> Record:
    """Return all of it.

    Parameters
    ----------
    counts : tuple of int
        Numbers of empty tasks.
    tasks : int
        Of work.

    Returns
    -------
    Record
        Named ``study-scaling``.
    """
    begin = time.perf_counter()
    inline = [overhead(count, "inline", 1) for count in counts]
    dask = overhead(min(counts[-1], 10_000), "dask", 2)
    gains = {name: efficiency(tasks, name) for name in ("processes", "dask")}
    settings = {
        "dask_seconds_each": dask["each"],
        **{f"{name}_{key}": value for name, found in gains.items() for key, value in found.items()},
        "peak_memory_of_the_process_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    arrays = {
        "tasks": LabelledArray(("tasks",), np.array(counts)),
        "seconds_each": LabelledArray(("tasks",), np.array([item["each"] for item in inline]), "s"),
        "planning": LabelledArray(("tasks",), np.array([item["planning"] for item in inline]), "s"),
        "planning_memory": LabelledArray(("tasks",), np.array([item["peak"] for item in inline]), "MB"),
    }
    return Record("study-scaling", settings, arrays, seconds=time.perf_counter() - begin)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    record = measure()
    print(record.to_json())  # noqa: T201 - the result
    if options.json is not None:
        record.save(options.json)


if __name__ == "__main__":
    main()
