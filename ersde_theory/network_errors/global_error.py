"""(b) The global error of whole runs against a fine reference on the same Brownian path: mean, RMS and median.

Every scheme runs from the same starts (noised real data at the greatest level) along the same path as the reference,
so with noise the errors are strong ones. Where the data are points, an output has switched if its nearest data point
is another than the reference's: such a path has a large error whatever the order.
"""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np

from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors import coupled_errors
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._reference import reference_states
from ersde_theory.network_errors._runs import NOISE_SCALES, SCHEMES, nearest, run_grid, tableau
from ersde_theory.network_errors._statistics import rms
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample

NAME = "network-global-error"
_UNIT = "data units, RMS per coordinate"


def measure_global_error(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return the errors of whole runs at every number of evaluations.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Evaluations and paths.
    memo : Memo
        Keeps results.
    seed : int
        Of data and paths.

    Returns
    -------
    Record
        (noise_scale, scheme, evaluations): ``mean``, ``rms`` and ``median`` over paths of the RMS error per coordinate,
        ``switched`` (share of paths), standard errors with ``_se``; (noise_scale): ``reference_error``, the median
        change when the reference's steps are doubled.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_global_error(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> record["median"].shape
    (3, 4, 3)
    """
    begin = time.perf_counter()
    sizes = {"paths": effort.global_paths, "reference_steps": effort.reference_steps}
    found = memo.all(
        (
            {**sizes, "noise_scale": name, "of": "reference"},
            functools.partial(_reference, subject, effort, name, seed),
        )
        for name in NOISE_SCALES
    )
    states = {name: reference["states"] for name, reference in zip(NOISE_SCALES, found, strict=True)}
    runs = memo.all(
        (
            {**sizes, "noise_scale": name, "scheme": scheme, "evaluations": n},
            functools.partial(_run, subject, effort, name, scheme, n, seed, states[name]),
        )
        for name, scheme, n in itertools.product(NOISE_SCALES, SCHEMES, effort.evaluations)
    )
    arrays = coordinates(noise_scale=NOISE_SCALES, scheme=list(SCHEMES), evaluations=effort.evaluations)
    grid = len(NOISE_SCALES), len(SCHEMES), len(effort.evaluations)
    arrays |= stacked(
        runs, grid, tuple(arrays), lambda label: "share of paths" if label.startswith("switched") else _UNIT
    )
    doubts = np.array([reference["error"] for reference in found])
    arrays["reference_error"] = LabelledArray(("noise_scale",), doubts, _UNIT)
    settings = {"model": subject.name, "seed": seed, "precision": subject.precision, **sizes}
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


def _start(subject: Subject, effort: Effort, seed: int) -> np.ndarray:
    """Return the starts of all paths."""
    return subject.noised(effort.global_paths, subject.noise_range[1], seed)


def _path(subject: Subject, effort: Effort, name: str, seed: int) -> BrownianPath:
    """Return the path of all runs with one noise scale."""
    return BrownianPath(NoiseScale.from_name(name), run_grid(subject, effort.reference_steps), seed)


def _reference(subject: Subject, effort: Effort, name: str, seed: int) -> Result:
    """Return the reference's final states, and the median change on some paths when its steps are doubled."""
    path, start = _path(subject, effort, name, seed), _start(subject, effort, seed)
    states = reference_states(subject.denoise, path, path.grid.levels, start)[-1]
    some = max(2, len(start) // 4)
    rough = reference_states(subject.denoise, path, path.grid.levels[::2], start[:some])[-1]
    return {"states": states, "error": np.array(coupled_errors(rough, states[:some]).median)}


def _run(subject: Subject, effort: Effort, name: str, scheme: str, n: int, seed: int, reference: np.ndarray) -> Result:
    """Return the summary of one run against the reference."""
    tab = tableau(scheme, run_grid(subject, n), name)
    start = _start(subject, effort, seed)
    noise = _path(subject, effort, name, seed) if tab.is_stochastic else None
    output = sample(tab, subject.denoise, start, noise, batch_rows=len(start))
    errors = coupled_errors(output, reference, seed)
    root, root_se = rms(errors.paths**2)
    moved = float((nearest(output, subject.data) != nearest(reference, subject.data)).mean())
    values = {
        "mean": errors.mean,
        "mean_se": errors.mean_error,
        "rms": root,
        "rms_se": root_se,
        "median": errors.median,
        "median_se": errors.median_error,
        "switched": moved,
        "switched_se": (moved * (1.0 - moved) / len(start)) ** 0.5,
    }
    return {label: np.array(value) for label, value in values.items()}


def _global_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_global_error`.

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
    tables = []
    for i, name in enumerate(record["noise_scale"].tolist()):
        rows = []
        for s, scheme in enumerate(record["scheme"].tolist()):
            for label, shown in (("rms", "RMS"), ("median", "median"), ("switched", "switched")):
                cells = [number(v, e) for v, e in zip(record[label][i, s], record[f"{label}_se"][i, s], strict=True)]
                rows.append((scheme, shown, *cells))
        columns = ("scheme", "", *(f"{n} evaluations" for n in record["evaluations"]))
        note = f"The reference's own error: about {number(float(record['reference_error'][i]))} (median)."
        tables.append(
            Table(f"Whole runs, φ = {name}: error against a fine reference on the same path", columns, rows, (note,))
        )
    return tables


MEASUREMENT = Measurement(
    letter="b",
    name=NAME,
    title="global errors",
    tasks=lambda _, effort: len(NOISE_SCALES) * (1 + len(SCHEMES) * len(effort.evaluations)),
    run=measure_global_error,
    tables=_global_tables,
)
