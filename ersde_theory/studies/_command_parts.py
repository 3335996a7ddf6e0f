"""What the commands of ``ersde study`` share."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from ersde_theory.studies import Outcome, Progress, Store, Study
    from ersde_theory.studies._store import Failure

INTERRUPTED = 130
_PLAIN_SECONDS = 10.0  # between lines in a plain log

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A TOML file, or a study that comes with the project.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="Where results are; studies/NAME.db unless given.")
]


def chosen(file: str) -> Study:
    """Return the study that was asked for."""
    from ersde_theory.studies import Study

    try:
        return Study.from_file(file)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def place_of(study: Study, store: Path | None) -> Path:
    """Return where a study's store is."""
    return Path("studies") / f"{study.name}.db" if store is None else store


@contextlib.contextmanager
def opened(place: Path, *, readonly: bool = False) -> Iterator[Store]:
    """Yield an open store; what goes wrong with its file later is said, with exit status 1."""
    from ersde_theory.studies import Store, StoreError

    try:
        if not readonly:
            place.parent.mkdir(parents=True, exist_ok=True)
        store = Store(place, readonly=readonly)
    except (StoreError, OSError) as error:
        message = f"--store: {error}"
        raise typer.BadParameter(message) from None
    try:
        with store:
            yield store
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def cores() -> int:
    """Return how many cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resource_of(text: str) -> tuple[str, float]:
    """Return a resource of Dask workers."""
    name, _, amount = text.partition("=")
    try:
        number = float(amount)
    except ValueError:
        number = math.nan
    if not name or not 0.0 < number < math.inf:
        message = f"--resource: expected NAME=NUMBER, as in GPU=1, got {text!r}"
        raise ValueError(message)
    return name, number


def failures_of(study: Study, store: Store) -> list[Failure]:
    """Return the tasks of a study that have failed and have no result; a store may hold other studies too."""
    most = 1 if study.sampling is None else study.sampling.most
    keys = {cell.task(block).key for cell in study.cells() for block in range(most)}
    return [failure for failure in store.failures() if failure.key in keys]


def print_outcome(outcome: Outcome, store: Store) -> None:
    """Say what a run did."""
    rate = f", {1000.0 * outcome.seconds / outcome.computed:.3g} ms each" if outcome.computed else ""
    typer.echo(
        f"{outcome.computed} tasks computed in {outcome.seconds:.1f} s{rate}, {outcome.found} found, "
        f"{outcome.failed} failed, {outcome.damaged} damaged and computed again; {outcome.rounds} rounds: {store.path}"
    )
    if outcome.failed:
        typer.echo("what failed: ersde study show --failures; to try again: --retry-failed", err=True)


class Watched:
    """Shows where a run stands: a bar on a terminal, a line now and then in a plain log."""

    def __init__(self, study: Study) -> None:
        from ersde_theory.progress import progress_bar

        self.study, self.console, self.told = study, Console(stderr=True), time.monotonic()
        self.bar = progress_bar(self.console)
        self.task: Any = None

    def __enter__(self) -> Watched:
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
