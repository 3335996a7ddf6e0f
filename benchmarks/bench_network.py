"""Sampling a network: throughput against diffusers' own loop, and the solver's share of the time.

    python benchmarks/bench_network.py [--json FILE] [--rounds 7] [--steps 8] [--size tiny|small|large] [--compiled]
    python benchmarks/bench_network.py --device cuda --size large --steps 50 --json FILE      # the report of a GPU

One randomly initialised diffusers UNet2DModel (tiny: milliseconds, so that loops show; small: >= 50 GFLOP an
evaluation; large: 85 million weights), one batch, as many evaluations for everybody: diffusers' DDIM, DPM-Solver++ and
ancestral Euler schedulers in the loop of its pipelines (network, `scheduler.step`), ER-SDE of order 3 with the noise of
a seed and without noise, and the network alone. Parties take turns within a round, in one process, as they share the
network. Exit status 1 if our loop calls the network another number of times than theirs, or its result is not finite.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import diffusers
import numpy as np
import torch
from _harness import QUIET_CORES, Watch, environment, script_parser, verdict, wait_for_quiet, write_json
from torch.utils.flop_counter import FlopCounterMode

from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory.models import DiscreteLevels, NetworkDenoiser
from ersde_theory.models.compilation import compiled

GOAL_RATIO, GOAL_SHARE, GOAL_GFLOP = 1.0, 0.02, 50.0
SIZES = {
    "tiny": {"channels": (32, 32), "side": 16, "batch": 8},
    "small": {"channels": (64, 128, 128), "side": 64, "batch": 5},
    "large": {"channels": (128, 256, 384, 512), "side": 64, "batch": 32},
}
SCHEDULERS = ("DDIMScheduler", "DPMSolverMultistepScheduler", "EulerAncestralDiscreteScheduler")
OURS = {"ER-SDE, noise": NoiseScale.exp_power(), "ER-SDE, no noise": NoiseScale.ode()}


class Counted(torch.nn.Module):
    """A network that counts its calls and the seconds inside them."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.calls, self._host, self._events = 0, np.zeros(2), []

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the network's output."""
        self.calls += 1
        if x.device.type == "cuda":
            events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            events[0].record()
            output = self.network(x, t).sample
            events[1].record()
            self._events.append(events)
            return output
        begin = np.array([time.perf_counter(), time.process_time()])
        output = self.network(x, t).sample
        self._host += np.array([time.perf_counter(), time.process_time()]) - begin
        return output

    def inside(self) -> list[float]:
        """Return seconds and processor seconds inside the calls; on a GPU, the device's seconds twice."""
        if self._events:
            torch.cuda.synchronize()
            return [sum(a.elapsed_time(b) for a, b in self._events) / 1e3] * 2
        return self._host.tolist()


def network(size: str, device: str) -> Counted:
    """Return a random network."""
    torch.manual_seed(0)
    channels = SIZES[size]["channels"]
    attention = ("AttnDownBlock2D",) if size == "large" else ("DownBlock2D",)
    blocks = ("DownBlock2D",) * (len(channels) - 1) + attention
    unet = diffusers.UNet2DModel(
        sample_size=SIZES[size]["side"],
        block_out_channels=channels,
        down_block_types=blocks,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(blocks)),
        layers_per_block=2,
    )
    return Counted(unet).eval().to(device)


def pipeline_loop(net: Counted, scheduler: Any, start: torch.Tensor, steps: int) -> Callable[[], torch.Tensor]:
    """Return the loop of diffusers' unconditional pipelines."""

    def run() -> torch.Tensor:
        scheduler.set_timesteps(steps, device=start.device)
        generator = torch.Generator("cpu").manual_seed(0)
        x = start * scheduler.init_noise_sigma
        extra = {} if isinstance(scheduler, diffusers.DDIMScheduler) else {"generator": generator}
        with torch.no_grad():
            for t in scheduler.timesteps:
                output = net(scheduler.scale_model_input(x, t), t)
                x = scheduler.step(output, t, x, **extra).prev_sample
        return x

    return run


def parties(options: Any) -> tuple[dict[str, Callable[[], torch.Tensor]], Counted, torch.Tensor]:
    """Return what is timed, the network and the start."""
    net = network(options.size, options.device)
    side = SIZES[options.size]["side"]
    start = torch.randn((SIZES[options.size]["batch"], 3, side, side)).to(options.device)
    levels = DiscreteLevels(diffusers.DDPMScheduler().alphas_cumprod.double().numpy())
    D = NetworkDenoiser(net, "epsilon", levels, shape=tuple(start.shape[1:]))
    grid = TimeGrid([*np.geomspace(*reversed(levels.noise_range), options.steps).tolist(), 0.0])
    calls: dict[str, Callable[[], torch.Tensor]] = {}
    for name in SCHEDULERS:
        calls[name] = pipeline_loop(net, getattr(diffusers, name)(), start, options.steps)
    for name, phi in OURS.items():
        tab = schemes.er_sde(grid, phi, 3)
        calls[name] = lambda tab=tab: sample(tab, D, float(grid.levels[0]) * start, 1)
    if options.compiled:
        fast, tab = compiled(D), schemes.er_sde(grid, NoiseScale.exp_power(), 3)
        calls["ER-SDE, noise, compiled"] = lambda: sample(tab, fast, float(grid.levels[0]) * start, 1)
    told = torch.full((start.shape[0],), 500.0, device=start.device)

    def alone() -> torch.Tensor:
        with torch.inference_mode():
            for _ in range(options.steps):
                output = net(start, told)
        return output

    return {"network alone": alone} | calls, net, start


def main() -> int:
    """Time all parties in turns, print the table, return the exit status."""
    options = _options()
    calls, net, start = parties(options)
    with torch.inference_mode(), FlopCounterMode(display=False) as flops:
        net(start, torch.zeros(start.shape[0], device=start.device))
    gflop = flops.get_total_flops() / 1e9
    wrong = _wrong(calls, net, options.steps)
    rounds = []
    for turn in range(options.rounds):
        wait_for_quiet(options.patience)
        order = list(calls)[turn % len(calls) :] + list(calls)[: turn % len(calls)]
        repeats = {}
        for name in order:
            net.reset()
            with Watch() as watch:
                _finished(calls[name], options.device)
            repeats[name] = asdict(watch.repeat) | {"inside_network": net.inside()}
        rounds.append({name: repeats[name] for name in calls})
    weights = sum(p.numel() for p in net.parameters())
    summary = _summary(rounds, gflop)
    print(f"{weights / 1e6:.1f} million weights, {gflop:.1f} GFLOP an evaluation, {options.steps} evaluations")
    _print(rounds, summary)
    task = {"size": options.size, "shape": list(start.shape), "steps": options.steps, "weights": weights}
    document = {
        "name": "bench_network",
        "task": task | {"gflop_per_evaluation": gflop},
        "environment": environment(torch.get_num_threads()) | {"device": _device_name(options.device)},
        "goals": {"ratio": GOAL_RATIO, "share": GOAL_SHARE, "gflop": GOAL_GFLOP},
        "rounds": rounds,
        "summary": summary,
        "wrong": wrong,
    }
    write_json(options.json, document)
    if wrong:
        print("WRONG: " + "; ".join(wrong))
    return 1 if wrong else 0


def _options() -> Any:
    parser = script_parser(__doc__, rounds=7)
    parser.add_argument("--device", default="cpu", help="where network and states lie (default: cpu)")
    parser.add_argument("--size", default="small", choices=SIZES, help="of network and batch")
    parser.add_argument("--steps", type=int, default=8, help="evaluations of a run")
    parser.add_argument("--compiled", action="store_true", help="time the network through torch.compile as well")
    return parser.parse_args()


def _wrong(calls: dict[str, Callable[[], torch.Tensor]], net: Counted, steps: int) -> list[str]:
    """Run everybody once, which also compiles, and return what is wrong."""
    found = []
    for name, call in calls.items():
        net.reset()
        finite = bool(torch.isfinite(call()).all())
        if name in OURS and not finite:
            found.append(f"{name}: a result that is not finite")
        if not name.endswith("compiled") and net.calls != steps:
            found.append(f"{name}: {net.calls} calls of the network, not {steps}")
    return found


def _finished(call: Callable[[], Any], device: str) -> None:
    """Call, and wait for the device."""
    call()
    if device != "cpu":
        torch.cuda.synchronize()


@dataclasses.dataclass(frozen=True)
class _Numbers:
    """Median and quartiles."""

    median: float
    low: float
    high: float


def _summary(rounds: list[dict[str, Any]], gflop: float) -> dict[str, Any]:
    """Return the ratios to every scheduler and the solver's share, with verdicts from quiet rounds."""
    quiet = np.array([all(p["foreign_cores"] <= QUIET_CORES for p in r.values()) for r in rounds])
    of = {name: np.array([r[name]["seconds"] for r in rounds]) for name in rounds[0]}
    result: dict[str, Any] = {"quiet_rounds": int(quiet.sum())}
    for ours in (name for name in of if name.startswith("ER-SDE")):
        for theirs in SCHEDULERS:
            ratio = of[theirs] / of[ours]
            found = verdict(ratio[quiet], GOAL_RATIO, at_least=True)
            result[f"{theirs} ÷ {ours}"] = asdict(_numbers(ratio)) | {"verdict": found}
            processor = np.array([r[theirs]["processor_seconds"] / r[ours]["processor_seconds"] for r in rounds])
            result[f"{theirs} ÷ {ours}, processor seconds"] = asdict(_numbers(processor))
    for name in (*OURS, *SCHEDULERS):
        for what, place in (("seconds", 0), ("processor_seconds", 1)):
            share = np.array([1.0 - r[name]["inside_network"][place] / r[name][what] for r in rounds])
            entry = asdict(_numbers(share))
            if name in OURS and gflop >= GOAL_GFLOP:
                entry["verdict"] = verdict(share[quiet], GOAL_SHARE, at_least=False)
            result[f"share of {what} outside the network, {name}"] = entry
    return result


def _numbers(values: np.ndarray) -> _Numbers:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return _Numbers(float(median), float(low), float(high))


def _print(rounds: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    for name in rounds[0]:
        seconds = [r[name]["seconds"] for r in rounds]
        processor = np.median([r[name]["processor_seconds"] for r in rounds])
        print(f"{name:34} median {np.median(seconds):7.3f} s  least {min(seconds):7.3f}  processor {processor:7.3f} s")
    print(f"{summary['quiet_rounds']} of {len(rounds)} rounds quiet")
    for name, entry in summary.items():
        if isinstance(entry, dict):
            spread = f"{entry['median']:8.4f} ({entry['low']:.4f}–{entry['high']:.4f})"
            print(f"{name:82} {spread}  {entry.get('verdict', '')}")


def _device_name(device: str) -> str:
    return "cpu" if device == "cpu" else torch.cuda.get_device_name()


if __name__ == "__main__":
    sys.exit(main())
