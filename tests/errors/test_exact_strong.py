"""Exact strong errors of every tableau agree with Monte Carlo on coupled paths, and show the order of the paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ersde_theory import BrownianPath, Draw, NoiseScale, Tableau, TimeGrid, sample, schemes
from ersde_theory.claims._ladders import VARIANCE, mean_errors, transition
from ersde_theory.errors import StepTransition, exact_strong_error, fit_order
from ersde_theory.problems import problem
from ersde_theory.schemes import exponential_sra
from tests.errors._simulation import LAW, heun_with_one_evaluation, simulate, within

PATHS = 4000
BUILDS = {
    "solver 1": lambda grid, phi: schemes.er_sde(grid, phi, 1),
    "solver 2": lambda grid, phi: schemes.er_sde(grid, phi, 2),
    "solver 3": lambda grid, phi: schemes.er_sde(grid, phi, 3),
    "stage and area": exponential_sra,
    "predictor-corrector": heun_with_one_evaluation,
}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("power", [2.0, 1.5])
def test_exact_strong_error_matches_coupled_simulation(build, power):
    """Assert that the RMS error at every node lies within the Monte Carlo interval; its 12 % twin does not."""
    phi, grid = NoiseScale.power(power), TimeGrid.karras(8, 5.0, 0.05)
    tab = BUILDS[build](grid, phi)
    paths = simulate(lambda x: x**power, grid, PATHS, seed=5)
    found = sample(tab, LAW.denoise, paths.states[0], paths.noise(tab), return_trajectory=True).states
    squared = (found[tab.node >= 0] - paths.states) ** 2
    predicted = exact_strong_error(tab, VARIANCE, transition(grid, phi))
    assert predicted[0] == 0.0
    for node in range(1, 9):
        assert within(squared[node], predicted[node])
        assert not within(squared[node], 1.12 * predicted[node])


def test_error_is_zero_for_the_exact_map():
    """Assert that a scheme equal to the exact solution on point-mass data has no error."""
    grid, phi = TimeGrid.karras(12, 5.0, 0.05), NoiseScale.exp_power()
    tab = schemes.er_sde(grid, phi, 1)
    exact = StepTransition(tab.previous[1:], tab.noise[1:, 0], np.zeros(grid.n_steps))
    assert exact_strong_error(tab, 0.0, exact).max() == 0.0


def test_point_mass_data_leave_round_off_only():
    """Assert that stages, areas and corrections cancel to 1e-14 where every exponential scheme is exact."""
    grid, phi = TimeGrid.karras(40, 5.0, 0.05), NoiseScale.exp_power()
    variance = phi.noise_variance(grid.levels[:-1], grid.levels[1:])
    ratio = 1.0 - phi.fei(grid.levels[:-1], grid.levels[1:])
    exact = StepTransition(ratio, np.sqrt(variance), np.zeros(40), np.zeros(40))
    for build in BUILDS.values():
        assert exact_strong_error(build(grid, phi), 0.0, exact).max() < 1e-14


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power"])
@pytest.mark.parametrize("order", [2, 3])
def test_strong_order_of_the_published_solvers_is_one(name, order):
    """Assert 1.00 +- 0.02 at the end and over the path, and that the stage with area is not of that order."""
    ladder, phi = (160, 320, 640, 1280), NoiseScale.from_name(name)
    found: dict[str, list[float]] = {"end": [], "path": [], "sra": []}
    for n in ladder:
        grid = problem("gaussian").make_grid(n)
        exact = transition(grid, phi)
        errors = exact_strong_error(schemes.er_sde(grid, phi, order), VARIANCE, exact)
        found["end"].append(errors[-1])
        found["path"].append(errors.max())
        found["sra"].append(exact_strong_error(exponential_sra(grid, phi), VARIANCE, exact)[-1])
    slopes = {key: fit_order(ladder, errors) for key, errors in found.items()}
    for key in ("end", "path"):
        assert abs(slopes[key].order - 1.0) < 0.02
        assert abs(slopes[key].last_slope - 1.0) < 0.02
    assert abs(slopes["sra"].order - 1.0) > 0.9


@pytest.mark.parametrize("build", ["solver 2", "stage and area", "predictor-corrector"])
def test_offset_start_adds_the_error_of_the_mean(build):
    """Assert that squared errors add up from those without offset and the mean's, known from exact moments."""
    phi = NoiseScale.power(1.5)
    grid = problem("gaussian").make_grid(20)
    tab, exact = BUILDS[build](grid, phi), transition(grid, phi)
    without = exact_strong_error(tab, VARIANCE, exact, mean=0.7)[-1]
    offset = exact_strong_error(tab, VARIANCE, exact, mean=0.7, start_mean=0.0)[-1]
    (of_mean,) = mean_errors(BUILDS[build], phi, (20,))
    np.testing.assert_allclose(offset**2 - without**2, of_mean**2, rtol=1e-9)
    np.testing.assert_allclose(without, exact_strong_error(tab, VARIANCE, exact)[-1], rtol=1e-12)


def test_scheme_that_moves_constants_errs_in_the_mean():
    """Assert that a tableau with data weights 1 % too large pays for the data's mean, and a right one does not."""
    grid, phi = TimeGrid.karras(10, 5.0, 0.05), NoiseScale.ode()
    tab, exact = schemes.er_sde(grid, phi, 2), transition(grid, phi)
    wrong = replace(tab, data=1.01 * tab.data)
    centred, shifted = (exact_strong_error(wrong, VARIANCE, exact, mean=m)[-1] for m in (0.0, 3.0))
    assert shifted > centred + 0.02
    right = [exact_strong_error(tab, VARIANCE, exact, mean=m)[-1] for m in (0.0, 3.0)]
    np.testing.assert_allclose(*right, rtol=1e-9)


def coarse_view(tab: Tableau) -> Tableau:
    """Return the same run, of which every second row counts as a node: its draws span half of the new steps."""
    row = np.arange(tab.n_rows)
    return replace(tab, node=np.where(row % 2 == 0, row // 2, -1))


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power", "ode"])
def test_draws_within_steps_are_understood_with_a_path(name):
    """Assert that nodes at every second row have the errors of these rows, once a path splits the steps."""
    grid, phi = TimeGrid.karras(10, 5.0, 0.05), NoiseScale.from_name(name)
    tab, exact = schemes.er_sde(grid, phi, 2), transition(grid, phi)
    want = exact_strong_error(tab, VARIANCE, exact)[::2]
    got = exact_strong_error(coarse_view(tab), VARIANCE, exact, path=BrownianPath(phi, grid, 0))
    np.testing.assert_array_equal(got, want)
    if tab.is_stochastic:
        with pytest.raises(ValueError, match="over one grid step each"):
            exact_strong_error(coarse_view(tab), VARIANCE, transition(TimeGrid(grid.levels[::2]), phi))


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power"])
@pytest.mark.parametrize("build", ["solver 2", "stage and area", "predictor-corrector"])
def test_path_on_a_finer_grid_gives_the_error_of_the_steps(name, build):
    """Assert that solution and draws put together from a path 4 times finer have the same errors to 1e-7.

    What a step does not see is in both cases a difference of variances of relative 1e-13: to 1e-7 of the noise.
    """
    grid, phi = TimeGrid.karras(6, 5.0, 0.05), NoiseScale.from_name(name)
    tab, fine = BUILDS[build](grid, phi), grid.refine(4)
    want = exact_strong_error(tab, VARIANCE, transition(grid, phi))
    got = exact_strong_error(tab, VARIANCE, transition(fine, phi), path=BrownianPath(phi, fine, 0))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-7 * want.max())
    other = BrownianPath(NoiseScale.power(2.5), fine, 0)
    assert np.abs(exact_strong_error(tab, VARIANCE, transition(fine, phi), path=other) - want).max() > 1e-3 * want.max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": np.ones(3)}, "transition.factor: expected shape"),
        ({"seen": np.ones(3)}, "transition.seen: expected shape"),
        ({"seen_area": np.ones(3)}, "transition.seen_area: expected shape"),
        ({"unseen": np.array([0.0, np.nan])}, "transition.unseen: expected finite"),
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


def test_draws_without_weight_may_be_of_any_kind():
    """Assert that a deterministic sampler is understood whatever its unused draws mean."""
    grid, phi = TimeGrid.karras(6, 5.0, 0.05), NoiseScale.ode()
    tab, exact = schemes.er_sde(grid, phi, 2), transition(grid, phi)
    other = replace(tab, draws=tuple(Draw(d.level_from, d.level_to, "independent") for d in tab.draws))
    np.testing.assert_array_equal(exact_strong_error(other, 0.25, exact), exact_strong_error(tab, 0.25, exact))


GRID = TimeGrid([4.0, 2.0, 1.0])
PHI = NoiseScale.reverse_sde()
SRA = exponential_sra(GRID, PHI)
EXACT = StepTransition(np.ones(2), np.zeros(2), np.zeros(2))
INDEPENDENT = replace(SRA, draws=tuple(Draw(d.level_from, d.level_to, "independent") for d in SRA.draws))


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "tab: expected a Tableau", lambda: exact_strong_error("ode", 0.25, EXACT)),
        (TypeError, "transition: expected a StepTransition", lambda: exact_strong_error(SRA, 0.25, None)),
        (TypeError, "path: expected a BrownianPath", lambda: exact_strong_error(SRA, 0.25, EXACT, path=3)),
        (ValueError, "variance", lambda: exact_strong_error(SRA, -1.0, EXACT)),
        (ValueError, "start_mean", lambda: exact_strong_error(SRA, 0.25, EXACT, start_mean=np.nan)),
        (ValueError, "kind='independent'", lambda: exact_strong_error(INDEPENDENT, 0.25, EXACT)),
        (
            ValueError,
            "covariance of each area",
            lambda: exact_strong_error(replace(SRA, draw_covariance={}), 1.0, EXACT),
        ),
        (
            ValueError,
            "kind 'independent'",
            lambda: exact_strong_error(INDEPENDENT, 0.25, EXACT, path=BrownianPath(PHI, GRID, 0)),
        ),
        (
            ValueError,
            "every node's level",
            lambda: exact_strong_error(SRA, 0.25, EXACT, path=BrownianPath(PHI, TimeGrid([4.0, 1.0]), 0)),
        ),
        (
            ValueError,
            "a row for each node",
            lambda: exact_strong_error(replace(SRA, node=np.array([0, -1, -1, -1, 2])), 0.25, EXACT),
        ),
        (ValueError, "alpha = 1", lambda: exact_strong_error(schemes.ddim(TimeGrid([np.inf, 2.0, 1.0])), 0.25, EXACT)),
    ],
)
def test_bad_input_is_named(error, words, call):
    """Assert that each wrong argument raises an error that names it."""
    with pytest.raises(error, match=words):
        call()
