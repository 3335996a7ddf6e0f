"""Exact local errors agree with the one-step formulas and with simulated steps, and have the orders of theory."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.claims._ladders import VARIANCE, transition
from ersde_theory.errors import exact_local_error, exact_strong_error, fit_order, one_step_error
from ersde_theory.problems import problem
from ersde_theory.schemes import exponential_sra
from tests.errors._simulation import LAW, heun_with_one_evaluation, simulate, within

LADDER = (80, 160, 320, 640)


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power", "power(1.5)", "exp_reciprocal", "log_power", "ode"])
def test_local_error_matches_the_one_step_formulas_for_order_one(name):
    """Assert error and mean error of errors.one_step_error, which integrates them, at every step."""
    grid, phi = TimeGrid.karras(30, 5.0, 0.05), NoiseScale.from_name(name)
    got = exact_local_error(schemes.er_sde(grid, phi, 1), VARIANCE, transition(grid, phi))
    want = one_step_error(phi, grid.levels[:-1], grid.levels[1:], VARIANCE)
    np.testing.assert_allclose(got.error, want.error, rtol=1e-8)
    np.testing.assert_allclose(got.mean_error, want.mean_error, rtol=1e-8, atol=1e-14)
    second = exact_local_error(schemes.er_sde(grid, phi, 2), VARIANCE, transition(grid, phi))
    assert np.abs(second.error[5:] / want.error[5:] - 1.0).min() > 1e-3


@pytest.mark.parametrize("build", ["solver 2", "solver 3", "stage and area", "predictor-corrector"])
def test_local_error_matches_simulated_steps(build):
    """Assert the RMS of steps made from exact states, by hand; a prediction 10 % off does not fit."""
    phi, grid, i = NoiseScale.reverse_sde(), TimeGrid.karras(8, 5.0, 0.05), 4
    paths = simulate(lambda x: x**2, grid, 8000, seed=11)
    denoised = [LAW.denoise(x, float(lam)) for x, lam in zip(paths.states, grid.levels, strict=True)]
    if build == "stage and area":
        tab = exponential_sra(grid, phi)
        stage, end = 2 * i + 1, 2 * i + 2
        state = tab.previous[stage] * paths.states[i] + tab.data[stage, 0] * denoised[i]
        state = state + tab.noise[stage, 1] * paths.areas[i]
        inside = LAW.denoise(state, float(tab.sigma[stage]))
        state = tab.previous[end] * state + tab.data[end, 0] * denoised[i] + tab.data[end, 1] * inside
        state = state + tab.noise[end, 0] * paths.increments[i] + tab.noise[end, 1] * paths.areas[i]
    elif build == "predictor-corrector":
        tab = heun_with_one_evaluation(grid, phi)
        fei, noise = phi.fei(grid.levels[i], grid.levels[i + 1]), tab.noise[2 * i + 1, 0]
        common = (1.0 - fei) * paths.states[i] + noise * paths.increments[i]
        predicted = LAW.denoise(common + fei * denoised[i], float(grid.levels[i + 1]))
        state = common + 0.5 * fei * (denoised[i] + predicted)
    else:
        tab = schemes.er_sde(grid, phi, int(build[-1]))
        state = tab.previous[i + 1] * paths.states[i] + tab.noise[i + 1, 0] * paths.increments[i]
        for column, weight in zip(tab.data_columns[i + 1], tab.data[i + 1], strict=True):
            state = state + weight * denoised[column]
    got = exact_local_error(tab, VARIANCE, transition(grid, phi))
    squared = (state - paths.states[i + 1]) ** 2
    assert within(squared, got.error[i])
    assert not within(squared, 1.1 * got.error[i])
    assert (got.mean_error <= got.error).all()


@pytest.mark.parametrize(
    ("build", "name", "order", "mean_order"),
    [
        (exponential_sra, "exp_power", 2.5, 3.0),
        (exponential_sra, "power(1.5)", 2.5, 3.0),
        (exponential_sra, "ode", 3.0, 3.0),
        (lambda grid, phi: schemes.er_sde(grid, phi, 1), "exp_power", 1.5, 2.0),
        (lambda grid, phi: schemes.er_sde(grid, phi, 1), "ode", 2.0, 2.0),
        (lambda grid, phi: schemes.er_sde(grid, phi, 2), "exp_power", 1.5, 1.5),
        (heun_with_one_evaluation, "exp_power", 1.5, 3.0),
    ],
)
def test_local_orders_are_those_of_theory(build, name, order, mean_order):
    """Assert the orders of the middle step: h^(5/2) and h^3 with a stage and the area, h^(3/2) without the area.

    A history's noise is known before the step: multistep methods have a mean error of h^(3/2), which cancels against
    what the steps before it did not see.
    """
    phi = NoiseScale.from_name(name)
    errors, mean_errors = [], []
    for n in LADDER:
        grid = problem("gaussian").make_grid(n)
        local = exact_local_error(build(grid, phi), VARIANCE, transition(grid, phi), start_mean=1.0)
        errors.append(local.error[n // 2])
        mean_errors.append(local.mean_error[n // 2])
    assert abs(fit_order(LADDER, errors).last_slope - order) < 0.05
    assert abs(fit_order(LADDER, mean_errors).last_slope - mean_order) < 0.05


def test_mean_error_vanishes_for_the_reverse_sde_of_order_one():
    """Assert that the exact denoiser is a martingale: no mean error for phi = x^2 at all, but one for exp_power."""
    grid = TimeGrid.karras(20, 5.0, 0.05)
    first = {
        name: exact_local_error(
            schemes.er_sde(grid, NoiseScale.from_name(name), 1),
            VARIANCE,
            transition(grid, NoiseScale.from_name(name)),
            mean=0.7,
            start_mean=0.0,
        )
        for name in ("reverse_sde", "exp_power")
    }
    assert first["reverse_sde"].mean_error.max() < 1e-14
    assert first["exp_power"].mean_error.min() > 1e-4


def test_single_step_has_the_global_error():
    """Assert that on a grid of one step the local error is the strong error."""
    grid, phi = TimeGrid([2.0, 1.0]), NoiseScale.power(1.5)
    for tab in (schemes.er_sde(grid, phi, 1), exponential_sra(grid, phi)):
        local = exact_local_error(tab, VARIANCE, transition(grid, phi)).error[0]
        assert local == exact_strong_error(tab, VARIANCE, transition(grid, phi))[-1]


def test_bad_input_is_named():
    """Assert that wrong arguments raise as for strong errors."""
    grid = TimeGrid([4.0, 2.0, 1.0])
    tab = schemes.er_sde(grid, NoiseScale.ode(), 1)
    with pytest.raises(ValueError, match="variance"):
        exact_local_error(tab, -1.0, transition(grid, NoiseScale.ode()))
    with pytest.raises(ValueError, match="expected shape"):
        exact_local_error(tab, VARIANCE, transition(TimeGrid([4.0, 1.0]), NoiseScale.ode()))
