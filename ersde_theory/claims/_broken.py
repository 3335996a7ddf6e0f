"""Broken twins: tableaus with one deliberate fault, which an examination must notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ersde_theory.laboratory._faults import louder as louder
from ersde_theory.tableau import Tableau


def off_by(tab: Tableau, relative: float = 1e-6) -> Tableau:
    """Return the tableau with the newest data weight of its middle row off by a relative amount."""
    data = tab.data.copy()
    data[tab.n_rows // 2, 0] *= 1.0 + relative
    return replace(tab, data=data)


def swapped_history(tab: Tableau) -> Tableau:
    """Return the tableau with the newest and the second newest evaluation exchanged, where it uses two."""
    columns = tab.data_columns.copy()
    if columns.shape[1] < 2:
        return tab
    both = (columns[:, :2] >= 0).all(axis=1)
    columns[both, 0], columns[both, 1] = columns[both, 1], np.copy(columns[both, 0])
    return replace(tab, data_columns=columns)
