"""The two ends of the family: the probability-flow ODE and the reverse-time SDE."""

from __future__ import annotations

from typing import Any

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict


def _residuals(exponent_ode: Any, exponent_sde: Any) -> list[Any]:
    """Return what must vanish: both limits of the drift, and the phi that belongs to each.

    The family's drift is f x - (g^2 + h^2)/2 s. phi = lam^p must obey phi'/phi = (1 + h^2/g^2)/lam.
    """
    import sympy

    x, f, g, h, score = sympy.symbols("x f g h s", real=True)
    lam = sympy.Symbol("lambda", positive=True)
    drift = f * x - (g**2 + h**2) * score / 2
    probability_flow = f * x - g**2 * score / 2
    anderson = f * x - g**2 * score
    residuals = [drift.subs(h, 0) - probability_flow, drift.subs(h, g) - anderson]
    for exponent, tau_squared in ((exponent_ode, 0), (exponent_sde, 1)):
        phi = lam ** sympy.sympify(exponent)
        residuals.append(sympy.diff(phi, lam) / phi - (1 + tau_squared) / lam)
    return [sympy.simplify(r) for r in residuals]


def _examine(context: Context) -> Finding:
    import sympy

    residuals = _residuals(1, 2)
    context.advance(0.5)
    broken = _residuals(1, sympy.Rational(3, 2))
    left = sum(r != 0 for r in residuals)
    evidence = Evidence("identities of the two limits that fail, of 4", float(left), 0.0, "= 0 exactly", left == 0)
    failed = sum(r != 0 for r in broken)
    twin = Twin("φ = x^1.5 for the reverse SDE", float(failed), failed > 0)
    return Finding(Verdict.PROVED if left == 0 else Verdict.REFUTED, (evidence,), (twin,))


CLAIM = Claim(
    id="limits",
    statement="h = 0 gives the probability-flow ODE (φ = x), h = g the reverse-time SDE (φ = x²).",
    source="abstract v3",
    formula=r"h=0:\; dx = \left[fx - \tfrac12 g^2\,\nabla\log p_t\right]dt,\qquad"
    r" h=g:\; dx = \left[fx - g^2\,\nabla\log p_t\right]dt + g\,d\bar w",
    criterion="proved iff both limits of the drift and both equations for φ hold identically",
    stated=Verdict.PROVED,
    explanation="The family is a line of samplers with these two as named points; φ = x^p with p between 1 "
    "and 2 lies between them, p > 2 beyond.",
    examine=_examine,
)
