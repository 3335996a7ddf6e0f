"""A controlled error on top of an exact denoiser: a fixed smooth field, as large at each level as is stated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ersde_theory.sampling import Denoiser

_FREQUENCY = 3.0  # of the field's waves, per unit of y / sqrt(1 + lambda^2)

PROFILES: dict[str, Callable[[float], float]] = {
    # a network that is unsure of the large features: its error dies out as fast as the noise
    "high levels": lambda lam: lam / float(np.sqrt(1.0 + lam**2)),
    # a network that is as wrong on the last steps as on the first
    "all levels": lambda _lam: 1.0,
}
"""Size of the error at a level, over its strength."""


def perturbed(denoise: Denoiser, strength: float, profile: str, dim: int, seed: int) -> Denoiser:
    r"""Return the denoiser plus :math:`\epsilon\,s(\lambda)\,\sqrt2\sin(W y/\sqrt{1+\lambda^2} + b)`.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)`` of states (n, d).
    strength : float
        The RMS per coordinate of the error where the profile is 1.
    profile : str
        One of `PROFILES`.
    dim : int
        d.
    seed : int
        Of W and b: the field is the same at every call.

    Returns
    -------
    callable

    Examples
    --------
    >>> wrong = perturbed(lambda y, noise_level: 0.0 * y, 0.1, "all levels", 64, 0)
    >>> value = wrong(np.random.default_rng(0).standard_normal((500, 64)), 1.0)
    >>> round(float(np.sqrt((value**2).mean())), 2)
    0.1
    """
    generator = np.random.default_rng(seed)
    waves = _FREQUENCY * generator.standard_normal((dim, dim)) / np.sqrt(dim)
    phases = generator.uniform(0.0, 2.0 * np.pi, dim)
    size = PROFILES[profile]

    def run(y: np.ndarray, noise_level: float) -> np.ndarray:
        inner = y / np.sqrt(1.0 + noise_level**2) @ waves + phases
        return np.asarray(denoise(y, noise_level) + strength * size(noise_level) * np.sqrt(2.0) * np.sin(inner))

    return run
