"""What the schemes need of the steps of a grid: ratios, noises, weights of interpolation formulas, as balls."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from flint import acb, arb, ctx

from ersde_theory.vectors._noise_scales import BallNoiseScale
from ersde_theory.vectors._rounding import ACCURACY_BITS, exact

_MORE_BITS = (1, 3, 9)
Ball = Any  # arb, which has no types


def _variable(name: str, z: Any, analytic: bool) -> Any:
    """Return an interpolation variable at a complex level."""
    if name == "log":
        return z.log(analytic=analytic)
    return z if name == "linear" else z / (z + acb(3) / 2)


class Steps:
    """The steps of one grid with one noise scale function.

    Parameters
    ----------
    levels : sequence of float
        Falling; the first may be inf, the last 0.
    phi : BallNoiseScale
        Admissible there.

    Examples
    --------
    >>> from ersde_theory.vectors._noise_scales import noise_scale
    >>> steps = Steps([4.0, 2.0, 1.0], noise_scale("ode"))
    >>> float(steps.ratio(0)), [round(float(w), 3) for w in steps.interpolation(1, [2.0, 4.0], "linear")]
    (0.5, [0.653, -0.153])
    """

    def __init__(self, levels: Sequence[float], phi: BallNoiseScale) -> None:
        self.levels = list(levels)
        self.phi = phi
        self.n = len(levels) - 1
        self.balls: list[Ball] = [None if math.isinf(level) else exact(level) for level in levels]
        self.from_infinity = self.balls[0] is None
        self.moment = functools.cache(self._moment)

    def ends_at_zero(self, i: int) -> bool:
        """Return whether a step goes to level 0."""
        return self.levels[i + 1] == 0.0

    @functools.cached_property
    def _phi(self) -> list[Ball]:
        """Phi at each level; 0 at 0, None at infinity."""
        return [None if b is None else arb(0) if b == 0 else self.phi.value(b) for b in self.balls]

    def ratio(self, i: int) -> Ball:
        """Return the coefficient of the state of a step, in y; from infinity, of a state in units of the noise."""
        if self.ends_at_zero(i):
            return arb(0)
        if self.balls[i] is None:
            limit = self.phi.excess_at_infinity
            return arb(0) if limit is None else self._phi[i + 1] / limit()
        if self.phi.is_ode:
            return self.balls[i + 1] / self.balls[i]
        return self._phi[i + 1] / self._phi[i]

    def fei(self, i: int) -> Ball:
        """Return the sum of the data weights of a step; 1 from infinity."""
        return arb(1) if self.balls[i] is None else 1 - self.ratio(i)

    def variance(self, i: int) -> Ball:
        """Return the variance of the noise of a step, in y."""
        if self.ends_at_zero(i) or self.phi.is_ode:
            return arb(0)
        unit = arb(1) if self.balls[i] is None else self.balls[i]
        for more in _MORE_BITS:  # with little noise two nearly equal numbers are subtracted
            with ctx.workprec(more * ctx.prec):
                found = self.balls[i + 1] ** 2 - (unit * self._fresh_ratio(i)) ** 2
            if found.rel_accuracy_bits() > ACCURACY_BITS:
                return found
        return found

    def _fresh_ratio(self, i: int) -> Ball:
        """Return the ratio of a step at the precision of the moment."""
        return Steps(self.levels[i : i + 2], self.phi).ratio(0)

    def length(self, i: int) -> Ball:
        """Return the logarithmic length of a step between finite levels above 0."""
        return (self.balls[i] / self.balls[i + 1]).log()

    def growth(self, i: int) -> Ball:
        """Return the length of a step in the noise level over that of the one before, between finite levels."""
        above, start, end = self.balls[i - 1 : i + 2]
        return (start - end) / (above - start)

    def _variable(self, i: int, name: str, z: Any, analytic: bool) -> Any:
        """Return the interpolation variable of a step at a complex level."""
        if name != "even":
            return _variable(name, z, analytic)
        scale = self.balls[i] * 3 / 4 * self.growth(i).max(arb(1))
        return (scale**2 + z * z).sqrt(analytic=analytic)

    def _moment(self, i: int, variable: str, n: int) -> Ball:
        """Return the integral of (v - v_s)^n against phi_t phi'/phi^2 over a step."""
        start, end = self.balls[i], self.balls[i + 1]
        if n == 0:
            return self.fei(i)
        origin = self._variable(i, variable, acb(start), False)
        return self.phi.integral(
            start, end, lambda z, analytic: (self._variable(i, variable, z, analytic) - origin) ** n
        )

    def interpolation(self, i: int, nodes: Sequence[float], variable: str) -> list[Ball]:
        """Return the weights of the values at some levels, interpolated in a variable over a step.

        Parameters
        ----------
        i : int
            The step, between finite levels above 0.
        nodes : sequence of float
            Distinct.
        variable : {"linear", "log", "rational", "even"}
            v; the third is lambda/(1.5 + lambda), the last sqrt(c^2 + lambda^2) with c = 3/4 lambda_s max(1, growth).

        Returns
        -------
        list of arb
        """
        at = [self._variable(i, variable, acb(exact(node)), False).real for node in nodes]
        origin = self._variable(i, variable, acb(self.balls[i]), False).real
        gaps = [v - origin for v in at]
        moments = [self.moment(i, variable, n) for n in range(len(nodes))]
        return [sum(c * m for c, m in zip(_lagrange(gaps, j), moments, strict=True)) for j in range(len(nodes))]


def _lagrange(gaps: Sequence[Ball], j: int) -> list[Ball]:
    """Return the coefficients of the Lagrange polynomial that is 1 at node j and 0 at the others."""
    coefficients = [arb(1)]
    for m, gap in enumerate(gaps):
        if m != j:
            raised, kept = [arb(0), *coefficients], [*(-gap * c for c in coefficients), arb(0)]
            coefficients = [(a + b) / (gaps[j] - gap) for a, b in zip(raised, kept, strict=True)]
    return coefficients
