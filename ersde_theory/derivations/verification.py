"""Checking the whole body of derivations, with a progress bar on a terminal and a Record of what came out."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np

from ersde_theory import _checks
from ersde_theory.derivations import Derivation, Status, Verification, by_name
from ersde_theory.derivations import all as all_derivations
from ersde_theory.records import LabelledArray, Record, write_atomically

_COLUMNS = {Status.PROVED: "proved", Status.NUMERIC: "verified_numerically", Status.FAILS: "fails"}


def choose(names: Sequence[str] = (), claims: Sequence[str] = ()) -> tuple[Derivation, ...]:
    """Return the named derivations, or those that support the named claims, or all.

    Parameters
    ----------
    names : sequence of str
        Of derivations.
    claims : sequence of str
        Ids of the ledger.

    Returns
    -------
    tuple of Derivation
        In the order of the book.

    Raises
    ------
    ValueError
        If there is no such derivation, or none that supports such a claim; the nearest name is suggested.

    Examples
    --------
    >>> [derivation.name for derivation in choose(claims=["limits"])]
    ['limits', 'time-reversal', 'noise-scale', 'scaling']
    """
    wanted = {by_name(name).name for name in names}
    found = all_derivations()
    for claim in claims:
        _checks.one_of(claim, "claim", sorted({known for item in found for known in item.claims}))
    if names or claims:
        found = tuple(d for d in found if d.name in wanted or set(d.claims) & set(claims))
    return found


def check(chosen: Sequence[Derivation], *, cached: bool = True) -> tuple[Verification, ...]:
    """Check derivations in order; a progress bar where the error stream is a terminal.

    Parameters
    ----------
    chosen : sequence of Derivation
        From :func:`choose`.
    cached : bool
        Whether outcomes of earlier runs may be used.

    Returns
    -------
    tuple of Verification

    Examples
    --------
    >>> [item.holds for item in check(choose(["limits"]))]
    [True]
    """
    from rich.console import Console
    from rich.progress import Progress

    total = sum(len(derivation.steps) for derivation in chosen)
    found = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("steps", total=total)
        for derivation in chosen:
            progress.update(task, description=derivation.name)
            found.append(derivation.check(lambda: progress.advance(task), cached=cached))
    return tuple(found)


def table(verifications: Sequence[Verification]) -> str:
    """Return a table for a reader: the counts of each derivation, and every step that is not proved.

    Parameters
    ----------
    verifications : sequence of Verification
        From :func:`check`.

    Returns
    -------
    str

    Examples
    --------
    >>> print(table(check(choose(["limits"]))))
    limits    6 proved   0 verified numerically   0 failing
    6 steps: 6 proved, 0 verified numerically, 0 failing
    """
    width = max((len(item.derivation.name) for item in verifications), default=0)
    lines = []
    for item in verifications:
        counts = [item.count(status) for status in _COLUMNS]
        lines.append(
            f"{item.derivation.name:<{width}}  {counts[0]:3} proved {counts[1]:3} verified numerically "
            f"{counts[2]:3} failing"
        )
        for number, (step, outcome) in enumerate(zip(item.derivation.steps, item.outcomes, strict=True), 1):
            if outcome.status is not Status.PROVED:
                lines.append(f"    step {number}: {outcome.status.value}: {outcome.detail} ({step.reason})")
    totals = [sum(item.count(status) for item in verifications) for status in _COLUMNS]
    lines.append(f"{sum(totals)} steps: {totals[0]} proved, {totals[1]} verified numerically, {totals[2]} failing")
    return "\n".join(lines)


def record(verifications: Sequence[Verification], seconds: float = 0.0) -> Record:
    """Return the counts of each derivation as a Record.

    Parameters
    ----------
    verifications : sequence of Verification
        From :func:`check`.
    seconds : float
        How long it took.

    Returns
    -------
    Record

    Examples
    --------
    >>> int(record(check(choose(["limits"])))["proved"].sum())
    6
    """
    names = np.array([item.derivation.name for item in verifications])
    arrays = {"derivation": LabelledArray(("derivation",), names)}
    for status, label in _COLUMNS.items():
        counts = np.array([item.count(status) for item in verifications], dtype=np.int64)
        arrays[label] = LabelledArray(("derivation",), counts)
    claims = tuple(dict.fromkeys(claim for item in verifications for claim in item.derivation.claims))
    return Record("derivations", {"derivations": names.tolist()}, arrays, claims, seconds=seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check derivations from the command line; 0 if no step fails.

    Parameters
    ----------
    arguments : sequence of str, optional
        Names, ``--claim ID``, ``--no-cache``, ``--json FILE``, ``--latex``.

    Returns
    -------
    int

    Examples
    --------
    >>> main(["limits"])
    limits    6 proved   0 verified numerically   0 failing
    6 steps: 6 proved, 0 verified numerically, 0 failing
    0
    """
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="python -m ersde_theory.derivations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="derivations; all if none is named")
    parser.add_argument("--claim", action="append", default=[], metavar="ID", help="those that support a claim")
    parser.add_argument("--no-cache", action="store_true", help="prove everything again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts as a Record")
    parser.add_argument("--latex", action="store_true", help="print the pages in LaTeX instead of checking them")
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.names, options.claim)
    except ValueError as error:
        parser.error(str(error))
    if options.latex:
        sys.stdout.write("\n\n".join(derivation.latex() for derivation in chosen) + "\n")
        return 0
    begin = time.perf_counter()
    verifications = check(chosen, cached=not options.no_cache)
    sys.stdout.write(table(verifications) + "\n")
    if options.json is not None:
        write_atomically(options.json, record(verifications, time.perf_counter() - begin).to_json() + "\n")
    return 0 if all(item.holds for item in verifications) else 1
