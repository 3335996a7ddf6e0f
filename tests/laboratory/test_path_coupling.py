"""The coupling of grids is exact for random phi and grids: variances, covariances, sums of increments and areas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory.brownian_path import BrownianPath
from ersde_theory.clock import step_clock
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Draw
from ersde_theory.time_grid import TimeGrid
from tests.laboratory._strategies import NOISE_SCALES, POWERS, grid_families

ROUNDOFF = 1e-12  # ten times what moments and clocks promise


@st.composite
def nested_grids(draw: st.DrawFn) -> tuple[TimeGrid, np.ndarray]:
    """Return a fine grid and the levels of a coarse one, any of the fine ones with both ends."""
    fine = draw(grid_families((3.0, 10.0), (0.05, 0.3)))(draw(st.integers(2, 16)))
    kept = draw(st.sets(st.integers(1, fine.n_steps - 1)))
    return fine, fine.levels[[0, *sorted(kept), fine.n_steps]]


def vector(path: BrownianPath, start: float, end: float, kind: str) -> np.ndarray:
    """Return a draw as its combination of all independent normals of the path, shape (2 * intervals,)."""
    first, weights = path.combination(Draw(start, end, kind))
    row = np.zeros((path.grid.n_steps, 2))
    row[first : first + len(weights)] = weights
    return row.ravel()


def coarse_covariance(path: BrownianPath, levels: np.ndarray) -> np.ndarray:
    """Return the covariance of increment and area of all coarse steps, shape (2 * steps, 2 * steps)."""
    steps = list(pairwise(levels.tolist()))
    rows = np.array([vector(path, *step, kind) for step in steps for kind in ("increment", "area")])
    return np.asarray(rows @ rows.T)


def stated_covariance(noise_scale: NoiseScale, levels: np.ndarray) -> np.ndarray:
    """Return what one step's own formulas say: variance 1, its correlation, nothing across steps."""
    pair = np.kron(np.eye(len(levels) - 1), np.ones((2, 2))) - np.eye(2 * (len(levels) - 1))
    return np.eye(len(pair)) + pair * np.repeat(step_clock(noise_scale, levels[:-1], levels[1:]).correlation, 2)


@given(phi=NOISE_SCALES, grids=nested_grids())
def test_coarse_draws_have_the_covariance_of_their_own_steps(phi, grids):
    """Assert variance 1, the correlation of increment and area, and disjoint steps uncorrelated."""
    fine, levels = grids
    found = coarse_covariance(BrownianPath(phi, fine, 0), levels)
    np.testing.assert_allclose(found, stated_covariance(phi, levels), rtol=0, atol=ROUNDOFF)


@given(exponent=POWERS.map(lambda phi: phi.power_exponent), grids=nested_grids())
def test_coarse_and_fine_increments_covary_as_the_clock_says(exponent, grids):
    """Assert Cov(coarse, fine) = sqrt(dV_fine/dV_coarse) with V = x^(2 - 2p) written out, and 0 outside the step."""
    fine, levels = grids
    path = BrownianPath(NoiseScale.power(exponent), fine, 0)
    clock = np.diff(fine.levels ** (2.0 - 2.0 * exponent))
    for start, end in pairwise(levels.tolist()):
        inside = (fine.levels[:-1] <= start) & (fine.levels[1:] >= end)
        stated = np.sqrt(np.where(inside, clock, 0.0) / clock[inside].sum())
        found = [vector(path, start, end, "increment") @ vector(path, a, b, "increment") for a, b in steps(fine)]
        np.testing.assert_allclose(found, stated, rtol=1e-9)  # differences of V lose digits for short steps


def steps(grid: TimeGrid) -> list[tuple[float, float]]:
    """Return the steps of a grid."""
    return list(pairwise(grid.levels.tolist()))


@given(phi=NOISE_SCALES.filter(lambda phi: phi.name != "ode"), grids=nested_grids(), place=st.floats(0.0, 1.0))
def test_increments_and_areas_of_two_steps_add_up_to_those_of_both(phi, grids, place):
    """Assert dB = dB_1 + dB_2 and J = J_1 + (A_t - A_m) dB_1 + J_2 at a level m between, path by path."""
    fine, _ = grids
    top, end = float(fine.levels[0]), float(fine.levels[-1])
    middle = float(fine.levels[1 + int(place * (fine.n_steps - 2))])
    path = BrownianPath(phi, fine, 0)

    def sizes(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
        clock = step_clock(phi, a, b)  # with phi = 1 at b
        increment = np.sqrt(clock.variance) * vector(path, a, b, "increment")
        return increment, np.sqrt(clock.area_variance) * vector(path, a, b, "area")

    ratio = middle / end * np.exp(phi.log_excess_difference(middle, end))  # of phi at m to phi at t
    (both, area), (first, first_area), (second, second_area) = sizes(top, end), sizes(top, middle), sizes(middle, end)
    scale = np.abs(both).max(), np.abs(area).max()
    np.testing.assert_allclose(first / ratio + second, both, rtol=0, atol=ROUNDOFF * scale[0])
    summed = first_area / ratio**2 + phi.fei(middle, end) * first / ratio + second_area
    np.testing.assert_allclose(summed, area, rtol=0, atol=ROUNDOFF * scale[1])


@pytest.mark.parametrize("other", ["power(1.5)", "exp_power"])
def test_path_of_another_phi_is_noticed(other):
    """Assert that a path in the wrong clock has neither the stated covariance nor the sum of areas."""
    fine, phi = TimeGrid.karras(12, 5.0, 0.1), NoiseScale.reverse_sde()
    levels = fine.levels[[0, 5, 12]]
    found = coarse_covariance(BrownianPath(NoiseScale.from_name(other), fine, 0), levels)
    assert np.abs(found - stated_covariance(phi, levels)).max() > 1e-2
