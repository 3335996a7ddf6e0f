"""Level maps and their inverses agree to round-off, are smooth where they say so, and refuse what they cannot do."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory import ForwardProcess
from ersde_theory.models import ContinuousLevels, DiscreteLevels, EdmLevels, SigmaLevels
from tests.models._exact_networks import STEPS, cosine_table, vp_log_signal, vp_table

EPS = 2.0**-52
FLOW = ContinuousLevels(ForwardProcess.rectified_flow(), time_scale=1000.0)
LINEAR = DiscreteLevels(vp_table())
MAPS = {
    "edm": EdmLevels(sigma_data=0.7),
    "sigma": SigmaLevels((0.002, 80.0)),
    "discrete": LINEAR,
    "discrete cosine": DiscreteLevels(cosine_table()),
    "discrete scaled": DiscreteLevels(vp_table()[::10], time_scale=10.0, time_offset=1.0),
    "vp linear": ContinuousLevels(ForwardProcess.vp_linear(), (1e-3, 1.0)),
    "vp cosine": ContinuousLevels(ForwardProcess.vp_cosine(), (1e-3, 0.999)),
    "flow": FLOW,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
@given(place=st.floats(0.0, 1.0))
def test_level_comes_back_from_what_the_network_is_told(name, place):
    """Assert that the inverse gives the level to the relative error that the told number's last bit stands for."""
    levels = MAPS[name]
    low, high = levels.noise_range
    lam = min(max(low * (high / low) ** place, low), high)
    told = levels.at(lam).conditioning
    step = max(abs(told), 1.0) * 1e-6
    near = [levels.noise_level(c) for c in (told, told - step if place > 0.5 else told + step)]
    condition = abs(math.log(near[1] / near[0])) / step  # d ln lambda / d told
    assert abs(near[0] / lam - 1.0) <= 8.0 * EPS * (1.0 + max(abs(told), 1.0) * condition)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
@given(pair=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)))
def test_what_the_network_is_told_rises_with_the_level(name, pair):
    """Assert monotony: a higher level is never told as a lower number."""
    levels = MAPS[name]
    low, high = levels.noise_range
    first, second = sorted(min(max(low * (high / low) ** place, low), high) for place in pair)
    assert levels.at(first).conditioning <= levels.at(second).conditioning


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
@given(place=st.floats(0.0, 1.0))
def test_alpha_and_sigma_are_those_of_the_level(name, place):
    """Assert that sigma / alpha is the level, and that VP keeps the variance."""
    levels = MAPS[name]
    low, high = levels.noise_range
    lam = min(max(low * (high / low) ** place, low), high)
    level = levels.at(lam)
    assert math.isclose(level.sigma, lam * level.alpha, rel_tol=4.0 * EPS)
    if "discrete" in name or "vp" in name:
        assert math.isclose(level.alpha**2 + level.sigma**2, 1.0, rel_tol=8.0 * EPS)
    if name == "flow":
        assert math.isclose(level.alpha + level.sigma, 1.0, rel_tol=4.0 * EPS)


def test_discrete_map_goes_through_every_timestep():
    """Assert that at the levels of the table the network is told whole timesteps, and back."""
    table = vp_table()
    lam = np.sqrt((1.0 - table) / table)
    told = np.array([LINEAR.at(level).conditioning for level in lam])
    np.testing.assert_allclose(told, np.arange(STEPS), rtol=0.0, atol=1e-9)
    back = np.array([LINEAR.noise_level(float(k)) for k in range(STEPS)])
    np.testing.assert_allclose(back, lam, rtol=1e-12)
    np.testing.assert_allclose(LINEAR.known_levels, lam, rtol=1e-12)


def between_levels() -> tuple[np.ndarray, np.ndarray]:
    """Return times between timesteps and their exact levels, in closed form."""
    t = np.arange(1, STEPS - 2) + 0.5
    signal = np.exp(vp_log_signal(t))
    return t, np.sqrt((1.0 - signal) / signal)


def test_map_between_timesteps_follows_the_schedule_closer_than_straight_lines():
    """Assert that the cubic is nearer to the closed form than the piecewise linear map, at every time but a few."""
    t, lam = between_levels()
    cubic = np.abs([LINEAR.at(level).conditioning for level in lam] - t)
    table = vp_table()
    known = 0.5 * np.log((1.0 - table) / table)
    linear = np.abs(np.interp(np.log(lam), known, np.arange(STEPS)) - t)
    assert cubic.max() < 0.1 * linear.max()
    assert np.median(cubic) < 0.01 * np.median(linear)


def test_map_has_no_kink_at_a_timestep_where_straight_lines_do():
    """Assert that the slope dt/d(ln lambda) is continuous at a timestep, and that of the linear map is not."""
    log_level = math.log(LINEAR.known_levels[500])
    h = 1e-6
    told = [LINEAR.at(math.exp(log_level + k * h)).conditioning for k in (-1, 0, 1)]
    left, right = (told[1] - told[0]) / h, (told[2] - told[1]) / h
    known = np.log(LINEAR.known_levels)
    kinked = 1.0 / np.diff(known)[499:501]
    assert abs(right / left - 1.0) < 1e-5
    assert abs(kinked[1] / kinked[0] - 1.0) > 1e-4


def test_snapping_tells_the_nearest_timestep_and_leaves_alpha_and_sigma():
    """Assert that a snapped map differs in what it tells alone, by at most half a step in ln lambda."""
    snapped = dataclasses.replace(LINEAR, snap=True)
    known = np.log(LINEAR.known_levels)
    for lam in np.geomspace(*LINEAR.noise_range, 37):
        level, free = snapped.at(lam), LINEAR.at(lam)
        assert level.conditioning == round(level.conditioning)
        assert (level.alpha, level.sigma) == (free.alpha, free.sigma)
        assert abs(known[int(level.conditioning)] - math.log(lam)) == np.abs(known - math.log(lam)).min()


def test_last_timestep_without_signal_is_at_level_infinity():
    """Assert that a table that ends in 0 has its last timestep at inf alone, where alpha = 0 and sigma = 1."""
    levels = DiscreteLevels(np.append(vp_table()[:-1], 0.0))
    end = levels.at(math.inf)
    assert (end.alpha, end.sigma, end.conditioning) == (0.0, 1.0, STEPS - 1.0)
    assert levels.noise_level(STEPS - 1.0) == math.inf
    assert levels.noise_range[1] < math.inf
    with pytest.raises(ValueError, match="trained timesteps"):
        levels.at(levels.noise_range[1] * 1.01)


def test_flow_reaches_infinity_and_vp_does_not():
    """Assert that the end of rectified flow, t = 1, is a level, and that VP says that it has none."""
    assert FLOW.at(math.inf).conditioning == 1000.0
    assert FLOW.at(math.inf).alpha == 0.0
    for name in ("edm", "sigma", "vp linear", "discrete"):
        with pytest.raises(ValueError, match="noise_level: expected"):
            MAPS[name].at(math.inf)


BAD = {
    "range of one": (lambda: SigmaLevels((1.0,)), TypeError, "a pair of levels"),
    "falling range": (lambda: EdmLevels(0.5, (80.0, 0.002)), ValueError, "two rising levels"),
    "level 0": (lambda: SigmaLevels((0.0, 1.0)), ValueError, "greater than 0"),
    "sigma_data 0": (lambda: EdmLevels(0.0), ValueError, "sigma_data: expected a number greater than 0"),
    "rising table": (lambda: DiscreteLevels(np.linspace(0.1, 0.9, 9)), ValueError, "strictly decreasing"),
    "short table": (lambda: DiscreteLevels(np.array([0.9, 0.1])), ValueError, "at least 3 timesteps"),
    "betas for alphas": (lambda: DiscreteLevels(np.linspace(1e-4, 2e-2, 9)), ValueError, "strictly decreasing"),
    "level below": (lambda: LINEAR.at(1e-5), ValueError, "trained timesteps"),
    "timestep beyond": (lambda: LINEAR.noise_level(1000.0), ValueError, "timesteps from 0 to 999"),
    "times outside": (
        lambda: ContinuousLevels(ForwardProcess.vp_linear(), (0.1, 2.0)),
        ValueError,
        r"two rising times in \[0, 1\]",
    ),
    "no process": (lambda: ContinuousLevels("vp"), TypeError, "expected a ForwardProcess"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_maps_say_what_was_expected(case):
    """Assert that each misuse raises an error of the right kind that names what was expected."""
    call, kind, words = BAD[case]
    with pytest.raises(kind, match=words):
        call()
