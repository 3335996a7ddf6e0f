"""Zoo-sized sets: 1,000 tableaus of 100 steps, built and propagated exactly through 25 eigenvalues.

    python benchmarks/bench_tableaus.py [--json FILE] [--rounds 5]

Ten schemes x ten noise scales x ten grids. Exit status 1 if a batched distance differs from the distance computed
tableau by tableau, or from the target's and the output's moments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from _harness import QUIET_CORES, Watch, environment, script_options, verdict, wait_for_quiet, write_json

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments, target_moments, wasserstein2

STEPS = 100
SPECTRUM = np.logspace(-5, 1, 25)
GOAL_SECONDS = 5.0
COMPARED = 25
TOLERANCE = 1e-11  # of the root of the spectrum's sum: the same sums in another order


def main() -> int:
    """Time building and propagation, check the numbers, return the exit status."""
    options = script_options(__doc__, rounds=5)
    makers = _makers()
    rounds, distances, tableaus = [], np.empty(0), []
    for _ in range(options.rounds):
        wait_for_quiet(options.patience)
        with Watch() as build:
            tableaus = [make() for make in makers]
        with Watch() as propagate:
            distances = wasserstein2(tableaus, 0.0, SPECTRUM)
        rounds.append({"build": asdict(build.repeat), "propagate": asdict(propagate.repeat)})
    difference = _difference(tableaus, distances)
    total = np.array([sum(part["seconds"] for part in entry.values()) for entry in rounds])
    quiet = [all(part["foreign_cores"] <= QUIET_CORES for part in entry.values()) for entry in rounds]
    found = verdict(total[quiet], GOAL_SECONDS, at_least=False)
    for key in ("build", "propagate"):
        values = [entry[key]["seconds"] for entry in rounds]
        foreign = np.median([entry[key]["foreign_cores"] for entry in rounds])
        print(f"{key:10} median {np.median(values):6.3f} s  min {min(values):6.3f}  max {max(values):6.3f}", end="")
        print(f"  foreign cores {foreign:.2f}")
    print(f"{len(makers)} tableaus: median {np.median(total):.2f} s, goal < {GOAL_SECONDS:g} s: {found} ", end="")
    print(f"(from {sum(quiet)} of {len(rounds)} rounds, those that were quiet)")
    print(f"largest difference to one by one: {difference:.1e} (allowed {TOLERANCE:g})")
    document = {
        "name": "bench_tableaus",
        "task": {"tableaus": len(makers), "steps": STEPS, "eigenvalues": len(SPECTRUM)},
        "environment": environment(1),
        "rounds": rounds,
        "median_seconds": float(np.median(total)),
        "goal_seconds": GOAL_SECONDS,
        "verdict": found,
        "largest_difference": difference,
    }
    write_json(options.json, document)
    return 0 if difference <= TOLERANCE else 1


def _makers() -> list[Callable[[], Any]]:
    """Return one function for each tableau; grids are made anew, as nothing may be kept between rounds."""
    families: list[Callable[..., Any]] = [
        *(partial(schemes.er_sde, order=order) for order in (1, 2, 3)),
        *(partial(schemes.er_sde, order=order, variant="released") for order in (1, 2, 3)),
        *(partial(schemes.exponential_adams, order=order) for order in (1, 2, 3, 4)),
    ]
    scales = [
        *(NoiseScale.ode, NoiseScale.reverse_sde, NoiseScale.exp_reciprocal),
        *(NoiseScale.log_power, NoiseScale.exp_power),
        *(partial(NoiseScale.power, p) for p in (1.2, 1.5, 1.8, 2.2, 2.5)),
    ]
    rhos = np.linspace(3.0, 12.0, 10).tolist()

    def make(family: Callable[..., Any], scale: Callable[[], Any], rho: float) -> Any:
        return family(TimeGrid.karras(STEPS, 80.0, 0.002, rho=rho), scale())

    return [partial(make, f, s, r) for f in families for s in scales for r in rhos]


def _difference(tableaus: list[Any], distances: np.ndarray) -> float:
    """Return the largest relative difference of some batched distances to the same from single moments."""
    worst = 0.0
    for i in np.linspace(0, len(tableaus) - 1, COMPARED).astype(int):
        mean, variance = output_moments(tableaus[i], 0.0, SPECTRUM)
        wanted_mean, wanted_variance = target_moments(tableaus[i], 0.0, SPECTRUM)
        parts = (mean - wanted_mean) ** 2 + (np.sqrt(variance) - np.sqrt(wanted_variance)) ** 2
        batched = float(np.sqrt((distances[i] ** 2).sum()))
        worst = max(worst, abs(batched - float(np.sqrt(parts.sum()))) / float(np.sqrt(SPECTRUM.sum())))
    return worst


if __name__ == "__main__":
    sys.exit(main())
