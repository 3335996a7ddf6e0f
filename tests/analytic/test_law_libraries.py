"""One answer for NumPy and torch, float32 and float64, one level or one per row."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import GaussianMixture, digits_law, digits_mixture
from tests.analytic._laws import LAWS

METHODS = ("denoise", "score", "log_density", "denoise_jacobian")
AMPLIFICATION = 3000.0  # float32 inputs: conditioning of the score at the levels used here


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAWS)
def test_library_and_dtype_match_numpy_float64(xp, name, method):
    """Assert that every library and dtype agrees with float64 NumPy, and keeps its dtype."""
    law = LAWS[name]
    y = law.sample(17, 0.4, 2).astype(np.float32).astype(np.float64)
    expected = getattr(law, method)(y, 0.4)
    got = xp.to_numpy(getattr(law, method)(xp.asarray(y), 0.4))
    rtol = AMPLIFICATION * xp.eps
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAWS)
def test_level_per_row_matches_scalar_levels(xp, name, method):
    """Assert that an array of levels gives each row what its own level gives."""
    law = LAWS[name]
    levels = np.array([0.25, 0.5, 1.0, 4.0, 0.5])
    y = xp.asarray(law.sample(5, 0.4, 2))
    together = xp.to_numpy(getattr(law, method)(y, xp.asarray(levels)))
    single = np.stack([xp.to_numpy(getattr(law, method)(y[k], float(levels[k]))) for k in range(5)])
    rtol = AMPLIFICATION * xp.eps
    np.testing.assert_allclose(together, single, rtol=rtol, atol=rtol * np.abs(single).max())


@pytest.mark.parametrize("name", LAWS)
def test_limits_hold_in_every_library(xp, name):
    """Assert that levels 0 and inf, mixed in one array, give limits and no NaN."""
    law = LAWS[name]
    y = xp.asarray(law.sample(4, 0.0, 2))
    levels = xp.asarray([0.0, np.inf, 0.0, 1e4])
    got = xp.to_numpy(law.denoise(y, levels))
    np.testing.assert_allclose(got[[0, 2]], xp.to_numpy(y)[[0, 2]], atol=16 * xp.eps)
    np.testing.assert_allclose(got[1], law.mean, rtol=xp.eps, atol=xp.eps)
    assert np.isfinite(xp.to_numpy(law.denoise_jacobian(y, levels))).all()


@pytest.mark.parametrize("name", LAWS)
def test_single_point_matches_a_row(xp, name):
    """Assert that a query of shape (d,) gives the row of a query of shape (1, d)."""
    law = LAWS[name]
    y = xp.asarray(law.sample(1, 0.4, 2))
    for method in METHODS:
        row, point = getattr(law, method)(y, 0.4), getattr(law, method)(y[0], 0.4)
        assert tuple(point.shape) == tuple(row.shape)[1:]
        np.testing.assert_array_equal(xp.to_numpy(point), xp.to_numpy(row)[0])


@pytest.mark.parametrize("name", LAWS)
def test_empty_query_gives_empty_answer(xp, name):
    """Assert that no rows in means no rows out."""
    law = LAWS[name]
    y = xp.asarray(np.zeros((0, law.dim)))
    for method in METHODS:
        assert getattr(law, method)(y, 0.4).shape[0] == 0


@pytest.mark.parametrize("noise_level", [0.002, 0.1, 0.6, 2.0, 80.0])
def test_digits_match_direct_differences(xp, noise_level):
    """Assert that the digits' denoiser is right in every dtype from the smallest level to the largest."""
    law = digits_law(0.1)
    y = law.sample(12, noise_level, 4).astype(xp.dtype_name)
    wide, data = y.astype(np.longdouble), law.points.astype(np.longdouble)
    total = np.longdouble(noise_level) ** 2 + np.longdouble(0.1) ** 2
    square = ((wide[:, None, :] - data) ** 2).sum(axis=-1)
    weights = np.exp(-(square - square.min(axis=1, keepdims=True)) / (2 * total))
    mean = weights / weights.sum(axis=1, keepdims=True) @ data
    expected = (np.longdouble(noise_level) ** 2 * mean + np.longdouble(0.1) ** 2 * wide) / total
    got = xp.to_numpy(law.denoise(xp.asarray(y), noise_level))
    assert float(np.abs(got - expected).max()) < 100 * xp.eps


def test_blocks_do_not_change_results(monkeypatch, xp):
    """Assert that splitting rows into blocks leaves results equal to round-off."""
    from analytic import _base

    law = digits_mixture(3, seed=0)
    y = xp.asarray(law.sample(23, 0.5, 1))
    levels = xp.asarray(np.linspace(0.1, 2.0, 23))
    whole = [xp.to_numpy(getattr(law, method)(y, levels)) for method in METHODS]
    monkeypatch.setattr(_base, "BLOCK_ELEMENTS", 5 * law._block_width)
    for method, expected in zip(METHODS, whole, strict=True):
        got = xp.to_numpy(getattr(law, method)(y, levels))
        rtol = AMPLIFICATION * xp.eps
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def test_law_used_in_inference_mode_serves_gradients_afterwards():
    """Assert that what a law keeps from a call in inference mode can be used with gradients later."""
    torch = pytest.importorskip("torch")
    law = GaussianMixture([0.4, 0.6], [[1.0, 0.0], [-1.0, 0.5]], [0.3, 0.2])
    y = torch.tensor([[0.3, -0.2], [1.0, 2.0]], dtype=torch.float64)
    with torch.inference_mode():
        before = law.denoise(y, 1.0)
    y.requires_grad_(True)
    after = law.denoise(y, 1.0)
    after.sum().backward()
    assert torch.equal(before.clone(), after.detach())
    assert torch.isfinite(y.grad).all()
