"""Increment and area of a step in the clock: against mpmath, against independent code, and where the clock stands."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytic import step_covariances
from ersde_theory import NoiseScale, NotAdmissible
from ersde_theory.clock import StepClock, level_at_share, step_clock
from tests.numerics._oracles import PHI, legendre_nodes
from tests.numerics._strategies import NAMES, noise_scale

RELATIVE = 1e-13  # what the docstring promises
STEPS = (1e-8, 1e-5, 1e-2, 0.3, 2.0, 5.0)


def exact_clock(phi, start: float, end: float, digits: int = 50) -> StepClock:
    """Return Var dB and the lever's mean and spread from V and A alone, with dV by differentiation."""
    with mp.workdps(digits):
        s, t = mp.mpf(float(start)), mp.mpf(float(end))
        length, scale = mp.log(s / t), phi(t)
        panels = max(1, math.ceil(length))
        half = length / panels / 2

        def clock(ell: mp.mpf) -> mp.mpf:
            return (scale * t * mp.exp(ell) / phi(t * mp.exp(ell))) ** 2

        points = [(half * (2 * j + 1 + x), half * w) for j in range(panels) for x, w in legendre_nodes(5, mp.mp.prec)]
        lever = [1 - scale / phi(t * mp.exp(ell)) for ell, _ in points]
        weight = [-w * mp.diff(clock, ell) for ell, w in points]
        total = clock(mp.mpf(0)) - clock(length)
        mean = mp.fsum(w * f for w, f in zip(weight, lever, strict=True)) / total
        spread = mp.sqrt(mp.fsum(w * (f - mean) ** 2 for w, f in zip(weight, lever, strict=True)) / total)
        return StepClock(*(np.array(float(v)) for v in (total, mean, spread)))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(n for n in NAMES if n != "ode"), "shifted"])
@pytest.mark.parametrize("start", [0.7, 30.0])
def test_step_clock_matches_mpmath_from_tiny_to_long_steps(name, start):
    """Assert relative 1e-13 of Var dB, lever and spread at logarithmic steps from 1e-8 to 5."""
    end = start * np.exp(-np.array(STEPS))
    got = step_clock(noise_scale(name), start, end)
    for j, level in enumerate(end):
        for value, exact in zip(got, exact_clock(PHI[name], start, level), strict=True):
            np.testing.assert_allclose(value[j], exact, rtol=RELATIVE, err_msg=f"step {STEPS[j]}")


def test_step_clock_matches_mpmath_when_the_noise_is_tiny():
    """Assert relative 1e-13 where tau^2 is about 1e-42."""
    got = step_clock(NoiseScale.exp_reciprocal(), 0.0101, 0.01)
    for value, exact in zip(got, exact_clock(PHI["exp_reciprocal"], 0.0101, 0.01, digits=150), strict=True):
        np.testing.assert_allclose(value, exact, rtol=RELATIVE)


def test_subtracted_clock_values_fail_the_same_check():
    """Assert that the broken twin, V at one level minus V at the other, loses more than half of the digits."""
    start, end = 0.7, 0.7 * math.exp(-1e-8)
    phi = NoiseScale.exp_power()
    naive = (phi.clock(end) - phi.clock(start)) / phi.clock(end) * end**2
    exact = exact_clock(PHI["exp_power"], start, end).variance
    assert abs(naive / exact - 1.0) > 1e-8
    np.testing.assert_allclose(step_clock(phi, start, end).variance, exact, rtol=RELATIVE)


@pytest.mark.parametrize("name", [*(n for n in NAMES if n != "ode"), "shifted"])
def test_step_clock_matches_independent_covariances(name):
    """Assert Var dB, Cov(dB, J) and Var J of analytic, which integrates in A and subtracts clock values."""
    phi = noise_scale(name)
    levels = np.geomspace(20.0, 0.5, 31)

    def values(lam: np.ndarray) -> np.ndarray:
        return np.asarray(lam * np.exp(phi.log_excess(lam)))

    want, scale = step_covariances(values, levels), values(levels[1:])
    got = step_clock(phi, levels[:-1], levels[1:])
    lost = float((levels[1:] ** 2 / got.variance).max())  # clock values over their differences
    tolerance = 16.0 * np.finfo(float).eps * lost
    np.testing.assert_allclose(got.variance, want.variance * scale**2, rtol=tolerance)
    np.testing.assert_allclose(got.covariance, want.cross * scale**3, rtol=tolerance)
    np.testing.assert_allclose(got.area_variance, want.area_variance * scale**4, rtol=tolerance)


@pytest.mark.parametrize("length", [1e-8, 0.1, 3.0])
def test_clock_that_stands_still_has_the_limit_of_powers(length):
    """Assert that phi = x has no noise, and lever and spread of x^(1 + eps) for eps to 0."""
    end = 2.0 * math.exp(-length)
    got = step_clock(NoiseScale.ode(), 2.0, end)
    epsilon = mp.mpf(10) ** -25
    exact = exact_clock(lambda x: x ** (1 + epsilon), 2.0, end, digits=60)
    assert got.variance == 0.0
    np.testing.assert_allclose([got.lever, got.spread], [exact.lever, exact.spread], rtol=RELATIVE)


def test_subnormal_noise_counts_as_a_clock_that_stands_still():
    """Assert finite lever and spread, near those of phi = x, on levels where tau^2 leaves the range of float64."""
    levels = np.geomspace(0.0016, 0.0010, 12)
    got = step_clock(NoiseScale.exp_reciprocal(), levels[:-1], levels[1:])
    assert np.isfinite(got).all()
    still = step_clock(NoiseScale.ode(), levels[-2], levels[-1])
    np.testing.assert_allclose([got.lever[-1], got.spread[-1]], [still.lever, still.spread], rtol=RELATIVE)


@given(
    name=st.sampled_from(NAMES),
    start=st.floats(0.01, 200.0),
    length=st.floats(1e-8, 9.0),
)
def test_lever_and_area_stay_within_their_bounds(name, start, length):
    """Assert 0 < lever < FEI, spread at most half the range, and a correlation in (0, 1], on any step."""
    phi, end = noise_scale(name), start * math.exp(-length)
    clock, reach = step_clock(phi, start, end), float(phi.fei(start, end))
    assert 0.0 < clock.lever < reach
    assert 0.0 < clock.spread <= 0.5 * reach
    assert 0.0 < clock.correlation <= 1.0
    np.testing.assert_array_equal(clock.variance, phi.noise_variance(start, end))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.25, 0.75])
def test_level_at_share_matches_mpmath(name, share):
    """Assert that 1/phi at the level is at the share of the step, to the accuracy of a level in float64."""
    start, end = 30.0, 30.0 * np.exp(-np.array(STEPS[2:]))
    levels = level_at_share(noise_scale(name), start, end, share)
    with mp.workdps(40):
        for level, low in zip(levels, end, strict=True):
            first, last, here = (1 / PHI[name](mp.mpf(float(x))) for x in (start, low, level))
            slack = 4.0 * np.finfo(float).eps * float(here / (last - first)) * 8.0
            assert abs(float((here - first) / (last - first)) - share) < max(slack, RELATIVE)


def test_level_at_share_reaches_both_ends_and_stays_inside():
    """Assert the ends of a step at shares 0 and 1, and a level within it for a step of one unit in the last place."""
    phi = NoiseScale.exp_power()
    assert level_at_share(phi, 2.0, 1.0, 0.0) == pytest.approx(2.0, rel=1e-14)
    assert level_at_share(phi, 2.0, 1.0, 1.0) == pytest.approx(1.0, rel=1e-14)
    assert 1.0 <= level_at_share(phi, 1.0 + 2.0**-52, 1.0, 0.75) <= 1.0 + 2.0**-52


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "noise_scale", lambda: step_clock("ode", 2.0, 1.0)),
        (TypeError, "lam_start", lambda: step_clock(NoiseScale.ode(), "2", 1.0)),
        (ValueError, "lam_start: expected finite", lambda: step_clock(NoiseScale.ode(), np.inf, 1.0)),
        (ValueError, "lam_end: expected a level > 0 below", lambda: step_clock(NoiseScale.ode(), 2.0, 0.0)),
        (ValueError, "lam_end: expected a level > 0 below", lambda: step_clock(NoiseScale.ode(), [2.0, 1.0], 1.0)),
        (ValueError, "lam_start: expected a shape", lambda: step_clock(NoiseScale.ode(), np.ones(2), np.ones(3))),
        (ValueError, "nan", lambda: step_clock(NoiseScale.ode(), np.nan, 1.0)),
        (NotAdmissible, "log_power", lambda: step_clock(NoiseScale.log_power(), 5000.0, 3000.0)),
        (ValueError, "share", lambda: level_at_share(NoiseScale.ode(), 2.0, 1.0, 1.5)),
        (ValueError, "share", lambda: level_at_share(NoiseScale.ode(), 2.0, 1.0, -0.5)),
    ],
)
def test_bad_steps_are_named(error, words, call):
    """Assert that each wrong argument raises an error that names it."""
    with pytest.raises(error, match=words):
        call()
