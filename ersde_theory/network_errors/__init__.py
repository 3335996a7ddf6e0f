"""The errors of samplers on a real network: what ``ersde measure`` measures.

Six measurements, each a module with a Record and tables: one-step errors and their bounds, global errors, observed
orders, score error against discretisation error, precision, distance of samples from the data.
"""

from ersde_theory.network_errors import (
    global_error,
    observed_orders,
    one_step,
    precision,
    quality,
    score_error,
)
from ersde_theory.network_errors._measurement import Measurement as Measurement
from ersde_theory.network_errors._measurement import Table as Table
from ersde_theory.network_errors._subject import Subject as Subject
from ersde_theory.network_errors._subject import law_subject as law_subject
from ersde_theory.network_errors.journal import Journal as Journal
from ersde_theory.network_errors.journal import JournalError as JournalError

_ALL = (one_step, global_error, observed_orders, score_error, precision, quality)
MEASUREMENTS = {module.MEASUREMENT.letter: module.MEASUREMENT for module in _ALL}

__all__ = ["MEASUREMENTS", "Journal", "JournalError", "Measurement", "Subject", "Table", "law_subject"]
