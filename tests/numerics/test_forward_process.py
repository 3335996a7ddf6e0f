"""Forward processes against their definitions in mpmath: marginals, inverses, drift and diffusion."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import ForwardProcess

RELATIVE = 1e-12
PROCESSES = {
    name: ForwardProcess.from_name(name) for name in ("vp_linear", "vp_cosine", "sub_vp", "ve", "edm", "rectified_flow")
}
WITH_ZERO_ALPHA = ("vp_cosine", "rectified_flow")


def beta_integral(t: mp.mpf) -> mp.mpf:
    """Return the integral of beta = 0.1 + 19.9 t."""
    return mp.mpf("0.1") * t + mp.mpf("19.9") * t**2 / 2


def cosine(t: mp.mpf) -> mp.mpf:
    """Return alpha of the cosine process with offset 0.008."""
    s = mp.mpf("0.008")
    return mp.cos((t + s) / (1 + s) * mp.pi / 2) / mp.cos(s / (1 + s) * mp.pi / 2)


ORACLES = {
    "vp_linear": (
        lambda t: mp.exp(-beta_integral(t) / 2),
        lambda t: mp.sqrt(1 - mp.exp(-beta_integral(t))),
    ),
    "vp_cosine": (cosine, lambda t: mp.sqrt(1 - cosine(t) ** 2)),
    "sub_vp": (lambda t: mp.exp(-beta_integral(t) / 2), lambda t: 1 - mp.exp(-beta_integral(t))),
    "ve": (lambda t: mp.mpf(1) + 0 * t, lambda t: mp.mpf("0.01") * mp.mpf(5000) ** t),
    "edm": (lambda t: mp.mpf(1) + 0 * t, lambda t: t),
    "rectified_flow": (lambda t: 1 - t, lambda t: t),
}
times = st.one_of(st.floats(1e-6, 0.999), st.floats(1e-3, 0.9))
each_process = pytest.mark.parametrize("name", PROCESSES)


def close(got, wanted: mp.mpf) -> bool:
    """Return whether a float64 result has relative accuracy 1e-12, or exact zero."""
    return abs(mp.mpf(float(got)) - wanted) <= RELATIVE * abs(wanted)


@each_process
@settings(max_examples=30)
@given(t=times)
def test_marginal_matches_definition_in_mpmath(name, t):
    """Assert alpha, sigma and sigma/alpha to relative 1e-12, near both ends too."""
    process, (alpha, sigma) = PROCESSES[name], ORACLES[name]
    with mp.workdps(50):
        s = mp.mpf(t)
        assert close(process.alpha(t), alpha(s))
        assert close(process.sigma(t), sigma(s))
        assert close(process.noise_level(t), sigma(s) / alpha(s))


@each_process
@settings(max_examples=20)
@given(t=times)
def test_drift_and_diffusion_match_derivatives_in_mpmath(name, t):
    """Assert f = (ln alpha)' and g^2 = (sigma^2)' - 2 f sigma^2, and alpha^2 (lam^2)' = g^2."""
    process, (alpha, sigma) = PROCESSES[name], ORACLES[name]
    with mp.workdps(50):
        s = mp.mpf(t)
        f = mp.diff(lambda u: mp.log(alpha(u)), s)
        g_squared = mp.diff(lambda u: sigma(u) ** 2, s) - 2 * f * sigma(s) ** 2
        other = alpha(s) ** 2 * mp.diff(lambda u: (sigma(u) / alpha(u)) ** 2, s)
        assert abs(g_squared / other - 1) < mp.mpf(10) ** -15
        assert abs(mp.mpf(float(process.drift(t))) - f) <= RELATIVE * (abs(f) + mp.mpf(10) ** -20)
        assert close(process.diffusion_squared(t), g_squared)


@each_process
@settings(max_examples=40)
@given(t=times)
def test_time_inverts_noise_level(name, t):
    """Assert that t comes back from its level to 1e-12, and the level from its t."""
    process = PROCESSES[name]
    level = process.noise_level(t)
    assert abs(process.time(level) - t) <= RELATIVE * max(t, 1e-3)
    np.testing.assert_allclose(process.noise_level(process.time(level)), level, rtol=1e-10)


@each_process
@settings(max_examples=40)
@given(t=times)
def test_alpha_and_sigma_at_a_level_are_those_of_its_time(name, t):
    """Assert that the marginal can be had from the level, without t."""
    process = PROCESSES[name]
    level = process.noise_level(t)
    np.testing.assert_allclose(process.alpha_at_level(level), process.alpha(t), rtol=1e-12)
    np.testing.assert_allclose(process.sigma_at_level(level), process.sigma(t), rtol=1e-12)


@pytest.mark.parametrize("parameters", [(0.05, 3.0), (1.0, 1.0), (2.0, 40.0)])
def test_parameters_of_beta_enter_marginal_and_inverse(parameters):
    """Assert the closed forms for other betas, constant beta included."""
    low, high = parameters
    t = np.array([0.01, 0.3, 1.0])
    integral = low * t + 0.5 * (high - low) * t**2
    for process in (ForwardProcess.vp_linear(low, high), ForwardProcess.sub_vp(low, high)):
        np.testing.assert_allclose(process.alpha(t), np.exp(-0.5 * integral), rtol=1e-14)
        np.testing.assert_allclose(process.time(process.noise_level(t)), t, rtol=1e-12)


@each_process
def test_level_zero_is_the_clean_end(name):
    """Assert alpha = 1 and sigma = 0 at t = 0 where the process gets there, and at level 0 in any."""
    process = PROCESSES[name]
    assert (process.alpha_at_level(0.0), process.sigma_at_level(0.0)) == (1.0, 0.0)
    if name != "ve":
        assert (process.sigma(0.0), process.noise_level(0.0), process.time(0.0)) == (0.0, 0.0, 0.0)
    assert abs(process.alpha(0.0) - 1.0) < 1e-15


@pytest.mark.parametrize("name", WITH_ZERO_ALPHA)
def test_level_infinity_is_the_end_at_alpha_zero(name):
    """Assert alpha = 0, sigma = 1 and an infinite level at t = 1, and drift refused there."""
    process = PROCESSES[name]
    assert (process.alpha(1.0), process.noise_level(1.0), process.time(np.inf)) == (0.0, np.inf, 1.0)
    np.testing.assert_allclose(process.sigma(1.0), 1.0, rtol=1e-15)
    assert (process.alpha_at_level(np.inf), process.sigma_at_level(np.inf)) == (0.0, 1.0)
    for function in (process.drift, process.diffusion_squared):
        with pytest.raises(ValueError, match="expected times at which alpha > 0, got 1"):
            function(np.array([0.5, 1.0]))


@pytest.mark.parametrize("name", [n for n in PROCESSES if n not in WITH_ZERO_ALPHA])
def test_level_infinity_is_refused_where_alpha_never_vanishes(name):
    """Assert that processes which stop at a finite level say so."""
    with pytest.raises(ValueError, match=r"noise_level: expected .*, got inf"):
        PROCESSES[name].time(np.inf)


@pytest.mark.parametrize("name", WITH_ZERO_ALPHA)
def test_levels_near_the_end_keep_their_relative_accuracy(name):
    """Assert alpha and level to relative 1e-12 for 1 - t down to 1e-10 (as given in float64)."""
    process, (alpha, sigma) = PROCESSES[name], ORACLES[name]
    with mp.workdps(50):
        for gap in (1e-3, 1e-6, 1e-10):
            t = 1.0 - gap
            assert close(process.alpha(t), alpha(mp.mpf(t)))
            assert close(process.noise_level(t), sigma(mp.mpf(t)) / alpha(mp.mpf(t)))


def test_definition_check_catches_its_broken_twins():
    """Assert that an offset of 0.009 and betas off by 1e-6 do not pass for the stated ones."""
    with mp.workdps(50):
        wrong = ForwardProcess.vp_cosine(0.009)
        assert not close(wrong.alpha(0.3), ORACLES["vp_cosine"][0](mp.mpf(0.3)))
        wrong = ForwardProcess.vp_linear(0.1, 20.0 * (1 + 1e-6))
        assert not close(wrong.sigma(0.3), ORACLES["vp_linear"][1](mp.mpf(0.3)))


@each_process
def test_arrays_go_through_elementwise(name):
    """Assert that shapes are kept and values are those of single times."""
    process, t = PROCESSES[name], np.array([[0.1, 0.2, 0.5], [0.3, 0.7, 0.9]])
    for function in (process.alpha, process.sigma, process.noise_level, process.drift):
        got = function(t)
        assert got.shape == t.shape
        np.testing.assert_array_equal(got, [[function(v) for v in row] for row in t])
