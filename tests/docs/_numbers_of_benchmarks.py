"""Numbers of benchmarks/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tests.docs._numbers import Page, Sentence, Table, benchmark, table

README = "benchmarks/README.md"
MIB = 2.0**20
QUIET_CORES = 0.1  # as benchmarks/_harness.py
PEERS = ("diffrax vmap", "diffrax batch", "torchsde plain", "torchsde tuned")


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Return median, least and largest."""
    return float(np.median(values)), float(values.min()), float(values.max())


def seconds(name: str, party: str) -> np.ndarray:
    """Return the seconds of a party in every round."""
    return np.array([repeat["seconds"] for repeat in benchmark(name)["speed"]["parties"][party]["repeats"]])


def quiet_of(name: str) -> np.ndarray:
    """Return which rounds were quiet."""
    return np.array(benchmark(name)["speed"]["quiet_rounds"])


def readme() -> Iterator[Sentence]:
    """Give what benchmarks/README.md says of its committed runs, the drop-ins' apart."""
    yield from sampling()
    yield from again()
    yield from laws_and_memory()
    yield from small_ones()
    yield from drop_ins_seconds()
    yield from loop()
    yield from network()


def sampling() -> Iterator[Sentence]:
    """Give the table of the sampling task."""
    name = "bench_sampling"
    quiet, ours = quiet_of(name), seconds(name, "ours (numba)")
    yield "{} rounds, **{} of them quiet**", quiet.size, int(quiet.sum())
    yield "| ours (numba) | {:.3f} ({:.3f}–{:.3f}) | 1 |", *spread(ours[quiet])
    of_numpy = seconds(name, "ours (NumPy)")
    row = "| {:.3f} ({:.3f}–{:.3f}) | {:.2f} ({:.2f}–{:.2f}) |"
    yield "| ours (NumPy) " + row, *spread(of_numpy[quiet]), *spread((of_numpy / ours)[quiet])
    for peer in PEERS:
        parts = benchmark(name)["speed"]["parties"][peer]
        goal, verdict = f"{benchmark(name)['goals'][peer]:g}", parts["verdict"]
        said = verdict if verdict == "met" else f"**{verdict}**"
        taken = seconds(name, peer)
        yield (
            f"| {peer} | {{:.3f}} ({{:.3f}}–{{:.3f}}) | **{{:.2f}}** ({{:.2f}}–{{:.2f}}) | {goal} | {said} |",
            *(*spread(taken[quiet]), *spread((taken / ours)[quiet])),
        )
    slower = [float(np.median((seconds(name, peer) / of_numpy)[quiet])) for peer in PEERS]
    yield "(median ratios of the quiet rounds: {:.1f}, {:.1f}, {:.1f} and {:.1f})", *slower
    tuned = seconds(name, "torchsde tuned")
    ratio = tuned / ours
    yield (
        "the tuned torchsde took {:.1f}–{:.1f} s in quiet rounds and up to {:.1f} s in others, and the ratio read up "
        "to {:.0f} instead of {:.0f}",
        *(tuned[quiet].min(), tuned[quiet].max(), tuned.max(), ratio.max(), np.median(ratio[quiet])),
    )


def again() -> Iterator[Sentence]:
    """Give the second run of the sampling task."""
    name = "bench_sampling_rerun"
    quiet, parties = quiet_of(name), benchmark(name)["speed"]["parties"]
    yield "--rounds {} --no-check`, {} of {} rounds quiet", quiet.size, int(quiet.sum()), quiet.size
    yield (
        "are {:.2f} and {:.2f} (diffrax vmap, batch), {:.2f} and {:.2f} (torchsde plain, tuned)",
        *(parties[peer]["ratio_median_quiet"] for peer in PEERS),
    )
    traced = [of["traced_bytes"] / MIB for of in benchmark(name)["memory"].values()]
    yield "Working memory {:.2f} and {:.2f} MiB traced", *traced
    yield "in the second run below diffrax vmap took {:.2f} s", np.median(seconds(name, "diffrax vmap")[quiet])


def laws_and_memory() -> Iterator[Sentence]:
    """Give rightness and memory of the sampling task."""
    laws = benchmark("bench_sampling")["laws"]
    orders = [laws[peer]["order"] for peer in PEERS]
    yield (
        "(largest |z| of ours {:.1f}; weak orders of the peers {:.2f}–{:.2f} ± {:.2f})",
        *(laws["ours (numba)"]["largest_z"], min(orders), max(orders)),
        max(laws[peer]["order_standard_error"] for peer in PEERS),
    )
    pair = [
        laws[party][key]
        for party in ("ours (numba)", PEERS[0])
        for key in ("energy_distance", "energy_distance_standard_error")
    ]
    yield "is {:.4f} ± {:.4f} for ours and {:.4f} ± {:.4f} for Euler", *pair
    memory = benchmark("bench_sampling")["memory"].values()
    yield "{:.2f} MiB at 1e5 paths, {:.2f} MiB at 1e6: flat", *(of["traced_bytes"] / MIB for of in memory)
    yield "Resident peak {:.1f} and {:.1f} MiB", *(of["resident_bytes"] / MIB for of in memory)


def small_ones() -> Iterator[Sentence]:
    """Give the time of tableaus and of the import."""
    tableaus, imports = benchmark("bench_tableaus"), benchmark("bench_import")
    rounds = tableaus["rounds"]
    quiet = [all(part["foreign_cores"] <= QUIET_CORES for part in of.values()) for of in rounds]
    build, propagate = (np.median([of[key]["seconds"] for of in rounds]) for key in ("build", "propagate"))
    yield (
        "{:,} tableaus: {:.2f} s ({:.2f} s building, {:.2f} s propagation; {} of {} rounds quiet)",
        *(tableaus["task"]["tableaus"], tableaus["median_seconds"], build, propagate, sum(quiet), len(quiet)),
    )
    median, foreign = imports["median_seconds"], np.array(imports["foreign_cores"])
    yield (
        "`import ersde_theory`: {:.2f} s, NumPy alone {:.2f} s (median of {} rounds, {} of them quiet)",
        *(median["ersde_theory"], median["numpy"], foreign.size, int((foreign <= QUIET_CORES).sum())),
    )


def drop_ins_seconds() -> Iterator[Sentence]:
    """Give the seconds of the drop-ins, with one thread and with two."""
    runs = [benchmark(f"bench_dropins_{n}") for n in (1, 2)]
    quiet = [
        int(
            (np.array([[r["foreign_cores"] for r in of] for of in run["repeats"].values()]).max(0) <= QUIET_CORES).sum()
        )
        for run in runs
    ]
    rounds = len(runs[0]["repeats"]["copy alone"])
    yield "{} of {} rounds quiet with one thread, {} of {} with two", quiet[0], rounds, quiet[1], rounds
    of_two = {row["party"]: row for row in runs[1]["rows"]}
    missed = [row["ratio"] - row["goal"] for row in of_two.values() if row.get("verdict") == "missed"]
    yield (
        "beside drawing alone ({:.3f}) is about what one sweep through memory takes: missed by {:.3f} to {:.3f}",
        *(of_two["noise alone"]["ratio"], min(missed), max(missed)),
    )
    rows = [{row["party"]: row["microseconds_a_step"] for row in run["rows"]} for run in runs]
    yield (
        "Seconds, for one and two threads: {:.0f} and {:.0f} µs a step for 2M, {:.0f} and {:.0f} µs for `adams`-3; "
        "a copy of the latents takes {:.0f} and {:.0f} µs.",
        *(of[party] for party in ("dpm++ 2M", "scheduler adams-3, ode", "copy alone") for of in rows),
    )


def loop() -> Iterator[Sentence]:
    """Give the table of the loop on torch."""
    found, counts, above = benchmark("bench_torch_loop"), [], []
    for state, measured in found["results"].items():
        rounds = measured["rounds"]
        counts.append(sum(of["watch"]["foreign_cores"] <= QUIET_CORES for of in rounds))
        key = "seconds_and_processor_seconds_per_update"
        taken = {what: np.array([of[key][what][0] for of in rounds]) for what in rounds[0][key]}
        pure, other, noise = (
            np.quantile(taken[what] / taken["floor"], [0.5, 0.25, 0.75]) for what in list(taken) if what != "floor"
        )
        above.append(float(np.median(taken["pure denoiser"]) - np.median(taken["floor"])))
        best = "**{:.2f}**" if state.startswith(found["judged"]) else "{:.2f}"
        yield (
            f"| {state} | {{:,.0f}} | {best} ({{:.2f}}–{{:.2f}}) | {{:.2f}} ({{:.2f}}–{{:.2f}}) | {{:.1f}} |",
            *(1e6 * np.median(taken["floor"]), *pure, *other, noise[0]),
        )
    yield "takes some {:.0f} µs an update (the difference in the first line)", 1e6 * above[0]
    assert min(counts) == max(counts)
    yield "{} of {} rounds quiet for every state", counts[0], len(rounds)


def network() -> Iterator[Sentence]:
    """Give the table of sampling a network."""
    found = [benchmark(name) for name in ("bench_network", "bench_network_tiny")]
    small, tiny = (of["summary"] for of in found)
    task = found[0]["task"]
    yield (
        "({:.1f} million weights, batch {} of 3×64×64: {:.1f} GFLOP",
        task["weights"] / 1e6,
        task["shape"][0],
        task["gflop_per_evaluation"],
    )
    yield "| | small, {:.1f} GFLOP | tiny, {:.1f} GFLOP |", *(of["task"]["gflop_per_evaluation"] for of in found)
    assert small["quiet_rounds"] == tiny["quiet_rounds"]
    yield "{} of {} rounds quiet in both", small["quiet_rounds"], len(found[0]["rounds"])
    words = {"noise": "with noise", "no noise": "without noise"}
    for kind, said in words.items():
        key = f"share of seconds outside the network, ER-SDE, {kind}"
        yield (
            f"| seconds outside the network, ER-SDE {said} "
            "| {:.2f} % ({:.2f}–{:.2f}) | {:.1f} % ({:.1f}–{:.1f}) |",
            *(100.0 * of[key][edge] for of in (small, tiny) for edge in ("median", "low", "high")),
        )
    schedulers = {
        "DDIM": "DDIMScheduler",
        "DPM-Solver++": "DPMSolverMultistepScheduler",
        "ancestral Euler": "EulerAncestralDiscreteScheduler",
    }
    shares = [
        [100.0 * of[f"share of seconds outside the network, {s}"]["median"] for s in schedulers.values()]
        for of in (small, tiny)
    ]
    yield (
        "| the same of diffusers' schedulers | {:.2f} to {:.2f} % | {:.1f} to {:.1f} % |",
        *(edge for share in shares for edge in (min(share), max(share))),
    )
    for name, scheduler in schedulers.items():
        for kind, said in words.items():
            yield (
                f"| {name}'s{' seconds' if name == 'DDIM' else ''} ÷ ER-SDE's {said} | "
                + " | ".join(["{:.2f} ({:.2f}–{:.2f})"] * 2),
                *(
                    of[f"{scheduler} ÷ ER-SDE, {kind}"][edge]
                    for of in (small, tiny)
                    for edge in ("median", "low", "high")
                ),
            )
    yield (
        "is at most {:.1f} % of the time, noise of a seed included",
        100.0 * small["share of seconds outside the network, ER-SDE, noise"]["median"],
    )


def drop_ins() -> Iterator[tuple[str, float]]:
    """Give the entries of the table of the drop-ins: ratio, range, verdict."""
    runs = [{row["party"]: row for row in benchmark(f"bench_dropins_{n}")["rows"]} for n in (1, 2)]
    for party, *_, one, two in table(README, "| party | of | goal | one thread"):
        name = party.replace("`", "").replace("φ = exp_power", "exp_power").replace("φ = x", "ode")
        for entry, row in zip((one, two), (run[name] for run in runs), strict=True):
            numbers = re.fullmatch(r"(\S+) \((\S+)–(\S+)\)(?:: (\w+))?", entry)
            assert numbers is not None, entry
            assert numbers[4] == row.get("verdict"), entry
            yield from zip(numbers.groups()[:3], [row["ratio"], *row["range"]], strict=True)


PAGES: dict[str, Page] = {README: readme}
TABLES: dict[str, Table] = {README: drop_ins}
