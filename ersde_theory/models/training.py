"""Training of the digits networks: the same seed gives the same bytes, however often the run was killed.

Everything random of step k comes from the counter stream (seed, k), so the state is the tensors and the number of
steps done. The number of threads is a setting too: sums depend on how they are split.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ersde_theory import _checks
from ersde_theory.models._checkpoint import flat_state, part, read_tensors, restore_state, write_tensors
from ersde_theory.models._digits_tasks import Task, task
from ersde_theory.random_numbers import checked_seed
from ersde_theory.records import LabelledArray, Record

CHECKPOINT = "checkpoint.safetensors"
_WARM_UP = 200  # steps
_AVERAGE = 0.998  # decay of the moving average of the weights, once it is warm
_BETAS = (0.9, 0.99)
_WINDOWS = 100  # of the loss curve


@dataclass
class _Run:
    """A training run after `step` steps."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    losses: Tensor
    step: int = 0
    seconds: float = 0.0


def train(
    kind: str,
    folder: str | Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    batch: int = 128,
    threads: int = 1,
    device: str = "cpu",
    save_every: int = 200,
    advance: Callable[[int], None] | None = None,
) -> Record:
    """Train a digits network, or go on with the run that a folder holds.

    Writes ``checkpoint.safetensors`` as it goes and ``digits-KIND.safetensors`` at the end.

    Parameters
    ----------
    kind : {"edm", "flow", "classifier"}
        Which network.
    folder : str or Path
        Made if it is not there.
    steps : int, optional
        Of the optimiser; 5000 for the denoisers and 3000 for the classifier if left out.
    seed : int
        Of start weights, data order and noise.
    batch : int
        Images a step.
    threads : int
        Of the CPU.
    device : str
        As torch names it: cpu, cuda, cuda:1 …
    save_every : int
        Steps between checkpoints; no result depends on it.
    advance : callable, optional
        Told the number of steps done.

    Returns
    -------
    Record
        The loss curve.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, the device is not there, or the folder holds a run with other settings.
    OSError
        If the folder cannot be written. The last checkpoint stays whole.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = train("classifier", folder, steps=2, batch=4)
    >>> record["step"].tolist()
    [1, 2]
    """
    chosen = task(kind, _checks.integer(batch, "batch", minimum=2))
    total = _checks.integer(chosen.default_steps if steps is None else steps, "steps", minimum=1)
    save_every = _checks.integer(save_every, "save_every", minimum=1)
    workers = _checks.integer(threads, "threads", minimum=1)
    settings = _settings(chosen, total, checked_seed(seed)) | {"threads": workers}
    place, home = _device(device), Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    for leftover in home.glob(f".{CHECKPOINT}.*"):  # of a run that was killed while it wrote
        leftover.unlink()
    with _repeatable(workers):
        run = _start(chosen, settings, place)
        _resume(run, home / CHECKPOINT, settings)
        _loop(run, chosen, settings, place, home / CHECKPOINT, save_every, advance)
    write_tensors(home / weights_name(kind), run.average.state_dict(), settings)
    return _record(run, settings, place)


def default_steps(kind: str) -> int:
    """Return how many steps a network is trained for if nothing is said.

    Parameters
    ----------
    kind : {"edm", "flow", "classifier"}
        Which network.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> default_steps("classifier")
    3000
    """
    return task(kind).default_steps


def weights_name(kind: str) -> str:
    """Return the name of the file of a network's weights.

    Parameters
    ----------
    kind : {"edm", "flow", "classifier"}
        Which network.

    Returns
    -------
    str

    Examples
    --------
    >>> weights_name("edm")
    'digits-edm.safetensors'
    """
    return f"digits-{kind}.safetensors"


def _settings(chosen: Task, steps: int, seed: int) -> dict[str, Any]:
    """Return everything that the result depends on but the machine."""
    return {
        **chosen.settings,
        "steps": steps,
        "seed": seed,
        "learning_rate": chosen.learning_rate,
        "betas": list(_BETAS),
        "warm_up": _WARM_UP,
        "average": _AVERAGE,
    }


def _device(name: str) -> torch.device:
    """Return a device that is there."""
    try:
        place = torch.device(name)
        if place.type == "cuda":  # without it there are no repeatable matrix products
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        msg = f"device: expected one that torch can use here, such as cpu, got {name!r} ({reason})"
        raise ValueError(msg) from None
    return place


@contextlib.contextmanager
def _repeatable(threads: int) -> Iterator[None]:
    """Run with a fixed number of threads and with repeatable algorithms."""
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)


def _start(chosen: Task, settings: dict[str, Any], place: torch.device) -> _Run:
    """Return the run before its first step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings["seed"])
        network = chosen.build().to(place)
    optimiser = torch.optim.Adam(network.parameters(), lr=chosen.learning_rate, betas=_BETAS, foreach=True)
    return _Run(network, copy.deepcopy(network), optimiser, torch.zeros(settings["steps"]))


def _resume(run: _Run, path: Path, settings: dict[str, Any]) -> None:
    """Go to where a checkpoint stands, if there is one; it must belong to the same settings."""
    if not path.exists():
        return
    state, description = read_tensors(path)
    if "step" not in description:
        msg = f"{path}: expected the checkpoint of a run, got the weights of one; choose another folder"
        raise ValueError(msg)
    known = description["settings"]
    names = [name for name in {**known, **settings} if known.get(name) != settings.get(name)]
    if names:
        expected, got = ({name: source.get(name) for name in names} for source in (known, settings))
        msg = f"{path}: expected the settings of the run that it holds, {expected}, got {got}; choose another folder"
        raise ValueError(msg)
    restore_state(state, run.network, run.average, run.optimiser)
    run.losses = part(state, "curve")["losses"]
    run.step, run.seconds = description["step"], description["seconds"]


def _loop(
    run: _Run,
    chosen: Task,
    settings: dict[str, Any],
    place: torch.device,
    path: Path,
    save_every: int,
    advance: Callable[[int], None] | None,
) -> None:
    """Take the steps that are left, with a checkpoint now and then."""
    begin = time.perf_counter() - run.seconds
    parameters, averaged = list(run.network.parameters()), list(run.average.parameters())
    while run.step < settings["steps"]:
        for group in run.optimiser.param_groups:
            group["lr"] = chosen.learning_rate * _schedule(run.step, settings["steps"])
        loss = chosen.loss(run.network, settings["seed"], run.step, place)
        run.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        run.optimiser.step()
        decay = min(_AVERAGE, (1 + run.step) / (10 + run.step))
        with torch.no_grad():
            for kept, new in zip(averaged, parameters, strict=True):
                kept.lerp_(new, 1.0 - decay)
        run.losses[run.step] = float(loss.detach())
        run.step += 1
        if not math.isfinite(run.losses[run.step - 1]):
            msg = f"loss: expected a finite number, got {float(loss.detach())} at step {run.step}"
            raise FloatingPointError(msg)
        run.seconds = time.perf_counter() - begin
        if run.step % save_every == 0 or run.step == settings["steps"]:
            state = flat_state(run.network, run.average, run.optimiser) | {"curve.losses": run.losses}
            write_tensors(path, state, {"settings": settings, "step": run.step, "seconds": run.seconds})
        if advance is not None:
            advance(run.step)


def _schedule(step: int, steps: int) -> float:
    """Return the learning rate relative to its peak: a linear start, then half a cosine to 0."""
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def _record(run: _Run, settings: dict[str, Any], place: torch.device) -> Record:
    """Return the loss curve: means over windows, with standard errors."""
    windows = np.array_split(run.losses.double().numpy(), min(_WINDOWS, settings["steps"]))
    ends = np.cumsum([len(window) for window in windows])
    spread = [np.std(w, ddof=1) / math.sqrt(len(w)) if len(w) > 1 else math.nan for w in windows]
    arrays = {
        "step": LabelledArray(("step",), ends),
        "loss": LabelledArray(("step",), np.array([window.mean() for window in windows])),
        "loss_standard_error": LabelledArray(("step",), np.array(spread)),
    }
    parameters = sum(p.numel() for p in run.average.parameters())
    shown = {**settings, "device": place.type, "parameters": parameters}
    return Record("digits-training", shown, arrays, seconds=run.seconds)
