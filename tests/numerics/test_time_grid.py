"""Time grids: the levels of each kind, and refinement that nests."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import ForwardProcess, TimeGrid
from tests.numerics._strategies import grids

RELATIVE = 1e-13


@pytest.mark.parametrize("rho", [1.0, 2.0, 7.0])
@pytest.mark.parametrize("n_steps", [1, 5, 40])
def test_karras_levels_match_their_formula(rho, n_steps):
    """Assert levels uniform in lam^(1/rho), both ends exact, and no 0 unless asked for."""
    grid = TimeGrid.karras(n_steps, 80.0, 0.002, rho)
    with mp.workdps(40):
        a, b = mp.mpf(80) ** (1 / mp.mpf(rho)), mp.mpf(0.002) ** (1 / mp.mpf(rho))
        wanted = [float((a + (b - a) * i / n_steps) ** mp.mpf(rho)) for i in range(n_steps + 1)]
    np.testing.assert_allclose(grid.levels, wanted, rtol=RELATIVE)
    assert (grid.levels[0], grid.levels[-1], grid.n_steps, grid.ends_at_zero) == (80.0, 0.002, n_steps, False)
    ended = TimeGrid.karras(n_steps, 80.0, 0.002, rho, final_zero=True)
    assert ended.n_steps == n_steps + 1
    np.testing.assert_array_equal(ended.levels, np.append(grid.levels, 0.0))


def test_logarithmic_levels_have_one_ratio():
    """Assert that every step divides the level by the same number."""
    levels = TimeGrid.uniform_in_log(12, 50.0, 0.01).levels
    np.testing.assert_allclose(levels[:-1] / levels[1:], 5000 ** (1 / 12), rtol=RELATIVE)
    assert (levels[0], levels[-1]) == (50.0, 0.01)


@pytest.mark.parametrize("name", ["vp_linear", "vp_cosine", "sub_vp", "ve", "edm", "rectified_flow"])
def test_levels_uniform_in_time_are_those_of_the_process(name):
    """Assert the process's own levels at equally spaced t, from its end to its beginning."""
    process = ForwardProcess.from_name(name)
    grid = TimeGrid.uniform_in_time(process, 8, process.t_max, process.t_min)
    times = process.t_max * np.arange(8, -1, -1) / 8
    np.testing.assert_allclose(grid.levels, process.noise_level(times), rtol=1e-12)
    assert np.isinf(grid.levels[0]) == (name in ("vp_cosine", "rectified_flow"))
    assert grid.ends_at_zero == (name != "ve")


@settings(max_examples=80)
@given(grid=grids(), k=st.integers(1, 4), m=st.integers(1, 3))
def test_refinement_nests_bit_for_bit_and_composes(grid, k, m):
    """Assert that old levels stay, that k then m is k m, and that an interval to 0 stays whole."""
    fine = grid.refine(k)
    n_split = grid.n_steps - int(grid.ends_at_zero)
    assert fine.n_steps == k * n_split + int(grid.ends_at_zero)
    assert fine.ends_at_zero == grid.ends_at_zero
    np.testing.assert_array_equal(fine.levels[: k * n_split + 1 : k], grid.levels[: n_split + 1])
    np.testing.assert_allclose(fine.refine(m).levels, grid.refine(k * m).levels, rtol=1e-11)


def test_refinement_is_uniform_in_the_generating_parameter():
    """Assert that a refined grid is the same kind of grid with more steps, and lists split in ln lam."""
    flow = ForwardProcess.rectified_flow()
    for coarse, fine in (
        (TimeGrid.karras(5, 80.0, 0.002), TimeGrid.karras(15, 80.0, 0.002)),
        (TimeGrid.uniform_in_log(5, 80.0, 0.002), TimeGrid.uniform_in_log(15, 80.0, 0.002)),
        (TimeGrid.uniform_in_time(flow, 5, 1.0, 0.1), TimeGrid.uniform_in_time(flow, 15, 1.0, 0.1)),
        (TimeGrid([27.0, 1.0, 0.0]), TimeGrid([27.0, 9.0, 3.0, 1.0, 0.0])),
        (TimeGrid([np.inf, 1.0]), TimeGrid([np.inf, 3.0, 1.5, 1.0])),
    ):
        np.testing.assert_allclose(coarse.refine(3).levels, fine.levels, rtol=RELATIVE)
    karras = TimeGrid.karras(5, 80.0, 0.002)
    twin = TimeGrid(karras.levels).refine(3).levels  # the same levels as a list: split in ln lam
    assert np.abs(twin / karras.refine(3).levels - 1.0).max() > 1e-3


def test_levels_are_read_only_and_compare_by_value():
    """Assert that a grid is a value: frozen, equal to a copy, hashable."""
    given_levels = np.array([2.0, 1.0])
    grid = TimeGrid(given_levels)
    given_levels[0] = 9.0
    assert grid == TimeGrid([2, 1])
    assert hash(grid) == hash(TimeGrid([2.0, 1.0]))
    assert grid != TimeGrid([2.0, 1.0 + 1e-15])
    with pytest.raises(ValueError, match="read-only"):
        grid.levels[0] = 3.0
