"""Configuration names only what exists, and the pins cover what gets installed."""

from __future__ import annotations

import importlib
import os
import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.project._source import PACKAGES, ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, TOOL = PYPROJECT["project"], PYPROJECT["tool"]
PINS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
}


def requirements() -> list[Requirement]:
    """Return every requirement of the project: core, extras, build."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    lines = [*PROJECT["dependencies"], *extras, *PYPROJECT["build-system"]["requires"]]
    return [Requirement(line) for line in lines]


def configured_paths() -> list[str]:
    """Return the paths that pyproject.toml and the Makefile name."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    benchmarks = re.search(r"^BENCHMARKS \?= (.*)$", makefile, re.MULTILINE)
    assert benchmarks is not None
    return [
        PROJECT["readme"],
        *PROJECT["license-files"],
        *TOOL["pytest"]["ini_options"]["testpaths"],
        *TOOL["mypy"]["packages"],
        *(pattern.removesuffix("/**") for pattern in TOOL["ruff"]["lint"]["per-file-ignores"]),
        *(pattern.removesuffix("*") for pattern in TOOL["setuptools"]["packages"]["find"]["include"]),
        *(f"benchmarks/{name}.py" for name in benchmarks[1].split()),
        *re.search(r"^CONFIGURATION := (.*)$", makefile, re.MULTILINE)[1].split(),
    ]


@pytest.mark.parametrize("path", sorted(set(configured_paths())))
def test_configured_path_exists(path):
    """Assert that a path named by the configuration is there."""
    assert (ROOT / path).exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_marked_as_typed(package):
    """Assert that type checkers of other projects may use the annotations."""
    assert (ROOT / package / "py.typed").exists()


def test_console_scripts_point_at_callables():
    """Assert that each command of the project can be called."""
    for target in PROJECT["scripts"].values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_continuous_integration_calls_make_test():
    """Assert that .ci/run is executable and runs the target that users run."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test$", script.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_documents_name_only_targets_that_exist(document):
    """Assert that each ``make target`` of a document is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))
    targets |= {"test", "test-minimal"}
    text = (ROOT / document).read_text("utf-8")
    named = set(re.findall(r"(?:^|`|&& )make ([a-z][\w-]*)", text, re.MULTILINE))
    assert named
    assert named <= targets


def test_tests_are_not_packages():
    """Assert that no folder of tests is a package: tests/analytic would hide analytic."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_constraints_are_exact_versions_only():
    """Assert that the pins hold no address, no folder and no local version."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert len(pins) == len(PINS)


def test_pins_satisfy_the_declared_ranges():
    """Assert that each requirement is pinned, to a version that its range allows."""
    for requirement in requirements():
        if requirement.name != PROJECT["name"]:
            assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def installed_closure(names: list[str]) -> set[str]:
    """Return all installed distributions that the named ones need here, themselves included."""
    found: set[str] = set()
    pending = [canonicalize_name(name) for name in names]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        wanted = [Requirement(line) for line in needs]
        pending += [
            canonicalize_name(item.name)
            for item in wanted
            if item.marker is None or item.marker.evaluate({"extra": ""})
        ]
    return found


def test_everything_installed_for_the_project_is_pinned():
    """Assert that what the requirements bring along is pinned too (CUDA is pinned by torch)."""
    closure = installed_closure([requirement.name for requirement in requirements()])
    unpinned = closure - set(PINS) - {canonicalize_name(PROJECT["name"])}
    cuda = {name for name in unpinned if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    assert unpinned - cuda == set()
