"""Strong errors on coupled paths agree with exact ones, and show the known orders and planted faults."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analytic import Gaussian
from ersde_theory import NoiseScale, schemes
from ersde_theory.claims._broken import louder
from ersde_theory.claims._ladders import VARIANCE, transition
from ersde_theory.errors import exact_strong_error, strong_ladder
from tests.errors._paths import OVERLAPPING, exp_power, grid, reference_of, start_of

pytestmark = pytest.mark.slow

RUNGS = (20, 40, 80, 160)
PATHS = 3000
ALPHA_SIGMAS = 4.5  # two-sided level 1e-5


def ladder_of(build, law=OVERLAPPING, member="exp_power", phi=exp_power, **options):
    """Return the strong ladder of a scheme, by default on the overlapping mixture with phi = exp_power."""
    scale = NoiseScale.from_name(member)
    tabs = [build(grid(n), scale) for n in RUNGS]
    reference = options.pop("reference", reference_of(law, phi, trajectory=True))
    return strong_ladder(tabs, scale, law.denoise, start_of(law), reference, paths=PATHS, **options)


@cache
def published(order):
    """Return the ladder of the published solver of an order, run once."""
    return ladder_of(lambda g, p: schemes.er_sde(g, p, order))


def test_rms_matches_the_exact_strong_error_on_gaussian_data():
    """Assert that the RMS at the end lies within its interval of the exact one; a 10 % twin does not."""
    law, scale = Gaussian(np.zeros(1), VARIANCE), NoiseScale.reverse_sde()
    ladder = ladder_of(lambda g, p: schemes.er_sde(g, p, 2), law, "reverse_sde", lambda x: x**2)
    errors, covariance = ladder.errors()
    spread = ALPHA_SIGMAS * np.sqrt(np.diag(covariance))
    grids = [grid(n) for n in RUNGS]
    exact = [exact_strong_error(schemes.er_sde(g, scale, 2), VARIANCE, transition(g, scale))[-1] for g in grids]
    assert (np.abs(errors - exact) < spread).all()
    assert (np.abs(errors - 1.1 * np.array(exact)) > spread).all()


def test_bootstrap_covariance_matches_the_delta_method_for_the_rms():
    """Assert variances and correlations of the RMS as linear theory has them, to the bootstrap's own error."""
    ladder = published(1)
    errors, covariance = ladder.errors("rms")
    linear = np.cov(ladder.end**2) / (4.0 * np.outer(errors, errors) * PATHS)
    # 400 resamples: relative error of a variance 0.07
    assert np.allclose(np.diag(covariance), np.diag(linear), rtol=ALPHA_SIGMAS * 0.07)
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert correlation > 0.9


@pytest.mark.parametrize("order", [1, 2])
def test_strong_order_is_one_with_noise_whatever_the_solver(order):
    """Assert order 1 on an overlapping mixture at the end of the path, and 2 excluded there and over the path."""
    for statistic in ("rms", "median"):
        assert published(order).verdict(statistic).confirms(1)
        assert published(order).verdict(statistic).contradicts(2)
        over_path = published(order).verdict(statistic, "over_path")
        assert over_path.order + 2.0 * over_path.half_width < 2.0
        assert not over_path.contradicts(1)


def test_strong_order_of_the_ode_is_two():
    """Assert that without noise the published solver of order 2 has it on every path."""
    ladder = ladder_of(lambda g, p: schemes.er_sde(g, p, 2), member="ode", phi=lambda x: 1.0 * x)
    assert ladder.verdict("median").confirms(2)


def test_error_over_the_path_bounds_the_error_at_the_end():
    """Assert the order of the two summaries path by path."""
    ladder = published(2)
    assert (ladder.over_path >= ladder.end).all()


def test_broken_twins_contradict_strong_order_one():
    """Assert that louder noise, and a reference on other paths, are reported as wrong."""
    right = reference_of(OVERLAPPING, exp_power, trajectory=True)
    loud = ladder_of(lambda g, p: louder(schemes.er_sde(g, p, 2), 0.05))
    other = ladder_of(
        lambda g, p: schemes.er_sde(g, p, 2),
        reference=lambda levels, start, z, r: right(levels, start, z[:, ::-1], r),
    )
    assert loud.verdict("median").contradicts(1)
    assert other.verdict("median").contradicts(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": lambda _levels, start, _z, _r: start}, "reference: expected finite states of shape"),
        ({"paths": 1}, "paths: expected an integer >= 2"),
        ({"refinement": 0}, "refinement: expected an integer >= 1"),
        ({"tableaus": []}, "tableaus: expected at least 4"),
        ({"steps": [4, 3, 2, 1]}, "steps: expected 4 rising"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    """Assert that each wrong argument is named."""
    law, phi = OVERLAPPING, NoiseScale.reverse_sde()
    arguments = {
        "tableaus": [schemes.er_sde(grid(n), phi, 1) for n in (4, 8, 16, 32)],
        "noise_scale": phi,
        "denoise": law.denoise,
        "start": start_of(law),
        "reference": reference_of(law, lambda x: x**2, trajectory=True),
        "paths": 10,
    }
    with pytest.raises((TypeError, ValueError), match=message):
        strong_ladder(**(arguments | change))


def test_unknown_summaries_are_named_with_the_nearest():
    """Assert that misspelt names are refused with a suggestion."""
    with pytest.raises(ValueError, match="did you mean 'median'"):
        published(1).errors("medain")
    with pytest.raises(ValueError, match="did you mean 'over_path'"):
        published(1).errors("rms", "over path")
