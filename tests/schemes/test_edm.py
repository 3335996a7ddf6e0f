"""EDM's samplers: against the authors' code, a Runge-Kutta step that knows no tableau, and the exact Gaussian."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ersde_theory import Tableau, TimeGrid, sample
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.schemes._edm import edm_heun, edm_stochastic
from tests.schemes._multistep import ROUNDOFF, denoise, deviation, ode_order, plain, recorded
from tests.schemes._twins import SLOPE, Scheme, overdriven, slope, stale

GRID = TimeGrid.karras(12, 80.0, 0.002, final_zero=True)
NOISY = {"s_tmin": 0.0, "s_tmax": math.inf, "s_noise": 1.0}


def scheme_of(run: dict[str, Any]) -> Tableau:
    """Return our tableau of a recorded run; its code has other names for the two levels and other defaults."""
    names = {"s_churn": "s_churn", "s_min": "s_tmin", "s_max": "s_tmax", "s_noise": "s_noise"}
    return edm_stochastic(TimeGrid(run["levels"]), **(NOISY | {names[k]: v for k, v in run["options"].items()}))


# ------------------------------------------------------------------ against independent code


@pytest.mark.parametrize("run", recorded("edm_authors"), ids=lambda r: f"churn {r['options']['s_churn']:g}")
def test_edm_stochastic_matches_its_authors_when_given_their_noise(run: dict[str, Any]) -> None:
    """Assert that the authors' sampler is reproduced to round-off, on its own grid to level 0."""
    assert deviation(run, scheme_of(run)) < ROUNDOFF


def test_edm_heun_matches_its_authors_when_there_is_no_churn() -> None:
    """Assert that the recorded run without churn is Heun's, and that no run with churn is."""
    quiet, *churned = recorded("edm_authors")
    assert deviation(quiet, edm_heun(TimeGrid(quiet["levels"]))) < ROUNDOFF
    for run in churned:
        assert deviation(run, edm_heun(TimeGrid(run["levels"]))) > 1e9 * ROUNDOFF


def test_edm_heun_matches_a_trapezoidal_step_when_integrated_as_an_ode() -> None:
    """Assert that Heun's table is the explicit trapezoidal rule for (y - D)/lambda, Euler's in the step to 0."""
    levels = np.array([6.0, 2.5, 0.9, 0.31, 0.0])
    start = np.array([[5.0, -1.0, 0.3]])
    y = start
    for s, t in itertools.pairwise(levels):
        slope_s = (y - denoise(y, s)) / s
        end = y + (t - s) * slope_s
        y = end if t == 0.0 else y + 0.5 * (t - s) * (slope_s + (end - denoise(end, t)) / t)
    np.testing.assert_allclose(sample(edm_heun(TimeGrid(levels)), denoise, start), y, rtol=ROUNDOFF)


# ------------------------------------------------------------------ structure


def test_edm_stochastic_is_heun_when_nothing_is_added() -> None:
    """Assert that no churn, and levels outside of the window, leave Heun's table."""
    for tab in (edm_stochastic(GRID, 0.0), edm_stochastic(GRID, s_tmin=90.0, s_tmax=100.0)):
        assert edm_heun(GRID).first_difference(tab) is None
    assert edm_heun(GRID).first_difference(edm_stochastic(GRID, 1e-3)) is not None


def test_levels_rise_inside_a_step_when_it_is_churned() -> None:
    """Assert that a churned step raises the level by its capped share, and where the window says."""
    tab = edm_stochastic(TimeGrid([4.0, 2.0, 1.0, 0.5]), s_churn=40.0, s_tmin=1.0, s_tmax=2.0)
    raised = 1.0 + (math.sqrt(2.0) - 1.0)
    np.testing.assert_allclose(tab.noise_level, [4.0, 2.0, 2.0, 2.0 * raised, 1.0, 1.0, raised, 0.5, 0.5])
    assert tab.node.tolist() == [0, -1, 1, -1, -1, 2, -1, -1, 3]
    assert tab.evaluation.tolist() == [0, 1, -1, 2, 3, -1, 4, 5, -1]
    assert {draw.kind for draw in tab.draws} == {"independent"}
    assert {draw.kind for draw in edm_heun(GRID).draws} == {"increment"}


def test_evaluations_are_two_a_step_when_none_ends_at_zero() -> None:
    """Assert 2N evaluations, 2N - 1 if the last step goes to 0, with churn as without."""
    for grid, count in ((plain(7), 14), (GRID, 25)):
        assert edm_heun(grid).n_evaluations == count
        assert edm_stochastic(grid, **NOISY).n_evaluations == count


def test_defects_are_the_churned_states_when_the_noise_has_a_factor() -> None:
    """Assert that Heun and churn are exact for constants and point masses, but for s_noise other than 1."""
    assert edm_heun(GRID).defects() == []
    assert edm_stochastic(GRID, **NOISY).defects() == []
    tab = edm_stochastic(GRID)
    churned = 1 + np.flatnonzero(np.diff(tab.noise_level) > 0.0)
    assert [(d.row, d.identity) for d in tab.defects()] == [(int(r), "variance") for r in churned]


# ------------------------------------------------------------------ orders


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [edm_heun, lambda g: edm_stochastic(g, 10.0, **NOISY)], ids=["heun", "churn"])
def test_order_is_two_when_data_are_gaussian(scheme: Scheme) -> None:
    """Assert second order with and without churn; stale values cost an order, wrong ones convergence."""
    assert slope(scheme) == pytest.approx(2.0, abs=SLOPE)
    assert slope(stale(scheme)) < 1.0 + SLOPE
    assert slope(overdriven(scheme)) < SLOPE


def test_ode_order_is_two_when_data_are_a_mixture() -> None:
    """Assert Heun's order of the paths' end points, where the data prediction is not linear."""
    assert ode_order(edm_heun, plain) == pytest.approx(2.0, abs=SLOPE)
    assert ode_order(stale(edm_heun), plain) < 1.0 + SLOPE


def test_law_is_not_reached_when_the_noise_has_a_factor() -> None:
    """Assert that s_noise = 1.003 leaves an error that more steps do not remove."""
    errors = [abs(float(output_moments(edm_stochastic(plain(n)), 0.0, 0.25)[1]) - 0.2525) for n in (640, 1280)]
    assert errors[1] > 0.9 * errors[0] > 1e-4


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"s_churn": -1.0}, "s_churn: expected a number >= 0, got -1.0"),
        ({"s_churn": math.inf}, "s_churn: expected a finite number, got inf"),
        ({"s_tmin": -0.1}, "s_tmin: expected a number >= 0"),
        ({"s_tmin": 2.0, "s_tmax": 1.0}, "s_tmax: expected a level >= s_tmin = 2, got 1"),
        ({"s_tmax": math.nan}, "s_tmax: expected numbers, got nan"),
        ({"s_noise": -1.0}, "s_noise: expected a number >= 0, got -1.0"),
    ],
)
def test_bad_value_is_named_when_given(options: dict[str, float], message: str) -> None:
    """Assert that a wrong value raises ValueError and says what was expected."""
    with pytest.raises(ValueError, match=message):
        edm_stochastic(GRID, **options)


@pytest.mark.parametrize("scheme", [edm_heun, edm_stochastic])
def test_bad_grid_is_named_when_given(scheme: Any) -> None:
    """Assert that levels instead of a grid raise TypeError, a start at infinity ValueError."""
    with pytest.raises(TypeError, match="grid: expected a TimeGrid"):
        scheme([4.0, 1.0])
    with pytest.raises(ValueError, match="grid: expected a finite first level"):
        scheme(TimeGrid([math.inf, 1.0]))
