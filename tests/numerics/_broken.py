"""Broken twins: a sampler with one fault of the kind that ports have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ersde_theory import Tableau


def with_coefficient_off(tab: Tableau, relative: float = 1e-6, row: int | None = None) -> Tableau:
    """Return the sampler with the newest data weight of one row off; the middle row unless given."""
    data = tab.data.copy()
    data[tab.n_rows // 2 if row is None else row, 0] *= 1.0 + relative
    return replace(tab, data=data)


def with_noise_off(tab: Tableau, relative: float = 0.01) -> Tableau:
    """Return the sampler with every noise weight off."""
    return replace(tab, noise=tab.noise * (1.0 + relative))


def with_history_swapped(tab: Tableau) -> Tableau:
    """Return the sampler with the weights of its two newest evaluations exchanged."""
    data = tab.data.copy()
    full = (tab.data_columns[:, :2] >= 0).all(axis=1)
    data[full, :2] = data[full, 1::-1]
    return replace(tab, data=data)


def with_history_shifted(tab: Tableau) -> Tableau:
    """Return the sampler whose older evaluations are each one step too old, where there are any."""
    columns = tab.data_columns.copy()
    columns[:, 1:] = np.where(columns[:, 1:] > 0, columns[:, 1:] - 1, columns[:, 1:])
    return replace(tab, data_columns=columns)


def with_half_second_difference(second: Tableau, third: Tableau) -> Tableau:
    """Return order 3 with its second divided difference lacking the factor 2."""
    data = third.data.copy()
    data[:, :2] = 0.5 * (data[:, :2] + second.data)
    data[:, 2] *= 0.5
    return replace(third, data=data)
