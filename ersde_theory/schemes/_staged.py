"""A table from steps with stages: what single-step schemes share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid


@dataclass(frozen=True)
class State:
    """A state of a step.

    Attributes
    ----------
    level : float
        Noise level.
    start : float
        Coefficient of the step's first state.
    data : tuple of float
        Coefficients of the step's evaluations, the oldest first; all that are missing are 0.
    noise : tuple of float
        Coefficients of the step's draws, besides those that the state before carries over.
    """

    level: float
    start: float
    data: tuple[float, ...] = ()
    noise: tuple[float, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step: its stages, then the state at the grid's next node.

    Attributes
    ----------
    states : tuple of State
        In order. Each but the last feeds an evaluation.
    draws : tuple of Draw
        New ones.
    correlation : float
        Of the first two draws.
    evaluates_start : bool
        Whether the step's first evaluation is at the state it starts from, rather than at its first stage.
    """

    states: tuple[State, ...]
    draws: tuple[Draw, ...]
    correlation: float = 0.0
    evaluates_start: bool = True


def step_to_zero(start: float) -> Step:
    """Return the step from a level to 0, where every scheme returns the data prediction; its draw has no weight."""
    return Step((State(0.0, 0.0, (1.0,)),), (Draw(start, 0.0),))


@dataclass
class _Rows:
    """The rows of a table as they come."""

    level: list[float]
    node: list[int] = field(default_factory=lambda: [0])
    fed: list[bool] = field(default_factory=lambda: [False])
    previous: list[float] = field(default_factory=lambda: [1.0])
    data: list[dict[int, float]] = field(default_factory=lambda: [{}])
    noise: list[dict[int, float]] = field(default_factory=lambda: [{}])


def staged_tableau(name: str, grid: TimeGrid, steps: Sequence[Step]) -> Tableau:
    """Return the table in y of a scheme whose steps share only their states.

    Parameters
    ----------
    name : str
        Name in tables.
    grid : TimeGrid
        N steps from a finite level.
    steps : sequence of N Step
        In order.
    """
    rows = _Rows(level=[float(grid.levels[0])])
    draws: list[Draw] = []
    covariance: dict[tuple[int, int], float] = {}
    n_evaluations = 0
    for i, step in enumerate(steps):
        rows.fed[-1] = step.evaluates_start
        if step.correlation != 0.0:
            covariance[len(draws), len(draws) + 1] = step.correlation
        carried: float = 1.0
        known: tuple[float, ...] = ()
        for j, state in enumerate(step.states):
            last = j == len(step.states) - 1
            ratio = state.start / carried if carried != 0.0 else 0.0
            added = (new - ratio * old for new, old in itertools.zip_longest(state.data, known, fillvalue=0.0))
            rows.level.append(state.level)
            rows.node.append(i + 1 if last else -1)
            rows.fed.append(not last)
            rows.previous.append(ratio)
            rows.data.append({n_evaluations + k: weight for k, weight in enumerate(added) if weight != 0.0})
            rows.noise.append({len(draws) + m: weight for m, weight in enumerate(state.noise) if weight != 0.0})
            carried, known = state.start, state.data
        n_evaluations += len(step.states) - int(not step.evaluates_start)
        draws.extend(step.draws)
    data_columns, data = _banded(rows.data)
    noise_columns, noise = _banded(rows.noise)
    return Tableau(
        name=name,
        alpha=np.ones(len(rows.level)),
        sigma=np.array(rows.level),
        node=np.array(rows.node),
        evaluation=np.where(rows.fed, np.cumsum(rows.fed) - 1, -1),
        previous=np.array(rows.previous),
        data_columns=data_columns,
        data=data,
        noise_columns=noise_columns,
        noise=noise,
        draws=tuple(draws),
        draw_covariance=covariance,
    )


def _banded(rows: list[dict[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and values of the rows, padded to one width."""
    width = max(1, *(len(row) for row in rows))
    columns, values = np.full((len(rows), width), -1), np.zeros((len(rows), width))
    for r, row in enumerate(rows):
        columns[r, : len(row)] = list(row)
        values[r, : len(row)] = list(row.values())
    return columns, values
