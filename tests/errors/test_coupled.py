"""Summaries of coupled errors: means, medians and honest standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory.errors import coupled_errors


def test_summary_matches_numpy_on_given_paths():
    """Assert that mean, median and the mean's standard error are those of the path errors."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 50, 3, 4))
    paths = np.sqrt(((a - b) ** 2).mean(axis=(1, 2)))
    summary = coupled_errors(a, b)
    assert np.allclose(summary.paths, paths)
    assert summary.mean == pytest.approx(paths.mean())
    assert summary.median == pytest.approx(np.median(paths))
    assert summary.mean_error == pytest.approx(paths.std(ddof=1) / 50**0.5)


def test_bootstrap_error_of_the_median_is_calibrated():
    """Assert that the bootstrap's standard error is that seen over replications, within 25 %."""
    rng = np.random.default_rng(1)
    medians, stated = [], []
    for _ in range(200):
        draws = rng.standard_normal((100, 1))
        summary = coupled_errors(draws, np.zeros_like(draws))
        medians.append(summary.median)
        stated.append(summary.median_error)
    assert np.mean(stated) == pytest.approx(np.std(medians), rel=0.25)


def test_mismatched_or_single_paths_are_refused():
    """Assert that shapes that do not fit are named."""
    with pytest.raises(ValueError, match="expected shape"):
        coupled_errors(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="n >= 2"):
        coupled_errors(np.zeros((1, 2)), np.zeros((1, 2)))
