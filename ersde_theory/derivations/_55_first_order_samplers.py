"""Known samplers of first order: which are members of the family, and by which term the others differ.

Every step is written as its paper has it, in x, and divided by alpha_t: x_s = alpha_s y, sigma = alpha lambda.
"""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import coefficient
from ersde_theory.derivations._proof import Derivation, Step

_s, _m, _t = sym.lam_s, sym.lam_m, sym.lam_t
_y, _D = sym.y, sym.D_0
_q = _t / _s
_ell = sympy.log(_s / _t)
_alpha_s, _alpha_t = (1 / sympy.sqrt(1 + level**2) for level in (_s, _t))
_sigma_s, _sigma_t = _alpha_s * _s, _alpha_t * _t
_MEMBER_ODE = _q * _y + (1 - _q) * _D
_MEMBER_SDE = _q**2 * _y + (1 - _q**2) * _D
_VP = r"Variance-preserving where the paper is: $\alpha = (1+\lambda^2)^{-1/2}$, $\sigma = \alpha\lambda$."


def _shrink(upper: sympy.Expr, lower: sympy.Expr) -> sympy.Expr:
    """Return DDIM's squared ratio over (lower/upper)^2: 1 - eta^2 (1 - q^2)."""
    return 1 - sym.eta**2 * (1 - (lower / upper) ** 2)


_c2 = sym.eta**2 * _t**2 * (1 - _q**2)
_DDIM = Derivation(
    name="reduction-ddim",
    title="DDIM is a member for eta = 0 and eta = 1, and for no other eta",
    statement=r"DDIM with $\eta = 0$ is solver 1 with $\varphi = x$, with $\eta = 1$ solver 1 with $\varphi = x^2$. "
    r"For "
    r"$0 < \eta < 1$ each step is one of the family, but no $\varphi$ serves two grids.",
    assumptions=(_VP,),
    steps=(
        Step(
            sym.eta**2 * (_sigma_t / _sigma_s) ** 2 * (1 - (_alpha_s / _alpha_t) ** 2) / _alpha_t**2,
            _c2,
            r"DDIM's variance $\eta^2\frac{1-\bar\alpha_t}{1-\bar\alpha_s}(1-\bar\alpha_s/\bar\alpha_t)$ in $y$ is "
            r"$c^2$",
        ),
        Step(
            (_alpha_t * _D + _sigma_t * (_alpha_s * _y - _alpha_s * _D) / _sigma_s) / _alpha_t,
            _MEMBER_ODE,
            r"$\eta = 0$: solver 1 with $\varphi = x$",
        ),
        Step(
            _D + sympy.sqrt(_t**2 - _t**2 * (1 - _q**2)) * (_y - _D) / _s,
            _MEMBER_SDE,
            r"$\eta = 1$: solver 1 with $\varphi = x^2$",
        ),
        Step(
            _t**2 - _s**2 * (_q**2 * _shrink(_s, _t)),
            _c2,
            r"Any $\eta$: noise and ratio $r^2 = q^2(1-\eta^2(1-q^2))$ obey the identity of exact noise, "
            r"$c^2 = \lambda_t^2-\lambda_s^2r^2$",
        ),
        Step(
            _shrink(_s, _m) * _shrink(_m, _t) - _shrink(_s, _t),
            -(sym.eta**2) * (1 - sym.eta**2) * (1 - (_m / _s) ** 2) * (1 - (_t / _m) ** 2),
            r"Two steps against one: $r = \varphi_t/\varphi_s$ would be multiplicative; the defect vanishes for "
            r"$\eta \in \{0,1\}$ only",
        ),
        Step(
            coefficient(_c2.subs(_t, _s - sym.step), sym.step, 1),
            2 * sym.eta**2 * _s,
            r"A small step $h$: $c^2 = 2\lambda\eta^2h + \dots$ is the noise $2\lambda\tau^2h$ of $\tau = \eta$",
        ),
    ),
    result=r"In between, $\tau^2$ of DDIM goes to $\eta^2$ as the step goes to 0: $\varphi = x^{1+\eta^2}$ is its "
    r"limit.",
    source="Song, Meng & Ermon 2021, equations 12 and 16",
    claims=("reductions",),
)

_a = (_alpha_s / _alpha_t) ** 2
_DDPM = Derivation(
    name="reduction-ddpm",
    title="DDPM ancestral sampling is the reverse SDE's solver 1",
    statement=r"Mean and posterior variance of DDPM are those of solver 1 with $\varphi = x^2$; the forward variance "
    r"$\beta$ adds $(1-q^2)(\lambda_s^2-\lambda_t^2)/(1+\lambda_s^2)$.",
    assumptions=(
        _VP,
        r"One step of DDPM: $a = \alpha_s^2/\alpha_t^2 = 1-\beta$, $\varepsilon = (x_s-\alpha_sD)/\sigma_s$.",
    ),
    steps=(
        Step(
            (_alpha_s * _y - (1 - _a) / _sigma_s * (_alpha_s * _y - _alpha_s * _D) / _sigma_s)
            / sympy.sqrt(_a)
            / _alpha_t,
            _MEMBER_SDE,
            r"Mean $\frac1{\sqrt a}(x_s-\frac{\beta}{\sigma_s}\varepsilon)$",
        ),
        Step(
            (_sigma_t / _sigma_s) ** 2 * (1 - _a) / _alpha_t**2,
            _t**2 * (1 - _q**2),
            r"Posterior variance $\tilde\beta = \frac{\sigma_t^2}{\sigma_s^2}\beta$",
        ),
        Step(
            (1 - _a) / _alpha_t**2 - _t**2 * (1 - _q**2),
            (1 - _q**2) * (_s**2 - _t**2) / (1 + _s**2),
            r"Forward variance $\beta$ minus posterior variance: positive at every finite step, of order $h^2$",
        ),
    ),
    result="A member with the posterior variance, none with the forward variance: too much noise at each step.",
    source="Ho, Jain & Abbeel 2020, equations 6, 7, section 3.2",
    claims=("reductions",),
)

_DPM = Derivation(
    name="reduction-dpm-solver-1",
    title="DPM-Solver++(1), its SDE form, DEIS of order 0 and the EDM Euler step are members",
    statement=r"All of them are solver 1: with $\varphi = x$, and with $\varphi = x^2$ for SDE-DPM-Solver++(1).",
    assumptions=(r"$\ell = \ln(\lambda_s/\lambda_t)$, the step of the half log-SNR.",),
    steps=(
        Step(
            _t / _s * _y - (sympy.exp(-_ell) - 1) * _D,
            _MEMBER_ODE,
            r"DPM-Solver++(1): $\frac{\sigma_t}{\sigma_s}x_s-\alpha_t(e^{-\ell}-1)D$",
        ),
        Step(
            _y + sympy.Integral(sympy.Integer(1), (sym.u, _s, _t)) * (_y - _D) / _s,
            _MEMBER_ODE,
            r"DEIS of order 0, and Euler's step of EDM: $y + (\lambda_t-\lambda_s)\varepsilon$, $\varepsilon = "
            r"(y-D)/\lambda_s$",
        ),
        Step(
            _t / _s * sympy.exp(-sym.ell) * _y + (1 - sympy.exp(-2 * sym.ell)) * _D,
            _MEMBER_SDE,
            r"SDE-DPM-Solver++(1): $\frac{\sigma_t}{\sigma_s}e^{-\ell}x_s + \alpha_t(1-e^{-2\ell})D$",
            ((sym.ell, _ell),),
        ),
        Step(
            _t**2 * (1 - sympy.exp(-2 * _ell)),
            _t**2 - _s**2 * _q**4,
            r"Its noise $\sigma_t^2(1-e^{-2\ell})$ is the exact one of $\varphi = x^2$",
        ),
    ),
    result="Equal step by step, hence equal tableaus on every grid.",
    source="Lu et al. 2022 (DPM-Solver++); Zhang & Chen 2023 (DEIS); Karras et al. 2022 (EDM)",
    claims=("reductions",),
)

_SA = Derivation(
    name="reduction-sa-solver-1",
    title="SA-Solver with constant tau and one evaluation is solver 1 with a power",
    statement=r"SA-Solver's predictor of order 1 with constant $\tau$ is solver 1 with $\varphi = x^p$, $p = "
    r"1+\tau^2$.",
    assumptions=(r"$\ell = \ln(\lambda_s/\lambda_t)$; $w$ is the half log-SNR counted from the start of the step.",),
    steps=(
        Step(
            _t / _s * sympy.exp(-(sym.p - 1) * _ell),
            _q**sym.p,
            r"Coefficient of the state, $\frac{\sigma_t}{\sigma_s}e^{-\tau^2\ell}$, in $y$: $\varphi_t/\varphi_s$",
        ),
        Step(
            sympy.Integral(sym.p * sympy.exp(sym.p * (sym.w - sym.ell)), (sym.w, 0, sym.ell)),
            1 - sympy.exp(-sym.p * sym.ell),
            r"Coefficient of the data prediction, $1-\varphi_t/\varphi_s$",
        ),
        Step(
            _t**2 * (1 - sympy.exp(-2 * (sym.p - 1) * _ell)),
            _t**2 - _s**2 * _q ** (2 * sym.p),
            r"Noise $\sigma_t^2(1-e^{-2\tau^2\ell})$: the exact one",
        ),
    ),
    result=r"$\tau$ of SA-Solver is $\tau$ here; a $\tau$ that changes with the level is $\varphi$ by "
    r"$\varphi'/\varphi = "
    r"(1+\tau^2)/\lambda$.",
    source="Xue et al. 2023 (SA-Solver)",
    claims=("reductions",),
)

_hat = (1 + sym.churn) * _s
_r = _t / _hat
_P_s, _P_hat = sym.v_x + _s**2, sym.v_x + _hat**2
_CHURN = Derivation(
    name="reduction-churn",
    title="Stochastic churn has the scalars of a member, and evaluates elsewhere",
    statement=r"Churn raises the level to $\hat\lambda = (1+\gamma)\lambda_s$ by fresh noise and steps down from "
    r"there. An "
    r"Euler step after it has ratio, data weight and noise of the member with $\varphi_t/\varphi_s = "
    r"\lambda_t/\hat\lambda$, "
    r"but its data prediction is $D(\hat y, \hat\lambda)$ and not $D(y, \lambda_s)$.",
    assumptions=(
        r"$\hat y = y + \sqrt{\hat\lambda^2-\lambda_s^2}\,Z$; for the last step Gaussian data of variance $v$.",
    ),
    steps=(
        Step(
            (_y + sym.Z) + (_t - _hat) * ((_y + sym.Z) - _D) / _hat,
            _r * _y + (1 - _r) * _D + _r * sym.Z,
            r"Churn, then Euler's step from $\hat\lambda$ to $\lambda_t$ ($Z$ stands for the added noise)",
        ),
        Step(
            _r**2 * (_hat**2 - _s**2),
            _t**2 - _s**2 * _r**2,
            "Its noise is the exact one of that ratio",
        ),
        Step(
            _t**2 - _s**2 * _r**2,
            _t**2 * (1 - (1 + sym.churn) ** -2),
            r"So $S_s-S_t = \ln(1+\gamma)$: the $\varphi$ depends on the grid",
        ),
        Step(
            (_r + (1 - _r) * sym.v_x / _P_hat) ** 2 * _P_hat
            - ((_r + (1 - _r) * sym.v_x / _P_s) ** 2 * _P_s + _t**2 - _s**2 * _r**2),
            -((1 - _r) ** 2) * sym.v_x**2 * (_hat**2 - _s**2) / (_P_s * _P_hat),
            r"Gaussian data: variance after the churned step minus that of the member",
        ),
    ),
    result="Not a member: the evaluation comes after the noise. The variance is smaller by the last formula.",
    source="Karras et al. 2022, algorithm 2",
    claims=("reductions",),
)

_NOISE_PREDICTION = _y - 2 * _t * (sympy.exp(sym.ell) - 1) * (_y - _D) / _s
_NOISE_VARIANCE = _t**2 * (sympy.exp(2 * sym.ell) - 1)
_SEEDS = Derivation(
    name="reduction-seeds-1",
    title="SEEDS-1 is a member in data prediction, and none in noise prediction",
    statement=r"SEEDS-1 with data prediction is SDE-DPM-Solver++(1), a member. With noise prediction it solves the "
    r"linear part of another splitting exactly: ratio, data weight and noise differ from the member's at second order "
    r"in the step.",
    assumptions=(r"$\ell = \ln(\lambda_s/\lambda_t)$, $\varepsilon = (y-D)/\lambda_s$, $q = \lambda_t/\lambda_s$.",),
    steps=(
        Step(
            _t / _s * sympy.exp(-sym.ell) * _y + (1 - sympy.exp(-2 * sym.ell)) * _D,
            _MEMBER_SDE,
            r"Data prediction, $\frac{\sigma_t}{\sigma_s}e^{-\ell}x_s + \alpha_t(1-e^{-2\ell})D$: solver 1 with "
            r"$\varphi = x^2$; its noise is the exact one (derivation reduction-dpm-solver-1)",
            ((sym.ell, _ell),),
        ),
        Step(
            _NOISE_PREDICTION - _MEMBER_SDE,
            -((1 - _q) ** 2) * (_y - _D),
            r"Noise prediction, $\frac{\alpha_t}{\alpha_s}x_s - 2\sigma_t(e^\ell-1)\varepsilon$: state and data "
            r"weights "
            r"differ by $(1-q)^2$",
            ((sym.ell, _ell),),
        ),
        Step(
            _NOISE_VARIANCE - _t**2 * (1 - _q**2),
            (_s**2 - _t**2) * (1 - _q**2),
            r"Its noise variance $\sigma_t^2(e^{2\ell}-1)$ is too large",
            ((sym.ell, _ell),),
        ),
        Step(
            (sympy.Derivative(_NOISE_PREDICTION, _y) * _s) ** 2 + _NOISE_VARIANCE - _t**2,
            2 * (_s - _t) ** 2,
            r"Data concentrated at 0: a member keeps the variance at $\lambda^2$, here every step adds this",
            ((sym.ell, _ell),),
        ),
    ),
    result="Which function is held constant over the step decides membership, not the equation.",
    source="Gonzalez et al. 2023 (SEEDS); Lu et al. 2022 (DPM-Solver++)",
    claims=("reductions",),
)

DERIVATIONS = (_DDIM, _DDPM, _DPM, _SA, _CHURN, _SEEDS)
