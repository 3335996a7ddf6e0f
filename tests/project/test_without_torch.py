"""Where torch is not installed, all modules import but those that are about it, numba or python-flint."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.project._source import ROOT, modules, within

pytestmark = pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed: `make test-minimal`")

OPTIONAL = ("flint", "numba", "torch")
# By name, or by the room that they are in; some modules of these rooms do without.
MAY_NEED_ONE = (
    "analytic._isotropic_numba",
    "ersde_theory._combination_numba",
    "ersde_theory._combination_torch",
    "ersde_theory._sweep_numba",
    "ersde_theory._torch_threads",
    "ersde_theory.audit._torch_tap",
    "ersde_theory.audit._watch",
    "ersde_theory.audit.examples",
    "ersde_theory.integrations",
    "ersde_theory.models",
    "ersde_theory.vectors",
)
PROGRAM = """
import importlib, json, sys
missing = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as problem:
        missing[name] = problem.name
print(json.dumps(missing))
"""


@pytest.fixture(scope="module")
def missing() -> dict[str, str]:
    """Give the modules that a fresh interpreter cannot import, with the library that each of them lacks.

    Fresh, since pytest, looking for examples, leaves modules behind of which it could import only the beginning.
    """
    names = [module.name for module in modules() if not module.name.endswith("__main__")]
    command = [sys.executable, "-c", PROGRAM, *names]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_nothing_lacks_a_library_but_what_is_about_it(missing):
    """Assert that only optional libraries are missing, and only to modules that are about one."""
    assert set(missing.values()) <= set(OPTIONAL)
    assert [f"{name} needs {library}" for name, library in missing.items() if not within(name, *MAY_NEED_ONE)] == []


def test_module_that_needs_torch_is_noticed(missing):
    """Assert that the list holds what cannot do without torch, in the words of its broken twin."""
    assert missing["ersde_theory._combination_torch"] == missing["ersde_theory.models.unet"] == "torch"
    assert "ersde_theory.sampling" not in missing
