"""Exact strong errors agree with Monte Carlo on coupled paths, and show the noise's unseen part."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import Gaussian, draw_brownian, solve_sde, step_covariances
from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory.claims._ladders import VARIANCE, transition
from ersde_theory.errors import StepTransition, exact_strong_error

PATHS = 4000
ALPHA_SIGMAS = 4.5  # two-sided level 1e-5


@pytest.mark.parametrize(("order", "member"), [(1, "reverse_sde"), (2, "reverse_sde"), (3, "power(1.5)")])
def test_exact_strong_error_matches_coupled_simulation(order, member):
    """Assert that the exact RMS error lies within the Monte Carlo interval; its 5 % twin does not."""
    phi = NoiseScale.from_name(member)
    power = phi.power_exponent
    fine = TimeGrid.karras(320, 5.0, 0.05)
    coarse = TimeGrid(fine.levels[::40])
    increments, areas = draw_brownian(lambda x: x**power, fine.levels, (PATHS, 1), seed=5)
    variance = step_covariances(lambda x: x**power, fine.levels).variance
    law = Gaussian(np.zeros(1), VARIANCE)
    start = law.sample(PATHS, noise_level=5.0, seed=6)
    exact = solve_sde(law.denoise, lambda x: x**power, fine.levels, start, increments, areas)
    grouped = increments.reshape(8, 40, PATHS, 1).sum(axis=1)
    normals = grouped / np.sqrt(variance.reshape(8, 40).sum(axis=1))[:, None, None]
    tab = schemes.er_sde(coarse, phi, order)
    squared = (sample(tab, law.denoise, start, normals) - exact) ** 2
    measured, spread = squared.mean(), squared.std(ddof=1) / PATHS**0.5
    predicted = exact_strong_error(tab, VARIANCE, transition(coarse, phi))[-1] ** 2
    assert abs(measured - predicted) < ALPHA_SIGMAS * spread
    assert abs(measured - 1.25 * predicted) > ALPHA_SIGMAS * spread


def test_error_is_zero_for_the_exact_map():
    """Assert that a scheme equal to the exact solution on point-mass data has no error."""
    grid, phi = TimeGrid.karras(12, 5.0, 0.05), NoiseScale.exp_power()
    tab = schemes.er_sde(grid, phi, 1)
    exact = StepTransition(tab.previous[1:], tab.noise[1:, 0], np.zeros(grid.n_steps))
    assert exact_strong_error(tab, 0.0, exact).max() == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": np.ones(3)}, "transition.factor: expected shape"),
        ({"seen": np.ones(3)}, "transition.seen: expected shape"),
    ],
)
def test_transitions_of_another_length_are_refused(change, message):
    """Assert that a transition that does not fit the tableau is named."""
    grid = TimeGrid([4.0, 2.0, 1.0])
    parts = {"factor": np.ones(2), "seen": np.zeros(2), "unseen": np.zeros(2)} | change
    with pytest.raises(ValueError, match=message):
        exact_strong_error(schemes.er_sde(grid, NoiseScale.ode(), 1), 0.25, StepTransition(**parts))


def test_graded_tableaus_are_run_on_their_own_grid():
    """Assert that a tableau with more rows than the transition is refused."""
    grid, phi = TimeGrid([4.0, 2.0, 1.0]), NoiseScale.reverse_sde()
    tab = schemes.exponential_adams(grid, phi, 2, start="graded")
    with pytest.raises(ValueError, match="expected shape"):
        exact_strong_error(tab, 0.25, transition(grid, phi))
