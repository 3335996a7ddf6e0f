"""Sampling speed against diffrax and torchsde, the rightness of every party's law, and memory.

    python benchmarks/bench_sampling.py [--json FILE] [--rounds 9] [--threads 2] [--scheme er_sde] [--no-check]

Exit status 1 if a law is wrong, or the check does not see a peer made wrong on purpose; speed decides nothing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

import _law_check
import _ours
import _problem as problem
import numpy as np
from _harness import (
    QUIET_CORES,
    Party,
    Repeat,
    environment,
    quiet_rounds,
    script_parser,
    timed_rounds,
    verdict,
    write_json,
)

OURS, OURS_NUMPY = "ours (numba)", "ours (NumPy)"
GOALS = {"diffrax vmap": 3.0, "diffrax batch": 3.0, "torchsde plain": 8.0, "torchsde tuned": 8.0}
MEMORY_PATHS = (100_000, 1_000_000)


def main() -> int:
    """Run everything and return the exit status."""
    options = _options()
    document: dict[str, Any] = {
        "name": "bench_sampling",
        "task": {
            "components": problem.COMPONENTS,
            "dim": problem.DIM,
            "paths": options.paths,
            "steps": problem.STEPS,
            "dtype": "float64",
            "ours": f"{options.scheme}, order 3, exp_power",
            "peers": "Euler, same equation, levels and start states",
        },
        "environment": environment(options.threads),
        "goals": GOALS,
    }
    _show_environment(document["environment"])
    parties = _parties(options)
    try:
        repeats = timed_rounds(parties, options.rounds, problem.STEPS, options.patience)
        document["speed"] = _speed(repeats, options.paths)
        _show_speed(document["speed"])
        right = True
        if not options.no_check:
            document["laws"] = _laws(parties, options)
            right = _show_laws(document["laws"])
    finally:
        for party in parties:
            party.close()
    document["memory"] = _memory(options)
    _show_memory(document["memory"])
    write_json(options.json, document)
    return 0 if right else 1


def _options() -> argparse.Namespace:
    parser = script_parser(__doc__, rounds=9)
    parser.add_argument("--threads", type=int, default=2, help="cores and threads of each party")
    parser.add_argument("--paths", type=int, default=problem.PATHS)
    parser.add_argument("--scheme", choices=_ours.SCHEMES, default="er_sde")
    parser.add_argument("--no-check", action="store_true", help="leave out the check of the laws")
    return parser.parse_args()


def _parties(options: argparse.Namespace) -> list[Party]:
    """Start all parties, each with the same number of cores and threads."""
    threads, n = options.threads, options.paths
    ours = {"n": n, "threads": threads, "scheme": options.scheme}
    return [
        Party(OURS, "_ours", threads, threads, **ours, compiled=True),
        Party(OURS_NUMPY, "_ours", threads, threads, **ours, compiled=False),
        Party("diffrax vmap", "_peer_diffrax", threads, threads, n=n, batched=False),
        Party("diffrax batch", "_peer_diffrax", threads, threads, n=n, batched=True),
        Party("torchsde plain", "_peer_torchsde", threads, threads, n=n, threads=threads, tuned=False),
        Party("torchsde tuned", "_peer_torchsde", threads, threads, n=n, threads=threads, tuned=True),
    ]


def _speed(repeats: dict[str, list[Repeat]], paths: int) -> dict[str, Any]:
    """Return seconds of every repeat and, their ratio to ours (numba) in the same round."""
    ours = np.array([repeat.seconds for repeat in repeats[OURS]])
    quiet = quiet_rounds(repeats)
    result: dict[str, Any] = {"quiet_rounds": quiet.tolist(), "parties": {}}
    for name, list_of_repeats in repeats.items():
        seconds = np.array([repeat.seconds for repeat in list_of_repeats])
        entry: dict[str, Any] = {
            "repeats": [asdict(repeat) for repeat in list_of_repeats],
            "median_seconds": float(np.median(seconds)),
            "nanoseconds_per_row_step": float(np.median(seconds)) / paths / problem.STEPS * 1e9,
        }
        ratios = seconds / ours
        entry["ratio_each_round"] = ratios.tolist()
        entry["ratio_median"] = float(np.median(ratios))
        if quiet.any():
            entry["ratio_median_quiet"] = float(np.median(ratios[quiet]))
        if name in GOALS:
            entry["verdict"] = verdict(ratios[quiet], GOALS[name], at_least=True)
        result["parties"][name] = entry
    return result


def _laws(parties: list[Party], options: argparse.Namespace) -> dict[str, Any]:
    """Check every party's law, and that a peer with 5 % too much noise is found wrong."""
    laws = {}
    for party in parties:
        if party.name in (OURS, OURS_NUMPY):
            laws[party.name] = _law_check.exact_law_check(party.result(50, problem.STEPS))
        else:
            laws[party.name] = _law_check.euler_check(party.result)
    settings = {"n": options.paths, "batched": True, "noise_factor": 1.05}
    twin = Party("twin", "_peer_diffrax", options.threads, options.threads, **settings)
    try:
        laws["broken twin: diffrax, noise 5 % too large"] = _law_check.euler_check(twin.result)
    finally:
        twin.close()
    return laws


def _memory(options: argparse.Namespace) -> dict[str, Any]:
    """Return the working memory for each number of paths, each in a fresh process."""
    result = {}
    for paths in MEMORY_PATHS:
        settings = {"paths": paths, "threads": options.threads, "scheme": options.scheme}
        party = Party(f"memory {paths}", "_memory", options.threads, options.threads, **settings)
        try:
            traced, resident = party.result(0, problem.STEPS).tolist()
        finally:
            party.close()
        result[str(paths)] = {"traced_bytes": traced, "resident_bytes": resident}
    return result


def _show_environment(found: dict[str, Any]) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"{found['processor']}, {found['cores_used']} of {found['cores_of_machine']} cores")
    print(f"{found['system']}, Python {found['python']}: {versions}")
    print(f"load average at the start: {found['load_average_at_start']}\n")


def _show_speed(speed: dict[str, Any]) -> None:
    head = ("party", "median s", "min", "max", "ns/row-step", "foreign")
    head = (*head, "ratio", "min", "max", "quiet", "goal", "verdict")
    print("{:16}{:>9}{:>7}{:>7}{:>13}{:>9}{:>7}{:>7}{:>7}{:>7}{:>6}{:>11}".format(*head))
    for name, entry in speed["parties"].items():
        seconds = [repeat["seconds"] for repeat in entry["repeats"]]
        foreign = float(np.median([repeat["foreign_cores"] for repeat in entry["repeats"]]))
        line = f"{name:16}{entry['median_seconds']:9.3f}{min(seconds):7.3f}{max(seconds):7.3f}"
        line += f"{entry['nanoseconds_per_row_step']:13.1f}{foreign:9.2f}"
        ratios = entry["ratio_each_round"]
        line += f"{entry['ratio_median']:7.2f}{min(ratios):7.2f}{max(ratios):7.2f}"
        line += f"{entry.get('ratio_median_quiet', float('nan')):7.2f}"
        if name in GOALS:
            line += f"{GOALS[name]:6.0f}{entry['verdict']:>11}"
        print(line)
    quiet, rounds = sum(speed["quiet_rounds"]), len(speed["quiet_rounds"])
    print("ratio: party over ours (numba), in each round. foreign: median of the cores other processes used.")
    print(f"quiet, verdict: from the {quiet} of {rounds} rounds with foreign <= {QUIET_CORES:g} in every repeat\n")


def _show_laws(laws: dict[str, Any]) -> bool:
    """Print the checks; return whether all parties are right and the broken twin is not."""
    good = True
    for name, law in laws.items():
        wanted = not name.startswith("broken twin")
        good = good and law["right"] == wanted
        energy = f"{law['energy_distance']:.4f} ± {law['energy_distance_standard_error']:.4f}"
        if "order" in law:
            detail = f"weak order {law['order']:.2f} ± {law['order_standard_error']:.2f}"
        else:
            detail = f"largest |z| {law['largest_z']:.1f}"
        found = "right" if law["right"] else "wrong"
        print(f"{name}: {found}; energy distance at N = {problem.STEPS} {energy}; {detail}")
    print()
    return good


def _show_memory(memory: dict[str, Any]) -> None:
    for paths, entry in memory.items():
        traced, resident = entry["traced_bytes"] / 2**20, entry["resident_bytes"] / 2**20
        print(f"working memory at {int(paths):,} paths: {traced:.2f} MiB traced, {resident:.2f} MiB resident")


if __name__ == "__main__":
    sys.exit(main())
