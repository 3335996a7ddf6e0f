"""Parties in processes of their own, timed in turns, with what else the machine did meanwhile.

Every party runs in its own process with the same number of cores, so no thread pool of one library disturbs
another. Rounds go through the parties in turn, so that a slow spell of the machine meets all of them; a ratio is
taken within a round. No repeat is thrown away: each carries the cores that other processes used meanwhile. A
busy machine changes ratios (OpenMP threads that wait for each other suffer most), so a verdict is taken from quiet
rounds only, by a rule that looks at the foreign processes and never at the times.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import platform
import sys
import time
import traceback
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ersde_theory.records import command_line

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PACKAGES = (
    *("ersde-theory", "numpy", "scipy", "array-api-compat", "numba", "torch", "torchsde", "diffusers"),
    *("jax", "jaxlib", "diffrax", "equinox"),
)
REST_SECONDS = 0.1  # thread pools stop spinning before the next party starts
QUIET_CORES = 0.1  # other processes may use so much during every repeat of a quiet round
WATCH_SECONDS = 0.5
FEWEST_QUIET_ROUNDS = 5


@dataclass(frozen=True)
class Repeat:
    """One timed run: seconds, processor seconds of the party, cores used by all other processes."""

    seconds: float
    processor_seconds: float
    foreign_cores: float


class Party:
    """A process that has built ``module.build(**settings)`` and runs it on request."""

    def __init__(self, name: str, module: str, cores: int, blas_threads: int, **settings: Any) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        saved = {variable: os.environ.get(variable) for variable in THREAD_VARIABLES}
        os.environ.update({variable: str(blas_threads) for variable in THREAD_VARIABLES})
        try:
            self._process = context.Process(target=_serve, args=(theirs, module, cores, settings), daemon=True)
            self._process.start()
        finally:
            for variable, value in saved.items():
                if value is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = value
        theirs.close()
        self._receive()

    def time(self, seed: int, steps: int) -> Repeat:
        """Return the time of one run."""
        self._connection.send((seed, steps, False))
        return self._receive()

    def result(self, seed: int, steps: int) -> np.ndarray:
        """Return the final states of one run."""
        self._connection.send((seed, steps, True))
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._connection.send(None)
        self._process.join(timeout=30)

    def _receive(self) -> Any:
        kind, value = self._connection.recv()
        if kind == "error":
            msg = f"{self.name} failed:\n{value}"
            raise RuntimeError(msg)
        return value


def _serve(connection: Connection, module: str, cores: int, settings: dict[str, Any]) -> None:
    """Build the party and answer requests until told to stop."""
    try:
        limit_cores(cores)
        run = importlib.import_module(module).build(**settings)
        connection.send(("ready", None))
        while (request := connection.recv()) is not None:
            seed, steps, wanted = request
            if wanted:
                connection.send(("result", np.array(run(seed, steps))))
            else:
                connection.send(("time", _timed(run, seed, steps)))
    except Exception:  # the parent raises it
        connection.send(("error", traceback.format_exc()))


def _timed(run: Any, seed: int, steps: int) -> Repeat:
    with Watch() as watch:
        run(seed, steps)
    return watch.repeat


class Watch:
    """Times a block of code: ``with Watch() as watch: ...``. Finished child processes count as its own."""

    repeat: Repeat

    def __enter__(self) -> Watch:
        """Start."""
        self._before = (busy_seconds(), sum(os.times()[:4]), time.perf_counter())
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        busy, own, begin = self._before
        seconds = time.perf_counter() - begin
        own = sum(os.times()[:4]) - own
        self.repeat = Repeat(seconds, own, (busy_seconds() - busy - own) / seconds)


def limit_cores(cores: int) -> None:
    """Keep this process on so many cores, where the system can (Linux)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def busy_seconds() -> float:
    """Return the processor seconds that the whole machine has used since its start; nan where unknown."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except OSError:
        return float("nan")
    ticks = [int(field) for field in fields]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def timed_rounds(parties: list[Party], rounds: int, steps: int, patience: float) -> dict[str, list[Repeat]]:
    """Return the repeats of every party, after one warm-up run each, taken in turns.

    Before a round the machine may take up to ``patience`` seconds to become quiet; then the round starts anyway.
    """
    repeats: dict[str, list[Repeat]] = {party.name: [] for party in parties}
    for party in parties:
        party.time(0, steps)
    for turn in range(rounds):
        wait_for_quiet(patience)
        shift = turn % len(parties)
        for party in parties[shift:] + parties[:shift]:
            time.sleep(REST_SECONDS)
            repeats[party.name].append(party.time(turn + 1, steps))
    return repeats


def quiet_rounds(repeats: dict[str, list[Repeat]]) -> np.ndarray:
    """Return which rounds were quiet for every party, shape (rounds,); none where that is unknown."""
    foreign = [[repeat.foreign_cores for repeat in of_party] for of_party in repeats.values()]
    return (np.array(foreign) <= QUIET_CORES).all(axis=0)


def wait_for_quiet(patience: float) -> None:
    """Return when other processes leave the machine alone, or after so many seconds."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        before, begin = busy_seconds(), time.perf_counter()
        time.sleep(WATCH_SECONDS)
        if not (busy_seconds() - before) / (time.perf_counter() - begin) > QUIET_CORES:
            return


def verdict(quiet_values: np.ndarray, goal: float, *, at_least: bool) -> str:
    """Return whether the median over quiet rounds reaches a goal; undecided with fewer than five rounds."""
    if len(quiet_values) < FEWEST_QUIET_ROUNDS:
        return "undecided"
    median = float(np.median(quiet_values))
    return "met" if (median >= goal if at_least else median <= goal) else "missed"


def environment(cores: int) -> dict[str, Any]:
    """Return what the numbers depend on: processor, cores, Python, versions of all parties, load, time."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": f"python benchmarks/{command_line(sys.argv)}",
        "processor": _processor(),
        "cores_of_machine": os.cpu_count(),
        "cores_used": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "source_digest": source_digest(),
        "load_average_at_start": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def source_digest() -> str:
    """Return 12 hexadecimal digits that change with any line of the measured packages."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for folder in ("analytic", "ersde_theory") for p in (root / folder).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def script_options(description: str, rounds: int) -> argparse.Namespace:
    """Return the options that all scripts have."""
    return script_parser(description, rounds).parse_args()


def script_parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers of all repeats to this file")
    parser.add_argument("--rounds", type=int, default=rounds, help="timed repeats")
    parser.add_argument(
        "--patience", type=float, default=20.0, help="seconds to wait for a quiet machine before each round"
    )
    return parser


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Write a document to a file, if one is named."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown"
