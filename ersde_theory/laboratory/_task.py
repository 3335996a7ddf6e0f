"""What the parts of a measurement hand to each other: the task, and the errors that were found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ersde_theory.catalogue import Scheme
from ersde_theory.errors import OrderVerdict, judge_order
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.tableau import Tableau

Advance = Callable[[float], None]


def silent(_share: float) -> None:
    """Tell nobody how much is done."""


@dataclass(frozen=True)
class Task:
    """What is to be measured, every name resolved; the tableaus stand on nested grids."""

    entry: Scheme
    noise_scale: NoiseScale
    problem: Problem
    steps: tuple[int, ...]
    tableaus: tuple[Tableau, ...]
    target: float
    seed: int
    advance: Advance


@dataclass(frozen=True)
class Ladders:
    """Errors of Q quantities on L rungs, each with a verdict."""

    names: tuple[str, ...]
    errors: np.ndarray
    standard_errors: np.ndarray
    floors: np.ndarray
    verdicts: tuple[OrderVerdict, ...]
    path_steps: int = 0


def exact_ladders(
    steps: tuple[int, ...], names: tuple[str, ...], errors: np.ndarray, floors: np.ndarray, unit: float = 1.0
) -> Ladders:
    """Return ladders without sampling, judged; arrays of shape (Q, L)."""
    verdicts = tuple(
        judge_order(steps, row, floors=floor, unit=unit) for row, floor in zip(errors, floors, strict=True)
    )
    return Ladders(names, errors, np.zeros_like(errors), floors, verdicts)
