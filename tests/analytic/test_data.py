"""The real data that comes with scikit-learn."""

from __future__ import annotations

import numpy as np

from analytic import digits_law, digits_mixture, handwritten_digits


def test_digits_are_the_raw_data_scaled():
    """Assert that pixels are x/8 - 1 exactly, labels fit, and nobody can change them."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    digits = handwritten_digits()
    np.testing.assert_array_equal((digits.pixels + 1.0) * 8.0, raw.data)
    np.testing.assert_array_equal(digits.labels, raw.target)
    assert not digits.pixels.flags.writeable


def test_digits_law_denoises_an_image_to_itself_at_small_noise():
    """Assert that a slightly noisy image goes back to that image."""
    law, digits = digits_law(0.0), handwritten_digits()
    noisy = digits.pixels[:50] + 0.05 * np.random.default_rng(0).normal(size=(50, 64))
    np.testing.assert_allclose(law.denoise(noisy, 0.05), digits.pixels[:50], atol=1e-12)
    assert law.nearest(noisy).tolist() == list(range(50))


def test_digits_mixture_has_the_moments_of_the_data():
    """Assert that EM keeps the mean and, but for the variance it adds, the covariance of the data."""
    law, pixels = digits_mixture(4, seed=1), handwritten_digits().pixels
    np.testing.assert_allclose(law.mean, pixels.mean(axis=0), atol=1e-10)
    expected = np.cov(pixels.T, ddof=0) + 0.01 * np.eye(64)
    np.testing.assert_allclose(law.covariance(), expected, atol=1e-8)
    assert digits_mixture(4, seed=1) is law
