"""The studies behind the committed records: ``python -m ersde_theory.laboratory STUDY --json FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from ersde_theory.laboratory._headline_table import headline_table
from ersde_theory.laboratory.declared import declared_table
from ersde_theory.laboratory.headline import GAIN_WANTED, OBSERVABLES_WANTED
from ersde_theory.laboratory.headline import study as headline_study
from ersde_theory.laboratory.law_distances import distances
from ersde_theory.laboratory.order_trials import TRIALS, study, twins
from ersde_theory.laboratory.timesteps import timesteps
from ersde_theory.progress import progress_bar

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def common() -> None:
    """Run a study and store its Record."""


@app.command(name="trials")
def run_trials(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    trials: Annotated[int, typer.Option(min=1, help="Number of random trials.")] = TRIALS,
    first: Annotated[int, typer.Option(min=0, help="Number of the first; no rule was made on those from 300.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    """Run random trials and broken twins, and count the verdicts that are wrong.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    trials : int
        Number of random trials.
    first : int
        Number of the first. The rules of verdicts were made on those below 300.
    workers : int
        Processes.

    Raises
    ------
    Exit
        With status 1 if a verdict is wrong, more than 5 % are undecided, or a twin is missed.
    """  # noqa: D301 - the form feed ends what --help shows
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("trials", total=trials + len(twins()))
        record = study(trials, workers, lambda: progress.advance(task), first=first)
    record.save(json_file)
    for label in ("twin", "trial"):
        for place in np.flatnonzero(record[f"{label}_outcome"] != ("wrong" if label == "twin" else "right")):
            parts = (record[f"{label}{part}"][place] for part in ("", "_scheme", "_noise_scale", "_kind", "_said"))
            typer.echo(f"{label} " + ", ".join(str(part) for part in parts))
    counts = record.settings
    typer.echo(
        ", ".join(f"{name} {counts[name]}" for name in ("trials", "wrong", "undecided", "twins", "twins_missed"))
    )
    good = counts["wrong"] == 0 and counts["twins_missed"] == 0 and counts["undecided"] <= 0.05 * trials
    raise typer.Exit(0 if good else 1)


@app.command(name="headline")
def run_headline(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
) -> None:
    """Measure the orders of the published ER-SDE-Solver-2 and -3.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    workers : int
        Processes.
    seed : int
        Of everything random.

    Raises
    ------
    Exit
        With status 1 if an order is missed or too unsure, for a scheme and noise scale fewer than 4 observables have
        weak order 2 ± 0.1, or coupled levels gain less than 50.
    """  # noqa: D301 - the form feed ends what --help shows
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("headline", total=1.0)
        record = headline_study(
            workers=workers, seed=seed, advance=lambda share: progress.update(task, completed=share)
        )
    record.save(json_file)
    typer.echo(headline_table(record))
    said = record.settings
    for missed in said["missed"]:
        typer.echo(f"missed: {missed}")
    typer.echo(
        f"{said['orders']} orders, {len(said['missed'])} missed; weak order 2 on at least {said['least_observables']} "
        f"observables; coupled levels gain at least {said['least_gain']:.3g} ({record.seconds:.0f} s)"
    )
    enough = said["least_observables"] >= OBSERVABLES_WANTED and said["least_gain"] >= GAIN_WANTED
    raise typer.Exit(0 if enough and not said["missed"] else 1)


@app.command(name="timesteps")
def run_timesteps(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    paths: Annotated[int, typer.Option(min=4, help="On the mixture; a quarter on the digits.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of the starts.")] = 0,
) -> None:
    """Hold the default to the released solver on levels uniform in the time of their process.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    paths : int
        On the mixture; a quarter on the digits.
    seed : int
        Of the starts.
    """  # noqa: D301 - the form feed ends what --help shows
    record = timesteps(paths, seed)
    record.save(json_file)
    for i, grid in enumerate(record["grid"]):
        for j, case in enumerate(record["case"]):
            if np.isfinite(record["gain"][i, j]).all():
                gains = ", ".join(f"{gain:.2f}" for gain in record["gain"][i, j])
                typer.echo(f"{grid}; {case}: gains {gains}")


@app.command(name="distances")
def run_distances(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    paths: Annotated[int, typer.Option(min=100, help="Coupled paths.")] = 50_000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
) -> None:
    """Hold the default and the released solver to three distances of laws on mixtures.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    paths : int
        Coupled paths.
    seed : int
        Of everything random.
    """  # noqa: D301 - the form feed ends what --help shows
    record = distances(paths, seed)
    record.save(json_file)
    for i, problem in enumerate(record["problem"]):
        for j, measure in enumerate(record["measure"]):
            gains = ", ".join(f"{gain:.2f}" for gain in record["gain"][i, j])
            counts = ", ".join(str(n) for n in record["evaluations"])
            typer.echo(f"{problem}, {measure}: gains {gains} at {counts} evaluations")


@app.command(name="declared")
def print_declared() -> None:
    """Print the declared orders as a Markdown table, as ``docs/laboratory.md`` has it.

    \f
    """  # noqa: D301 - the form feed ends what --help shows
    typer.echo(declared_table(), nl=False)


if __name__ == "__main__":
    app()
