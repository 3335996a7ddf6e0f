"""Networks whose truth is known: the exact denoiser of a mixture, said in each convention by formulas written here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytic import GaussianMixture
from ersde_theory.models import Level

DIM = 6
STEPS = 1000
BETA_MIN, BETA_MAX = 0.1, 20.0


def mixture(spread: float = 0.02) -> GaussianMixture:
    """Return eight clusters in six dimensions, each of a variance that leaves something to learn at low levels."""
    centres = np.random.default_rng(3).normal(size=(8, DIM))
    return GaussianMixture(np.full(8, 0.125), centres, np.full(8, spread))


def vp_log_signal(t: Any) -> Any:
    """Return ln(alpha^2) of VP with linear beta at timestep t, real or whole, in closed form."""
    tau = (t + 1.0) / STEPS
    return -(BETA_MIN * tau + 0.5 * (BETA_MAX - BETA_MIN) * tau**2)


def vp_table() -> np.ndarray:
    """Return alphas_cumprod of all timesteps."""
    return np.exp(vp_log_signal(np.arange(STEPS)))


def cosine_table() -> np.ndarray:
    """Return alphas_cumprod of the cosine schedule with beta capped at 0.999."""
    f = np.cos((np.arange(STEPS + 1) / STEPS + 0.008) / 1.008 * np.pi / 2.0) ** 2
    return np.cumprod(1.0 - np.minimum(1.0 - f[1:] / f[:-1], 0.999))


@dataclass(frozen=True)
class ExactNetwork:
    """A perfect network of a law: told what its convention says, it predicts what its convention says.

    ``convention`` is vp (told a timestep), sigma (told sigma), edm (told ln(sigma)/4, fed c_in x), flow (told t).
    """

    law: GaussianMixture
    convention: str
    prediction: str
    sigma_data: float = 1.0

    def __call__(self, x: Any, told: Any) -> Any:
        """Return the network's output for a state of shape (n, 6)."""
        number = float(told[0])
        alpha, sigma, scale = self._coordinates(number)
        state = x / scale
        clean = self.law.denoise(state / alpha, sigma / alpha)
        noise = (state - alpha * clean) / sigma
        total = math.hypot(sigma, self.sigma_data)
        return {
            "x0": lambda: clean,
            "epsilon": lambda: noise,
            "v": lambda: alpha * noise - sigma * clean,
            "score": lambda: -noise / sigma,
            "flow": lambda: noise - clean,
            "edm": lambda: (clean - (self.sigma_data / total) ** 2 * state) * total / (sigma * self.sigma_data),
        }[self.prediction]()

    def _coordinates(self, told: float) -> tuple[float, float, float]:
        """Return alpha, sigma and the scale of the input; what lies outside its training is read as the end of it."""
        if self.convention == "vp":
            signal = math.exp(vp_log_signal(min(max(told, -0.9), STEPS - 1.0)))
            return math.sqrt(signal), math.sqrt(1.0 - signal), 1.0
        if self.convention == "flow":
            t = min(max(told, 1e-4), 1.0 - 1e-4)
            return 1.0 - t, t, 1.0
        sigma = min(max(math.exp(min(4.0 * told, 9.0)) if self.convention == "edm" else told, 1e-4), 1e4)
        return 1.0, sigma, 1.0 / math.hypot(sigma, self.sigma_data) if self.convention == "edm" else 1.0


@dataclass(frozen=True)
class Faulty:
    """A level map with one thing wrong, to be noticed."""

    noise_range: tuple[float, float]
    right: Any
    fault: str

    def at(self, noise_level: float) -> Level:
        """Return the right level with the fault in it."""
        level = self.right.at(noise_level)
        alpha, sigma, told, scale = level.alpha, level.sigma, level.conditioning, level.input_scale
        return {
            "forgotten alpha": lambda: Level(1.0, noise_level, told),
            "forgotten c_in": lambda: Level(alpha, sigma, told, 1.0),
            "sigma for its logarithm": lambda: Level(alpha, sigma, sigma, scale),
            "logarithm for sigma": lambda: Level(alpha, sigma, 0.25 * math.log(sigma), scale),
            "time turned round": lambda: Level(alpha, sigma, 1.0 - told),
            "time times 1000": lambda: Level(alpha, sigma, 1000.0 * told),
        }[self.fault]()

    def noise_level(self, conditioning: float) -> float:
        """Return the right map's answer; not used here."""
        return self.right.noise_level(conditioning)
