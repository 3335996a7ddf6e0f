"""SEEDS: against the authors' code, a second implementation in x and noise predictions, and the exact Gaussian."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from ersde_theory import NoiseScale, Tableau, TimeGrid, sample, schemes
from ersde_theory.schemes._seeds import seeds
from tests.schemes._multistep import ROUNDOFF, denoise, deviation, recorded
from tests.schemes._twins import SLOPE, overdriven, slope, stale

GRID = TimeGrid.karras(12, 80.0, 0.002)
TO_ZERO = TimeGrid([6.0, 2.5, 0.9, 0.31, 0.0])


# ------------------------------------------------------------------ against independent code


def weighted(log_snr: float, end: float, power: int) -> float:
    r"""Return :math:`\int 2e^{-2(\ell_t-\ell)}(\ell-\ell_s)^n\,d\ell` over the log-SNR of a step, by quadrature."""
    return float(
        quad(lambda u: 2.0 * math.exp(-2.0 * (end - u)) * (u - log_snr) ** power, log_snr, end, epsabs=1e-15)[0]
    )


def in_x(order: int, levels: list[float], start: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return SEEDS-k's result in y, run in x of a variance-preserving process with a noise-predicting model.

    All noise of a step is read off one Brownian motion B with the time e^(2l), l the half log-SNR.
    """

    def alpha(log_snr: float) -> float:
        return 1.0 / math.sqrt(1.0 + math.exp(-2.0 * log_snr))

    def epsilon(x: np.ndarray, log_snr: float) -> np.ndarray:
        y, level = x / alpha(log_snr), math.exp(-log_snr)
        return (y - denoise(y, level)) / level

    log_snr = [-math.log(level) for level in levels]
    x = alpha(log_snr[0]) * start
    draws = iter(normals)
    for s, t in itertools.pairwise(log_snr):
        nodes = [s + (t - s) * part / order for part in range(1, order + 1)]
        motion, time, state, values = 0.0, s, x, []
        for stage, end in enumerate(nodes):
            sigma_over_alpha = math.exp(-time)
            values.append(state / alpha(time) - sigma_over_alpha * epsilon(state, time))
            motion = motion + math.sqrt(math.exp(2.0 * end) - math.exp(2.0 * time)) * next(draws)
            time = end
            data = weighted(s, end, 0) * values[0]
            if stage == 1 and order == 2:  # the midpoint's value for the whole step
                data = weighted(s, end, 0) * values[1]
            elif stage > 0:  # the line through the start's value and the newest
                data = data + weighted(s, end, 1) / (nodes[stage - 1] - s) * (values[-1] - values[0])
            sigma = alpha(end) * math.exp(-end)
            kept = math.exp(2.0 * (s - end)) * alpha(end) / alpha(s)
            state = kept * x + alpha(end) * data + sigma * math.exp(-end) * motion
        x = state
    return np.asarray(x / alpha(log_snr[-1]))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_seeds_matches_a_noise_prediction_run_in_x_when_noise_is_shared(order: int) -> None:
    """Assert that the published forms agree with an implementation in other coordinates, model and noise."""
    levels = [6.0, 4.1, 2.5, 1.7, 0.9, 0.31]
    start = np.array([[7.0, -2.0, 1.0]])
    normals = np.random.default_rng(5).standard_normal((5 * order, 1, 3))
    got = sample(seeds(TimeGrid(levels), order), denoise, start, normals)
    np.testing.assert_allclose(got, in_x(order, levels, start, normals), rtol=ROUNDOFF)


@pytest.mark.parametrize("run", recorded("seeds_authors"), ids=lambda r: f"order {r['order']}")
def test_seeds_released_matches_its_authors_when_given_their_noise(run: dict[str, Any]) -> None:
    """Assert that the authors' code is reproduced to round-off."""
    assert deviation(run, seeds(TimeGrid(run["levels"]), run["order"], variant="released")) < ROUNDOFF


def test_released_is_published_when_the_order_is_below_three() -> None:
    """Assert that the authors' code has the published formulas but for the second stage of order 3."""
    for order in (1, 2):
        assert seeds(GRID, order).first_difference(seeds(GRID, order, variant="released")) is None
    difference = seeds(GRID, 3).first_difference(seeds(GRID, 3, variant="released"), rtol=1e-12)
    assert difference is not None
    assert difference.row == 2


# ------------------------------------------------------------------ structure


def test_first_order_is_the_member_of_the_family_when_phi_is_x_squared() -> None:
    """Assert that SEEDS-1 is ER-SDE-Solver-1 of the reverse SDE."""
    for grid in (GRID, TO_ZERO):
        member = schemes.er_sde(grid, NoiseScale.reverse_sde(), 1)
        assert member.first_difference(seeds(grid, 1), rtol=1e-13) is None


@pytest.mark.parametrize("order", [1, 2, 3])
def test_tableau_is_exponential_when_checked(order: int) -> None:
    """Assert no defects, k evaluations and k draws a step, and a first-order step to 0."""
    tab, to_zero = seeds(GRID, order), seeds(TO_ZERO, order)
    assert tab.defects() == to_zero.defects() == []
    assert tab.n_evaluations == tab.n_draws == 12 * order
    assert to_zero.n_evaluations == to_zero.n_draws == 3 * order + 1
    assert to_zero.dense().data[-1].tolist() == [0.0] * (3 * order) + [1.0]


def test_draws_cover_the_path_when_listed_in_order() -> None:
    """Assert that every draw starts where the one before ends: one Brownian path."""
    draws = seeds(GRID, 3).draws
    assert all(a.level_to == b.level_from for a, b in itertools.pairwise(draws))
    assert {draw.kind for draw in draws} == {"increment"}


# ------------------------------------------------------------------ orders


@pytest.mark.parametrize(("order", "weak_order"), [(1, 1), (2, 2), (3, 2)])
def test_weak_order_is_the_declared_one_when_data_are_gaussian(order: int, weak_order: int) -> None:
    """Assert weak orders 1, 2, 2, and that the broken twin falls short."""
    twin = overdriven if weak_order == 1 else stale
    assert slope(lambda g: seeds(g, order)) == pytest.approx(weak_order, abs=SLOPE)
    assert slope(twin(lambda g: seeds(g, order))) < weak_order - 1 + SLOPE


def test_weak_order_is_one_when_the_second_stage_is_as_released() -> None:
    """Assert that the released SEEDS-3 is first order."""
    assert slope(lambda g: seeds(g, 3, variant="released")) == pytest.approx(1.0, abs=SLOPE)


def test_weak_order_is_one_when_the_end_forgets_the_noise_of_the_stage() -> None:
    """Assert that noise drawn anew for each state costs an order: the broken twin of the shared path."""

    def forgetful(grid: TimeGrid) -> Tableau:
        tab = seeds(grid, 2)
        columns, noise = np.full((tab.n_rows, 2), -1), np.zeros((tab.n_rows, 2))
        columns[:, 0], noise[:, 0] = tab.noise_columns[:, 0], tab.noise[:, 0]
        ends = np.arange(2, tab.n_rows, 2)
        carried = tab.previous[ends] * tab.noise[ends - 1, 0]
        columns[ends, 1], noise[ends, 1] = tab.noise_columns[ends - 1, 0], -carried
        noise[ends, 0] = np.hypot(tab.noise[ends, 0], carried)
        return replace(tab, noise_columns=columns, noise=noise)

    assert forgetful(GRID).defects() == []
    assert slope(forgetful) == pytest.approx(1.0, abs=SLOPE)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: seeds([4.0, 1.0]), TypeError, "grid: expected a TimeGrid"),  # type: ignore[arg-type]
        (lambda: seeds(GRID, 4), ValueError, "order: expected an integer >= 1 and <= 3, got 4"),
        (lambda: seeds(GRID, 2.0), TypeError, "order: expected an integer"),  # type: ignore[arg-type]
        (lambda: seeds(GRID, variant="publishd"), ValueError, "did you mean 'published'"),
        (lambda: seeds(TimeGrid([math.inf, 1.0])), ValueError, "grid: expected a finite first level"),
    ],
)
def test_bad_input_is_named_when_given(call: Any, error: type[Exception], message: str) -> None:
    """Assert that a wrong kind raises TypeError, a wrong value ValueError, with what was expected."""
    with pytest.raises(error, match=message):
        call()
