"""Audit of samplers from outside: the tableau of a callable, read without a look at its code."""

from ersde_theory.audit.readout import Readout as Readout

__all__ = ["Readout"]
