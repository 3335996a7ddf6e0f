"""Broken twins of schemes, and the orders they are judged by."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ersde_theory import Tableau, TimeGrid
from ersde_theory.exact_gaussian import output_moments, target_moments
from tests.schemes._multistep import VARIANCES, plain

SLOPE = 0.1  # of the last order from its limit; an order less is a whole 1
STALE = 0.05  # share of the newest value's weight that a twin gives to an older one
HALVINGS = (160, 320, 640)

Scheme = Callable[[TimeGrid], Tableau]


def slope(scheme: Scheme) -> float:
    """Return the last order of the output's variance, from the forward marginal."""
    errors = []
    for n in HALVINGS[-2:]:
        tab = scheme(plain(n))
        got, target = output_moments(tab, 0.0, VARIANCES)[1], target_moments(tab, 0.0, VARIANCES)[1]
        errors.append(np.linalg.norm(got - target))
    return float(np.log2(errors[0] / errors[1]))


def slope_from(scheme: Scheme, start_variance: float) -> float:
    """Return the last order of the output's variance from another start: that of the differences of three grids."""
    got = [output_moments(scheme(plain(n)), 0.0, VARIANCES, start_variance=start_variance)[1] for n in HALVINGS]
    first, last = (np.linalg.norm(a - b) for a, b in itertools.pairwise(got))
    return float(np.log2(first / last))


def overdriven(scheme: Scheme) -> Scheme:
    """Return the scheme with every data weight a twentieth too large."""

    def build(grid: TimeGrid) -> Tableau:
        tab = scheme(grid)
        return replace(tab, data=(1.0 + STALE) * tab.data)

    return build


def stale(scheme: Scheme) -> Scheme:
    """Return the scheme with a share of each row's newest value replaced by its oldest: constants stay fixed."""

    def build(grid: TimeGrid) -> Tableau:
        tab = scheme(grid)
        data = tab.data.copy()
        for r in np.flatnonzero((tab.data_columns >= 0).sum(axis=1) > 1):
            used = np.flatnonzero(tab.data_columns[r] >= 0)
            newest, oldest = used[np.argmax(tab.data_columns[r, used])], used[np.argmin(tab.data_columns[r, used])]
            moved = STALE * data[r, newest]
            data[r, newest] -= moved
            data[r, oldest] += moved
        return replace(tab, data=data)

    return build


def uncorrelated(scheme: Scheme) -> Scheme:
    """Return the scheme with independent draws."""
    return lambda grid: replace(scheme(grid), draw_covariance={})
