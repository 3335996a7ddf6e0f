"""(e) The precision of the network and of the solver's state: where the floor is, and which orders reach it.

Each scheme runs without noise from the same starts with the network in one precision and the state in another. Its
distance from the same run in the highest precision of both is the floor: no scheme and no number of evaluations gets
below it. Where the discretisation error of the high-precision run is already below the floor, more evaluations or a
higher order buy nothing.
"""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np

from ersde_theory import schemes
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors import coupled_errors
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._reference import reference_states
from ersde_theory.network_errors._runs import run_grid
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import Record
from ersde_theory.sampling import sample

NAME = "network-precision"
STATES = ("float64", "float32")
ORDERS = {
    "er_sde-1": lambda grid, phi: schemes.er_sde(grid, phi, 1),
    "er_sde-2": lambda grid, phi: schemes.er_sde(grid, phi, 2),
    "adams-3": lambda grid, phi: schemes.exponential_adams(grid, phi, 3),
}
_UNIT = "data units, RMS per coordinate"


def measure_precision(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return the error that each pair of precisions adds, and the discretisation error beside it.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Evaluations and paths.
    memo : Memo
        Keeps results.
    seed : int
        Of the starts.

    Returns
    -------
    Record
        (network, state, scheme, evaluations): ``added``, the median over paths of the distance from the same run in the
        highest precision, ``added_se``; (scheme, evaluations): ``discretisation``, the median distance of that run from
        a fine reference, ``discretisation_se``.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_precision(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> float(record["added"][0, 0].max())  # the highest precision adds nothing to itself
    0.0
    """
    begin = time.perf_counter()
    counts = counts_of(effort)
    sizes = {"paths": effort.precision_paths, "reference_steps": effort.reference_steps // 2}
    states = memo({**sizes, "of": "reference"}, functools.partial(_reference, subject, effort, seed))["states"]
    runs = list(itertools.product(ORDERS, counts))
    exact = memo.all(
        (
            {**sizes, "scheme": scheme, "evaluations": n, "of": "best"},
            functools.partial(_best, subject, effort, scheme, n, seed, states),
        )
        for scheme, n in runs
    )
    best = {run: found["states"] for run, found in zip(runs, exact, strict=True)}
    added = memo.all(
        (
            {**sizes, "network": network, "state": state, "scheme": scheme, "evaluations": n},
            functools.partial(_added, subject, effort, (network, state), scheme, n, seed, best[scheme, n]),
        )
        for network, state, (scheme, n) in itertools.product(subject.precisions, STATES, runs)
    )
    arrays = coordinates(network=subject.precisions, state=STATES, scheme=list(ORDERS), evaluations=counts)
    grid = len(subject.precisions), len(STATES), len(ORDERS), len(counts)
    dims = tuple(arrays)
    arrays |= stacked(added, grid, dims, lambda _: _UNIT)
    distances = [{label: value for label, value in found.items() if label != "states"} for found in exact]
    arrays |= stacked(distances, grid[2:], dims[2:], lambda _: _UNIT)
    settings = {"model": subject.name, "seed": seed, "noise_scale": "ode", **sizes}
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


def counts_of(effort: Effort) -> tuple[int, ...]:
    """Return the numbers of evaluations: from 10 to 100.

    Parameters
    ----------
    effort : Effort
        Has all.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import FULL
    >>> counts_of(FULL)
    (10, 20, 50, 100)
    """
    return tuple(n for n in effort.evaluations if 10 <= n <= 100)


def _start(subject: Subject, effort: Effort, seed: int) -> np.ndarray:
    """Return the starts, which float32 holds exactly."""
    start = subject.noised(effort.precision_paths, subject.noise_range[1], seed)
    return np.asarray(start.astype(np.float32).astype(np.float64))


def _output(
    subject: Subject, effort: Effort, precisions: tuple[str, str], scheme: str, n: int, seed: int
) -> np.ndarray:
    """Return final states, float64."""
    network, state = precisions
    tab = ORDERS[scheme](run_grid(subject, n), NoiseScale.ode())
    start = _start(subject, effort, seed).astype(state)
    output = sample(tab, subject.at_precision(network), start, batch_rows=len(start))
    return np.asarray(output.astype(np.float64))


def _reference(subject: Subject, effort: Effort, seed: int) -> Result:
    """Return the fine reference's final states in the highest precision."""
    grid = run_grid(subject, effort.reference_steps // 2)
    path = BrownianPath(NoiseScale.ode(), grid, seed)
    return {"states": reference_states(subject.finest, path, grid.levels, _start(subject, effort, seed))[-1]}


def _best(subject: Subject, effort: Effort, scheme: str, n: int, seed: int, reference: np.ndarray) -> Result:
    """Return a run in the highest precision, and its distance from the reference."""
    states = _output(subject, effort, (subject.precisions[0], STATES[0]), scheme, n, seed)
    errors = coupled_errors(states, reference, seed)
    return {
        "states": states,
        "discretisation": np.array(errors.median),
        "discretisation_se": np.array(errors.median_error),
    }


def _added(
    subject: Subject, effort: Effort, precisions: tuple[str, str], scheme: str, n: int, seed: int, best: np.ndarray
) -> Result:
    """Return how far a run in lower precision is from that in the highest."""
    errors = coupled_errors(_output(subject, effort, precisions, scheme, n, seed), best, seed)
    return {"added": np.array(errors.median), "added_se": np.array(errors.median_error)}


def _precision_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_precision`.

    Parameters
    ----------
    record : Record
        Its record.

    Returns
    -------
    list of Table

    Examples
    --------
    See ``docs/network_measurements.md``.
    """
    counts, names = record["evaluations"].tolist(), record["scheme"].tolist()
    rows = []
    for s, scheme in enumerate(names):
        values = zip(record["discretisation"][s], record["discretisation_se"][s], strict=True)
        rows.append((scheme, *(number(v, e) for v, e in values)))
    columns = ("scheme", *(f"{n} evaluations" for n in counts))
    first = Table("Discretisation error in the highest precision, φ = ode (median over paths)", columns, rows)
    floors = []
    for i, network in enumerate(record["network"].tolist()):
        for j, state in enumerate(record["state"].tolist()):
            added = record["added"][i, j]
            cells = [number(added[s, -1], record["added_se"][i, j, s, -1]) for s in range(len(names))]
            reached = [_reached(record["discretisation"][s], added[s], counts) for s in range(len(names))]
            floors.append((network, state, *cells, *reached))
    columns = (
        "network",
        "state",
        *(f"added to {scheme}, {counts[-1]} evaluations" for scheme in names),
        *(f"{scheme} reaches it at" for scheme in names),
    )
    note = "A scheme has reached the floor where what the precision adds exceeds its discretisation error."
    return [first, Table("What lower precision adds (median over paths)", columns, floors, (note,))]


def _reached(discretisation: np.ndarray, added: np.ndarray, counts: list[int]) -> str:
    """Return the fewest evaluations at which the precision's error is the larger one."""
    below = np.flatnonzero(added > discretisation)
    return f"{counts[int(below[0])]}" if below.size else f"over {counts[-1]}"


MEASUREMENT = Measurement(
    letter="e",
    name=NAME,
    title="precision",
    tasks=lambda subject, effort: (
        1 + (1 + len(subject.precisions) * len(STATES)) * len(ORDERS) * len(counts_of(effort))
    ),
    run=measure_precision,
    tables=_precision_tables,
)
