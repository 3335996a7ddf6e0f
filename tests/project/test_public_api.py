"""The public names are frozen, documented and shown in examples that run as doctests."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from typing import Any

import pytest

from tests.project._docstrings import is_property, public_functions
from tests.project._source import Module, modules, parse, within

# Names that other work relies on: they may be joined by others but never go.
PROMISED = {
    "analytic": {"EmpiricalDistribution", "Gaussian", "GaussianMixture"},
    "ersde_theory": {"ForwardProcess", "NoiseScale", "Tableau", "TimeGrid", "sample", "schemes"},
    "ersde_theory.schemes": {
        "ddim",
        "ddpm_ancestral",
        "er_sde",
        "euler_maruyama",
        "exponential_adams",
    },
    "ersde_theory.exact_gaussian": {"output_moments", "wasserstein2"},
}
# Every public name of these modules. A change here changes the interface: say so in CHANGELOG.
FROZEN = {
    "analytic": [
        "Digits",
        "EmpiricalDistribution",
        "Estimate",
        "Gaussian",
        "GaussianMixture",
        "GaussianTransition",
        "Law",
        "StepCovariances",
        "coarsen_brownian",
        "digits_law",
        "digits_mixture",
        "draw_brownian",
        "energy_distance",
        "gaussian_kl",
        "gaussian_kl_full",
        "gaussian_ode_solution",
        "gaussian_transition",
        "gaussian_wasserstein2",
        "gaussian_wasserstein2_full",
        "handwritten_digits",
        "sliced_wasserstein2",
        "solve_ode",
        "solve_ode_x",
        "solve_sde",
        "step_covariances",
    ],
    "ersde_theory": [
        "BrownianPath",
        "Draw",
        "ForwardProcess",
        "NoiseScale",
        "NotAdmissible",
        "Tableau",
        "TimeGrid",
        "sample",
        "schemes",
    ],
    "ersde_theory.schemes": [
        "ddim",
        "ddpm_ancestral",
        "deis",
        "dpm_solver_pp",
        "dpm_solver_pp_sde",
        "dpm_solver_pp_singlestep",
        "edm_heun",
        "edm_stochastic",
        "er_sde",
        "euler_maruyama",
        "exponential_adams",
        "exponential_pec",
        "exponential_sra",
        "sa_solver",
        "seeds",
        "uni_pc",
        "variable_order_pec",
    ],
}
# A command line is shown by its own --help and by its tests.
WITHOUT_EXAMPLES = (
    "ersde_theory.audit.command",
    "ersde_theory.cli",
    "ersde_theory.claims",
    "ersde_theory.laboratory.__main__",
    "ersde_theory.laboratory.command",
    "ersde_theory.models.command",
    "ersde_theory.network_errors.command",
    "ersde_theory.studies.command",
    "ersde_theory.studies.kill_test",
    "ersde_theory.studies.scaling",
    "ersde_theory.vectors.command",
)


@pytest.mark.parametrize("name", PROMISED)
def test_promised_names_exist(name):
    """Assert that each promised name is exported and can be had."""
    module = importlib.import_module(name)
    assert set(getattr(module, "__all__", dir(module))) >= PROMISED[name]
    assert all(hasattr(module, item) for item in PROMISED[name])


@pytest.mark.parametrize("name", FROZEN)
def test_public_names_are_the_frozen_ones(name):
    """Assert that a module exports exactly the names listed in this file."""
    module = importlib.import_module(name)
    assert sorted(module.__all__) == FROZEN[name]
    assert all(hasattr(module, item) for item in FROZEN[name])


@pytest.mark.parametrize("name", ["analytic", "ersde_theory"])
def test_public_names_are_listed_once_and_seen_by_dir(name):
    """Assert that ``__all__`` is free of repetition and that ``dir`` shows all of it."""
    module: Any = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))


def test_every_promise_is_also_frozen():
    """Assert that the frozen lists cover the packages and contain what was promised."""
    assert {"analytic", "ersde_theory", "ersde_theory.schemes"} <= set(FROZEN)
    for name in FROZEN.keys() & PROMISED.keys():
        assert PROMISED[name] <= set(FROZEN[name])


def _needs_example(item: object) -> bool:
    if inspect.isclass(item):
        return not issubclass(item, BaseException)
    return inspect.isroutine(item)


def exported(name: str) -> list[tuple[str, Any]]:
    """Return the exported classes and functions of a module, imported for real."""
    module = importlib.import_module(name)
    return [
        (f"{name}.{item}", getattr(module, item)) for item in module.__all__ if _needs_example(getattr(module, item))
    ]


@pytest.mark.parametrize("name", ["analytic", "ersde_theory"])
def test_exported_objects_have_docstring_and_example(name):
    """Assert that what a user can import has a docstring with an Examples section."""
    found = [
        full
        for full, item in exported(name)
        if ">>>" not in (inspect.getdoc(item) or "") or "Examples\n" not in inspect.getdoc(item)
    ]
    assert not found, "\n".join(found)


def without_example(module: Module) -> list[str]:
    """Return the public functions and methods of a module that no example calls.

    A method counts as shown when an example of its class uses it; properties and the methods of a
    Protocol, which has none to call, are left out.
    """
    text = {
        node.name: ast.get_docstring(node) or ""
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not any("Protocol" in ast.unparse(b) for b in node.bases)
    }
    found = []
    for name, node, is_method in public_functions(module):
        own, last = ast.get_docstring(node) or "", name.split(".")[-1]
        shown = ">>>" in own
        if is_method and (is_property(node) or name.split(".")[-2] not in text):
            continue
        if is_method:
            of_class = "\n".join(re.findall(r"^\s*(?:>>>|\.\.\.).*", text[name.split(".")[-2]], re.M))
            shown = shown or re.search(rf"\.{last}\b", of_class) is not None
        if not shown:
            found.append(name)
    return found


def test_every_public_callable_is_shown_in_an_example():
    """Assert that each public function and method has a doctest, its own or its class's."""
    found = [
        name for module in modules() if not within(module.name, *WITHOUT_EXAMPLES) for name in without_example(module)
    ]
    assert not found, "\n".join(found)


def test_missing_example_is_caught_in_broken_twin():
    """Assert that a function without an example is reported, a method shown by its class not."""
    shown = 'class A:\n    """A.\n\n    >>> A().b()\n    """\n    def b(self):\n        """B."""'
    assert without_example(parse("m", shown)) == []
    assert without_example(parse("m", shown.replace(".b()", ".c()"))) == ["m.A.b"]
    assert without_example(parse("m", 'def f():\n    """F."""')) == ["m.f"]
