"""``ersde study show | diff | check | export | salvage``: what can be done with results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ersde_theory.studies._command_parts import FileArgument, StoreOption, chosen, failures_of, opened, place_of


def show(
    file: FileArgument,
    store: StoreOption = None,
    failures: Annotated[bool, typer.Option("--failures", help="Show what failed, with tracebacks.")] = False,
) -> None:
    """Print the results of a study as a table.

    \f

    Parameters
    ----------
    file : str
        The study.
    store : Path, optional
        Where results are.
    failures : bool
        Show failures instead.

    Raises
    ------
    BadParameter
        If there is no store.
    """  # noqa: D301 - the form feed ends what --help shows
    from rich.table import Table

    from ersde_theory.studies._results import estimates

    study = chosen(file)
    with opened(place_of(study, store), readonly=True) as found:
        if failures:
            for failure in failures_of(study, found):
                typer.echo(f"{failure.task}\n{failure.error}\n({failure.attempts} attempts)\n")
            return
        cells, damaged = estimates(study, found)
        failed = len(failures_of(study, found))
    quantities = sorted({name for cell in cells for name in cell})
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in (*study.axes, *quantities, "blocks"):
        shown.add_column(name, justify="right" if name in quantities or name == "blocks" else "left")
    for cell, values in zip(study.cells(), cells, strict=True):
        parameters = dict(cell.parameters)
        row = [str(parameters[name]) for name in study.axes]
        for name in quantities:
            e = values.get(name)
            row.append(
                "" if e is None else f"{e.value: .4e}" + (f" ± {e.standard_error:.0e}" if e.standard_error else "")
            )
        shown.add_row(*row, str(max((e.blocks for e in values.values()), default=0)))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(shown)
    if failed:
        typer.echo(f"{failed} tasks failed (--failures shows them): their cells have no estimate", err=True)
    if damaged:
        typer.echo(f"{len(damaged)} damaged results are left out; the next run computes them again", err=True)


def diff(
    file: FileArgument,
    first: Annotated[Path, typer.Argument(metavar="A", help="A store.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another store.")],
    seed: Annotated[int | None, typer.Option(help="Seed of B's run, if it was another than the study's.")] = None,
) -> None:
    """Say whether two stores of a study agree within uncertainty. Exit status 1 if they do not, or share nothing.

    \f

    Parameters
    ----------
    file : str
        The study.
    first, second : Path
        Stores.
    seed : int, optional
        Of the study in the second store.

    Raises
    ------
    BadParameter
        If a store cannot be read, or the seed is none.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.studies._results import differences, estimates

    study = chosen(file)
    try:
        other = study if seed is None else replace(study, seed=seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with opened(first, readonly=True) as a, opened(second, readonly=True) as b:
        compared, found = differences(study, a, b, second_seed=other.seed)
        alone = sum(bool(x) != bool(y) for x, y in zip(estimates(study, a)[0], estimates(other, b)[0], strict=True))
    for item in found:
        told = json.dumps(dict(item.parameters), ensure_ascii=False)
        typer.echo(
            f"{told} {item.quantity}: {item.first.value:.6g} ± {item.first.standard_error:.1g} against "
            f"{item.second.value:.6g} ± {item.second.standard_error:.1g}, {item.deviation:.3g} apart"
        )
    only = f"; {alone} cells are in one of the stores only" if alone else ""
    typer.echo(f"{compared} numbers compared, {len(found)} disagree{only}.")
    raise typer.Exit(1 if found or not compared else 0)


def check(place: Annotated[Path, typer.Argument(metavar="STORE", help="A store.")]) -> None:
    """Say whether every row of a store, of whatever study, is as it was written. Exit status 1 if not.

    \f

    Parameters
    ----------
    place : Path
        The store.

    Raises
    ------
    BadParameter
        If there is no store.
    Exit
        With status 1 if a row is damaged.
    """  # noqa: D301 - the form feed ends what --help shows
    with opened(place, readonly=True) as store:
        sound, damaged = store.check()
    for row in damaged:
        typer.echo(f"damaged: {row}")
    typer.echo(
        f"{sound} rows are sound, {len(damaged)} damaged" + ("; the next run computes results again" * bool(damaged))
    )
    raise typer.Exit(1 if damaged else 0)


def export(
    file: FileArgument,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help=".zarr, .nc, .parquet, .csv or .json; a path or URL.")
    ],
    store: StoreOption = None,
) -> None:
    """Write the results where an address says: a disk, S3, or whatever fsspec reaches.

    \f

    Parameters
    ----------
    file : str
        The study.
    address : str
        Path or URL.
    store : Path, optional
        Where results are.

    Raises
    ------
    BadParameter
        If it cannot be written.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.studies import table
    from ersde_theory.studies._export import export as write

    study = chosen(file)
    try:
        with opened(place_of(study, store), readonly=True) as found:
            record = table(study, found)
        form = write(record, address)
    except (ValueError, ImportError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{address}: {form}, {record['blocks'].size} numbers, {record.settings['missing']} cells missing")


def salvage(
    file: FileArgument,
    damaged: Annotated[Path, typer.Argument(metavar="DAMAGED", help="A store that cannot be read as a whole.")],
    fresh: Annotated[Path, typer.Argument(metavar="FRESH", help="A file that does not exist.")],
) -> None:
    """Copy what can still be read from a damaged store into a new one.

    \f

    Parameters
    ----------
    file : str
        The study.
    damaged, fresh : Path
        Stores.

    Raises
    ------
    BadParameter
        If it cannot be done.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.studies._salvage import salvage as copy
    from ersde_theory.studies._store import StoreError

    study = chosen(file)
    try:
        saved, lost = copy(damaged, fresh, study, 1 if study.sampling is None else study.sampling.most)
    except StoreError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{saved} results saved in {fresh}, {lost} damaged")
