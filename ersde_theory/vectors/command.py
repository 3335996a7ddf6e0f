"""``ersde vectors``: write the conformance vectors, or check files of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_INTERRUPTED = 130


def vectors(
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the files there.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Check the files there against what this machine computes.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="With --out: all noise scale functions at 50 steps too, 2 MB more.")
    ] = False,
) -> None:
    """Write certified coefficients of the schemes as JSON, or check files: coefficients bit for bit.

    Either takes about a minute. The last column is the largest relative error of this package's own coefficients,
    which are computed in float64 by other means. Exit status 0 if files were written or all agree, 1 if not, 2 for a
    wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    out, check : Path, optional
        Folders; one of them.
    every : bool
        All noise scale functions at every number of steps.

    Raises
    ------
    BadParameter
        If not exactly one folder is given, or the one to be checked has no files.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    if (out is None) == (check is None):
        message = "expected one of --out DIR and --check DIR"
        raise typer.BadParameter(message)
    if out is not None and out.exists() and not out.is_dir():
        message = f"--out: expected a folder, got {out}, which is none"
        raise typer.BadParameter(message)
    try:
        _check_flint()
        status = _write(out, every=every) if out is not None else _check(check or Path())
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except (OSError, ValueError, ImportError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(status)


def _check_flint() -> None:
    """Raise if the library of ball arithmetic is not installed."""
    if importlib.util.find_spec("flint") is None:
        msg = "expected python-flint (pip install 'ersde-theory[vectors]'), got an environment without it"
        raise ImportError(msg)


def _write(folder: Path, *, every: bool) -> int:
    """Write all files and return the exit status."""
    from ersde_theory.vectors.files import document, dump, file_names

    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str) -> bool:
        content = document(name, every=every)
        (folder / name).write_text(dump(content), encoding="utf-8")
        _report(name, content)
        return True

    _over(file_names(), write)
    return 0


def _check(folder: Path) -> int:
    """Check the files of a folder and return the exit status."""
    from ersde_theory.vectors.files import differences, file_names

    names = [name for name in file_names() if (folder / name).is_file()]
    if not names:
        message = f"--check: expected a folder with files such as {file_names()[0]}, got {folder}"
        raise typer.BadParameter(message)

    def agrees(name: str) -> bool:
        found = list(differences(folder / name))
        for line in found:
            typer.echo(line)
        return not found

    good = sum(_over(names, agrees))
    typer.echo(f"{good} of {len(names)} files are what this machine computes.")
    return 0 if good == len(names) else 1


def _over(names: Sequence[str], do: Callable[[str], bool]) -> list[bool]:
    """Do something with every name, under a progress bar."""
    done = []
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("", total=float(len(names)))
        for name in names:
            progress.update(task, description=name)
            done.append(do(name))
            progress.advance(task)
    return done


def _report(name: str, content: dict[str, Any]) -> None:
    """Print a line about a file: tables, radius, the package's own largest error and where it is."""
    from ersde_theory.vectors.comparison import errors

    found = errors(content)
    scheme, phi = max(found, key=lambda key: found[key])
    typer.echo(
        f"{name:<26}{len(found):>4} tables, radius <= {content['relative_radius_at_most']}, "
        f"own coefficients within {found[scheme, phi]:.1e} ({scheme}, {phi})"
    )
