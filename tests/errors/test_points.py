"""Randomised points have the law of independent ones and less error; a bridge makes a path of their normals."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory.errors._points import MOST_EVEN, bridge, point_batches

ALPHA_SIGMAS = 4.5  # two-sided level 1e-5
SETS = 64


def means_of(f, rows: int, points: int, seed: int) -> np.ndarray:
    """Return the mean of f over the normals of 64 randomised sets."""
    sets = [next(iter(point_batches(1, rows, 1, points, points, (seed, r))))[1][:, 0] for r in range(SETS)]
    return np.array([f(z).mean() for z in sets])


def smooth(z: np.ndarray) -> np.ndarray:
    """Return a smooth function of a few of many normals; its mean is exp(-0.55)."""
    return np.cos(z[0] + 0.3 * z[1] + 0.1 * z[5])


def test_means_are_unbiased_and_far_surer_than_independent_ones():
    """Assert the right mean within its standard error, and a variance 20 times below that of independent points."""
    found = means_of(smooth, 16, 256, 1)
    spread = found.std(ddof=1) / SETS**0.5
    assert abs(found.mean() - np.exp(-0.55)) < ALPHA_SIGMAS * spread
    assert abs(found.mean() - 1.002 * np.exp(-0.55)) > ALPHA_SIGMAS * spread
    independent = (0.5 * (1.0 + np.exp(-2.2)) - np.exp(-1.1)) / 256.0
    assert found.var(ddof=1) < independent / 20.0


def test_batches_are_the_set_in_pieces():
    """Assert that a set cut into batches is the same set."""
    whole = list(point_batches(2, 6, 2, 128, 128, (3,)))
    parts = list(point_batches(2, 6, 2, 128, 32, (3,)))
    assert (len(whole), len(parts)) == (1, 4)
    np.testing.assert_array_equal(whole[0][0], np.concatenate([cube for cube, _ in parts]))
    np.testing.assert_array_equal(whole[0][1], np.concatenate([normals for _, normals in parts], axis=2))


def test_coordinates_beyond_the_even_ones_are_independent_normals():
    """Assert mean 0 and variance 1 of normals past the most that are filled evenly, and that sets differ."""
    rows = MOST_EVEN + 40
    normals = [next(iter(point_batches(1, rows, 1, 64, 64, (5, r))))[1][-40:] for r in range(2)]
    assert abs(np.mean(normals)) < ALPHA_SIGMAS / np.size(normals) ** 0.5
    assert abs(np.var(normals) - 1.0) < ALPHA_SIGMAS * (2.0 / np.size(normals)) ** 0.5
    assert not np.isclose(normals[0], normals[1]).any()


@pytest.mark.parametrize("intervals", [1, 2, 7, 24])
def test_bridge_is_orthogonal_and_its_first_normal_is_the_sum(intervals):
    """Assert that increments stay independent, and that the first normal alone moves the end of the path."""
    matrix = bridge(intervals).toarray()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(intervals), atol=1e-14)
    np.testing.assert_allclose(matrix.sum(axis=0)[1:], 0.0, atol=1e-14)
    assert matrix[:, 0].sum() == pytest.approx(intervals**0.5)
