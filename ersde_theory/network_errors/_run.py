"""Runs measurements through the journal, and puts their Records together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ersde_theory import _checks
from ersde_theory.models.processes import Processes
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._measurement import ALONE, VERSION, Measurement, Memo
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Journal
from ersde_theory.records import LabelledArray, Record


def chosen(what: str, measurements: Mapping[str, Measurement]) -> list[Measurement]:
    """Return the measurements that a list of letters or names asks for, in their own order.

    Parameters
    ----------
    what : str
        With commas; empty for all.
    measurements : mapping of str to Measurement
        By letter.

    Returns
    -------
    list of Measurement

    Raises
    ------
    ValueError
        If one is unknown; the nearest is suggested.

    Examples
    --------
    >>> from ersde_theory.network_errors import MEASUREMENTS
    >>> [m.name for m in chosen("c,network-one-step", MEASUREMENTS)]
    ['network-one-step', 'network-orders']
    """
    letters = {m.name: letter for letter, m in measurements.items()} | {letter: letter for letter in measurements}
    asked = {letters[_checks.one_of(part.strip(), "--what", letters)] for part in what.split(",") if part.strip()}
    return [m for letter, m in measurements.items() if letter in asked or not asked]


def doubts_about(subject: Subject, journal: Journal, seed: int) -> list[str] | None:
    """Return what contradicts the prediction type and the levels that a model declares, through the journal.

    Parameters
    ----------
    subject : Subject
        The model.
    journal : Journal
        Keeps and gives the answer.
    seed : int
        Of the data and the noise that it is tested with.

    Returns
    -------
    list of str, or None
        None where it cannot be tested.

    Examples
    --------
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> doubts_about(gaussian_subject(), Journal(None), 0) is None
    True
    """
    test = subject.doubts
    if test is None:
        return None
    task = {"of": "doubts", "version": VERSION, "subject": subject.fingerprint, "seed": seed}
    found: list[str] = journal.result(task, lambda: {"words": np.array(test(seed), dtype=np.str_)})["words"].tolist()
    return found


def run_measurements(
    measurements: Sequence[Measurement],
    subject: Subject,
    effort: Effort,
    journal: Journal,
    seed: int,
    advance: Callable[[str, float], None],
    group: Processes = ALONE,
) -> Iterator[tuple[Measurement, Record]]:
    """Yield each measurement with its Record as soon as it is done.

    Parameters
    ----------
    measurements : sequence of Measurement
        What to measure.
    subject : Subject
        Of what.
    effort : Effort
        How much.
    journal : Journal
        Keeps and gives results.
    seed : int
        Of everything random.
    advance : callable
        Told the title of the measurement and the share of all tasks that is done.
    group : Processes
        That share the tasks.

    Yields
    ------
    measurement : Measurement
    record : Record
        Its settings name the journal's key of the subject, so that Records of other weights differ.

    Examples
    --------
    See ``ersde_theory.network_errors.command``.
    """
    total = sum(m.tasks(subject, effort) for m in measurements)
    done = 0
    for measurement in measurements:
        title = f"({measurement.letter}) {measurement.title}"
        advance(title, done / total)

        def tick(title: str = title) -> None:
            nonlocal done
            done += 1
            advance(title, min(1.0, done / total))

        common = {
            "measurement": measurement.name,
            "version": VERSION,
            "subject": subject.fingerprint,
            "precision": subject.precision,
            "seed": seed,
        }
        record = measurement.run(subject, effort, Memo(journal, common, tick, group), seed)
        yield measurement, replace(record, settings={**record.settings, "subject": subject.fingerprint[:16]})


def combined(records: Sequence[tuple[str, Record]]) -> Record:
    """Return one Record of several, names and dims with the measurement's letter before them.

    Parameters
    ----------
    records : sequence of (str, Record)
        Letters and Records.

    Returns
    -------
    Record

    Examples
    --------
    >>> import numpy as np
    >>> one = Record("one", {"seed": 0}, {"x": LabelledArray(("x",), np.zeros(2))})
    >>> combined([("a", one)]).arrays["a.x"].dims
    ('a.x',)
    """
    arrays = {
        f"{letter}.{label}": LabelledArray(tuple(f"{letter}.{dim}" for dim in array.dims), array.values, array.unit)
        for letter, record in records
        for label, array in record.arrays.items()
    }
    settings = {letter: dict(record.settings) for letter, record in records}
    return Record("network-measurements", settings, arrays, seconds=sum(record.seconds for _, record in records))
