"""DEIS: its public implementations step by step, its polynomials, its orders."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from ersde_theory import ForwardProcess, TimeGrid, sample, schemes
from ersde_theory.schemes._deis import deis
from tests.numerics import _broken
from tests.schemes import _multistep as m

VP = ForwardProcess.vp_linear()
DIFFUSERS, AUTHORS = m.recorded("deis_diffusers"), m.recorded("deis_authors")
EXTRAPOLATED = 1e-12  # (1/10 000)^3, the first power of the Riemann step that extrapolation leaves
VARIABLES = ("t", "rho", "log_rho")
LEVELS = [6.0, 4.1, 2.5, 1.7, 0.9, 0.55, 0.31, 0.12, 0.05]


def tableau(run, **changes):
    """Return the tableau of a recorded run, or with arguments changed."""
    arguments = {name: run[name] for name in ("order", "variable")} | changes
    return deis(TimeGrid(run["levels"]), process=VP, **arguments)


def label(run):
    """Return a readable test id."""
    return f"{run['order']}-{run['variable']}"


def limit(run):
    """Return the authors' result for infinitely many Riemann nodes, from runs with n, 2n and 4n."""
    n, twice, four_times = (np.array(final) for final in run["finals"])
    coarse, fine = 2.0 * twice - n, 2.0 * four_times - twice
    return (4.0 * fine - coarse) / 3.0


each_authors_run = pytest.mark.parametrize("run", AUTHORS, ids=label)


def test_recordings_cover_all_variables_and_orders():
    """Assert that no recorded run went missing."""
    assert {(r["order"], r["variable"]) for r in AUTHORS} == {(k, v) for k in (2, 3, 4) for v in ("t", "rho")}
    assert {(r["order"], r["variable"]) for r in DIFFUSERS} == {(k, "log_rho") for k in (1, 2, 3)}


@each_authors_run
def test_deis_matches_the_authors_code_in_the_limit_of_its_riemann_sum(run):
    """Assert that tAB and rhoAB are met where the nodes of the authors' quadrature go to infinity."""
    assert m.deviation(run, tableau(run), limit(run)) < EXTRAPOLATED


@each_authors_run
def test_authors_quadrature_converges_with_first_order(run):
    """Assert that the authors' code approaches the exact integrals, its error halved with twice the nodes."""
    errors = [m.deviation(run, tableau(run), np.array(final)) for final in run["finals"]]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=1e-2)
    assert errors[0] < 1e-4


@pytest.mark.parametrize("run", DIFFUSERS, ids=label)
def test_deis_in_the_log_level_matches_diffusers(run):
    """Assert that the scheduler of Diffusers is met to round-off."""
    assert m.deviation(run, tableau(run)) < m.ROUNDOFF


@pytest.mark.parametrize("run", [*AUTHORS, *DIFFUSERS], ids=label)
def test_comparison_with_public_implementations_catches_its_broken_twins(run):
    """Assert that a weight off by 1e-6 in any row, another order and another variable do not pass."""
    final = limit(run) if run in AUTHORS else np.array(run["final"])
    tab = tableau(run)
    twins = [_broken.with_coefficient_off(tab, row=row) for row in range(1, tab.n_rows)]
    twins.append(tableau(run, order=run["order"] % 4 + 1))
    if run["order"] > 1:
        twins += [tableau(run, variable=v) for v in VARIABLES if v != run["variable"]]
    assert min(m.deviation(run, twin, final) for twin in twins) > 10.0 * EXTRAPOLATED


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_deis_keeps_constant_data_and_constant_noise(order, variable):
    """Assert no defect, N evaluations and no noise for N steps, coarse and fine, to level 0 too."""
    for n in (8, 400):
        for final_zero in (False, True):
            grid = TimeGrid.karras(n, 80.0, 0.002, final_zero=final_zero)
            tab = deis(grid, order, variable=variable, process=VP)
            assert tab.defects() == []
            assert (tab.n_evaluations, tab.is_stochastic) == (grid.n_steps, False)


def step_errors(order, variable, process, degree):
    """Return how far steps are from the exact integral when the noise prediction is a power of v."""
    position = {"t": process.time, "rho": np.asarray, "log_rho": np.log}[variable]

    def data(y, level):
        return y - level * position(level) ** degree

    tab = deis(TimeGrid(LEVELS), order, variable=variable, process=process)
    states = sample(tab, data, np.ones((1, 1)), return_trajectory=True).states.ravel()
    steps = itertools.pairwise(LEVELS)
    exact = [quad(lambda u: float(position(u)) ** degree, start, end, epsabs=1e-14)[0] for start, end in steps]
    return np.abs(np.diff(states) - exact)


@pytest.mark.parametrize("process", [VP, ForwardProcess.vp_cosine(), ForwardProcess.rectified_flow()], ids=repr)
@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_deis_integrates_polynomials_in_its_variable_exactly(order, variable, process):
    """Assert exactness for degrees below k once the start is over; degree k is missed."""
    for degree in range(order):
        assert step_errors(order, variable, process, degree)[degree:].max() < 1e-11
    assert step_errors(order, variable, process, order)[3:].max() > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_deis_has_the_stated_order(order, variable):
    """Assert order k on the ODE of a mixture."""
    got = m.ode_order(lambda g: deis(g, order, variable=variable, process=VP))
    assert abs(got - order) < m.LAST_SLOPE


def with_swapped_history(tab, order):
    """Return the sampler with its two newest weights exchanged in every row."""
    return _broken.with_history_swapped(tab)


def with_window_cut(tab, order):
    """Return the sampler with the k - 1 newest evaluations of each row only, the sum of the weights kept."""
    data = tab.data.copy()
    data[:, 0] += data[:, order - 1 :].sum(axis=1)
    data[:, order - 1 :] = 0.0
    return replace(tab, data=data)


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 3, 4])
def test_order_catches_its_broken_twins(order):
    """Assert that exchanged weights and a window cut to the k - 1 newest evaluations lose the order."""
    for twin in (with_swapped_history, with_window_cut):
        got = m.ode_order(lambda g, twin=twin: twin(deis(g, order, process=VP), order))
        assert got < order - 0.5


def test_plain_start_caps_the_order_at_two():
    """Assert that without a graded start the first steps of low order rule on fine grids."""
    assert m.ode_order(lambda g: deis(g, 4, process=VP), m.plain) < 2.5


@pytest.mark.parametrize("variable", VARIABLES)
def test_order_one_is_ddim(variable):
    """Assert that DEIS-1 is DDIM, to level 0 too, and DEIS-2 is not."""
    grid = TimeGrid.karras(12, 80.0, 0.002, final_zero=True)
    for order, same in ((1, True), (2, False)):
        tab = deis(grid, order, variable=variable, process=VP)
        assert (schemes.ddim(grid).first_difference(tab, rtol=m.COEFFICIENT, atol=m.COEFFICIENT) is None) == same


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_time_of_edm_is_the_level(order):
    """Assert that tAB of a process whose time is the level is rhoAB; of a VP process it is not from order 2."""
    grid = TimeGrid.karras(12, 60.0, 0.002)
    level = deis(grid, order, variable="rho")
    assert level.first_difference(deis(grid, order, process=ForwardProcess.edm()), atol=m.COEFFICIENT) is None
    other = deis(grid, order, process=VP)
    assert (level.first_difference(other, atol=m.COEFFICIENT) is None) == (order == 1)


def test_window_is_all_steps_on_a_coarse_grid_and_settles_on_fine_ones():
    """Assert that a row reaches back to the first evaluation in few steps, and only some 20 evaluations in many."""
    widths = [deis(TimeGrid.karras(n, 5.0, 0.05), 4, process=VP).data.shape[1] for n in (8, 160, 640)]
    assert widths[0] == 8
    assert widths[1] > widths[2]
    assert widths[2] <= 24


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"grid": np.ones(3)}, TypeError, "grid: expected a TimeGrid"),
        ({"grid": TimeGrid([np.inf, 1.0])}, ValueError, "grid: expected a finite first level"),
        ({"order": 0}, ValueError, "order: expected an integer >= 1 and <= 4, got 0"),
        ({"variable": "log-rho"}, ValueError, "did you mean 'log_rho'"),
        ({"variable": None}, TypeError, "variable: expected one of"),
        ({"process": None}, TypeError, "process: expected a ForwardProcess for variable='t', got None"),
        ({"process": "vp_linear"}, TypeError, "process: expected a ForwardProcess"),
        ({"grid": TimeGrid([1e4, 1.0])}, ValueError, "noise_level: expected a level that vp_linear reaches"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    """Assert that each argument out of range is named with what was expected."""
    with pytest.raises(error, match=message):
        deis(**{"grid": TimeGrid([4.0, 2.0, 1.0]), "process": VP} | arguments)
