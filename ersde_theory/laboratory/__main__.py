"""The studies behind the committed records: ``python -m ersde_theory.laboratory STUDY --json FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from ersde_theory.laboratory.order_trials import TRIALS, study, twins
from ersde_theory.progress import progress_bar

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def common() -> None:
    """Run a study and store its Record."""


@app.command(name="trials")
def run_trials(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    trials: Annotated[int, typer.Option(min=1, help="Number of random trials.")] = TRIALS,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    r"""Run random trials and broken twins, and count the verdicts that are wrong.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    trials : int
        Number of random trials.
    workers : int
        Processes.

    Raises
    ------
    Exit
        With status 1 if a verdict is wrong, more than 5 % are undecided, or a twin is missed.
    """
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("trials", total=trials + len(twins()))
        record = study(trials, workers, lambda: progress.advance(task))
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


if __name__ == "__main__":
    app()
