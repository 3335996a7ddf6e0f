"""Exact errors on Gaussian data: the table of orders, and a slow second opinion for every entry."""

from __future__ import annotations

import functools

import mpmath as mp
import numpy as np
import pytest

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments, target_moments
from tests.numerics import _broken
from tests.numerics._oracles import PHI, scheme_moments

MEAN, VARIANCE = 0.7, 0.25
LAM_MAX, LAM_MIN = 5.0, 0.05
STEPS = (40, 80, 160, 320, 640, 1280)
ROUNDOFF = 2e-13  # of a variance of 0.25 through 160 steps in float64
OTHER_PHI = ("power(1.5)", "power(2.5)", "reverse_sde", "exp_reciprocal", "log_power")

# Absolute error of the variance at STEPS as printed in math.md section 6, with the signs and the last
# local slope that belong to it.
TABLE = {
    ("published", 1, "ode"): ("1.42e-2 7.20e-3 3.63e-3 1.82e-3 9.11e-4 4.56e-4", "++++++", 1.00),
    ("published", 2, "ode"): ("5.04e-4 1.21e-4 2.96e-5 7.32e-6 1.82e-6 4.54e-7", "++++++", 2.00),
    ("published", 3, "ode"): ("3.19e-4 7.51e-5 1.83e-5 4.51e-6 1.12e-6 2.79e-7", "++++++", 2.00),
    ("released", 3, "ode"): ("5.16e-4 1.76e-4 6.91e-5 3.00e-5 1.39e-5 6.68e-6", "++++++", 1.06),
    ("adams", 3, "ode"): ("6.3e-8 4.45e-7 8.37e-8 1.22e-8 1.64e-9 2.1e-10", "++++++", 2.95),
    ("adams", 4, "ode"): ("9.44e-6 6.84e-7 4.58e-8 2.96e-9 1.88e-10 1.2e-11", "++++++", 3.99),
    ("published", 2, "exp_power"): (
        "5.23e-4 1.25e-4 3.06e-5 7.56e-6 1.88e-6 4.69e-7",
        "++++++",
        2.00,
    ),
    ("adams", 3, "exp_power"): ("7.42e-6 2.22e-6 5.04e-7 1.14e-7 2.65e-8 6.4e-9", "++++++", 2.06),
}


@functools.cache
def tableau(method: str, order: int, name: str, n_steps: int) -> Tableau:
    """Return a scheme of the table on its Karras grid."""
    grid, phi = TimeGrid.karras(n_steps, LAM_MAX, LAM_MIN), NoiseScale.from_name(name)
    if method == "adams":
        return schemes.exponential_adams(grid, phi, order, start="graded")
    return schemes.er_sde(grid, phi, order, variant=method)


def variance_error(tab: Tableau) -> float:
    """Return the signed error of the output's variance."""
    target = target_moments(tab, MEAN, VARIANCE)[1]
    return float(output_moments(tab, MEAN, VARIANCE)[1] - target)


def errors(method: str, order: int, name: str) -> np.ndarray:
    """Return the signed variance errors over STEPS."""
    return np.array([variance_error(tableau(method, order, name, n)) for n in STEPS])


def local_slopes(values: np.ndarray) -> np.ndarray:
    """Return the order seen between successive halvings of the step."""
    return np.asarray(np.log2(np.abs(values[:-1] / values[1:])))


if __name__ == "__main__":
    import sys
    for key in TABLE:
        e = errors(*key)
        sys.stdout.write(f"{key} {e} {local_slopes(e)}\n")
    for m,k in (("published",1),("published",2),("published",3),("adams",3),("adams",4)):
        for name in OTHER_PHI:
            e = errors(m,k,name)
            sys.stdout.write(f"{m,k,name} {e} {local_slopes(e)}\n")
