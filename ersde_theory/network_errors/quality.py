"""(f) How far the samples are from the data: energy distance, sliced Wasserstein, Fréchet distances of features.

Beside every number stands what a second sample of the data itself gets: below that no sampler can be told from the
data. The Fréchet distance is biased upwards by c/n; its value at n, and the value extrapolated in 1/n, are both given.
"""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np

from analytic import energy_distance, sliced_wasserstein2
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._frechet import frechet_distance
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._runs import NOISE_SCALES, run_grid, tableau
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.records import Record
from ersde_theory.sampling import sample

NAME = "network-quality"
SCHEMES = ("er_sde-3-released", "variable_order_pec")
BASELINE = "the data again"
_FEWEST = 64
_UNITS = {"energy": "data units", "sliced": "squared data units"}


def measure_quality(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return distances of samples from the data, and of the data from itself.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Samples and evaluations.
    memo : Memo
        Keeps results.
    seed : int
        Of all of it.

    Returns
    -------
    Record
        (run): ``energy``, ``sliced`` (squared sliced Wasserstein-2), and for every feature map NAME ``frechet NAME``
        (extrapolated to infinitely many samples) and ``frechet NAME at n`` (run, share), each with ``… se``. The first
        run is the baseline: another sample of the data.

    Raises
    ------
    ValueError
        If there are too few data.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_quality(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> record["run"][0].item(), record["energy"].shape
    ('the data again', (7,))
    """
    begin = time.perf_counter()
    maps = {name: getattr(features, "fingerprint", "") for name, features in sorted(subject.features.items())}
    sizes = {"samples": effort.quality_samples, "features": maps}
    data, again = _samples(subject, effort.quality_samples, seed)
    runs = [BASELINE]
    tasks = [({**sizes, "of": BASELINE}, functools.partial(_distances, subject, again, data, seed))]
    for name, scheme, n in itertools.product(NOISE_SCALES, SCHEMES, effort.quality_evaluations):
        runs.append(f"{scheme}, {name}, {n} evaluations")
        run = functools.partial(_run, subject, (name, scheme, n), data, len(again), seed)
        tasks.append(({**sizes, "noise_scale": name, "scheme": scheme, "evaluations": n}, run))
    arrays = coordinates(run=runs)
    arrays |= stacked(
        memo.all(tasks), (len(runs),), ("run", "share"), lambda label: _UNITS.get(label.split(" ")[0], "")
    )
    settings = {"model": subject.name, "seed": seed, "precision": subject.precision, **sizes, "features": list(maps)}
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


def _samples(subject: Subject, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a sample of the data and another, independent one: of the law, or two halves of the data."""
    if subject.law is not None:
        return subject.clean(n, seed + 1), subject.clean(n, seed + 2)
    order = np.random.default_rng(seed).permutation(len(subject.data))
    half = min(n, len(order) // 2)
    if half < _FEWEST:
        message = f"data: expected at least {2 * _FEWEST} samples to compare with, got {len(order)}"
        raise ValueError(message)
    return subject.data[order[:half]], subject.data[order[half : 2 * half]]


def _run(subject: Subject, run: tuple[str, str, int], data: np.ndarray, n: int, seed: int) -> Result:
    """Return the distances of one run's output."""
    name, scheme, evaluations = run
    start = subject.noised(n, subject.noise_range[1], seed)
    tab = tableau(scheme, run_grid(subject, evaluations), name)
    output = sample(tab, subject.denoise, start, seed, batch_rows=len(start))
    return _distances(subject, output, data, seed)


def _distances(subject: Subject, output: np.ndarray, data: np.ndarray, seed: int) -> Result:
    """Return all distances of a sample from the data's."""
    found: Result = {}
    for label, estimate in (
        ("energy", energy_distance(output, data)),
        ("sliced", sliced_wasserstein2(output, data, seed=seed)),
    ):
        found[label], found[f"{label} se"] = np.array(estimate.value), np.array(estimate.standard_error)
    for name, features in subject.features.items():
        distance = frechet_distance(features(output), features(data))
        found[f"frechet {name}"] = np.array(distance.limit)
        found[f"frechet {name} se"] = np.array(distance.standard_error)
        found[f"frechet {name} at n"] = distance.at_n
    return found


def _quality_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_quality`.

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
    features = record.settings["features"]
    rows = []
    for k, run in enumerate(record["run"].tolist()):
        cells = [number(record[label][k], record[f"{label} se"][k]) for label in ("energy", "sliced")]
        for name in features:
            at_n = record[f"frechet {name} at n"][k]
            cells += [
                number(at_n[0]),
                number(at_n[-1]),
                number(record[f"frechet {name}"][k], record[f"frechet {name} se"][k]),
            ]
        rows.append((run, *cells))
    columns = ["samples of", "energy distance", "sliced W2²"]
    for name in features:
        columns += [f"Fréchet ({name}), n/4", "n", "extrapolated"]
    note = f"n = {record.settings['samples']} samples of each. The first line is what the data get against themselves."
    return [Table("Distance of samples from the data", tuple(columns), rows, (note,))]


MEASUREMENT = Measurement(
    letter="f",
    name=NAME,
    title="distance of samples from the data",
    tasks=lambda _, effort: 1 + len(NOISE_SCALES) * len(SCHEMES) * len(effort.quality_evaluations),
    run=measure_quality,
    tables=_quality_tables,
)
