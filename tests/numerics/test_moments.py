"""Data-weight moments of a step against mpmath at 50 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import NoiseScale
from ersde_theory._gauss_legendre import QuadratureError
from ersde_theory.quadrature import (
    divided_difference_weights,
    moments,
    newton_moments,
    riemann_moments,
)
from tests.numerics._oracles import PHI, exact_moments
from tests.numerics._oracles import riemann_moments as slow_riemann_moments
from tests.numerics._strategies import log_steps, noise_scale

RELATIVE = 1e-13
ORACLES = PHI | {"sympy": PHI["exp_power"]}
EXTREMES = (
    (1e4, 1e-4),
    (1e4, 1e4 * (1 - 1e-8)),
    (1e-4 * (1 + 1e-8), 1e-4),
    (1.0, 1.0 - 1e-8),
    (1.0, 0.5),
    (80.0, 0.002),
    (4.48168907, 1.0),
    (4.4817, 1.0),
)


def worst_relative_error(phi, oracle, start: float, end: float, n_max: int = 3) -> float:
    """Return the largest relative error of G_0 ... G_n_max."""
    got = moments(phi, start, end, n_max)
    wanted = exact_moments(oracle, start, end, n_max)
    return max(float(abs(mp.mpf(float(g)) / w - 1)) for g, w in zip(got, wanted, strict=True))


def by_parts(start: float, end: float) -> float:
    """Return G_1 of the ODE by parts in float64, as one would write it: a broken twin."""
    return (end - start) + end * np.log(start / end)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("step", EXTREMES, ids=str)
def test_moments_match_mpmath_at_the_ends_of_the_range(name, step):
    """Assert relative 1e-13 for steps from 1e-8 to the whole range, and where formulas change over."""
    assert worst_relative_error(noise_scale(name), ORACLES[name], *step) < RELATIVE


@pytest.mark.slow
@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=30)
@given(step=log_steps())
def test_moments_match_mpmath_for_any_step(name, step):
    """Assert relative 1e-13 for any two levels in [1e-4, 1e4]."""
    assert worst_relative_error(noise_scale(name), ORACLES[name], *step) < RELATIVE


@pytest.mark.slow
@settings(max_examples=80)
@given(step=log_steps(), exponent=st.one_of(st.floats(1.0, 6.0), st.sampled_from((1.0, 2.0, 3.0, 4.0))))
def test_moments_match_mpmath_for_any_power(step, exponent):
    """Assert relative 1e-13 for phi = x^p, near integer p included, where the closed form is 0/0."""
    phi = NoiseScale.power(exponent)
    assert worst_relative_error(phi, lambda x: x ** mp.mpf(exponent), *step) < RELATIVE


@pytest.mark.parametrize("nudge", [1e-15, 1e-10, 1e-6, -1e-10])
def test_moments_match_mpmath_when_the_power_is_almost_an_integer(nudge):
    """Assert relative 1e-13 next to the removable singularities of the closed form."""
    for p in (2.0, 3.0):
        phi = NoiseScale.power(p + nudge)
        error = worst_relative_error(phi, lambda x, q=p + nudge: x ** mp.mpf(q), 50.0, 0.5)
        assert error < RELATIVE


def test_oracle_is_right_where_the_integral_is_elementary():
    """Assert that the second opinion has the closed form of phi = x^2."""
    for start, end in EXTREMES[:6]:
        with mp.workdps(60):
            s, t = mp.mpf(start), mp.mpf(end)
            wanted = [1 - t**2 / s**2]
            wanted.append(2 * t**2 * (1 / t - 1 / s) - s * wanted[0])
            got = exact_moments(PHI["reverse_sde"], start, end, 1)
            assert all(abs(g / w - 1) < mp.mpf(10) ** -30 for g, w in zip(got, wanted, strict=True))


def test_by_parts_formula_fails_as_a_broken_twin_at_small_steps():
    """Assert that the obvious formula loses eight digits and more, and agrees at long steps."""
    for step, lowest in ((1e-8, 1e-2), (1e-4, 1e-11)):
        start, end = 0.7 * (1.0 + step), 0.7
        wanted = float(exact_moments(PHI["ode"], start, end, 1)[1])
        assert abs(by_parts(start, end) / wanted - 1.0) > lowest
    wanted = float(exact_moments(PHI["ode"], 80.0, 0.002, 1)[1])
    assert abs(by_parts(80.0, 0.002) / wanted - 1.0) < RELATIVE


@pytest.mark.parametrize("name", ORACLES)
def test_moments_have_their_limit_when_the_step_ends_at_zero(name):
    """Assert G_n = (-lam_s)^n at lam_t = 0, and that it is approached."""
    start = np.array([0.01, 1.0, 50.0])
    got = moments(noise_scale(name), start, 0.0, 3)
    np.testing.assert_array_equal(got, (-start) ** np.arange(4)[:, None])
    near = moments(noise_scale(name), 0.01, 1e-12, 3)
    np.testing.assert_allclose(near, got[:, 0], rtol=1e-7)


def test_moments_of_many_steps_equal_those_of_single_steps():
    """Assert that broadcasting changes nothing, steps to 0 and short and long steps mixed."""
    start = np.array([[1.0], [30.0], [0.3]])
    end = np.array([0.0, 0.2, 0.2999999])
    for name in ORACLES:
        whole = moments(noise_scale(name), start, end, 3)
        assert whole.shape == (4, 3, 3)
        for i in range(3):
            for j in range(3):
                one = moments(noise_scale(name), start[i, 0], end[j], 3)
                np.testing.assert_allclose(whole[:, i, j], one, rtol=1e-15)


@pytest.mark.parametrize("name", [n for n in ORACLES if n != "sympy"])
def test_riemann_moments_match_a_plain_sum(name):
    """Assert that the released rule is the left sum of 100 nodes."""
    start, end = np.array([5.0, 1.0, 0.5]), np.array([3.0, 0.9, 0.4999])
    got = riemann_moments(noise_scale(name), start, end, 2)
    for j in range(3):
        wanted = [float(g) for g in slow_riemann_moments(PHI[name], start[j], end[j], 2)]
        size = np.abs((end[j] - start[j]) ** np.arange(3))
        np.testing.assert_allclose(got[:, j], wanted, rtol=0, atol=2e-15 * size.max() + 1e-15)


@pytest.mark.parametrize("name", ["ode", "exp_power", "reverse_sde"])
def test_relative_error_of_released_first_moment_tends_to_minus_one_percent(name):
    """Assert that the Riemann sum's error of G_1 does not vanish with the step."""
    phi = noise_scale(name)
    step = np.array([1e-1, 1e-2, 1e-3, 1e-4])
    rough = riemann_moments(phi, np.ones(4), 1.0 - step, 1)[1]
    relative = rough / moments(phi, 1.0, 1.0 - step, 1)[1] - 1.0
    np.testing.assert_allclose(relative[-1], -0.01, rtol=1e-3)
    assert (np.abs(relative + 0.01) < 2e-3).all()


@pytest.mark.parametrize("name", ["ode", "exp_power", "reverse_sde"])
def test_relative_error_of_released_second_moment_grows_as_the_step_falls(name):
    """Assert that the Riemann sum's error of G_2 is about -0.03 lam/(h (1 + tau^2)) (math.md section 6)."""
    phi, step = noise_scale(name), np.array([1e-2, 1e-3])
    rough = riemann_moments(phi, np.ones(2), 1.0 - step, 2)[2]
    relative = rough / moments(phi, 1.0, 1.0 - step, 2)[2] - 1.0
    scaled = relative * step * (1.0 + phi.tau_squared(1.0))
    np.testing.assert_allclose(scaled, -0.03, rtol=0.05)


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 3.0), min_size=3, max_size=3), st.floats(0.1, 5.0))
def test_newton_basis_and_divided_differences_integrate_cubics_exactly(gaps, newest):
    """Assert that the two together give the moment of any cubic through four nodes."""
    nodes = newest + np.cumsum([0.0, *gaps])
    power = moments(NoiseScale.exp_power(), newest, 0.5 * newest, 3)
    weights = newton_moments(power, nodes) @ divided_difference_weights(nodes)
    for n in range(4):
        values = weights * (nodes - newest) ** n
        assert abs(values.sum() - power[n]) <= 1e-13 * np.abs(values).sum() + 1e-15 * abs(power[n])


def test_quadrature_refuses_a_function_it_cannot_resolve():
    """Assert that a jump in tau^2 is an error, not a wrong number."""
    step = NoiseScale.from_tau_squared(lambda lam: np.where(lam > 0.7123, 1.0, 0.0))
    with pytest.raises(QuadratureError, match=r"expected a function.*got one"):
        moments(step, 1.0, 0.5, 1)


def test_quadrature_refuses_a_spike_between_its_nodes():
    """Assert that a phi so steep that no node sees its step is an error, and its neighbour is a number."""
    assert moments(NoiseScale.power(1001.0), 2.0, 1.0, 1)[1] == pytest.approx(-1.0 + 1.0 / 1000.0, rel=1e-13)
    with pytest.raises(QuadratureError, match=r"expected a phi that panels.*got one"):
        moments(NoiseScale.from_tau_squared(lambda lam: 1e7 + 0.0 * lam), 2.0, 1.0, 1)
