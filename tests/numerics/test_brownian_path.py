"""One Brownian path in the clock V couples all grids: exact weights, degenerate clocks, refinement."""

from __future__ import annotations

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest

from analytic import GaussianMixture
from ersde_theory import BrownianPath, Draw, ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.random_numbers import standard_normal, start_state
from tests.numerics._oracles import PHI
from tests.numerics._strategies import NAMES, noise_scale

LAW = GaussianMixture([0.4, 0.6], [[-1.0, 0.5], [0.8, -0.2]], [0.2, 0.4])
ROUNDOFF = 1e-13
NOISY = [n for n in NAMES if n != "ode"]


def zero(y, noise_level):
    """Return the denoiser of data at 0."""
    return 0.0 * y


def exact_weights(name: str, levels: np.ndarray) -> np.ndarray:
    """Return sqrt(dV_j/dV) with V = (lam/phi)^2, by mpmath; V is infinite at 0."""
    with mp.workdps(40):
        lam = [mp.mpf(float(v)) for v in levels]
        clock = [(v / PHI[name](v)) ** 2 for v in lam]
        total = clock[-1] - clock[0]
        return np.array([float(mp.sqrt((b - a) / total)) for a, b in pairwise(clock)])


@pytest.mark.parametrize("name", NOISY)
def test_weights_match_the_clock_of_phi(name):
    """Assert that a step's weights are the square roots of its shares of V, for each interval."""
    fine = TimeGrid.karras(12, 80.0, 0.05)
    path = BrownianPath(noise_scale(name), fine, seed=1)
    for first, last in ((0, 12), (3, 7), (11, 12)):
        start, weights = path.weights(Draw(fine.levels[first], fine.levels[last]))
        assert start == first
        wanted = exact_weights(name, fine.levels[first : last + 1])
        np.testing.assert_allclose(weights, wanted, rtol=1e-12, atol=1e-150)


def test_weights_check_catches_its_broken_twin():
    """Assert that equal shares, and those of another phi, are not the clock's."""
    fine = TimeGrid.karras(12, 80.0, 0.05)
    path = BrownianPath(NoiseScale.exp_power(), fine, seed=1)
    weights = path.weights(Draw(80.0, 0.05))[1]
    for twin in (np.full(12, 12**-0.5), exact_weights("power(1.5)", fine.levels)):
        assert np.abs(weights - twin).max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_coarse_normals_are_the_weighted_sums_of_fine_ones(name):
    """Assert Z = sum w_j Z_j with draw j of the seed, so that Cov(Z, Z_j) = w_j exactly."""
    fine = TimeGrid.karras(4, 20.0, 0.1).refine(3)
    path = BrownianPath(noise_scale(name), fine, seed=7)
    draw = Draw(fine.levels[3], fine.levels[9])
    first, weights = path.weights(draw)
    normals = [standard_normal(7, first + j, (2,), 0, 50) for j in range(6)]
    got = path.normals(draw, (2,), 0, 50)
    np.testing.assert_allclose(got, np.einsum("j,jnd->nd", weights, normals), rtol=0, atol=1e-14)
    np.testing.assert_allclose((weights**2).sum(), 1.0, rtol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_refining_twice_composes_the_weights_of_each_refinement(name):
    """Assert that coarse = middle of fine: the weights through two levels are products."""
    coarse = TimeGrid.karras(3, 20.0, 0.1)
    middle, fine = coarse.refine(2), coarse.refine(6)
    np.testing.assert_allclose(middle.levels, fine.levels[::3], rtol=1e-13)
    fine = TimeGrid(np.where(np.arange(19) % 3 == 0, np.repeat(middle.levels, 3)[:19], fine.levels))
    phi = noise_scale(name)
    on_middle, on_fine = BrownianPath(phi, middle, 1), BrownianPath(phi, fine, 1)
    step = Draw(coarse.levels[0], coarse.levels[2])
    inner = [on_fine.weights(Draw(a, b))[1] for a, b in zip(middle.levels[:4], middle.levels[1:5], strict=True)]
    through = np.concatenate([w * part for w, part in zip(on_middle.weights(step)[1], inner, strict=True)])
    np.testing.assert_allclose(through, on_fine.weights(step)[1], rtol=1e-13, atol=1e-150)


def test_ode_has_the_shares_of_the_limit_of_powers():
    """Assert that the degenerate clock dV = 0 is shares of ln lam, the limit of p -> 1."""
    levels = np.array([8.0, 4.0, 3.0, 1.0])
    weights = BrownianPath(NoiseScale.ode(), TimeGrid(levels), 1).weights(Draw(8.0, 1.0))[1]
    np.testing.assert_allclose(weights**2, np.log(levels[:-1] / levels[1:]) / np.log(8.0), rtol=1e-15)
    near = BrownianPath(NoiseScale.power(1 + 1e-9), TimeGrid(levels), 1).weights(Draw(8.0, 1.0))[1]
    np.testing.assert_allclose(weights, near, rtol=1e-7)


@pytest.mark.parametrize("name", ["ode", "reverse_sde", "power(1.5)", "power(2.5)"])
def test_last_interval_carries_all_when_the_clock_runs_out_at_zero(name):
    """Assert that V = infinity at level 0 gives weights (0, ..., 0, 1)."""
    path = BrownianPath(noise_scale(name), TimeGrid([4.0, 2.0, 1.0, 0.0]), 1)
    assert path.weights(Draw(4.0, 0.0))[1].tolist() == [0.0, 0.0, 1.0]
    assert path.weights(Draw(1.0, 0.0))[1].tolist() == [1.0]


@pytest.mark.parametrize("name", ["exp_reciprocal", "exp_power"])
def test_clock_that_stays_finite_at_zero_is_shared_by_its_differences(name):
    """Assert that phi with a finite S(0) has finite shares in a step to 0."""
    path = BrownianPath(noise_scale(name), TimeGrid([4.0, 2.0, 1.0, 0.0]), 1)
    with mp.workdps(40):
        clock = [(mp.mpf(v) / PHI[name](mp.mpf(v))) ** 2 for v in (4, 2, 1)]
        clock.append(mp.mpf(1) / (11 if name == "exp_power" else 10) ** 2)
        wanted = [float(mp.sqrt((b - a) / (clock[-1] - clock[0]))) for a, b in pairwise(clock)]
    np.testing.assert_allclose(path.weights(Draw(4.0, 0.0))[1], wanted, rtol=1e-13)


@pytest.mark.parametrize("name", ["ode", "reverse_sde", "exp_reciprocal", "exp_power"])
def test_weights_are_finite_when_the_grid_starts_at_infinity(name):
    """Assert that a path from alpha = 0 has weights of square sum 1, finite shares of the clock."""
    grid = TimeGrid.uniform_in_time(ForwardProcess.rectified_flow(), 6, 1.0, 0.0)
    path = BrownianPath(noise_scale(name), grid, 1)
    weights = path.weights(Draw(np.inf, grid.levels[3]))[1]
    assert np.isfinite(weights).all()
    np.testing.assert_allclose((weights**2).sum(), 1.0, rtol=1e-15)
    if name == "reverse_sde":
        clock = np.append(0.0, grid.levels[1:4] ** -2.0)
        np.testing.assert_allclose(weights**2, np.diff(clock) / clock[-1], rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_samples_on_one_path_converge_under_refinement(name):
    """Assert strong convergence on the coupled path: each halving of the step brings states together.

    The negative control runs the same grids on independent seeds and stays apart where there is noise.
    """
    coarse = TimeGrid.karras(10, 5.0, 0.1)
    grids = [coarse.refine(k) for k in (1, 2, 4, 8)]
    phi, start = noise_scale(name), start_state(2, (200, 2), 5.0)
    path = BrownianPath(phi, grids[-1], 3)
    tabs = [schemes.er_sde(grid, phi, 2) for grid in grids]
    ends = [sample(tab, LAW.denoise, start, path) for tab in tabs]
    gaps = [float(np.median(np.abs(a - b))) for a, b in pairwise(ends)]
    assert gaps[0] > 1.5 * gaps[1]
    assert gaps[1] > 1.5 * gaps[2]
    if tabs[0].is_stochastic and name != "exp_reciprocal":
        apart = [sample(tab, LAW.denoise, start, seed) for tab, seed in zip(tabs[2:], (4, 5), strict=True)]
        assert np.median(np.abs(apart[0] - apart[1])) > 5 * gaps[2]


def test_path_gives_the_finest_grid_the_draws_of_its_seed():
    """Assert that on its own grid a path is the seed: the same result bit for bit."""
    grid = TimeGrid.karras(6, 5.0, 0.1, final_zero=True)
    tab = schemes.er_sde(grid, NoiseScale.exp_power(), 2)
    start = start_state(2, (20, 2), 5.0)
    path = BrownianPath(NoiseScale.exp_power(), grid, 3)
    np.testing.assert_array_equal(sample(tab, LAW.denoise, start, path), sample(tab, LAW.denoise, start, 3))


def test_noise_of_coarse_grid_is_the_noise_of_fine_grid_for_data_at_zero():
    """Assert that for point-mass data the final states of all grids on one path agree to round-off."""
    coarse = TimeGrid.karras(4, 5.0, 0.1)
    phi, start = NoiseScale.exp_power(), start_state(2, (20, 2), 5.0)
    path = BrownianPath(phi, coarse.refine(8), 3)

    def run(k: int, noise: object) -> np.ndarray:
        tab = schemes.er_sde(coarse.refine(k), phi, 1)
        return np.asarray(sample(tab, zero, start, noise))

    for k in (1, 2, 4):
        np.testing.assert_allclose(run(k, path), run(8, path), rtol=0, atol=ROUNDOFF)
    other = BrownianPath(NoiseScale.power(2.5), coarse.refine(8), 3)
    assert np.abs(run(1, other) - run(8, path)).max() > 1e-3
