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


def test_small_states_half_precision_and_strided_arrays_do_not_take_the_compiled_pass(monkeypatch):
    """Assert that numba is left alone for few numbers, float16, mixed dtypes and arrays not laid out in rows."""
    monkeypatch.setattr(_combination, "_compiled", lambda: pytest.fail("asked for"))
    small, arrays = _arrays(1, size=64)
    _combination.combine(small, 0.5, [(1.0, arrays[0])])
    large, arrays = _arrays(1)
    _combination.combine(large.astype(np.float16), 0.5, [(1.0, arrays[0].astype(np.float16))])
    _combination.combine(large, 0.5, [(1.0, arrays[0].astype(np.float32))])
    _combination.combine(large, 0.5, [(1.0, np.asfortranarray(arrays[0]))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_compiled_pass_equals_the_plain_sum_bit_for_bit(count, dtype):
    """Assert equality with the formula as NumPy rounds it, and that one bit of one weight is seen."""
    pytest.importorskip("numba")
    state, arrays = (lambda s, a: (s.astype(dtype), [x.astype(dtype) for x in a]))(*_arrays(count))
    arrays[0].flags.writeable = False
    weights = np.linspace(-1.5, 0.7, count).tolist()
    wanted = 0.3 * state
    for weight, array in zip(weights, arrays, strict=True):
        wanted = wanted + weight * array
    got, other = state.copy(), state.copy()
    assert _combination.combine(got, 0.3, list(zip(weights, arrays, strict=True)))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, wanted)
    weights[-1] *= 1.0 + 4.0 * float(np.finfo(dtype).eps)
    _combination.combine(other, 0.3, list(zip(weights, arrays, strict=True)))
    assert (other != wanted).any()


@pytest.mark.parametrize("numba", ["0", "1"])
def test_terms_may_be_views_of_the_state(monkeypatch, numba):
    """Assert that a term that shares the state's memory counts with the values from before."""
    monkeypatch.setenv("ERSDE_NUMBA", numba)
    state, (other,) = _arrays(1)
    wanted = 0.5 * state + 2.0 * state[::-1] - 1.0 * other + 0.25 * state
    _combination.combine(state, 0.5, [(2.0, state[::-1]), (-1.0, other), (0.25, state)])
    np.testing.assert_allclose(state, wanted, rtol=0, atol=ROUND_OFF * 12.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 4097, 2**14 - 1])
def test_compiled_pass_sees_a_single_bad_number(bad, place):
    """Assert that it reports a bad entry of the last array wherever it lies, weight 0 included, and an overflow."""
    pytest.importorskip("numba")
    state, arrays = _arrays(3)
    terms = list(zip([0.1, 0.2, 0.0], arrays, strict=True))
    assert _combination.combine(state.copy(), 0.5, terms) is True
    assert _combination.combine(np.full_like(state, 1.5e308), 1.0, [(1.0, np.full_like(state, 1.5e308))]) is False
    arrays[-1].reshape(-1)[place] = bad
    assert _combination.combine(state, 0.5, terms) is False


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
