"""Audit of samplers from outside: the tableau of a callable, read without a look at its code."""

from ersde_theory.audit._table import as_seen as as_seen
from ersde_theory.audit.conventions import load_target as load_target
from ersde_theory.audit.readout import BlackBox as BlackBox
from ersde_theory.audit.readout import Readout as Readout
from ersde_theory.audit.readout import read_out as read_out

__all__ = ["BlackBox", "Readout", "as_seen", "load_target", "read_out"]
