"""One step of a derivation: an equation, or a statement that no elementary antiderivative exists, and its check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import sympy
from sympy.printing.latex import LatexPrinter

from ersde_theory.derivations import _cache, _ladder, _numeric, _symbols
from ersde_theory.derivations._ladder import Rule


class Status(StrEnum):
    """How a step came out, a closed vocabulary; a number is never called a proof.

    Examples
    --------
    >>> Status("proved").value
    'proved'
    """

    PROVED = "proved"
    NUMERIC = "verified numerically"
    FAILS = "fails"


@dataclass(frozen=True)
class Outcome:
    """The outcome of checking a step.

    Attributes
    ----------
    status : Status
        ``proved`` if the difference of the sides is exactly 0.
    detail : str
        The simplifier that showed it, or the point at which the sides differ.

    Examples
    --------
    >>> Outcome(Status.PROVED, "expansion").holds
    True
    """

    status: Status
    detail: str

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the step."""
        return self.status is not Status.FAILS


@dataclass(frozen=True)
class Step:
    """An equation ``lhs = rhs`` with the reason for it.

    Attributes
    ----------
    lhs, rhs : sympy.Expr
        Exact: no Float; symbols and functions of ``_symbols`` only. Derivatives and integrals may be unevaluated.
    reason : str
        One line, LaTeX between dollars.
    assuming : tuple of (old, new)
        Equations used, from left to right: an equation of motion, a definition.
    sign : str
        ``">= 0"`` or ``"> 0"`` where the point of the step is that its right side has that sign; checked too.

    Raises
    ------
    TypeError
        If a side is not an expression.
    ValueError
        If a Float, an unregistered symbol or an unknown sign is met.

    Examples
    --------
    >>> from ersde_theory.derivations import _symbols as sym
    >>> Step((sym.x + 1) ** 2, sym.x**2 + 2 * sym.x + 1, "Binomial formula").check().status.value
    'proved'
    >>> Step((sym.x + 1) ** 2, sym.x**2 + 1, "Planted").check().status.value
    'fails'
    """

    lhs: sympy.Expr
    rhs: sympy.Expr
    reason: str
    assuming: tuple[Rule, ...] = ()
    sign: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lhs", sympy.sympify(self.lhs))
        object.__setattr__(self, "rhs", sympy.sympify(self.rhs))
        if self.sign not in ("", ">= 0", "> 0"):
            msg = f"sign: expected '', '>= 0' or '> 0', got {self.sign!r}"
            raise ValueError(msg)
        for side in (self.lhs, self.rhs, *(part for rule in self.assuming for part in rule)):
            _refuse_foreign(side)

    @cached_property
    def _sides(self) -> tuple[sympy.Expr, sympy.Expr]:
        return _ladder.prepare(self.lhs, self.assuming), _ladder.prepare(self.rhs, self.assuming)

    @cached_property
    def _refutation(self) -> str:
        return _numeric.first_difference(*self._sides)

    @property
    def key(self) -> str:
        """Content key of the step: both sides, the assumed equations, the prover."""
        return _cache.key(self.lhs, self.rhs, sympy.Tuple(*(sympy.Tuple(*rule) for rule in self.assuming)), self.sign)

    def check(self, *, cached: bool = True) -> Outcome:
        """Decide the step: refuted at an exact-rational point, else proved by the ladder, else numerical only.

        Parameters
        ----------
        cached : bool
            Whether an outcome of an earlier run with the same content may be used.

        Returns
        -------
        Outcome
        """
        if cached and (kept := _cache.load(self.key)) and kept[0] in list(Status):
            return Outcome(Status(kept[0]), kept[1])
        outcome = self._decide()
        if cached and outcome.holds:
            _cache.store(self.key, outcome.status.value, outcome.detail)
        return outcome

    def refutation(self) -> str:
        """Return where the sides differ, or "" if they agree at every point tried.

        Returns
        -------
        str
        """
        return self._refutation

    def _decide(self) -> Outcome:
        evaluated = True
        try:
            if found := self.refutation():
                return Outcome(Status.FAILS, found)
        except _numeric.NotEvaluated:
            evaluated = False
        left, right = self._sides
        rung = _ladder.shown_zero(left - right, self.assuming)
        if rung and not self._sign_holds():
            return Outcome(Status.FAILS, f"the right side is not known to be {self.sign}")
        if rung:
            return Outcome(Status.PROVED, rung)
        if not evaluated or self.sign:
            return Outcome(Status.FAILS, "neither simplified to zero nor evaluated at a point")
        return Outcome(Status.NUMERIC, _numeric.agreement(left, right))

    def _sign_holds(self) -> bool:
        if not self.sign:
            return True
        right = self._sides[1]
        return bool(right.is_nonnegative if self.sign == ">= 0" else right.is_positive)

    def latex(self, shorthand: tuple[Rule, ...] = ()) -> str:
        """Return the equation in LaTeX.

        Parameters
        ----------
        shorthand : tuple of (expression, name)
            Expressions to be shown by a name.

        Returns
        -------
        str
        """
        relation = f"\\;{self.sign.replace('>=', chr(92) + 'ge')}" if self.sign else ""
        left, right = (shown(_abbreviated(side, shorthand)) for side in (self.lhs, self.rhs))
        return f"{left} = {right}{relation}"


@dataclass(frozen=True)
class NonElementary:
    """The statement that an integrand has no elementary antiderivative, decided by the Risch algorithm.

    Attributes
    ----------
    integrand : sympy.Expr
        In a tower of exponentials and logarithms over the rational functions.
    variable : sympy.Symbol
        Of integration.
    reason : str
        One line.

    Examples
    --------
    >>> from ersde_theory.derivations import _symbols as sym
    >>> NonElementary(sympy.exp(-sym.w**2), sym.w, "Gaussian").check().status.value
    'proved'
    >>> NonElementary(sym.w * sympy.exp(-sym.w**2), sym.w, "Planted").check().status.value
    'fails'
    """

    integrand: sympy.Expr
    variable: sympy.Symbol
    reason: str

    def __post_init__(self) -> None:
        _refuse_foreign(self.integrand)

    @property
    def key(self) -> str:
        """Content key of the statement."""
        return _cache.key(self.integrand, self.variable, sympy.Symbol("non-elementary"))

    def check(self, *, cached: bool = True) -> Outcome:
        """Decide the statement; a remainder that the algorithm cannot decide is a failure.

        Parameters
        ----------
        cached : bool
            Whether an outcome of an earlier run may be used.

        Returns
        -------
        Outcome
        """
        from sympy.integrals.risch import NonElementaryIntegral, risch_integrate

        if cached and (kept := _cache.load(self.key)) and kept[0] in list(Status):
            return Outcome(Status(kept[0]), kept[1])
        # The algorithm knows nothing of signs: a variable without assumptions, as it is documented.
        plain = sympy.Dummy("x")
        try:
            found = risch_integrate(self.integrand.subs(self.variable, plain), plain)
        except (NotImplementedError, sympy.PolynomialError) as error:
            return Outcome(Status.FAILS, f"undecided: {error}")
        remainder = found.atoms(NonElementaryIntegral)
        outcome = (
            Outcome(Status.PROVED, "Risch algorithm: a part without elementary antiderivative remains")
            if remainder
            else Outcome(Status.FAILS, "an elementary antiderivative exists")
        )
        if cached and outcome.holds:
            _cache.store(self.key, outcome.status.value, outcome.detail)
        return outcome

    def latex(self, shorthand: tuple[Rule, ...] = ()) -> str:
        """Return the statement in LaTeX.

        Parameters
        ----------
        shorthand : tuple of (expression, name)
            Not used: the integrand is what the statement is about.

        Returns
        -------
        str
        """
        del shorthand
        return f"{shown(sympy.Integral(self.integrand, self.variable))}\\;\\text{{is not elementary}}"


def named(name: str, *arguments: sympy.Expr) -> sympy.Expr:
    """Return a name to show an expression by, with the arguments that matter; for ``shorthand`` only."""
    return sympy.Function(name)(*arguments)


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy has no annotations
    """SymPy's, with the names that pages use, and brackets around a product that is differentiated."""

    def _deal_with_super_sub(self, string: str, style: str = "plain") -> str:
        return _symbols.SHOWN.get(string) or super()._deal_with_super_sub(string, style=style)

    def _print_Derivative(self, expr: sympy.Derivative) -> str:
        shown, inner = super()._print_Derivative(expr), self._print(expr.expr)
        if not (expr.expr.is_Mul and shown.endswith(inner)):
            return shown
        return f"{shown.removesuffix(inner)}{self._add_parens(inner)}"


def shown(expr: sympy.Expr) -> str:
    """Return an expression in LaTeX as pages show it."""
    return str(_Printer().doprint(expr))


def _abbreviated(side: sympy.Expr, shorthand: tuple[Rule, ...]) -> sympy.Expr:
    """Return a side with named expressions shown by their names; never used by a check."""
    for meant, name in shorthand:
        side = side.subs(meant, name)
    return side


def _refuse_foreign(side: sympy.Expr) -> None:
    """Raise if an expression has a Float, or a symbol or function that was made elsewhere."""
    if not isinstance(side, sympy.Expr):
        msg = f"side: expected a SymPy expression, got {type(side).__name__}"
        raise TypeError(msg)
    if floats := side.atoms(sympy.Float):
        msg = f"side: expected exact numbers, got the Float {next(iter(floats))}"
        raise ValueError(msg)
    for found in side.atoms(sympy.Symbol):
        _symbols.entry(found)
    for head in _numeric.heads(side):
        _symbols.kind_of(head)
