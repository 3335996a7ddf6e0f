"""Noise scale functions against mpmath: S, its difference, tau^2, admissibility and limits."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import ForwardProcess, NoiseScale, NotAdmissible, TimeGrid, schemes
from tests.numerics._oracles import PHI
from tests.numerics._strategies import NAMES, log_steps, noise_scale

RELATIVE = 1e-13
ORACLES = PHI | {"sympy": PHI["exp_power"]}
# Where S hardly changes, relative accuracy of its difference is lost to the levels' own rounding:
# exp(-1/x) below 0.02, and log_power near its maximum of S at 1022.
RANGES = {"exp_reciprocal": (0.02, 1e4), "log_power": (1e-4, 100.0)}


def exact_difference(name: str, high: float, low: float) -> mp.mpf:
    """Return S(high) - S(low) with S = ln(phi/lam)."""
    phi = ORACLES[name]
    s, t = mp.mpf(high), mp.mpf(low)
    return mp.log(phi(s) / s) - mp.log(phi(t) / t)


def relative_error(got, wanted: mp.mpf) -> float:
    """Return |got/wanted - 1|, or |got| where 0 is wanted."""
    return float(abs(mp.mpf(float(got)) / wanted - 1)) if wanted != 0 else abs(float(got))


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=40)
@given(data=st.data())
def test_difference_formula_matches_mpmath_at_any_step(name, data):
    """Assert relative 1e-13 from a log-step of 1e-8 to the whole range."""
    high, low = data.draw(log_steps(*RANGES.get(name, (1e-4, 1e4))))
    with mp.workdps(50):
        got = noise_scale(name).log_excess_difference(high, low)
        assert relative_error(got, exact_difference(name, high, low)) < RELATIVE


@pytest.mark.slow
@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=40)
@given(data=st.data())
def test_fei_and_noise_variance_match_mpmath(name, data):
    """Assert that both coefficients of a step keep relative 1e-13 at small steps."""
    high, low = data.draw(log_steps(*RANGES.get(name, (1e-4, 1e4))))
    phi, oracle = noise_scale(name), ORACLES[name]
    with mp.workdps(50):
        s, t = mp.mpf(high), mp.mpf(low)
        assert relative_error(phi.fei(high, low), 1 - oracle(t) / oracle(s)) < RELATIVE
        variance = t**2 - (s * oracle(t) / oracle(s)) ** 2
        variance = mp.mpf(0) if name == "ode" else variance
        assert relative_error(phi.noise_variance(high, low), variance) < RELATIVE


def test_subtracting_two_values_fails_as_a_broken_twin():
    """Assert that S(s) - S(t) by subtraction misses 1e-13 by five orders at a log-step of 1e-8."""
    high, low = 1.0, 1.0 - 1e-8
    for name in ("exp_power", "log_power", "power(1.5)"):
        phi = noise_scale(name)
        with mp.workdps(50):
            wanted = exact_difference(name, high, low)
            naive = phi.log_excess(high) - phi.log_excess(low)
            assert relative_error(phi.log_excess_difference(high, low), wanted) < RELATIVE
            if name != "power(1.5)":  # S(1) = 0 saves the subtraction there
                assert relative_error(naive, wanted) > 1e-9


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=25)
@given(data=st.data())
def test_tau_squared_is_lam_times_the_derivative_of_s(name, data):
    """Assert tau^2 = lam phi'/phi - 1 against a derivative at 50 digits."""
    lowest, highest = RANGES.get(name, (1e-4, 1e4))
    lam = math.exp(data.draw(st.floats(math.log(lowest), math.log(highest))))
    phi = ORACLES[name]
    with mp.workdps(50):
        x = mp.mpf(lam)
        wanted = x * mp.diff(lambda u: mp.log(phi(u) / u), x)
        got = noise_scale(name).tau_squared(lam)
        size = max(abs(wanted), mp.mpf("0.1")) if name == "log_power" else abs(wanted)
        assert abs(mp.mpf(float(got)) - wanted) <= RELATIVE * size + mp.mpf(10) ** -30


@pytest.mark.parametrize("name", NAMES)
def test_log_excess_is_s_up_to_a_constant(name):
    """Assert that differences of S are those of ln(phi/lam)."""
    lam = np.array([1e-4, 0.03, 1.0, 7.0, 900.0])
    with mp.workdps(50):
        wanted = [float(exact_difference(name, v, 1.0)) for v in lam]
    got = noise_scale(name).log_excess(lam) - noise_scale(name).log_excess(1.0)
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=2e-15)


def test_printed_values_of_exp_power_come_out():
    """Assert tau^2 of the release's default at four levels as stated in math.md section 4."""
    values = noise_scale("exp_power").tau_squared([0.002, 1.0, 80.0, 1e4])
    assert [float(f"{v:.3g}") for v in values[:1]] == [pytest.approx(0.005, abs=5e-4)]
    assert [round(float(v), d) for v, d in zip(values[1:], (3, 2, 2), strict=True)] == [0.064, 0.9, 4.75]


@pytest.mark.parametrize(
    ("name", "at_zero", "at_infinity"),
    [
        ("ode", 0.0, 0.0),
        ("reverse_sde", -math.inf, math.inf),
        ("power(1.5)", -math.inf, math.inf),
        ("exp_reciprocal", math.log(10.0), math.log(11.0)),
        ("exp_power", math.log(11.0), math.inf),
    ],
)
def test_limits_at_zero_and_infinity(name, at_zero, at_infinity):
    """Assert S, its difference, FEI, noise and clock at both ends of the range."""
    phi = noise_scale(name)
    np.testing.assert_allclose(phi.log_excess([0.0, math.inf]), [at_zero, at_infinity], rtol=1e-15)
    if math.isfinite(at_zero):
        np.testing.assert_allclose(
            phi.log_excess_difference(2.0, 0.0), phi.log_excess(2.0) - at_zero, rtol=1e-13, atol=1e-15
        )
        np.testing.assert_allclose(phi.clock(0.0), np.exp(-2.0 * at_zero), rtol=1e-14)
    else:
        assert phi.log_excess_difference(2.0, 0.0) == math.inf
        assert phi.clock(0.0) == math.inf
    assert phi.log_excess_difference(0.0, 0.0) == phi.log_excess_difference(math.inf, math.inf) == 0.0
    assert (phi.fei(2.0, 0.0), phi.fei(math.inf, 2.0), phi.noise_variance(2.0, 0.0)) == (1.0, 1.0, 0.0)
    far = phi.noise_variance(math.inf, 2.0)
    np.testing.assert_allclose(far, phi.noise_variance(1e25, 2.0), rtol=1e-6)


def test_log_power_is_refused_above_its_maximum_naming_the_level():
    """Assert that a grid across lambda = 1022 is refused where tau^2 turns negative, none below is."""
    phi = noise_scale("log_power")
    phi.check_admissible(TimeGrid.karras(20, 1020.0, 0.01).levels)
    with mp.workdps(30):
        zero = mp.findroot(lambda x: mp.diff(lambda u: mp.log(PHI["log_power"](u) / u), x), 1000)
    assert abs(zero - 1022) < 1
    for grid in (TimeGrid.karras(200, 2000.0, 0.01), TimeGrid([2000.0, 1.0, 0.0])):
        for build in (schemes.er_sde, schemes.exponential_adams, schemes.euler_maruyama):
            with pytest.raises(NotAdmissible, match=r"log_power: expected tau\^2 >= 0 .*, got .* lambda = \d"):
                build(grid, phi)
    fine = float(zero) * np.array([1.0 + 1e-4, 1.0 - 1e-4])
    with pytest.raises(NotAdmissible, match=r"lambda = 1022\.4"):
        phi.check_admissible(fine)
    phi.check_admissible(fine[1:])


@pytest.mark.parametrize("high", [1e6, 1e12, 1e25])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "log_power"])
def test_difference_holds_at_levels_close_to_alpha_zero(name, high):
    """Assert relative accuracy, and no overflow, for the huge levels of grids near t = 1."""
    with mp.workdps(60):
        wanted = exact_difference(name, high, 2.0)
        assert relative_error(noise_scale(name).log_excess_difference(high, 2.0), wanted) < 10 * RELATIVE


@pytest.mark.parametrize("name", ORACLES)
def test_shapes_of_levels_are_kept(name):
    """Assert that numbers give numbers and arrays broadcast, in every function of a step."""
    phi = noise_scale(name)
    for function in (phi.log_excess_difference, phi.fei, phi.noise_variance):
        assert function(2.0, 1.0).shape == ()
        assert function([[2.0], [3.0]], [1.0, 0.5, 0.1]).shape == (2, 3)
    for function in (phi.log_excess, phi.tau_squared, phi.clock):
        assert function(2.0).shape == ()
        assert function([[2.0, 3.0]]).shape == (1, 2)


def test_inadmissible_tau_squared_between_the_levels_is_found():
    """Assert that a dip of tau^2 inside an interval is seen though both of its ends are fine."""
    dip = NoiseScale.from_tau_squared(lambda lam: 1.0 - 4.0 * np.exp(-8.0 * np.log(lam) ** 2), "dip")
    with pytest.raises(NotAdmissible, match="dip: expected"):
        schemes.er_sde(TimeGrid([10.0, 0.1]), dip, 1)
    schemes.er_sde(TimeGrid([10.0, 5.0]), dip, 1)


@pytest.mark.parametrize("process", ["rectified_flow", "vp_cosine"])
def test_log_power_is_refused_from_infinity(process):
    """Assert that a start at alpha = 0 leaves the range of log_power."""
    grid = TimeGrid.uniform_in_time(ForwardProcess.from_name(process), 8, 1.0, 0.1)
    with pytest.raises(NotAdmissible, match="log_power: expected"):
        schemes.er_sde(grid, noise_scale("log_power"))


def test_release_types_and_names_are_the_members():
    """Assert that types 1 to 7 are the phi of math.md section 4, and names come back."""
    names = ("ode", "reverse_sde", "exp_reciprocal", "power(1.5)", "power(2.5)", "log_power", "exp_power")
    for number, name in enumerate(names, 1):
        assert NoiseScale.from_release_type(number).name == name
        assert NoiseScale.from_name(name).name == name
