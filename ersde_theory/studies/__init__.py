"""Studies: grids of runs as pure descriptions, on any executor, in a store that survives whatever ends the run."""

from __future__ import annotations

from ersde_theory.studies._description import Study as Study
from ersde_theory.studies._driver import Outcome as Outcome
from ersde_theory.studies._driver import Progress as Progress
from ersde_theory.studies._driver import run as run
from ersde_theory.studies._executors import executor as executor
from ersde_theory.studies._measurement import Measurement as Measurement
from ersde_theory.studies._results import table as table
from ersde_theory.studies._store import Store as Store
from ersde_theory.studies._store import StoreError as StoreError

__all__ = ["Measurement", "Outcome", "Progress", "Store", "StoreError", "Study", "executor", "run", "table"]
