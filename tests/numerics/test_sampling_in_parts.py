"""A run done in parts has the noise of the whole; noise drawn ahead by a worker is the same noise."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest

from ersde_theory import BrownianPath, NoiseScale, TimeGrid, _noise_source, sample, sampling, schemes
from ersde_theory.random_numbers import start_state
from tests.numerics.test_exact_gaussian import correlated_tableau

GRID = TimeGrid.karras(8, 8.0, 0.05)
PHI = NoiseScale.exp_power()
TAB = schemes.er_sde(GRID, PHI, 3)
START = start_state(1, (41_000, 2), 8.0)  # rows beyond two blocks of noise, which hold 16,384


def denoise(y, noise_level):
    """Return an answer for each row by itself."""
    return y / (1.0 + noise_level**2)


@pytest.mark.parametrize("noise", [5, BrownianPath(PHI, GRID, 5)], ids=["seed", "path"])
def test_parts_are_rows_of_the_whole_bit_for_bit(noise):
    """Assert it for cuts within and across blocks of noise; parts that begin at row 0 each are others."""
    whole = sample(TAB, denoise, START, noise)
    cuts = [0, 7, 16_384, 20_000, 41_000]
    parts = [sample(TAB, denoise, START[a:b], noise, first_row=a) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (sample(TAB, denoise, START[7:99], noise) != whole[7:99]).any()


def test_given_noise_belongs_to_the_rows_of_the_start():
    """Assert that an array is not shifted by the number of the first row."""
    noise = np.random.default_rng(0).standard_normal((TAB.n_draws, 10, 2))
    wanted = sample(TAB, denoise, START[:10], noise)
    np.testing.assert_array_equal(sample(TAB, denoise, START[:10], noise, first_row=33, batch_rows=3), wanted)


@pytest.mark.parametrize("first_row", [-1, 0.5])
def test_first_row_is_checked(first_row):
    """Assert that it is an integer >= 0."""
    with pytest.raises((TypeError, ValueError), match="first_row: expected an integer"):
        sample(TAB, denoise, START[:10], 1, first_row=first_row)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tab", [TAB, correlated_tableau()], ids=["independent", "correlated"])
def test_noise_drawn_ahead_is_the_same_noise(monkeypatch, dtype, tab):
    """Assert the bits of a run without a worker, and that all draws but the first were made by it."""
    torch = pytest.importorskip("torch")
    start = torch.asarray(START[:3000]).to(getattr(torch, dtype))
    wanted = sample(tab, denoise, start, 5, batch_rows=1000)
    drawers = []
    drawn = _noise_source._SeedNoise.drawn
    monkeypatch.setattr(
        _noise_source._SeedNoise,
        "drawn",
        lambda self, *a: (drawers.append(threading.current_thread().name), drawn(self, *a))[1],
    )
    monkeypatch.setattr(sampling, "worth_drawing_ahead", lambda _start: True)
    assert torch.equal(sample(tab, denoise, start, 5, batch_rows=1000), wanted)
    assert drawers
    assert threading.main_thread().name not in drawers
    assert threading.active_count() < 50


def test_worker_ends_with_a_run_that_fails(monkeypatch):
    """Assert that no thread is left behind by an error of the denoiser."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(sampling, "worth_drawing_ahead", lambda _start: True)
    before = threading.active_count()

    def broken(y, noise_level):
        message = "broken"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="broken"):
        sample(TAB, broken, torch.asarray(START[:10]), 5)
    assert threading.active_count() == before
