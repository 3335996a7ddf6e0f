"""The command that makes the figures: ``python -m paper_figures`` and ``ersde figures``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar
from paper_figures.registry import Settings, figure
from paper_figures.registry import names as all_names


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which ones; all if none is named.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer steps; leaves out figures made by claims unless named."),
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("figures"),
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Of everything random.")] = 0,
    list_only: Annotated[bool, typer.Option("--list", help="List the figures and stop.")] = False,
) -> None:
    """Make the figures: PDF, SVG, PNG, and the numbers as JSON.

    \f

    Parameters
    ----------
    names : list of str, optional
        Of figures.
    quick : bool
        Fewer steps.
    out : Path
        Folder.
    seed : int
        Of everything random.
    list_only : bool
        Only list them.

    Raises
    ------
    BadParameter
        If a name is unknown.
    Exit
        With status 1 if a file cannot be written or a figure fails, 130 if interrupted.

    Examples
    --------
    >>> figures(list_only=True)  # doctest: +ELLIPSIS
    fei             FEI and injected noise along the grid...
    """  # noqa: D301 - the form feed ends what --help shows
    try:
        chosen = list(dict.fromkeys(figure(name).name for name in names or all_names()))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if quick and not names:
        chosen = [name for name in chosen if not figure(name).from_claim]
    if list_only:
        width = max(len(name) for name in all_names()) + 2
        for name in chosen:
            typer.echo(f"{name:<{width}}{figure(name).title}")
        return
    failed = _make(chosen, Settings(quick=quick, seed=seed), out)
    if failed:
        raise typer.Exit(1)


def _make(chosen: list[str], settings: Settings, out: Path) -> bool:
    """Make figures one by one and say what was written; return whether one failed."""
    from paper_figures.output import writable_folder, write

    try:
        writable_folder(out)
    except OSError as error:
        _say_and_exit(f"--out: expected a folder that can be written, got {out} ({error.strerror})", 1)
    failed = False
    done: list[str] = []
    try:
        with progress_bar(Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(chosen))
            for name in chosen:
                progress.update(task, description=name)
                try:
                    paths = write(figure(name).compute(settings), out)
                except OSError as error:
                    _say_and_exit(f"{name}: could not be written to {out} ({error.strerror})", 1)
                except Exception as error:
                    typer.echo(f"error: {name}: {type(error).__name__}: {error}", err=True)
                    failed = True
                else:
                    done.append(name)
                    typer.echo(" ".join(str(path) for path in paths))
                progress.advance(task)
    except KeyboardInterrupt:
        _say_and_exit(f"interrupted; finished: {', '.join(done) or 'none'}", 130)
    return failed


def _say_and_exit(message: str, status: int) -> None:
    """Print one line to the standard error stream and end with a status."""
    sys.stdout.flush()
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(status)
