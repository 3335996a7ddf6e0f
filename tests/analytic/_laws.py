"""Laws of every kind, and a slow oracle in 50 digits that shares nothing with them."""

from __future__ import annotations

import mpmath
import numpy as np

from analytic import EmpiricalDistribution, Gaussian, GaussianMixture

DIGITS = 50
ROTATION = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
MEANS = np.array([[-1.0, 0.5, 0.0], [0.7, 0.0, 1.0], [0.2, -1.5, 0.4]])
WEIGHTS = np.array([0.2, 0.5, 0.3])
SPREADS = np.array([[0.3, 0.1, 0.2], [0.05, 0.4, 0.1], [0.2, 0.2, 0.02]])
MATRICES = np.stack([ROTATION @ np.diag(s) @ ROTATION.T for s in SPREADS])
POINTS = np.array([[0.0, 0.0], [1.0, 0.25], [-0.5, 0.75], [0.5, -1.0]])
WIDE_POINTS = np.random.default_rng(7).normal(size=(30, 12))

LAWS = {
    "gaussian-isotropic": Gaussian([0.7, -0.2], 0.25),
    "gaussian-diagonal": Gaussian(MEANS[0], SPREADS[0]),
    "gaussian-full": Gaussian(MEANS[1], MATRICES[1]),
    "mixture-one-dimension": GaussianMixture([0.4, 0.6], [-0.6, 0.8], [0.3, 0.2]),
    "mixture-isotropic": GaussianMixture(WEIGHTS, MEANS, SPREADS[:, 0]),
    "mixture-diagonal": GaussianMixture(WEIGHTS, MEANS, SPREADS),
    "mixture-full": GaussianMixture(WEIGHTS, MEANS, MATRICES),
    "mixture-isotropic-many-dimensions": GaussianMixture(np.full(30, 1 / 30), WIDE_POINTS, np.linspace(0.1, 0.4, 30)),
    "empirical-smoothed": EmpiricalDistribution(POINTS, 0.2, [0.1, 0.2, 0.3, 0.4]),
    "empirical-points": EmpiricalDistribution(POINTS),
    "empirical-many-dimensions": EmpiricalDistribution(WIDE_POINTS, 0.15),
}


def as_mixture(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, means and covariance matrices of a law, from the numbers above only."""
    wide = np.eye(12)
    equal = np.full(30, 1 / 30)
    matrices = {
        "gaussian-isotropic": ([1.0], [[0.7, -0.2]], [0.25 * np.eye(2)]),
        "gaussian-diagonal": ([1.0], MEANS[:1], [np.diag(SPREADS[0])]),
        "gaussian-full": ([1.0], MEANS[1:2], MATRICES[1:2]),
        "mixture-one-dimension": ([0.4, 0.6], [[-0.6], [0.8]], [[[0.3]], [[0.2]]]),
        "mixture-isotropic": (WEIGHTS, MEANS, SPREADS[:, 0, None, None] * np.eye(3)),
        "mixture-diagonal": (WEIGHTS, MEANS, [np.diag(s) for s in SPREADS]),
        "mixture-full": (WEIGHTS, MEANS, MATRICES),
        "mixture-isotropic-many-dimensions": (
            equal,
            WIDE_POINTS,
            np.linspace(0.1, 0.4, 30)[:, None, None] * wide,
        ),
        "empirical-smoothed": ([0.1, 0.2, 0.3, 0.4], POINTS, [0.04 * np.eye(2)] * 4),
        "empirical-points": ([0.25] * 4, POINTS, [0.0 * np.eye(2)] * 4),
        "empirical-many-dimensions": (equal, WIDE_POINTS, [0.0225 * wide] * 30),
    }
    weights, means, covariances = matrices[name]
    return np.asarray(weights), np.asarray(means), np.asarray(covariances)


def oracle(name: str, y: np.ndarray, noise_level: float) -> tuple[list, list, mpmath.mpf]:
    """Return denoiser, score and log density of one point in 50 digits, from their definitions."""
    with mpmath.workdps(DIGITS):
        weights, means, covariances = as_mixture(name)
        level = mpmath.mpf(noise_level)
        d = len(y)
        point = mpmath.matrix([mpmath.mpf(float(value)) for value in y])
        joint, posterior, pulls = [], [], []
        for w, m, c in zip(weights, means, covariances, strict=True):
            inner = mpmath.matrix(c.tolist())
            total = inner + level**2 * mpmath.eye(d)
            z = point - mpmath.matrix(m.tolist())
            solved = mpmath.lu_solve(total, z)
            square = (z.T * solved)[0]
            normal = mpmath.sqrt((2 * mpmath.pi) ** d * mpmath.det(total))
            joint.append(mpmath.mpf(float(w)) * mpmath.exp(-square / 2) / normal)
            posterior.append(mpmath.matrix(m.tolist()) + inner * solved)
            pulls.append(-solved)
        density = mpmath.fsum(joint)
        share = [j / density for j in joint]
        mean = [mpmath.fsum(r * p[i] for r, p in zip(share, posterior, strict=True)) for i in range(d)]
        score = [mpmath.fsum(r * p[i] for r, p in zip(share, pulls, strict=True)) for i in range(d)]
        return mean, score, mpmath.log(density)
