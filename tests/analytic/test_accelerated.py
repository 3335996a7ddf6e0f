"""The compiled mixture kernel is the NumPy one to round-off, and is used only where it pays."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import GaussianMixture, _accelerated, _isotropic_numpy

pytest.importorskip("numba")
TOLERANCE = 1e-12


def _law(dim: int, count: int, smallest: float) -> GaussianMixture:
    rng = np.random.default_rng(dim)
    variances = np.geomspace(smallest, 0.5, count)
    return GaussianMixture(np.full(count, 1.0 / count), 2.0 * rng.standard_normal((count, dim)), variances)


@pytest.mark.parametrize("level", [1e-4, 0.002, 0.05, 1.0, 80.0, 1e4])
@pytest.mark.parametrize(("dim", "count", "smallest"), [(1, 2, 0.01), (2, 8, 0.05), (5, 3, 1e-8)])
def test_compiled_denoiser_matches_numpy(monkeypatch, level, dim, count, smallest):
    """Assert that both kernels agree to 1e-12 of the data's size, on and off the law's own samples."""
    law = _law(dim, count, smallest)
    own = law.sample(3000, noise_level=level, seed=1)
    y = np.concatenate([own, 3.0 * np.random.default_rng(2).standard_normal((2001, dim))])
    compiled = law.denoise(y, level)
    monkeypatch.setenv("ERSDE_NUMBA", "0")
    assert np.abs(compiled - law.denoise(y, level)).max() < TOLERANCE * max(1.0, np.abs(compiled).max())


def test_rows_in_fortran_order_are_taken(monkeypatch):
    """Assert that the memory order of the rows does not matter."""
    law = _law(2, 4, 0.1)
    y = law.sample(5000, noise_level=1.0, seed=3)
    assert np.array_equal(law.denoise(np.asfortranarray(y), 1.0), law.denoise(y, 1.0))


def test_small_and_single_precision_inputs_stay_with_numpy(monkeypatch):
    """Assert that the compiled kernel is not asked for few rows, float32, or when switched off."""
    law = _law(2, 4, 0.1)
    monkeypatch.setattr(_accelerated, "_compiled", lambda: pytest.fail("asked for"))
    law.denoise(law.sample(10, seed=0), 1.0)
    law.denoise(law.sample(5000, seed=0).astype(np.float32), 1.0)
    monkeypatch.setenv("ERSDE_NUMBA", "0")
    law.denoise(law.sample(5000, seed=0), 1.0)


def test_law_works_where_numba_is_missing(monkeypatch):
    """Assert that without numba the NumPy kernel answers."""
    law = _law(2, 4, 0.1)
    y = law.sample(5000, seed=0)
    monkeypatch.setattr(_accelerated, "_compiled", lambda: None)
    numbers = law._level_coefficients(1.0, y)
    assert np.array_equal(law.denoise(y, 1.0), _isotropic_numpy.denoise(y, numbers))


def test_comparison_notices_a_wrong_weight(monkeypatch):
    """Assert that a component's weight off by 1e-6 exceeds the tolerance."""
    law = _law(2, 4, 0.1)
    broken = GaussianMixture(law.weights * [1 + 1e-6, 1, 1, 1] / (1 + 0.25e-6), law.means, np.geomspace(0.1, 0.5, 4))
    y = law.sample(5000, noise_level=1.0, seed=4)
    assert np.abs(broken.denoise(y, 1.0) - law.denoise(y, 1.0)).max() > TOLERANCE
