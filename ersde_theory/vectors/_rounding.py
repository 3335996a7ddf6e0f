"""From balls to float64: certified rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

ACCURACY_BITS = 102  # 2^-102 < 2e-31: a relative radius of at most 1e-30, with bits to spare


class Undecided(ArithmeticError):
    """A ball too wide to be rounded, or to decide a comparison: more precision is needed."""


def rounded(ball: Any) -> float:
    """Return the float64 nearest to the number in a ball, if the ball says which that is.

    Parameters
    ----------
    ball : arb
        Its relative radius must be at most 1e-30.

    Returns
    -------
    float

    Raises
    ------
    Undecided
        If the ball is wider, or straddles the boundary between two floats.

    Examples
    --------
    >>> from flint import ctx
    >>> with ctx.workprec(200):
    ...     rounded(arb(1) / 3)
    0.3333333333333333
    """
    if ball.is_exact():
        return _nearest(ball)
    if not ball.is_finite() or ball.rel_accuracy_bits() < ACCURACY_BITS:
        msg = f"expected a relative radius of at most 1e-30, got {ball}"
        raise Undecided(msg)
    low, high = _nearest(ball.lower()), _nearest(ball.upper())
    if low != high:
        msg = f"expected a ball between two rounding boundaries, got {ball}"
        raise Undecided(msg)
    return low


def relative_radius(ball: Any) -> float:
    """Return an upper bound of a ball's radius relative to its number.

    Parameters
    ----------
    ball : arb
        Finite; 0 only if exact.

    Returns
    -------
    float

    Examples
    --------
    >>> relative_radius(arb(1)), 0.0 < relative_radius(arb(1) / 3) < 1e-10
    (0.0, True)
    """
    if ball.is_exact():
        return 0.0
    bound = (ball.rad() / abs(ball).lower()).upper()
    return math.nextafter(_nearest(bound), math.inf)


def exact(number: float) -> Any:
    """Return a float64 as a ball of radius 0, whatever the precision.

    Parameters
    ----------
    number : float
        Finite.

    Returns
    -------
    arb

    Examples
    --------
    >>> exact(0.1) == arb(1) / 10, exact(0.5) == arb(1) / 2
    (False, True)
    """
    mantissa, exponent = np.frexp(number)
    return arb(int(mantissa * 2.0**53)) * arb(2) ** (int(exponent) - 53)


def decided(ball: Any) -> bool:
    """Return whether a number is below 0; raise if its ball does not say.

    Parameters
    ----------
    ball : arb
        Whose sign is asked for.

    Returns
    -------
    bool

    Raises
    ------
    Undecided
        If the ball contains 0 and more.

    Examples
    --------
    >>> decided(arb(1) / 3 - 1)
    True
    """
    if ball < 0:
        return True
    if ball >= 0:
        return False
    msg = f"expected a sign, got {ball}"
    raise Undecided(msg)


def _nearest(point: Any) -> float:
    """Return the float64 nearest to an exact ball, ties to even: Python divides integers so."""
    mantissa, exponent = point.man_exp()
    mantissa, exponent = int(mantissa), int(exponent)
    fraction = Fraction(mantissa) * (Fraction(2) ** exponent)
    return fraction.numerator / fraction.denominator
