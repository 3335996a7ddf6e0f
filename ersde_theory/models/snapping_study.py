r"""How much of a sampler's error is the map from level to timestep: ``python -m ersde_theory.models.snapping_study``.

A perfect epsilon network of VP linear with 1000 timesteps, on the law fitted to the digits, is told the level in three
ways: a real timestep from our cubic map, one from straight lines in ln(level), and the nearest whole one. Its ODE is
solved ever finer; where the error no longer falls, it is the map's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console

from analytic import GaussianMixture
from analytic.data import digits_mixture
from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.models import DiscreteLevels, Level, NetworkDenoiser, snapping_error
from ersde_theory.progress import progress_bar
from ersde_theory.records import LabelledArray, Record

TIMESTEPS = 1000
STEPS = (10, 20, 40, 80, 160, 320, 640)
LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 80.0)
RANGE = (80.0, 0.02)
FINER = 2


def study(
    samples: int = 64, seed: int = 0, steps: tuple[int, ...] = STEPS, advance: Callable[[float], None] = lambda _: None
) -> Record:
    """Return errors of the three maps, one evaluation at a time and over a whole run.

    Parameters
    ----------
    samples : int
        Paths, and data for the errors of one evaluation.
    seed : int
        Of both.
    steps : tuple of int
        Numbers of steps; the reference takes twice the last.
    advance : callable
        Called with the share that is done.

    Returns
    -------
    Record

    Examples
    --------
    >>> study(samples=2, steps=(5, 10))["map"].tolist()
    ['exact', 'cubic', 'straight', 'nearest']
    """
    began = time.perf_counter()
    law, process = digits_mixture(), ForwardProcess.vp_linear()
    # timestep k is at time (k + 1) / T, as DDPM counts
    times = (np.arange(TIMESTEPS) + 1.0) / TIMESTEPS
    levels = DiscreteLevels(process.alpha(times) ** 2)
    network = _PerfectNetwork(law, process)
    maps: dict[str, Any] = {
        "cubic": levels,
        "straight": _StraightLevels(levels),
        "nearest": DiscreteLevels(levels.alphas_cumprod, snap=True),
    }
    denoisers = {k: NetworkDenoiser(network, "epsilon", m, shape=(law.dim,), name=k) for k, m in maps.items()}
    data = torch.as_tensor(law.sample(samples, seed=seed))
    found = snapping_error(denoisers["cubic"], data, LEVELS, seed=seed)
    start = torch.as_tensor(law.sample(samples, noise_level=RANGE[0], seed=seed))

    def end(denoise: Any, n_steps: int) -> Any:
        tab = schemes.exponential_adams(TimeGrid.karras(n_steps, *RANGE), NoiseScale.ode(), order=3, start="graded")
        return sample(tab, denoise, start)

    reference = end(law.denoise, FINER * steps[-1])
    ways = {"exact": law.denoise, **denoisers}
    error = np.empty((len(ways), len(steps)))
    for i, j in np.ndindex(error.shape):
        error[i, j] = float(((end(list(ways.values())[i], steps[j]) - reference) ** 2).mean()) ** 0.5
        advance((i + sum(steps[: j + 1]) / sum(steps)) / len(ways))
    return Record(
        "snapping",
        {"samples": samples, "seed": seed, "timesteps": TIMESTEPS, "law": "digits_mixture", "scheme": "Adams-3, ode"},
        {
            "noise_level": LabelledArray(("noise_level",), found.noise_level),
            "level_shift": LabelledArray(("noise_level",), found.level_shift),
            "difference": LabelledArray(("noise_level",), found.difference[:, 0]),
            "difference_error": LabelledArray(("noise_level",), found.difference[:, 1]),
            "map": LabelledArray(("map",), np.array(list(ways))),
            "steps": LabelledArray(("steps",), np.array(steps)),
            "error": LabelledArray(("map", "steps"), error),
        },
        seconds=time.perf_counter() - began,
    )


class _PerfectNetwork:
    """The noise that the law predicts, at any real timestep, by the closed form of its schedule."""

    def __init__(self, law: GaussianMixture, process: ForwardProcess) -> None:
        self.law, self.process = law, process

    def __call__(self, x: Any, told: Any) -> Any:
        time_told = (float(told[0]) + 1.0) / TIMESTEPS
        alpha, sigma = float(self.process.alpha(time_told)), float(self.process.sigma(time_told))
        return (x - alpha * self.law.denoise(x / alpha, sigma / alpha)) / sigma


class _StraightLevels:
    """The piecewise linear map in ln(level) that samplers use."""

    def __init__(self, levels: DiscreteLevels) -> None:
        self.known, self.noise_range = np.log(levels.known_levels), levels.noise_range

    def at(self, noise_level: float) -> Level:
        """Return alpha, sigma and the timestep."""
        total = math.hypot(1.0, noise_level)
        told = float(np.interp(math.log(noise_level), self.known, np.arange(len(self.known))))
        return Level(1.0 / total, noise_level / total, told)

    def noise_level(self, conditioning: float) -> float:
        """Return the level of a timestep."""
        return math.exp(float(np.interp(conditioning, np.arange(len(self.known)), self.known)))


def main(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    samples: Annotated[int, typer.Option(min=2, help="Paths.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of paths and data.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Few steps only, seconds.")] = False,
) -> None:
    """Measure what the map from level to timestep costs.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    samples : int
        Paths.
    seed : int
        Of paths and data.
    quick : bool
        Few steps only.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     main(Path(folder) / "snapping.json", samples=2, quick=True)  # doctest: +ELLIPSIS
    steps      ...
    """  # noqa: D301 - the form feed ends what --help shows
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("snapping", total=1.0)
        chosen = STEPS[:2] if quick else STEPS
        record = study(samples, seed, chosen, lambda share: progress.update(task, completed=share))
    record.save(json_file)
    typer.echo("steps      " + "".join(f"{n:>10}" for n in record["steps"]))
    for name, row in zip(record["map"], record["error"], strict=True):
        typer.echo(f"{name:<11}" + "".join(f"{value:10.1e}" for value in row))
    columns = (record[name] for name in ("noise_level", "level_shift", "difference"))
    for lam, shift, difference in zip(*columns, strict=True):
        typer.echo(f"level {lam:<6g} told {shift:+.4f} in ln(level), D moves by {difference:.2e} RMS per coordinate")


if __name__ == "__main__":
    typer.run(main)
