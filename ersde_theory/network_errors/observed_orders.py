"""(c) Orders of convergence on the network, with the laboratory's own detection of regimes.

The levels are the middle of the model's range, where steps are short enough for an order to be seen, and the network is
evaluated in the highest precision there is. An order is stated with its interval, or as undecided with what is missing:
a network that is not smooth, or whose round-off is reached, has none. Without noise, schemes whose order needs
it start on the catalogue's graded grid.
"""

from __future__ import annotations

import functools
import itertools
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from ersde_theory.catalogue import scheme as catalogued
from ersde_theory.errors import OrderVerdict, Outcome, StrongLadder, judge_order, strong_ladder
from ersde_theory.laboratory._references import sde_reference
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._host import watched
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._runs import NOISE_SCALES, SCHEMES
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.time_grid import TimeGrid

NAME = "network-orders"
RANGE = (20.0, 2.0)  # levels between which orders are looked at, fixed beforehand: above those where paths decide
STATISTICS = ("rms", "median")
_REFINEMENT = 2  # of the finest grid, for the reference: its method is of order 4 without noise, 1.5 with
_FLOOR = 8.0  # roundings of the network's precision that an error may carry
_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "tf32": 2.0**-10, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def measure_orders(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return ladders of errors and the verdicts on the order, for every noise scale and scheme.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Ladder and paths.
    memo : Memo
        Keeps results.
    seed : int
        Of data and paths.

    Returns
    -------
    Record
        (noise_scale, scheme, statistic, steps): ``error``, ``error_se``; (noise_scale, scheme, statistic): ``order``,
        ``half_width`` of its 95 % interval, ``outcome``, ``verdict`` in words; (noise_scale, scheme): ``declared``.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_orders(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> record["order"].shape
    (3, 4, 2)
    """
    begin = time.perf_counter()
    low, high = max(RANGE[1], subject.noise_range[0]), min(RANGE[0], subject.noise_range[1])
    sizes = {"paths": effort.order_paths, "steps": list(effort.order_steps), "range": [high, low]}
    references = {name: _Reference(subject, name) for name in NOISE_SCALES}
    ladders = memo.all(
        (
            {**sizes, "noise_scale": name, "scheme": scheme, "refinement": _REFINEMENT},
            functools.partial(_ladder, subject, effort, (high, low), name, scheme, seed, references[name]),
        )
        for name, scheme in itertools.product(NOISE_SCALES, SCHEMES)
    )
    arrays = coordinates(noise_scale=NOISE_SCALES, scheme=list(SCHEMES), statistic=STATISTICS, steps=effort.order_steps)
    grid = len(NOISE_SCALES), len(SCHEMES)
    arrays |= stacked(
        ladders, grid, tuple(arrays), lambda label: "data units, RMS" if label.startswith("error") else ""
    )
    declared = [[_declared(scheme, name) for scheme in SCHEMES] for name in NOISE_SCALES]
    arrays["declared"] = LabelledArray(("noise_scale", "scheme"), np.array(declared))
    settings = {"model": subject.name, "seed": seed, "precision": subject.precisions[0], **sizes}
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


class _Reference:
    """The fine reference with one noise scale; schemes on the same grids share its paths, so it runs once."""

    def __init__(self, subject: Subject, name: str) -> None:
        denoise: Any = SimpleNamespace(denoise=watched(subject.finest, "the reference"))
        self._solve = sde_reference(denoise, NoiseScale.from_name(name))
        self._known: dict[tuple[bytes, ...], np.ndarray] = {}

    def __call__(self, levels: np.ndarray, start: np.ndarray, z: np.ndarray, r: np.ndarray) -> np.ndarray:
        key = (levels.tobytes(), start.tobytes(), z[0].tobytes())
        if key not in self._known:
            self._known[key] = self._solve(levels, start, z, r, return_trajectory=True)
        return self._known[key]


def _ladder(
    subject: Subject,
    effort: Effort,
    levels: tuple[float, float],
    name: str,
    scheme: str,
    seed: int,
    reference: _Reference,
) -> Result:
    """Return the errors of one scheme on its ladder and what they say about its order."""
    grids = [
        TimeGrid.karras(effort.order_steps[0], *levels).refine(n // effort.order_steps[0]) for n in effort.order_steps
    ]
    found = strong_ladder(
        [catalogued(scheme).tableau(grid, NoiseScale.from_name(name)) for grid in grids],
        NoiseScale.from_name(name),
        subject.finest,
        lambda n, start_seed: subject.noised(n, levels[0], start_seed),
        reference,
        steps=effort.order_steps,
        paths=effort.order_paths,
        refinement=_REFINEMENT,
        seed=seed,
    )
    verdicts = [_verdict(found, statistic, subject.precisions[0]) for statistic in STATISTICS]
    errors, covariances = zip(*(found.errors(statistic) for statistic in STATISTICS), strict=True)
    return {
        "error": np.array(errors),
        "error_se": np.sqrt(np.array([np.diag(covariance) for covariance in covariances])),
        "order": np.array([verdict.order for verdict in verdicts]),
        "half_width": np.array([verdict.half_width for verdict in verdicts]),
        "outcome": np.array([verdict.outcome.value for verdict in verdicts]),
        "verdict": np.array([str(verdict) for verdict in verdicts]),
    }


def _verdict(found: StrongLadder, statistic: str, precision: str) -> OrderVerdict:
    """Return what the ladder says, round-off of the network included."""
    errors, covariance = found.errors(statistic)
    floors = np.full(errors.size, _FLOOR * _EPS[precision] * found.scale)
    return judge_order(found.steps, errors, floors=floors, covariance=covariance, paths=found.end.shape[1])


def _declared(scheme: str, name: str) -> float:
    """Return the order that the catalogue declares along the path, nan if none."""
    orders = catalogued(scheme).orders
    order = orders.ode if name == "ode" else orders.strong
    return float("nan") if order is None else order


def _order_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_orders`.

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
    rows = []
    for i, name in enumerate(record["noise_scale"].tolist()):
        for s, scheme in enumerate(record["scheme"].tolist()):
            finest = [
                number(record["error"][i, s, q, -1], record["error_se"][i, s, q, -1]) for q in range(len(STATISTICS))
            ]
            words = [_words(record, (i, s, q)) for q in range(len(STATISTICS))]
            rows.append((name, scheme, number(float(record["declared"][i, s])), words[0], words[1], *finest))
    top = int(record["steps"][-1])
    columns = (
        "φ",
        "scheme",
        "declared",
        "order, RMS",
        "order, median",
        f"RMS at {top} steps",
        f"median at {top} steps",
    )
    high, low = record.settings["range"]
    return [Table(f"Observed orders from λ = {high:g} to {low:g}, along the path", columns, rows)]


def _words(record: Record, at: tuple[int, int, int]) -> str:
    """Return a verdict in few words."""
    if record["outcome"][at] == Outcome.ORDER.value:
        return f"{record['order'][at]:.2f} ± {record['half_width'][at]:.2f}"
    return str(record["verdict"][at])


MEASUREMENT = Measurement(
    letter="c",
    name=NAME,
    title="observed orders",
    tasks=lambda _subject, _effort: len(NOISE_SCALES) * len(SCHEMES),
    run=measure_orders,
    tables=_order_tables,
)
