"""Error ladders on Gaussian data: exact errors against the number of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from analytic import gaussian_transition
from ersde_theory import schemes
from ersde_theory.errors import OrderFit, StepTransition, exact_strong_error, fit_order
from ersde_theory.exact_gaussian import output_moments, target_moments
from ersde_theory.laboratory._gaussian import transition as exact_transition
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.records import LabelledArray, Record
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

Build = Callable[[TimeGrid, NoiseScale], Tableau]

MEAN, VARIANCE = 0.7, 0.25
LADDER = (40, 80, 160, 320, 640, 1280)
ORDER_TOLERANCE = 0.1

BUILDERS: dict[str, Build] = {
    "published-1": lambda grid, phi: schemes.er_sde(grid, phi, 1),
    "published-2": lambda grid, phi: schemes.er_sde(grid, phi, 2),
    "published-3": lambda grid, phi: schemes.er_sde(grid, phi, 3),
    "released-1": lambda grid, phi: schemes.er_sde(grid, phi, 1, variant="released"),
    "released-2": lambda grid, phi: schemes.er_sde(grid, phi, 2, variant="released"),
    "released-3": lambda grid, phi: schemes.er_sde(grid, phi, 3, variant="released"),
    "adams-3": lambda grid, phi: schemes.exponential_adams(grid, phi, 3, start="graded"),
    "adams-4": lambda grid, phi: schemes.exponential_adams(grid, phi, 4, start="graded"),
}


def variance_errors(build: Build, phi: NoiseScale, ladder: Sequence[int] = LADDER) -> np.ndarray:
    """Return the signed error of the output variance at each number of steps, shape (steps,)."""
    return variance_errors_of(build, (phi,), ladder)[0]


def variance_errors_of(build: Build, phis: Sequence[NoiseScale], ladder: Sequence[int] = LADDER) -> np.ndarray:
    """Return the signed errors for several phi at once, shape (phis, steps)."""
    errors = np.empty((len(phis), len(ladder)))
    for k, n in enumerate(ladder):
        grid = problem("gaussian").make_grid(n)
        tabs = [build(grid, phi) for phi in phis]
        errors[:, k] = output_moments(tabs, MEAN, VARIANCE)[1] - target_moments(tabs[0], MEAN, VARIANCE)[1]
    return errors


def mean_errors(build: Build, phi: NoiseScale, ladder: Sequence[int] = LADDER) -> np.ndarray:
    """Return the signed error of the output mean, started from mean 0 instead of the data's mean.

    The exact mean contracts towards the data's by the transition factor.
    """
    grid = problem("gaussian").make_grid(ladder[0])
    first, last = float(grid.levels[0]), float(grid.levels[-1])
    factor = gaussian_transition(phi.tau_squared, VARIANCE, first, last).factor
    exact = MEAN * (1.0 - float(factor))
    errors = []
    for n in ladder:
        tab = build(problem("gaussian").make_grid(n), phi)
        errors.append(float(output_moments(tab, MEAN, VARIANCE, start_mean=0.0)[0]) - exact)
    return np.array(errors)


def strong_errors(build: Build, phi: NoiseScale, ladder: Sequence[int]) -> np.ndarray:
    """Return the exact RMS error at the end of the coupled path at each number of steps."""
    errors = []
    for n in ladder:
        grid = problem("gaussian").make_grid(n)
        tab = build(grid, phi)
        errors.append(float(exact_strong_error(tab, VARIANCE, transition(grid, phi))[-1]))
    return np.array(errors)


def transition(grid: TimeGrid, phi: NoiseScale) -> StepTransition:
    """Return the exact solution over the steps of a grid, from the independent closed forms."""
    return exact_transition(grid.levels, phi, VARIANCE)


def finest_fit(errors: np.ndarray, ladder: Sequence[int] = LADDER) -> OrderFit:
    """Return the order fitted over the four finest step counts."""
    return fit_order(ladder, errors, last=4)


def ladder_record(name: str, claim: str, ladders: dict[str, np.ndarray], ladder: Sequence[int], unit: str) -> Record:
    """Return error ladders, one row per label, as a Record."""
    return Record(
        name,
        {"problem": "gaussian", "ladder": list(ladder)},
        {
            "steps": LabelledArray(("steps",), np.array(ladder)),
            "scheme": LabelledArray(("scheme",), np.array(list(ladders))),
            "error": LabelledArray(("scheme", "steps"), np.stack(list(ladders.values())), unit),
        },
        (claim,),
    )
