"""Every member of the family keeps the forward marginals."""

from __future__ import annotations

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict


def _residual(drift_factor: object) -> object:
    """Return the Fokker-Planck residual for a general density, the pull multiplied by `drift_factor`.

    With s = -lam the ER-SDE is dY = (1 + tau^2) lam q'/q ds + sqrt(2 lam tau^2) dW, and q obeys the heat
    equation dq/dlam = lam q''.
    """
    import sympy

    y = sympy.Symbol("y", real=True)
    lam = sympy.Symbol("lambda", positive=True)
    tau_squared = sympy.Function("T", nonnegative=True)(lam)
    q = sympy.Function("q", positive=True)(y, lam)
    pull = sympy.sympify(drift_factor) * (1 + tau_squared) * lam * sympy.diff(q, y) / q
    change = -sympy.diff(pull * q, y) + lam * tau_squared * sympy.diff(q, y, 2)
    heat = lam * sympy.diff(q, y, 2)
    return sympy.simplify(change + heat)


def _examine(context: Context) -> Finding:
    import sympy

    residual = _residual(1)
    context.advance(0.5)
    broken = _residual(sympy.Rational(1001, 1000))
    holds = residual == 0
    evidence = Evidence(
        "Fokker-Planck residual, general density and τ²",
        float(not holds),
        0.0,
        "= 0 exactly",
        holds,
    )
    twin = Twin("pull off by 1/1000", float(broken != 0), broken != 0)
    return Finding(Verdict.PROVED if holds else Verdict.REFUTED, (evidence,), (twin,))


CLAIM = Claim(
    id="marginals",
    statement="Every ER-SDE, whatever its noise h, keeps the marginals of the forward process.",
    source="abstract v3",
    formula=r"\partial_s q_\lambda + \partial_y\left[(1+\tau^2)\,\lambda\,\partial_y q_\lambda\right]"
    r" - \lambda\tau^2\,\partial_y^2 q_\lambda = 0, \qquad s = -\lambda",
    criterion="proved iff the Fokker-Planck residual simplifies to 0 for an arbitrary density and τ²",
    stated=Verdict.PROVED,
    explanation="The pull towards the data and the injected noise balance for every τ², so the noise scale "
    "function is free in exact arithmetic: it can only matter through discretisation and score errors.",
    examine=_examine,
)
