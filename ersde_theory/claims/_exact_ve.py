"""The solution formula of the VE equation is exact."""

from __future__ import annotations

from ersde_theory.claims._claim import Claim, Context, Finding, Verdict
from ersde_theory.claims._exact_solution import DERIVATIONS, examine
from ersde_theory.forward_process import ForwardProcess


def _examine(context: Context) -> Finding:
    return examine(ForwardProcess.ve(), (8, 9), context)


CLAIM = Claim(
    id="exact-ve",
    statement="The VE ER-SDE has an exact solution, for every φ and every denoiser.",
    source="abstract v3",
    formula=r"x_t = \frac{\varphi_t}{\varphi_s}\,x_s + \varphi_t\int_{\sigma_t}^{\sigma_s}"
    r"\frac{\varphi'(u)}{\varphi(u)^2}\,D(u)\,du + \sqrt{\sigma_t^2 - \sigma_s^2\frac{\varphi_t^2}{\varphi_s^2}}\;z",
    criterion="proved iff every step of its derivations is proved (variation of constants, verified by Itô's formula) "
    "and the formula reproduces a reference path in (x, t) to 1e-9",
    stated=Verdict.PROVED,
    explanation="As for VP (exact-vp): exact and implicit, and only the integral of D is approximated. In y = x/α "
    "the two formulas are one.",
    examine=_examine,
    derivations=DERIVATIONS,
)
