"""Problems drawn at random, each from its seed: Gaussians and mixtures, on random grids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analytic import Gaussian, GaussianMixture, Law
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.problems import Problem
from ersde_theory.time_grid import TimeGrid


def random_problem(seed: int, *, gaussian: bool, dimension: int = 1) -> Problem:
    """Return a problem that a seed decides.

    Parameters
    ----------
    seed : int
        In [0, 2^63).
    gaussian : bool
        A Gaussian on the line, or else a mixture of two or three overlapping Gaussians.
    dimension : int
        Of a mixture.

    Returns
    -------
    Problem
        Its grids are Karras, uniform in ln(lambda) or uniform in the time of a VP process; they nest.

    Examples
    --------
    >>> random_problem(3, gaussian=True).name
    'random Gaussian 3'
    """
    generator = np.random.default_rng([seed, int(gaussian)])
    grid = _random_grid(generator, *((3.0, 10.0, 0.05, 0.3) if gaussian else (3.0, 6.0, 0.2, 0.5)))
    if gaussian:
        mean, variance = generator.uniform(0.3, 1.5), float(np.exp(generator.uniform(np.log(0.05), np.log(2.0))))
        law: Law = Gaussian(np.array([mean]), variance)
        spectrum = (np.array(mean), np.array(variance))
        what = f"one dimension, N({mean:.3f}, {variance:.3f})"
        return Problem(f"random Gaussian {seed}", what, lambda: law, grid, spectrum)
    law = _random_mixture(generator, dimension)
    return Problem(f"random mixture {seed}", "overlapping Gaussians", lambda: law, grid)


def _random_mixture(generator: np.random.Generator, dimension: int) -> GaussianMixture:
    """Return two or three Gaussians whose means lie within about two spreads of each other."""
    count = int(generator.integers(2, 4))
    spread = generator.uniform(0.4, 0.7, count)
    means = generator.uniform(-1.0, 1.0, (count, dimension))
    return GaussianMixture(generator.dirichlet(np.full(count, 4.0)), means, spread**2)


def _random_grid(
    generator: np.random.Generator, least_high: float, most_high: float, least_low: float, most_low: float
) -> Callable[[int], TimeGrid]:
    """Return a family of nested grids between random levels."""
    high = generator.uniform(least_high, most_high)
    low = float(np.exp(generator.uniform(np.log(least_low), np.log(most_low))))
    rho = generator.uniform(3.0, 9.0)
    process = ForwardProcess.vp_linear()
    start, end = float(process.time(high)), float(process.time(low))
    families: tuple[Callable[[int], TimeGrid], ...] = (
        lambda n: TimeGrid.karras(n, high, low, rho),
        lambda n: TimeGrid.uniform_in_log(n, high, low),
        lambda n: TimeGrid.uniform_in_time(process, n, start, end),
    )
    return families[int(generator.integers(len(families)))]
