"""Misuse of the oracle: every mistake gets an error that says what was expected and what was got."""

from __future__ import annotations

import math

import numpy as np
import pytest

import analytic
from analytic import EmpiricalDistribution, Gaussian, GaussianMixture
from tests.analytic._laws import LAWS

Y = np.array([[0.1, 0.2], [0.3, 0.4]])
PLANE = LAWS["gaussian-isotropic"]
MASSES = LAWS["empirical-points"]
PAIR = EmpiricalDistribution([[0.0], [1.0]])
LEVELS = np.array([2.0, 1.0])
NOISE = np.zeros((1, 2, 2))


def square(lam):
    """Return phi(lambda) = lambda^2."""
    return lam**2


def nan_denoise(y, _level):
    """Return NaN, as a broken network might."""
    return y * np.nan


CASES = {
    "y is a list": (TypeError, "y", lambda: PLANE.denoise([[0.1, 0.2]], 1.0)),
    "y is integer": (TypeError, "y", lambda: PLANE.denoise(np.ones((2, 2), int), 1.0)),
    "y is complex": (TypeError, "y", lambda: PLANE.denoise(Y.astype(complex), 1.0)),
    "y is half precision": (TypeError, "y", lambda: PLANE.denoise(Y.astype(np.float16), 1.0)),
    "y has NaN": (ValueError, "y", lambda: PLANE.denoise(Y * np.nan, 1.0)),
    "y is infinite": (ValueError, "y", lambda: PLANE.score(Y + np.inf, 1.0)),
    "y is huge": (ValueError, "y", lambda: PLANE.score(Y * 1e30, 1.0)),
    "y has another dimension": (ValueError, "y", lambda: PLANE.denoise(np.ones((2, 3)), 1.0)),
    "y has three axes": (ValueError, "y", lambda: PLANE.denoise(Y[None], 1.0)),
    "y is a row of scalars": (ValueError, "y", lambda: PAIR.denoise(np.ones(4), 1.0)),
    "level is negative": (ValueError, "noise_level", lambda: PLANE.denoise(Y, -1.0)),
    "level is NaN": (ValueError, "noise_level", lambda: PLANE.denoise(Y, math.nan)),
    "level is text": (TypeError, "noise_level", lambda: PLANE.denoise(Y, "1.0")),
    "level is True": (TypeError, "noise_level", lambda: PLANE.denoise(Y, True)),
    "level is a list": (TypeError, "noise_level", lambda: PLANE.denoise(Y, [1.0, 1.0])),
    "levels are too many": (ValueError, "noise_level", lambda: PLANE.denoise(Y, np.ones(3))),
    "levels are a column": (ValueError, "noise_level", lambda: PLANE.denoise(Y, np.ones((2, 1)))),
    "levels hold NaN": (
        ValueError,
        "noise_level",
        lambda: PLANE.denoise(Y, np.array([1.0, np.nan])),
    ),
    "levels are complex": (TypeError, "noise_level", lambda: PLANE.denoise(Y, np.ones(2) * 1j)),
    "score at infinity": (ValueError, "score", lambda: PLANE.score(Y, math.inf)),
    "score of masses at 0": (ValueError, "score", lambda: MASSES.score(Y, 0.0)),
    "density of masses at 0": (ValueError, "log_density", lambda: MASSES.log_density(Y, 0.0)),
    "score of masses at 0 in a row": (
        ValueError,
        "score",
        lambda: MASSES.score(Y, np.array([1.0, 0.0])),
    ),
    "Jacobian at a tie": (
        ValueError,
        "denoise_jacobian",
        lambda: PAIR.denoise_jacobian(np.array([[0.5]]), 0.0),
    ),
    "no samples": (ValueError, "n", lambda: PLANE.sample(0)),
    "fractional samples": (TypeError, "n", lambda: PLANE.sample(2.5)),
    "seed is negative": (ValueError, "seed", lambda: PLANE.sample(2, seed=-1)),
    "seed is None": (TypeError, "seed", lambda: PLANE.sample(2, seed=None)),
    "sample level infinite": (ValueError, "noise_level", lambda: PLANE.sample(2, math.inf)),
    "scale is zero": (ValueError, "alpha", lambda: PLANE.scaled(0.0)),
    "variance is negative": (ValueError, "covariance", lambda: Gaussian(0.0, -1.0)),
    "mean is text": (TypeError, "mean", lambda: Gaussian("zero", 1.0)),
    "mean is NaN": (ValueError, "mean", lambda: Gaussian(math.nan, 1.0)),
    "covariance has another dimension": (
        ValueError,
        "covariance",
        lambda: Gaussian([0.0, 0.0], [1.0, 1.0, 1.0]),
    ),
    "covariance is not symmetric": (
        ValueError,
        "covariance",
        lambda: Gaussian([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]),
    ),
    "covariance is indefinite": (
        ValueError,
        "covariance",
        lambda: Gaussian([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]),
    ),
    "weights do not sum to 1": (
        ValueError,
        "weights",
        lambda: GaussianMixture([0.5, 0.4], [0.0, 1.0], [1.0, 1.0]),
    ),
    "weight is negative": (
        ValueError,
        "weights",
        lambda: GaussianMixture([1.5, -0.5], [0.0, 1.0], [1.0, 1.0]),
    ),
    "weights are too few": (
        ValueError,
        "weights",
        lambda: GaussianMixture([1.0], [0.0, 1.0], [1.0, 1.0]),
    ),
    "component is a point": (
        ValueError,
        "covariances",
        lambda: GaussianMixture([0.5, 0.5], [0.0, 1.0], [1.0, 0.0]),
    ),
    "component is singular": (
        ValueError,
        "covariances",
        lambda: GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]]),
    ),
    "means are ragged": (
        ValueError,
        "means",
        lambda: GaussianMixture([0.5, 0.5], [[0.0], [1.0, 2.0]], 1.0),
    ),
    "bandwidth is negative": (ValueError, "bandwidth", lambda: EmpiricalDistribution([0.0], -0.1)),
    "no points": (ValueError, "points", lambda: EmpiricalDistribution(np.zeros((0, 2)))),
    "no components": (ValueError, "n_components", lambda: analytic.digits_mixture(0)),
    "more components than images": (
        ValueError,
        "n_components",
        lambda: analytic.digits_mixture(1798),
    ),
    "W2 of a negative variance": (
        ValueError,
        "var_a",
        lambda: analytic.gaussian_wasserstein2(0.0, -1.0, 0.0, 1.0),
    ),
    "W2 of shapes that clash": (
        ValueError,
        "var_b",
        lambda: analytic.gaussian_wasserstein2(0.0, np.ones(2), 0.0, np.ones(3)),
    ),
    "KL to a point": (ValueError, "var_b", lambda: analytic.gaussian_kl(0.0, 1.0, 0.0, 0.0)),
    "KL of complex numbers": (
        TypeError,
        "mean_a",
        lambda: analytic.gaussian_kl(1j, 1.0, 0.0, 1.0),
    ),
    "full KL to a singular matrix": (
        ValueError,
        "cov_b",
        lambda: analytic.gaussian_kl_full([0.0, 0.0], np.eye(2), [0.0, 0.0], np.ones((2, 2))),
    ),
    "full W2 of another dimension": (
        ValueError,
        "mean_b",
        lambda: analytic.gaussian_wasserstein2_full([0.0], [[1.0]], [0.0, 0.0], np.eye(2)),
    ),
    "energy distance of few rows": (ValueError, "x", lambda: analytic.energy_distance(Y, Y)),
    "sliced W2 of unequal columns": (
        ValueError,
        "y",
        lambda: analytic.sliced_wasserstein2(np.ones((40, 2)), np.ones((40, 3))),
    ),
    "sliced W2 in one direction": (
        ValueError,
        "n_projections",
        lambda: analytic.sliced_wasserstein2(np.ones((40, 2)), np.ones((40, 2)), 1),
    ),
    "ODE to level 0": (ValueError, "lam_end", lambda: analytic.solve_ode(PLANE.denoise, Y, 1.0, 0.0)),
    "ODE to where it starts": (
        ValueError,
        "levels",
        lambda: analytic.solve_ode(PLANE.denoise, Y, 1.0, 1.0),
    ),
    "ODE at levels out of order": (
        ValueError,
        "levels",
        lambda: analytic.solve_ode(PLANE.denoise, Y, 1.0, 0.1, levels=[1.0, 0.05, 0.1]),
    ),
    "ODE beyond float64": (
        ValueError,
        "rtol",
        lambda: analytic.solve_ode(PLANE.denoise, Y, 1.0, 0.1, rtol=1e-17),
    ),
    "ODE with a broken denoiser": (
        ValueError,
        "denoise",
        lambda: analytic.solve_ode(nan_denoise, Y, 1.0, 0.1),
    ),
    "ODE with a denoiser of another shape": (
        ValueError,
        "denoise",
        lambda: analytic.solve_ode(lambda y, _: np.zeros((3, *y.shape)), Y, 1.0, 0.1),
    ),
    "transition upwards": (
        ValueError,
        "lam_start",
        lambda: analytic.gaussian_transition(lambda lam: 0 * lam, 1.0, 1.0, 2.0),
    ),
    "transition with negative noise": (
        ValueError,
        "tau_squared",
        lambda: analytic.gaussian_transition(lambda lam: -lam, 1.0, 2.0, 1.0),
    ),
    "SDE levels rise": (
        ValueError,
        "levels",
        lambda: analytic.solve_sde(PLANE.denoise, square, [1.0, 2.0], Y, NOISE),
    ),
    "SDE to level 0": (
        ValueError,
        "levels",
        lambda: analytic.solve_sde(PLANE.denoise, square, [1.0, 0.0], Y, NOISE),
    ),
    "SDE noise of another shape": (
        ValueError,
        "brownian_increments",
        lambda: analytic.solve_sde(PLANE.denoise, square, LEVELS, Y, NOISE[:, :1]),
    ),
    "SDE areas are integers": (
        TypeError,
        "areas",
        lambda: analytic.solve_sde(PLANE.denoise, square, LEVELS, Y, NOISE, NOISE.astype(int)),
    ),
    "SDE with a broken denoiser": (
        ValueError,
        "denoise",
        lambda: analytic.solve_sde(nan_denoise, square, LEVELS, Y, NOISE),
    ),
    "phi decreases": (
        ValueError,
        "phi",
        lambda: analytic.draw_brownian(lambda lam: 1 / lam, LEVELS, (1, 1)),
    ),
    "phi is inadmissible": (
        ValueError,
        "phi",
        lambda: analytic.draw_brownian(np.sqrt, LEVELS, (1, 1)),
    ),
    "phi is not positive": (
        ValueError,
        "phi",
        lambda: analytic.draw_brownian(lambda lam: lam - 1.0, LEVELS, (1, 1)),
    ),
    "coarsening does not divide": (
        ValueError,
        "factor",
        lambda: analytic.coarsen_brownian(square, LEVELS, NOISE, NOISE, 2),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_misuse_says_expected_and_got(case):
    """Assert that a mistake raises the right kind of error, naming argument, expected and got."""
    kind, name, call = CASES[case]
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is kind
    assert name in message.partition("expected")[0]
    assert "expected" in message
    assert "got" in message.partition("expected")[2]


def test_torch_levels_with_numpy_points_are_refused():
    """Assert that libraries are not mixed silently when y is NumPy."""
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"expected a NumPy array.*got a torch tensor"):
        PLANE.denoise(Y, torch.ones(2, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"expected dtype float32 or float64, got dtype torch.int64"):
        PLANE.denoise(torch.ones((2, 2), dtype=torch.int64), 1.0)
