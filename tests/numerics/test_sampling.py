"""The one loop: right results, whatever the batches, threads, library, dtype and form of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analytic import GaussianMixture
from ersde_theory import BrownianPath, ForwardProcess, NoiseScale, Tableau, TimeGrid, sample, schemes
from ersde_theory.random_numbers import standard_normal, start_state
from ersde_theory.sampling import NonFiniteError, Trajectory
from tests.numerics._strategies import NAMES, noise_scale
from tests.numerics.test_exact_gaussian import correlated_tableau
from tests.numerics.test_tableau import heun_pec

AGREEMENT = 1e-12
LAW = GaussianMixture([0.3, 0.3, 0.4], [[-1.0, 0.5], [0.8, -0.2], [0.1, 1.5]], [0.2, 0.4, 0.1])
GRID = TimeGrid.karras(8, 20.0, 0.05, final_zero=True)
TAB = schemes.er_sde(GRID, NoiseScale.exp_power(), 3)
START = start_state(1, (700, 2), 20.0)
SEED = 5


def zero(y, noise_level):
    """Return the denoiser of data at 0."""
    return 0.0 * y


def huge(y, noise_level):
    """Return finite values whose sum overflows."""
    return 0.0 * y + 1e308


def plain_run(tab: Tableau, denoise, start: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the final state by the rows as written, one sample at a time, in no clever order."""
    results = []
    for n in range(len(start)):
        state, data = start[n : n + 1].copy(), {}
        for r in range(tab.n_rows):
            if r > 0:
                state = tab.previous[r] * state
                for k, b in zip(tab.data_columns[r], tab.data[r], strict=True):
                    state = state + (b * data[int(k)] if k >= 0 else 0.0)
                for m, c in zip(tab.noise_columns[r], tab.noise[r], strict=True):
                    state = state + (c * noise[m, n : n + 1] if m >= 0 else 0.0)
            if tab.evaluation[r] >= 0:
                unit = tab.alpha[r] if tab.alpha[r] > 0 else tab.sigma[r]
                data[int(tab.evaluation[r])] = denoise(state / unit, float(tab.noise_level[r]))
        results.append(state)
    return np.concatenate(results)


def seeds_draws(tab: Tableau, shape: tuple[int, ...]) -> np.ndarray:
    """Return the draws that a seed stands for."""
    return np.stack([standard_normal(SEED, m, shape[1:], 0, shape[0]) for m in range(tab.n_draws)])


@pytest.mark.parametrize("tab", [TAB, heun_pec(), TAB.in_process(ForwardProcess.vp_linear())], ids=repr)
def test_loop_matches_a_plain_run_of_the_rows(tab):
    """Assert the result of the rows as written: multistep, multi-row and process coordinates."""
    noise = seeds_draws(tab, (9, 2))
    wanted = plain_run(tab, LAW.denoise, START[:9], noise)
    np.testing.assert_allclose(sample(tab, LAW.denoise, START[:9], noise), wanted, rtol=0, atol=AGREEMENT)


@pytest.mark.parametrize("batch_rows", [1, 33, 256, 699, 700, 5000])
@pytest.mark.parametrize("threads", [1, 4])
def test_result_does_not_depend_on_batches_or_threads(batch_rows, threads):
    """Assert agreement to 1e-12 for any cut of the rows."""
    start = START[:40] if batch_rows == 1 else START
    wanted = sample(TAB, LAW.denoise, start, SEED)
    got = sample(TAB, LAW.denoise, start, SEED, batch_rows=batch_rows, threads=threads)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=AGREEMENT)


def test_noise_as_an_array_equals_the_seeds_own_draws():
    """Assert bit for bit that a seed, its draws as an array and its path are one noise."""
    wanted = sample(TAB, LAW.denoise, START, SEED)
    noise = seeds_draws(TAB, START.shape)
    np.testing.assert_array_equal(sample(TAB, LAW.denoise, START, noise), wanted)
    path = BrownianPath(NoiseScale.exp_power(), GRID, SEED)
    np.testing.assert_array_equal(sample(TAB, LAW.denoise, START, path), wanted)
    assert np.abs(sample(TAB, LAW.denoise, START, SEED + 1) - wanted).max() > 1e-3


def test_inputs_are_not_changed():
    """Assert that a read-only start and read-only noise are enough."""
    start, noise = START[:50].copy(), seeds_draws(TAB, (50, 2))
    start.flags.writeable = noise.flags.writeable = False
    kept = start.copy(), noise.copy()
    sample(TAB, LAW.denoise, start, noise, return_trajectory=True)
    np.testing.assert_array_equal(start, kept[0])
    np.testing.assert_array_equal(noise, kept[1])


def test_trajectory_holds_every_state():
    """Assert that states begin with the start, end with the result and follow the rows between."""
    path = sample(TAB, LAW.denoise, START, SEED, return_trajectory=True, batch_rows=123)
    assert isinstance(path, Trajectory)
    assert path.states.shape == (TAB.n_rows, *START.shape)
    np.testing.assert_array_equal(path.noise_level, TAB.noise_level)
    np.testing.assert_array_equal(path.states[0], START)
    np.testing.assert_array_equal(path.states[-1], sample(TAB, LAW.denoise, START, SEED, batch_rows=123))
    first = TAB.previous[1] * START + TAB.data[1, 0] * LAW.denoise(START, 20.0)
    first = first + TAB.noise[1, 0] * standard_normal(SEED, 0, (2,), 0, 700)
    np.testing.assert_allclose(path.states[1], first, rtol=0, atol=AGREEMENT)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("process", ["vp_linear", "vp_cosine", "sub_vp", "rectified_flow"])
def test_run_in_x_equals_run_in_y_times_alpha(process, name):
    """Assert that coordinates of a process change nothing but the unit, to 1e-12."""
    process = ForwardProcess.from_name(process)
    tab = schemes.er_sde(TimeGrid.karras(8, 20.0, 0.05), noise_scale(name), 3)
    alpha = process.alpha_at_level(tab.noise_level)
    in_y = sample(tab, LAW.denoise, START, SEED)
    in_x = sample(tab.in_process(process), LAW.denoise, alpha[0] * START, SEED)
    np.testing.assert_allclose(in_x, alpha[-1] * in_y, rtol=0, atol=AGREEMENT)


def test_higher_axes_are_rows_like_any_other():
    """Assert that images run as their pixels do."""
    images = START[:600].reshape(60, 5, 2, 2)

    def denoise(y, noise_level):
        return y / (1.0 + noise_level**2)

    flat = sample(TAB, denoise, images.reshape(60, 20), SEED)
    np.testing.assert_array_equal(sample(TAB, denoise, images, SEED).reshape(60, 20), flat)


def test_seed_draws_correlated_normals_with_the_stated_covariance():
    """Assert the second moments of a run with correlated draws at 1e-5, and reject independent ones."""
    tab, n = correlated_tableau(), 40_000
    mixed = sample(tab, zero, np.zeros((n, 1)), SEED)
    weights = tab.dense().noise[-1]
    matrix = np.eye(4)
    for (i, j), value in tab.draw_covariance.items():
        matrix[i, j] = matrix[j, i] = value
    squares = float((mixed**2).sum())

    def p_value(variance: float) -> float:
        return float(2 * min(stats.chi2.cdf(squares / variance, n), stats.chi2.sf(squares / variance, n)))

    assert p_value(weights @ matrix @ weights) > 1e-5
    assert p_value(weights @ weights) < 1e-5


def test_nan_from_the_denoiser_is_named_with_row_level_and_sample():
    """Assert that the first bad value stops the run and says where it was."""

    def bad(y, noise_level):
        value = LAW.denoise(y, noise_level)
        if noise_level < 1.0:
            value[START[:, 0][: len(value)] == START[77, 0]] = np.nan
        return value

    level = TAB.noise_level[TAB.noise_level < 1.0][0]
    row = int(np.argmax(TAB.noise_level < 1.0))
    message = rf"expected finite values, got nan or inf at row {row} .*noise level {level:g}\), .*sample 77"
    with pytest.raises(NonFiniteError, match=message):
        sample(TAB, bad, START, SEED, batch_rows=700)


def test_infinite_sum_of_finite_values_is_no_error():
    """Assert that only entries count: values whose sum overflows are finite."""
    tab = schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), 1)
    with np.errstate(over="ignore"):
        got = sample(tab, huge, np.zeros((400, 2)))
    np.testing.assert_allclose(got, 0.5e308)


def test_deterministic_tableau_needs_no_noise_and_asks_for_none():
    """Assert that phi = x runs without noise, and the same with any."""
    tab = schemes.er_sde(GRID, NoiseScale.ode(), 3)
    assert not tab.is_stochastic
    assert tab.n_draws == TAB.n_draws
    np.testing.assert_array_equal(sample(tab, LAW.denoise, START), sample(tab, LAW.denoise, START, SEED))


def test_evaluations_are_as_many_as_stated():
    """Assert one call a row that feeds an evaluation in use, at its level, and none at the end."""
    levels = []

    def counted(y, noise_level):
        levels.append(noise_level)
        return LAW.denoise(y, noise_level)

    sample(TAB, counted, START[:10], SEED)
    assert levels == TAB.noise_level[:-1].tolist()
    assert len(levels) == TAB.n_evaluations
    assert all(type(level) is float for level in levels)
