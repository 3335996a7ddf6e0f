"""Areas of one Brownian path on all grids: exact covariances, exact sums under refinement, runs that converge."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from analytic import coarsen_brownian, step_covariances
from ersde_theory import BrownianPath, Draw, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.clock import step_clock
from ersde_theory.problems import problem
from ersde_theory.random_numbers import AREA_NOISE, START_NOISE, STEP_NOISE, standard_normal, start_state
from ersde_theory.schemes import exponential_sra
from tests.numerics._strategies import NAMES, noise_scale

EXACT = 1e-13
NOISY = [n for n in NAMES if n != "ode"]


def path_of(name: str, fine: TimeGrid) -> BrownianPath:
    """Return a path of a member on a fine grid."""
    return BrownianPath(noise_scale(name), fine, seed=7)


def weights_by_sums(name: str, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return increment and area over all levels by the sums of analytic, (2, intervals) of Z and R each."""
    phi = noise_scale(name)

    def values(lam: np.ndarray) -> np.ndarray:
        return np.asarray(lam * np.exp(phi.log_excess(lam)))

    steps, n = step_covariances(values, levels), len(levels) - 1
    root = np.sqrt(steps.variance)
    increments, areas = np.zeros((2, n, 2 * n))
    increments[:, :n] = np.diag(root)
    areas[:, :n] = np.diag(steps.cross / root)
    areas[:, n:] = np.diag(np.sqrt(steps.area_variance - steps.cross**2 / steps.variance))
    _, total, area = coarsen_brownian(values, levels, increments, areas, n)
    return tuple((x[0] / np.sqrt((x[0] ** 2).sum())).reshape(2, n) for x in (total, area))


@pytest.mark.parametrize("name", NOISY)
def test_increments_and_areas_match_the_sums_of_independent_code(name):
    """Assert that the weights are those of sum J_j + (A_end - A_j+1) dB_j, as analytic adds them up."""
    fine = TimeGrid.karras(40, 40.0, 0.4)
    path = path_of(name, fine)
    for kind, want in zip(("increment", "area"), weights_by_sums(name, fine.levels), strict=True):
        first, got = path.combination(Draw(40.0, 0.4, kind))
        assert first == 0
        np.testing.assert_allclose(got.T, want, rtol=0, atol=1e-11)  # what analytic's subtractions keep
    swapped = path.combination(Draw(40.0, 0.4, "area"))[1][::-1].T
    assert np.abs(swapped - want).max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_coarse_covariance_is_the_direct_formula_of_the_coarse_step(name):
    """Assert that a sum over 1, 2 ... 24 intervals has unit variances and the step's own correlation to 1e-13."""
    coarse = TimeGrid.karras(3, 80.0, 0.05)
    for factor in (1, 2, 8, 24):
        path = path_of(name, coarse.refine(factor))
        for a, b in pairwise(coarse.levels.tolist()):
            increment, area = (path.combination(Draw(a, b, kind))[1] for kind in ("increment", "area"))
            assert (increment[:, 1] == 0.0).all()
            np.testing.assert_array_equal(increment[:, 0], path.weights(Draw(a, b))[1])
            np.testing.assert_allclose([(increment**2).sum(), (area**2).sum()], 1.0, rtol=EXACT)
            exact = float(step_clock(path.noise_scale, a, b).correlation)
            np.testing.assert_allclose((increment * area).sum(), exact, rtol=EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_coarsening_twice_is_coarsening_at_once(name):
    """Assert that Z and R of a middle grid, put together from the fine grid's, give the coarse step's area."""
    middle = TimeGrid.karras(4, 40.0, 0.4)
    fine = middle.refine(5)
    on_middle, on_fine = path_of(name, middle), path_of(name, fine)
    total = np.zeros((fine.n_steps, 2))
    for (a, b), pair in zip(
        pairwise(middle.levels.tolist()), on_middle.combination(Draw(40.0, 0.4, "area"))[1], strict=True
    ):
        first, increment = on_fine.combination(Draw(a, b))
        area = on_fine.combination(Draw(a, b, "area"))[1]
        correlation = float(step_clock(on_fine.noise_scale, a, b).correlation)
        rest = (area - correlation * increment) / np.sqrt(1.0 - correlation**2)
        total[first : first + len(area)] += pair[0] * increment + pair[1] * rest
    np.testing.assert_allclose(total, on_fine.combination(Draw(40.0, 0.4, "area"))[1], rtol=0, atol=10 * EXACT)


def test_areas_without_noise_are_the_limit_of_powers():
    """Assert that phi = x has the area weights of x^(1 + eps)."""
    fine = TimeGrid([8.0, 4.0, 3.0, 1.0])
    got = BrownianPath(NoiseScale.ode(), fine, 1).combination(Draw(8.0, 1.0, "area"))[1]
    near = BrownianPath(NoiseScale.power(1.0 + 1e-9), fine, 1).combination(Draw(8.0, 1.0, "area"))[1]
    np.testing.assert_allclose(got, near, rtol=1e-7)


def test_normals_are_the_combination_of_two_streams_of_the_seed():
    """Assert that areas mix the steps' stream, whose numbers are as ever, with one of their own."""
    fine = TimeGrid.karras(6, 20.0, 0.1)
    path = path_of("exp_power", fine)
    draw = Draw(fine.levels[1], fine.levels[4], "area")
    first, weights = path.combination(draw)
    own, other = (
        np.stack([standard_normal(7, first + j, (2,), 3, 50, stream) for j in range(3)])
        for stream in (STEP_NOISE, AREA_NOISE)
    )
    want = np.einsum("j,jnd->nd", weights[:, 0], own) + np.einsum("j,jnd->nd", weights[:, 1], other)
    np.testing.assert_allclose(path.normals(draw, (2,), 3, 50), want, rtol=0, atol=1e-14)
    assert len({STEP_NOISE, START_NOISE, AREA_NOISE}) == 3
    assert np.abs(other - own).min() > 0.0


def test_paths_drive_runs_of_strong_order_above_one_on_all_grids():
    """Assert that halving the step shrinks the distance to the finest run by more than 2^1.5; of order 1 by about 2.

    The broken twin takes its areas from another path.
    """
    law = problem("overlapping").make_law()
    grids = [TimeGrid.karras(n, 5.0, 0.1) for n in (10, 20, 40, 160)]
    fine, phi = grids[-1], NoiseScale.reverse_sde()
    grids = [TimeGrid(fine.levels[:: 160 // grid.n_steps]) for grid in grids]
    path, start = BrownianPath(phi, fine, 3), start_state(2, (2000, 1), 5.0)

    def distances(build, areas: BrownianPath) -> list[float]:
        ends = []
        for grid in grids:
            tab = build(grid)
            normals = [(path if d.kind == "increment" else areas).normals(d, (1,), 0, 2000) for d in tab.draws]
            ends.append(sample(tab, law.denoise, start, np.stack(normals)))
        return [float(np.sqrt(((end - ends[-1]) ** 2).mean())) for end in ends[:-1]]

    tab = exponential_sra(grids[0], phi)
    normals = np.stack([path.normals(d, (1,), 0, 2000) for d in tab.draws])
    np.testing.assert_array_equal(sample(tab, law.denoise, start, path), sample(tab, law.denoise, start, normals))
    ours = distances(lambda grid: exponential_sra(grid, phi), path)
    assert all(a / b > 2.0**1.5 for a, b in pairwise(ours))
    twin = distances(lambda grid: exponential_sra(grid, phi), BrownianPath(phi, fine, 4))
    plain = distances(lambda grid: schemes.er_sde(grid, phi, 2), path)
    assert all(a / b < 2.0**1.5 for a, b in pairwise(twin))
    assert all(a / b < 2.0**1.5 for a, b in pairwise(plain))
    assert ours[-1] < 0.2 * min(twin[-1], plain[-1])


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (Draw(4.0, 1.0, "independent"), "increment or an area of the path, got kind 'independent'"),
        (Draw(4.0, 0.0, "area"), "area between finite levels > 0, got one from 4 to 0"),
        (Draw(np.inf, 1.0, "area"), "area between finite levels > 0, got one from inf to 1"),
        (Draw(4.0, 3.0, "area"), "nearest is 4.0"),
        (Draw(1.0, 4.0, "area"), "expected a step down"),
    ],
)
def test_draws_that_a_path_does_not_have_are_named(draw, words):
    """Assert that draws off the path are refused with the reason."""
    path = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([np.inf, 4.0, 1.0, 0.0]), 1)
    with pytest.raises(ValueError, match=words):
        path.combination(draw)
    with pytest.raises(ValueError, match=words):
        path.normals(draw, (1,), 0, 2)


def test_areas_inside_a_grid_from_infinity_to_zero_are_known():
    """Assert that only the outer intervals lack an area."""
    path = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([np.inf, 4.0, 2.0, 1.0, 0.0]), 1)
    first, weights = path.combination(Draw(4.0, 1.0, "area"))
    inner = BrownianPath(NoiseScale.reverse_sde(), TimeGrid([4.0, 2.0, 1.0]), 1)
    assert first == 1
    np.testing.assert_array_equal(weights, inner.combination(Draw(4.0, 1.0, "area"))[1])
