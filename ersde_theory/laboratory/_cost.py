"""What a weak error costs: coupled levels against plain Monte Carlo, from variances and by running both."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytic import Law
from ersde_theory.catalogue import Scheme
from ersde_theory.errors import OBSERVABLES, WeakLadder, weak_ladder
from ersde_theory.laboratory._references import sde_reference
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau

_HALF_WIDTH, _NODES = 12.0, 8001  # of the rule that gives exact means on the line


@dataclass(frozen=True)
class Cost:
    """A multilevel ladder and plain Monte Carlo beside it; arrays per observable, the last (observables, rungs).

    The gains are what plain Monte Carlo costs over what the coupled levels cost, pilot included, at the same standard
    errors on every rung: from variances, as measured, and in core seconds.
    """

    ladder: WeakLadder
    gain_from_variances: np.ndarray
    gain_measured: np.ndarray
    gain_in_core_seconds: np.ndarray
    plain_deviation: np.ndarray


def weak_cost(
    entry: Scheme,
    noise_scale: NoiseScale,
    chosen: Problem,
    steps: Sequence[int],
    *,
    target: float,
    max_path_steps: float,
    plain_paths: int,
    seed: int,
) -> Cost:
    """Return what weak errors of one relative standard error cost both ways.

    Plain Monte Carlo runs `plain_paths` on every rung, and its cost goes with one over the variance; how far its
    errors are from the multilevel ones, in standard errors, shows that both estimate the same.
    """
    law = chosen.make_law()
    tableaus = [entry.tableau(chosen.make_grid(n), noise_scale) for n in steps]
    top = float(tableaus[0].noise_level[0])
    begin = time.process_time()
    ladder = weak_ladder(
        tableaus,
        noise_scale,
        law.denoise,
        functools.partial(law.sample_at, noise_level=top),
        sde_reference(law, noise_scale),
        start_numbers=1 + law.dim,
        target=target,
        max_path_steps=max_path_steps,
        seed=seed,
    )
    seconds = time.process_time() - begin
    spent = int(ladder.path_steps.sum()) + ladder.pilot_path_steps
    errors, spread, plain_seconds = _plain(tableaus, law, plain_paths, seed + 1)
    found = [ladder.errors(name) for name in OBSERVABLES]
    fine = np.sqrt([np.diag(covariance) for _, covariance in found])
    more = (spread / fine) ** 2  # times the plain paths, for the multilevel standard error
    return Cost(
        ladder,
        np.array([ladder.plain_path_steps(name) for name in OBSERVABLES]) / spent,
        (more * plain_paths * ladder.evaluations).sum(axis=1) / spent,
        (more * plain_seconds).sum(axis=1) / seconds,
        (errors - np.array([e for e, _ in found])) / np.hypot(spread, fine),
    )


def _plain(tableaus: Sequence[Tableau], law: Law, paths: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return errors of observables by plain Monte Carlo, standard errors, and the core seconds of each rung."""
    exact = _exact_means(law, float(tableaus[0].noise_level[-1]))
    errors, spread = np.empty((2, len(OBSERVABLES), len(tableaus)))
    seconds = np.empty(len(tableaus))
    for k, tab in enumerate(tableaus):
        begin = time.process_time()
        start = law.sample(paths, noise_level=float(tab.noise_level[0]), seed=seed + k)
        noise = np.random.default_rng([seed, k]).standard_normal((tab.n_draws, *start.shape))
        states = sample(tab, law.denoise, start, noise)
        values = np.array([f(states) for f in OBSERVABLES.values()])
        seconds[k] = time.process_time() - begin
        errors[:, k] = values.mean(axis=1) - exact
        spread[:, k] = values.std(axis=1, ddof=1) / paths**0.5
    return errors, spread, seconds


def _exact_means(law: Law, level: float) -> np.ndarray:
    """Return the observables' means under the right law at a level, by the trapezoidal rule on the line."""
    x = np.linspace(-_HALF_WIDTH, _HALF_WIDTH, _NODES)[:, None]
    mass = np.exp(law.log_density(x, level)) * (x[1, 0] - x[0, 0])
    return np.array([mass @ f(x) for f in OBSERVABLES.values()])
