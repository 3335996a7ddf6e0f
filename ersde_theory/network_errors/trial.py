"""A measurement without a network: on standard normal data, whose denoiser is known, in the quick sizes."""

from __future__ import annotations

from ersde_theory.network_errors import MEASUREMENTS, Journal
from ersde_theory.network_errors._effort import QUICK
from ersde_theory.network_errors._run import run_measurements
from ersde_theory.network_errors._subject import gaussian_subject
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
