"""What the tests of SA-Solver, UniPC and DEIS share: recorded runs, and orders on the exact Gaussian."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from analytic import GaussianMixture, solve_ode
from ersde_theory import Tableau, TimeGrid, sample
from ersde_theory.exact_gaussian import output_moments, target_moments

DATA = Path(__file__).parent / "data"
ROUNDOFF = 200 * float(np.finfo(float).eps)  # 8 steps whose coefficients come from cancelling closed forms
COEFFICIENT = 1e-14  # a relative difference of coefficients that are computed in two ways
ODE_STEPS, GAUSSIAN_STEPS = (320, 640), (640, 1280)
LAST_SLOPE = 0.2  # how far the order between two grids may be from its limit; an order less is a whole 1
VARIANCES = np.array([0.05, 0.25, 1.0, 4.0])
MIXTURE = GaussianMixture([0.4, 0.6], [[-1.0], [0.8]], [0.25, 0.16])
LAM_MAX, LAM_MIN = 5.0, 0.05


def denoise(y: np.ndarray, level: float) -> np.ndarray:
    """Return the data prediction of the recordings' model."""
    return np.tanh(y) / (1.0 + level)


@functools.cache
def recorded(name: str) -> tuple[dict[str, Any], ...]:
    """Return the recorded runs of one file."""
    return tuple(json.loads((DATA / f"{name}.json").read_text("utf-8"))["runs"])


def deviation(run: dict[str, Any], tab: Tableau, final: np.ndarray | None = None) -> float:
    """Return the largest difference of a tableau's result to the recorded one (or to `final`)."""
    noise = np.array(run["noise"]) if "noise" in run else None
    got = sample(tab, denoise, np.array(run["start"]), noise)
    return float(np.abs(got - (np.array(run["final"]) if final is None else final)).max())


def plain(n_steps: int) -> TimeGrid:
    """Return the Karras grid of ``math.md`` section 6."""
    return TimeGrid.karras(n_steps, LAM_MAX, LAM_MIN)


def graded(n_steps: int) -> TimeGrid:
    """Return that grid with its first interval cut so that the steps of low order are tiny."""
    levels = plain(n_steps).levels
    extra = levels[0] - (levels[0] - levels[1]) * 2.0 ** -np.arange(24.0, 0.0, -1.0)
    return TimeGrid(np.concatenate([levels[:1], extra, levels[1:]]))


@functools.cache
def mixture_paths() -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of the ODE on a mixture, by an adaptive method of order 8."""
    start = np.linspace(-11.0, 9.0, 9)[:, None]
    return start, solve_ode(MIXTURE.denoise, start, LAM_MAX, LAM_MIN, rtol=3e-14)


def ode_error(tab: Tableau) -> float:
    """Return the root mean square error of the ODE's end points on a mixture."""
    start, end = mixture_paths()
    return float(np.sqrt(np.mean((sample(tab, MIXTURE.denoise, start) - end) ** 2)))


def variance_error(tab: Tableau) -> float:
    """Return the norm of the output variance's exact error, over Gaussian data of several variances."""
    error = output_moments(tab, 0.0, VARIANCES)[1] - target_moments(tab, 0.0, VARIANCES)[1]
    return float(np.linalg.norm(error))


def ode_order(build: Callable[[TimeGrid], Tableau], grid: Callable[[int], TimeGrid] = graded) -> float:
    """Return the order of the mixture's ODE error between two grids."""
    return float(np.log2(np.divide(*(ode_error(build(grid(n))) for n in ODE_STEPS))))


def weak_order(build: Callable[[TimeGrid], Tableau]) -> float:
    """Return the order of the Gaussian variance error between two grids."""
    return float(np.log2(np.divide(*(variance_error(build(graded(n))) for n in GAUSSIAN_STEPS))))
