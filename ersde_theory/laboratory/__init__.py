"""The convergence laboratory: measures the order of any scheme of the catalogue on any problem, in one call."""

from ersde_theory.laboratory._measure import measure as measure
from ersde_theory.laboratory._measurement import Kind as Kind
from ersde_theory.laboratory._measurement import Measurement as Measurement
from ersde_theory.laboratory.work_precision import work_precision as work_precision

__all__ = ["Kind", "Measurement", "measure", "work_precision"]
