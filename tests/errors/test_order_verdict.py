"""Verdicts on orders are right on planted ladders, and undecided where a ladder cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.claims._broken import louder, swapped_history
from ersde_theory.errors import OrderVerdict, Outcome, judge_order
from ersde_theory.exact_gaussian import output_moments, target_moments

LADDER = np.array([40, 80, 160, 320, 640, 1280])
HALVES = 0.5 * np.arange(1, 11)


def gaussian_errors(build, phi, ladder):
    """Return exact errors of the output variance on N(0.7, 0.25)."""
    tabs = [build(TimeGrid.karras(n, 5.0, 0.05), phi) for n in ladder]
    return [float(output_moments(t, 0.7, 0.25)[1] - target_moments(t, 0.7, 0.25)[1]) for t in tabs]


def multilevel_covariance(errors, relative):
    """Return the covariance of sums of independent levels, each error with this relative standard error."""
    variances = (relative * np.asarray(errors)) ** 2
    index = np.arange(len(errors))
    return variances[np.maximum.outer(index, index)]


@given(
    order=st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]),
    first=st.floats(-0.6, 1.0),
    second=st.floats(-0.2, 0.5),
    rungs=st.integers(4, 6),
    sign=st.sampled_from([-1.0, 1.0]),
)
def test_verdict_is_never_wrong_on_exact_ladders_with_corrections(order, first, second, rungs, sign):
    """Assert that c N^-p (1 + d/N + e/N^2) is confirmed or undecided, and no other multiple of 1/2 confirmed."""
    n = LADDER[:rungs]
    u = n[0] / n
    verdict = judge_order(n, sign * n**-order * (1.0 + first * u + second * u**2))
    assert not verdict.contradicts(order)
    assert not any(verdict.confirms(p) for p in HALVES if p != order)
    assert verdict.confirms(order) or verdict.outcome is Outcome.UNDECIDED


def test_most_ladders_with_moderate_corrections_are_decided():
    """Assert that corrections of up to 30 % at the coarsest rung leave no exact ladder of five rungs undecided."""
    n = LADDER[:5]
    for d in np.linspace(-0.3, 0.3, 13):
        assert judge_order(n, n**-2.0 * (1.0 + d * n[0] / n)).confirms(2)


@pytest.mark.parametrize("relative", [0.01, 0.03, 0.05])
def test_noisy_verdicts_cover_the_planted_order(relative):
    """Assert that of 400 noisy ladders none contradicts its order, and at least 90 % of the intervals contain it."""
    rng = np.random.default_rng(4)
    n, covered = LADDER[:5], 0
    for _ in range(400):
        errors = n**-2.0 * (1.0 + rng.uniform(-0.4, 0.8) * n[0] / n)
        covariance = multilevel_covariance(errors, relative)
        noisy = errors + np.linalg.cholesky(covariance) @ rng.standard_normal(n.size)
        verdict = judge_order(n, noisy, covariance=covariance, paths=1000)
        assert not verdict.contradicts(2)
        covered += bool(abs(verdict.order - 2.0) <= verdict.half_width)
    assert covered >= 360


def test_logarithm_is_flagged_by_its_drift():
    """Assert that N^-2 log N is not called 1.8 with a narrow interval: drift reaches 2, and 3/2 is excluded."""
    verdict = judge_order(LADDER, np.log(LADDER) / LADDER**2)
    assert verdict.half_width > 0.1
    assert not verdict.contradicts(2)
    assert verdict.contradicts(1.5)
    assert abs(verdict.order - 2.0) <= verdict.half_width


@pytest.mark.parametrize("stall", [1e-5, -1e-4, 1e-4, 1e-3])
def test_stalled_errors_are_of_order_zero_and_contradict_every_positive_order(stall):
    """Assert that an error with another limit than 0 is seen, also where it still falls a little."""
    verdict = judge_order(LADDER, LADDER**-2.0 + stall)
    assert verdict.outcome is Outcome.ORDER
    assert abs(verdict.order) <= 0.25
    assert all(verdict.contradicts(p) for p in HALVES)


def test_onset_of_a_stall_is_undecided():
    """Assert that an error that bends away faster and faster is given no order."""
    verdict = judge_order(LADDER, LADDER**-2.0 + 1e-6)
    assert verdict.outcome is Outcome.UNDECIDED
    assert "drift" in str(verdict)


def test_growing_errors_contradict_convergence():
    """Assert that an error that grows contradicts every positive order."""
    verdict = judge_order(LADDER, 1e-5 * LADDER**0.9)
    assert verdict.order == pytest.approx(-0.9)
    assert all(verdict.contradicts(p) for p in HALVES)


def test_sign_changes_make_no_fake_order():
    """Assert that points up to the last change of sign are left out, and that too few behind it are no verdict."""
    n = np.array([20, 40, 80, 160, 320, 640, 1280, 2560])
    errors = 10.0 / n**2 - 0.1 / n  # changes sign at n = 100
    assert judge_order(n, errors).confirms(1)
    short = judge_order(n[:6], errors[:6])
    assert short.outcome is Outcome.UNDECIDED
    assert "3 before a sign change" in str(short)


def test_round_off_gives_a_lower_bound():
    """Assert that an error that falls into its floor is judged by what is above it, and only from below."""
    errors = np.array([1e-3, 6e-5, 4e-6, 3e-13, -2e-13, 1e-13])
    verdict = judge_order(LADDER, errors, floors=np.full(6, 1e-12))
    assert verdict.outcome is Outcome.AT_LEAST
    assert str(verdict).startswith("order at least 3.8")
    assert verdict.contradicts(2)
    assert not verdict.contradicts(4)
    assert not verdict.contradicts(5)
    assert not verdict.confirms(4)


def test_error_on_its_way_through_zero_gives_no_lower_bound():
    """Assert that slopes that rise into the round-off are undecided: the error may pass through 0, and does here."""
    n = 2.0 * LADDER[:5]
    errors = 1.6e4 / n**4 - 14.0 / n**3
    assert np.sign(errors[-1]) != np.sign(errors[0])
    floors = np.full(5, 0.5 * np.abs(errors[-1]))
    verdict = judge_order(n, errors, floors=floors)
    assert verdict.outcome is Outcome.UNDECIDED
    assert not verdict.contradicts(3)


def test_order_between_the_multiples_of_one_half_is_undecided():
    """Assert that a ladder at rest at a slope that no scheme has is not called an order, and its neighbour is."""
    verdict = judge_order(LADDER, LADDER**-2.25)
    assert verdict.outcome is Outcome.UNDECIDED
    assert "multiples of 1/2" in str(verdict)
    assert not verdict.contradicts(2)
    assert judge_order(LADDER, LADDER**-2.5).confirms(2.5)


def test_noise_asks_for_paths_and_the_paths_decide():
    """Assert that the number of paths asked for gives a verdict, and that half of it was not enough."""
    n = LADDER[:5]
    errors, paths = n**-2.0, 1000
    first = judge_order(n, errors, covariance=multilevel_covariance(errors, 0.12), paths=paths)
    assert first.outcome is Outcome.UNDECIDED
    assert first.more_paths > 0
    assert f"needs {first.more_paths} more paths" in str(first)
    enough = 0.12 * (paths / (paths + first.more_paths)) ** 0.5
    assert judge_order(n, errors, covariance=multilevel_covariance(errors, enough)).confirms(2)


def test_noise_that_hides_the_finest_points_asks_for_paths():
    """Assert that a planted Monte Carlo floor is undecided, with the paths that the fourth point needs."""
    errors = np.array([1.0, 0.5, 0.25, 0.02, 0.02, 0.02])
    verdict = judge_order(LADDER, errors, np.full(6, 0.02), paths=100)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.more_paths == 100 * round((20 * 0.02 / 0.125) ** 2 - 1) + 24


@pytest.mark.parametrize(("build", "order"), [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("member", ["ode", "exp_power", "reverse_sde"])
def test_published_solvers_have_their_orders_on_exact_gaussian_ladders(build, order, member):
    """Assert the known orders, with every other integer excluded."""
    phi, ladder = NoiseScale.from_name(member), (160, 320, 640, 1280, 2560)
    verdict = judge_order(ladder, gaussian_errors(lambda g, p: schemes.er_sde(g, p, build), phi, ladder))
    assert verdict.confirms(order)
    assert all(verdict.contradicts(p) for p in (1, 2, 3) if p != order)


@pytest.mark.parametrize(
    ("fault", "member", "ladder"),
    [
        (lambda g, p: schemes.er_sde(g, p, 2, variant="released"), "ode", (400, 800, 1600, 3200)),
        (lambda g, p: schemes.er_sde(g, p, 3, variant="released"), "reverse_sde", (400, 800, 1600, 3200)),
        (lambda g, p: louder(schemes.er_sde(g, p, 2)), "reverse_sde", tuple(LADDER)),
        (lambda g, p: swapped_history(schemes.er_sde(g, p, 2)), "exp_power", tuple(LADDER)),
        (lambda g, p: swapped_history(schemes.er_sde(g, p, 2)), "ode", tuple(LADDER)),
    ],
    ids=["Riemann sum, ode", "Riemann sum, noise", "noise off by 1 %", "history swapped", "history swapped, ode"],
)
def test_broken_twins_contradict_order_two(fault, member, ladder):
    """Assert that each fault is reported as wrong, not as undecided."""
    assert judge_order(ladder, gaussian_errors(fault, NoiseScale.from_name(member), ladder)).contradicts(2)


def test_verdicts_read_as_sentences():
    """Assert the wording of the three outcomes."""
    assert str(OrderVerdict(Outcome.ORDER, 1.994, 0.041, "")) == "order 1.99 ± 0.04"
    assert str(OrderVerdict(Outcome.AT_LEAST, 3.0, 0.3, "the rest is round-off")) == (
        "order at least 2.7 (the rest is round-off)"
    )
    assert str(OrderVerdict(Outcome.UNDECIDED, np.nan, np.nan, "needs 7 more paths", 7)) == (
        "undecided: needs 7 more paths"
    )


def test_bad_arguments_are_refused():
    """Assert that what cannot be judged is said, with what was expected."""
    with pytest.raises(ValueError, match="other than 0"):
        judge_order(LADDER, np.zeros(6))
    with pytest.raises(ValueError, match="covariance: expected None beside standard_errors"):
        judge_order(LADDER, 1.0 / LADDER, 0.1 / LADDER, covariance=np.eye(6))
    with pytest.raises(ValueError, match="floors: expected shape"):
        judge_order(LADDER, 1.0 / LADDER, floors=np.ones(2))
    with pytest.raises(ValueError, match="positive semi-definite"):
        judge_order(LADDER, 1.0 / LADDER, covariance=-np.eye(6))
    with pytest.raises(TypeError, match="declared: expected a number"):
        judge_order(LADDER, 1.0 / LADDER).confirms("2")


def test_half_orders_are_possible_along_paths_only():
    """Assert that slopes of 3/2 are an order along a path, and not yet one of expectations."""
    n = np.array([20, 40, 80, 160, 320])
    errors = 2.0 * n**-1.5
    assert judge_order(n, errors).confirms(1.5)
    of_means = judge_order(n, errors, unit=1.0)
    assert of_means.outcome is Outcome.UNDECIDED
    assert "whole numbers" in str(of_means)
    assert judge_order(n, 2.0 * n**-2.0, unit=1.0).confirms(2)
    with pytest.raises(ValueError, match=r"unit: expected one of 0\.5, 1\.0, got 0\.3"):
        judge_order(n, errors, unit=0.3)
