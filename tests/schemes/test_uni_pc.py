"""UniPC: its public implementation step by step, its kinship with Adams methods, its orders."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import TimeGrid, schemes
from ersde_theory.schemes._sa_solver import sa_solver
from ersde_theory.schemes._uni_pc import uni_pc
from tests.numerics import _broken
from tests.schemes import _multistep as m

RUNS = m.recorded("unipc_diffusers")
FORMS = [(p, corrector) for p in (1, 2, 3) for corrector in (False, True)]


def tableau(run, **changes):
    """Return the tableau of a recorded run, or with arguments changed."""
    arguments = {name: run[name] for name in ("order", "corrector", "b")} | changes
    return uni_pc(TimeGrid(run["levels"]), **arguments)


def label(run):
    """Return a readable test id."""
    return f"{run['order']}-{run['b']}-{'pc' if run['corrector'] else 'p'}-to{run['levels'][-1]}"


each_run = pytest.mark.parametrize("run", RUNS, ids=label)
each_b = pytest.mark.parametrize("b", ["bh1", "bh2"])


def test_recordings_cover_all_forms_and_an_end_at_zero():
    """Assert that no recorded run went missing."""
    forms = {(r["order"], r["corrector"], r["b"]) for r in RUNS}
    assert forms == {(p, c, b) for p, c in FORMS for b in ("bh1", "bh2")}
    assert sum(r["levels"][-1] == 0.0 for r in RUNS) == 1


@each_run
def test_uni_pc_matches_the_public_implementation(run):
    """Assert that the scheduler of Diffusers is met to round-off."""
    assert m.deviation(run, tableau(run)) < m.ROUNDOFF


@each_run
def test_comparison_with_the_public_implementation_catches_its_broken_twins(run):
    """Assert that a weight off by 1e-6 in any row, another order and a missing corrector do not pass."""
    tab = tableau(run)
    rows = set(range(1, tab.n_rows))
    if run["levels"][-1] == 0.0:
        rows.remove(tab.n_rows - 2)  # a step to 0 returns the evaluation at the prediction: its correction is unused
    twins = [_broken.with_coefficient_off(tab, row=row) for row in rows]
    twins += [tableau(run, order=run["order"] % 3 + 1), tableau(run, corrector=not run["corrector"])]
    if (run["order"], run["corrector"]) != (1, False):
        twins.append(tableau(run, b="bh1" if run["b"] == "bh2" else "bh2"))
    assert min(m.deviation(run, twin) for twin in twins) > 10.0 * m.ROUNDOFF


@each_b
@pytest.mark.parametrize(("p", "corrector"), FORMS)
def test_uni_pc_keeps_constant_data_and_costs_one_evaluation_a_step(p, corrector, b):
    """Assert no defect and N evaluations for N steps, to level 0 too."""
    for final_zero in (False, True):
        grid = TimeGrid.karras(12, 80.0, 0.002, final_zero=final_zero)
        tab = uni_pc(grid, p, corrector=corrector, b=b)
        assert tab.defects() == []
        assert tab.n_evaluations == grid.n_steps
        assert not tab.is_stochastic


@pytest.mark.slow
@each_b
@pytest.mark.parametrize(("p", "corrector"), FORMS)
def test_uni_pc_has_the_stated_order(p, corrector, b):
    """Assert order p for the predictor and p + 1 with the corrector, on a mixture."""
    got = m.ode_order(lambda g: uni_pc(g, p, corrector=corrector, b=b))
    assert abs(got - (p + corrector)) < m.LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize(("p", "corrector"), [(2, False), (2, True), (3, False), (3, True)])
def test_order_catches_its_broken_twins(p, corrector):
    """Assert that an evaluation one step too old and exchanged weights lose the order."""
    for twin in (_broken.with_history_shifted, _broken.with_history_swapped):
        got = m.ode_order(lambda g, twin=twin: twin(uni_pc(g, p, corrector=corrector)))
        assert got < p + corrector - 0.5


@pytest.mark.parametrize("p", [1, 2, 3])
def test_uni_pc_is_the_released_sa_solver_without_noise(p):
    """Assert that bh1 is SA-Solver (p, p + 1) as released at tau = 0; exact integrals are not."""
    grid = TimeGrid.karras(12, 80.0, 0.002)
    for variant, same in (("released", True), ("published", False)):
        other = sa_solver(grid, 0.0, p, p + 1, variant=variant)
        assert (uni_pc(grid, p, b="bh1").first_difference(other, rtol=m.COEFFICIENT) is None) == same


@pytest.mark.parametrize("corrector", [False, True])
def test_b_cancels_once_three_points_are_used(corrector):
    """Assert that bh1 and bh2 of order 3 differ while two points are used, and nowhere after."""
    grid = TimeGrid.karras(12, 80.0, 0.002)
    one, two = (uni_pc(grid, 3, corrector=corrector, b=b) for b in ("bh1", "bh2"))
    differ = np.flatnonzero((one.data != two.data).any(axis=1))
    assert set(one.noise_level[differ].tolist()) <= set(grid.levels[[1, 2]].tolist())
    assert differ.size > 0


def test_uni_p_two_with_bh2_is_dpm_solver_pp_2m():
    """Assert the weights (1 - q)(1 + 1/2r) and -(1 - q)/2r with q the ratio of levels; bh1 differs."""
    grid = TimeGrid.karras(12, 80.0, 0.002)
    tab = uni_pc(grid, 2, corrector=False)
    h = -np.diff(np.log(grid.levels))
    q, r = np.exp(-h[1:]), h[:-1] / h[1:]
    expected = np.stack([(1.0 - q) * (1.0 + 0.5 / r), -(1.0 - q) * 0.5 / r], axis=1)
    np.testing.assert_allclose(tab.data[2:], expected, rtol=1e-13)
    assert np.abs(uni_pc(grid, 2, corrector=False, b="bh1").data[2:] / expected - 1.0).min() > 1e-3


def test_uni_p_one_is_ddim():
    """Assert that the predictor of order 1 is DDIM, and order 2 is not."""
    grid = TimeGrid.karras(12, 80.0, 0.002, final_zero=True)
    assert schemes.ddim(grid).first_difference(uni_pc(grid, 1, corrector=False), rtol=m.COEFFICIENT) is None
    assert schemes.ddim(grid).first_difference(uni_pc(grid, 2, corrector=False), rtol=m.COEFFICIENT) is not None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"grid": None}, TypeError, "grid: expected a TimeGrid"),
        ({"grid": TimeGrid([np.inf, 1.0])}, ValueError, "grid: expected a finite first level"),
        ({"order": 4}, ValueError, "order: expected an integer >= 1 and <= 3, got 4"),
        ({"order": "2"}, TypeError, "order: expected an integer"),
        ({"corrector": 1}, TypeError, "corrector: expected a bool"),
        ({"b": "bh3"}, ValueError, "b: expected one of bh1, bh2, got 'bh3'; did you mean"),
        ({"b": 2}, TypeError, "b: expected one of"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    """Assert that each argument out of range is named with what was expected."""
    with pytest.raises(error, match=message):
        uni_pc(**{"grid": TimeGrid([4.0, 2.0, 1.0])} | arguments)
