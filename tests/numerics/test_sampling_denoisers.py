"""The loop survives denoisers that return their input, change it, or use their output's memory again."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, sample, schemes

GRID = TimeGrid.karras(12, 8.0, 0.05)


def _run(denoise, start):
    tab = schemes.exponential_adams(GRID, NoiseScale.exp_power(), 3)
    return sample(tab, denoise, start, 7)


def _start(library: str):
    start = 8.0 * np.random.default_rng(0).standard_normal((5, 3))
    return start if library == "numpy" else pytest.importorskip("torch").asarray(start.copy())


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_return_its_input(library):
    """Assert that the identity gives what a copying identity gives: the start plus the noise."""
    start = _start(library)
    assert (_run(lambda y, _: y, start) == _run(lambda y, _: y + 0.0, start)).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_change_its_input(library):
    """Assert that clipping in place gives what clipping a copy gives."""
    start = _start(library)

    def in_place(y, _):
        y[y > 1.0] = 1.0
        return y

    def copying(y, level):
        return in_place(y + 0.0, level)

    assert (_run(in_place, start) == _run(copying, start)).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_use_its_output_again(library):
    """Assert that one output buffer for all calls gives what fresh outputs give."""
    start = _start(library)
    buffer = start * 0.0

    def reusing(y, level):
        buffer[...] = y / (1.0 + level**2)
        return buffer

    assert (_run(reusing, start) == _run(lambda y, level: y / (1.0 + level**2), start)).all()


def test_other_histories_would_be_noticed():
    """Assert that the comparison is sharp: a denoiser off by 1e-12 gives another result."""
    start = _start("numpy")
    off = _run(lambda y, level: y * (1.0 + 1e-12) / (1.0 + level**2), start)
    assert (off != _run(lambda y, level: y / (1.0 + level**2), start)).any()
