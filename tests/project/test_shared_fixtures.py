"""What tests/conftest.py promises to every test."""

from __future__ import annotations

import warnings

import hypothesis
import numpy as np
import pytest

from tests.project._source import ROOT


def test_nan_and_division_by_zero_raise_in_every_test():
    """Assert that NumPy does not let a NaN or an infinity be born in silence."""
    zero = np.zeros(1)
    with pytest.raises(FloatingPointError):
        zero / zero
    with pytest.raises(FloatingPointError):
        1.0 / zero
    with pytest.raises(FloatingPointError):
        np.log(-1.0 - zero)


def test_warnings_are_errors():
    """Assert that a warning fails the test that causes it."""
    with pytest.raises(UserWarning, match="as an error"):
        warnings.warn("as an error", UserWarning, stacklevel=1)


def test_hypothesis_runs_the_reproducible_profile():
    """Assert that Hypothesis draws the same examples in every run and sets no time limit."""
    settings = hypothesis.settings()
    assert settings.derandomize
    assert settings.deadline is None
    assert settings.print_blob


def test_backend_round_trip_keeps_values_and_dtype(xp):
    """Assert that arrays of each library carry their dtype and come back with the same values."""
    values = np.array([[0.5, -2.0], [3.0, 0.0]])
    array = xp.asarray(values)
    assert array.dtype == xp.dtype
    np.testing.assert_array_equal(xp.to_numpy(array), values)
    assert xp.eps == {"float32": 2.0**-23, "float64": 2.0**-52}[xp.dtype_name]


def test_backend_refuses_an_array_of_another_dtype(xp):
    """Assert that a result of the wrong dtype does not pass as one of the right dtype."""
    other = {"float32": "float64", "float64": "float32"}[xp.dtype_name]
    array = xp.namespace.asarray([1.0], dtype=getattr(xp.namespace, other))
    with pytest.raises(TypeError, match=f"expected a {xp.library} {xp.dtype_name} array, got"):
        xp.to_numpy(array)


def test_seed_depends_on_the_test_alone(seed, rng, request):
    """Assert that a test's random numbers follow from its name."""
    again = np.random.default_rng(seed)
    assert rng.integers(2**63) == again.integers(2**63)
    assert request.node.name in request.node.nodeid
    assert (ROOT / request.node.nodeid.partition("::")[0]).exists()
