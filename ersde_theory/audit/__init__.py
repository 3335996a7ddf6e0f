"""Audit of samplers from outside: the tableau of a callable, read without a look at its code."""

from ersde_theory.audit._record import record as record
from ersde_theory.audit._table import as_seen as as_seen
from ersde_theory.audit._table import without_unused_draws as without_unused_draws
from ersde_theory.audit.conventions import load_target as load_target
from ersde_theory.audit.readout import BlackBox as BlackBox
from ersde_theory.audit.readout import Readout as Readout
from ersde_theory.audit.readout import read_out as read_out
from ersde_theory.audit.readout import read_table as read_table
from ersde_theory.audit.targets import Calling as Calling
from ersde_theory.audit.targets import audit_sampler as audit_sampler
from ersde_theory.audit.verdict import Verdict as Verdict
from ersde_theory.audit.verdict import Word as Word
from ersde_theory.audit.verdict import judge as judge

__all__ = [
    "BlackBox",
    "Calling",
    "Readout",
    "Verdict",
    "Word",
    "as_seen",
    "audit_sampler",
    "judge",
    "load_target",
    "read_out",
    "read_table",
    "record",
    "without_unused_draws",
]
