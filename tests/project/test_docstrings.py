"""Docstrings say what the code does: parameters, results and exceptions agree with it."""

from __future__ import annotations

import ast

import pytest

from tests.project._docstrings import faults, public_functions
from tests.project._source import PACKAGES, functions, modules, parse

GOOD = '''
def f(a: int, *, b: float = 0.0) -> float:
    """Return a thing.

    Parameters
    ----------
    a : int
        One.
    b : float, optional
        Two.

    Returns
    -------
    float
        The thing.

    Raises
    ------
    ValueError
        If it must.
    """
    if a:
        raise ValueError("a")
    return b
'''


def all_faults(text: str) -> list[str]:
    """Return the faults of a module given as text."""
    return [
        fault
        for name, node, is_method in public_functions(parse("m", text))
        for fault in faults(name, node, is_method=is_method)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_agree_with_signatures_and_raises(package):
    """Assert that public functions document their parameters, results and own exceptions."""
    found = [
        fault
        for module in modules(package)
        for name, node, is_method in public_functions(module)
        for fault in faults(name, node, is_method=is_method)
    ]
    assert not found, "\n".join(found)


def test_checker_accepts_agreeing_docstrings():
    """Assert that a complete docstring, a property and a plain getter have no fault."""
    getter = 'class A:\n    def size(self) -> int:\n        """Return the size."""\n        return 1'
    prop = 'class A:\n    @property\n    def n(self) -> int:\n        """Size."""\n        return 1'
    assert all_faults(GOOD) == all_faults(getter) == all_faults(prop) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("    b : float, optional\n        Two.\n", "", "documents the parameters"),
        ("    a : int", "    c : int", "documents the parameters"),
        ("Returns\n    -------", "Notes\n    -----", "no section Returns"),
        ("    ValueError\n", "    TypeError\n", "does not document that it raises"),
    ],
)
def test_checker_catches_its_broken_twins(before, after, expected):
    """Assert that a docstring which disagrees with the code in one place is reported."""
    assert before in GOOD
    (fault,) = all_faults(GOOD.replace(before, after))
    assert expected in fault


def test_no_docstring_shows_its_form_feed():
    """Assert that what ends a command's --help is a form feed, and not a backslash and an f, as in a raw string."""

    def shows(node):
        return any(line.strip() == "\\f" for line in (ast.get_docstring(node, clean=False) or "").split("\n"))

    assert [name for module in modules() for name, node in functions(module) if shows(node)] == []
    (twin,) = ast.parse('def f():\n    r"""Say.\n\n    \\f\n    """').body
    assert shows(twin)
