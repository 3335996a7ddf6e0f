"""A coefficient that departs from the certified one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ersde_theory.audit.observed import Observed


@dataclass(frozen=True)
class Departure:
    """The first coefficient that departs from the certified one.

    Attributes
    ----------
    step : int
        Counted from 0.
    row : int
        Of the tableau, the state at the step's end.
    name : str
        ``ratio``, ``data weight of evaluation k`` or ``noise standard deviation``.
    expected, got : float
        In y.

    Examples
    --------
    >>> print(Departure(1, 2, "ratio", 0.5, 0.25))
    step 1, ratio: expected 0.5, got 0.25 (-50 %)
    """

    step: int
    row: int
    name: str
    expected: float
    got: float

    @property
    def relative(self) -> float:
        """Relative difference; inf where 0 was expected."""
        return (self.got - self.expected) / abs(self.expected) if self.expected else np.inf

    def __str__(self) -> str:
        size = f" ({100.0 * self.relative:+.3g} %)" if np.isfinite(self.relative) else ""
        return f"step {self.step}, {self.name}: expected {self.expected:.10g}, got {self.got:.10g}{size}"


def departure_of(seen: Observed, expected: Observed, step: int, part: str) -> Departure:
    """Return a coefficient of a step that is off: the one of the largest difference."""
    row = int(seen.row[step + 1])
    if part == "ratio":
        return Departure(step, row, part, float(expected.ratio[step]), float(seen.ratio[step]))
    if part == "data":
        off = np.abs(seen.data[step] - expected.data[step])
        k = int(np.argmax(off))
        name = f"data weight of evaluation {k}"
        return Departure(step, row, name, float(expected.data[step, k]), float(seen.data[step, k]))
    right, got = expected.noise_variance[step] ** 0.5, seen.noise_variance[step] ** 0.5
    return Departure(step, row, "noise standard deviation", float(right), float(got))


__all__ = ["Departure", "departure_of"]
