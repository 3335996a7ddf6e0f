"""The command line, ``ersde``."""

from __future__ import annotations

import contextlib
import difflib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ersde_theory.audit.command import audit
from ersde_theory.laboratory.command import order
from ersde_theory.models.command import train_digits
from ersde_theory.network_errors.command import measure
from ersde_theory.progress import progress_bar
from ersde_theory.studies.command import app as study_app
from ersde_theory.vectors.command import vectors
from paper_figures.command import figures

if TYPE_CHECKING:
    from rich.progress import Progress

    from ersde_theory.claims import Claim, Judgement
    from ersde_theory.derivations import Derivation, Verification
    from ersde_theory.records import Record
    from ersde_theory.report import VerifyRun

app = typer.Typer(
    name="ersde",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(order)
app.command()(audit)
app.command()(measure)
app.command()(train_digits)
app.command()(figures)
app.command()(vectors)
app.add_typer(study_app)

_WIDTH = 150  # columns of the table where the output is not a terminal
_INTERRUPTED = 130


def main() -> None:
    """Run the command line with the arguments of this process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ± or λ must not end the run
    app(prog_name="ersde")


def _show_version(value: bool) -> None:
    """Print the version and stop, if asked to."""
    if value:
        from importlib import metadata

        try:
            typer.echo(f"ersde-theory {metadata.version('ersde-theory')}")
        except metadata.PackageNotFoundError:
            typer.echo("ersde-theory, run from its source without being installed")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    """Find out what is true about ER-SDE samplers, and how we know.

    \f

    Parameters
    ----------
    version : bool
        Show the version and stop.
    """  # noqa: D301 - the form feed ends what --help shows


@app.command()
def verify(
    claims: Annotated[
        list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Which ones; all if none is named.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where index.html and verify.json go.")] = Path("report"),
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the table as a Record, in JSON."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**64 - 1, help="Of everything random in the examinations.")
    ] = 0,
    every: Annotated[
        bool, typer.Option("--all", help="Check every derivation, not only those that the claims rest on.")
    ] = False,
    list_only: Annotated[bool, typer.Option("--list", help="List the claims and stop.")] = False,
) -> None:
    """Compute the verdict of every claim of the ledger, check their derivations and write the report.

    Exit status 0 if every verdict is the one the ledger states, every broken twin was noticed and no step of a
    derivation fails; 1 if not, 2 for a wrong argument, 130 if interrupted (what was finished is reported).

    \f

    Parameters
    ----------
    claims : list of str, optional
        Ids of the ledger.
    out : Path
        Folder of the report.
    json_file : Path, optional
        Of the table.
    seed : int
        Of everything random.
    every : bool
        Check every derivation.
    list_only : bool
        Only list the claims.

    Raises
    ------
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.claims import ledger

    chosen = _chosen(ledger(), claims)
    if list_only:
        width = max(len(claim.id) for claim in chosen) + 2
        for claim in chosen:
            typer.echo(f"{claim.id:<{width}}{claim.stated.value:<11}{claim.statement}")
        return
    _check_outputs(out, json_file)
    run = _run(chosen, seed, every=every)
    _print_table(run)
    _write(run, out, json_file)
    if run.interrupted:
        raise typer.Exit(_INTERRUPTED)
    raise typer.Exit(0 if run.succeeded else 1)


def _chosen(known: Sequence[Claim], names: Sequence[str] | None) -> list[Claim]:
    """Return the named claims in the order of the ledger; an unknown name suggests the nearest."""
    ids = [claim.id for claim in known]
    for name in names or ():
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            message = f"claim: expected one of {', '.join(ids)}, got {name!r}{hint}"
            raise typer.BadParameter(message)
    return [claim for claim in known if not names or claim.id in names]


def _check_outputs(out: Path, json_file: Path | None) -> None:
    """Find out before the work whether the results can be written."""
    from paper_figures.output import writable_folder

    if json_file is not None and json_file.exists() and not json_file.is_file():
        _fail(f"--json: expected a file, got {json_file}, which is none")
    if json_file is not None and json_file.resolve() in {
        (out / name).resolve() for name in ("index.html", "verify.json")
    }:
        _fail(f"--json: expected a file of its own, got {json_file}, which is part of the report")
    for option, folder in (("--out", out), ("--json", None if json_file is None else json_file.parent)):
        if folder is not None:
            try:
                writable_folder(folder)
            except OSError as error:
                expected = "a folder that can be written"
                _fail(f"{option}: expected {expected}, got {folder} ({error.strerror or error})")


def _fail(message: str) -> None:
    """Print one line to the standard error stream and end with status 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def _run(chosen: Sequence[Claim], seed: int, *, every: bool) -> VerifyRun:
    """Judge the claims, check their derivations, compute the figures; an interrupt keeps what is finished."""
    from ersde_theory.report import VerifyRun

    begin = time.perf_counter()
    judgements: list[Judgement] = []
    records: list[Record] = []
    problems: list[str] = []
    derivations = _derivations_of(chosen, every=every)
    checked: list[Verification] = []
    with progress_bar(Console(stderr=True)) as progress, _proving_ahead(derivations):
        try:
            _judge(sorted(chosen, key=lambda claim: bool(claim.derivations)), judgements, progress, seed)
            _derive(derivations, checked, progress)
            _figures(judgements, records, problems, progress)
        except KeyboardInterrupt:
            if len(judgements) == len(chosen) and len(checked) == len(derivations):
                problems.append("interrupted while the figures were computed: some are missing")
    seconds = time.perf_counter() - begin
    place = {claim.id: i for i, claim in enumerate(chosen)}
    judgements.sort(key=lambda judgement: place[judgement.claim.id])
    return VerifyRun(
        tuple(judgements),
        len(chosen),
        tuple(records),
        tuple(problems),
        seed,
        seconds=seconds,
        derivations=tuple(checked),
        derivations_planned=len(derivations),
    )


@contextlib.contextmanager
def _proving_ahead(derivations: Sequence[Derivation]) -> Iterator[None]:
    """Prove derivations in a process of their own meanwhile, so that they are in the cache when asked for.

    If that process fails or is late, the steps are proved here.
    """
    if not derivations:
        yield
        return
    command = [sys.executable, "-m", "ersde_theory.derivations", *(item.name for item in derivations)]
    ahead = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        ahead.terminate()
        ahead.wait()


def _derivations_of(chosen: Sequence[Claim], *, every: bool) -> Sequence[Derivation]:
    """Return the derivations that the claims rest on, or all, in the order of the book."""
    names = {name for claim in chosen for name in claim.derivations}
    if not names and not every:
        return ()
    from ersde_theory import derivations

    return derivations.all() if every else [item for item in derivations.all() if item.name in names]


def _derive(chosen: Sequence[Derivation], checked: list[Verification], progress: Progress) -> None:
    """Append the outcome of each derivation; a check that raises is a failure of every step."""
    if not chosen:
        return
    from ersde_theory.derivations import Outcome, Status, Verification

    task = progress.add_task("", total=float(sum(len(item.steps) for item in chosen)))
    for item in chosen:
        progress.update(task, description=f"derivation {item.name}")
        try:
            checked.append(item.check(lambda: progress.advance(task)))
        except Exception as error:
            raised = Outcome(Status.FAILS, f"the check raised {type(error).__name__}: {error}")
            checked.append(Verification(item, (raised,) * len(item.steps)))
    progress.update(task, description="derivations")


def _judge(chosen: Sequence[Claim], judgements: list[Judgement], progress: Progress, seed: int) -> None:
    """Append the judgement of each claim."""
    from ersde_theory.claims import judge

    task = progress.add_task("", total=float(len(chosen)))
    for i, claim in enumerate(chosen):
        progress.update(task, description=claim.id, completed=float(i))

        def advance(share: float, done: int = i) -> None:
            progress.update(task, completed=done + min(max(share, 0.0), 1.0))

        judgements.append(judge(claim, advance, seed))
    progress.update(task, description="done", completed=float(len(chosen)))


def _figures(judgements: Sequence[Judgement], records: list[Record], problems: list[str], progress: Progress) -> None:
    """Append the record of each figure about the judged claims that none of them made itself."""
    from paper_figures import Settings
    from paper_figures import figures as all_figures

    judged = {judgement.claim.id for judgement in judgements}
    made = {r.name for j in judgements if j.finding is not None for r in j.finding.records}
    for item in all_figures():
        if item.from_claim or item.name in made or not judged.intersection(item.claims):
            continue
        task = progress.add_task(f"figure {item.name}", total=None)
        try:
            records.append(item.compute(Settings()))
        except Exception as error:
            problem = f"figure {item.name} could not be computed: {type(error).__name__}: {error}"
            problems.append(problem)
        progress.remove_task(task)


def _print_table(run: VerifyRun) -> None:
    """Print the table, and below it what went wrong."""
    from rich.table import Table
    from rich.text import Text

    from ersde_theory.report import headline, shortfall
    from ersde_theory.report._wording import SHAPES, computed, twins_caught

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("claim", "verdict", "evidence", "twins caught"):
        table.add_column(column, no_wrap=column in ("claim", "twins caught"))
    table.add_column("seconds", justify="right", no_wrap=True)
    for judgement in run.judgements:
        word, missing = computed(judgement), shortfall(judgement)
        verdict = Text(f"{SHAPES[word]} {word}", style="red" if missing else "")
        if missing:
            verdict.append(f"\n{missing}")
        cells = (Text(judgement.claim.id), verdict, Text(headline(judgement)))
        table.add_row(*cells, twins_caught(judgement), f"{judgement.seconds:.2f}")
    console.print(table)
    for judgement in run.judgements:
        if judgement.error:
            typer.echo(f"\n{judgement.claim.id} raised:\n{judgement.error.rstrip()}", err=True)
    for problem in run.problems:
        typer.echo(f"warning: {problem}", err=True)
    _print_derivations(run)
    typer.echo(f"\n{run.n_agree} of {run.planned} claims came out as the ledger states ({run.seconds:.1f} s).")


def _print_derivations(run: VerifyRun) -> None:
    """Print the counts of the derivations' steps, and every step that is not proved."""
    if not run.derivations:
        return
    from ersde_theory.derivations import Status
    from ersde_theory.report import tally

    typer.echo(f"\n{len(run.derivations)} of {run.derivations_planned} derivations checked, {tally(run.derivations)}.")
    for item in run.derivations:
        for number, (step, outcome) in enumerate(zip(item.derivation.steps, item.outcomes, strict=False), 1):
            if outcome.status is not Status.PROVED:
                said = (
                    f"{item.derivation.name}, step {number}: {outcome.status.value}: {outcome.detail} ({step.reason})"
                )
                typer.echo(said, err=not outcome.holds)


def _write(run: VerifyRun, out: Path, json_file: Path | None) -> None:
    """Write the report and the Record."""
    from ersde_theory.report import summary, write

    try:
        page = write(run, out)
        if json_file is not None:
            summary(run).save(json_file)
    except OSError as error:
        _fail(f"the report could not be written to {error.filename or out} ({error.strerror or error})")
    if run.interrupted:
        done = len(run.judgements)
        derived = f" and {len(run.derivations)} of {run.derivations_planned} derivations" if run.derivations else ""
        message = f"interrupted after {done} of {run.planned} claims{derived}; partial report: {page}"
        typer.echo(message, err=True)
    else:
        typer.echo(f"Report: {page}")
