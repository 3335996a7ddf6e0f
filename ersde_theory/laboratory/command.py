"""``ersde order``: measure the order of a scheme, print the ladder and the verdict, draw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar

if TYPE_CHECKING:
    from ersde_theory.laboratory._measurement import Measurement

_INTERRUPTED = 130


def order(
    scheme_name: Annotated[
        str | None, typer.Argument(metavar="[SCHEME]", help="Name of a scheme; --list shows them.")
    ] = None,
    noise_scale: Annotated[str, typer.Option(metavar="NAME", help="phi, by name: ode, exp_power, power(1.5) …")] = (
        "exp_power"
    ),
    kind: Annotated[str, typer.Option(metavar="KIND", help="ode, strong, weak, local, exact or law.")] = "exact",
    problem: Annotated[str, typer.Option(metavar="NAME", help="gaussian, overlapping, separated, mixture …")] = (
        "gaussian"
    ),
    steps: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="The ladder, each a multiple of the one before.")
    ] = None,
    target_se: Annotated[
        float | None, typer.Option(metavar="X", help="Standard error of a rung relative to its error, if sampled.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Of everything random.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the picture goes.")] = Path("report/order"),
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write a Record there.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="The exact order of every scheme with every phi on Gaussian data; seconds.")
    ] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List schemes with their declared orders and stop.")] = (
        False
    ),
) -> None:
    """Measure the order of convergence of a scheme, and say whether it is the declared one.

    Exit status 0 if it is (or none is declared and one is found), 1 if it is not or could not be decided, 2 for a
    wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    scheme_name : str, optional
        Of the catalogue.
    noise_scale, kind, problem : str
        Names.
    steps : str, optional
        Numbers of steps, with commas.
    target_se : float, optional
        Relative standard error of a rung.
    seed : int
        Of everything random.
    out : Path
        Folder of the picture.
    json_file : Path, optional
        Of the Record.
    every : bool
        Every scheme with every phi, exactly.
    list_only : bool
        Only list the schemes.

    Raises
    ------
    BadParameter
        If a name or number is wrong.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.laboratory._measure import measure

    if list_only:
        return _list()
    if every:
        return _every(scheme_name)
    if scheme_name is None:
        message = "SCHEME: expected the name of a scheme (ersde order --list shows them), got none"
        raise typer.BadParameter(message)
    ladder = _numbers(steps)
    _check_outputs(out, json_file)
    try:
        with progress_bar(Console(stderr=True)) as progress:
            task = progress.add_task(f"{scheme_name}, {kind}", total=1.0)
            result = measure(
                scheme_name,
                noise_scale,
                problem,
                kind,
                steps=ladder,
                target=target_se,
                seed=seed,
                advance=lambda share: progress.update(task, completed=share),
            )
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was decided", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _print(result)
    _write(result, out, json_file)
    raise typer.Exit(0 if result.agrees or (result.declared is None and result.decided) else 1)


def _numbers(steps: str | None) -> tuple[int, ...] | None:
    """Return the ladder that was asked for."""
    if steps is None:
        return None
    try:
        return tuple(int(part) for part in steps.split(","))
    except ValueError:
        message = f"--steps: expected whole numbers with commas, as in 20,40,80,160, got {steps!r}"
        raise typer.BadParameter(message) from None


def _check_outputs(out: Path, json_file: Path | None) -> None:
    """Find out before the work whether the results can be written."""
    from paper_figures.output import writable_folder

    for option, folder in (("--out", out), ("--json", None if json_file is None else json_file.parent)):
        if folder is None:
            continue
        try:
            writable_folder(folder)
        except OSError as error:
            typer.echo(
                f"error: {option}: expected a folder that can be written, got {folder} ({error.strerror})", err=True
            )
            raise typer.Exit(1) from None


def _every(scheme_name: str | None) -> None:
    """Print the exact orders of the catalogue; status 1 if a declared one is contradicted."""
    from rich.table import Table

    from ersde_theory.laboratory.exact_orders import exact_orders

    names = None if scheme_name is None else [scheme_name]
    try:
        with progress_bar(Console(stderr=True)) as progress:
            task = progress.add_task("exact orders", total=1.0)
            found = exact_orders(names, advance=lambda share: progress.update(task, completed=share))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("scheme", "φ", "declared", "exact, Gaussian data", ""):
        table.add_column(column, no_wrap=True)
    for item in found:
        declared = "–" if item.declared is None else f"{item.declared:g}"
        table.add_row(item.scheme, item.noise_scale, declared, _short(item), _outcome(item))
    _console().print(table)
    wrong = sum(item.contradicts for item in found)
    agreeing, without = sum(item.agrees for item in found), sum(item.declared is None for item in found)
    typer.echo(f"\n{agreeing} of {len(found)} agree, {wrong} contradict, {without} have no declared order.")
    raise typer.Exit(1 if wrong else 0)


def _short(result: Measurement) -> str:
    """Return a verdict in few words."""
    return str(result.verdict).partition(":")[0].partition(" (")[0]


def _outcome(result: Measurement) -> str:
    """Return what a verdict says of the declared order."""
    if result.declared is None:
        return "none declared"
    return "agrees" if result.agrees else "CONTRADICTS" if result.contradicts else "not decided"


def _console() -> Console:
    """Return a console that is wide where the output is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=150)


def _list() -> None:
    """Print the catalogue: declared orders and evaluations a step."""
    from rich.table import Table

    from ersde_theory.catalogue import scheme, scheme_names

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("scheme", "ode", "strong", "weak", "evaluations a step", "noise scales", "basis"):
        table.add_column(column)
    for name in scheme_names():
        entry = scheme(name)
        orders = ("–" if p is None else f"{p:g}" for p in (entry.orders.ode, entry.orders.strong, entry.orders.weak))
        table.add_row(name, *orders, str(entry.evaluations), ", ".join(entry.noise_scales) or "any", entry.basis)
    _console().print(table)


def _print(result: Measurement) -> None:
    """Print the ladder, the fits and the verdict."""
    from rich.table import Table

    typer.echo(f"{result.scheme}, φ: {result.noise_scale}, problem: {result.problem}, error: {result.kind.value}\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("steps", justify="right")
    table.add_column("evaluations", justify="right")
    for name in result.quantities:
        table.add_column(name, justify="right")
    for k, (n, cost) in enumerate(zip(result.steps.tolist(), result.evaluations.tolist(), strict=True)):
        cells = []
        for q in range(len(result.quantities)):
            spread = result.standard_errors[q, k]
            cells.append(f"{result.errors[q, k]: .3e}" + (f" ± {spread:.0e}" if spread else ""))
        table.add_row(str(n), str(cost), *cells)
    _console().print(table)
    typer.echo("")
    for name, verdict in zip(result.quantities, result.verdicts, strict=True):
        typer.echo(f"{name}: {verdict}")
    declared = "" if result.declared is None else f"declared {result.declared:g}: "
    cost = f", {result.path_steps} evaluations of paths" if result.path_steps else ", no sampling"
    typer.echo(f"\n{result.verdict}; {declared}{_outcome(result)} ({result.seconds:.1f} s{cost})")


def _write(result: Measurement, out: Path, json_file: Path | None) -> None:
    """Write the picture and the Record."""
    from paper_figures.output import write

    record = result.record()
    try:
        typer.echo("Picture: " + str(next(p for p in write(record, out) if p.suffix == ".png")))
        if json_file is not None:
            record.save(json_file)
    except OSError as error:
        typer.echo(f"error: could not write to {error.filename or out} ({error.strerror or error})", err=True)
        raise typer.Exit(1) from None
