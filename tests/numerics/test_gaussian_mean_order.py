"""The order of the mean on Gaussian data, from a start whose mean is off, against the exact flow."""

from __future__ import annotations

import functools

import mpmath as mp
import numpy as np
import pytest

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments
from tests.numerics import _broken
from tests.numerics._oracles import PHI, scheme_moments

MEAN, VARIANCE = 0.7, 0.25
LAM_MAX, LAM_MIN = 5.0, 0.05
LAST_SLOPE, LAST_TWO_SLOPES = 0.1, 0.2
ROUNDOFF = 2e-13
EVERY_PHI = tuple(name for name in PHI if name != "shifted")
# phi = x^2: the mean is exact. log_power with 2 and 3: the error changes sign near N = 80 and 160.
WITHOUT_SLOPE = {("published", 2, "log_power"), ("published", 3, "log_power")}

# Order of the mean. The mean of an affine denoiser follows an ODE whatever the noise, so interpolatory
# schemes keep order k; ER-SDE-Solver-3 does not, and the released one falls to 1.
ORDERS = {
    ("published", 1): 1.0,
    ("published", 2): 2.0,
    ("published", 3): 2.0,
    ("adams", 3): 3.0,
    ("adams", 4): 4.0,
}


def tableau(method: str, order: int, name: str, n_steps: int) -> Tableau:
    """Return a scheme on its Karras grid."""
    grid, phi = TimeGrid.karras(n_steps, LAM_MAX, LAM_MIN), NoiseScale.from_name(name)
    if method == "adams":
        return schemes.exponential_adams(grid, phi, order, start="graded")
    return schemes.er_sde(grid, phi, order, variant=method)


@functools.cache
def exact_mean(name: str) -> float:
    """Return the mean of the exact law at the last level, started at mean 0.

    The offset e from the data mean obeys d ln e = (dln phi/dlam) lam^2/(v + lam^2) dlam.
    """
    phi = PHI[name]
    with mp.workdps(25):
        drop = mp.quad(
            lambda lam: mp.diff(lambda x: mp.log(phi(x)), lam) * lam**2 / (VARIANCE + lam**2),
            mp.linspace(mp.mpf(LAM_MIN), mp.mpf(LAM_MAX), 5),
        )
        return float(MEAN - MEAN * mp.exp(-drop))


def mean_and_variance(tab: Tableau) -> tuple[float, float]:
    """Return the output's moments from a start of mean 0."""
    mean, variance = output_moments(tab, MEAN, VARIANCE, start_mean=0.0, start_variance=VARIANCE + LAM_MAX**2)
    return float(mean), float(variance)


def mean_slopes(method: str, order: int, name: str) -> np.ndarray:
    """Return the last two local orders of the mean, above the round-off of its error."""
    steps = (80, 160, 320) if order == 4 else (320, 640, 1280)
    moments = [mean_and_variance(tableau(method, order, name, n)) for n in steps]
    errors = np.array([mean - exact_mean(name) for mean, _ in moments])
    return np.asarray(np.log2(np.abs(errors[:-1] / errors[1:])))


def test_exact_mean_has_its_closed_form_when_phi_is_a_power():
    """Assert that the oracle agrees with ((v + lam_N^2)/(v + lam_0^2))^(p/2)."""
    for name, p in (("ode", 1.0), ("reverse_sde", 2.0), ("power(2.5)", 2.5)):
        left = ((VARIANCE + LAM_MIN**2) / (VARIANCE + LAM_MAX**2)) ** (p / 2)
        assert abs(exact_mean(name) - MEAN * (1.0 - left)) < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "order", "name"),
    [
        (*key, name)
        for key in ORDERS
        for name in EVERY_PHI
        if name != "reverse_sde" and (*key, name) not in WITHOUT_SLOPE
    ],
)
def test_mean_has_the_order_of_the_interpolation(method, order, name):
    """Assert that the mean converges to the exact one with the order of the table, for every phi."""
    slopes = mean_slopes(method, order, name)
    assert np.abs(slopes - ORDERS[method, order]).max() < LAST_TWO_SLOPES, slopes
    assert abs(slopes[-1] - ORDERS[method, order]) < LAST_SLOPE, slopes


@pytest.mark.parametrize(("method", "order"), ORDERS)
def test_mean_is_exact_at_any_step_when_phi_is_the_reverse_sde(method, order):
    """Assert that phi = x^2, for which an affine denoiser is a martingale, leaves no mean error."""
    got = mean_and_variance(tableau(method, order, "reverse_sde", 10))[0]
    assert abs(got - exact_mean("reverse_sde")) < ROUNDOFF
    twin = mean_and_variance(tableau(method, order, "power(1.5)", 10))[0]
    assert abs(twin - exact_mean("power(1.5)")) > 1e5 * ROUNDOFF


def test_released_mean_falls_to_first_order():
    """Assert that the Riemann sum spoils the order of the mean: a broken twin of the check above."""
    slopes = mean_slopes("released", 3, "ode")
    assert abs(slopes[-1] - ORDERS["published", 3]) > LAST_TWO_SLOPES
    assert abs(slopes[-1] - 1.0) < LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_PHI)
@pytest.mark.parametrize(("method", "order"), [*ORDERS, ("released", 3)])
def test_offset_moments_match_independent_oracle(method, order, name):
    """Assert that the plain loop gives the same mean and variance from a start that is off."""
    tab = tableau(method, order, name, 40)
    start = (0.0, VARIANCE + LAM_MAX**2)
    wanted = scheme_moments(method, order, PHI[name], tab.noise_level, (MEAN, VARIANCE), start)
    np.testing.assert_allclose(mean_and_variance(tab), wanted, rtol=0, atol=ROUNDOFF)


def test_offset_start_changes_the_mean_and_not_the_variance():
    """Assert that the default start, whose mean is the data's, shows no mean error at all."""
    tab = tableau("published", 2, "exp_power", 40)
    mean, variance = output_moments(tab, MEAN, VARIANCE)
    assert abs(mean - MEAN) < ROUNDOFF
    assert abs(mean_and_variance(tab)[0] - MEAN) > 1e-3
    assert mean_and_variance(tab)[1] == variance


def test_mean_check_catches_its_broken_twins():
    """Assert that shifted history and a coefficient off by 1e-6 do not pass against the oracle."""
    tab = tableau("adams", 3, "exp_power", 40)
    wanted = mean_and_variance(tab)[0]
    for twin in (_broken.with_history_shifted(tab), _broken.with_coefficient_off(tab)):
        assert abs(mean_and_variance(twin)[0] - wanted) > 100 * ROUNDOFF
