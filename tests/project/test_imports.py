"""The rules that the architecture implies for imports (CONTRIBUTING, "Architecture")."""

from __future__ import annotations

import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.project._source import ROOT, Import, Module, imports, modules, parse, within

# These parts of ersde_theory tie things together; everything else in it is numerics.
GLUE = tuple(
    f"ersde_theory.{part}"
    for part in (
        "__main__",
        "audit",
        "claims",
        "cli",
        "laboratory",
        "models",
        "network_errors",
        "problems",
        "report",
        "studies",
        "vectors",
    )
)
SYMBOLIC = ("ersde_theory.derivations",)
MAY_IMPORT_CLAIMS = ("ersde_theory.claims", "ersde_theory.cli", "ersde_theory.report")
MAY_USE_FIGURES = (
    "ersde_theory.audit.command",
    "ersde_theory.cli",
    "ersde_theory.laboratory.command",
    "ersde_theory.models.command",
    "ersde_theory.network_errors.command",
    "ersde_theory.report",
    "ersde_theory.studies.command",
)
# Slow to import, so never imported at the top of anything that `import ersde_theory` may reach.
HEAVY = (
    "dask",
    "jinja2",
    "matplotlib",
    "numba",
    "pandas",
    "rich",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.stats",
    "sklearn",
    "sympy",
    "torch",
    "typer",
    "xarray",
)
MAY_BE_HEAVY = (
    *GLUE,
    *SYMBOLIC,
    "ersde_theory.integrations",
    "analytic._isotropic_numba",
    "ersde_theory._combination_numba",
    "ersde_theory._combination_torch",
    "ersde_theory._sweep_numba",
    "ersde_theory._torch_threads",
)
# Distributions whose import name is not their name with "-" for "_".
IMPORT_NAME = {"python-flint": "flint", "scikit-learn": "sklearn"}


def is_numerics(name: str) -> bool:
    """Return whether a module belongs to the numerics of ersde_theory."""
    return within(name, "ersde_theory") and not within(name, *GLUE, *SYMBOLIC)


def oracle_uses_the_judged(found: Import) -> bool:
    """Return whether analytic imports the project."""
    return within(found.importer, "analytic") and within(found.target, "ersde_theory", "paper_figures", "tests")


def numerics_use_a_law(found: Import) -> bool:
    """Return whether numerics import anything of analytic but the distances."""
    return (
        is_numerics(found.importer)
        and within(found.target, "analytic")
        and not within(found.target, "analytic.distances")
    )


def stranger_uses_claims(found: Import) -> bool:
    """Return whether the ledger is imported by something that only the ledger may import."""
    return within(found.target, "ersde_theory.claims") and not within(
        found.importer, *MAY_IMPORT_CLAIMS, "paper_figures"
    )


def numerics_use_derivations(found: Import) -> bool:
    """Return whether numerics import a derivation."""
    return is_numerics(found.importer) and within(found.target, *SYMBOLIC)


def numerics_use_glue(found: Import) -> bool:
    """Return whether numerics import a part that sits above them."""
    return is_numerics(found.importer) and within(found.target, *GLUE)


def library_uses_figures(found: Import) -> bool:
    """Return whether a library package imports the figures (the command line may)."""
    return within(found.target, "paper_figures") and not within(found.importer, "paper_figures", *MAY_USE_FIGURES)


def heavy_at_import(found: Import) -> bool:
    """Return whether a slow library is imported while one of our numerical modules is."""
    return (
        found.at_import
        and within(found.importer, "ersde_theory", "analytic")
        and not within(found.importer, *MAY_BE_HEAVY)
        and within(found.target, *HEAVY)
    )


def private_part_of_another(found: Import) -> bool:
    """Return whether a private module is imported from outside the package that it belongs to."""
    parts = found.target.split(".")
    private = [i for i, part in enumerate(parts) if part.startswith("_") and part != "__future__"]
    if not private or not within(found.target, "analytic", "ersde_theory", "paper_figures"):
        return False
    return not within(found.importer, parts[0])


RULES = {
    oracle_uses_the_judged: ("analytic.laws", "from ersde_theory import tableau"),
    numerics_use_a_law: ("ersde_theory.sampling", "from analytic import Gaussian"),
    stranger_uses_claims: ("ersde_theory.problems", "import ersde_theory.claims"),
    numerics_use_derivations: ("ersde_theory.quadrature", "from .derivations import moments"),
    numerics_use_glue: ("ersde_theory.sampling", "def f():\n    from . import problems"),
    library_uses_figures: ("ersde_theory.errors.fit", "import paper_figures"),
    heavy_at_import: ("ersde_theory.records", "try:\n    import xarray\nexcept ImportError: ..."),
    private_part_of_another: ("ersde_theory.sampling", "from analytic._checks import describe"),
}
KNOWN = frozenset(
    {
        "ersde_theory.claims",
        "ersde_theory.derivations",
        "ersde_theory.problems",
        "ersde_theory.tableau",
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_import_breaks_the_rule(rule):
    """Assert that no import of the project is one that the rule forbids."""
    found = [str(item) for module in modules() for item in imports(module) if rule(item)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_catches_its_broken_twin(rule):
    """Assert that each rule fires on a module written to break it."""
    name, text = RULES[rule]
    assert any(rule(item) for item in imports(parse(name, text), KNOWN))


def test_rules_leave_lawful_imports_alone():
    """Assert that lazy, type-only and permitted imports break no rule."""
    lawful = {
        "ersde_theory.exact_gaussian": "from analytic import distances\nimport numpy as np",
        "ersde_theory.records": "if TYPE_CHECKING:\n    import xarray",
        "ersde_theory.problems": "from analytic import Gaussian",
        "ersde_theory.models.digits": "import torch",
        "ersde_theory.claims.orders": "from ..derivations import orders",
        "analytic.reference": "def f():\n    from scipy.integrate import solve_ivp",
        "paper_figures.fei": "from ersde_theory import claims\nimport matplotlib",
    }
    known = KNOWN | {"analytic.distances"}
    found = [
        f"{rule.__name__}: {item}"
        for name, text in lawful.items()
        for item in imports(parse(name, text), known)
        for rule in RULES
        if rule(item)
    ]
    assert not found, "\n".join(found)


def cycle(parsed: tuple[Module, ...]) -> list[str]:
    """Return one cycle of imports at import time as a list of module names, or an empty list."""
    known = frozenset(module.name for module in parsed)
    packages = {module.name for module in parsed if module.is_package}
    edges = {
        module.name: {
            item.target
            for item in imports(module, known)
            # A module may take siblings from its package's folder: the package is then only passed.
            if item.at_import
            and item.target in known
            and not (item.target in packages and within(module.name, item.target))
        }
        for module in parsed
    }
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges[name]):
            if found := visit(target, [*path, name]):
                return found
        done.add(name)
        return []

    for name in sorted(edges):
        if found := visit(name, []):
            return found
    return []


@pytest.mark.slow
def test_imports_form_no_cycle():
    """Assert that modules can be read in some order in which each uses only earlier ones."""
    assert cycle(modules()) == []


def test_cycle_is_found_in_broken_twin():
    """Assert that two modules importing each other are reported."""
    assert cycle((parse("a", "import b"), parse("b", "import a"))) == ["a", "b", "a"]
    assert cycle((parse("a", "import b"), parse("b", "def f():\n    import a"))) == []


def declared(*, extras: bool) -> set[str]:
    """Return the import names that pyproject.toml declares, with or without the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    if extras:
        lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    names = [Requirement(line).name for line in lines]
    return {IMPORT_NAME.get(name, name.replace("-", "_")) for name in names} - {"ersde_theory"}


def imported_libraries(*, at_import: bool | None = None) -> set[str]:
    """Return the top-level names of third-party libraries that the packages import."""
    ours = {"analytic", "ersde_theory", "paper_figures"}
    found = {
        item.target.partition(".")[0]
        for module in modules()
        for item in imports(module)
        if at_import is None or item.at_import == at_import
    }
    return found - ours - set(sys.stdlib_module_names) - {"", "__future__"}


@pytest.mark.slow
def test_every_imported_library_is_declared():
    """Assert that pyproject.toml names each library that the packages import anywhere."""
    # diffusers is never installed by us: the drop-in for it imports it on the user's machine.
    assert imported_libraries() - declared(extras=True) <= {"diffusers"}


@pytest.mark.slow
def test_every_core_dependency_is_imported():
    """Assert that no dependency is installed that nothing uses."""
    assert declared(extras=False) - imported_libraries() == set()
