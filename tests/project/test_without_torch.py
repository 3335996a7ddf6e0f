"""What is not about torch, numba or python-flint imports without them; checked where they are not installed."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import pytest

from tests.project._source import modules, within

OPTIONAL = ("diffusers", "flint", "numba", "safetensors", "torch")
# Modules that are reached only where one of these libraries is there, by name or by the room they are in.
NEED_ONE = (
    "analytic._isotropic_numba",
    "ersde_theory._combination_numba",
    "ersde_theory._combination_torch",
    "ersde_theory.audit._torch_tap",
    "ersde_theory.audit._watch",
    "ersde_theory.audit.examples",
    "ersde_theory.integrations",
    "ersde_theory.models",
    "ersde_theory.vectors",
)


def missing(names: list[str]) -> dict[str, str]:
    """Return which of the modules cannot be imported for want of which library."""
    found = {}
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as problem:
            found[name] = str(problem.name).partition(".")[0]
    return found


def test_modules_import_without_the_libraries_that_they_can_do_without():
    """Assert that nothing but an optional library is missing, and only to those that are about one."""
    found = missing([m.name for m in modules() if not m.name.endswith("__main__")])
    assert set(found.values()) <= {name for name in OPTIONAL if find_spec(name) is None}
    assert [f"{name} needs {library}" for name, library in found.items() if not within(name, *NEED_ONE)] == []


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_module_that_needs_torch_is_noticed():
    """Assert that a module which imports torch is found out where there is none."""
    assert missing(["ersde_theory._combination_torch", "ersde_theory.sampling"]) == {
        "ersde_theory._combination_torch": "torch"
    }
