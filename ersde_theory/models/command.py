"""``ersde train-digits``: train the networks that ship with the project, or go on with a run that was interrupted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar

if TYPE_CHECKING:
    from ersde_theory.records import Record

_INTERRUPTED = 130


def train_digits(
    kind: Annotated[str, typer.Option(metavar="KIND", help="edm, flow or classifier.")] = "edm",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where checkpoint, weights and loss curve go. [default: report/digits-KIND]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the optimiser. [default: what the shipped network had]")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Of everything random.")] = 0,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Of the CPU; the last bits depend on it.")] = 1,
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1 …")] = "cpu",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the loss curve there, as a Record.")
    ] = None,
) -> None:
    """Train a network on the handwritten digits.

    A run that was stopped, however, goes on where its last checkpoint was if the same command is given again, and ends
    with the same bytes. Exit status 0 when it is trained, 1 if something could not be written or the loss is not
    finite, 2 for a wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    kind : str
        Which network.
    out : Path, optional
        Folder of the run.
    steps : int, optional
        Of the optimiser.
    seed : int
        Of everything random.
    threads : int
        Of the CPU.
    device : str
        As torch names it.
    json_file : Path, optional
        Of the Record.

    Raises
    ------
    BadParameter
        If an argument is wrong, or the folder holds another run.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    # Read when torch is loaded: threads that wait should sleep, or other programs slow training down tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        from ersde_theory.models.training import default_steps, train
    except ImportError as error:
        _fail(f"training needs torch and safetensors: pip install 'ersde-theory[torch]' ({error})")
    folder = Path("report") / f"digits-{kind}" if out is None else out
    done = 0
    try:
        total = default_steps(kind) if steps is None else steps
        with progress_bar(Console(stderr=True)) as progress:
            bar = progress.add_task(f"digits, {kind}", total=total)

            def advance(step: int) -> None:
                nonlocal done
                done = step
                progress.update(bar, completed=step)

            record = train(kind, folder, steps=total, seed=seed, threads=threads, device=device, advance=advance)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    except FloatingPointError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"could not write to {error.filename or folder} ({error.strerror}); the same command goes on from there")
    except KeyboardInterrupt:
        typer.echo(f"interrupted after step {done}; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _write(record, kind, folder, json_file)


def _write(record: Record, kind: str, folder: Path, json_file: Path | None) -> None:
    """Write the loss curve and say what there is."""
    from ersde_theory.models.training import weights_name
    from paper_figures.output import write

    loss, spread = record["loss"][-1], record["loss_standard_error"][-1]
    steps = record.settings["steps"]
    typer.echo(f"{steps} steps in {record.seconds:.0f} s, loss at the end {loss:.4f} ± {spread:.4f}")
    try:
        pictures = write(record, folder)
        if json_file is not None:
            record.save(json_file)
    except OSError as error:
        _fail(f"could not write to {error.filename or folder} ({error.strerror or error})")
    typer.echo(f"Weights: {folder / weights_name(kind)}")
    typer.echo("Loss curve: " + str(next(p for p in pictures if p.suffix == ".png")))


def _fail(message: str) -> NoReturn:
    """Say what went wrong and stop with status 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)
