"""Equality of tableaus is equality of samplers, also where the start is forgotten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ersde_theory import NoiseScale, TimeGrid, schemes


def _forgetful():
    return schemes.er_sde(TimeGrid([np.inf, 2.0, 1.0, 0.5]), NoiseScale.reverse_sde(), 1)


def _rewritten(tab):
    """Return the same sampler with row 2 written without its previous row."""
    dense = tab.dense()
    previous = tab.previous.copy()
    previous[2] = 0.0
    columns = np.full((tab.n_rows, 2), -1)
    values = np.zeros((tab.n_rows, 2))
    noise_columns, noise = columns.copy(), values.copy()
    for r in range(1, tab.n_rows):
        columns[r, 0], values[r, 0] = tab.data_columns[r, 0], tab.data[r, 0]
        noise_columns[r, 0], noise[r, 0] = tab.noise_columns[r, 0], tab.noise[r, 0]
    columns[2], values[2] = [1, 0], dense.data[2, [1, 0]]
    noise_columns[2], noise[2] = [1, 0], dense.noise[2, [1, 0]]
    return replace(tab, previous=previous, data_columns=columns, data=values, noise_columns=noise_columns, noise=noise)


def test_two_forms_of_one_sampler_are_equal():
    """Assert that a row written with or without the previous one makes no difference."""
    tab = _forgetful()
    other = _rewritten(tab)
    assert np.abs(tab.dense().noise - other.dense().noise).max() < 1e-15
    assert tab.first_difference(other) is None
    assert other.first_difference(tab) is None


def test_a_coefficient_off_by_1e_6_is_still_a_difference():
    """Assert that the canonical comparison notices a real difference, in its row."""
    tab = _forgetful()
    noise = tab.noise.copy()
    noise[2, 0] *= 1.0 + 1e-6
    difference = tab.first_difference(_rewritten(replace(tab, noise=noise)))
    assert difference is not None
    assert difference.row == 2


def test_tableaus_that_remember_their_start_are_canonical_already():
    """Assert that nothing is changed where the form is unique."""
    tab = schemes.exponential_adams(TimeGrid.karras(9, 5.0, 0.05), NoiseScale.exp_power(), 4)
    assert tab.canonical() is tab
