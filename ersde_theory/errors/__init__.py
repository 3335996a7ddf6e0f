"""Estimators of errors: a value and its uncertainty, no thresholds; and fits of convergence orders."""

from ersde_theory.errors._coupled import CoupledErrors as CoupledErrors
from ersde_theory.errors._coupled import coupled_errors as coupled_errors
from ersde_theory.errors._exact_strong import StepTransition as StepTransition
from ersde_theory.errors._exact_strong import exact_strong_error as exact_strong_error
from ersde_theory.errors._one_step import OneStep as OneStep
from ersde_theory.errors._one_step import one_step_error as one_step_error
from ersde_theory.errors._order_fit import OrderFit as OrderFit
from ersde_theory.errors._order_fit import fit_order as fit_order

__all__ = [
    "CoupledErrors",
    "OneStep",
    "OrderFit",
    "StepTransition",
    "coupled_errors",
    "exact_strong_error",
    "fit_order",
    "one_step_error",
]
