"""The ODE references against closed forms, each other, and their own tolerance."""

from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from analytic import Gaussian, digits_law, gaussian_ode_solution, solve_ode, solve_ode_x
from tests.analytic._laws import LAWS

AGREEMENT = 1e-10
BETA_MIN, BETA_MAX = 0.1, 20.0


def alpha_of(t: float) -> float:
    """Return alpha of the linear variance-preserving process."""
    return math.exp(-0.25 * t * t * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN)


def sigma_of(t: float) -> float:
    """Return sigma of the same process."""
    return math.sqrt(-math.expm1(2 * math.log(alpha_of(t))))


def beta_of(t: float) -> float:
    """Return beta: drift -beta/2, squared diffusion beta."""
    return BETA_MIN + t * (BETA_MAX - BETA_MIN)


def solve_vp(law, x, t_start, t_end, **options):
    """Solve the variance-preserving ODE in x with the exact score of x_t."""

    def score_x(state, t):
        return law.scaled(alpha_of(t)).score(state, sigma_of(t))

    return solve_ode_x(score_x, lambda t: -0.5 * beta_of(t), beta_of, x, t_start, t_end, **options)


@hypothesis.given(
    mean=st.floats(-3, 3),
    variance=st.floats(1e-3, 4.0),
    log_start=st.floats(-1.0, 2.0),
    decades=st.floats(0.1, 3.0),
)
@hypothesis.settings(max_examples=15)
def test_ode_in_y_matches_closed_form_when_data_is_gaussian(mean, variance, log_start, decades):
    """Assert agreement with the Gaussian solution to 1e-10, down and up again."""
    start, end = 10.0**log_start, 10.0 ** (log_start - decades)
    law = Gaussian(mean, variance)
    y = law.sample(4, start, 1)
    exact = gaussian_ode_solution(y, mean, variance, start, end)
    scale = AGREEMENT * max(1.0, float(np.abs(y).max()))
    solved = solve_ode(law.denoise, y, start, end)
    np.testing.assert_allclose(solved, exact, rtol=0.0, atol=scale)
    np.testing.assert_allclose(solve_ode(law.denoise, solved, end, start), y, rtol=0.0, atol=scale * start / end)


def test_ode_in_y_matches_closed_form_over_the_range_of_a_sampler():
    """Assert agreement to 1e-10 from level 80 to 0.002, at requested levels, per coordinate."""
    variances = np.logspace(-5, 1, 7)
    law = Gaussian(np.linspace(-1, 1, 7), variances)
    y = law.sample(3, 80.0, 1)
    levels = np.geomspace(80.0, 0.002, 5)
    levels[0], levels[-1] = 80.0, 0.002
    path = solve_ode(law.denoise, y, 80.0, 0.002, levels=levels)
    for level, state in zip(levels, path, strict=True):
        exact = gaussian_ode_solution(y, law.mean, variances, 80.0, float(level))
        np.testing.assert_allclose(state, exact, rtol=AGREEMENT, atol=AGREEMENT)


def test_closed_form_check_catches_a_wrong_denoiser():
    """Assert that a variance off by 1e-8 is seen at the tolerance used: the broken twin."""
    y = np.array([[3.0]])
    exact = gaussian_ode_solution(y, 0.0, 0.25, 5.0, 0.05)
    wrong = solve_ode(Gaussian(0.0, 0.25 * (1 + 1e-8)).denoise, y, 5.0, 0.05)
    assert np.abs(wrong - exact).max() > AGREEMENT


def test_ode_in_x_matches_closed_form_when_data_is_gaussian():
    """Assert that the VP equation solved in x agrees with the closed form mapped from y."""
    law = Gaussian([0.7, -0.2], [0.25, 0.04])
    x = np.array([[1.0, -2.0], [0.3, 0.1]])
    start, end = 1.0, 1e-3
    exact = alpha_of(end) * gaussian_ode_solution(
        x / alpha_of(start),
        law.mean,
        [0.25, 0.04],
        sigma_of(start) / alpha_of(start),
        sigma_of(end) / alpha_of(end),
    )
    np.testing.assert_allclose(solve_vp(law, x, start, end), exact, rtol=AGREEMENT, atol=AGREEMENT)


@pytest.mark.parametrize("name", ["mixture-one-dimension", "mixture-full", "empirical-smoothed"])
def test_ode_in_x_matches_ode_in_y_when_data_is_not_gaussian(name):
    """Assert that two equations in two variables give one trajectory: VP is VE in disguise."""
    law = LAWS[name]
    start, end = 0.6, 0.01
    x = law.scaled(alpha_of(start)).sample(4, sigma_of(start), 3)
    in_y = solve_ode(
        law.denoise,
        x / alpha_of(start),
        sigma_of(start) / alpha_of(start),
        sigma_of(end) / alpha_of(end),
    )
    times = [start, 0.2, end]
    in_x = solve_vp(law, x, start, end, times=times)
    assert in_x.shape == (3, *x.shape)
    np.testing.assert_allclose(in_x[-1] / alpha_of(end), in_y, rtol=1e-9, atol=1e-9)


def test_error_follows_tolerance():
    """Assert that a hundred times the tolerance gives a larger error, so rtol is in charge."""
    law = LAWS["mixture-full"]
    y = law.sample(4, 5.0, 1)
    tight = solve_ode(law.denoise, y, 5.0, 0.01)
    errors = [
        float(np.abs(solve_ode(law.denoise, y, 5.0, 0.01, rtol=rtol) - tight).max()) for rtol in (1e-4, 1e-6, 1e-8)
    ]
    assert errors[0] > 5 * errors[1] > 25 * errors[2] > 0.0


def test_digits_reference_is_stable_under_tolerance_and_batch():
    """Assert that real data gives one answer for two tolerances and two batch sizes."""
    law = digits_law(0.1)
    y = law.sample(3, 20.0, 1)
    together = solve_ode(law.denoise, y, 20.0, 0.05, rtol=1e-10)
    alone = solve_ode(law.denoise, y[:1], 20.0, 0.05, rtol=1e-8)
    np.testing.assert_allclose(alone, together[:1], atol=1e-6)


def test_progress_is_reported():
    """Assert that the callback counts the requested levels."""
    seen = []
    levels = [4.0, 2.0, 1.0]
    solve_ode(
        LAWS["gaussian-isotropic"].denoise,
        np.ones((1, 2)),
        4.0,
        1.0,
        levels=levels,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
