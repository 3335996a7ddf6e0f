"""One row of the loop: the compiled pass, NumPy and torch do the same sum, in place."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, _combination, sample, schemes

ROUND_OFF = 8 * np.finfo(float).eps


def _arrays(count: int, size: int = 2**14):
    rng = np.random.default_rng(count)
    return rng.standard_normal((size // 2, 2)), [rng.standard_normal((size // 2, 2)) for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
@pytest.mark.parametrize("numba", ["0", "1"])
def test_combination_matches_the_sum_written_out(monkeypatch, count, numba):
    """Assert that the state becomes factor * state + sum of weights * arrays, the arrays unchanged."""
    if numba == "1":
        pytest.importorskip("numba")
    monkeypatch.setenv("ERSDE_NUMBA", numba)
    state, arrays = _arrays(count)
    weights = np.linspace(-1.5, 0.7, count)
    expected = 0.3 * state + sum((w * a for w, a in zip(weights, arrays, strict=True)), np.zeros_like(state))
    before = [a.copy() for a in arrays]
    for array in arrays:
        array.flags.writeable = False
    _combination.combine(state, 0.3, list(zip(weights.tolist(), arrays, strict=True)))
    size = np.abs(state).max() + sum(np.abs(a).max() for a in arrays)
    assert np.abs(state - expected).max() <= ROUND_OFF * size
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


def test_small_states_and_single_precision_do_not_ask_for_the_compiled_pass(monkeypatch):
    """Assert that numba is left alone for few numbers, float32 and strided arrays."""
    monkeypatch.setattr(_combination, "_compiled", lambda: pytest.fail("asked for"))
    small, arrays = _arrays(1, size=64)
    _combination.combine(small, 0.5, [(1.0, arrays[0])])
    large, arrays = _arrays(1)
    _combination.combine(large.astype(np.float32), 0.5, [(1.0, arrays[0].astype(np.float32))])
    _combination.combine(large, 0.5, [(1.0, np.asfortranarray(arrays[0]))])


def test_samples_agree_with_and_without_the_compiled_pass(monkeypatch):
    """Assert that a run of 20 steps agrees to 1e-12 whichever pass is used, and an off weight does not."""
    pytest.importorskip("numba")
    tab = schemes.exponential_adams(TimeGrid.karras(20, 80.0, 0.002), NoiseScale.exp_power(), 3)
    start = 80.0 * np.random.default_rng(0).standard_normal((6000, 2))

    def denoise(y: np.ndarray, noise_level: float) -> np.ndarray:
        return y / (1.0 + noise_level**2)

    compiled = sample(tab, denoise, start, 1)
    monkeypatch.setenv("ERSDE_NUMBA", "0")
    assert np.abs(compiled - sample(tab, denoise, start, 1)).max() < 1e-12
    other = schemes.exponential_adams(TimeGrid.karras(20, 80.0, 0.002), NoiseScale.power(1.0 + 1e-6), 3)
    assert np.abs(compiled - sample(other, denoise, start, 1)).max() > 1e-12
