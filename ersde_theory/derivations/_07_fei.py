r"""The one-step prediction error: the bound by FEI, the order of the noise scales, and what the bound cannot do."""

from __future__ import annotations

from sympy import Derivative, Expr, Integral, Rational, Subs, exp, log

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step

_s, _t, _u = sym.lam_s, sym.lam_t, sym.u


def _weighted(integrand: Expr) -> Expr:
    weight = Derivative(sym.phi(_u), _u) / sym.phi(_u) ** 2
    return sym.phi(_t) * Integral(weight * integrand, (_u, _t, _s))


_error = _weighted(sym.gap(_u))  # gap(u) = D(Y_u, u) - D(Y_s, s)
_fei = 1 - sym.phi(_t) / sym.phi(_s)

BOUND = Derivation(
    name="one-step-bound",
    title="The one-step error of order 1 is bounded by FEI",
    statement=r"$|e| \le \mathrm{FEI}\cdot\sup_u|\Delta(u)|$ with $\Delta(u) = D(Y_u, u) - D(Y_s, \lambda_s)$ and "
    r"$\mathrm{FEI} = 1 - \varphi_t/\varphi_s$.",
    assumptions=(
        r"$|\Delta(u)| \le M$ over the step, path by path; $\varphi' > 0$ (true for every admissible $\varphi$).",
    ),
    steps=(
        Step(
            _weighted(sym.D_path(_u)),
            _fei * sym.mu + _weighted(sym.D_path(_u) - sym.mu),
            r"Exact data term = order-1 term with $\mu = D(Y_s, \lambda_s)$, plus the error $e$",
        ),
        Step(
            _fei * sym.bound - _error,
            _weighted(sym.bound - sym.gap(_u)),
            r"$\mathrm{FEI}\,M - e$ is an integral of something non-negative, so $e \le \mathrm{FEI}\,M$",
        ),
        Step(
            _fei * sym.bound + _error,
            _weighted(sym.bound + sym.gap(_u)),
            r"$\mathrm{FEI}\,M + e$ likewise, so $-e \le \mathrm{FEI}\,M$",
        ),
        Step(
            _weighted(sym.bound),
            _fei * sym.bound,
            r"The bound is attained by $\Delta = M$ throughout: the constant cannot be improved for the class of "
            r"all $\Delta$",
        ),
    ),
    result=r"FEI is the sharp constant of the order-1 step for a given $\sup|\Delta|$.",
    source="abstract v3",
    claims=("one-step-bound", "fei-order"),
)

_W = sym.excess
_fei_of = 1 - _t / _s * exp(-_W)
_formula: tuple[Rule, ...] = ((sym.phi(_u), _u * exp(Integral(sym.tau2(sym.v) / sym.v, (sym.v, 1, _u)))),)

ORDERING = Derivation(
    name="fei-order",
    title="FEI grows with the noise; the ODE has the smallest",
    statement=r"$\mathrm{FEI} = 1 - "
    r"\frac{\lambda_t}{\lambda_s}\exp\left(-\int_{\lambda_t}^{\lambda_s}\tau^2\,du/u\right)$: "
    r"$\tau_1^2 \ge \tau_2^2$ on the step implies $\mathrm{FEI}_1 \ge \mathrm{FEI}_2$.",
    assumptions=(r"$W = \int\tau^2\,du/u \ge 0$, that is $S_s - S_t \ge 0$.",),
    steps=(
        Step(
            log(sym.phi(_t) / sym.phi(_s)),
            log(_t / _s) - Integral(sym.tau2(_u) / _u, (_u, _t, _s)),
            r"The ratio in terms of $\tau^2$, from $\varphi = \lambda\exp\int\tau^2/u$",
            _formula,
        ),
        Step(
            _fei,
            1 - _t / _s * exp(-(sym.S(_s) - sym.S(_t))),
            r"so FEI depends on $W = \int_{\lambda_t}^{\lambda_s}\tau^2\,du/u = S_s - S_t$ alone",
            ((sym.phi(_u), _u * exp(sym.S(_u))),),
        ),
        Step(
            Integral((sym.tau2(_u) + sym.h(_u) ** 2) / _u, (_u, _t, _s)),
            Integral(sym.tau2(_u) / _u, (_u, _t, _s)) + Integral(sym.h(_u) ** 2 / _u, (_u, _t, _s)),
            r"More noise, $\tau^2 + h^2$ with $h^2 \ge 0$, adds an integral of something non-negative to $W$",
        ),
        Step(
            Derivative(_fei_of, _W),
            _t / _s * exp(-_W),
            r"As a function of $W$ alone FEI increases strictly: the order of $W$ is the order of FEI",
            sign="> 0",
        ),
        Step(
            Subs(_fei_of, _W, 0),
            1 - _t / _s,
            r"Its least value, at $W = 0$: the ODE, $\varphi = \lambda$",
        ),
        Step(
            _fei,
            1 - (_t / _s) ** sym.p,
            r"For powers, $1 - (\lambda_t/\lambda_s)^p$",
            ((sym.phi(_u), _u**sym.p),),
        ),
        Step(
            Derivative(sym.phi(_t) / sym.phi(_s), _t).subs(_t, _s),
            (1 + sym.tau2(_s)) / _s,
            r"For a small step $\mathrm{FEI} \approx (1+\tau^2)(\lambda_s-\lambda_t)/\lambda_s$",
            _formula,
        ),
    ),
    result=r"The order is pointwise: noise scales whose $\tau^2$ cross need not be ordered on every step.",
    source="the paper, quoted from memory",
    claims=("fei-order",),
)


def _amplification(power: int) -> Expr:
    """Return the factor of an earlier error over a step with phi = lambda^power, levels 10 and 9, J = 5."""
    factor = 1 - (1 - (_t / _s) ** sym.p) * (1 - sym.jac)
    return Subs(factor, (_s, _t, sym.p, sym.jac), (10, 9, power, 5))


_variance = _t**2 - _s**2 * sym.phi(_t) ** 2 / sym.phi(_s) ** 2

LIMITS = Derivation(
    name="fei-limits",
    title="What the bound cannot do: it does not rank noise scales",
    statement=r"The supremum in the bound depends on $\varphi$ too, and an earlier error is multiplied by "
    r"$1 - \mathrm{FEI}(1 - J)$ per step: a larger FEI forgets faster where $J < 1$ and amplifies more where $J > 1$.",
    assumptions=(r"$J = \partial_y D$, constant over the step; $F = \mathrm{FEI}$.",),
    steps=(
        Step(
            (1 - sym.fei) + sym.fei * sym.jac,
            1 - sym.fei * (1 - sym.jac),
            r"State weight $1 - F$ plus data weight $F$ times $J$",
        ),
        Step(
            Derivative(1 - sym.fei * (1 - sym.jac), sym.fei),
            sym.jac - 1,
            r"so the factor falls with $F$ iff $J < 1$",
        ),
        Step(
            _amplification(1),
            Rational(7, 5),
            r"Between modes, $J = 5$, step $\times 0.9$: 1.40 for the ODE",
        ),
        Step(
            _amplification(2),
            Rational(44, 25),
            r"and 1.76 for $\varphi = \lambda^2$",
        ),
        Step(
            Derivative(_variance, _t).subs(_t, _s),
            -2 * _s * sym.tau2(_s),
            r"With noise $Y_u$ moves by $\sqrt{2\lambda\tau^2(\lambda_s - u)}$: $\sup|\Delta|$ is of order $\sqrt h$, "
            r"without noise of order $h$",
            ((Derivative(sym.phi(_u), _u), sym.phi(_u) * (1 + sym.tau2(_u)) / _u),),
        ),
    ),
    result=r"FEI bounds the error of a step and orders the bounds at equal $\sup|\Delta|$; it does not order the "
    r"errors.",
    claims=("one-step-bound", "sde-quality"),
)

DERIVATIONS = (BOUND, ORDERING, LIMITS)
