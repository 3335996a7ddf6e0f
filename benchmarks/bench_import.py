"""Seconds of ``import ersde_theory`` in a fresh interpreter, beside NumPy alone.

    python benchmarks/bench_import.py [--json FILE] [--rounds 11]

The import is timed inside the interpreter (its own start-up left out), files in the system's cache; packages take
turns. Exit status 1 if a heavy library comes along.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from _harness import QUIET_CORES, Watch, environment, script_options, verdict, wait_for_quiet, write_json

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "analytic", "ersde_theory")
GOAL_SECONDS = 0.3
HEAVY = ("torch", "sympy", "xarray", "dask", "matplotlib", "sklearn", "scipy.integrate", "numba", "pandas")
CODE = (
    "import sys, time; begin = time.perf_counter(); import {package}; print(time.perf_counter() - begin, *sys.modules)"
)


def main() -> int:
    """Time the imports in turns and return the exit status."""
    options = script_options(__doc__, rounds=11)
    seconds: dict[str, list[float]] = {package: [] for package in PACKAGES}
    heavy: dict[str, list[str]] = {}
    foreign = []
    for package in PACKAGES:  # warm-up: compiles and caches files
        _import(package)
    for _ in range(options.rounds):
        wait_for_quiet(options.patience)
        with Watch() as watch:
            for package in PACKAGES:
                taken, modules = _import(package)
                seconds[package].append(taken)
                heavy[package] = sorted(set(HEAVY) & set(modules))
        foreign.append(watch.repeat.foreign_cores)
    quiet = np.array(foreign) <= QUIET_CORES
    found = verdict(np.array(seconds["ersde_theory"])[quiet], GOAL_SECONDS, at_least=False)
    for package, times in seconds.items():
        print(f"{package:14} median {np.median(times):6.3f} s  min {min(times):6.3f}  max {max(times):6.3f}", end="")
        print(f"  heavy libraries: {', '.join(heavy[package]) or 'none'}")
    print(f"ersde_theory: goal < {GOAL_SECONDS:g} s: {found} ", end="")
    print(f"(from {quiet.sum()} of {len(foreign)} rounds, those that were quiet)")
    document = {
        "name": "bench_import",
        "environment": environment(1),
        "seconds": seconds,
        "foreign_cores": foreign,
        "median_seconds": {package: float(np.median(times)) for package, times in seconds.items()},
        "goal_seconds": GOAL_SECONDS,
        "verdict": found,
        "heavy_modules": heavy,
    }
    write_json(options.json, document)
    return 1 if heavy["ersde_theory"] else 0


def _import(package: str) -> tuple[float, list[str]]:
    """Return the seconds of an import in a fresh interpreter and the names of all loaded modules."""
    command = [sys.executable, "-c", CODE.format(package=package)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    taken, *modules = output.split()
    return float(taken), modules


if __name__ == "__main__":
    sys.exit(main())
