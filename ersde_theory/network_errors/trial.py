"""Measurements without a network: on data whose denoiser is known."""

from __future__ import annotations

import dataclasses
from typing import Any

from ersde_theory.network_errors import MEASUREMENTS, Journal
from ersde_theory.network_errors._effort import FULL, QUICK
from ersde_theory.network_errors._measurement import Memo
from ersde_theory.network_errors._run import run_measurements
from ersde_theory.network_errors._subject import gaussian_subject, law_subject
from ersde_theory.network_errors.one_step import measure_one_step
from ersde_theory.records import Record


def trial_record(letter: str, seed: int = 0) -> Record:
    """Return the Record of one measurement on standard normal data.

    Parameters
    ----------
    letter : str
        Of the measurement, a to f.
    seed : int
        Of everything random.

    Returns
    -------
    Record

    Examples
    --------
    >>> trial_record("c").name
    'network-orders'
    """
    subject, measurement = gaussian_subject(), MEASUREMENTS[letter]
    return next(iter(run_measurements([measurement], subject, QUICK, Journal(None), seed, lambda *_: None)))[1]


QUICK_LEVELS = QUICK.levels  # at which one step is measured quickly


def one_step_of_law(
    name: str, law: Any, noise_range: tuple[float, float], levels: tuple[float, ...], paths: int, seed: int = 0
) -> Record:
    """Return the errors of single steps on a known law, in float64.

    Parameters
    ----------
    name : str
        For titles.
    law : Law
        Of the data.
    noise_range : tuple of two floats
        Levels to stay in.
    levels : tuple of float
        At which steps begin.
    paths : int
        Of each.
    seed : int
        Of data and paths.

    Returns
    -------
    Record
        As of ``ersde measure --what a``.

    Raises
    ------
    ValueError
        If no level lies well within the range.

    Examples
    --------
    >>> from ersde_theory.problems import problem
    >>> record = one_step_of_law("two modes", problem("overlapping").make_law(), (0.002, 80.0), (1.5,), 8)
    >>> bool((record["error"] <= record["bound"]).all())
    True
    """
    subject = law_subject(name, law, law.sample(1, noise_level=0.0, seed=0), noise_range, precision="float64")
    effort = dataclasses.replace(FULL, one_step_paths=paths, levels=levels)
    return measure_one_step(subject, effort, Memo(Journal(None), {}, lambda: None), seed)
