"""The coefficients of the expansion of order k."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import mutated, proofs
from ersde_theory.claims._oracle import integral
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import moments, riemann_moments

TOLERANCE = 1e-13
_DERIVATIONS = ("moments", "closed-forms", "no-closed-form")
_STEPS = ((5.0, 4.9), (0.01, 0.002))
_MEMBERS = ("reverse_sde", "power(1.5)", "exp_reciprocal", "log_power", "exp_power")
_HIGHEST = 2


def _worst(context: Context) -> tuple[float, float]:
    """Return the largest relative error of the float64 weights G_n/n!, and the least of the Riemann sums'."""
    worst, least = 0.0, np.inf
    for done, name in enumerate(_MEMBERS):
        scale = NoiseScale.from_name(name)
        for start, end in _STEPS:
            ours = moments(scale, start, end, _HIGHEST)
            sums = riemann_moments(scale, np.array(start), np.array(end), _HIGHEST)
            for n in range(_HIGHEST + 1):

                def weight(u: Any, ratio: Any, tau_squared: Any, first: Any, n: int = n) -> Any:
                    return ratio * (1 + tau_squared) / u * (u - first) ** n / factorial(n)

                exact = integral(name, start, end, weight)
                worst = max(worst, abs(float(float(ours[n]) / factorial(n) / exact - 1)))
                if n:
                    least = min(least, abs(float(float(sums[n]) / factorial(n) / exact - 1)))
        context.advance(0.4 + 0.5 * (done + 1) / len(_MEMBERS))
    return worst, float(least)


def _planted() -> bool:
    """Return whether the derivative of exp_power's own integrand is seen to have an elementary antiderivative."""
    import sympy

    from ersde_theory.derivations import NonElementary, by_name

    stated = next(step for step in by_name("no-closed-form").steps if isinstance(step, NonElementary))
    twin = NonElementary(sympy.diff(stated.integrand, stated.variable), stated.variable, "planted")
    return not twin.check(cached=False).holds


def _examine(context: Context) -> Finding:
    evidence = proofs(_DERIVATIONS)
    context.advance(0.4)
    worst, least = _worst(context)
    evidence.append(
        Evidence(
            f"second witness: G_n/n!, n <= {_HIGHEST}, against quadrature at 40 digits, {len(_MEMBERS)} φ × "
            f"{len(_STEPS)} steps",
            worst,
            float(np.finfo(float).eps),
            f"<= {TOLERANCE:g}",
            worst <= TOLERANCE,
        )
    )
    planted = _planted()
    twins = (
        mutated("moments", 3),
        mutated("closed-forms", 7, "sign"),
        Twin("an integrand with an elementary antiderivative, stated as without", float(planted), planted),
        Twin("Riemann sums of 100 nodes: least relative error", least, least > TOLERANCE),
    )
    verdict = Verdict.PROVED if all(item.holds for item in evidence) else Verdict.REFUTED
    return Finding(verdict, tuple(evidence), twins)


CLAIM = Claim(
    id="taylor",
    statement="Expanding D to order k gives weights G_n/n!; for φ = x^p they are elementary.",
    source="abstract v3, release code",
    formula=r"Y_t = \frac{\varphi_t}{\varphi_s}Y_s + \sum_{n<k}\frac{G_n}{n!}D^{(n)} + R_k, \qquad"
    r" G_n = \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2}(u-\lambda_s)^n\,du",
    criterion="proved iff every step of its derivations is proved (expansion, closed forms, and by the Risch algorithm "
    "which φ have none), and the float64 weights equal quadrature at 40 digits to 1e-13",
    stated=Verdict.PROVED,
    explanation="Powers, with the ODE and the reverse SDE among them, need no quadrature. For exp_reciprocal, "
    "exp_power and log_power G_1 has no closed form in elementary functions. With noise D has no derivatives along "
    "the path: there the expansion defines a scheme and no more (order-strong, order-weak).",
    examine=_examine,
    derivations=_DERIVATIONS,
)
