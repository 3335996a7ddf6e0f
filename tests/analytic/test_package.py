"""The package as a whole: names, import cost."""

from __future__ import annotations

import subprocess
import sys

import analytic

HEAVY = ("torch", "sklearn", "sympy", "xarray", "matplotlib", "scipy", "numba", "ersde_theory")


def test_public_names_exist_and_are_sorted():
    """Assert that ``__all__`` is sorted and every name resolves."""
    assert analytic.__all__ == sorted(analytic.__all__)
    assert all(hasattr(analytic, name) for name in analytic.__all__)


def test_import_loads_nothing_heavy():
    """Assert that importing the package imports none of the slow libraries, nor what it judges."""
    code = f"import sys, analytic; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
