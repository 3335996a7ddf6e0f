"""The solution formula of the VP equation is exact."""

from __future__ import annotations

from ersde_theory.claims._claim import Claim, Context, Finding, Verdict
from ersde_theory.claims._exact_solution import DERIVATIONS, examine
from ersde_theory.forward_process import ForwardProcess


def _examine(context: Context) -> Finding:
    return examine(ForwardProcess.vp_linear(), (6, 7), context)


CLAIM = Claim(
    id="exact-vp",
    statement="The VP ER-SDE has an exact solution, for every φ and every denoiser.",
    source="abstract v3",
    formula=r"x_t = \frac{\alpha_t\varphi_t}{\alpha_s\varphi_s}\,x_s + \alpha_t\varphi_t\int_{\lambda_t}^{\lambda_s}"
    r"\frac{\varphi'(u)}{\varphi(u)^2}\,D(u)\,du + \alpha_t\sqrt{\lambda_t^2 - \lambda_s^2\frac{\varphi_t^2}"
    r"{\varphi_s^2}}\;z",
    criterion="proved iff every step of its derivations is proved (variation of constants, verified by Itô's formula) "
    "and the formula reproduces a reference path in (x, t) to 1e-9",
    stated=Verdict.PROVED,
    explanation="Exact and implicit: D stands under the integral at the unknown path, and only that integral is "
    "approximated by a solver. The same holds for VE (exact-ve), so the abstract's “exact … and approximate …, "
    "respectively” is not supported: neither process has more of an exact solution than the other.",
    examine=_examine,
    derivations=DERIVATIONS,
)
