"""Each derivation has a second witness that shares no code with it and finds the same numbers."""

from __future__ import annotations

import pytest

from ersde_theory import derivations
from tests.derivations import _witnesses

TOLERANCE = 2e-7  # of numerical derivatives and of integrations with a relative tolerance of 1e-11
WITNESSES = {
    name.replace("_", "-"): function
    for name, function in vars(_witnesses).items()
    if callable(function) and name.replace("_", "-") in {item.name for item in derivations.all()}
}
FIRST_PART = [item.name for item in derivations.all() if item.name in WITNESSES]


def differs(value, expected):
    """Return whether two numbers differ by more than the tolerance, relative to the expected one."""
    return abs(float(value) - float(expected)) > TOLERANCE * abs(float(expected))


@pytest.mark.parametrize("name", FIRST_PART)
def test_witness_agrees_with_the_statement_and_would_notice_a_thousandth(name):
    """Assert that the numbers agree, and that a statement off by 1/1000 would not."""
    pairs = WITNESSES[name]()
    assert pairs
    for value, expected in pairs:
        assert not differs(value, expected), (value, expected)
        assert differs(value, expected * 1.001)


def test_every_derivation_of_the_first_part_has_a_witness():
    """Assert that no derivation of the modules 01 to 09 lacks one."""
    import importlib
    import pkgutil

    found = []
    for module in pkgutil.iter_modules(derivations.__path__):
        if module.name.startswith("_0"):
            found += importlib.import_module(f"ersde_theory.derivations.{module.name}").DERIVATIONS
    assert [item.name for item in found if item.name not in WITNESSES] == []
