"""The noise scale functions as symbolic expressions in lambda, exact."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym

_x = sym.lam
EXPRESSIONS: dict[str, sympy.Expr] = {
    "ode": _x,
    "reverse_sde": _x**2,
    "power(1.5)": _x ** sympy.Rational(3, 2),
    "power(2.5)": _x ** sympy.Rational(5, 2),
    "exp_reciprocal": _x * (sympy.exp(-1 / _x) + 10),
    "log_power": _x ** sympy.Rational(9, 10) * sympy.log(1 + 100 * _x ** sympy.Rational(3, 2)) / sympy.log(10),
    "exp_power": _x * (sympy.exp(_x ** sympy.Rational(3, 10)) + 10),
}


def kappa_of(phi: sympy.Expr) -> sympy.Expr:
    """Return lambda phi' / phi = 1 + tau^2."""
    return sympy.simplify(_x * sympy.diff(phi, _x) / phi)
