r"""Reading a sampler from outside: its tableau, and how far that can be trusted.

A sampler of a fixed grid is linear in its start, the model's outputs and the Gaussian draws. So it is run once with
unit vectors in all three places: component 0 of the state is the start, the k-th call of the model returns unit vector
1 + k, the m-th draw is a unit vector as well, and every state that the model is asked about *is* its row of
coefficients. Runs with random numbers and the sampler's own noise then show whether that is all there is to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit._observation import Observation, compared, observed, observed_at_once, reproduction
from ersde_theory.audit._run import DTYPES, EPS, BasisSource, JointSource, RandomSource, Run, nonlinear_denoiser
from ersde_theory.audit._table import Rows, assembled, dense_table, draw_covariance, foreseen, meant_draws, visible_rows
from ersde_theory.tableau import Tableau

_RANDOM_SHAPE = (1, 2, 3, 4)
_COLUMNS_A_STEP = 5  # evaluations and draws for which one run has room: SEEDS-3 has three of each but its last
# large numbers show clips, small ones thresholds; half precision ends at 65504
_AMPLITUDES = {
    "float64": (1000.0, 1e-3),
    "float32": (1000.0, 1e-3),
    "float16": (30.0, 0.1),
    "bfloat16": (30.0, 0.1),
}


class BlackBox(Protocol):
    """A sampler with its grid, ready to be called in its own way; :mod:`ersde_theory.audit.conventions` makes them."""

    @property
    def name(self) -> str:
        """Name in tables."""

    @property
    def convention(self) -> str:
        """How it is called, in words."""

    @property
    def library(self) -> str:
        """What its states are: ``torch`` or ``numpy``."""

    @property
    def nodes(self) -> Sequence[tuple[float, float]]:
        """The grid: (alpha, sigma) from the start state to the final one."""

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """Modules of the sampler, in which NumPy generators are looked for."""

    def run(self, run: Run) -> Any:
        """Call the sampler.

        Parameters
        ----------
        run : Run
            Gives the start (``begin``), the model's data predictions (``denoise``, ``model_output``) and, where
            noise is handed over, draws (``normal``).

        Returns
        -------
        array
            The final state.
        """


@dataclass(frozen=True, eq=False)
class Readout:
    r"""A third-party sampler as a table of scalars, read from outside.

    Attributes
    ----------
    name : str
        Name of the sampler.
    convention : str
        How it was called.
    tableau : Tableau or None
        In the sampler's own coordinates x; one row per start state, evaluated state and final state. Draws keep
        their meaning, ``draw_covariance`` their correlation. None if no table could be read; `problems` says why.
    levels : float64 array of shape (evaluations,)
        Noise levels sigma/alpha of the evaluations, in order.
    grid_levels : float64 array of shape (N + 1,)
        Noise levels of the grid that the sampler was given.
    dtype : str
        Of the state: float64, float32, float16 or bfloat16.
    linear : bool
        Whether runs with random vectors agree with the table: linear, with coefficients of the grid alone.
    problems : tuple of str
        Where that breaks, each with the step; empty if `linear`.
    precision : float
        Relative error of the coefficients: against the float64 read-out for a lower dtype; for float64 the largest
        relative error of a state that the table predicts, at least the unit of the least precise numbers used.
    coefficient_dtype : str
        The least precise numbers that the state met on its way.
    reproduction : float
        Largest relative error of the final state, when the table is run by :func:`ersde_theory.sample` on a random
        nonlinear denoiser, against the sampler's own output; nan if there is no table.
    notes : tuple of str
        Facts that do not break linearity: casts of the state, noise that comes twice, inputs changed in place.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
    >>> Readout("mine", "own", tab, tab.noise_level[:1], tab.noise_level, "float64", True, (), 1e-16).linear
    True
    """

    name: str
    convention: str
    tableau: Tableau | None
    levels: np.ndarray
    grid_levels: np.ndarray
    dtype: str
    linear: bool
    problems: tuple[str, ...]
    precision: float
    coefficient_dtype: str = "float64"
    reproduction: float = float("nan")
    notes: tuple[str, ...] = field(default=())


def read_out(box: BlackBox, *, dtype: str = "float64", seed: int = 0) -> Readout:
    """Read the tableau of a sampler by calling it; five runs, ten below float64.

    Parameters
    ----------
    box : BlackBox
        The sampler with its grid, made by one of the conventions.
    dtype : str
        Of the state: float64, float32, float16 or bfloat16 (the last with torch only).
    seed : int
        Of the random runs.

    Returns
    -------
    Readout

    Raises
    ------
    TypeError, ValueError
        If the dtype or the seed is wrong. What the sampler itself raises with ordinary numbers is passed on.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit.conventions import own_scheme
    >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0, 0.0]), NoiseScale.exp_power(), order=2)
    >>> read = read_out(own_scheme(tab))
    >>> read.linear, tab.first_difference(read.tableau, rtol=1e-13) is None
    (True, True)
    """
    return _in_dtype(box, dtype, seed, _read)


def read_table(box: BlackBox, *, dtype: str = "float64", seed: int = 0) -> Readout:
    """Read the same table with less proof: one run, two below float64.

    For grids of many steps of a sampler whose read-out on fewer steps was linear. Unit vectors and random numbers of
    order 1 go side by side through one run, and the latter are compared with the table as ever; where that run fails,
    there are two, one for each. Small and large numbers and a repeated run are left out, so that thresholds, clips
    and hidden state can pass unnoticed; so can a factor that depends on the whole state, as its norm or standard
    deviation: unit vectors and random numbers then have it in common.

    Parameters
    ----------
    box : BlackBox
        The sampler with its grid.
    dtype : str
        Of the state, as for :func:`read_out`.
    seed : int
        Of the random run.

    Returns
    -------
    Readout

    Raises
    ------
    TypeError, ValueError
        As :func:`read_out`.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit.conventions import own_scheme
    >>> box = own_scheme(schemes.er_sde(TimeGrid([4.0, 2.0, 1.0, 0.0]), NoiseScale.exp_power(), order=2))
    >>> read_table(box).tableau.first_difference(read_out(box).tableau) is None
    True
    """
    return _in_dtype(box, dtype, seed, _read_quickly)


def _in_dtype(box: BlackBox, dtype: str, seed: int, read: Callable[[BlackBox, str, int], Readout]) -> Readout:
    """Return the read-out, below float64 with its error against the float64 one."""
    _checks.one_of(dtype, "dtype", DTYPES)
    _checks.integer(seed, "seed", minimum=0)
    if box.library == "numpy" and dtype == "bfloat16":
        msg = "dtype: expected a dtype of NumPy for a NumPy sampler, got 'bfloat16'"
        raise ValueError(msg)
    reference = None if dtype == "float64" else read(box, "float64", seed)
    found = read(box, dtype, seed)
    return found if reference is None else _against(found, reference)


def _read(box: BlackBox, dtype: str, seed: int) -> Readout:
    """Return the read-out in one dtype."""
    found = _seen_twice(box, dtype, seed)
    if isinstance(found, Readout):
        return found
    rows, first, basis = found
    replayed = [note.value for note in first.run.draws]
    again = observed(box, replace(_random_source(box, 1.0, seed), replayed=replayed), dtype, seed + 1)
    problems = []
    if not first.agrees_with(again):
        problems.append(
            f"the same run twice gives different states ({first.first_departure(again)}): hidden state from run to "
            f"run, or randomness that was not intercepted"
        )
    runs, residual = [first, basis, again], 0.0
    for amplitude in (1.0, *_AMPLITUDES[dtype]):
        others = seed + len(runs)
        seen = first if amplitude == 1.0 else observed(box, _random_source(box, amplitude, others), dtype, others)
        departures, size = compared(rows, basis, seen, f"of order {amplitude:g}", box.nodes)
        problems += departures
        residual = max(residual, size)
        runs.append(seen)
    problems = [*_own_problems(runs), *problems]
    return _assembled(box, dtype, rows, runs, tuple(dict.fromkeys(problems)), residual)


def _read_quickly(box: BlackBox, dtype: str, seed: int) -> Readout:
    """Return the read-out in one dtype from the one run that it takes at least, or from two."""
    found = _seen_at_once(box, dtype, seed) or _seen_twice(box, dtype, seed)
    if isinstance(found, Readout):
        return found
    rows, first, basis = found
    problems, residual = compared(rows, basis, first, "of order 1", box.nodes)
    problems = [*_own_problems([first, basis]), *problems]
    return _assembled(box, dtype, rows, [first, basis], tuple(dict.fromkeys(problems)), residual)


def _seen_twice(box: BlackBox, dtype: str, seed: int) -> Readout | tuple[Rows, Observation, Observation]:
    """Return the rows that unit vectors show, a run with random numbers and that one; or why there are none."""
    first = observed(box, _random_source(box, 1.0, seed), dtype, seed)
    if first.problem is not None:
        return _failed(box, dtype, [first])
    if not first.run.evaluations:
        return _failed(box, dtype, [first], ["it never asks the model"])
    basis = observed(box, BasisSource(len(first.run.evaluations), len(first.run.draws)), dtype, seed)
    if basis.problem is not None:
        return _failed(box, dtype, [first, basis])
    uncounted = basis.counts_differ(first, "with numbers of order 1")
    if uncounted:
        return _failed(box, dtype, [first, basis], [uncounted])
    return visible_rows(basis.run.evaluations, basis.final, box.nodes, EPS[dtype]), first, basis


def _seen_at_once(box: BlackBox, dtype: str, seed: int) -> tuple[Rows, Observation, Observation] | None:
    """Return the same from one run; None if that fails, or if the sampler asks for more than it has room for."""
    room = 1 + _COLUMNS_A_STEP * len(box.nodes)
    found = observed_at_once(box, JointSource(_random_source(box, 1.0, seed), room), dtype, seed)
    if found is None or not found[0].run.evaluations:
        return None
    first, basis = found
    return visible_rows(basis.run.evaluations, basis.final, box.nodes, EPS[dtype]), first, basis


def _assembled(
    box: BlackBox, dtype: str, rows: Rows, runs: list[Observation], problems: tuple[str, ...], residual: float
) -> Readout:
    """Return the read-out of rows that were read."""
    first, basis = runs[0], runs[1]
    grid = np.array([np.inf if a == 0.0 else s / a for a, s in box.nodes])
    asked = [(note.after, note.meaning) for note in basis.run.draws]
    mixed = foreseen(rows, asked)
    if mixed:
        return _failed(box, dtype, runs[:2], (*problems, mixed))
    draws = meant_draws(rows, len(asked), asked, grid)
    covariance = draw_covariance(asked, [note.value for note in first.run.draws])
    try:
        tableau = assembled(box.name, rows, grid, draws, covariance, EPS[basis.state_dtype])
    except ValueError as error:
        return _failed(box, dtype, runs[:2], (*problems, f"what was read is no tableau: {error}"))
    coarsest = max((o.coefficient_dtype for o in runs), key=EPS.__getitem__)
    return Readout(
        box.name,
        box.convention,
        tableau,
        rows.level[rows.evaluation >= 0],
        grid,
        dtype,
        not problems,
        problems,
        max(residual, EPS[coarsest]),
        coarsest,
        reproduction(tableau, first),
        _notes(runs, covariance),
    )


def _random_source(box: BlackBox, amplitude: float, seed: int) -> RandomSource:
    """Return a random start and a random denoiser of an amplitude."""
    start = amplitude * np.hypot(*box.nodes[0]) * np.random.default_rng([seed, 0]).normal(size=_RANDOM_SHAPE)
    return RandomSource(start, nonlinear_denoiser(start.size, amplitude, seed))


def _failed(box: BlackBox, dtype: str, runs: list[Observation], problems: Sequence[str] = ()) -> Readout:
    """Return the read-out of a sampler that could not be read."""
    last = runs[-1]
    problems = [*problems, *_own_problems(runs), *([last.problem] if last.problem else [])]
    level = np.array([e.level for e in last.run.evaluations])
    grid = np.array([np.inf if a == 0.0 else s / a for a, s in box.nodes])
    return Readout(
        box.name, box.convention, None, level, grid, dtype, False, tuple(dict.fromkeys(problems)), float("nan"),
        last.coefficient_dtype, notes=_notes(runs, {}),
    )  # fmt: skip


def _own_problems(runs: list[Observation]) -> list[str]:
    """Return what the runs reported by themselves."""
    return [problem for seen in runs for problem in seen.run.problems]


def _notes(runs: list[Observation], covariance: dict[tuple[int, int], float]) -> tuple[str, ...]:
    """Return facts about the runs that do not break linearity."""
    notes = [note for seen in runs for note in seen.run.notes]
    for seen in runs:
        notes += [f"changes what it is given in place: {name}" for name in seen.run.changed_in_place()[:3]]
    state = max((seen.state_dtype for seen in runs), key=EPS.__getitem__)
    if EPS[state] > EPS[runs[0].run.dtype]:
        notes.append(f"the state is cast to {state} inside")
    coarsest = max((seen.coefficient_dtype for seen in runs), key=EPS.__getitem__)
    if EPS[coarsest] > EPS[state]:
        notes.append(f"coefficients in {coarsest}")
    if any(seen.watch is not None and seen.watch.reads for seen in runs):
        notes.append("looks at the state's numbers")
    trees = {note.meaning.tree for note in runs[0].run.draws if note.meaning is not None}
    twice = [pair for pair, value in covariance.items() if value == 1.0] if trees <= {None} else []
    notes += [f"draws {i} and {j} are the same numbers: noise that comes twice" for i, j in twice[:3]]
    return tuple(dict.fromkeys(notes))


def _against(read: Readout, reference: Readout) -> Readout:
    """Return a read-out of lower precision, with the error of its coefficients against the float64 one."""
    problems = tuple(dict.fromkeys((*reference.problems, *read.problems)))
    tab, exact = read.tableau, reference.tableau
    if tab is None or exact is None:
        return replace(read, linear=False, problems=problems)
    if (tab.n_draws, tab.n_evaluations) != (exact.n_draws, exact.n_evaluations):
        differs = f"{read.dtype} has other evaluations or draws than float64"
        return replace(read, linear=False, problems=(*problems, differs))
    # a level in low precision need not be a node's any more
    node = np.append(0, np.full(tab.n_rows - 1, -1))
    node[tab.evaluation >= 0] = exact.node[exact.evaluation >= 0]
    node[node == 0] = -1
    node[0], node[-1] = 0, exact.node[-1]
    placed = replace(tab, node=node)
    precision = _relative_error(tab, exact)
    return replace(read, tableau=placed, linear=not problems, problems=problems, precision=precision)


def _relative_error(tab: Tableau, exact: Tableau) -> float:
    """Return the largest error of a coefficient relative to its row's largest, the start in units of its level.

    Rows are compared by the evaluation that they feed, and the last ones.
    """
    rows = [np.append(np.flatnonzero(t.evaluation >= 0), t.n_rows - 1) for t in (tab, exact)]
    got, wanted = dense_table(tab)[rows[0]], dense_table(exact)[rows[1]]
    unit = np.ones(got.shape[1])
    unit[0] = np.hypot(exact.alpha[0], exact.sigma[0])
    size = (np.abs(wanted) * unit).max(axis=1)
    return float(((np.abs(got - wanted) * unit).max(axis=1) / size).max())
