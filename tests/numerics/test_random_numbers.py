"""Counter-based normals: the same numbers for any prefix and batch, and normal ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory.random_numbers import (
    START_NOISE,
    checked_seed,
    rows_per_block,
    standard_normal,
    start_state,
)

SIGNIFICANCE = 1e-5
GRID = TimeGrid.karras(4, 5.0, 0.1)
TAB = schemes.er_sde(GRID, NoiseScale.exp_power(), 2)


def zero(y, noise_level):
    """Return the denoiser of data at 0: the final state is a sum of the draws alone."""
    return y * 0.0


def p_values(normals: np.ndarray) -> dict[str, float]:
    """Return p-values of the hypothesis that the rows are independent standard normals.

    At 2e5 numbers the mean is seen with power 0.99 if it is off by 0.015, the scale if it is off by 1 %.
    """
    flat, n = normals.ravel(), normals.size
    lag = (normals[1:] * normals[:-1]).sum() / np.sqrt(normals[1:].size)
    return {
        "shape": float(stats.kstest(flat, "norm").pvalue),
        "mean": float(2 * stats.norm.sf(abs(flat.sum()) / np.sqrt(n))),
        "variance": float(2 * min(stats.chi2.sf((flat**2).sum(), n), stats.chi2.cdf((flat**2).sum(), n))),
        "neighbours": float(2 * stats.norm.sf(abs(lag))),
    }


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**64 - 1),
    draw=st.integers(0, 10**6),
    width=st.sampled_from((1, 3, 4096, 16384, 20000)),
    rows=st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)),
)
def test_any_range_of_rows_has_the_numbers_of_the_whole(seed, draw, width, rows):
    """Assert bit for bit that rows [a, b) do not depend on what else is asked for."""
    first, last, total = sorted(rows)
    whole = standard_normal(seed, draw, (width,), 0, total)
    part = standard_normal(seed, draw, (width,), first, last)
    np.testing.assert_array_equal(part, whole[first:last])


def test_prefix_property_holds_across_counter_blocks():
    """Assert the same where the rows fill several blocks and the cut is in, at and off their edges."""
    block = rows_per_block((2,))
    whole = standard_normal(5, 1, (2,), 0, 3 * block)
    for m in (1, block - 1, block, block + 1, 2 * block + 17):
        np.testing.assert_array_equal(standard_normal(5, 1, (2,), 0, m), whole[:m])
        np.testing.assert_array_equal(standard_normal(5, 1, (2,), m, 3 * block), whole[m:])


def test_sample_of_m_has_the_noise_of_sample_of_n_bit_for_bit():
    """Assert `sample(n)[:m] == sample(m)` for a denoiser that sees no neighbour."""
    n = rows_per_block((3,)) + 100
    start = start_state(3, (n, 3), 5.0)
    whole = sample(TAB, zero, start, 11)
    for m in (1, 100, n - 100, n - 1):
        np.testing.assert_array_equal(sample(TAB, zero, start[:m], 11), whole[:m])


@pytest.mark.parametrize("batch_rows", [1, 7, 256, 10**6])
@pytest.mark.parametrize("threads", [1, 3])
def test_noise_does_not_depend_on_batches_or_threads(batch_rows, threads):
    """Assert bit for bit the same result of a seed however the rows are cut and run."""
    start = start_state(4, (300, 3), 5.0)
    wanted = sample(TAB, zero, start, 12)
    got = sample(TAB, zero, start, 12, batch_rows=batch_rows, threads=threads)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_numbers_are_independent_standard_normals(seed):
    """Assert that shape, mean, variance and correlation of neighbours pass at 1e-5."""
    normals = standard_normal(seed, 2, (20,), 0, 10_000)
    assert min(p_values(normals).values()) > SIGNIFICANCE


@pytest.mark.slow
def test_distribution_checks_catch_their_negative_controls():
    """Assert that a wrong scale, shift, shape and dependence are each rejected by the check for it."""
    normals = standard_normal(9, 0, (20,), 0, 10_000)
    uniform = np.random.default_rng(1).uniform(-(3**0.5), 3**0.5, normals.shape)
    linked = normals.copy()
    linked[1:] = (normals[1:] + 0.05 * normals[:-1]) / np.sqrt(1.0025)
    for check, twin in (
        ("variance", 1.02 * normals),
        ("mean", normals + 0.02),
        ("shape", uniform),
        ("neighbours", linked),
    ):
        assert p_values(twin)[check] < SIGNIFICANCE, check


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"seed": 0}, {"seed": 1}),
        ({"seed": 0}, {"seed": 2**63}),
        ({"draw": 0}, {"draw": 1}),
        ({"stream": 0}, {"stream": START_NOISE}),
        ({"seed": 1, "draw": 0}, {"seed": 0, "draw": 1}),
    ],
    ids=str,
)
def test_streams_are_unrelated_when_seed_draw_or_stream_differ(one, two):
    """Assert that different streams share no number and are uncorrelated at 1e-5."""
    plain = {"seed": 0, "draw": 0, "stream": 0}

    def numbers(change: dict[str, int]) -> np.ndarray:
        c = plain | change
        return standard_normal(c["seed"], c["draw"], (20,), 0, 5_000, c["stream"]).ravel()

    a, b = numbers(one), numbers(two)
    assert not np.isin(a, b).any()
    assert 2 * stats.norm.sf(abs(a @ b) / np.sqrt(a.size)) > SIGNIFICANCE
    assert 2 * stats.norm.sf(abs(a @ a) / np.sqrt(a.size)) < SIGNIFICANCE


def test_blocks_of_rows_do_not_repeat_each_other():
    """Assert that consecutive counter blocks share no number."""
    block = rows_per_block((4,))
    normals = standard_normal(1, 0, (4,), 0, 3 * block)
    assert np.unique(normals).size == normals.size


def test_start_state_has_its_own_stream_and_scale():
    """Assert that the start is scaled noise, independent of the steps' draws of the same seed."""
    start = start_state(6, (50, 2), 80.0)
    np.testing.assert_array_equal(start, 80.0 * standard_normal(6, 0, (2,), 0, 50, START_NOISE))
    assert not np.isin(start / 80.0, standard_normal(6, 0, (2,), 0, 50)).any()
    assert checked_seed(np.int64(5)) == 5


@pytest.mark.parametrize("row_shape", [(2**13,), (2**16,), (3,)])
def test_threads_and_place_do_not_change_the_numbers(row_shape):
    """Assert the same bits from several threads, from inside a block, and in memory of another dtype and layout."""
    first, last = (3, 23) if row_shape != (3,) else (1000, 40_000)
    wanted = standard_normal(7, 2, row_shape, first, last)
    np.testing.assert_array_equal(standard_normal(7, 2, row_shape, first, last, threads=3), wanted)
    single = np.empty(wanted.shape, dtype=np.float32)
    assert standard_normal(7, 2, row_shape, first, last, out=single, threads=2) is single
    np.testing.assert_array_equal(single, wanted.astype(np.float32))
    strided = np.empty((2 * wanted.shape[0], *row_shape))[::2]
    np.testing.assert_array_equal(standard_normal(7, 2, row_shape, first, last, out=strided), wanted)
    assert standard_normal(7, 2, row_shape, 5, 5).shape == (0, *row_shape)
