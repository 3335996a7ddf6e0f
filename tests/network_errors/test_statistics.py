"""Standard errors, crossings, controlled errors, Fréchet distances: right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import energy_distance
from ersde_theory.network_errors._crossing import GROUPS, crossing, energy_without_groups, jackknife
from ersde_theory.network_errors._frechet import frechet_distance
from ersde_theory.network_errors._perturbation import PROFILES, perturbed
from ersde_theory.network_errors._statistics import mean_squares, rms, rms_difference

SIGMAS = 4.5


def nothing(y, _level):
    """Return the denoiser of a point mass at 0."""
    return np.zeros_like(y)


def test_standard_errors_match_the_scatter_of_repetitions():
    """Assert that the errors of a root mean square, and of a difference of two, are as large as is said."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((400, 300, 2))
    y = x + 0.5 * generator.standard_normal(x.shape)
    single = np.array([rms(mean_squares(part)) for part in x])
    both = np.array([rms_difference(mean_squares(a), mean_squares(b)) for a, b in zip(x, y, strict=True)])
    for found in (single, both):
        assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=SIGMAS / np.sqrt(2.0 * 400))


def test_energy_distance_without_a_group_agrees_with_the_estimator():
    """Assert that leaving a group out is the energy distance of the rest, up to the data's own term."""
    generator = np.random.default_rng(1)
    x, data = generator.standard_normal((64, 3)), generator.standard_normal((200, 3)) + 0.3
    kept = np.arange(64) % GROUPS != 5
    spread = energy_without_groups(x, data)
    own = energy_distance(x[kept], data).value - spread[5]
    other = energy_distance(x[np.arange(64) % GROUPS != 0], data).value - spread[0]
    assert own == pytest.approx(other, rel=1e-10)


def test_jackknife_of_a_mean_is_its_standard_error():
    """Assert the textbook identity."""
    values = np.random.default_rng(2).standard_normal(GROUPS)
    without = (values.sum() - values) / (GROUPS - 1)
    assert float(jackknife(without)) == pytest.approx(values.std(ddof=1) / GROUPS**0.5)


def test_crossing_is_the_last_change_of_sign():
    """Assert that a curve that comes up again has not passed, and that touching at the start counts as ahead."""
    counts = np.array([5.0, 10.0, 20.0, 40.0])
    assert crossing(counts, np.array([1.0, -1.0, 1.0, -1.0])) == pytest.approx(20.0 * 2.0**0.5)
    assert crossing(counts, np.array([1.0, -1.0, -1.0, 0.1])) == np.inf
    assert crossing(counts, -np.ones(4)) == 5.0


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("level", [0.01, 1.0, 30.0])
def test_controlled_error_is_as_large_as_is_stated(profile, level):
    """Assert its size at a level, and that it is the same field every time."""
    y = np.random.default_rng(3).standard_normal((400, 64)) * (1.0 + level**2) ** 0.5
    wrong = perturbed(nothing, 0.2, profile, 64, 0)
    size = rms(mean_squares(wrong(y, level)))[0]
    assert size == pytest.approx(0.2 * PROFILES[profile](level), rel=0.05)
    np.testing.assert_array_equal(wrong(y, level), perturbed(nothing, 0.2, profile, 64, 0)(y, level))


def test_frechet_distance_loses_its_bias():
    """Assert that equal laws are far apart at n, many standard errors, and not in the limit; and a shift is found."""
    generator = np.random.default_rng(4)
    a, b = generator.standard_normal((2, 1000, 16))
    same, shifted = frechet_distance(a, b), frechet_distance(a, b + 0.5)
    assert abs(same.limit) < SIGMAS * same.standard_error
    assert same.at_n[-1] > 5.0 * same.standard_error
    assert np.all(np.diff(same.at_n) < 0.0)
    assert abs(shifted.limit - 16 * 0.25) < SIGMAS * shifted.standard_error


def test_frechet_distance_needs_rows_and_equal_columns():
    """Assert the message for features that cannot be compared."""
    for a, b in ((np.zeros((8, 2)), np.zeros((100, 2))), (np.zeros((100, 2)), np.zeros((100, 3)))):
        with pytest.raises(ValueError, match="32 rows at least"):
            frechet_distance(a, b)
