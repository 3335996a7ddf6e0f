"""A run of a black box that was watched, and its comparison with a table of coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory.audit._run import EPS, BasisSource, CannotRead, JointSource, RandomSource, Run, Source
from ersde_theory.audit._table import Rows, assigned_nodes
from ersde_theory.audit._taps import tapped
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau

if TYPE_CHECKING:
    from ersde_theory.audit.readout import BlackBox

EXACT = 1e-10  # what a float64 state must agree to, relative to the sizes that it is a sum of
_ROUNDINGS = 256.0


@dataclass(frozen=True)
class Observation:
    """What one run showed.

    Attributes
    ----------
    run : Run
        Evaluations, outputs, draws.
    final : float64 array
        The final state; empty if there is none.
    problem : str or None
        Why the run did not come to its end.
    watch : Watch or None
        What torch saw.
    """

    run: Run
    final: np.ndarray
    problem: str | None
    watch: Any

    @property
    def state_dtype(self) -> str:
        """The least precise dtype that the state went through."""
        return self.run.dtype if self.watch is None else str(self.watch.state_dtype)

    @property
    def coefficient_dtype(self) -> str:
        """The least precise dtype of the state or a number that it met."""
        met = self.run.dtype if self.watch is None else self.watch.coefficient_dtype
        return max(met, self.state_dtype, key=EPS.__getitem__)

    def states(self) -> list[np.ndarray]:
        """Return the evaluated states and the final one."""
        return [*(e.state for e in self.run.evaluations), self.final]

    def counts_differ(self, other: Observation, what: str) -> str:
        """Return how the counts of another run differ from this one's with unit vectors; empty if they do not."""
        pairs = {
            "evaluations": (len(self.run.evaluations), len(other.run.evaluations)),
            "draws": (len(self.run.draws), len(other.run.draws)),
        }
        for name, (mine, others) in pairs.items():
            if mine != others:
                return f"number of {name} depends on the numbers: {mine} with unit vectors, {others} {what}"
        return ""

    def agrees_with(self, other: Observation) -> bool:
        """Return whether two runs had the same states, bit for bit."""
        return self.first_departure(other) == ""

    def first_departure(self, other: Observation) -> str:
        """Return where two runs part, in words; empty if they do not."""
        if other.problem is not None:
            return other.problem
        mine, others = self.states(), other.states()
        if len(mine) != len(others):
            return f"{len(mine) - 1} evaluations, then {len(others) - 1}"
        for k, (a, b) in enumerate(zip(mine, others, strict=True)):
            if a.shape != b.shape or not np.array_equal(a, b, equal_nan=True):
                return "final state" if k == len(mine) - 1 else f"first at evaluation {k}"
        return ""


def observed(box: BlackBox, source: Source, dtype: str, seed: int) -> Observation:
    """Return one run of a black box; errors are passed on unless the numbers are unit vectors."""
    run = Run(source, library=box.library, dtype=dtype, seed=seed)
    final, problem, watch = np.zeros(0), None, None
    try:
        with tapped(run, box.namespaces) as watch:
            result = box.run(run)
            if not isinstance(result, np.ndarray) and not hasattr(result, "detach"):
                msg = f"it returns no final state but an object of type {type(result).__name__}"
                raise CannotRead(msg)
            final = run.host(result)
        if not np.isfinite(final).all():
            problem = f"the final state has {'nan' if np.isnan(final).any() else 'inf'}"
        elif final.shape != source.start.shape:
            problem = f"the final state has shape {final.shape}, the start {source.start.shape}"
    except CannotRead as error:
        reason = "" if watch is None else watch.explain(len(run.evaluations) - 1)
        problem = f"{error}; before it {reason}" if reason else str(error)
    except Exception as error:
        if not isinstance(source, BasisSource):
            raise
        problem = f"unit vectors make it fail: {type(error).__name__}: {error}"
    return Observation(run, final, problem, watch)


def observed_at_once(
    box: BlackBox, source: JointSource, dtype: str, seed: int
) -> tuple[Observation, Observation] | None:
    """Return a run with random numbers and one with unit vectors, seen in one run; None if anything is amiss."""
    try:
        both = observed(box, source, dtype, seed)
    except Exception:  # of the unit vectors or of the sampler: runs of one kind will tell
        return None
    if both.problem is not None:
        return None
    basis = BasisSource(sum(source.columns), len(source.columns) - sum(source.columns))
    return _part(both, source.random, source.random_part), _part(both, basis, source.unit_part)


def _part(both: Observation, source: Source, part: Callable[[np.ndarray], np.ndarray]) -> Observation:
    """Return what a run with some of its numbers would have shown."""
    run = replace(
        both.run,
        source=source,
        evaluations=[replace(e, state=part(e.state)) for e in both.run.evaluations],
        outputs=[part(value) for value in both.run.outputs],
        draws=[replace(note, value=part(note.value)) for note in both.run.draws],
    )
    return replace(both, run=run, final=part(both.final))


def compared(
    rows: Rows, basis: Observation, seen: Observation, what: str, nodes: Sequence[tuple[float, float]]
) -> tuple[list[str], float]:
    """Return where a run departs from the table (its first row only), and the largest relative error."""
    if seen.problem is not None:
        return [f"with numbers {what}: {seen.problem}"], 0.0
    run, wanted = seen.run, basis.run
    uncounted = basis.counts_differ(seen, what)
    if uncounted:
        return [uncounted], 0.0
    for k, (a, b) in enumerate(zip(run.evaluations, wanted.evaluations, strict=True)):
        if (a.alpha, a.sigma) != (b.alpha, b.sigma):
            found = f"{b.level:.6g} with unit vectors, {a.level:.6g} {what}"
            return [f"noise level of evaluation {k} depends on the numbers (adaptive steps?): {found}"], 0.0
    return _departures(rows, seen, what, nodes)


def _departures(
    rows: Rows, seen: Observation, what: str, nodes: Sequence[tuple[float, float]]
) -> tuple[list[str], float]:
    """Return the first row whose state is not the table's combination, and the largest relative error."""
    run = seen.run
    vectors = np.stack([run.source.start, *run.outputs, *(note.value for note in run.draws)])
    vectors = vectors.reshape(len(vectors), -1)
    states = [e.state for e in run.evaluations]
    tolerance = EXACT if EPS[seen.state_dtype] == EPS["float64"] else _ROUNDINGS * EPS[seen.state_dtype]
    largest = 0.0
    for r in range(1, len(rows.alpha)):
        k = int(rows.evaluation[r])
        got = (seen.final if k < 0 else states[k]).reshape(-1)
        size = float(np.abs(rows.table[r]) @ np.abs(vectors).max(axis=1))
        error = float(np.abs(got - rows.table[r] @ vectors).max()) / (size or 1.0)
        largest = max(largest, error)
        if error > tolerance:
            return [_described(rows, seen, r, error, what, nodes)], largest
    return [], largest


def _described(
    rows: Rows, seen: Observation, row: int, error: float, what: str, nodes: Sequence[tuple[float, float]]
) -> str:
    """Return the sentence about a row that is not linear."""
    grid = np.array([np.inf if a == 0.0 else s / a for a, s in nodes])
    passed = assigned_nodes(rows.level, grid)[:row]
    step = int(passed.max(initial=0))
    k = int(rows.evaluation[row])
    state = "final state" if k < 0 else f"state of evaluation {k}"
    reason = "" if seen.watch is None else seen.watch.explain(rows.n_evaluations if k < 0 else k)
    cause = f"; there {reason}" if reason else ""
    return (
        f"step {step}: with numbers {what} the {state} (noise level {rows.level[row]:.6g}) is off the table by "
        f"{error:.1e} of its size{cause}"
    )


def reproduction(tab: Tableau, seen: Observation) -> float:
    """Return the relative error of the tableau's own run on the denoiser and the noise of an observed run."""
    source = seen.run.source
    if not isinstance(source, RandomSource):
        msg = f"reproduction: expected a run with random numbers, got {type(source).__name__}"
        raise TypeError(msg)
    noise = np.stack([note.value for note in seen.run.draws]) if seen.run.draws else None
    final = sample(tab, source.denoise, source.start, noise)
    return float(np.abs(final - seen.final).max() / np.abs(seen.final).max())
