"""A fixed ladder of simplifiers: the only way in which a difference is shown to be exactly zero.

Every rung is a chain of identities that hold for the assumed kinds of the symbols. Unspecified functions, their
derivatives and integrals are first replaced by fresh names: what vanishes for independent names vanishes for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sympy
from sympy.core.function import AppliedUndef

_PASSES = 8
_TRIGONOMETRIC = (sympy.sin, sympy.cos, sympy.tan, sympy.atan, sympy.acos)
Rule = tuple[sympy.Expr, sympy.Expr]


def carry_out(expr: sympy.Expr) -> sympy.Expr:
    """Return the expression with derivatives and substitutions carried out, also under integrals, which stay."""
    if not expr.args or not expr.has(sympy.Derivative, sympy.Subs, sympy.Integral):
        return expr
    if isinstance(expr, sympy.Integral):
        if len(expr.limits) == 1 and len(expr.limits[0]) == 3 and expr.limits[0][1] == expr.limits[0][2]:
            return sympy.Integer(0)
        limits = (sympy.Tuple(limit[0], *(carry_out(end) for end in limit[1:])) for limit in expr.limits)
        return sympy.Integral(carry_out(expr.function), *limits)
    if isinstance(expr, sympy.Subs):
        done = sympy.Subs(carry_out(expr.expr), expr.variables, expr.point).doit(integrals=False)
        return done if done.has(sympy.Subs) else carry_out(done)
    if isinstance(expr, sympy.Derivative):
        return expr.func(carry_out(expr.expr), *expr.variable_count).doit(integrals=False)
    return expr.func(*(carry_out(arg) for arg in expr.args))


def use(expr: sympy.Expr, rule: Rule) -> sympy.Expr:
    """Return the expression with an assumed equation used from left to right.

    An equation for f(u), or for a derivative of f at named arguments, holds whatever the arguments are called, under
    integrals too; any other left side is replaced where it stands. An equation for a derivative says nothing about
    values of f at two points: where those meet, f has to be given by a formula.
    """
    old, new = rule
    if isinstance(old, AppliedUndef):
        names = old.args
        return expr.replace(old.func, lambda *args: new.subs(list(zip(names, args, strict=True)), simultaneous=True))
    if not (isinstance(old, sympy.Derivative) and isinstance(old.expr, AppliedUndef)):
        return expr.subs(old, new)
    wanted = dict(old.variable_count)

    def renamed(node: sympy.Derivative) -> sympy.Expr | None:
        if not (isinstance(node, sympy.Derivative) and node.expr.func == old.expr.func):
            return None
        pairs = dict(zip(old.expr.args, node.expr.args, strict=True))
        left = dict(node.variable_count)
        for name, count in wanted.items():
            left[pairs[name]] = left.get(pairs[name], 0) - count
        if any(count < 0 for count in left.values()):
            return None
        result = new.subs(list(pairs.items()), simultaneous=True)
        further = [(name, count) for name, count in left.items() if count]
        return sympy.diff(result, *further) if further else result

    return expr.replace(lambda node: renamed(node) is not None, renamed)


def prepare(expr: sympy.Expr, rules: Iterable[Rule] = ()) -> sympy.Expr:
    """Return the expression with derivatives carried out and the assumed equations used until nothing changes."""
    found = carry_out(expr)
    rules = tuple(rules)
    for _ in range(_PASSES if rules else 0):
        before = found
        for rule in rules:
            found = use(found, rule)
        found = carry_out(found)
        if found == before:
            return found
    return found


def opaque(expr: sympy.Expr) -> sympy.Expr:
    """Return the expression with everything unspecified replaced by a fresh name of the same sign."""
    kinds = (sympy.Derivative, sympy.Integral, sympy.Subs, AppliedUndef)
    names: dict[sympy.Expr, sympy.Dummy] = {}

    def visit(node: sympy.Expr) -> sympy.Expr:
        if isinstance(node, kinds):
            if node not in names:
                sign = {"positive": True} if node.is_positive else {"real": True}
                names[node] = sympy.Dummy(f"o{len(names)}", **sign)
            return names[node]
        if not node.args:
            return node
        return node.func(*(visit(arg) for arg in node.args))

    return visit(expr)


def _is_zero_fraction(expr: sympy.Expr) -> bool:
    numerator = sympy.fraction(sympy.together(expr))[0]
    return bool(sympy.expand(numerator) == 0)


def _exponential(expr: sympy.Expr) -> sympy.Expr:
    """Return powers with symbolic exponents as exponentials of expanded logarithms."""

    def is_symbolic(node: sympy.Expr) -> bool:
        return bool(node.is_Pow and node.base.is_positive and not node.exp.is_Integer)

    def rewrite(node: sympy.Expr) -> sympy.Expr:
        return sympy.exp(sympy.expand(node.exp * sympy.expand_log(sympy.log(sympy.factor(node.base)))))

    logs = sympy.expand_log(expr.replace(lambda node: isinstance(node, sympy.log), lambda node: _log(node.args[0])))
    return sympy.expand(sympy.expand(logs.replace(is_symbolic, rewrite)), power_exp=True)


def _generators(expr: sympy.Expr) -> sympy.Expr:
    """Return b^(c T + m), with c and m rational, as N^c b^m with a fresh name N for b^T."""
    names: dict[tuple[sympy.Expr, sympy.Expr], sympy.Dummy] = {}

    def power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
        factors = []
        for term in sympy.Add.make_args(sympy.expand(exponent)):
            number, rest = term.as_coeff_Mul()
            if rest == 1:
                factors.append(base**number)
                continue
            if (base, rest) not in names:
                names[base, rest] = sympy.Dummy(f"g{len(names)}", **({"positive": True} if base.is_positive else {}))
            factors.append(names[base, rest] ** number)
        return sympy.Mul(*factors)

    split = expr.replace(sympy.exp, lambda exponent: power(sympy.E, exponent))
    return split.replace(
        lambda node: bool(node.is_Pow and not node.exp.is_Rational), lambda node: power(node.base, node.exp)
    )


def _log(argument: sympy.Expr) -> sympy.Expr:
    return sympy.expand_log(sympy.log(sympy.factor(argument)))


def _squares(expr: sympy.Expr) -> sympy.Expr:
    return sympy.powsimp(sympy.powdenest(sympy.expand(sympy.together(expr))), force=False)


_RUNGS: tuple[tuple[str, Callable[[sympy.Expr], bool]], ...] = (
    ("expansion", lambda e: sympy.expand(e) == 0),
    ("common denominator", _is_zero_fraction),
    ("exponents", lambda e: _is_zero_fraction(_generators(e))),
    ("exponentials and logarithms", lambda e: _is_zero_fraction(_generators(_exponential(e)))),
    ("powers", lambda e: _is_zero_fraction(_squares(e))),
    ("trigonometry", lambda e: e.has(*_TRIGONOMETRIC) and sympy.trigsimp(sympy.together(e)) == 0),
    ("simplify", lambda e: sympy.simplify(e) == 0),
)


def _algebra(difference: sympy.Expr) -> str:
    named = opaque(difference)
    for name, vanishes in _RUNGS:
        if vanishes(named):
            return name
    return ""


def _fundamental_theorem(difference: sympy.Expr, rules: tuple[Rule, ...]) -> str:
    """Return the end of an integral in which the difference is constant and at whose other end it vanishes.

    The difference is first divided by the factor of that integral, which must be known not to vanish.
    """
    names = {integral: sympy.Dummy(f"i{index}") for index, integral in enumerate(difference.atoms(sympy.Integral))}
    expanded = sympy.expand(difference.xreplace(names))
    back = {name: integral for integral, name in names.items()}
    for integral in sorted(difference.atoms(sympy.Integral), key=sympy.default_sort_key):
        if len(integral.limits) != 1 or len(integral.limits[0]) != 3:
            continue
        _, low, high = integral.limits[0]
        factor = sympy.factor(expanded.coeff(names[integral], 1))
        usable = factor.is_nonzero and not factor.has(*back)
        divided = [sympy.expand(expanded / factor).xreplace(back)] if usable else []
        for end, other in ((low, high), (high, low)):
            if not end.is_Symbol or other.has(end):
                continue
            for candidate in (difference, *divided):
                at_other = prepare(candidate.subs(end, other), rules)
                slope = prepare(sympy.diff(candidate, end), rules)
                if all(part == 0 or _algebra(part) for part in (at_other, slope)):
                    return f"fundamental theorem in {end}"
    return ""


def _linearity(difference: sympy.Expr) -> str:
    """Return "linearity" if integrals over the same interval add up to one whose integrand vanishes."""
    integrals = sorted(difference.atoms(sympy.Integral), key=sympy.default_sort_key)
    names = {integral: sympy.Dummy(f"i{position}") for position, integral in enumerate(integrals)}
    rest = sympy.expand(difference.xreplace(names))
    groups: dict[tuple[sympy.Expr, ...], sympy.Expr] = {}
    positive, real = sympy.Dummy("u", positive=True), sympy.Dummy("u", real=True)
    for integral, name in names.items():
        weight = rest.coeff(name, 1)
        if len(integral.limits) != 1 or len(integral.limits[0]) != 3 or weight.has(*names.values()):
            return ""
        variable, low, high = integral.limits[0]
        common = positive if variable.is_positive else real
        integrand = weight * integral.function.subs(variable, common)
        groups[low, high, common] = groups.get((low, high, common), sympy.Integer(0)) + integrand
        rest = sympy.expand(rest - weight * name)
    zero = all(total == 0 or _algebra(total) for total in (rest, *groups.values()))
    return "linearity of the integral" if zero else ""


def shown_zero(difference: sympy.Expr, rules: tuple[Rule, ...] = ()) -> str:
    """Return by which rung a prepared difference vanishes identically, or "" if no rung shows it."""
    if difference == 0:
        return "identical"
    if found := _algebra(difference):
        return found
    if difference.has(sympy.Integral):
        if found := _linearity(difference) or _fundamental_theorem(difference, rules):
            return found
        evaluated = difference.doit()
        if not evaluated.has(sympy.Integral) and (found := _algebra(evaluated)):
            return f"integration, {found}"
    return ""
