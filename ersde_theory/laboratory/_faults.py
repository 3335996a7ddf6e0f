"""Faults as ports have them: each turns a right tableau into a wrong one that an order verdict must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ersde_theory.tableau import Tableau

Fault = Callable[[Tableau], Tableau]


def louder(tab: Tableau, relative: float = 0.01) -> Tableau:
    """Return the tableau with all its noise off by a relative amount."""
    return replace(tab, noise=tab.noise * (1.0 + relative))


def wrong_difference(tab: Tableau) -> Tableau:
    """Return the tableau with half the correction by older evaluations, as a divided difference over two steps has it.

    Constant data stay a fixed point: what the older weights lose, the newest gains.
    """
    data = tab.data.copy()
    lost = 0.5 * data[:, 1:]
    data[:, 1:] -= lost
    data[:, 0] += lost.sum(axis=1)
    return replace(tab, data=data)


def shifted_history(tab: Tableau) -> Tableau:
    """Return the tableau with every evaluation one step too old, where there is an older one."""
    columns = tab.data_columns.copy()
    columns[columns >= 1] -= 1
    return replace(tab, data_columns=columns)


FAULTS: dict[str, Fault] = {
    "noise off by 1 %": louder,
    "wrong divided difference": wrong_difference,
    "history shifted by one": shifted_history,
}
