"""Exact errors on Gaussian data: the table of orders, and a slow second opinion for every entry."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments, target_moments, wasserstein2
from tests.numerics import _broken
from tests.numerics._oracles import PHI, scheme_moments

MEAN, VARIANCE = 0.7, 0.25
LAM_MAX, LAM_MIN = 5.0, 0.05
STEPS = (40, 80, 160, 320, 640, 1280)
ROUNDOFF = 2e-13  # of a variance of 0.25 through 160 steps in float64
OTHER_PHI = ("power(1.5)", "power(2.5)", "reverse_sde", "exp_reciprocal", "log_power")

# Signed errors of the variance at STEPS with the digits of math.md section 6, and their local slopes.
TABLE = {
    ("published", 1, "ode"): (
        "-1.42e-2 -7.20e-3 -3.63e-3 -1.82e-3 -9.11e-4 -4.56e-4",
        "0.98 0.99 0.99 1.00 1.00",
    ),
    ("published", 2, "ode"): (
        "-5.04e-4 -1.21e-4 -2.96e-5 -7.32e-6 -1.82e-6 -4.54e-7",
        "2.06 2.03 2.01 2.01 2.00",
    ),
    ("published", 3, "ode"): (
        "-3.19e-4 -7.51e-5 -1.83e-5 -4.51e-6 -1.12e-6 -2.79e-7",
        "2.08 2.04 2.02 2.01 2.00",
    ),
    ("released", 3, "ode"): (
        "-5.16e-4 -1.76e-4 -6.91e-5 -3.00e-5 -1.39e-5 -6.68e-6",
        "1.55 1.35 1.20 1.11 1.06",
    ),
    ("adams", 3, "ode"): (  # the error changes sign after N = 40: the first slope means nothing
        "-6.3e-8 4.45e-7 8.37e-8 1.22e-8 1.64e-9 2.1e-10",
        "-2.81 2.41 2.78 2.90 2.95",
    ),
    ("adams", 4, "ode"): (
        "9.44e-6 6.84e-7 4.58e-8 2.96e-9 1.88e-10 1.2e-11",
        "3.79 3.90 3.95 3.98 3.99",
    ),
    ("published", 2, "exp_power"): (
        "-5.23e-4 -1.25e-4 -3.06e-5 -7.56e-6 -1.88e-6 -4.69e-7",
        "2.06 2.03 2.02 2.01 2.00",
    ),
    ("adams", 3, "exp_power"): (
        "7.42e-6 2.22e-6 5.04e-7 1.14e-7 2.65e-8 6.4e-9",
        "1.74 2.14 2.15 2.10 2.06",
    ),
}
RELEASED_EXP_POWER = {320: "-3.1e-5", 640: "-2.3e-5", 1280: "-6.0e-5", 2560: "-1.5e-4", 5120: "-3.3e-4"}
METHODS = (("published", 1), ("published", 2), ("published", 3), ("adams", 3), ("adams", 4))
LAST_SLOPE, LAST_TWO_SLOPES, SLOPE_DIGITS = 0.1, 0.2, 0.0051


@functools.cache
def tableau(method: str, order: int, name: str, n_steps: int) -> Tableau:
    """Return a scheme of the table on its Karras grid."""
    grid, phi = TimeGrid.karras(n_steps, LAM_MAX, LAM_MIN), NoiseScale.from_name(name)
    if method == "adams":
        return schemes.exponential_adams(grid, phi, order, start="graded")
    return schemes.er_sde(grid, phi, order, variant=method)


def variance_error(tab: Tableau) -> float:
    """Return the signed error of the output's variance."""
    target = target_moments(tab, MEAN, VARIANCE)[1]
    return float(output_moments(tab, MEAN, VARIANCE)[1] - target)


def errors(method: str, order: int, name: str) -> np.ndarray:
    """Return the signed variance errors over STEPS."""
    return np.array([variance_error(tableau(method, order, name, n)) for n in STEPS])


def local_slopes(values: np.ndarray) -> np.ndarray:
    """Return the order seen between successive halvings of the step."""
    return np.asarray(np.log2(np.abs(values[:-1] / values[1:])))


def printed(value: float, like: str) -> str:
    """Return a number with as many digits as another one has in print, 1.2e-5."""
    decimals = len(like.partition("e")[0].partition(".")[2])
    mantissa, _, exponent = f"{value:.{decimals}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def check_against_oracle(tab: Tableau, method: str, order: int, name: str) -> float:
    """Return the deviation of the output's variance from the slow second opinion's."""
    wanted = scheme_moments(method, order, PHI[name], tab.noise_level, (MEAN, VARIANCE), (MEAN, VARIANCE + LAM_MAX**2))
    return abs(float(output_moments(tab, MEAN, VARIANCE)[1]) - wanted[1])


@pytest.mark.slow
@pytest.mark.parametrize("key", TABLE, ids=str)
def test_variance_error_matches_the_printed_table(key):
    """Assert that sign and every printed digit of the table of orders come out."""
    digits = TABLE[key][0].split()
    assert [printed(e, d) for e, d in zip(errors(*key), digits, strict=True)] == digits


@pytest.mark.parametrize("key", TABLE, ids=str)
def test_local_slopes_match_the_printed_table(key):
    """Assert that the order between successive grids is the stated one to two decimals."""
    stated = np.array([float(v) for v in TABLE[key][1].split()])
    np.testing.assert_allclose(local_slopes(errors(*key)), stated, rtol=0, atol=SLOPE_DIGITS)


def test_released_er_sde_diverges_with_noise_when_the_grid_is_refined():
    """Assert that the clip of the release makes its error grow again, as printed in math.md section 6."""
    for n_steps, digits in RELEASED_EXP_POWER.items():
        assert printed(variance_error(tableau("released", 3, "exp_power", n_steps)), digits) == digits


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_PHI)
@pytest.mark.parametrize(("method", "order"), METHODS)
def test_weak_order_is_at_most_two_with_noise(method, order, name):
    """Assert that the variance error falls with order 1 for k = 1 and 2 for every k >= 2."""
    # little noise: the deterministic error of order 3 rules much longer
    steps = (1280, 2560, 5120) if (method, name) == ("adams", "exp_reciprocal") else (320, 640, 1280)
    slopes = local_slopes(np.array([variance_error(tableau(method, order, name, n)) for n in steps]))
    assert np.abs(slopes - min(order, 2)).max() < LAST_TWO_SLOPES, slopes
    assert abs(slopes[-1] - min(order, 2)) < LAST_SLOPE, slopes


def test_order_check_catches_its_broken_twins():
    """Assert that the released Riemann sum and order 1 do not pass for second order."""
    for key in (("released", 3, "ode"), ("published", 1, "power(1.5)")):
        assert abs(local_slopes(errors(*key))[-1] - 2.0) > LAST_TWO_SLOPES


@pytest.mark.parametrize("name", ["ode", "exp_power", *OTHER_PHI])
@pytest.mark.parametrize(("method", "order"), [*METHODS, ("released", 3)])
def test_output_variance_matches_independent_oracle(method, order, name):
    """Assert that schemes written out in a plain loop, with mpmath weights, give the same variance."""
    for n_steps in (40, 80) if (method, order, name) in TABLE else (40,):
        tab = tableau(method, order, name, n_steps)
        assert check_against_oracle(tab, method, order, name) < ROUNDOFF


@pytest.mark.parametrize("name", ["ode", "exp_power", *OTHER_PHI])
def test_oracle_check_catches_its_broken_twins(name):
    """Assert that wrong difference, shifted or swapped history, and small errors do not pass."""
    second, third = (tableau("published", k, name, 40) for k in (2, 3))
    twins = [
        _broken.with_half_second_difference(second, third),
        _broken.with_history_shifted(third),
        _broken.with_history_swapped(third),
        _broken.with_coefficient_off(third),
        tableau("adams", 3, name, 40),
    ]
    if name != "ode":
        twins.append(_broken.with_noise_off(third))
    for twin in twins:
        got = float(output_moments(twin, MEAN, VARIANCE)[1])
        wanted = VARIANCE + LAM_MIN**2 + variance_error(third)
        assert abs(got - wanted) > 100 * ROUNDOFF, twin.name
    for twin in twins[:3]:
        assert printed(variance_error(twin), "1.00e0") != printed(variance_error(third), "1.00e0")


@pytest.mark.parametrize(
    ("n_steps", "released", "adams"),
    [
        (10, "8.4e-2", "5.4e-2"),
        (20, "1.57e-2", "3.5e-3"),
        (30, "6.3e-3", "5.1e-4"),
        (50, "2.3e-3", "5.0e-5"),
    ],
)
def test_wasserstein_distance_over_a_spectrum_matches_print(n_steps, released, adams):
    """Assert that the relative W2 over 25 eigenvalues has the digits of math.md section 6."""
    grid, phi = TimeGrid.karras(n_steps, 80.0, 0.002), NoiseScale.exp_power()
    spectrum = np.logspace(-5, 1, 25)
    for tab, digits in (
        (schemes.er_sde(grid, phi, 3, variant="released"), released),
        (schemes.exponential_adams(grid, phi, 3), adams),
    ):
        distance = wasserstein2(tab, 0.0, spectrum)
        assert printed(np.sqrt((distance**2).sum() / spectrum.sum()), digits) == digits
