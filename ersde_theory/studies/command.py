"""``ersde study``: run, resume and watch studies; looking at results is next door."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ersde_theory.studies import _command_results
from ersde_theory.studies._command_parts import (
    INTERRUPTED,
    FileArgument,
    StoreOption,
    Watched,
    chosen,
    cores,
    failures_of,
    opened,
    place_of,
    print_outcome,
    resource_of,
)

app = typer.Typer(name="study", no_args_is_help=True, help="Run studies: grids of runs, resumable, on any executor.")


@app.command()
def run(
    file: FileArgument,
    store: StoreOption = None,
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
    """Run what a study lacks. Stopped at any point and run again it goes on where it was.

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
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.studies import executor as executor_of
    from ersde_theory.studies import run as run_study
    from ersde_theory.studies import table

    study = chosen(file)
    name = "dask" if cluster is not None else executor
    count = workers or cores()
    try:
        resources = dict(resource_of(text) for text in resource or []) or None
        with opened(place_of(study, store)) as found, Watched(study) as advance:
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
            print_outcome(outcome, found)
            failed = bool(failures_of(study, found))
    except ConnectionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (TypeError, ValueError, ImportError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted: what was finished is in {place_of(study, store)}; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(1 if failed else 0)


@app.command()
def resume(
    file: FileArgument,
    store: StoreOption = None,
    executor: Annotated[str, typer.Option(metavar="NAME", help="inline, processes, dask or mpi.")] = "processes",
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many; as many as cores.")] = None,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Of a Dask scheduler; implies dask.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run tasks that failed before, too.")] = False,
) -> None:
    """Go on with a study whose store is there; the same as `run`, but refuses to begin a new one.

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
    """  # noqa: D301 - the form feed ends what --help shows
    place = place_of(chosen(file), store)
    if not place.is_file():
        message = (
            f"--store: expected the store of a study that was begun, found no {place} (begin it with: ersde study run)"
        )
        raise typer.BadParameter(message)
    run(file, store, executor, workers, cluster, None, retry_failed, None)


@app.command()
def status(
    file: FileArgument,
    store: StoreOption = None,
    watch: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Look again every S seconds until it is done.")
    ] = 0.0,
) -> None:
    """Say how far a study is; it may be running.

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
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.studies._driver import standing

    study = chosen(file)
    before: tuple[float, int] | None = None
    while True:
        with opened(place_of(study, store), readonly=True) as found:
            stands, failed = standing(study, found), len(failures_of(study, found))
        now = (time.monotonic(), stands.done)
        rate = "" if before is None else f", {(now[1] - before[1]) / (now[0] - before[0]):.3g} tasks a second"
        if before is not None and now[1] > before[1]:
            left = (stands.planned - now[1]) * (now[0] - before[0]) / (now[1] - before[1])
            rate += f", about {left:.0f} s to the end of this round"
        told = "finished" if stands.finished else f"round {stands.round}"
        typer.echo(f"{study.name}, {told}: {stands.done} of {stands.planned} tasks done, {failed} failed{rate}")
        before = now
        if not watch or stands.finished:
            return
        time.sleep(watch)


for command in (
    _command_results.show,
    _command_results.diff,
    _command_results.check,
    _command_results.export,
    _command_results.salvage,
):
    app.command()(command)
