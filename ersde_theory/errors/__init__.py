"""Estimators of errors: a value and its uncertainty, no thresholds; and fits of convergence orders."""

from ersde_theory.errors._beside import DifferenceLadder as DifferenceLadder
from ersde_theory.errors._beside import difference_ladder as difference_ladder
from ersde_theory.errors._coupled import CoupledErrors as CoupledErrors
from ersde_theory.errors._coupled import coupled_errors as coupled_errors
from ersde_theory.errors._coupling import path_grid as path_grid
from ersde_theory.errors._exact_local import LocalErrors as LocalErrors
from ersde_theory.errors._exact_local import exact_local_error as exact_local_error
from ersde_theory.errors._exact_strong import StepTransition as StepTransition
from ersde_theory.errors._exact_strong import exact_strong_error as exact_strong_error
from ersde_theory.errors._observables import OBSERVABLES as OBSERVABLES
from ersde_theory.errors._one_step import OneStep as OneStep
from ersde_theory.errors._one_step import one_step_error as one_step_error
from ersde_theory.errors._order_fit import FLOOR_FACTOR as FLOOR_FACTOR
from ersde_theory.errors._order_fit import MIN_POINTS as MIN_POINTS
from ersde_theory.errors._order_fit import OrderFit as OrderFit
from ersde_theory.errors._order_fit import Regime as Regime
from ersde_theory.errors._order_fit import differences_orders as differences_orders
from ersde_theory.errors._order_fit import fit_order as fit_order
from ersde_theory.errors._order_verdict import OrderVerdict as OrderVerdict
from ersde_theory.errors._order_verdict import Outcome as Outcome
from ersde_theory.errors._order_verdict import judge_order as judge_order
from ersde_theory.errors._strong import StrongLadder as StrongLadder
from ersde_theory.errors._strong import strong_ladder as strong_ladder
from ersde_theory.errors._weak import WeakLadder as WeakLadder
from ersde_theory.errors._weak import weak_ladder as weak_ladder

__all__ = [
    "FLOOR_FACTOR",
    "MIN_POINTS",
    "OBSERVABLES",
    "CoupledErrors",
    "DifferenceLadder",
    "LocalErrors",
    "OneStep",
    "OrderFit",
    "OrderVerdict",
    "Outcome",
    "Regime",
    "StepTransition",
    "StrongLadder",
    "WeakLadder",
    "coupled_errors",
    "difference_ladder",
    "differences_orders",
    "exact_local_error",
    "exact_strong_error",
    "fit_order",
    "judge_order",
    "one_step_error",
    "path_grid",
    "strong_ladder",
    "weak_ladder",
]
