"""One-step errors: equal to the exact ones on Gaussian data, below their bounds, and broken twins above."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analytic import Gaussian, GaussianMixture
from ersde_theory import NoiseScale, TimeGrid
from ersde_theory.errors import exact_local_error, one_step_error
from ersde_theory.laboratory._gaussian import transition
from ersde_theory.network_errors import Journal
from ersde_theory.network_errors._effort import QUICK
from ersde_theory.network_errors._measurement import Memo
from ersde_theory.network_errors._perturbation import perturbed
from ersde_theory.network_errors._statistics import mean_squares, rms
from ersde_theory.network_errors._step import FINE, PAST, SCHEMES, passage, step_bounds, step_errors
from ersde_theory.network_errors._subject import law_subject
from ersde_theory.network_errors.one_step import (
    LENGTHS,
    NOISE_SCALES,
    _one_step_tables,
    levels_of,
    measure_one_step,
)

LEVEL, VARIANCE, PATHS = 1.5, 0.25, 4000
SIGMAS = 4.5  # of the largest of a dozen correlated scores, at a significance of 1e-5
LAW = GaussianMixture([0.5, 0.5], [[1.0, 0.0], [-1.0, 0.5]], [0.1, 0.2])


def through(law, name, level=LEVEL, paths=PATHS, lengths=LENGTHS):
    """Return a passage of a law."""
    start = law.sample(paths, noise_level=level * float(np.exp(PAST / FINE)), seed=3)
    return passage(law.denoise, NoiseScale.from_name(name), level, lengths, start, 3)


def subject(denoise=None):
    """Return a mixture's subject, with its own denoiser or another."""
    made = law_subject("mixture", LAW, LAW.sample(256, seed=0), (0.002, 80.0))
    return made if denoise is None else dataclasses.replace(made, at_precision=lambda _: denoise)


def measured(denoise=None):
    """Return the one-step record of the mixture with a denoiser."""
    return measure_one_step(subject(denoise), QUICK, Memo(Journal(None), {}, lambda: None), 0)


@pytest.fixture(scope="module")
def record():
    """Give the record of the exact mixture."""
    return measured()


@pytest.mark.parametrize("name", NOISE_SCALES)
def test_first_order_error_matches_the_exact_one_on_gaussian_data(name):
    """Assert that the sampled error of every step is the exact one's, within its standard error."""
    path = through(Gaussian(np.zeros(1), VARIANCE), name)
    for length in LENGTHS:
        error, spread = rms(mean_squares(step_errors(path, "er_sde-1", length)[0]))
        end = LEVEL * float(np.exp(-length / FINE))
        exact = float(one_step_error(NoiseScale.from_name(name), [LEVEL], [end], VARIANCE).error[0])
        assert abs(error - exact) < SIGMAS * spread
        assert spread < 0.03 * exact


@pytest.mark.slow
@pytest.mark.parametrize("name", NOISE_SCALES)
@pytest.mark.parametrize("scheme", ["er_sde-2", "er_sde-3", "adams-3"])
def test_multistep_error_matches_the_exact_one_on_gaussian_data(scheme, name):
    """Assert that a step with its history from the fine path has the exact local error."""
    phi, length = NoiseScale.from_name(name), LENGTHS[1]
    path = through(Gaussian(np.zeros(1), VARIANCE), name, lengths=(length,))
    error, spread = rms(mean_squares(step_errors(path, scheme, length)[0]))
    grid = TimeGrid([path.levels[k] for k in (-2 * length, -length, 0, length)])
    tab = SCHEMES[scheme][1](grid, phi)
    exact = exact_local_error(tab, VARIANCE, transition(grid.levels, phi, VARIANCE)).error[-1]
    assert abs(error - exact) < SIGMAS * spread


@pytest.mark.parametrize(("scheme", "degree"), [("er_sde-1", 1), ("er_sde-2", 2), ("adams-3", 3)])
def test_remainder_bound_is_attained_by_polynomials_in_the_level(scheme, degree):
    """Assert equality where the divided difference is constant: D a polynomial of the scheme's order in the level."""
    path = passage(lambda y, level: np.full_like(y, level**degree), NoiseScale.ode(), 1.0, (16,), np.ones((2, 1)), 0)
    error = rms(mean_squares(step_errors(path, scheme, 16)[0]))[0]
    assert error == pytest.approx(step_bounds(path, scheme, 16)[1], rel=1e-5)


def test_published_third_order_has_its_own_term_in_the_remainder():
    """Assert that a quadratic D, on which Adams-3 is exact, gives the published solver the error of the second term."""
    path = passage(lambda y, level: np.full_like(y, level**2), NoiseScale.ode(), 1.0, (16,), np.ones((2, 1)), 0)
    error = rms(mean_squares(step_errors(path, "er_sde-3", 16)[0]))[0]
    assert error == pytest.approx(step_bounds(path, "er_sde-3", 16)[1], rel=1e-5)
    assert rms(mean_squares(step_errors(path, "adams-3", 16)[0]))[0] < 1e-6 * error


@pytest.mark.slow
def test_errors_are_below_their_bounds_and_twins_above(record):
    """Assert that every bound holds for the exact mixture, and that a weight too heavy breaks it without noise."""
    remainder = record["remainder"]
    assert (record["error"] <= record["bound"]).all()
    assert (record["error"][0] <= 1.001 * remainder[0]).all()  # the sup is continued to the ends, not exact
    assert np.isnan(remainder[1:]).all()
    assert (record["twin"][0] > remainder[0]).all()
    caught = (record["twin"] > record["bound"]).any(axis=(1, 2))
    assert caught.all()


def test_reference_is_finer_than_what_it_judges(record):
    """Assert that doubling the reference's step changes it by a fraction of the least error."""
    assert (record["reference_error"] < 0.1 * record["error"].min(axis=-1)).all()


@pytest.mark.slow
def test_difference_from_the_exact_denoiser_is_below_its_bound_and_a_twin_is_not():
    """Assert the bound 2 FEI sup|D_theta - D*| for a perturbed mixture, and that a fiftieth of the sup breaks it."""
    found = measured(perturbed(LAW.denoise, 0.3, "all levels", 2, 1))
    bound = found["gap_bound"][..., None]
    assert (np.abs(found["gap"]) <= bound).all()
    assert (found["path_gap"] <= bound).all()
    assert (found["path_gap"] > bound / 50.0).any(axis=(1, 2)).all()
    assert (found["denoiser_error"] > 0.1).all()
    assert {"yes"} == {row[4] for row in _one_step_tables(found)[-1].rows}


def test_exact_denoiser_has_no_difference_from_itself(record):
    """Assert that the errors of an exact model are those of the exact denoiser."""
    np.testing.assert_array_equal(record["error"], record["exact_error"])
    assert not record["gap"].any()


def test_levels_outside_the_models_range_are_left_out():
    """Assert that a model is not asked outside its range, and that a range without levels is an error."""
    narrow = dataclasses.replace(subject(), noise_range=(0.05, 1.0))
    assert levels_of(narrow, QUICK) == (0.15,)
    with pytest.raises(ValueError, match="noise range: expected one around a level of"):
        levels_of(dataclasses.replace(subject(), noise_range=(30.0, 40.0)), QUICK)
