"""Shared forms of the pages on errors: Taylor coefficients, smooth functions, interpolation in the past.

A step starts at lambda_s and goes down by ``step``. Functions along it are written in x = lambda_s - u >= 0; the
evaluations of the past lie at x = 0, -omega_1 h, -(omega_1 + omega_2) h.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from ersde_theory.derivations import _symbols as sym

JET = (sym.f_0, sym.f_1, sym.f_2, sym.f_3, sym.f_4)
Rule = Callable[[Sequence[sympy.Expr], Sequence[sympy.Expr], sympy.Expr], sympy.Expr]
PAST = (sympy.Integer(0), -sym.omega_1 * sym.step, -(sym.omega_1 + sym.omega_2) * sym.step)


def coefficient(expr: sympy.Expr, variable: sympy.Symbol, order: int) -> sympy.Expr:
    """Return the coefficient of variable^order in the Taylor expansion at 0, not carried out."""
    return sympy.Subs(sympy.Derivative(expr, (variable, order)), variable, 0) / sympy.factorial(order)


def smooth(at: sympy.Expr, degree: int) -> sympy.Expr:
    """Return the Taylor polynomial of a smooth function about the start of the step, at x = `at`."""
    terms = (JET[i] * at**i / sympy.factorial(i) for i in range(degree + 1))
    return sum(terms, sympy.Integer(0))


def kernel(at: sympy.Expr, degree: int) -> sympy.Expr:
    """Return the Taylor polynomial of the kernel phi_t phi' / phi^2 at x = `at`."""
    terms = (m * at**i / sympy.factorial(i) for i, m in enumerate((sym.m_0, sym.m_1, sym.m_2)[: degree + 1]))
    return sum(terms, sympy.Integer(0))


def differences(values: Sequence[sympy.Expr], nodes: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    """Return the divided differences over the first 1, 2, ... nodes."""
    column, result = list(values), [values[0]]
    for width in range(1, len(nodes)):
        column = [
            sympy.cancel((column[i] - column[i + 1]) / (nodes[i] - nodes[i + width])) for i in range(len(column) - 1)
        ]
        result.append(column[0])
    return result


def lagrange(values: Sequence[sympy.Expr], nodes: Sequence[sympy.Expr], at: sympy.Expr) -> sympy.Expr:
    """Return the interpolation polynomial at a point, in Newton's form."""
    total, basis = sympy.Integer(0), sympy.Integer(1)
    for node, difference in zip(nodes, differences(values, nodes), strict=True):
        total, basis = total + difference * basis, basis * (at - node)
    return total


def weighted(rule: Rule, values: Sequence[sympy.Expr], nodes: Sequence[sympy.Expr], at: sympy.Expr) -> sympy.Expr:
    """Return an interpolation formula as its weights times the values, not multiplied out."""
    units = [[sympy.Integer(i == j) for j in range(len(nodes))] for i in range(len(nodes))]
    weights = (sympy.factor(rule(unit, nodes, at)) for unit in units)
    return sum((weight * value for weight, value in zip(weights, values, strict=True)), sympy.Integer(0))


def published(values: Sequence[sympy.Expr], nodes: Sequence[sympy.Expr], at: sympy.Expr) -> sympy.Expr:
    """Return ER-SDE-Solver-k's Taylor polynomial with backward differences for derivatives."""
    parts = differences(values, nodes)
    return sum((part * (at - nodes[0]) ** i for i, part in enumerate(parts)), sympy.Integer(0))
