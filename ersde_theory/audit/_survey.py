"""What the surveys of a library's samplers share: one outcome per configuration, the table, the Record."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ersde_theory.audit._observation import EXACT
from ersde_theory.audit._table import as_seen, dense_table, without_unused_draws
from ersde_theory.audit.readout import BlackBox, Readout, read_out
from ersde_theory.progress import progress_bar
from ersde_theory.records import LabelledArray, Record
from ersde_theory.tableau import Tableau

STATUSES = ("exact", "rounded", "not linear", "not finite", "refused", "not read")
_NOT_FINITE = re.compile(r"\b(nan|inf)(;|$)")


@dataclass(frozen=True)
class Outcome:
    """What became of one configuration.

    `status`: ``exact`` if the table reproduces the sampler's own output to 1e-10 in float64; ``rounded`` if it is
    linear but rounds its state to lower precision inside; ``not linear``; ``not finite`` if its own output has nan or
    inf; ``refused`` if the sampler does not take the configuration; ``not read`` if it is no sampler of a table's
    kind. `reason` says why it is not ``exact``. `scheme` is the one of ours that it was compared with, `difference`
    the largest difference of two coefficients or covariances.
    """

    label: str
    status: str
    reason: str
    read: Readout | None = None
    seconds: float = 0.0
    scheme: str = ""
    difference: float = float("nan")


def outcome(label: str, build: Callable[[], BlackBox]) -> Outcome:
    """Return what reading one sampler yields; what it raises is its own refusal."""
    began = time.perf_counter()
    try:
        read = read_out(build())
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        return Outcome(label, "refused", f"{type(error).__name__}: {first}")
    seconds = time.perf_counter() - began
    if not read.linear:
        status = "not finite" if read.tableau is None and _NOT_FINITE.search(read.problems[0]) else "not linear"
        return Outcome(label, status, read.problems[0], read, seconds)
    if read.reproduction <= EXACT:
        return Outcome(label, "exact", "", read, seconds)
    why = next((note for note in read.notes if note.startswith("the state is cast")), "no reason known")
    return Outcome(label, "rounded", why, read, seconds)


def difference(tab: Tableau, scheme: Tableau) -> float:
    """Return the largest difference of visible coefficients, unused draws left out; inf if the shapes differ."""
    a, b = without_unused_draws(tab), without_unused_draws(as_seen(scheme))
    if (a.n_rows, a.n_evaluations, a.n_draws) != (b.n_rows, b.n_evaluations, b.n_draws):
        return float("inf")
    pairs = a.draw_covariance.keys() | b.draw_covariance.keys()
    joint = [abs(a.draw_covariance.get(p, 0.0) - b.draw_covariance.get(p, 0.0)) for p in pairs]
    return float(max(np.abs(dense_table(a) - dense_table(b)).max(), max(joint, default=0.0)))


def survey(tasks: Iterable[tuple[str, Callable[[], BlackBox]]], title: str) -> list[Outcome]:
    """Return the outcomes of all tasks, with a progress bar on a terminal."""
    todo, outcomes = list(tasks), []
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task(title, total=len(todo))
        for label, build in todo:
            progress.update(task, description=label)
            outcomes.append(outcome(label, build))
            progress.advance(task)
    return outcomes


def table(outcomes: Iterable[Outcome]) -> Table:
    """Return the outcomes as a table."""
    columns = ("sampler", "status", "reproduction", "precision", "evaluations", "draws", "why, or our scheme")
    result = Table(*columns, title="read-out against the sampler's own output")
    for o in outcomes:
        numbers = ["", "", "", ""]
        if o.read is not None and o.read.tableau is not None:
            tab = o.read.tableau
            numbers = [
                f"{o.read.reproduction:.0e}", f"{o.read.precision:.0e}", str(tab.n_evaluations), str(tab.n_draws)
            ]  # fmt: skip
        ours = f"{o.scheme}, to {o.difference:.0e}" if o.scheme else ""
        result.add_row(o.label, o.status, *numbers, o.reason or ours)
    return result


def as_record(name: str, outcomes: list[Outcome], packages: tuple[str, ...], steps: int, seconds: float) -> Record:
    """Return the outcomes as a Record; samplers that were not read have nan and -1."""

    def texts(values: Iterable[str]) -> LabelledArray:
        return LabelledArray(("sampler",), np.array(list(values), dtype=np.str_))

    def numbers(values: Iterable[float]) -> LabelledArray:
        return LabelledArray(("sampler",), np.array(list(values), dtype=np.float64))

    def counts(values: Iterable[int]) -> LabelledArray:
        return LabelledArray(("sampler",), np.array(list(values), dtype=np.int64))

    reads = [o.read for o in outcomes]
    tabs = [None if r is None else r.tableau for r in reads]
    arrays = {
        "sampler": texts(o.label for o in outcomes),
        "status": texts(o.status for o in outcomes),
        "reason": texts(o.reason for o in outcomes),
        "notes": texts("" if r is None else "; ".join(r.notes) for r in reads),
        "convention": texts("" if r is None else r.convention for r in reads),
        "coefficient_dtype": texts("" if r is None else r.coefficient_dtype for r in reads),
        "reproduction": numbers(np.nan if r is None else r.reproduction for r in reads),
        "precision": numbers(np.nan if r is None else r.precision for r in reads),
        "scheme": texts(o.scheme for o in outcomes),
        "difference": numbers(o.difference for o in outcomes),
        "seconds": numbers(o.seconds for o in outcomes),
        "evaluations": counts(-1 if t is None else t.n_evaluations for t in tabs),
        "draws": counts(-1 if t is None else t.n_draws for t in tabs),
        "defects": counts(-1 if t is None else len(t.defects(1e-5)) for t in tabs),
    }
    versions = {package: _version(package) for package in packages}
    return Record(name, {"steps": steps, "versions": versions}, arrays, seconds=seconds)


def _version(package: str) -> str:
    """Return a package's version, or that it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def report(outcomes: list[Outcome], record: Record, json_file: Path | None) -> None:
    """Print the table and the counts, and write the Record."""
    console = Console()
    console.print(table(outcomes))
    counts = {status: sum(o.status == status for o in outcomes) for status in STATUSES}
    console.print(", ".join(f"{count} {status}" for status, count in counts.items()))
    unexplained = [o.label for o in outcomes if o.reason == "no reason known"]
    if unexplained:
        console.print(f"without a reason: {', '.join(unexplained)}")
    if json_file is not None:
        record.save(json_file)
