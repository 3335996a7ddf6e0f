"""Seconds of ``import ersde_theory`` in a fresh interpreter, beside NumPy alone.

    python benchmarks/bench_import.py [--json FILE] [--rounds 11]

The import is timed inside the interpreter (its own start-up left out), files in the system's cache; packages take
turns. Exit status 1 if a heavy library comes along.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _harness import busy_seconds, environment

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "analytic", "ersde_theory")
GOAL_SECONDS = 0.3
HEAVY = ("torch", "sympy", "xarray", "dask", "matplotlib", "sklearn", "scipy.integrate", "numba", "pandas")
CODE = (
    "import sys, time; begin = time.perf_counter(); import {package}; print(time.perf_counter() - begin, *sys.modules)"
)


def main() -> int:
    """Time the imports in turns and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {package: [] for package in PACKAGES}
    heavy: dict[str, list[str]] = {}
    for package in PACKAGES:  # warm-up: compiles and caches files
        _import(package)
    busy_before = busy_seconds()
    for _ in range(options.rounds):
        for package in PACKAGES:
            taken, modules = _import(package)
            seconds[package].append(taken)
            heavy[package] = sorted(set(HEAVY) & set(modules))
    document: dict[str, Any] = {
        "name": "bench_import",
        "environment": environment(1),
        "seconds": seconds,
        "median_seconds": {package: float(np.median(times)) for package, times in seconds.items()},
        "machine_busy_seconds": busy_seconds() - busy_before,
        "goal_seconds": GOAL_SECONDS,
        "heavy_modules": heavy,
    }
    for package, times in seconds.items():
        print(
            f"{package:14} median {np.median(times):6.3f} s  min {min(times):6.3f}  max {max(times):6.3f}"
            f"  heavy libraries: {', '.join(heavy[package]) or 'none'}"
        )
    median = document["median_seconds"]["ersde_theory"]
    print(f"goal {GOAL_SECONDS:g} s: {'met' if median < GOAL_SECONDS else 'missed'}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 1 if heavy["ersde_theory"] else 0


def _import(package: str) -> tuple[float, list[str]]:
    """Return the seconds of an import in a fresh interpreter and the names of all loaded modules."""
    command = [sys.executable, "-c", CODE.format(package=package)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    taken, *modules = output.split()
    return float(taken), modules


if __name__ == "__main__":
    sys.exit(main())
