"""The pinned grids: levels as float64, each the correctly rounded value of its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import arb, ctx

from ersde_theory.vectors._rounding import exact, rounded

_BITS = 256


@dataclass(frozen=True)
class Grid:
    """A family of grids.

    Attributes
    ----------
    name : str
        Also of its file.
    process : str
        ``ve`` (alpha = 1), ``vp`` (alpha^2 + sigma^2 = 1) or ``flow`` (alpha + sigma = 1).
    start, end : str
        Which convention.
    formula : str
        Of the level i of N steps.
    level : callable
        ``level(i, n)`` to an arb; None is infinity.

    Examples
    --------
    >>> GRIDS[0].levels(2)[::2]
    [80.0, 0.002]
    """

    name: str
    process: str
    start: str
    end: str
    formula: str
    level: Callable[[int, int], Any]

    def levels(self, steps: int) -> list[float]:
        """Return the levels of a number of steps, from the start on; inf is a start from pure noise.

        Parameters
        ----------
        steps : int
            N >= 2.

        Returns
        -------
        list of float
        """
        with ctx.workprec(_BITS):
            balls = [self.level(i, steps) for i in range(steps + 1)]
            return [math.inf if ball is None else rounded(ball) for ball in balls]

    def unit(self, level: float) -> tuple[Any, Any]:
        """Return alpha and sigma of a level, as balls.

        Parameters
        ----------
        level : float
            Exactly this one.

        Returns
        -------
        tuple of arb
        """
        if math.isinf(level):
            return arb(0), arb(1)
        lam = exact(level)
        alpha = {"ve": arb(1), "vp": 1 / (1 + lam * lam).sqrt(), "flow": 1 / (1 + lam)}[self.process]
        return alpha, lam * alpha


def _karras(i: int, n: int) -> Any:
    high, low = arb(80) ** (arb(1) / 7), (arb(1) / 500) ** (arb(1) / 7)
    return arb(80) if i == 0 else arb(1) / 500 if i == n else (((n - i) * high + i * low) / n) ** 7


def _karras_to_zero(i: int, n: int) -> Any:
    return arb(0) if i == n else _karras(i, n - 1)


def _linear(i: int, n: int) -> Any:
    t = ((n - i) + arb(i) / 1000) / n
    return ((t / 10 + t * t * 199 / 20).exp() - 1).sqrt()


def _cosine(i: int, n: int) -> Any:
    if i == n:
        return arb(0)
    t = (arb(99) * (n - 1 - i) + i) / (100 * (n - 1))
    rate, offset = arb.pi() / 2 / (arb(1008) / 1000), arb(8) / 1000
    alpha = (rate * (t + offset)).cos() / (rate * offset).cos()
    return (1 / (alpha * alpha) - 1).sqrt()


def _flow(i: int, n: int) -> Any:
    return None if i == 0 else arb(3 * (n - i)) / i


GRIDS = (
    Grid(
        *("ve-karras", "ve", "level 80", "level 0.002, no step to 0"),
        "(((N-i) 80^(1/7) + i 0.002^(1/7)) / N)^7",
        _karras,
    ),
    Grid(
        *("ve-karras-zero", "ve", "level 80", "level 0, after 0.002"),
        "as ve-karras with N-1 steps, then 0",
        _karras_to_zero,
    ),
    Grid(
        *("vp-linear", "vp", "time 1, of finite level", "time 0.001, no step to 0"),
        "sqrt(exp(B(t)) - 1), B(t) = 0.1 t + 9.95 t^2, t = ((N-i) + 0.001 i)/N",
        _linear,
    ),
    Grid(
        *("vp-cosine-zero", "vp", "time 0.99", "level 0, after time 0.01"),
        "sqrt(1/alpha^2 - 1), alpha = cos(r (t + 0.008))/cos(0.008 r), r = pi/2.016, "
        "t = (0.99 (N-1-i) + 0.01 i)/(N-1), then 0",
        _cosine,
    ),
    Grid(
        *("flow-shift-3", "flow", "pure noise: sigma 1, alpha 0", "level 0"),
        "3 (N-i)/i, which is sigma/(1 - sigma) for sigma = 3 t/(1 + 2 t), t = 1 - i/N",
        _flow,
    ),
)
STEPS = (5, 10, 20, 50)
