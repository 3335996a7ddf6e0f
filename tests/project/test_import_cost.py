"""Importing the packages is cheap: no slow library comes along, and little time beyond NumPy's."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.project._source import ROOT
from tests.project.test_imports import HEAVY

PACKAGES = ("analytic", "ersde_theory")
# Processor time of the whole import over that of NumPy alone. The time itself is measured by
# benchmarks/bench_import.py; here the ratio only guards against a slow import slipping in.
WORST_RATIO = 2.0


def python(code: str) -> str:
    """Return what a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def processor_time(code: str, repeats: int = 5) -> float:
    """Return the least processor time in seconds that a fresh interpreter takes for the code."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def loaded(package: str, candidates: tuple[str, ...]) -> list[str]:
    """Return which of the modules a fresh interpreter has loaded after importing the package."""
    names = python(f"import {package}, sys; print(*sys.modules)").split()
    return sorted(set(names) & set(candidates))


@pytest.mark.parametrize("package", PACKAGES)
def test_import_loads_no_heavy_library(package):
    """Assert that importing a package loads none of the slow libraries."""
    assert loaded(package, HEAVY) == []


def test_heavy_library_is_seen_in_broken_twin():
    """Assert that the check sees a slow library that does get loaded."""
    assert loaded("rich", HEAVY) == ["rich"]


def test_analytic_does_not_load_the_project():
    """Assert that the oracle comes without the code that it judges."""
    assert loaded("analytic", ("ersde_theory", "paper_figures")) == []


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_import_time_is_a_small_multiple_of_numpy(package):
    """Assert that a package imports in at most three times NumPy's processor time."""
    ratio = processor_time(f"import {package}") / processor_time("import numpy")
    assert ratio < WORST_RATIO
