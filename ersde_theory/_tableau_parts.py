"""The small records around a tableau: draws, defects, differences, the dense form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks

DRAW_KINDS = ("increment", "area", "independent")


@dataclass(frozen=True)
class Draw:
    """What a standard normal draw of a sampler means.

    Attributes
    ----------
    level_from, level_to : float
        The noise levels between which the Brownian motion moves.
    kind : str
        ``increment`` of the Brownian path over that interval, its ``area``, or an ``independent`` normal.

    Examples
    --------
    >>> Draw(2.0, 1.0).kind
    'increment'
    """

    level_from: float
    level_to: float
    kind: str = "increment"

    def __post_init__(self) -> None:
        _checks.one_of(self.kind, "draw kind", DRAW_KINDS)
        for name in ("level_from", "level_to"):
            if type(getattr(self, name)) is float and getattr(self, name) >= 0.0:
                continue  # a tableau has thousands
            if _checks.float64_array(getattr(self, name), f"draw {name}", ndim=0) < 0.0:
                msg = f"draw {name}: expected a number >= 0, got {getattr(self, name)}"
                raise ValueError(msg)


@dataclass(frozen=True)
class Defect:
    """A row of a tableau at which an identity of exact schemes fails.

    Attributes
    ----------
    row : int
        The row.
    identity : str
        ``constant`` (constant data is a fixed point) or ``variance`` (point-mass data keep their variance).
    expected, got : float
        Both sides of the identity.

    Examples
    --------
    >>> print(Defect(3, "variance", 1.0, 0.98))
    row 3: variance expected 1.0, got 0.98
    """

    row: int
    identity: str
    expected: float
    got: float

    def __str__(self) -> str:
        return f"row {self.row}: {self.identity} expected {self.expected!r}, got {self.got!r}"


@dataclass(frozen=True)
class Difference:
    """The first coefficient in which two tableaus differ.

    Attributes
    ----------
    row : int or None
        Row of the coefficient; None if the shapes differ.
    column : str
        Its name: ``previous``, ``data[k]``, ``noise[m]``, ``alpha``, ``sigma`` and so on.
    expected, got : object
        The two values.

    Examples
    --------
    >>> print(Difference(2, "data[1]", 0.5, 0.25))
    row 2, data[1]: expected 0.5, got 0.25
    """

    row: int | None
    column: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        where = self.column if self.row is None else f"row {self.row}, {self.column}"
        return f"{where}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class DenseTableau:
    """Every state as a combination of the start state, all evaluations and all draws.

    Attributes
    ----------
    start : float64 array of shape (rows,)
    data : float64 array of shape (rows, evaluations)
    noise : float64 array of shape (rows, draws)

    Examples
    --------
    >>> import numpy as np
    >>> DenseTableau(np.ones(1), np.zeros((1, 0)), np.zeros((1, 0))).start.shape
    (1,)
    """

    start: np.ndarray
    data: np.ndarray
    noise: np.ndarray
