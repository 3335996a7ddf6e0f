"""The tableau as data: equality, dense and canonical form, structure, defects."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings

from ersde_theory import Draw, ForwardProcess, NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.tableau import DenseTableau
from tests.numerics import _broken
from tests.numerics._strategies import tableaus

GRID = TimeGrid.karras(6, 10.0, 0.1)
TAB = schemes.er_sde(GRID, NoiseScale.exp_power(), 3)
ARRAYS = (
    "alpha",
    "sigma",
    "node",
    "evaluation",
    "previous",
    "data_columns",
    "data",
    "noise_columns",
    "noise",
)


def heun_pec() -> Tableau:
    """Return two steps of a predictor-corrector in PEC mode, written by hand.

    Rows: start, predictor, corrector, predictor, corrector. A corrector row replaces the predictor row,
    whose evaluation stays in use; both rows of a step share one draw.
    """
    levels = [4.0, 2.0, 1.0]
    sigma = [4.0, 2.0, 2.0, 1.0, 1.0]
    return Tableau(
        name="hand-made PEC",
        alpha=np.ones(5),
        sigma=np.array(sigma),
        node=np.array([0, -1, 1, -1, 2]),
        evaluation=np.array([0, 1, -1, 2, -1]),
        previous=np.array([1.0, 0.5, 0.0, 0.5, 0.0]),
        data_columns=np.array([[-1, -1], [0, -1], [0, 1], [1, -1], [1, 2]]),
        data=np.array([[0.0, 0.0], [0.5, 0.0], [0.7, 0.3], [0.5, 0.0], [0.6, 0.4]]),
        noise_columns=np.array([[-1], [0], [0], [1], [1]]),
        noise=np.array([[0.0], [0.3], [2.0], [0.2], [1.0]]),
        draws=(Draw(levels[0], levels[1]), Draw(levels[1], levels[2])),
    )


def changed(name: str, index: tuple[int, ...], value: float) -> Tableau:
    """Return TAB with one number replaced."""
    array = getattr(TAB, name).copy()
    array[index] = value
    return replace(TAB, **{name: array})


def combined(tab: Tableau, start: float, data: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return every state for given denoiser values, row by row in a plain loop."""
    states = [start]
    for r in range(1, tab.n_rows):
        state = tab.previous[r] * states[-1]
        for column, weight in zip(tab.data_columns[r], tab.data[r], strict=True):
            state += weight * data[column] if column >= 0 else 0.0
        for column, weight in zip(tab.noise_columns[r], tab.noise[r], strict=True):
            state += weight * draws[column] if column >= 0 else 0.0
        states.append(state)
    return np.array(states)


def again(tab: Tableau, dense: DenseTableau, tolerance: float = 0.0) -> Tableau:
    """Return the canonical form of a dense table with the labels of a tableau."""
    return Tableau.from_dense(
        tab.name,
        dense,
        alpha=tab.alpha,
        sigma=tab.sigma,
        node=tab.node,
        evaluation=tab.evaluation,
        draws=tab.draws,
        draw_covariance=tab.draw_covariance,
        tolerance=tolerance,
    )


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_only_copies(name):
    """Assert that no number of a tableau can be changed, not even through the array it came from."""
    array = getattr(TAB, name)
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0
    mine = np.array(array)
    built = replace(TAB, **{name: mine})
    mine[...] = 0
    np.testing.assert_array_equal(getattr(built, name), array)
    with pytest.raises(FrozenInstanceError):
        setattr(TAB, name, mine)


@pytest.mark.parametrize(
    ("name", "index", "column"),
    [
        ("alpha", (2,), "alpha"),
        ("sigma", (3,), "sigma"),
        ("previous", (5,), "previous"),
        ("data", (4, 0), "data[3]"),
        ("data", (4, 2), "data[1]"),
        ("noise", (6, 0), "noise[5]"),
    ],
)
def test_first_difference_names_row_and_column(name, index, column):
    """Assert that one changed number is found, named and quoted, and none is found in a copy."""
    old = getattr(TAB, name)[index]
    other = changed(name, index, old * (1 + 1e-12) + 1e-13)
    difference = TAB.first_difference(other)
    assert (difference.row, difference.column) == (index[0], column)
    assert (difference.expected, difference.got) == (old, getattr(other, name)[index])
    assert str(difference) == f"row {index[0]}, {column}: expected {old}, got {difference.got}"
    assert other != TAB
    assert TAB.first_difference(other, rtol=1e-11, atol=1e-12) is None
    assert replace(TAB, name="another name") == TAB


def test_first_difference_is_the_first_of_several():
    """Assert that rows are compared in order of computation."""
    twin = _broken.with_coefficient_off(_broken.with_noise_off(TAB), row=5)
    difference = TAB.first_difference(twin)
    assert (difference.row, difference.column) == (1, "noise[0]")


def test_first_difference_compares_labels_draws_and_sizes():
    """Assert that structure counts: evaluations fed, nodes, draws, their covariance, sizes."""
    draws = (Draw(9.0, TAB.draws[0].level_to), *TAB.draws[1:])
    assert TAB.first_difference(replace(TAB, draws=draws)).column == "draws[0]"
    linked = replace(TAB, draw_covariance={(1, 2): 0.5})
    assert TAB.first_difference(linked).column == "draw_covariance[1, 2]"
    assert TAB.first_difference(changed("node", (3,), -1)).column == "node"
    shorter = schemes.er_sde(TimeGrid.karras(5, 10.0, 0.1), NoiseScale.exp_power(), 3)
    assert TAB.first_difference(shorter).column == "n_rows"


def test_equality_ignores_zeros_and_the_order_of_columns():
    """Assert that a padded and permuted band is the same sampler, another object is not."""
    pad = np.full((TAB.n_rows, 1), -1)
    padded = replace(
        TAB,
        data_columns=np.hstack([pad, TAB.data_columns[:, ::-1]]),
        data=np.hstack([np.zeros((TAB.n_rows, 1)), TAB.data[:, ::-1]]),
    )
    assert padded == TAB
    assert TAB != "a tableau"


@settings(max_examples=60)
@given(tab=tableaus())
def test_dense_form_gives_the_same_states_as_the_rows(tab):
    """Assert that start, data and noise weights of every state reproduce a plain run of the rows."""
    rng = np.random.default_rng(1)
    data, draws = rng.standard_normal(tab.n_evaluations), rng.standard_normal(tab.n_draws)
    dense = tab.dense()
    got = dense.start * 1.7 + dense.data @ data + dense.noise @ draws
    wanted = combined(tab, 1.7, data, draws)
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13 * np.abs(wanted).max())


@settings(max_examples=60)
@given(tab=tableaus())
def test_canonical_form_keeps_the_dense_form(tab):
    """Assert that `from_dense` changes no state, however its rows were written."""
    dense = tab.dense()
    once = again(tab, dense)
    size = max(1.0, *(float(np.abs(a).max(initial=0.0)) for a in (dense.start, dense.data, dense.noise)))
    stretch = max(1.0, float(np.abs(once.previous).max())) ** tab.n_rows
    for name in ("start", "data", "noise"):
        np.testing.assert_allclose(
            getattr(once.dense(), name), getattr(dense, name), rtol=0, atol=1e-14 * size * stretch
        )


def test_canonical_form_is_the_same_whatever_form_a_sampler_came_in():
    """Assert that two ways to write one sampler have one canonical form, and a third sampler not."""
    dense = TAB.dense()
    eliminated = replace(
        TAB,
        previous=np.append(1.0, np.zeros(TAB.n_rows - 1)),
        data_columns=np.vstack([np.full(6, -1), np.tile(np.arange(6), (6, 1))]) * (np.arange(7)[:, None] > np.arange(6))
        - (np.arange(7)[:, None] <= np.arange(6)),
        data=dense.data * (np.arange(7)[:, None] > np.arange(6)),
    )
    assert eliminated != TAB
    assert again(TAB, dense, 1e-15).first_difference(TAB, rtol=1e-12) is None
    twin = again(TAB, replace(dense, data=dense.data * (1 + 1e-6)), 1e-15)
    assert twin.first_difference(TAB, rtol=1e-12) is not None


def test_canonical_form_eliminates_a_draw_once_the_start_is_forgotten():
    """Assert the tie-break: after a row without the start the newest draw sets the coefficient."""
    dense = DenseTableau(
        start=np.array([1.0, 0.0, 0.0]),
        data=np.array([[0.0, 0.0], [1.0, 0.0], [0.25, 0.75]]),
        noise=np.array([[0.0, 0.0], [2.0, 0.0], [0.5, 1.0]]),
    )
    tab = Tableau.from_dense(
        "forgetful",
        dense,
        alpha=np.ones(3),
        sigma=np.array([4.0, 2.0, 1.0]),
        node=np.arange(3),
        evaluation=np.array([0, 1, -1]),
        draws=(Draw(4.0, 2.0), Draw(2.0, 1.0)),
    )
    assert tab.previous.tolist() == [1.0, 0.0, 0.25]
    assert tab.data[2].tolist() == [0.75]
    assert tab.noise[2].tolist() == [1.0]


def test_dense_form_is_refused_above_512_steps():
    """Assert that the quadratic view is guarded, and there at the limit."""
    long = schemes.er_sde(TimeGrid.karras(513, 10.0, 0.1), NoiseScale.ode(), 1)
    with pytest.raises(ValueError, match="dense: expected at most 512 steps, got 513"):
        long.dense()
    whole = schemes.er_sde(TimeGrid.karras(512, 10.0, 0.1), NoiseScale.ode(), 1)
    assert whole.dense().data.shape == (513, 512)


def test_process_coordinates_scale_every_state_by_alpha():
    """Assert x = alpha y row by row in the dense form."""
    vp = ForwardProcess.vp_linear()
    in_x, alpha = TAB.in_process(vp).dense(), vp.alpha_at_level(TAB.noise_level)
    in_y = TAB.dense()
    np.testing.assert_allclose(in_x.start, in_y.start * alpha / alpha[0], rtol=1e-14)
    np.testing.assert_allclose(in_x.data, in_y.data * alpha[:, None], rtol=1e-13)
    np.testing.assert_allclose(in_x.noise, in_y.noise * alpha[:, None], rtol=1e-13)
    back = TAB.in_process(vp).in_process(ForwardProcess.edm())
    assert TAB.first_difference(back, rtol=1e-13) is None


def test_multirow_steps_have_their_sizes_and_dense_form():
    """Assert that a PEC table counts steps, rows and evaluations apart, and old evaluations stay."""
    tab = heun_pec()
    assert (tab.n_rows, tab.n_steps, tab.n_evaluations, tab.n_draws) == (5, 2, 3, 2)
    dense = tab.dense()
    assert dense.start.tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert dense.data[2].tolist() == [0.7, 0.3, 0.0]
    np.testing.assert_allclose(dense.data[4], [0.0, 0.6, 0.4])
    assert dense.noise.tolist()[3:] == [[1.0, 0.2], [0.0, 1.0]]
    assert again(tab, dense).first_difference(again(tab, again(tab, dense).dense())) is None


def test_defects_of_multirow_steps_use_the_true_covariances():
    """Assert that rows which share a draw are judged together: correctors pass, predictors do not."""
    found = heun_pec().defects()
    assert {d.identity for d in found} == {"variance"}
    assert {d.row for d in found} == {1, 3}
    twin = _broken.with_coefficient_off(heun_pec(), row=2)
    assert "constant" in {d.identity for d in twin.defects() if d.row == 2}


@pytest.mark.parametrize("covariance", [{}, {(0, 1): 0.0}], ids=["independent", "stated"])
def test_a_defect_is_not_carried_on_to_later_rows(covariance):
    """Assert that one row's wrong noise is named there alone, with or without a stated covariance."""
    noise = TAB.noise.copy()
    noise[3] *= 1.01
    twin = replace(TAB, noise=noise, draw_covariance=covariance)
    assert [(d.row, d.identity) for d in twin.defects(1e-12)] == [(3, "variance")]
    assert replace(TAB, draw_covariance=covariance).defects(1e-12) == []


def test_a_wrong_sampler_can_be_represented():
    """Assert that construction accepts wrong coefficients, a rising level and unused draws."""
    churn = replace(TAB, sigma=TAB.sigma[[0, 1, 0, 3, 4, 5, 6]], noise=10.0 * TAB.noise)
    assert churn.noise_level[2] > churn.noise_level[1]
    assert len(churn.defects()) >= 6
