"""Order fits recover planted orders, and refuse floors, sign changes and short ladders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory.errors import Regime, differences_orders, fit_order

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


def test_round_off_floors_are_left_out():
    """Assert that points within four floors of 0 do not enter, and are called round-off."""
    errors = np.append(LADDER[:5] ** -4.0, -1e-14)
    fit = fit_order(LADDER, errors, floors=np.full(6, 1e-13))
    assert fit.used.tolist() == [True] * 5 + [False]
    assert fit.regimes[-1] is Regime.ROUND_OFF
    assert abs(fit.order - 4.0) < 1e-9


def test_regimes_tell_the_coarse_points_from_the_settled_ones():
    """Assert that the closed vocabulary names each point of a ladder that has all of it."""
    n = 10.0 * 2.0 ** np.arange(10)
    errors = 1.0 / n - 15.0 / n**2
    spread = np.where(n > 4000.0, errors, 1e-3 * np.abs(errors))
    regimes = fit_order(n, errors, spread).regimes
    assert regimes[0] is Regime.SIGN_CHANGE
    assert regimes[1] is Regime.PRE_ASYMPTOTIC
    assert regimes[-2] is Regime.ASYMPTOTIC
    assert regimes[-1] is Regime.NOISE


def test_sign_changes_across_hidden_points_are_seen():
    """Assert that a change of sign counts where the point between is in the noise."""
    errors = np.array([1.0, 0.001, -0.5, -0.25, -0.125, -0.0625])
    fit = fit_order(LADDER, errors, np.full(6, 0.002))
    assert fit.used.tolist() == [False, False, True, True, True, True]


@given(order=st.floats(0.5, 4.0), limit=st.sampled_from([-1e-3, 1e-3, 1.0]))
def test_differences_show_the_order_whatever_the_limit(order, limit):
    """Assert that Richardson's check reads the order of the differences, and only them."""
    errors = LADDER**-order + limit
    orders = differences_orders(LADDER[:4], errors[:4])
    assert np.allclose(orders, order, atol=1e-6 * max(1.0, abs(limit)) / (LADDER[2] ** -order) * 1e-6 + 1e-4)


def test_differences_have_no_order_across_a_change_of_sign_or_uneven_steps():
    """Assert that nothing is read where the differences cannot tell."""
    assert np.isnan(differences_orders(LADDER[:3], [1.0, 2.0, 0.5])).all()
    assert np.isnan(differences_orders([10, 20, 30, 70], [1.0, 0.5, 0.3, 0.1])).all()


def test_correlated_errors_give_the_generalised_least_squares_slope():
    """Assert the slope and interval of textbook generalised least squares, and that ignoring correlation differs."""
    from scipy.stats import t

    rng = np.random.default_rng(3)
    error = LADDER**-2.0
    index = np.arange(6)
    covariance = ((0.05 * error) ** 2)[np.maximum.outer(index, index)]
    noisy = error + np.linalg.cholesky(covariance) @ rng.standard_normal(6)
    fit = fit_order(LADDER, noisy, covariance=covariance)
    inverse = np.linalg.inv(covariance / np.outer(noisy, noisy))
    design = np.stack([np.ones(6), np.log(LADDER)], axis=1)
    normal = np.linalg.inv(design.T @ inverse @ design)
    line = normal @ design.T @ inverse @ np.log(noisy)
    residual = np.log(noisy) - design @ line
    scale = max(1.0, float(residual @ inverse @ residual) / 4.0)
    assert fit.order == pytest.approx(-line[1])
    assert fit.half_width == pytest.approx(t.ppf(0.975, 4) * (scale * normal[1, 1]) ** 0.5)
    assert fit.half_width != pytest.approx(fit_order(LADDER, noisy, np.sqrt(np.diag(covariance))).half_width)
