"""Known samplers of higher order against solver 2 and Adams-3: equal in the limit, different by a stated term.

Levels are written by the step ell of the half log-SNR: lambda_s = lambda_t e^ell, the level before is
lambda_s e^(r_0 ell). A data weight is compared that of the older evaluation; the weights of a step have one sum.
"""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import coefficient, lagrange
from ersde_theory.derivations._proof import Derivation, Step

_l, _w, _r0, _r1, _p = sym.ell, sym.w, sym.r_0, sym.r_1, sym.p
_exp = sympy.exp
_F = sympy.Rational


def _moment(power: int, p: sympy.Expr) -> sympy.Expr:
    """Return the integral of p e^(p (w - ell)) w^n over the step: moments in the half log-SNR."""
    return sympy.Integral(p * _exp(p * (_w - _l)) * _w**power, (_w, 0, _l))


# Weight of the older evaluation: solver 2 times e^(r_0 ell) - 1, DPM-Solver++ 2M, interpolation in ln lambda times ell.
_common = _exp(_r0 * _l) - 1
_SOLVER_2 = -_exp(-_l) * (_exp(_l) - 1 - _l)
_SOLVER_2_SDE = -((1 - _exp(-_l)) ** 2)
_SOLVER_2_P = -(1 - _exp(-_p * _l) - _p * (_exp(-_l) - _exp(-_p * _l)) / (_p - 1))
_TWO_M = -(1 - _exp(-_l)) / (2 * _r0)
_TWO_M_SDE = -(1 - _exp(-2 * _l)) / (2 * _r0)
_LOG = -(_l - 1 + _exp(-_l)) / _r0
_LOG_P = -(_l - (1 - _exp(-_p * _l)) / _p) / _r0

_LEVELS = r"$r_0 = h_{i-1}/h_i$ in the half log-SNR; ratio, sum of the weights and noise agree, so one weight decides."

_TWO_STEP = Derivation(
    name="reduction-dpm-solver-2m",
    title="DPM-Solver++(2M), 2S and the SDE form of 2M are not solver 2",
    statement=r"They approximate the moment of the interpolation in $\ln\lambda$ by half the first one. The weight of "
    r"the older evaluation differs from solver 2's by a term of relative order $\ell$; the order stays 2.",
    assumptions=(_LEVELS,),
    steps=(
        Step(
            sym.lam_t * sympy.Integral((sym.u - sym.lam_s) / sym.u**2, (sym.u, sym.lam_t, sym.lam_s)),
            sym.lam_t * (sympy.log(sym.lam_s / sym.lam_t) - sym.lam_s / sym.lam_t + 1),
            r"$G_1$ of $\varphi = x$: the weight of $D_{i-1}$ in solver 2 is $-G_1/(\lambda_i-\lambda_{i-1})$",
        ),
        Step(
            coefficient(_TWO_M * _common - _SOLVER_2, _l, 3),
            -(1 + 3 * _r0) / 12,
            r"2M minus solver 2, both times $e^{r_0\ell}-1 \approx r_0\ell$: at $\ell^3$, so the weights differ by "
            r"$-\frac{1+3r_0}{12r_0}\ell^2$",
        ),
        Step(
            coefficient(_TWO_M * _l - _LOG, _l, 3),
            1 / (12 * _r0),
            r"2M minus the exact integral of the line in $\ln\lambda$: $\frac{\ell^2}{12r_0}$. 2M is no exponential "
            "Adams method either",
        ),
        Step(
            coefficient(_TWO_M_SDE * _common - _SOLVER_2_SDE, _l, 3),
            -_r0 / 2,
            r"SDE form of 2M minus solver 2 with $\varphi = x^2$: the weights differ by $-\frac12\ell^2$",
        ),
        Step(
            coefficient((1 - _exp(-_l)) / 2 * _l - (_l - 1 + _exp(-_l)), _l, 3),
            -_F(1, 12),
            r"2S (stage at $r_1\ell$): weight $(1-e^{-\ell})/(2r_1)$ of the stage minus the exact one, times "
            r"$r_1\ell$; "
            "two evaluations a step, so no member",
        ),
    ),
    result="Three second-order schemes that agree to leading order and differ in the third-order local error.",
    source="Lu et al. 2022 (DPM-Solver++)",
    claims=("reductions",),
)

_NODES = (sympy.Integer(0), -_r0 * _l, -(_r0 + _r1) * _l)
_d10, _d11 = (sym.D_0 - sym.D_1) / _r0, (sym.D_1 - sym.D_2) / _r1
_first = _d10 + _r0 / (_r0 + _r1) * (_d10 - _d11)
_second = (_d10 - _d11) / (_r0 + _r1)
_PHI_3 = ((_exp(-_l) - 1) / _l + 1) / _l - _F(1, 2)

_THREE_M = Derivation(
    name="reduction-dpm-solver-3m",
    title="DPM-Solver++(3M) as coded has half of its curvature term, and order 2",
    statement=r"The third-order multistep update of the public code is exponential Adams-3 in $\ln\lambda$ but for one "
    r"factor: the divided difference $D_2$ is already half the second derivative, and its weight is halved again. The "
    r"local error is $\frac1{12}\ell^3f''$, so the order is 2.",
    assumptions=(
        r"Public code of DPM-Solver (multistep, order 3) and of its SDE form elsewhere: $D_1 = "
        r"D_{1,0}+\frac{r_0}{r_0+r_1}"
        r"(D_{1,0}-D_{1,1})$, $D_2 = (D_{1,0}-D_{1,1})/(r_0+r_1)$, weights $\phi_2 = (e^{-\ell}-1)/\ell+1$ and "
        r"$-\phi_3 = \frac12-\phi_2/\ell$.",
    ),
    steps=(
        Step(
            sym.D_0 + _first * _w / _l + _second * (_w / _l) ** 2,
            lagrange((sym.D_0, sym.D_1, sym.D_2), _NODES, _w),
            r"$D_0+D_1\frac w\ell+D_2\frac{w^2}{\ell^2}$ is the parabola through the three evaluations",
        ),
        Step(
            _moment(0, sympy.Integer(1)),
            1 - _exp(-_l),
            r"Its exact integral: weight of $D_0$, as coded",
        ),
        Step(
            _moment(1, sympy.Integer(1)) / _l,
            (_exp(-_l) - 1) / _l + 1,
            r"Weight of $D_1$: $\phi_2$, as coded",
        ),
        Step(
            _moment(2, sympy.Integer(1)) / _l**2,
            -2 * _PHI_3,
            r"Weight of $D_2$: twice the coded $-\phi_3$",
        ),
        Step(
            coefficient((_l**2 - 2 * _l + 2 - 2 * _exp(-_l)) / 2 * sym.f_2 / 2, _l, 3),
            sym.f_2 / 12,
            r"What is missing, $\frac12\int e^{w-\ell}w^2dw\cdot\frac12f''$, at $\ell^3$",
        ),
    ),
    result="With the weight of $D_2$ doubled it is exponential Adams-3 in the variable $\\ln\\lambda$ and third order.",
    source="public code of DPM-Solver; measured in the tests",
    claims=("reductions",),
)

_SA = Derivation(
    name="reduction-sa-solver-2",
    title="SA-Solver's predictor interpolates in another variable",
    statement=r"With constant $\tau$ and several evaluations SA-Solver's predictor is exponential Adams in "
    r"$\ln\lambda$ with "
    r"$\varphi = x^p$, exact noise included; Adams-k here interpolates in $\lambda$.",
    assumptions=(_LEVELS, r"$p = 1+\tau^2 > 1$."),
    steps=(
        Step(
            -_moment(1, _p) / (_r0 * _l),
            _LOG_P / _l,
            r"Weight of $D_{i-1}$ in SA-Solver's predictor of order 2: $-\int pe^{p(w-\ell)}\frac{w}{r_0\ell}dw$",
        ),
        Step(
            sympy.Derivative(_exp(_p * (_w - _l)) - _p / (_p - 1) * _exp((_p - 1) * _w - _p * _l), _w),
            _p * _exp(_p * (_w - _l)) * (1 - _exp(-_w)),
            r"Antiderivative for $-G_1/\lambda_s = \int_0^\ell pe^{p(w-\ell)}(1-e^{-w})dw$, $\varphi = x^p$",
        ),
        Step(
            coefficient(_LOG_P * _common - _SOLVER_2_P * _l, _l, 4),
            -_p * (2 + 3 * _r0) / 12,
            r"SA-Solver minus solver 2, times $e^{r_0\ell}-1$: at $\ell^3$; the weights differ by "
            r"$-\frac{p(2+3r_0)}{12r_0}\ell^2$",
        ),
    ),
    result="A member of the family in all but the variable of interpolation: the same $\\varphi$, ratio and noise.",
    source="Xue et al. 2023 (SA-Solver)",
    claims=("reductions",),
)

_s, _m, _t = sym.lam_s, sym.lam_m, sym.lam_t
_eps_0 = (sym.y - sym.D_0) / _s
_y_1 = sym.y + (_m - _s) * _eps_0
_c_1 = sympy.Integral((sym.u - _m) / (_s - _m), (sym.u, _m, _t))
_c_0 = sympy.Integral((_s - sym.u) / (_s - _m), (sym.u, _m, _t))
_DEIS = Derivation(
    name="reduction-deis",
    title="DEIS interpolates the noise prediction: not a member from order 1 on",
    statement=r"Adams-Bashforth on $dy/d\lambda = \varepsilon$ with the line through $\varepsilon_1, \varepsilon_0$. "
    r"In "
    r"dense form the start's coefficient is that of a member, the data weights are not.",
    assumptions=(
        r"Levels $\lambda_s > \lambda_m > \lambda_t$: a step of order 0 and one of order 1; the polynomial is taken in "
        r"$\lambda$ (in $t$, tAB, the weights change, not the argument).",
    ),
    steps=(
        Step(
            _y_1 + _c_0 * (_y_1 - sym.D_1) / _m + _c_1 * _eps_0,
            _t / _s * sym.y
            + ((_m - _t) + (_m - _t) ** 2 / (2 * (_s - _m))) / _m * sym.D_1
            + (1 - _t / _s - ((_m - _t) + (_m - _t) ** 2 / (2 * (_s - _m))) / _m) * sym.D_0,
            r"Two steps in dense form: start $\lambda_t/\lambda_s$, weights of $D_1$ and $D_0$ summing to "
            r"$1-\lambda_t/\lambda_s$",
        ),
        Step(
            coefficient((_exp(_l) - 1) ** 2 * _exp(-_l) / 2 + _l - _exp(_l) + 1, _l, 3),
            -_F(1, 6),
            r"Weight of $D_1$ minus solver 2's, over $\lambda_t/(\lambda_s-\lambda_m)$, with $\lambda_m = "
            r"\lambda_te^\ell$: $\cosh\ell-1+\ell-e^\ell+1$, leading term $-\ell^3/6$. Solver 2 has logarithms, DEIS "
            r"has none",
        ),
    ),
    result="Both are second order; they differ from the third-order local error on.",
    source="Zhang & Chen 2023 (DEIS)",
    claims=("reductions",),
)

_predictor = _t / _s * sym.y + (1 - _t / _s) * sym.D_0
_HEUN = Derivation(
    name="reduction-edm-heun",
    title="EDM's Heun step is a trapezoidal rule, not a member",
    statement=r"Predictor: solver 1 with $\varphi = x$. Corrector: weights "
    r"$\frac12(\lambda_s-\lambda_t)(\frac2{\lambda_s}-"
    r"\frac1{\lambda_t})$ and $\frac{\lambda_s-\lambda_t}{2\lambda_t}$ of $D_s$ and $\hat D_t$; two evaluations a "
    r"step.",
    assumptions=(r"$\sigma = t = \lambda$, $\alpha = 1$.",),
    steps=(
        Step(
            sym.y + (_t - _s) / 2 * ((sym.y - sym.D_0) / _s + (_predictor - sym.D_1) / _t),
            _t / _s * sym.y + (_s - _t) / 2 * (2 / _s - 1 / _t) * sym.D_0 + (_s - _t) / (2 * _t) * sym.D_1,
            "Heun's step in data predictions",
        ),
        Step(
            (_s - _t) / 2 * (2 / _s - 1 / _t) + (_s - _t) / (2 * _t),
            1 - _t / _s,
            "Constant data are a fixed point",
        ),
        Step(
            coefficient((_exp(_l) - 1) ** 2 / 2 - (_exp(_l) - 1 - _l), _l, 3),
            _F(1, 3),
            r"Weight of $\hat D_t$ minus that of the line in $\lambda$ integrated exactly, "
            r"$(e^\ell-1-\ell)/(e^\ell-1)$, "
            r"times $e^\ell-1$: at $\ell^3$; the weights differ by $\frac13\ell^2$",
        ),
    ),
    result="Second order like the exponential trapezoidal rule, with another third-order local error.",
    source="Karras et al. 2022, algorithm 1",
    claims=("reductions",),
)

DERIVATIONS = (_TWO_STEP, _THREE_M, _SA, _DEIS, _HEUN)
