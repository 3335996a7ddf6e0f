"""Mutation test of the derivations: every step with one thing wrong must be refuted.

``python -m ersde_theory.derivations.mutants`` (``make mutants``) perturbs the right side of every step: the sign of a
term, a factor 1 + 1/1000, a term left out, two levels interchanged. A step whose right side is 0 is perturbed on the
left. Mutants that equal the original at three exact-rational points are equivalent: left out and counted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from ersde_theory.derivations import Derivation, Status, Step, _numeric
from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations.verification import choose
from ersde_theory.records import LabelledArray, Record, write_atomically

KINDS = ("sign", "factor", "dropped", "swapped")
_FACTOR = sympy.Rational(1001, 1000)
_SWAPS = (
    (sym.lam_s, sym.lam_t),
    (sym.lam_s, sym.lam_m),
    (sym.lam_m, sym.lam_t),
    (sym.t_s, sym.t_t),
    (sym.phi_s, sym.phi_t),
    (sym.p, sym.p_2),
)
_MOST_TERMS = 6


@dataclass(frozen=True)
class Mutant:
    """A step with one thing wrong.

    Attributes
    ----------
    kind : str
        ``sign``, ``factor``, ``dropped`` or ``swapped``.
    original, step : Step
        Before and after.

    Examples
    --------
    >>> step = Step(sympy.Integer(2) * sym.x, sym.x + sym.x, "Sum")
    >>> sorted({mutant.kind for mutant in of_step(step)})
    ['factor', 'sign']
    """

    kind: str
    original: Step
    step: Step


@dataclass(frozen=True)
class Tally:
    """What became of the mutants of one derivation.

    Attributes
    ----------
    name : str
        Of the derivation.
    caught, equivalent, missed : tuple of int
        How many, by kind in the order of ``KINDS``.

    Examples
    --------
    >>> Tally("none", (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)).n_mutants
    0
    """

    name: str
    caught: tuple[int, ...]
    equivalent: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def n_mutants(self) -> int:
        """How many mutants were not equivalent."""
        return sum(self.caught) + sum(self.missed)


def of_step(step: Step) -> Iterator[Mutant]:
    """Yield the mutants of a step.

    Parameters
    ----------
    step : Step
        Any.

    Yields
    ------
    Mutant

    Examples
    --------
    >>> len(list(of_step(Step(sym.x * (sym.x + 1), sym.x**2 + sym.x, "Product"))))
    8
    """
    on_left = step.rhs == 0
    target = step.lhs if on_left else step.rhs
    seen = {target}
    for kind, mutated in _perturbed(target):
        if mutated in seen:
            continue
        seen.add(mutated)
        lhs, rhs = (mutated, step.rhs) if on_left else (step.lhs, mutated)
        yield Mutant(kind, step, Step(lhs, rhs, step.reason, step.assuming, step.sign))


def _sums(expr: sympy.Expr) -> list[sympy.Add]:
    """Return the sums inside an expression, outermost first."""
    return [node for node in sympy.preorder_traversal(expr) if isinstance(node, sympy.Add)]


def _perturbed(expr: sympy.Expr) -> Iterator[tuple[str, sympy.Expr]]:
    yield "sign", -expr
    yield "factor", _FACTOR * expr
    for found in _sums(expr):
        terms = found.args[:_MOST_TERMS]
        for term in terms:
            yield "sign", expr.xreplace({found: found - 2 * term})
            yield "factor", expr.xreplace({found: found + (_FACTOR - 1) * term})
            yield "dropped", expr.xreplace({found: found - term})
    for first, second in _SWAPS:
        if expr.has(first) or expr.has(second):
            yield "swapped", expr.xreplace({first: second, second: first})


def is_equivalent(mutant: Mutant) -> bool:
    """Return whether a mutant equals its original at three exact-rational points.

    Parameters
    ----------
    mutant : Mutant
        Any.

    Returns
    -------
    bool

    Examples
    --------
    >>> step = Step(sym.x - sym.x, sympy.Integer(0), "Nothing")
    >>> [is_equivalent(mutant) for mutant in of_step(step)]
    []
    """
    before, after = mutant.original, mutant.step
    old, new = (before.lhs, after.lhs) if before.rhs == 0 else (before.rhs, after.rhs)
    try:
        return not Step(old, new, "", before.assuming).refutation()
    except _numeric.NotEvaluated:
        return False


def _fate(mutant: Mutant) -> str:
    """Return "caught", "equivalent" or "missed"; the ladder is only tried on what no point tells apart."""
    if not _is_refuted(mutant.step) and is_equivalent(mutant):
        return "equivalent"
    return "caught" if mutant.step.check(cached=False).status is Status.FAILS else "missed"


def _is_refuted(step: Step) -> bool:
    try:
        return bool(step.refutation())
    except _numeric.NotEvaluated:
        return False


def tally(derivation: Derivation) -> tuple[Tally, list[Mutant]]:
    """Return the counts of a derivation and the mutants that its check did not notice.

    Parameters
    ----------
    derivation : Derivation
        Any.

    Returns
    -------
    tally : Tally
    missed : list of Mutant

    Examples
    --------
    >>> steps = (Step(sym.x * (sym.x + 1), sym.x**2 + sym.x, "Product"),)
    >>> tally(Derivation("product", "", "", (), steps, ""))[0].caught
    (3, 3, 2, 0)
    """
    counts = {fate: dict.fromkeys(KINDS, 0) for fate in ("caught", "equivalent", "missed")}
    missed = []
    for step in derivation.steps:
        for mutant in of_step(step) if isinstance(step, Step) else ():
            fate = _fate(mutant)
            if fate == "missed":
                missed.append(mutant)
            counts[fate][mutant.kind] += 1
    values = (tuple(counts[fate].values()) for fate in ("caught", "equivalent", "missed"))
    return Tally(derivation.name, *values), missed


def record(tallies: Iterable[Tally], seconds: float = 0.0) -> Record:
    """Return the counts as a Record.

    Parameters
    ----------
    tallies : iterable of Tally
        One per derivation.
    seconds : float
        How long it took.

    Returns
    -------
    Record

    Examples
    --------
    >>> record([Tally("none", (1, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))])["caught"].sum()
    np.int64(1)
    """
    found = list(tallies)
    counts = {
        fate: LabelledArray(("derivation", "kind"), np.array([getattr(item, fate) for item in found], dtype=np.int64))
        for fate in ("caught", "equivalent", "missed")
    }
    names = {
        "derivation": LabelledArray(("derivation",), np.array([item.name for item in found])),
        "kind": LabelledArray(("kind",), np.array(KINDS)),
    }
    return Record("mutants", {"factor": str(_FACTOR)}, names | counts, seconds=seconds)


def main(arguments: list[str] | None = None) -> int:
    """Run the mutation test; 0 if every mutant that is not equivalent was caught.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line: names of derivations, and ``--json FILE``.

    Returns
    -------
    int

    Examples
    --------
    >>> main(["limits"])  # doctest: +ELLIPSIS
    limits ...
    0
    """
    from rich.console import Console
    from rich.progress import Progress

    parser = argparse.ArgumentParser(prog="python -m ersde_theory.derivations.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="derivations; all if none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts as a Record")
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.names)
    except ValueError as error:
        parser.error(str(error))
    begin, tallies, missed = time.perf_counter(), [], []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("mutants", total=len(chosen))
        for derivation in chosen:
            counts, found = tally(derivation)
            tallies.append(counts)
            missed += [(derivation.name, mutant) for mutant in found]
            progress.advance(task)
    seconds = time.perf_counter() - begin
    width = max((len(item.name) for item in tallies), default=0)
    lines = [
        f"{item.name:<{width}}  {sum(item.caught):4} caught  {sum(item.equivalent):3} equivalent"
        f"  {sum(item.missed):3} missed"
        for item in tallies
    ]
    lines += [f"MISSED in {name} ({mutant.kind}): {mutant.step.lhs} = {mutant.step.rhs}" for name, mutant in missed]
    total = sum(item.n_mutants for item in tallies)
    lines.append(f"{total - len(missed)} of {total} mutants caught in {seconds:.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    if options.json is not None:
        write_atomically(options.json, record(tallies, seconds).to_json() + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
