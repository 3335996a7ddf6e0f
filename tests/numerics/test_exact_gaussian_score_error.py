"""Exact moments with an imperfect score against runs of the loop on a basis: no closed form is shared."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.exact_gaussian import output_moments, wasserstein2

ROUNDOFF = 1e-12
VARIANCE = 0.25


def mistake(noise_level):
    """Return a relative error of the score that depends on the level."""
    return 0.05 * np.log(noise_level)


def run_on_a_basis(tab, error) -> float:
    """Return the output variance: the loop is linear, so it is run on the start and on each draw alone."""
    n = 1 + tab.n_draws
    start = np.zeros((n, 1))
    start[0] = np.sqrt(tab.alpha[0] ** 2 * VARIANCE + tab.sigma[0] ** 2)
    noise = np.zeros((tab.n_draws, n, 1))
    noise[np.arange(tab.n_draws), 1 + np.arange(tab.n_draws)] = 1.0

    def denoise(y, noise_level):
        exact = y * VARIANCE / (VARIANCE + noise_level**2)
        return y + (1.0 + error(noise_level)) * (exact - y)

    return float((sample(tab, denoise, start, noise) ** 2).sum())


@pytest.mark.parametrize("name", ["ode", "exp_power", "reverse_sde"])
@pytest.mark.parametrize("scheme", [schemes.er_sde, schemes.variable_order_pec])
def test_moments_match_the_loop_when_the_score_is_wrong(name, scheme):
    """Assert agreement to round-off, and that half the mistake is not the same."""
    tab = scheme(TimeGrid.karras(15, 5.0, 0.05), NoiseScale.from_name(name))
    _, variance = output_moments(tab, 0.0, VARIANCE, score_error=mistake)
    assert float(variance) == pytest.approx(run_on_a_basis(tab, mistake), rel=ROUNDOFF)
    assert abs(float(variance) / run_on_a_basis(tab, lambda level: 0.5 * mistake(level)) - 1.0) > 1e-3


def test_moments_in_x_match_those_in_y_when_the_score_is_wrong():
    """Assert that the relative error of the score means the same in a VP process's own coordinates."""
    grid, phi = TimeGrid.karras(12, 5.0, 0.05), NoiseScale.exp_power()
    tab = schemes.exponential_adams(grid, phi, 3)
    in_x = tab.in_process(ForwardProcess.vp_linear())
    moments = [output_moments(t, 0.7, VARIANCE, score_error=mistake) for t in (tab, in_x)]
    scale = in_x.alpha[-1]
    assert float(moments[1][0]) == pytest.approx(scale * float(moments[0][0]), rel=ROUNDOFF)
    assert float(moments[1][1]) == pytest.approx(scale**2 * float(moments[0][1]), rel=ROUNDOFF)


def test_distance_without_mistake_is_the_exact_one():
    """Assert that an error of 0 changes nothing beyond round-off."""
    tab = schemes.exponential_adams(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.exp_power(), 3)
    spectrum = np.logspace(-5, 1, 7)
    np.testing.assert_allclose(
        wasserstein2(tab, 0.0, spectrum, score_error=np.zeros_like), wasserstein2(tab, 0.0, spectrum), rtol=1e-10
    )


def test_mistakes_that_cannot_be_used_are_refused():
    """Assert clear errors for a start at level inf, infinite and non-numeric mistakes."""
    grid = TimeGrid.karras(5, 5.0, 0.05)
    tab = schemes.er_sde(grid, NoiseScale.ode())
    with pytest.raises(ValueError, match="score_error: expected finite numbers"):
        output_moments(tab, 0.0, 1.0, score_error=lambda levels: np.full_like(levels, np.inf))
    with pytest.raises(TypeError, match="score_error: expected real numbers"):
        output_moments(tab, 0.0, 1.0, score_error=lambda _: "a")
    infinite = schemes.er_sde(TimeGrid([np.inf, 1.0, 0.5]), NoiseScale.ode(), 1)
    with pytest.raises(ValueError, match="score_error: expected tableaus that start at a finite level"):
        output_moments(infinite, 0.0, 1.0, score_error=np.zeros_like)
