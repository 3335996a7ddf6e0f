"""The atlas: audits of public implementations, run from checkouts outside this repository.

    python -m ersde_theory.audit.atlas --checkout comfyui=PATH@COMMIT --checkout release=PATH@COMMIT …

The code of a checkout is executed in this process, with all its rights; C++ is compiled first. Only numbers are kept:
verdicts, causes, errors, with the commits that were audited. A Record that is already there keeps the entries that are
not audited anew, or that could not be run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import typer
from rich.console import Console

from ersde_theory.audit._atlas_entries import ENTRIES, Entry
from ersde_theory.audit._atlas_record import LADDER, NOT_RUN, STEPS, Row, merged, record
from ersde_theory.audit._stable_diffusion_cpp import compiled_er_sde
from ersde_theory.audit.conventions import comfy_stand_ins, load_target
from ersde_theory.audit.readout import Readout, read_out
from ersde_theory.audit.targets import boxes
from ersde_theory.audit.verdict import judge
from ersde_theory.progress import progress_bar
from ersde_theory.records import Record

_ABSENT = ("torchsde", "torchdiffeq", "PIL")  # libraries that sampler files import and that the audited ones do not use


@dataclass(frozen=True)
class Checkout:
    """A public repository at a commit, on this machine.

    Attributes
    ----------
    name : str
        Program.
    path : Path
    commit : str

    Examples
    --------
    >>> Checkout.from_text("release=some/folder@25ca6c2").commit
    '25ca6c2'
    """

    name: str
    path: Path
    commit: str

    @classmethod
    def from_text(cls, text: str) -> Checkout:
        """Return the checkout that ``NAME=PATH@COMMIT`` names.

        Parameters
        ----------
        text : str

        Returns
        -------
        Checkout

        Raises
        ------
        ValueError
            If it has not that form, or the name is no program of the atlas.

        Examples
        --------
        >>> Checkout.from_text("release=a")
        Traceback (most recent call last):
            ...
        ValueError: --checkout: expected NAME=PATH@COMMIT, got 'release=a'
        """
        name, equals, rest = text.partition("=")
        path, at, commit = rest.rpartition("@")
        if not (equals and at and name and path and commit):
            msg = f"--checkout: expected NAME=PATH@COMMIT, got {text!r}"
            raise ValueError(msg)
        known = sorted({entry.program for entry in ENTRIES})
        if name not in known:
            msg = f"--checkout: expected a name of {', '.join(known)}, got {name!r}"
            raise ValueError(msg)
        return cls(name, Path(path), commit)


def audited(entry: Entry, checkout: Checkout, advance: Callable[[float], None] | None = None) -> Row:
    """Return the audit of one entry.

    Parameters
    ----------
    entry : Entry
    checkout : Checkout
        Where its files are.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Row

    Examples
    --------
    >>> audited(ENTRIES[0], Checkout("release", Path("nowhere"), "0")).verdict is None
    True
    """
    begin = time.perf_counter()
    verdict, problem = None, ""
    try:
        with _surroundings(entry):
            box_at = boxes(_loaded(checkout.path / entry.target), entry.calling)

            def read_at(n: int) -> Readout:
                return read_out(box_at(n), dtype=entry.dtype)

            verdict = judge(read_at, STEPS, ladder=LADDER, advance=advance)
    except Exception as error:  # whatever a stranger's code raises is a finding
        problem = f"{type(error).__name__}: {error}".replace(str(checkout.path), "…")
    return Row(entry, checkout.commit, verdict, problem, time.perf_counter() - begin)


def _loaded(target: Path) -> Callable[..., Any]:
    """Return what a target names: of a Python file, or the sampler of C++ that has a module of its own here."""
    file, _, _ = str(target).rpartition(":")
    return compiled_er_sde(Path(file)) if file.endswith(".hpp") else load_target(str(target))


@contextlib.contextmanager
def _surroundings(entry: Entry) -> Iterator[None]:
    """Let a sampler's file import its program, and libraries that it does not use, where they are not installed."""
    if entry.calling.convention != "k-diffusion":
        yield
        return
    missing = [name for name in _ABSENT if name not in sys.modules and importlib.util.find_spec(name) is None]
    sys.modules.update({name: mock.MagicMock() for name in missing})
    try:
        with comfy_stand_ins():
            yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)


def _main(
    checkout: Annotated[
        list[str], typer.Option("--checkout", metavar="NAME=PATH@COMMIT", help="A public repository; can be repeated.")
    ],
    json_file: Annotated[
        Path, typer.Option("--json", metavar="FILE", help="Of the Record; its other entries stay.")
    ] = Path("atlas.json"),
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only entries whose label has this text.")] = "",
) -> None:
    """Audit the implementations of the atlas whose checkouts are given, and write the numbers.

    This runs the code of the checkouts, C++ included, as your own: give it only what you would run anyway.

    \f

    Parameters
    ----------
    checkout : list of str
        Repositories on this machine.
    json_file : Path
        Of the Record. If it is there, entries that are not audited now stay as they are.
    only : str
        Part of a label.

    Raises
    ------
    BadParameter
        If a checkout is wrong or lacks a file, no entry has the label, or the file is no atlas of the same steps.
    """  # noqa: D301 - the form feed ends what --help shows
    begin = time.perf_counter()
    try:
        known = {found.name: found for found in map(Checkout.from_text, checkout)}
        chosen = _chosen(known, only)
        _check_files(chosen, known)
        before = _before(json_file, [Row(entry, known[entry.program].commit, None, "", 0.0) for entry in chosen])
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    rows = []
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("atlas", total=float(len(chosen)))
        for i, entry in enumerate(chosen):
            rows.append(audited(entry, known[entry.program]))
            progress.update(task, completed=float(i + 1))
            found = record(rows, time.perf_counter() - begin)
            (found if before is None else merged(before, found)).save(json_file)  # whatever happens to the next
            kept = "" if rows[-1].verdict or not _was_run(before, entry) else "; the earlier entry stays"
            typer.echo(f"{entry.program}, {entry.label}: {rows[-1].verdict or rows[-1].problem}{kept}")


def _chosen(programs: Collection[str], text: str) -> list[Entry]:
    """Return the entries of programs whose label has a text."""
    found = [entry for entry in ENTRIES if entry.program in programs and text in entry.label]
    if not found:
        msg = f"--only: expected part of a label of {', '.join(programs)}, got {text!r}"
        raise ValueError(msg)
    return found


def _check_files(entries: Sequence[Entry], checkouts: Mapping[str, Checkout]) -> None:
    """Raise ValueError unless all files are there: a mistyped path is no finding about a program."""
    for entry in entries:
        path, file = checkouts[entry.program].path, entry.target.rpartition(":")[0]
        if not (path / file).is_file():
            got = "no such file" if path.is_dir() else "no such folder"
            msg = f"--checkout: expected {file} in the checkout of {entry.program}, got {got}: {path}"
            raise ValueError(msg)


def _was_run(before: Record | None, entry: Entry) -> bool:
    """Return whether an atlas has numbers of an entry."""
    if before is None:
        return False
    mine = (before["program"] == entry.program) & (before["label"] == entry.label)
    return bool((mine & (before["verdict"] != NOT_RUN)).any())


def _before(file: Path, rows: Sequence[Row]) -> Record | None:
    """Return the atlas of a file, if there is one: whether it takes such rows is found out before the work."""
    if not file.is_file():
        return None
    before = Record.load(file)
    merged(before, record(rows, 0.0))
    return before


if __name__ == "__main__":
    typer.run(_main)
