"""The loop's own cost per step on torch, against the floor that memory traffic sets to its update.

    python benchmarks/bench_torch_loop.py [--json FILE] [--rounds 15] [--threads 2] [--device cuda]

ER-SDE of order 3 with noise: an update reads three values of the denoiser, one array of noise and the state, and
writes the state. The denoiser costs nothing: it hands out tensors made before. The floor is a kernel that does
nothing else than stream as many arrays of the same size, on as many threads. Both take turns within a round, so a
ratio is taken from one spell of the machine. Making the noise of a seed, which is no traffic, has a line of its own.
With one thread the ratio is also taken of processor seconds, which a busy machine disturbs little. Exit status 1 if
the loop's result is wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from _harness import QUIET_CORES, Watch, environment, script_parser, verdict, wait_for_quiet, write_json
from _stream import ARRAYS, floor

from ersde_theory import NoiseScale, TimeGrid, sample, sampling, schemes
from ersde_theory._noise_source import BatchNoise, noise_source

STEPS = 40
SHAPES = {"1,024 × 1×8×8": (1024, 1, 8, 8), "64 × 3×64×64": (64, 3, 64, 64), "256 × 3×64×64": (256, 3, 64, 64)}
DTYPES = {"float32": torch.float32, "float64": torch.float64}
GOAL = 1.15
JUDGED = "256 × 3×64×64"  # where memory, and not the interpreter, is what an update waits for
TAB = schemes.er_sde(TimeGrid.karras(STEPS, 80.0, 0.02), NoiseScale.exp_power(), 3)
LEAST_SECONDS = 0.05  # of one measurement


class Handing:
    """A denoiser without cost: it hands out one of some tensors."""

    def __init__(self, values: list[torch.Tensor], *, pure: bool) -> None:
        self.values, self.pure, self.calls = values, pure, 0

    def __call__(self, *_: Any) -> torch.Tensor:
        """Return the next one."""
        self.calls += 1
        return self.values[self.calls % len(self.values)]


class Given:
    """Noise made before, without the look at every number that `sample` takes at a caller's array."""

    def __init__(self, arrays: list[torch.Tensor]) -> None:
        self.arrays = arrays

    def drawn(self, draw: int, *_: int) -> torch.Tensor:
        """Return one of the arrays."""
        return self.arrays[draw % len(self.arrays)]

    def placed(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return them."""
        return numbers


def loops(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return what is timed, and how many updates each call makes."""
    torch.manual_seed(0)
    state, *arrays = (torch.randn(shape, dtype=dtype, device=device) for _ in range(1 + 2 * ARRAYS))
    values, noise = arrays[:ARRAYS], arrays[ARRAYS:]
    plan, seed = sampling._Plan(TAB), noise_source(1, TAB, state)
    # the same arrays in the same order as the loop takes them: the caches see the same
    sets = [[*(values[(i - j) % ARRAYS] for j in range(3)), noise[i % ARRAYS]] for i in range(STEPS)]
    stream = floor(state.clone(), sets)

    def loop(*, pure: bool) -> Callable[[], None]:
        def run() -> None:
            drawn = BatchNoise(Given(noise), plan.noise, (0, shape[0]), None)
            for _ in sampling._run_rows(plan, Handing(values, pure=pure), state, drawn, 0):
                pass

        return run

    return {
        "floor": (stream, STEPS),
        "pure denoiser": (loop(pure=True), STEPS),
        "any denoiser": (loop(pure=False), STEPS),
        "noise of a seed": (lambda: seed.placed(seed.drawn(0, 0, shape[0])), 1),
    }


def main() -> int:
    """Time all sizes in turns, print the table, return the exit status."""
    parser = script_parser(__doc__, rounds=15)
    parser.add_argument("--device", default="cpu", help="where the tensors lie (default: cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch and of the floor")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    right = _is_right(options.device)
    results = {}
    for shape_name, shape in SHAPES.items():
        for dtype_name, dtype in DTYPES.items():
            name = f"{shape_name} {dtype_name}"
            results[name] = _measured(loops(shape, dtype, options.device), options)
            _print(name, results[name], judged=shape_name == JUDGED)
    print(f"result of the loop: {'right' if right else 'WRONG'}")
    document = {
        "name": "bench_torch_loop",
        "task": {"steps": STEPS, "scheme": "er_sde order 3, exp_power", "arrays_read": ARRAYS + 1},
        "environment": environment(torch.get_num_threads()) | {"device": _device_name(options.device)},
        "goal": GOAL,
        "judged": JUDGED,
        "results": results,
        "right": right,
    }
    write_json(options.json, document)
    return 0 if right else 1


def _measured(calls: dict[str, tuple[Callable[[], Any], int]], options: Any) -> dict[str, Any]:
    """Return seconds per update of every call in every round, and the rounds' foreign cores."""
    counts = {}
    for name, (call, updates) in calls.items():
        _seconds(call, 1, options.device)  # compiles
        once = min(_seconds(call, 1, options.device)[0] for _ in range(3))
        counts[name] = max(1, int(LEAST_SECONDS / once)), updates
    rounds = []
    for turn in range(options.rounds):
        wait_for_quiet(options.patience)
        order = list(calls)[turn % len(calls) :] + list(calls)[: turn % len(calls)]
        with Watch() as watch:
            taken = {n: _seconds(calls[n][0], counts[n][0], options.device) for n in order}
        each = {n: [value / counts[n][1] for value in pair] for n, pair in taken.items()}
        rounds.append({"seconds_and_processor_seconds_per_update": each, "watch": asdict(watch.repeat)})
    return {"rounds": rounds, "repeats": {n: c for n, (c, _) in counts.items()}}


def _seconds(call: Callable[[], Any], repeats: int, device: str) -> tuple[float, float]:
    """Return the seconds and the processor seconds of one call, means over some."""
    _wait(device)
    begin = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    _wait(device)
    end = time.perf_counter(), time.process_time()
    return (end[0] - begin[0]) / repeats, (end[1] - begin[1]) / repeats


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _print(name: str, measured: dict[str, Any], *, judged: bool) -> None:
    rounds = measured["rounds"]
    quiet = np.array([r["watch"]["foreign_cores"] <= QUIET_CORES for r in rounds])
    key = "seconds_and_processor_seconds_per_update"
    seconds = {n: np.array([r[key][n] for r in rounds]).T for n in rounds[0][key]}
    ratios = {n: values / seconds["floor"] for n, values in seconds.items()}
    measured["verdict"] = verdict(ratios["pure denoiser"][0][quiet], GOAL, at_least=False)
    print(f"{name}: {quiet.sum()} of {len(rounds)} rounds quiet", end="")
    print(f"; goal ≤ {GOAL}: {measured['verdict']}" if judged else "")
    for n, (wall, processor) in seconds.items():
        print(f"  {n:20} median {1e6 * np.median(wall):8.1f} µs, least {1e6 * wall.min():8.1f};", end="")
        for what, of in zip(("seconds", "processor seconds"), ratios[n], strict=True):
            low, median, high = np.quantile(of, [0.25, 0.5, 0.75])
            print(f"  {what} ÷ floor {median:6.2f} ({low:.2f}–{high:.2f})", end="")
        print(f"  processor {1e6 * np.median(processor):8.1f} µs")


def _is_right(device: str) -> bool:
    """Return whether the loop gives what the rows of the tableau say, and a weight off by a part in 1e4 is seen."""
    shape, wanted = (64, 3, 32, 32), None
    torch.manual_seed(0)
    values = [torch.randn(shape, dtype=torch.float64, device=device) for _ in range(ARRAYS)]
    start, dense = torch.randn(shape, dtype=torch.float64, device=device), TAB.dense()
    noise = torch.randn((TAB.n_draws, *shape), dtype=torch.float64, device=device)
    got = sample(TAB, Handing(values, pure=True), start, noise)
    wanted = dense.start[-1] * start
    for k, weight in enumerate(dense.data[-1]):
        wanted = wanted + float(weight) * values[(k + 1) % ARRAYS]
    for m, weight in enumerate(dense.noise[-1]):
        wanted = wanted + float(weight) * noise[m]
    off = wanted + 1e-4 * float(dense.data[-1][-1]) * values[len(dense.data[-1]) % ARRAYS]
    error, twin = (float((got - x).abs().max()) for x in (wanted, off))
    return error < 1e-12 < twin


def _device_name(device: str) -> str:
    return "cpu" if device == "cpu" else torch.cuda.get_device_name()


if __name__ == "__main__":
    sys.exit(main())
