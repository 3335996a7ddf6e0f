"""The stochastic third-order scheme of this project on the shared task."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import _problem as problem
import numpy as np

SCHEMES = ("er_sde", "exponential_adams")


def tableau(scheme: str, steps: int) -> Any:
    """Return the third-order tableau on the Karras grid with phi = exp_power."""
    from ersde_theory import NoiseScale, TimeGrid, schemes

    grid = TimeGrid.karras(steps, problem.LEVEL_FIRST, problem.LEVEL_LAST, rho=problem.RHO)
    return getattr(schemes, scheme)(grid, NoiseScale.exp_power(), order=3)


def law() -> Any:
    """Return the mixture as this project's law."""
    from analytic import GaussianMixture

    return GaussianMixture(problem.WEIGHTS, problem.MEANS, problem.VARIANCES)


def build(n: int, *, threads: int, scheme: str, compiled: bool) -> Callable[[int, int], np.ndarray]:
    """Return ``run(seed, steps)`` to the final states (n, 2); the tableau is made anew in every run.

    ``compiled``: with the optional numba kernels, which must then be installed; otherwise NumPy alone.
    """
    if compiled:
        importlib.import_module("numba")
    os.environ["ERSDE_NUMBA"] = "1" if compiled else "0"
    from ersde_theory import sample

    mixture = law()
    y = problem.start(n)

    def run(seed: int, steps: int) -> np.ndarray:
        return sample(tableau(scheme, steps), mixture.denoise, y, seed, threads=threads)

    return run
