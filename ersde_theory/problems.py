"""Named problems: a law, a family of grids, and what is known about the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory import _checks
from ersde_theory.time_grid import TimeGrid

if TYPE_CHECKING:
    from analytic import Law


@dataclass(frozen=True)
class Problem:
    """A law to sample, and the grids to sample it on.

    Attributes
    ----------
    name : str
        What the command line and tables call it.
    description : str
        One sentence.
    make_law : callable
        Returns the law (loading data only then).
    make_grid : callable
        ``make_grid(n_steps)`` returns a TimeGrid; the grids of n, 2n, 4n ... are nested.
    spectrum : tuple of arrays or None
        Mean and variance per coordinate if the law is Gaussian with diagonal covariance.

    Examples
    --------
    >>> problem("gaussian").make_grid(40).n_steps
    40
    """

    name: str
    description: str
    make_law: Callable[[], Law]
    make_grid: Callable[[int], TimeGrid]
    spectrum: tuple[np.ndarray, np.ndarray] | None = None


def problem(name: str) -> Problem:
    """Return a problem by its name.

    Parameters
    ----------
    name : str
        One of :func:`problem_names`.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If the name is unknown; the nearest is suggested.

    Examples
    --------
    >>> problem("digits").description
    'handwritten digits, 8 x 8 pixels, as an empirical law of bandwidth 0.1'
    """
    return _PROBLEMS[_checks.one_of(name, "problem", _PROBLEMS)]()


def problem_names() -> tuple[str, ...]:
    """Return the names of all problems.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "gaussian" in problem_names()
    True
    """
    return tuple(_PROBLEMS)


def _gaussian() -> Problem:
    def law() -> Law:
        from analytic import Gaussian

        return Gaussian(np.array([0.7]), 0.25)

    return Problem(
        "gaussian",
        "one dimension, N(0.7, 0.25), Karras levels from 5 to 0.05",
        law,
        lambda n: TimeGrid.karras(n, 5.0, 0.05),
        (np.array(0.7), np.array(0.25)),
    )


def _spectrum() -> Problem:
    variances = np.logspace(-5, 1, 25)

    def law() -> Law:
        from analytic import Gaussian

        return Gaussian(np.zeros(25), variances)

    return Problem(
        "spectrum",
        "25 dimensions, variances from 1e-5 to 10, Karras levels from 80 to 0.002",
        law,
        lambda n: TimeGrid.karras(n, 80.0, 0.002),
        (np.zeros(25), variances),
    )


def _mixture() -> Problem:
    def law() -> Law:
        from analytic import GaussianMixture

        means = np.array([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]])
        return GaussianMixture(np.array([0.5, 0.3, 0.2]), means, np.array([0.2, 0.3, 0.1]))

    return Problem(
        "mixture",
        "two dimensions, three overlapping Gaussians, Karras levels from 20 to 0.02",
        law,
        lambda n: TimeGrid.karras(n, 20.0, 0.02),
    )


def _two_modes(name: str, description: str, means: tuple[float, float], spread: float) -> Problem:
    """Return a problem of two Gaussians of equal spread on the line."""

    def law() -> Law:
        from analytic import GaussianMixture

        return GaussianMixture(np.array([0.4, 0.6]), np.array(means)[:, None], np.full(2, spread**2))

    return Problem(name, description, law, lambda n: TimeGrid.karras(n, 5.0, 0.1))


def _overlapping() -> Problem:
    what = "one dimension, two Gaussians of spread 0.5 at -0.5 and 0.75 that overlap, Karras levels from 5 to 0.1"
    return _two_modes("overlapping", what, (-0.5, 0.75), 0.5)


def _separated() -> Problem:
    what = "one dimension, two Gaussians of spread 0.3 at -1 and 1.5 that do not, Karras levels from 5 to 0.1"
    return _two_modes("separated", what, (-1.0, 1.5), 0.3)


def _digits() -> Problem:
    def law() -> Law:
        from analytic import digits_law

        return digits_law(0.1)

    return Problem(
        "digits",
        "handwritten digits, 8 x 8 pixels, as an empirical law of bandwidth 0.1",
        law,
        lambda n: TimeGrid.karras(n, 80.0, 0.002),
    )


_PROBLEMS: dict[str, Callable[[], Problem]] = {
    "gaussian": _gaussian,
    "spectrum": _spectrum,
    "overlapping": _overlapping,
    "separated": _separated,
    "mixture": _mixture,
    "digits": _digits,
}
