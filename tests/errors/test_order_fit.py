"""Order fits recover planted orders, and refuse floors, sign changes and short ladders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory.errors import fit_order

LADDER = np.array([40, 80, 160, 320, 640, 1280])


@given(order=st.floats(0.5, 6.0), constant=st.floats(1e-3, 1e3), sign=st.sampled_from([-1.0, 1.0]))
def test_fit_recovers_a_planted_order(order, constant, sign):
    """Assert that a pure power law gives its exponent to round-off."""
    fit = fit_order(LADDER, sign * constant * LADDER**-order)
    assert abs(fit.order - order) < 1e-10
    assert fit.half_width < 1e-9
    assert fit.used.all()


@given(order=st.floats(1.0, 4.0), seed=st.integers(0, 2**32))
def test_interval_covers_a_planted_order_under_noise_of_stated_size(order, seed):
    """Assert that with 5 % errors of known size the order lies within four half-widths."""
    error = LADDER**-order
    noisy = error * (1.0 + 0.05 * np.random.default_rng(seed).standard_normal(LADDER.size))
    fit = fit_order(LADDER, noisy, 0.05 * error)
    assert abs(fit.order - order) < 4.0 * fit.half_width


def test_points_before_a_sign_change_are_left_out():
    """Assert that an error passing through 0 does not enter the fit."""
    n = np.array([20, 40, 80, 160, 320, 640, 1280])
    error = 10.0 / n**2 - 0.1 / n  # changes sign at n = 100
    fit = fit_order(n, error)
    assert fit.used.tolist() == [False, False, False, True, True, True, True]
    assert np.isnan(fit.local_slopes[2])


def test_points_in_the_noise_are_left_out_and_too_few_are_refused():
    """Assert that a planted Monte Carlo floor is not taken for an order."""
    error = np.array([1.0, 0.5, 0.25, 0.02, 0.02, 0.02])
    with pytest.raises(ValueError, match=r"expected at least 4 usable points, got 3 of 6 .*3 in the noise"):
        fit_order(LADDER, error, np.full(6, 0.02))


@pytest.mark.parametrize(
    ("steps", "errors", "message"),
    [
        ([10, 20, 40], [1.0, 0.5, 0.25], "expected at least 4"),
        ([10, 20, 20, 40], [1.0, 0.5, 0.4, 0.25], "strictly rising"),
        ([10, 20, 40, 80], [1.0, 0.5, 0.0, 0.25], "other than 0"),
        ([10, 20, 40, 80], [1.0, 0.5, np.inf, 0.25], "expected finite"),
        ([10, 20, 40, 80], [1.0, 0.5, 0.25], "expected shape"),
    ],
)
def test_bad_ladders_are_refused(steps, errors, message):
    """Assert that what cannot be fitted is said, with what was expected."""
    with pytest.raises(ValueError, match=message):
        fit_order(steps, errors)
