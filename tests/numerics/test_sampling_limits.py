"""Starts at alpha = 0, ends at 0, and Gaussian data, where every trajectory is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytic import Gaussian
from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.random_numbers import start_state

MEAN, VARIANCE = np.array([0.7, -1.0, 0.2]), np.array([0.25, 4.0, 1.0])
LAW = Gaussian(MEAN, VARIANCE)
NOISE_UNITS = start_state(3, (40, 3))
FROM_ZERO_ALPHA = ("rectified_flow", "vp_cosine")


def grid_from_infinity(process: str, n_steps: int, t_end: float = 0.0) -> TimeGrid:
    """Return the grid uniform in t from alpha = 0."""
    return TimeGrid.uniform_in_time(ForwardProcess.from_name(process), n_steps, 1.0, t_end)


def flow(z: np.ndarray, level: float) -> np.ndarray:
    """Return the exact ODE's state at a level, started from z in units of the noise at infinity."""
    return np.asarray(MEAN + np.sqrt(VARIANCE + level**2) * z)


def errors_from_infinity(process: str, order: int, t_end: float, steps: tuple[int, ...]) -> np.ndarray:
    """Return the largest errors of ODE samples from alpha = 0 against the closed form."""
    errors = []
    for n_steps in steps:
        grid = grid_from_infinity(process, n_steps, t_end)
        assert np.isinf(grid.levels[0])
        assert grid.ends_at_zero == (t_end == 0.0)
        y = sample(schemes.er_sde(grid, NoiseScale.ode(), order), LAW.denoise, NOISE_UNITS)
        errors.append(float(np.abs(y - flow(NOISE_UNITS, grid.levels[-1])).max()))
    return np.array(errors)


@pytest.mark.parametrize("process", FROM_ZERO_ALPHA)
@pytest.mark.parametrize("t_end", [0.0, 0.1])
def test_ode_from_infinity_converges_to_the_closed_form(process, t_end):
    """Assert second order from alpha = 0 down to 0 or to a level, sample by sample, up to a logarithm.

    The first steps halve lambda whatever N is; their errors, of relative size 1/(N^2 i) at step i, add up to
    ln(N)/N^2.
    """
    steps = (50, 100, 200)
    errors = errors_from_infinity(process, 2, t_end, steps)
    assert errors[-1] < 5e-3
    slopes = np.log2(errors[:-1] / errors[1:] * np.log(steps[1:]) / np.log(steps[:-1]))
    assert np.abs(slopes - 2.0).max() < 0.15, slopes


@pytest.mark.parametrize("process", FROM_ZERO_ALPHA)
def test_order_from_infinity_catches_its_broken_twin(process):
    """Assert that order 1 does not pass the check above."""
    steps = (100, 200)
    errors = errors_from_infinity(process, 1, 0.0, steps)
    assert abs(np.log2(errors[0] / errors[1]) - 1.0) < 0.2


@pytest.mark.parametrize("process", FROM_ZERO_ALPHA)
@pytest.mark.parametrize("name", ["ode", "reverse_sde", "power(1.5)", "exp_power", "exp_reciprocal"])
def test_start_at_infinity_is_the_limit_of_high_finite_starts(process, name):
    """Assert that every phi has the table of a start at a huge level, its unit apart.

    They differ by what the finite start still knows of the state.
    """
    grid, huge = grid_from_infinity(process, 6), 1e9
    phi = NoiseScale.from_name(name)
    slack = 1e-6 if name != "power(1.5)" else 2.0 * (grid.levels[1] / huge) ** 0.5
    limit = schemes.er_sde(grid, phi, 1).dense()
    near = schemes.er_sde(TimeGrid(np.append(huge, grid.levels[1:])), phi, 1).dense()
    np.testing.assert_allclose(limit.start[1:], huge * near.start[1:], rtol=0, atol=slack * grid.levels[1])
    np.testing.assert_allclose(limit.data[1:], near.data[1:], rtol=0, atol=slack)
    np.testing.assert_allclose(limit.noise[1:], near.noise[1:], rtol=0, atol=slack * grid.levels[1])


@pytest.mark.parametrize("process", FROM_ZERO_ALPHA)
@pytest.mark.parametrize("name", ["reverse_sde", "exp_power"])
def test_run_in_x_from_alpha_zero_equals_run_in_units_of_the_noise(process, name):
    """Assert that in x the start is the noise itself, and the end alpha times y."""
    grid = grid_from_infinity(process, 8, 0.05)
    tab, forward = schemes.er_sde(grid, NoiseScale.from_name(name), 3), ForwardProcess.from_name(process)
    in_x = tab.in_process(forward)
    assert (in_x.alpha[0], in_x.sigma[0]) == (0.0, 1.0)
    y, x = (sample(t, LAW.denoise, NOISE_UNITS, 4) for t in (tab, in_x))
    np.testing.assert_allclose(x, in_x.alpha[-1] * y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["ode", "reverse_sde", "exp_power"])
def test_moments_from_infinity_converge_to_the_data(name):
    """Assert that the exact output law tends to the data's from pure noise at alpha = 0."""
    phi, errors = NoiseScale.from_name(name), []
    for n_steps in (100, 200, 400):
        tab = schemes.er_sde(grid_from_infinity("rectified_flow", n_steps), phi, 2)
        mean, variance = output_moments(tab, MEAN, VARIANCE)
        errors.append(float(np.abs(variance - VARIANCE).max() + np.abs(mean - MEAN).max()))
    assert errors[2] < 0.35 * errors[1] < 0.35 * errors[0]
    assert errors[2] < 5e-3


@settings(max_examples=25)
@given(
    n_steps=st.integers(2, 12),
    order=st.integers(1, 3),
    name=st.sampled_from(["ode", "reverse_sde", "exp_power", "power(2.5)"]),
    final_zero=st.booleans(),
)
def test_sampled_trajectories_are_linear_with_the_exact_moments_on_gaussian_data(n_steps, order, name, final_zero):
    """Assert that loop and exact moments are one affine map: mean and variance by basis vectors.

    Feeding the mean alone, the start alone and each draw alone reads the map out of the loop.
    """
    grid = TimeGrid.karras(n_steps, 10.0, 0.05, final_zero=final_zero)
    tab = schemes.er_sde(grid, NoiseScale.from_name(name), order)
    probes = 2 + tab.n_draws
    start, noise = np.zeros((probes, 3)), np.zeros((tab.n_draws, probes, 3))
    start[:] = MEAN
    start[1] += 1.0
    for m in range(tab.n_draws):
        noise[m, 2 + m] = 1.0
    result = sample(tab, LAW.denoise, start, noise)
    response = result[1:] - result[0]
    got = (response[0] ** 2) * (VARIANCE + 100.0) + (response[1:] ** 2).sum(axis=0)
    mean, variance = output_moments(tab, MEAN, VARIANCE)
    np.testing.assert_allclose(result[0], mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(got, variance, rtol=1e-11)


def test_last_step_to_zero_returns_the_denoisers_value():
    """Assert that the final state at level 0 is D at the last level, for every phi."""
    grid = TimeGrid.karras(5, 10.0, 0.05, final_zero=True)
    for name in ("ode", "reverse_sde", "exp_power", "exp_reciprocal"):
        tab = schemes.er_sde(grid, NoiseScale.from_name(name), 3)
        run = sample(tab, LAW.denoise, 10.0 * NOISE_UNITS, 4, return_trajectory=True)
        np.testing.assert_allclose(run.states[-1], LAW.denoise(run.states[-2], grid.levels[-2]), rtol=1e-14)
