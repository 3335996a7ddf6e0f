"""Exact-rational points and concrete functions: refuting an identity, or failing to, at 60 digits.

An unspecified function is replaced by a concrete one whose derivatives SymPy takes exactly; every trial has its own
choice. Values are computed by mpmath with guard digits.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import mpmath
import sympy
from sympy.core.function import AppliedUndef

from ersde_theory.derivations import _ladder, _symbols

DIGITS = 60
_GUARD = 20
_INTEGRAL_DIGITS = 30  # quadrature of a generic integrand: enough to refute, and affordable
TRIALS = 3
_REDRAWS = 6

Point = dict[sympy.Symbol, sympy.Rational]


class NotEvaluated(ArithmeticError):
    """No point was found at which both sides have a finite value."""


def heads(expr: sympy.Expr) -> list[sympy.FunctionClass]:
    """Return the unspecified functions of an expression, by name."""
    return sorted({applied.func for applied in expr.atoms(AppliedUndef)}, key=lambda head: str(head.__name__))


def seed_of(*parts: object) -> int:
    """Return a seed that depends on the text of its arguments alone."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8], "big")


def _rational(rng: random.Random, low: sympy.Rational, high: sympy.Rational) -> sympy.Rational:
    return low + (high - low) * sympy.Rational(rng.randint(1, 96), 97)


def draw_point(symbols: set[sympy.Symbol], rng: random.Random) -> Point:
    """Return an exact rational for each symbol, inside its registered range; integers where it is one."""
    point: Point = {}
    for symbol in sorted(symbols, key=lambda item: str(item.name)):
        known = _symbols.entry(symbol)
        if known.kind == "natural":
            point[symbol] = sympy.Integer(rng.randint(int(known.low), int(known.high)))
        else:
            point[symbol] = _rational(rng, known.low, known.high)
    return point


def _is_inner(node: sympy.Basic) -> bool:
    """Return whether a node is a derivative with respect to a function, f'(g(t)) as SymPy writes it."""
    return isinstance(node, sympy.Derivative) and any(isinstance(name, AppliedUndef) for name in node.variables)


def _by_a_name(node: sympy.Derivative) -> sympy.Expr:
    """Return f'(g(t)) as the derivative with respect to a name, taken at g(t)."""
    inner = next(name for name in node.variables if isinstance(name, AppliedUndef))
    name = sympy.Dummy("v", positive=inner.is_positive)
    return sympy.Subs(node.func(*(arg.xreplace({inner: name}) for arg in node.args)), name, inner)


def concrete(expr: sympy.Expr, rng: random.Random) -> sympy.Expr:
    """Return the expression with each unspecified function replaced by c exp(linear) + quadratic, all exact."""
    replaced = expr.replace(_is_inner, _by_a_name)
    for head in heads(expr):
        positive = _symbols.kind_of(head) == "positive"
        low = sympy.Rational(1, 5) if positive else sympy.Integer(-1)
        weights = [_rational(rng, low, sympy.Integer(1)) for _ in range(12)]

        def value(*args: sympy.Expr, weights: list[sympy.Rational] = weights) -> sympy.Expr:
            linear = sum((weights[i] * arg for i, arg in enumerate(args)), sympy.Integer(0))
            square = sum((weights[4 + i] * arg**2 for i, arg in enumerate(args)), sympy.Integer(0))
            return weights[10] * sympy.exp(linear) + square + weights[11]

        replaced = replaced.replace(head, value)
    return _ladder.carry_out(replaced)


def _evaluate(expr: sympy.Expr, point: Point) -> mpmath.mpf:
    if expr.has(sympy.zoo, sympy.nan):
        msg = f"expected a finite expression, got {expr}"
        raise ZeroDivisionError(msg)
    arguments = sorted(expr.free_symbols, key=lambda item: str(item.name))
    call = sympy.lambdify(arguments, expr, modules="mpmath", cse=False)
    values = [mpmath.mpf(int(point[a].p)) / int(point[a].q) for a in arguments]
    return mpmath.mpmathify(call(*values))


def sides(lhs: sympy.Expr, rhs: sympy.Expr, seed: int) -> Iterator[tuple[Point, mpmath.mpf, mpmath.mpf]]:
    """Yield points with the values of both sides, each with its own concrete functions."""
    rng = random.Random(seed)
    symbols = lhs.free_symbols | rhs.free_symbols
    has_integral = lhs.has(sympy.Integral) or rhs.has(sympy.Integral)
    with mpmath.workdps(_INTEGRAL_DIGITS + 10 if has_integral else DIGITS + _GUARD):
        for _ in range(TRIALS):
            pair = tuple(concrete(sympy.Tuple(lhs, rhs), rng))
            for _ in range(_REDRAWS):
                point = draw_point(symbols, rng)
                try:
                    left, right = (_evaluate(side, point) for side in pair)
                except (ZeroDivisionError, OverflowError, ValueError):
                    continue
                if mpmath.isfinite(left) and mpmath.isfinite(right):
                    yield point, left, right
                    break
            else:
                msg = "expected finite values of both sides, got none at six points"
                raise NotEvaluated(msg)


def _digits(*parts: sympy.Expr) -> int:
    """Return how many digits of a value count."""
    return _INTEGRAL_DIGITS - 8 if any(part.has(sympy.Integral) for part in parts) else DIGITS - 5


def agreement(lhs: sympy.Expr, rhs: sympy.Expr) -> str:
    """Return a sentence about how far two sides that were not refuted agree."""
    return f"{TRIALS} exact-rational points, to {_digits(lhs, rhs)} digits"


def differ(left: mpmath.mpf, right: mpmath.mpf, digits: int) -> bool:
    """Return whether two values differ in the digits that count."""
    scale = 1 + abs(left) + abs(right)
    return bool(abs(left - right) > scale * mpmath.mpf(10) ** -digits)


def first_difference(lhs: sympy.Expr, rhs: sympy.Expr) -> str:
    """Return a sentence about the first point at which the sides differ, or "" if they agree at all of them."""
    digits = _digits(lhs, rhs)
    for point, left, right in sides(lhs, rhs, seed_of(sympy.srepr(lhs), sympy.srepr(rhs))):
        if differ(left, right, digits):
            where = ", ".join(f"{name} = {value}" for name, value in point.items())
            return f"{mpmath.nstr(left, 8)} against {mpmath.nstr(right, 8)} at {where or 'every point'}"
    return ""
