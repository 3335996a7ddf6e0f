"""Multilevel weak errors are unbiased, their variance falls with the error, and their verdicts are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytic import Gaussian
from ersde_theory import NoiseScale, sample, schemes
from ersde_theory.claims._broken import louder, swapped_history
from ersde_theory.errors import OBSERVABLES, Outcome, weak_ladder
from ersde_theory.errors._coupling import couplings, start_and_normals
from ersde_theory.exact_gaussian import output_moments, target_moments
from tests.errors._paths import OVERLAPPING, exp_power, grid, reference_of, start_at, start_of

pytestmark = pytest.mark.slow

RUNGS = (6, 12, 24, 48)
ALPHA_SIGMAS = 4.5  # two-sided level 1e-5
MEAN, VARIANCE = 0.7, 0.25
MOMENTS = {"y": lambda y: y[:, 0], "y^2": lambda y: y[:, 0] ** 2}


def published(order):
    """Return a builder of the published solver."""
    return lambda n, phi: schemes.er_sde(grid(n), phi, order)


SMALL, BUDGET = [published(1)(n, NoiseScale.reverse_sde()) for n in (4, 8, 16, 32)], 2.2e6  # a ladder that is soon made


def mixture_ladder(build, rungs=RUNGS, **options):
    """Return the weak ladder of a scheme on the overlapping mixture with phi = exp_power."""
    phi, law = NoiseScale.exp_power(), OVERLAPPING
    tabs = [build(n, phi) for n in rungs]
    options = {"target": 0.1, "start_numbers": 3, "max_path_steps": 1.5e7} | options
    return weak_ladder(tabs, phi, law.denoise, start_at(law), reference_of(law, exp_power), **options)


@pytest.fixture(scope="module")
def ladder_of_order_two():
    """Give the weak ladder of the published solver of order 2 on the overlapping mixture."""
    return mixture_ladder(published(2), seed=2)


def gaussian_ladder(tabs, phi=None, **options):
    """Return the weak ladder of tableaus on N(0.7, 0.25) with phi = x^2, for two moments."""
    law = Gaussian(np.array([MEAN]), VARIANCE)
    reference = reference_of(law, lambda x: x**2)
    phi = NoiseScale.reverse_sde() if phi is None else phi
    return weak_ladder(tabs, phi, law.denoise, start_at(law), reference, MOMENTS, start_numbers=2, **options)


@pytest.fixture(scope="module")
def small_ladder():
    """Give the ladder of the solver of order 1 from seed 7 with a small budget, and what its progress was told."""
    calls = []
    ladder = gaussian_ladder(SMALL, seed=7, max_path_steps=BUDGET, progress=lambda *told: calls.append(told))
    return ladder, calls


def exact_moments(tab):
    """Return the exact E y and E y^2 of a tableau's output, and of the solution."""
    pairs = (output_moments(tab, MEAN, VARIANCE), target_moments(tab, MEAN, VARIANCE))
    return np.array([[float(m), float(v) + float(m) ** 2] for m, v in pairs])


def test_multilevel_errors_match_exact_gaussian_moments():
    """Assert that means and errors of all rungs are the exact ones, within their own standard errors."""
    phi = NoiseScale.reverse_sde()
    tabs = [published(2)(n, phi) for n in (8, 16, 32, 64)]
    ladder = gaussian_ladder(tabs, target=0.1, max_path_steps=1.2e7, seed=1)
    wrong = np.array([exact_moments(louder(tab))[0] for tab in tabs])
    exact = np.array([exact_moments(tab) for tab in tabs])
    spread = np.sqrt(np.diagonal(ladder.state_covariances, axis1=1, axis2=2) / ladder.paths[:, None])
    assert (np.abs(ladder.state_means - exact[:, 0]) < ALPHA_SIGMAS * spread).all()
    for k, name in enumerate(MOMENTS):
        errors, covariance = ladder.errors(name)
        allowed = ALPHA_SIGMAS * np.sqrt(np.diag(covariance))
        assert (np.abs(errors - (exact[:, 0, k] - exact[:, 1, k])) < allowed).all()
    off = np.abs(errors - (wrong[:, 1] - exact[:, 1, 1]))
    assert (off > allowed)[-2:].all()  # a 1 % fault shows beside the finest errors


def test_estimates_are_unbiased_over_seeds():
    """Assert that the average of 8 small runs, each with its own pilots and sizes, has no bias."""
    phi = NoiseScale.reverse_sde()
    tabs = [published(1)(n, phi) for n in (2, 4, 8, 16)]
    ladders = [gaussian_ladder(tabs, seed=seed, max_path_steps=1.2e6) for seed in range(8)]
    exact = np.array([np.subtract(*exact_moments(tab)) for tab in tabs])
    for k, name in enumerate(MOMENTS):
        deviations = np.array([ladder.errors(name)[0] - exact[:, k] for ladder in ladders])
        stated = np.array([np.diag(ladder.errors(name)[1]) for ladder in ladders]).mean(axis=0)
        assert (np.abs(deviations.mean(axis=0)) < ALPHA_SIGMAS * np.sqrt(stated / 8)).all()
        # 7 degrees of freedom: the ratio lies in [0.03, 4.5] but for one time in 10^4
        ratio = deviations.var(axis=0, ddof=1) / stated
        assert ((ratio > 0.03) & (ratio < 4.5)).all()


def test_draws_of_areas_are_coupled_with_their_covariance():
    """Assert that a scheme with two correlated draws a step gets normals of just that covariance from the path."""
    phi = NoiseScale.reverse_sde()
    tabs = [schemes.exponential_sra(grid(n), phi) for n in (4, 8, 16, 32)]
    for level in couplings(tabs, phi, 4):
        stated = np.eye(level.coarse.n_draws)
        for (i, j), value in level.coarse.draw_covariance.items():
            stated[i, j] = stated[j, i] = value
        assert np.allclose((level.draws_of_coarse @ level.draws_of_coarse.T).toarray(), stated, atol=1e-12)
    ladder = gaussian_ladder(tabs, seed=2, target=0.1, max_path_steps=4e6)
    exact = np.array([np.subtract(*exact_moments(tab)) for tab in tabs])
    errors, covariance = ladder.errors("y^2")
    assert (np.abs(errors - exact[:, 1]) < ALPHA_SIGMAS * np.sqrt(np.diag(covariance))).all()
    assert abs(errors[0]) > ALPHA_SIGMAS * covariance[0, 0] ** 0.5


def differences_spread(law, phi, change, rungs, paths=1500):
    """Return the standard deviation of the differences of the mean square, level by level."""
    tabs = [schemes.er_sde(grid(n), phi, 2) for n in rungs]
    spreads = []
    for level in couplings(tabs, phi, 4)[:-1]:
        start, normals = start_and_normals(start_of(law), paths, level.normals, (5, level.normals))
        (coarse,), fine = change(level).states(law.denoise, None, start, normals)
        observe = OBSERVABLES["mean square"]
        spreads.append((observe(coarse) - sum(observe(y) for y in fine) / len(fine)).std())
    return np.array(spreads)


def independent(level):
    """Return the coupling with the coarse run on other normals than the fine one."""
    return replace(level, draws_of_coarse=level.draws_of_coarse[::-1])


@pytest.mark.parametrize("law", [Gaussian(np.array([MEAN]), VARIANCE), OVERLAPPING], ids=["gaussian", "mixture"])
def test_variance_of_the_differences_falls_with_the_error(law):
    """Assert a standard deviation of order 1.3 or more with twins and 1 without; broken couplings do not fall."""
    phi, rungs = NoiseScale.reverse_sde(), (10, 20, 40, 80, 160)

    def rate(change):
        return float(np.polyfit(np.log(rungs[:-1]), -np.log(differences_spread(law, phi, change, rungs)), 1)[0])

    assert rate(lambda level: level) > 1.3
    assert 0.8 < rate(lambda level: replace(level, twin=False)) < 1.25
    assert rate(independent) < 0.2
    assert rate(lambda level: replace(level, seen=-level.seen)) < 0.2


def test_verdict_on_a_mixture_matches_the_known_weak_order(ladder_of_order_two):
    """Assert weak order k of the published solvers of order k on a mixture, and that the other order is excluded."""
    for order, ladder in ((1, mixture_ladder(published(1), seed=1)), (2, ladder_of_order_two)):
        assert ladder.verdict().confirms(order)
        assert ladder.verdict().contradicts(3 - order)


@pytest.mark.parametrize(
    "fault",
    [lambda n, p: louder(published(2)(n, p)), lambda n, p: swapped_history(published(2)(n, p))],
    ids=["noise off by 1 %", "history swapped"],
)
def test_broken_twins_contradict_weak_order_two(fault):
    """Assert that faults are reported as wrong, not as undecided; so little noise shows on a longer ladder."""
    assert mixture_ladder(fault, (*RUNGS, 96), seed=3).verdict().contradicts(2)


def test_verdict_takes_fifty_times_fewer_path_steps_than_plain_monte_carlo(ladder_of_order_two):
    """Assert the saving at equal standard errors, pilot and reference counted, and that its variances are right."""
    ladder = ladder_of_order_two
    spent = int(ladder.path_steps.sum()) + ladder.pilot_path_steps
    for name in (None, *OBSERVABLES):
        assert ladder.plain_path_steps(name) > 50.0 * spent
    phi, rows = NoiseScale.exp_power(), 20000
    start, normals = start_and_normals(start_of(OVERLAPPING), rows, RUNGS[0], (9,))
    states = sample(published(2)(RUNGS[0], phi), OVERLAPPING.denoise, start, normals)
    seen = np.cov([function(states) for function in OBSERVABLES.values()])
    assert np.allclose(np.diag(seen), np.diag(ladder.state_covariances[0]), rtol=0.2)


def test_same_seed_gives_the_same_ladder_and_progress_reaches_its_end(small_ladder):
    """Assert reproducibility, other numbers for other seeds, and honest counts."""
    first, calls = small_ladder
    again, other = (gaussian_ladder(SMALL, seed=seed, max_path_steps=BUDGET) for seed in (7, 8))
    assert np.array_equal(first.differences, again.differences)
    assert not np.array_equal(first.differences, other.differences)
    assert calls[-1] == (int(first.path_steps.sum()) + first.pilot_path_steps,) * 2
    assert calls[-1][0] <= BUDGET


def test_missing_budget_is_undecided_and_asks_for_paths():
    """Assert that too small a budget for the mixture with much noise gives no verdict but the paths that lack."""
    phi, law = NoiseScale.reverse_sde(), OVERLAPPING
    tabs = [published(2)(n, phi) for n in RUNGS]
    reference = reference_of(law, lambda x: x**2)
    ladder = weak_ladder(tabs, phi, law.denoise, start_at(law), reference, start_numbers=3, max_path_steps=6.5e6)
    verdict = ladder.verdict()
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.more_paths > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": lambda points: np.zeros((len(points), 1), np.float32)}, "start: expected float64 states"),
        ({"start": None}, "start: expected a callable"),
        ({"reference": lambda *_: np.zeros(3)}, "reference: expected finite states"),
        ({"observables": {"odd": lambda y: y}}, "observable 'odd': expected 1024 finite numbers"),
        ({"observables": {}}, "observables: expected at least one"),
        ({"max_path_steps": 1e5}, r"max_path_steps: expected at least 2.10125e\+06"),
        ({"target": 0.0}, "target: expected a number greater than 0"),
        ({"steps": [1, 2, 3]}, "steps: expected 4 rising"),
        ({"tableaus": []}, "tableaus: expected at least 4"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    """Assert that each wrong argument is named."""
    law, phi = Gaussian(np.array([MEAN]), VARIANCE), NoiseScale.reverse_sde()
    arguments = {
        "tableaus": SMALL,
        "noise_scale": phi,
        "denoise": law.denoise,
        "start": start_at(law),
        "start_numbers": 2,
        "reference": reference_of(law, lambda x: x**2),
        "max_path_steps": BUDGET,
    }
    with pytest.raises((TypeError, ValueError), match=message):
        weak_ladder(**(arguments | change))


def test_unknown_observables_are_named_with_the_nearest(small_ladder):
    """Assert that a misspelt observable is refused with a suggestion."""
    ladder, _ = small_ladder
    with pytest.raises(ValueError, match="did you mean 'y'"):
        ladder.verdict("yy")
