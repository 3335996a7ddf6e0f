"""Distances: exact ones against 50 digits also where laws nearly agree, estimated ones calibrated."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from analytic import (
    energy_distance,
    gaussian_kl,
    gaussian_kl_full,
    gaussian_wasserstein2,
    gaussian_wasserstein2_full,
    sliced_wasserstein2,
)
from analytic.distances import excess_over_log1p

EPS = float(np.finfo(np.float64).eps)
EXACT_RTOL = 16 * EPS
GAPS = [0.0, 1e-15, 1e-12, 1e-8, 1e-4, 0.1, 1.0, 30.0]
REPLICATIONS = 300
Z_LIMIT = 4.5  # two-sided 1e-5


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("variance", [1e-6, 0.3, 1e3])
def test_diagonal_distances_match_fifty_digits_when_laws_nearly_agree(variance, gap):
    """Assert that W2 and KL have relative accuracy however close the two laws are."""
    other = variance * (1.0 + gap)
    shift = 1e-3 * gap
    with mpmath.workdps(60):
        a, b, m = mpmath.mpf(variance), mpmath.mpf(other), mpmath.mpf(shift)
        w2 = mpmath.sqrt(m**2 + (mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2)
        kl = (a / b - 1 - mpmath.log(a / b) + m**2 / b) / 2
    assert gaussian_wasserstein2(0.0, variance, shift, other) == pytest.approx(float(w2), rel=EXACT_RTOL, abs=0.0)
    assert gaussian_kl(0.0, variance, shift, other) == pytest.approx(float(kl), rel=EXACT_RTOL, abs=0.0)


def test_textbook_formulas_lose_what_ours_keep():
    """Assert that subtracting deviations or logarithms fails the check above: the broken twin."""
    a, b = 0.3, 0.3 * (1 + 1e-12)
    exact = 0.3 * 1e-12 / (2 * math.sqrt(0.3))
    assert abs(math.sqrt(b) - math.sqrt(a)) != pytest.approx(exact, rel=1e-6, abs=0.0)
    plain = 0.5 * (a / b - 1 + math.log(b) - math.log(a))
    assert plain != pytest.approx(0.25e-24, rel=1e-2, abs=0.0)


@pytest.mark.parametrize("u", [-1 + 1e-9, -0.7, -0.5, -1e-3, -1e-12, 0.0, 1e-14, 0.49, 0.51, 1e6])
def test_excess_over_log1p_matches_fifty_digits(u):
    """Assert that u - log(1 + u) is accurate on both sides of its switch."""
    with mpmath.workdps(60):
        exact = mpmath.mpf(u) - mpmath.log1p(mpmath.mpf(u))
    assert float(excess_over_log1p(u)) == pytest.approx(float(exact), rel=8 * EPS, abs=0.0)


def test_diagonal_distances_broadcast_over_a_spectrum():
    """Assert that leading axes are kept and the last one summed."""
    var_a, var_b = np.array([[1.0, 4.0], [9.0, 0.0]]), np.array([4.0, 0.0])
    np.testing.assert_allclose(gaussian_wasserstein2(0.0, var_a, 0.0, var_b), np.sqrt([1.0 + 4.0, 1.0 + 0.0]))
    each = gaussian_wasserstein2(0.0, var_a, 0.0, var_b, axis=())
    np.testing.assert_allclose(each, [[1.0, 2.0], [1.0, 0.0]])
    assert gaussian_kl(0.0, 0.0, 0.0, 1.0) == math.inf


@pytest.mark.parametrize("gap", [0.0, 1e-10, 1e-4, 1.0])
def test_full_distances_match_diagonal_ones_in_a_rotated_basis(gap):
    """Assert that full covariances which commute give the diagonal formulas."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    var_a = np.array([1e-3, 0.1, 1.0, 2.0, 5.0])
    var_b = var_a * (1 + gap * np.array([1.0, 0.3, -0.5, 0.2, 0.9]))
    shift = gap * rng.normal(size=5)
    cov_a, cov_b = (basis @ np.diag(v) @ basis.T for v in (var_a, var_b))
    cov_a, cov_b = (cov_a + cov_a.T) / 2, (cov_b + cov_b.T) / 2
    w2 = gaussian_wasserstein2_full(np.zeros(5), cov_a, basis @ shift, cov_b)
    expected = float(gaussian_wasserstein2(0.0, var_a, shift, var_b))
    assert w2 == pytest.approx(expected, rel=1e-10, abs=1e-13)
    kl = gaussian_kl_full(np.zeros(5), cov_a, basis @ shift, cov_b)
    assert kl == pytest.approx(float(gaussian_kl(0.0, var_a, shift, var_b)), rel=1e-3, abs=1e-24)


def test_full_distances_match_their_definitions_when_matrices_do_not_commute():
    """Assert that W2 agrees with the trace formula and KL with the determinant formula."""
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a, b = (f @ f.T + 0.1 * np.eye(4) for f in rng.normal(size=(2, 4, 4)))
    m = rng.normal(size=4)
    root = sqrtm(a)
    trace = np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(root @ b @ root).real)
    expected = math.sqrt(m @ m + trace)
    assert gaussian_wasserstein2_full(m, a, 0 * m, b) == pytest.approx(expected, rel=1e-12)
    inverse = np.linalg.inv(b)
    log_ratio = np.linalg.slogdet(b)[1] - np.linalg.slogdet(a)[1]
    expected = 0.5 * (np.trace(inverse @ a) - 4 + m @ inverse @ m + log_ratio)
    assert gaussian_kl_full(m, a, 0 * m, b) == pytest.approx(expected, rel=1e-12)
    assert gaussian_wasserstein2_full(m, a, m, a) < 1e-14


def replicate(estimator, shift: float) -> np.ndarray:
    """Return values and standard errors over independent pairs of samples of unequal size."""
    rng = np.random.default_rng(20)
    results = []
    for seed in range(REPLICATIONS):
        x, y = rng.normal(size=(96, 3)), rng.normal(size=(128, 3))
        y[:, 0] += shift
        results.append(estimator(x, y, seed))
    return np.array(results)


ESTIMATORS = {
    "energy": lambda x, y, _seed: energy_distance(x, y),
    "sliced": lambda x, y, seed: sliced_wasserstein2(x, y, 16, seed, n_groups=8),
}


def truth(name: str, shift: float) -> float:
    """Return the distance of N(0, I) and N(shift e_1, I) in three dimensions."""
    if name == "sliced":
        return shift**2 / 3
    # |X - Y| / sqrt 2 is a noncentral chi variable with 3 degrees of freedom
    a = shift / math.sqrt(2.0)
    if a == 0.0:
        return 0.0
    mean = math.sqrt(2 / math.pi) * math.exp(-(a**2) / 2) + (a + 1 / a) * math.erf(a / math.sqrt(2))
    return 2 * math.sqrt(2) * (mean - 2 * math.sqrt(2 / math.pi))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_unbiased_with_calibrated_errors(name, shift):
    """Assert that the mean is the truth within its scatter, and the standard error is the scatter."""
    values, errors = replicate(ESTIMATORS[name], shift).T
    scatter = values.std(ddof=1)
    z = (values.mean() - truth(name, shift)) / (scatter / math.sqrt(REPLICATIONS))
    bias_allowed = 0.02 * truth(name, shift)  # expected order statistics of 12 rows (sliced)
    slack = bias_allowed / (scatter / math.sqrt(REPLICATIONS)) if name == "sliced" else 0.0
    assert abs(z) < Z_LIMIT + slack
    ratio = math.sqrt(float((errors**2).mean())) / scatter
    assert (0.9 if shift else 1.0) < ratio < (1.25 if shift else 1.6)


def test_plug_in_sliced_distance_is_biased():
    """Assert that the unbiasedness check catches the plug-in estimator: the broken twin."""

    def plug_in(x, y, seed):
        directions = np.random.default_rng(seed).normal(size=(3, 16))
        directions /= np.linalg.norm(directions, axis=0)
        gap = np.sort(x @ directions, axis=0) - np.sort(y[: len(x)] @ directions, axis=0)
        return float((gap**2).mean()), 0.0

    values = replicate(plug_in, 0.0)[:, 0]
    assert values.mean() / (values.std() / math.sqrt(REPLICATIONS)) > 2 * Z_LIMIT


def test_energy_distance_matches_double_loop():
    """Assert that the streamed sums agree with the definition."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(9, 2)) + 100.0, rng.normal(size=(11, 2)) + 101.0

    def mean(a, b, same):
        pairs = [math.dist(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if not same or i != j]
        return math.fsum(pairs) / len(pairs)

    expected = 2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True)
    assert energy_distance(x, y).value == pytest.approx(expected, rel=1e-10)


def test_sliced_distance_is_exact_when_samples_are_shifted_copies_in_one_dimension():
    """Assert that a pure shift is measured without error."""
    x = np.random.default_rng(4).normal(size=(64, 1))
    value, error = sliced_wasserstein2(x, x + 3.0, n_projections=2)
    assert value == pytest.approx(9.0, rel=1e-12)
    assert error < 1e-6
