"""Distances of laws from coupled samples are those of known laws, and see a law that is off."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from analytic import energy_distance
from ersde_theory.laboratory.__main__ import app
from ersde_theory.laboratory.law_distances import energy_of_coupled, projected_wasserstein1
from ersde_theory.records import Record

SHIFT = np.array([0.3, 0.0])


@pytest.fixture(scope="module")
def normals() -> np.ndarray:
    """Give standard normals in the plane."""
    return np.random.default_rng(1).standard_normal((3000, 2))


def test_energy_distance_of_coupled_samples_matches_that_of_independent_ones(normals):
    """Assert that coupling changes the noise of the estimate and not what is estimated."""
    coupled, error = energy_of_coupled(normals + SHIFT, normals, 0)
    other = np.random.default_rng(2).standard_normal(normals.shape)
    independent = energy_distance(other + SHIFT, normals)
    assert abs(coupled**2 - independent.value) < 4.5 * np.hypot(2.0 * coupled * error, independent.standard_error)
    assert 2.0 * coupled * error < independent.standard_error


def test_equal_laws_have_no_distance_though_paths_differ(normals):
    """Assert about 0 for a sample and its own rotation by a right angle, a coupling of two equal laws."""
    turned = normals @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    distance, error = energy_of_coupled(turned, normals, 0)
    assert distance < 4.5 * error
    first, uncertainty = projected_wasserstein1(turned, normals)
    assert first < 0.05  # of the order of 1 / sqrt(n)
    assert uncertainty > 0.0


def test_wasserstein_of_a_shift_is_its_projection(normals):
    """Assert the mean of |cos| over the directions times the shift, without noise for a common shift."""
    found = projected_wasserstein1(normals + SHIFT, normals)[0]
    cosines = np.abs(np.cos(np.pi * np.arange(8) / 8))
    assert found == pytest.approx(0.3 * cosines.mean(), rel=1e-12)


def test_command_writes_its_record_and_says_the_gains(tmp_path):
    """Assert that the file is a Record and every measure of every problem has its line."""
    target = tmp_path / "record.json"
    result = CliRunner().invoke(app, ["distances", "--json", str(target), "--paths", "200"])
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) == 6
    assert Record.load(target)["gain"].shape == (2, 3, 4)
