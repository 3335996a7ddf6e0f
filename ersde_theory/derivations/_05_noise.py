r"""The noise of a step: Itô isometry, the clock V = lambda^2/phi^2, increments that add."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Integral, exp, log

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step

_s, _m, _t, _u = sym.lam_s, sym.lam_m, sym.lam_t, sym.u
_by_excess: tuple[Rule, ...] = ((sym.phi(_u), _u * exp(sym.S(_u))),)


def _tau2(level: Expr) -> Expr:
    return level * Derivative(sym.phi(level), level) / sym.phi(level) - 1


def clock(level: Expr) -> Expr:
    """Return V = lambda^2/phi^2."""
    return level**2 / sym.phi(level) ** 2


def variance(start: Expr, end: Expr) -> Expr:
    """Return the noise variance of a step in y."""
    return end**2 - start**2 * sym.phi(end) ** 2 / sym.phi(start) ** 2


_isometry = sym.phi(_t) ** 2 * Integral(2 * _u * _tau2(_u) / sym.phi(_u) ** 2, (_u, _t, _s))

ISOMETRY = Derivation(
    name="noise-variance",
    title="The noise of a step, by the Itô isometry",
    statement=r"The noise of a step $\lambda_s \to \lambda_t$ is Gaussian with variance "
    r"$\lambda_t^2 - \lambda_s^2\varphi_t^2/\varphi_s^2 = \lambda_t^2(1 - e^{-2(S_s - S_t)})$ in $y$, and "
    r"$\alpha_t^2$ times that in $x$.",
    assumptions=(
        r"The exact solution (derivation exact-solution), whose noise is "
        r"$\varphi_t\int\varphi^{-1}\sqrt{2u\tau^2}\,d\bar W$.",
        r"Itô isometry: a deterministic integrand $b$ gives a Gaussian with variance $\int b^2$.",
    ),
    steps=(
        Step(_isometry, variance(_s, _t), r"Itô isometry, and $2u\tau^2/\varphi^2 = -(u^2/\varphi^2)'$"),
        Step(
            variance(_s, _t),
            _t**2 * (1 - exp(-2 * (sym.S(_s) - sym.S(_t)))),
            r"In terms of $S$: non-negative iff $S_s \ge S_t$",
            _by_excess,
        ),
        Step(
            1 - sym.phi(_t) / sym.phi(_s),
            1 - exp(log(_t / _s) - (sym.S(_s) - sym.S(_t))),
            r"the data weight FEI in the same terms",
            _by_excess,
        ),
        Step(
            sym.alpha(sym.t) ** 2 * variance(_s, sym.sigma(sym.t) / sym.alpha(sym.t)),
            sym.sigma(sym.t) ** 2
            - sym.alpha(sym.t) ** 2 * _s**2 * sym.phi(sym.sigma(sym.t) / sym.alpha(sym.t)) ** 2 / sym.phi(_s) ** 2,
            r"In $x$, with $\lambda_t = \sigma_t/\alpha_t$",
        ),
        Step(variance(_s, _t), Integer(0), r"$\varphi = \lambda$: no noise", ((sym.phi(_u), _u),)),
        Step(
            variance(_s, _t),
            _t**2 - _t**4 / _s**2,
            r"$\varphi = \lambda^2$: the variance of the posterior of DDPM, $\lambda_t^2(\lambda_s^2 - "
            r"\lambda_t^2)/\lambda_s^2$",
            ((sym.phi(_u), _u**2),),
        ),
        Step(
            _isometry + (sym.phi(_t) / sym.phi(_s)) ** 2 * _s**2,
            _t**2,
            r"For data concentrated at 0 the step keeps the variance at $\lambda^2$ exactly",
        ),
        Step(
            Derivative(variance(_s, _t), _t).subs(_t, _s),
            (2 * _s - 2 * _s**2 * Derivative(sym.phi(_s), _s) / sym.phi(_s)),
            r"Per unit of $\lambda$ a small step adds $2\lambda\tau^2$ (the sign: $\lambda_t$ falls)",
        ),
    ),
    result=r"The variance is exact for every $\varphi$ and step; its sign is the criterion of admissibility.",
    source="release code",
    claims=("noise-variance", "admissible"),
)


CLOCK = Derivation(
    name="noise-clock",
    title="The clock $V = \\lambda^2/\\varphi^2$: one Brownian path for every grid",
    statement=r"In $u = Y/\varphi$ the noise is a Brownian motion run in $V(\lambda) = \lambda^2/\varphi^2 = "
    r"e^{-2S}$, so "
    r"increments over neighbouring steps add and a fine path gives every coarser one exactly.",
    assumptions=(
        r"Increments over disjoint intervals are independent.",
        r"$V$ is constant for the ODE and infinite at $\lambda = 0$ when $\tau^2$ is positive there; both are "
        r"excluded here.",
    ),
    steps=(
        Step(clock(sym.lam), exp(-2 * sym.S(sym.lam)), r"$V = e^{-2S}$ grows as $\lambda$ falls", _by_excess),
        Step(
            -Derivative(clock(sym.lam), sym.lam),
            2 * sym.lam * _tau2(sym.lam) / sym.phi(sym.lam) ** 2,
            r"$-V' = 2\lambda\tau^2/\varphi^2$ is the quadratic variation of the noise of $Y/\varphi$",
        ),
        Step(
            variance(_s, _t) / sym.phi(_t) ** 2,
            clock(_t) - clock(_s),
            r"The variance of a step is an increment of $V$",
        ),
        Step(
            variance(_s, _t),
            (sym.phi(_t) / sym.phi(_m)) ** 2 * variance(_s, _m) + variance(_m, _t),
            r"so the variances of two steps make that of one, after the second step's ratio",
        ),
        Step(
            (clock(_m) - clock(_s)) / (clock(_t) - clock(_s)) + (clock(_t) - clock(_m)) / (clock(_t) - clock(_s)),
            Integer(1),
            r"$Z = \sqrt{\Delta V_1/\Delta V}\,Z_1 + \sqrt{\Delta V_2/\Delta V}\,Z_2$ is standard normal",
        ),
        Step(
            (sym.phi(_t) / sym.phi(_m)) ** 2 * variance(_s, _m),
            variance(_s, _t) * (clock(_m) - clock(_s)) / (clock(_t) - clock(_s)),
            r"The noise of the first step, carried to $t$, has the weight $\Delta V_1/\Delta V$ in that of one step",
        ),
        Step(
            variance(_m, _t),
            variance(_s, _t) * (clock(_t) - clock(_m)) / (clock(_t) - clock(_s)),
            r"and that of the second the weight $\Delta V_2/\Delta V$: draw by draw, two steps have the noise of "
            r"one with $Z$",
        ),
        Step(
            sym.phi(_t) * sym.phi(_m) * (clock(_m) - clock(_s)),
            sym.phi(_t) / sym.phi(_m) * variance(_s, _m),
            r"The covariance of the noise at $m$ and $t$, both from $s$, is the earlier variance times the ratio",
        ),
    ),
    result=r"$Z_{\mathrm{coarse}} = \sum_j\sqrt{\Delta V_j/\Delta V}\,Z_j$ couples every coarser grid to a fine one "
    r"exactly.",
    claims=("noise-variance", "order-strong"),
)

DERIVATIONS = (ISOMETRY, CLOCK)
