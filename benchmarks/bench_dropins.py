"""Seconds of one step of the drop-ins, network excluded, against diffusers' own multistep scheduler.

Everybody steps the same float32 latents of shape (4, 4, 128, 128) with the same fixed network output, 20 steps a run.
All parties live in one process and are timed in turns; a ratio is taken within a round.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import _harness as harness
import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler

from ersde_theory.integrations.diffusers import ERSDEScheduler
from ersde_theory.integrations.k_diffusion import sample_er_sde

SHAPE = (4, 4, 128, 128)
STEPS = 20
LEAST_SECONDS = 0.25  # of a repeat: in less the clock of the machine does not tell how busy others were
PARTIES = {  # name: what it is compared with, and the goal for the ratio
    "dpm++ 2M": (None, None),
    "sde-dpm++ 2M": (None, None),
    "scheduler adams-3, ode": ("dpm++ 2M", 0.2),
    "scheduler published-3, ode": ("dpm++ 2M", 0.2),
    "scheduler best, ode": ("dpm++ 2M", None),
    "scheduler adams-3, exp_power": ("sde-dpm++ 2M", 0.65),
    "scheduler best, exp_power": ("sde-dpm++ 2M", 0.65),
    "function adams-3, ode": ("dpm++ 2M", 0.2),
    "function adams-3, exp_power": ("sde-dpm++ 2M", 0.65),
    "noise alone": ("sde-dpm++ 2M", None),
    "copy alone": ("dpm++ 2M", None),
}


def stepping(scheduler: Any) -> Callable[[], None]:
    """Return a run of a scheduler; choosing the grid is part of it."""
    x, output = torch.randn(SHAPE), torch.randn(SHAPE)
    generator = torch.Generator().manual_seed(0)

    def run() -> None:
        state = x
        scheduler.set_timesteps(STEPS)
        for t in scheduler.timesteps:
            state = scheduler.step(output, t, state, generator=generator, return_dict=False)[0]

    return run


def function(noise_scale: str) -> Callable[[], None]:
    """Return a run of the k-diffusion function with a model that costs nothing."""
    x, output = torch.randn(SHAPE), torch.randn(SHAPE)
    sigmas = torch.cat([torch.linspace(10.0, 0.1, STEPS), torch.zeros(1)])

    def run() -> None:
        sample_er_sde(lambda *_: output, x, sigmas, disable=True, scheme="adams", noise_scale=noise_scale)

    return run


def parties() -> dict[str, Callable[[], None]]:
    """Return what is timed."""
    x, generator = torch.randn(SHAPE), torch.Generator().manual_seed(0)
    runs: dict[str, Callable[[], None]] = {
        "dpm++ 2M": stepping(DPMSolverMultistepScheduler()),
        "sde-dpm++ 2M": stepping(DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++")),
        "noise alone": lambda: [x.normal_(generator=generator) for _ in range(STEPS)] and None,
        "copy alone": lambda: [x.clone() for _ in range(STEPS)] and None,
    }
    for noise_scale in ("ode", "exp_power"):
        runs[f"function adams-3, {noise_scale}"] = function(noise_scale)
        for label, scheme in (("adams-3", "adams"), ("published-3", "published"), ("best", "best")):
            name = f"scheduler {label}, {noise_scale}"
            if name in PARTIES:
                runs[name] = stepping(ERSDEScheduler(scheme=scheme, noise_scale=noise_scale))
    return {name: runs[name] for name in PARTIES}


def counts(runs: dict[str, Callable[[], None]]) -> dict[str, int]:
    """Return how many runs of every party make a repeat, after a few to warm up."""
    found = {}
    for name, run in runs.items():
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
        found[name] = math.ceil(LEAST_SECONDS / min(seconds))
    return found


def timed(
    runs: dict[str, Callable[[], None]], count: dict[str, int], rounds: int, patience: float
) -> dict[str, list[harness.Repeat]]:
    """Return the repeats of every party, in turns."""
    repeats: dict[str, list[harness.Repeat]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        harness.wait_for_quiet(patience)
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            with harness.Watch() as watch:
                for _ in range(count[name]):
                    runs[name]()
            repeats[name].append(watch.repeat)
    return repeats


def table(repeats: dict[str, list[harness.Repeat]], count: dict[str, int]) -> list[dict[str, Any]]:
    """Return one row for each party: microseconds a step, the ratio and whether the goal is met."""
    seconds = {name: np.array([r.seconds for r in of]) / (STEPS * count[name]) for name, of in repeats.items()}
    foreign = np.array([[repeat.foreign_cores for repeat in of] for of in repeats.values()]).max(axis=0)
    quiet = harness.quiet_rounds(repeats)
    least = np.argsort(foreign)[: max(3, len(foreign) // 3)]  # the rounds that others disturbed least
    used = quiet if quiet.sum() >= harness.FEWEST_QUIET_ROUNDS else np.isin(np.arange(len(foreign)), least)
    rows = []
    for name, (peer, goal) in PARTIES.items():
        row: dict[str, Any] = {"party": name, "microseconds_a_step": float(np.median(seconds[name][used]) * 1e6)}
        if peer is not None:
            ratios = seconds[name][used] / seconds[peer][used]
            row |= {"peer": peer, "ratio": float(np.median(ratios)), "range": [ratios.min(), ratios.max()]}
        if goal is not None:
            verdict = harness.verdict(ratios[quiet[used]], goal, at_least=False)
            row |= {"goal": goal, "verdict": verdict, "median_meets_goal": bool(np.median(ratios) <= goal)}
        rows.append(row)
    return rows


def main() -> int:
    """Run the benchmark."""
    parser = harness.script_parser(__doc__ or "", rounds=15)
    parser.add_argument("--threads", type=int, default=2, help="of torch, for every party")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    harness.limit_cores(options.threads)
    torch.set_grad_enabled(False)
    torch.set_num_threads(options.threads)
    environment = harness.environment(options.threads)
    runs = parties()
    count = counts(runs)
    repeats = timed(runs, count, options.rounds, options.patience)
    rows = table(repeats, count)
    print(f"{int(harness.quiet_rounds(repeats).sum())} of {options.rounds} rounds quiet; microseconds a step, ratios")
    for row in rows:
        text = f"{row['party']:<30}{row['microseconds_a_step']:>9.1f}"
        if "ratio" in row:
            low, high = row["range"]
            text += f"   {row['ratio']:.3f} ({low:.3f}-{high:.3f}) of {row['peer']}"
        if "goal" in row:
            text += f"   goal {row['goal']}: {row['verdict']}"
        print(text)
    document = {
        "environment": environment,
        "shape": SHAPE,
        "steps": STEPS,
        "runs": count,
        "rows": rows,
        "repeats": {name: [vars(repeat) for repeat in of] for name, of in repeats.items()},
    }
    harness.write_json(options.json, document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
