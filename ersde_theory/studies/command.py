"""``ersde study``: run, resume, look at, compare and export studies."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from ersde_theory.studies import Outcome, Progress, Store, Study

app = typer.Typer(name="study", no_args_is_help=True, help="Run studies: grids of runs, resumable, on any executor.")

_INTERRUPTED = 130
_PLAIN_SECONDS = 10.0  # between lines in a plain log

_File = Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or a study that comes with the project.")]
_StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="Where results are; studies/NAME.db unless given.")
]


@app.command()
def run(
    file: _File,
    store: _StoreOption = None,
    executor: Annotated[str, typer.Option(metavar="NAME", help="inline, processes, dask or mpi.")] = "processes",
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many; as many as cores.")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a Dask scheduler, tcp://host:port; implies dask.")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="NAME=X", help="What a Dask worker must have, as GPU=1.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run tasks that failed before, too.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the Record.")] = None,
) -> None:
    r"""Run what a study lacks. Stopped at any point and run again it goes on where it was.

    Exit status 0 if every task has a result, 1 if some failed, 2 for a wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    file : str
        The study.
    store : Path, optional
        Where results are.
    executor : str
        Where tasks run.
    workers : int, optional
        How many.
    cluster : str, optional
        Address of a Dask scheduler.
    resource : list of str, optional
        Of Dask workers.
    retry_failed : bool
        Run tasks that failed, too.
    json_file : Path, optional
        Of the Record.

    Raises
    ------
    BadParameter
        If an argument is wrong.
    Exit
        With the status.
    """
    from ersde_theory.studies import executor as executor_of
    from ersde_theory.studies import run as run_study
    from ersde_theory.studies import table

    study = _study(file)
    name = "dask" if cluster is not None else executor
    count = workers or _cores()
    try:
        resources = dict(_resource(text) for text in resource or []) or None
        with _open(_place(study, store)) as found, _watched(study) as advance:
            with executor_of(
                name, workers=None if name == "inline" else count, cluster=cluster, resources=resources
            ) as pool:
                outcome = run_study(
                    study,
                    found,
                    pool,
                    workers=1 if name == "inline" else count,
                    retry_failed=retry_failed,
                    advance=advance,
                )
            if json_file is not None:
                table(study, found).save(json_file)
            _print_outcome(outcome, found)
    except (TypeError, ValueError, ImportError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted: what was finished is in {_place(study, store)}; the same command goes on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(0 if outcome.succeeded and not _failures_of(study, _place(study, store)) else 1)


@app.command()
def resume(
    file: _File,
    store: _StoreOption = None,
    executor: Annotated[str, typer.Option(metavar="NAME", help="inline, processes, dask or mpi.")] = "processes",
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many; as many as cores.")] = None,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Of a Dask scheduler; implies dask.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run tasks that failed before, too.")] = False,
) -> None:
    r"""Go on with a study whose store is there; the same as `run`, but refuses to begin a new one.

    \f

    Parameters
    ----------
    file : str
        The study.
    store : Path, optional
        Where results are.
    executor : str
        Where tasks run.
    workers : int, optional
        How many.
    cluster : str, optional
        Address of a Dask scheduler.
    retry_failed : bool
        Run tasks that failed, too.

    Raises
    ------
    BadParameter
        If there is nothing to go on with.
    """
    place = _place(_study(file), store)
    if not place.is_file():
        message = (
            f"--store: expected the store of a study that was begun, found no {place} (begin it with: ersde study run)"
        )
        raise typer.BadParameter(message)
    run(file, store, executor, workers, cluster, None, retry_failed, None)


@app.command()
def status(
    file: _File,
    store: _StoreOption = None,
    watch: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Look again every S seconds until it is done.")
    ] = 0.0,
) -> None:
    r"""Say how far a study is; it may be running.

    \f

    Parameters
    ----------
    file : str
        The study.
    store : Path, optional
        Where results are.
    watch : float
        Seconds between looks; 0 for one.

    Raises
    ------
    BadParameter
        If there is no store.
    """
    study = _study(file)
    before: tuple[float, int] | None = None
    while True:
        with _open(_place(study, store), readonly=True) as found:
            done, least, most = _standing(study, found)
            now = (time.monotonic(), done)
            rate = "" if before is None else f", {(done - before[1]) / (now[0] - before[0]):.3g} tasks a second"
            if before is not None and now[1] > before[1] and done < least:
                left = (least - done) * (now[0] - before[0]) / (now[1] - before[1])
                rate += f", about {left:.0f} s to {least}"
            upto = f"{least}" if least == most else f"{least} to {most}"
            typer.echo(f"{study.name}: {done} of {upto} tasks done, {len(found.failures())} failed{rate}")
        before = now
        if not watch or done >= most:
            return
        time.sleep(watch)


@app.command()
def show(
    file: _File,
    store: _StoreOption = None,
    failures: Annotated[bool, typer.Option("--failures", help="Show what failed, with tracebacks.")] = False,
) -> None:
    r"""Print the results of a study as a table.

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
    """
    from rich.table import Table

    from ersde_theory.studies._results import estimates

    study = _study(file)
    with _open(_place(study, store), readonly=True) as found:
        if failures:
            for failure in found.failures():
                typer.echo(f"{failure.task}\n{failure.error}\n({failure.attempts} attempts)\n")
            return
        cells, damaged = estimates(study, found)
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
    if damaged:
        typer.echo(f"{len(damaged)} damaged results are left out; the next run computes them again", err=True)


@app.command()
def diff(
    file: _File,
    first: Annotated[Path, typer.Argument(metavar="A", help="A store.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another store.")],
) -> None:
    r"""Say whether two stores of a study agree within uncertainty. Exit status 1 if they do not, or share nothing.

    \f

    Parameters
    ----------
    file : str
        The study.
    first, second : Path
        Stores.

    Raises
    ------
    BadParameter
        If a store cannot be read.
    Exit
        With the status.
    """
    from ersde_theory.studies._results import differences

    study = _study(file)
    with _open(first, readonly=True) as a, _open(second, readonly=True) as b:
        compared, found = differences(study, a, b)
    for item in found:
        told = json.dumps(dict(item.parameters), ensure_ascii=False)
        typer.echo(
            f"{told} {item.quantity}: {item.first.value:.6g} ± {item.first.standard_error:.1g} against "
            f"{item.second.value:.6g} ± {item.second.standard_error:.1g}, {item.deviation:.3g} apart"
        )
    typer.echo(f"{compared} numbers compared, {len(found)} disagree.")
    raise typer.Exit(1 if found or not compared else 0)


@app.command()
def export(
    file: _File,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help=".zarr, .nc, .parquet, .csv or .json; a path or URL.")
    ],
    store: _StoreOption = None,
) -> None:
    r"""Write the results where an address says: a disk, S3, or whatever fsspec reaches.

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
    """
    from ersde_theory.studies import table
    from ersde_theory.studies._export import export as write

    study = _study(file)
    try:
        with _open(_place(study, store), readonly=True) as found:
            record = table(study, found)
        form = write(record, address)
    except (ValueError, ImportError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{address}: {form}, {record['blocks'].size} numbers, {record.settings['missing']} cells missing")


@app.command()
def salvage(
    file: _File,
    damaged: Annotated[Path, typer.Argument(metavar="DAMAGED", help="A store that cannot be read as a whole.")],
    fresh: Annotated[Path, typer.Argument(metavar="FRESH", help="A file that does not exist.")],
) -> None:
    r"""Copy what can still be read from a damaged store into a new one.

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
    """
    from ersde_theory.studies._store import StoreError
    from ersde_theory.studies._store import salvage as copy

    study = _study(file)
    try:
        saved, lost = copy(damaged, fresh, study, 1 if study.sampling is None else study.sampling.most)
    except StoreError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{saved} results saved in {fresh}, {lost} damaged")


# ---------------------------------------------------------------------- what the commands share


def _study(file: str) -> Study:
    """Return the study that was asked for."""
    from ersde_theory.studies import Study

    try:
        return Study.from_file(file)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def _place(study: Study, store: Path | None) -> Path:
    """Return where a study's store is."""
    return Path("studies") / f"{study.name}.db" if store is None else store


def _open(place: Path, *, readonly: bool = False) -> Store:
    """Return an open store."""
    from ersde_theory.studies import Store, StoreError

    try:
        if not readonly:
            place.parent.mkdir(parents=True, exist_ok=True)
        return Store(place, readonly=readonly)
    except (StoreError, OSError) as error:
        message = f"--store: {error}"
        raise typer.BadParameter(message) from None


def _cores() -> int:
    """Return how many cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _resource(text: str) -> tuple[str, float]:
    """Return a resource of Dask workers."""
    name, _, amount = text.partition("=")
    try:
        return name, float(amount)
    except ValueError:
        message = f"--resource: expected NAME=NUMBER, as in GPU=1, got {text!r}"
        raise ValueError(message) from None


def _standing(study: Study, store: Store) -> tuple[int, int, int]:
    """Return tasks that are done, and the least and the most that there are."""
    first, most = (1, 1) if study.sampling is None else (study.sampling.first, study.sampling.most)
    keys = [cell.task(block).key for cell in study.cells() for block in range(most)]
    return len(store.read(keys)[0]), first * study.n_cells, most * study.n_cells


def _failures_of(study: Study, place: Path) -> bool:
    """Return whether a task of the study has failed and has no result."""
    most = 1 if study.sampling is None else study.sampling.most
    keys = {cell.task(block).key for cell in study.cells() for block in range(most)}
    with _open(place, readonly=True) as store:
        return any(failure.key in keys for failure in store.failures())


def _print_outcome(outcome: Outcome, store: Store) -> None:
    """Say what a run did."""
    rate = f", {1000.0 * outcome.seconds / outcome.computed:.3g} ms each" if outcome.computed else ""
    typer.echo(
        f"{outcome.computed} tasks computed in {outcome.seconds:.1f} s{rate}, {outcome.found} found, "
        f"{outcome.failed} failed, {outcome.damaged} damaged and computed again; {outcome.rounds} rounds: {store.path}"
    )
    if outcome.failed:
        typer.echo("what failed: ersde study show --failures; to try again: --retry-failed", err=True)


class _watched:
    """Shows where a run stands: a bar on a terminal, a line now and then in a plain log."""

    def __init__(self, study: Study) -> None:
        from ersde_theory.progress import progress_bar

        self.study, self.console, self.told = study, Console(stderr=True), time.monotonic()
        self.bar = progress_bar(self.console)
        self.task: Any = None

    def __enter__(self) -> _watched:
        self.bar.__enter__()
        self.task = self.bar.add_task(self.study.name, total=None)
        return self

    def __exit__(self, *problem: Any) -> None:
        self.bar.__exit__(*problem)

    def __call__(self, progress: Progress) -> None:
        failed = f", {progress.failed} failed" if progress.failed else ""
        told = f"{self.study.name}, round {progress.round}: {progress.done} of {progress.planned}{failed}"
        self.bar.update(self.task, description=told, total=progress.planned or 1, completed=progress.done)
        if not self.console.is_terminal and time.monotonic() - self.told > _PLAIN_SECONDS:
            self.told = time.monotonic()
            left = progress.seconds * (progress.planned / max(progress.done, 1) - 1.0)
            typer.echo(f"{told}, {progress.seconds:.0f} s, about {left:.0f} s left", err=True)
