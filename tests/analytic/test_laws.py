"""The laws against 50-digit arithmetic, derivatives, identities and limits."""

from __future__ import annotations

import math
import threading

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from analytic import EmpiricalDistribution, Gaussian, GaussianMixture, Law
from tests.analytic._laws import LAWS, MEANS, POINTS, SPREADS, WEIGHTS, WIDE_POINTS, oracle

EPS = float(np.finfo(np.float64).eps)
ORACLE_RTOL = 2000 * EPS  # a few hundred operations, conditioning about 10
IDENTITY_RTOL = 1e-11
SMOOTH = [name for name in LAWS if name != "empirical-points"]
LEVELS = (1e-4, 0.02, 0.3, 1.0, 30.0, 1e4)


def queries(law: Law, noise_level: float, n: int = 5, seed: int = 3) -> np.ndarray:
    """Return noisy points of a law."""
    return law.sample(n, noise_level, seed)


@pytest.mark.parametrize("noise_level", LEVELS)
@pytest.mark.parametrize("name", LAWS)
def test_law_matches_fifty_digit_oracle(name, noise_level):
    """Assert that denoiser, score and log density agree with their definitions in mpmath."""
    law = LAWS[name]
    y = queries(law, noise_level, n=2 if law.dim < 12 else 1)
    for row, point in enumerate(y):
        mean, score, density = oracle(name, point, noise_level)
        mean, score = np.array(mean, dtype=float), np.array(score, dtype=float)
        size = float(np.abs(y).max())
        stiffness = size / min(1.0, noise_level)  # y is known to eps |y|, the score moves by 1/s^2
        atol_score = ORACLE_RTOL * max(1.0, stiffness) * (1.0 + float(np.abs(score).max()))
        got = law.denoise(y, noise_level)[row]
        np.testing.assert_allclose(got, mean, rtol=ORACLE_RTOL, atol=ORACLE_RTOL * max(1.0, size))
        got = law.score(y, noise_level)[row]
        np.testing.assert_allclose(got, score, rtol=ORACLE_RTOL, atol=atol_score)
        got = law.log_density(y, noise_level)[row]
        np.testing.assert_allclose(got, float(density), rtol=ORACLE_RTOL * max(1.0, stiffness))


@pytest.mark.parametrize("noise_level", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("name", LAWS)
def test_score_matches_gradient_of_log_density(name, noise_level):
    """Assert that the score is the gradient of the log density, by Richardson differences."""
    law = LAWS[name]
    y, d = queries(law, noise_level), law.dim
    step = 1e-3 * math.hypot(noise_level, 0.1)

    def central(h: float) -> np.ndarray:
        columns = [law.log_density(y + h * e, noise_level) - law.log_density(y - h * e, noise_level) for e in np.eye(d)]
        return np.stack(columns, axis=1) / (2 * h)

    gradient = (4 * central(step / 2) - central(step)) / 3
    np.testing.assert_allclose(law.score(y, noise_level), gradient, rtol=2e-7, atol=2e-7)


@pytest.mark.parametrize("noise_level", [0.05, 0.5, 5.0, 1e4])
@pytest.mark.parametrize("name", LAWS)
def test_jacobian_matches_differences_of_denoiser(name, noise_level):
    """Assert that the Jacobian is the derivative of the denoiser and is symmetric."""
    law = LAWS[name]
    y, d = queries(law, noise_level), law.dim
    step = 1e-3 * math.hypot(noise_level, 0.05)

    def central(h: float) -> np.ndarray:
        columns = [law.denoise(y + h * e, noise_level) - law.denoise(y - h * e, noise_level) for e in np.eye(d)]
        return np.stack(columns, axis=2) / (2 * h)

    jacobian = law.denoise_jacobian(y, noise_level)
    numeric = (4 * central(step / 2) - central(step)) / 3
    atol = 1e-6 * float(np.abs(jacobian).max()) + 4e3 * EPS / step
    np.testing.assert_allclose(jacobian, numeric, rtol=1e-6, atol=atol)
    swapped = np.swapaxes(jacobian, 1, 2)
    np.testing.assert_allclose(jacobian, swapped, rtol=1e-9, atol=1e-9 * np.abs(jacobian).max())


@pytest.mark.parametrize("noise_level", [0.05, 1.0])
@pytest.mark.parametrize("name", LAWS)
def test_jacobian_and_score_match_torch_autograd(name, noise_level):
    """Assert that derivatives agree with reverse-mode differentiation through the law itself."""
    torch = pytest.importorskip("torch")
    law = LAWS[name]
    y = torch.tensor(queries(law, noise_level), requires_grad=True)
    (score,) = torch.autograd.grad(law.log_density(y, noise_level).sum(), y)
    ours = law.score(y, noise_level).detach().numpy()
    np.testing.assert_allclose(ours, score.numpy(), rtol=1e-9, atol=1e-9)
    out = law.denoise(y, noise_level)
    rows = [torch.autograd.grad(out[:, j].sum(), y, retain_graph=True)[0] for j in range(law.dim)]
    ours = law.denoise_jacobian(y, noise_level).detach().numpy()
    expected = torch.stack(rows, dim=1).numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@hypothesis.given(
    weights=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5),
    dim=st.integers(1, 4),
    kind=st.sampled_from(["isotropic", "diagonal", "full"]),
    log_level=st.floats(-4.0, 3.0),
    seed=st.integers(0, 2**31),
)
@hypothesis.settings(max_examples=60)
def test_tweedie_identity_holds_for_random_mixtures(weights, dim, kind, log_level, seed):
    """Assert that D = y + noise_level**2 score for mixtures of every kind."""
    rng = np.random.default_rng(seed)
    count, noise_level = len(weights), 10.0**log_level
    chances = np.array(weights) / sum(weights)
    factor = rng.normal(size=(count, dim, dim))
    covariances = {
        "isotropic": rng.uniform(0.01, 2.0, count),
        "diagonal": rng.uniform(0.01, 2.0, (count, dim)),
        "full": factor @ np.swapaxes(factor, 1, 2) + 0.01 * np.eye(dim),
    }[kind]
    law = GaussianMixture(chances, rng.normal(size=(count, dim)), covariances)
    y = queries(law, noise_level, seed=int(rng.integers(1000)))
    denoised, score = law.denoise(y, noise_level), law.score(y, noise_level)
    atol = IDENTITY_RTOL * max(1.0, float(np.abs(y).max()))
    np.testing.assert_allclose(denoised, y + noise_level**2 * score, rtol=IDENTITY_RTOL, atol=atol)


def test_tweedie_identity_catches_a_wrong_level():
    """Assert that the identity fails when the level is off by 1e-6: the broken twin."""
    law = LAWS["mixture-full"]
    y = queries(law, 0.5)
    off = y + 0.5**2 * law.score(y, 0.5 * (1 + 1e-6)) - law.denoise(y, 0.5)
    assert np.abs(off).max() > 100 * IDENTITY_RTOL


@pytest.mark.parametrize("form", ["diagonal", "full"])
@pytest.mark.parametrize("method", ["denoise", "score", "log_density", "denoise_jacobian"])
def test_covariance_forms_agree_when_isotropic(form, method):
    """Assert that the three forms of one covariance give one answer."""
    forms = {
        "diagonal": np.repeat(SPREADS[:, :1], 3, axis=1),
        "full": SPREADS[:, 0, None, None] * np.eye(3),
    }
    one = GaussianMixture(WEIGHTS, MEANS, SPREADS[:, 0])
    other = GaussianMixture(WEIGHTS, MEANS, forms[form])
    y = queries(one, 0.4, n=40)
    expected = getattr(one, method)(y, 0.4)
    np.testing.assert_allclose(getattr(other, method)(y, 0.4), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SMOOTH)
def test_level_zero_is_the_limit_when_law_has_a_density(name):
    """Assert that D = y, the Jacobian is the identity and the score is continuous at level 0."""
    law = LAWS[name]
    y = queries(law, 0.0)
    np.testing.assert_allclose(law.denoise(y, 0.0), y, rtol=4 * EPS, atol=4 * EPS)
    identity = np.broadcast_to(np.eye(law.dim), (len(y), law.dim, law.dim))
    np.testing.assert_allclose(law.denoise_jacobian(y, 0.0), identity, atol=1e-13)
    for method in (law.score, law.log_density):
        np.testing.assert_allclose(method(y, 0.0), method(y, 1e-9), rtol=1e-12, atol=1e-12)


def test_level_zero_gives_nearest_point_when_bandwidth_is_zero():
    """Assert that point masses denoise to the nearest one, ties shared by weight."""
    law = EmpiricalDistribution([[0.0], [1.0], [3.0]], weights=[0.5, 0.25, 0.25])
    y = np.array([[0.4], [2.9], [0.5], [-50.0]])
    expected = np.array([[0.0], [3.0], [(0.0 * 0.5 + 1.0 * 0.25) / 0.75], [0.0]])
    np.testing.assert_allclose(law.denoise(y, 0.0), expected, rtol=1e-15, atol=0.0)
    np.testing.assert_allclose(law.denoise(y, 1e-30), expected, rtol=1e-15, atol=0.0)
    assert law.nearest(y).tolist() == [0, 2, 0, 0]
    np.testing.assert_array_equal(law.denoise_jacobian(y[:2], 0.0), np.zeros((2, 1, 1)))


@pytest.mark.parametrize("name", LAWS)
def test_infinite_level_gives_the_mean_and_is_the_limit(name):
    """Assert that D is the mean at inf, and near it when y grows with the level."""
    law = LAWS[name]
    z = np.random.default_rng(0).normal(size=(4, law.dim))
    mean = np.broadcast_to(law.mean, z.shape)
    np.testing.assert_array_equal(law.denoise(z, math.inf), mean)
    np.testing.assert_array_equal(law.denoise_jacobian(z, math.inf), np.zeros((4, law.dim, law.dim)))
    np.testing.assert_allclose(law.denoise(1e9 * z, 1e9), mean, atol=1e-6)
    mixed = law.denoise(z, np.array([math.inf, 1.0, math.inf, 0.5]))
    np.testing.assert_array_equal(mixed[[0, 2]], mean[[0, 2]])
    np.testing.assert_allclose(mixed[1], law.denoise(z, 1.0)[1], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", LAWS)
def test_scaled_law_matches_change_of_variables(name):
    """Assert that the law of a x_0 denoises a y at level a s to a D(y, s), with its moments."""
    law, alpha = LAWS[name], 0.3
    other = law.scaled(alpha)
    y = queries(law, 0.6)
    np.testing.assert_allclose(
        other.denoise(alpha * y, alpha * 0.6), alpha * law.denoise(y, 0.6), rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(other.mean, alpha * law.mean, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(other.covariance(), alpha**2 * law.covariance(), atol=1e-14)


@pytest.mark.parametrize("name", LAWS)
def test_samples_have_the_moments_of_the_law(name):
    """Assert that mean and covariance of samples lie within 5 standard errors, and a twin fails."""
    law, n = LAWS[name], 40_000
    draws = law.sample(n, 0.5, seed=11)
    covariance = law.covariance() + 0.25 * np.eye(law.dim)
    z = (draws.mean(axis=0) - law.mean) / np.sqrt(np.diag(covariance) / n)
    assert np.abs(z).max() < 5.0
    products = (draws - law.mean)[:, :, None] * (draws - law.mean)[:, None, :]
    error = products.std(axis=0) / math.sqrt(n)
    assert (np.abs(products.mean(axis=0) - covariance) < 5.0 * error).all()
    wrong = np.diag(1.1 * covariance - products.mean(axis=0)) / np.diag(error)
    assert wrong.max() > 5.0


@pytest.mark.parametrize("name", LAWS)
def test_first_samples_do_not_depend_on_their_number(name):
    """Assert that sample(n)[:m] is sample(m), and that the level only scales the noise."""
    law = LAWS[name]
    np.testing.assert_array_equal(law.sample(50, 0.7, 5)[:20], law.sample(20, 0.7, 5))
    clean, one, two = (law.sample(9, level, 5) for level in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(two - clean, 2 * (one - clean), atol=1e-13)
    generators = [np.random.default_rng(5) for _ in range(2)]
    np.testing.assert_array_equal(law.sample(9, seed=generators[0]), law.sample(9, seed=generators[1]))


@pytest.mark.parametrize(
    ("dtype", "noise_level"),
    [
        *(("float64", level) for level in (1e-4, 1e-3, 0.002, 0.02, 0.2)),
        *(("float32", level) for level in (0.002, 0.02, 0.2)),  # below, it cannot tell the points
    ],
)
def test_posterior_weights_match_extended_precision_when_noise_is_small(dtype, noise_level):
    """Assert that close points far from the origin are weighed correctly at small levels.

    The points are pairs a distance of two levels apart on a sphere of radius 20 in 32 dimensions:
    the expanded square alone loses everything here, as the last line shows.
    """
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 32))
    centres *= 20.0 / np.linalg.norm(centres, axis=1, keepdims=True)
    apart = rng.normal(size=centres.shape)
    apart *= 2.0 * noise_level / np.linalg.norm(apart, axis=1, keepdims=True)
    points = np.concatenate([centres, centres + apart]).astype(dtype).astype(float)
    law = EmpiricalDistribution(points)
    y = law.sample(60, noise_level, seed=2).astype(dtype)
    wide, data = y.astype(np.longdouble), points.astype(np.longdouble)
    square = ((wide[:, None, :] - data) ** 2).sum(axis=-1)
    logits = -(square - square.min(axis=1, keepdims=True)) / (2 * np.longdouble(noise_level) ** 2)
    weights = np.exp(logits)
    expected = (weights / weights.sum(axis=1, keepdims=True)) @ data
    eps = float(np.finfo(dtype).eps)
    # inherent: y - mean is rounded in dtype, which moves a logit by |y| eps * |apart| / level^2
    tolerance = 8 * eps * (1.0 + 20.0 / noise_level) * 2.0 * noise_level + 40 * eps
    error = float(np.abs(law.denoise(y, noise_level) - expected).max())
    assert error < tolerance
    if noise_level == 1e-4:
        naive = 2 * y @ points.T - (points**2).sum(axis=1)
        naive = np.exp((naive - naive.max(axis=1, keepdims=True)) / (2 * noise_level**2))
        naive = naive / naive.sum(axis=1, keepdims=True) @ points
        assert np.abs(naive - expected).max() > 20 * tolerance


def test_fast_isotropic_form_matches_careful_form(monkeypatch):
    """Assert that the expanded and the difference form of the fast path agree to 1e-12."""
    monkeypatch.setenv("ERSDE_NUMBA", "0")
    from analytic import _isotropic_numpy

    rng = np.random.default_rng(0)
    law = GaussianMixture(np.full(8, 0.125), rng.normal(size=(8, 2)), rng.uniform(0.05, 0.3, 8))
    for noise_level in (0.01, 0.3, 3.0, 80.0):
        y = law.sample(9000, noise_level, 1)
        fast = law.denoise(y, noise_level)
        with monkeypatch.context() as patch:
            patch.setitem(_isotropic_numpy.AMPLIFICATION, "float64", 0.0)
            careful = law.denoise(y, noise_level)
        assert not np.array_equal(fast, careful)
        np.testing.assert_allclose(fast, careful, rtol=1e-12, atol=1e-12)


def test_far_queries_stay_finite():
    """Assert that queries a thousand deviations away give finite, correct answers."""
    for name in ("mixture-isotropic", "mixture-full", "empirical-smoothed", "empirical-points"):
        law = LAWS[name]
        y = np.full((1, law.dim), 1e5)
        for noise_level in (1e-3, 1.0):
            mean, score, density = oracle(name, y[0], noise_level)
            np.testing.assert_allclose(law.denoise(y, noise_level)[0], np.array(mean, float), rtol=1e-9)
            np.testing.assert_allclose(law.score(y, noise_level)[0], np.array(score, float), rtol=1e-9)
            assert law.log_density(y, noise_level)[0] == pytest.approx(float(density), rel=1e-9)


def test_degenerate_gaussian_keeps_its_plane():
    """Assert that a rank-one covariance denoises onto its line and has no score at level 0."""
    direction = np.array([0.6, 0.8])
    law = Gaussian([1.0, 0.0], np.outer(direction, direction))
    y = np.array([[3.0, 1.0]])
    along = (y - law.mean) @ direction
    np.testing.assert_allclose(law.denoise(y, 0.0), law.mean + along[:, None] * direction, atol=1e-14)
    with pytest.raises(ValueError, match="does not exist at level 0"):
        law.score(y, 0.0)


def test_zero_weights_are_dropped():
    """Assert that components of weight zero change nothing."""
    law = GaussianMixture([0.4, 0.0, 0.6], [-0.6, 5.0, 0.8], [0.3, 0.1, 0.2])
    y = np.array([[0.3], [5.0]])
    expected = LAWS["mixture-one-dimension"].denoise(y, 0.2)
    np.testing.assert_allclose(law.denoise(y, 0.2), expected, rtol=1e-14)
    cloud = EmpiricalDistribution([[0.0], [9.0]], weights=[1.0, 0.0])
    assert cloud.denoise(np.array([[8.0]]), 1.0).item() == 0.0


def test_laws_satisfy_the_protocol_and_describe_themselves():
    """Assert that every law is a Law, has a short repr, and read-only parameters."""
    for law in LAWS.values():
        assert isinstance(law, Law)
        assert repr(law).startswith(type(law).__name__)
        with pytest.raises(ValueError, match="read-only"):
            law.mean[0] = 0.0
        assert law.covariance().shape == (law.dim, law.dim)


def test_results_agree_over_batch_sizes_and_threads():
    """Assert that blocks and concurrent calls change results by at most 1e-12."""
    law = LAWS["mixture-isotropic"]
    y = law.sample(20_000, 0.5, 0)
    whole = law.denoise(y, 0.5)
    parts = np.concatenate([law.denoise(part, 0.5) for part in np.array_split(y, 37)])
    np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=1e-12)
    results: dict[int, np.ndarray] = {}

    def work(key: int) -> None:
        results[key] = law.denoise(y, 0.5)

    threads = [threading.Thread(target=work, args=(key,)) for key in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, whole) for result in results.values())


def test_inputs_are_not_changed():
    """Assert that read-only queries are accepted, hence not written to."""
    for law in LAWS.values():
        y = queries(law, 0.5)
        before = y.copy()
        y.flags.writeable = False
        for method in (law.denoise, law.score, law.log_density, law.denoise_jacobian):
            method(y, 0.5)
        np.testing.assert_array_equal(y, before)


def test_points_of_the_data_keep_their_order():
    """Assert that the distribution exposes its points and bandwidth as given."""
    law = EmpiricalDistribution(POINTS, 0.2)
    np.testing.assert_array_equal(law.points, POINTS)
    assert law.bandwidth == 0.2
    assert EmpiricalDistribution(WIDE_POINTS).nearest(WIDE_POINTS).tolist() == list(range(30))


@pytest.mark.parametrize("name", LAWS)
def test_samples_at_uniform_points_have_the_moments_of_the_law_at_its_level(name):
    """Assert mean and covariance with noise added, within 5 standard errors, and that the level counts."""
    law, level, n = LAWS[name], 0.7, 40_000
    points = np.random.default_rng(11).uniform(1e-12, 1.0, (n, 1 + law.dim))
    x = law.sample_at(points, level)
    covariance = law.covariance() + level**2 * np.eye(law.dim)
    assert (np.abs(x.mean(axis=0) - law.mean) < 5.0 * np.sqrt(np.diag(covariance) / n)).all()
    squares = (x - law.mean) ** 2
    off = np.abs(squares.mean(axis=0) - np.diag(covariance)) / (squares.std(axis=0) / n**0.5)
    assert (off < 5.0).all()
    without = np.abs(squares.mean(axis=0) - np.diag(law.covariance())) / (squares.std(axis=0) / n**0.5)
    assert (without > 5.0).all()


@pytest.mark.parametrize("points", [[[0.5]], [[0.0, 0.5]], [[0.5, 1.0]]])
def test_points_outside_the_open_cube_are_refused(points):
    """Assert that points of another dimension or on the cube's faces are named."""
    with pytest.raises(ValueError, match="points: expected points of shape"):
        Gaussian([0.0], 1.0).sample_at(points)
