"""SA-Solver: its public implementations step by step, its polynomials, its orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from analytic import gaussian_transition
from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory.errors import StepTransition, exact_strong_error
from ersde_theory.schemes._sa_solver import sa_solver
from tests.numerics import _broken
from tests.schemes import _multistep as m

DIFFUSERS, AUTHORS = m.recorded("sa_diffusers"), m.recorded("sa_authors")
RUNS = [(run, "released") for run in DIFFUSERS] + [(run, "published") for run in AUTHORS]
PAIRS = [(k, c) for k in (1, 2, 3, 4) for c in (0, 1, 2, 3, 4)]
LEVELS = [6.0, 4.1, 2.5, 1.7, 0.9, 0.55, 0.31, 0.12]
VARIANCE = 0.25


def tableau(run, variant, **changes):
    """Return the tableau of a recorded run, or with arguments changed."""
    arguments = {name: run[name] for name in ("tau", "predictor", "corrector")} | changes
    return sa_solver(TimeGrid(run["levels"]), variant=variant, **arguments)


def label(value):
    """Return a readable test id."""
    return value if isinstance(value, str) else f"tau{value['tau']}-{value['predictor']}{value['corrector']}"


each_run = pytest.mark.parametrize(("run", "variant"), RUNS, ids=label)


def test_recordings_cover_all_orders_with_and_without_noise():
    """Assert that no recorded run went missing."""
    pairs = {(run["predictor"], run["corrector"]) for run in DIFFUSERS}
    assert pairs == {(k, c) for k, c in PAIRS if c}
    assert {(run["predictor"], run["corrector"]) for run in AUTHORS} == {(k, c) for k, c in PAIRS if c != 1}
    assert {run["tau"] for run in DIFFUSERS} == {0.0, 0.7, 1.0}


@each_run
def test_sa_solver_matches_public_implementations(run, variant):
    """Assert that Diffusers (released) and the authors' exact updates (published) are met to round-off."""
    assert m.deviation(run, tableau(run, variant)) < m.ROUNDOFF


@each_run
def test_comparison_with_public_implementations_catches_its_broken_twins(run, variant):
    """Assert that one weight off by 1e-6, another tau, wrong noise and wrong orders do not pass."""
    tab, k, c = tableau(run, variant), run["predictor"], run["corrector"]
    twins = [_broken.with_coefficient_off(tab, row=row) for row in range(1, tab.n_rows)]
    twins += [tableau(run, variant, tau=run["tau"] + 1e-3), tableau(run, variant, predictor=k % 4 + 1)]
    twins += [tableau(run, variant, corrector=(c + 1) % 5)]
    if run["tau"] > 0.0:
        twins.append(_broken.with_noise_off(tab))
    assert min(m.deviation(run, twin) for twin in twins) > 10.0 * m.ROUNDOFF


@pytest.mark.parametrize("run", [r for r in DIFFUSERS if r["predictor"] > 1 or r["corrector"] > 1], ids=label)
def test_published_and_released_variants_are_told_apart(run):
    """Assert that the modified weights of two points, of the first steps at least, are seen."""
    assert m.deviation(run, tableau(run, "published")) > 1e6 * m.ROUNDOFF


@pytest.mark.parametrize("variant", ["published", "released"])
@pytest.mark.parametrize("tau", [0.0, 0.6, 30.0])
@pytest.mark.parametrize(("k", "c"), PAIRS)
def test_sa_solver_keeps_the_exact_identities(k, c, tau, variant):
    """Assert that constant data are a fixed point and point-mass data keep their variance, to level 0 too."""
    for final_zero in (False, True):
        grid = TimeGrid.karras(12, 80.0, 0.002, final_zero=final_zero)
        assert sa_solver(grid, tau, k, c, variant=variant).defects() == []


@pytest.mark.parametrize(("k", "c"), PAIRS)
def test_sa_solver_costs_one_evaluation_a_step(k, c):
    """Assert N evaluations and N draws for N steps, the corrections as rows of their own."""
    tab = sa_solver(TimeGrid(LEVELS), 1.0, k, c)
    n = len(LEVELS) - 1
    assert (tab.n_evaluations, tab.n_draws, tab.n_rows) == (n, n, n + 1 if c == 0 else 2 * n)


@pytest.mark.parametrize("levels", [[2.0, 1.0], [2.0, 0.0], [3.0, 2.0, 1.0], [3.0, 1.0, 0.0]], ids=str)
@pytest.mark.parametrize("variant", ["published", "released"])
def test_sa_solver_runs_on_grids_shorter_than_its_order(levels, variant):
    """Assert that order 4 with a corrector of 4 points starts low on one and two steps; level 0 returns the data."""
    tab = sa_solver(TimeGrid(levels), 1.0, 4, 4, variant=variant)
    assert tab.defects() == []
    last = sample(tab, lambda y, level: np.full_like(y, level), np.ones((1, 1)), np.zeros((tab.n_draws, 1, 1)))
    assert levels[-1] > 0.0 or last.item() == levels[-2]


def polynomial_errors(tau, k, c, degree):
    """Return how far steps are from the exact integral, for data a power of ln(lambda) whatever the state.

    For a corrector the prediction plays no part then: only the corrected nodes are judged.
    """

    def data(y, level):
        return np.full_like(y, np.log(level) ** degree)

    tab = sa_solver(TimeGrid(LEVELS), tau, k, c)
    states = sample(tab, data, np.ones((1, 1)), np.zeros((tab.n_draws, 1, 1)), return_trajectory=True).states.ravel()
    states, p = states[tab.node >= 0], 1.0 + tau**2

    def exact(state, start, end):
        integral = quad(lambda u: p * end**p * u ** (-p - 1.0) * np.log(u) ** degree, end, start, epsabs=1e-14)[0]
        return (end / start) ** p * state + integral

    steps = zip(states[:-1], LEVELS[:-1], LEVELS[1:], strict=True)
    return np.abs(states[1:] - [exact(*step) for step in steps])


@pytest.mark.parametrize("tau", [0.0, 1.3])
@pytest.mark.parametrize(("k", "c"), [(k, c) for k, c in PAIRS if c != 1])
def test_sa_solver_integrates_polynomials_in_log_level_exactly(k, c, tau):
    """Assert exactness for degrees below the number of points once the start is over; the next degree is missed."""
    points = c or k
    for degree in range(points):
        settled = slice(degree, -1) if c else slice(degree, None)
        assert polynomial_errors(tau, k, c, degree)[settled].max() < 1e-12
    assert polynomial_errors(tau, k, c, points)[3:-1].min() > 1e-6


def expected_order(k, c):
    """Return the order of a predictor of k points, corrected with c."""
    return min(k + 1, c) if c else k


@pytest.mark.slow
@pytest.mark.parametrize(("k", "c"), PAIRS)
def test_sa_solver_has_the_stated_order_on_the_ode(k, c):
    """Assert order k without and min(k + 1, c) with a corrector, on a mixture."""
    assert abs(m.ode_order(lambda g: sa_solver(g, 0.0, k, c)) - expected_order(k, c)) < m.LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize(("k", "c"), [(2, 0), (1, 2), (2, 2), (2, 3), (3, 4)])
def test_released_variant_has_the_same_order_on_the_ode(k, c):
    """Assert that the replaced terms of two points cost no order."""
    got = m.ode_order(lambda g: sa_solver(g, 0.0, k, c, variant="released"))
    assert abs(got - expected_order(k, c)) < m.LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize(("k", "c"), [(2, 0), (3, 0), (4, 0), (2, 3), (3, 4)])
def test_order_on_the_ode_catches_its_broken_twins(k, c):
    """Assert that an evaluation one step too old and exchanged weights lose the order."""
    for twin in (_broken.with_history_shifted, _broken.with_history_swapped):
        got = m.ode_order(lambda g, twin=twin: twin(sa_solver(g, 0.0, k, c)))
        assert got < expected_order(k, c) - 0.5


def test_plain_start_caps_the_order_at_two():
    """Assert that without a graded start the first steps of low order rule on fine grids."""
    assert m.ode_order(lambda g: sa_solver(g, 0.0, 4), m.plain) < 2.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "c", "variant"),
    [(k, c, "published") for k, c in PAIRS] + [(k, c, "released") for k, c in ((2, 0), (1, 2), (2, 2), (2, 3))],
)
def test_sa_solver_has_weak_order_two_at_most_with_noise(k, c, variant):
    """Assert weak order 2 on the exact Gaussian for two points or more, 1 for one; never more."""
    expected = min(expected_order(k, c), 2)
    got = m.weak_order(lambda g: sa_solver(g, 0.7, k, c, variant=variant))
    assert abs(got - expected) < m.LAST_SLOPE


@pytest.mark.parametrize(("k", "c"), [(2, 0), (2, 3)])
def test_weak_order_catches_its_broken_twins(k, c):
    """Assert that wrong history and noise off by 1 % lose the weak order."""
    for twin in (_broken.with_history_swapped, _broken.with_noise_off):
        assert m.weak_order(lambda g, twin=twin: twin(sa_solver(g, 0.7, k, c))) < 1.5


def reverse_sde_transition(levels):
    """Return the exact solution over steps: what the step's own draw fixes, and the rest."""
    phi = NoiseScale.reverse_sde()
    steps = [gaussian_transition(phi.tau_squared, VARIANCE, s, t) for s, t in itertools.pairwise(levels.tolist())]
    factor, noise, clock, with_increment, _ = np.array(steps, dtype=float).T
    seen = with_increment / np.sqrt(clock)
    return StepTransition(factor, seen, np.sqrt(noise - seen**2))


@pytest.mark.parametrize(("k", "c"), [(1, 0), (2, 0), (4, 0), (2, 3), (3, 4)])
def test_sa_solver_has_strong_order_one_with_noise(k, c):
    """Assert that the exact error on the coupled path falls with order 1; with noise off by 10 % it stalls."""
    errors, stalled = [], []
    for n in (160, 320):
        grid = m.plain(n)
        tab, exact = sa_solver(grid, 1.0, k, c), reverse_sde_transition(grid.levels)
        errors.append(exact_strong_error(tab, VARIANCE, exact)[-1])
        stalled.append(exact_strong_error(_broken.with_noise_off(tab, 0.1), VARIANCE, exact)[-1])
    assert abs(np.log2(errors[0] / errors[1]) - 1.0) < 0.1
    assert np.log2(stalled[0] / stalled[1]) < 0.9


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_order_one_is_er_sde_of_the_matching_power(tau):
    """Assert that the first order is ER-SDE-Solver-1 with phi = x^(1 + tau^2); another tau is not."""
    grid = TimeGrid.karras(9, 80.0, 0.002, final_zero=True)
    member = schemes.er_sde(grid, NoiseScale.power(1.0 + tau**2), 1)
    assert member.first_difference(sa_solver(grid, tau, 1), rtol=m.COEFFICIENT) is None
    assert member.first_difference(sa_solver(grid, tau + 0.01, 1), rtol=m.COEFFICIENT) is not None


def test_order_two_differs_from_er_sde_in_the_variable_only():
    """Assert that SA-Solver-2 is not ER-SDE-Solver-2: it interpolates in ln(lambda), not in lambda."""
    grid = TimeGrid.karras(9, 80.0, 0.002)
    difference = schemes.er_sde(grid, NoiseScale.reverse_sde(), 2).first_difference(sa_solver(grid, 1.0, 2), rtol=1e-9)
    assert difference is not None
    assert difference.row == 2
    assert difference.column.startswith("data")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"grid": [2.0, 1.0]}, TypeError, "grid: expected a TimeGrid"),
        ({"grid": TimeGrid([np.inf, 1.0])}, ValueError, "grid: expected a finite first level"),
        ({"tau": -0.1}, ValueError, "tau: expected a number >= 0"),
        ({"tau": np.nan}, ValueError, "tau: expected a finite number"),
        ({"tau": 31.0}, ValueError, "tau: expected a number <= 30, got 31"),
        ({"tau": "1"}, TypeError, "tau: expected a number"),
        ({"predictor": 0}, ValueError, "predictor: expected an integer >= 1 and <= 4, got 0"),
        ({"predictor": 2.0}, TypeError, "predictor: expected an integer"),
        ({"corrector": 5}, ValueError, "corrector: expected an integer >= 0 and <= 4, got 5"),
        ({"corrector": True}, TypeError, "corrector: expected an integer"),
        ({"variant": "publishd"}, ValueError, "did you mean 'published'"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    """Assert that each argument out of range is named with what was expected."""
    with pytest.raises(error, match=message):
        sa_solver(**{"grid": TimeGrid([4.0, 2.0, 1.0])} | arguments)
