"""``ersde measure``: the errors of samplers on a network; what is finished survives whatever ends the run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar

if TYPE_CHECKING:
    from ersde_theory.models.processes import Processes
    from ersde_theory.network_errors._measurement import Measurement, Table
    from ersde_theory.network_errors._subject import Subject
    from ersde_theory.network_errors.journal import Journal
    from ersde_theory.records import Record

T = TypeVar("T")
_INTERRUPTED = 130
_OTHERS = 0  # status of processes other than the first: at another one torchrun would end it before it has its say
_WIDTH = 180  # columns of the tables where the output is not a terminal
JOURNAL = "journal.jsonl"
SUMMARY = "README.md"

Done = list[tuple["Measurement", "Record"]]


def measure(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="digits, digits-flow, exact (the digits' law itself), a folder, or FILE.py:FACTORY."
        ),
    ],
    what: Annotated[str, typer.Option(metavar="A,B,…", help="Letters or names of measurements; all by default.")] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Journal, Records, pictures and tables.")] = Path(
        "report/measure"
    ),
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also one Record of all.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**31 - 1, help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where the network runs: cpu, cuda, cuda:1 …")] = "cpu",
    dtype: Annotated[str, typer.Option(metavar="NAME", help="float64, float32, bfloat16 or float16.")] = "float32",
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Data of the model: .npy, .npz or .safetensors.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="FILE.py:FACTORY", help="A feature module for Fréchet distances.")
    ] = None,
    trust_pickle: Annotated[bool, typer.Option("--trust-pickle", help="Load pickles, which can run code.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, to try it out.")] = False,
) -> None:
    """Measure one-step and global errors, orders, score error, precision and sample quality of a network.

    (a) one-step errors, (b) global errors, (c) observed orders, (d) score error against discretisation error, (e)
    precision, (f) distance of samples from the data. Killed and started again, it goes on where it was. Started by
    torchrun --nproc-per-node N -m ersde_theory measure …, processes share the work. Exit status 0 when all is
    measured, 1 if something failed, 2 for a wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    model : str
        What to measure.
    what : str
        Letters or names, with commas.
    out : Path
        Folder of everything written.
    json_file : Path, optional
        Of one Record of all.
    seed : int
        Of everything random.
    device, dtype : str
        Where the network runs, and in which precision.
    data : Path, optional
        Data of a model that is not of the digits.
    features : str, optional
        A feature module.
    trust_pickle : bool
        Load pickles.
    quick : bool
        Small sizes.

    Raises
    ------
    BadParameter
        If an argument is wrong.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.models.processes import processes
    from ersde_theory.network_errors import MEASUREMENTS
    from ersde_theory.network_errors._models import load_subject
    from ersde_theory.network_errors._run import chosen

    with processes() as group:
        say = _say if group.is_first else _nothing
        load = functools.partial(
            load_subject, data=data, features=features, trust_pickle=trust_pickle, device=device, dtype=dtype, say=say
        )
        measurements, subject = _checked(lambda: (chosen(what, MEASUREMENTS), load(model)), group)
        blocked = group.gathered(_blocked(out, json_file) if group.is_first else "")[0]
        if blocked:
            say(f"error: {blocked}")
            raise typer.Exit(1 if group.is_first else _OTHERS)
        done: Done = []
        status = _run(measurements, subject, done, (out, seed, quick), group, say)
        if group.is_first:
            _finish(done, measurements, out, json_file)
    raise typer.Exit(status)


def _checked(load: Callable[[], T], group: Processes) -> T:
    """Return what the arguments mean; if one is wrong, for any process, the first process says so."""
    try:
        found, wrong = [load()], ""
    except (TypeError, ValueError, OSError) as error:
        found, wrong = [], str(error)
    wrong = next(filter(None, group.gathered(wrong)), "")
    if not wrong:
        return found[0]
    if group.is_first:
        raise typer.BadParameter(wrong)
    raise typer.Exit(_OTHERS)


def _journal(out: Path, group: Processes, say: Callable[[str], None]) -> Journal:
    """Return the journal of this process, which knows what all processes had before."""
    from ersde_theory.network_errors.journal import Journal

    own = out / (JOURNAL if group.is_first else f"journal-{group.rank}.jsonl")
    journal = Journal(own, [path for path in sorted(out.glob("journal*.jsonl")) if path != own])
    damaged = sum(group.gathered(journal.damaged))  # nobody writes before all have read
    if damaged:
        say(f"{damaged} damaged lines of {out / JOURNAL} are ignored, their results computed again")
    return journal


def _run(
    measurements: list[Measurement],
    subject: Subject,
    done: Done,
    how: tuple[Path, int, bool],
    group: Processes,
    say: Callable[[str], None],
) -> int:
    """Measure, print and write each measurement as it comes; return the exit status."""
    from ersde_theory.network_errors._effort import FULL, QUICK
    from ersde_theory.network_errors._measurement import FAILURES
    from ersde_theory.network_errors._run import doubts_about, run_measurements

    out, seed, quick = how
    kept = "what is finished is kept: the same command goes on from there"
    try:
        journal = _journal(out, group, say)
        with progress_bar(Console(stderr=True, quiet=not group.is_first)) as progress:
            task = progress.add_task(subject.name, total=1.0)

            def advance(title: str, share: float) -> None:
                progress.update(task, description=title, completed=share)

            doubts = None
            if group.is_first:
                advance("consistency with the data", 0.0)
                doubts = doubts_about(subject, journal, seed)
                for line in _consistency(doubts):
                    typer.echo(line)
            effort = QUICK if quick else FULL
            for measurement, made in run_measurements(measurements, subject, effort, journal, seed, advance, group):
                if group.is_first:
                    record = replace(made, settings={**made.settings, "doubts": doubts})
                    done.append((measurement, record))
                    _print(measurement.tables(record))
                    _write(record, out)
        found = sum(group.gathered(journal.found))
    except KeyboardInterrupt:
        say(f"interrupted: {kept}")
        return _INTERRUPTED if group.is_first else _OTHERS
    except FAILURES as error:
        say(f"error: {error}; {kept}")
        return 1 if group.is_first else _OTHERS
    if found and group.is_first:
        typer.echo(f"{found} results were found in {out / JOURNAL}.")
    return 0


def _consistency(doubts: list[str] | None) -> list[str]:
    """Return in words whether prediction type, levels and scaling fit the data, as a list in Markdown if not."""
    if doubts is None:
        return []
    if not doubts:
        return ["Prediction type, noise levels and scaling, as the model declares them, are consistent with the data."]
    return [
        "The data contradict what the model declares: is it the right prediction type, schedule and scaling?",
        *(f"- {doubt}" for doubt in doubts),
    ]


def _nothing(text: str) -> None:
    """Tell nobody: what processes other than the first do."""


def _say(text: str) -> None:
    """Tell the user, apart from the results."""
    typer.echo(text, err=True)


def _blocked(out: Path, json_file: Path | None) -> str:
    """Return why the results cannot be written, as found out before the work; empty if they can."""
    from paper_figures.output import writable_folder

    for option, folder in (("--out", out), ("--json", None if json_file is None else json_file.parent)):
        if folder is None:
            continue
        try:
            writable_folder(folder)
        except OSError as error:
            return f"{option}: expected a folder that can be written, got {folder} ({error.strerror})"
    return ""


def _print(tables: list[Table]) -> None:
    """Print tables."""
    from rich.table import Table as RichTable

    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    for table in tables:
        shown = RichTable(title=table.title, box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        for column in table.columns:
            shown.add_column(column)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        for note in table.notes:
            console.print(note)
        console.print()


def _write(record: Record, out: Path) -> None:
    """Write a Record and its picture."""
    from paper_figures.output import write

    try:
        write(record, out)
    except OSError as error:
        _say(f"error: could not write to {error.filename or out} ({error.strerror or error})")
        raise typer.Exit(1) from None


def _finish(done: Done, measurements: list[Measurement], out: Path, json_file: Path | None) -> None:
    """Write the summary of what was finished, and one Record of it if it is asked for."""
    from ersde_theory.network_errors._run import combined
    from ersde_theory.records import write_atomically

    missing = [m.title for m in measurements if m.name not in {measurement.name for measurement, _ in done}]
    lines = [f"# Measurements on {done[0][1].settings['model']}\n" if done else "# Measurements\n"]
    doubts = _consistency(done[0][1].settings["doubts"]) if done else []
    if doubts:
        lines.append("\n".join(doubts) + "\n")
    if missing:
        lines.append(f"Not finished: {', '.join(missing)}.\n")
    for measurement, record in done:
        lines.append(f"## ({measurement.letter}) {measurement.title}\n")
        lines += [table.markdown() for table in measurement.tables(record)]
        lines.append(f"![{measurement.title}]({record.name}.png)\n")
    try:
        write_atomically(out / SUMMARY, "\n".join(lines))
        if json_file is not None and done:
            combined([(measurement.letter, record) for measurement, record in done]).save(json_file)
    except OSError as error:
        _say(f"error: could not write to {error.filename or out} ({error.strerror or error})")
        raise typer.Exit(1) from None
    if done:
        typer.echo(f"Tables, pictures and Records: {out / SUMMARY}")
