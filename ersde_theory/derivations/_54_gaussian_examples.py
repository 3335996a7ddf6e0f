"""Gaussian data, powers and a uniform grid: exact numbers, exact steps, and the proof that no k gives more than 2."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import coefficient
from ersde_theory.derivations._gaussian_densities import KAPPA, LAM, P, V, noise_density, variance_density
from ersde_theory.derivations._proof import Derivation, Step

_F = sympy.Rational
_h, _u = sym.step, sym.u
_P_t, _P_u = V + sym.lam_t**2, V + sym.u**2
_PATH = (_u, sym.lam_t, sym.lam_s)


_one = 1 + _u**2
_half_log = sympy.log(_u) - sympy.log(_one) / 2


def _integrand(density: sympy.Expr, kappa: int) -> sympy.Expr:
    """Return a density times the squared propagator over P_t^kappa, at constant kappa and v = 1."""
    return density.subs(KAPPA, kappa).doit().subs(V, 1).subs(LAM, _u) / _one**kappa


# Antiderivatives of those integrands, and what each is.
_ANTIDERIVATIVES = (
    (_integrand(variance_density("published-1"), 1), -_u / (2 * _one) - sympy.atan(_u) / 2, r"Solver 1, $\varphi = x$"),
    (
        _integrand(variance_density("published-2"), 1),
        5 * (2 * _u**2 + 5) / (24 * _one**2) + _F(5, 6) * _half_log,
        r"Solver 2, $\varphi = x$; three fifths of it for solver 3",
    ),
    (
        _integrand(variance_density("adams-3"), 1),
        3 * _u * (39 * _u**4 + 104 * _u**2 + 105) / (64 * _one**3) + _F(117, 64) * sympy.atan(_u),
        r"Adams-3, $\varphi = x$",
    ),
    (
        _integrand(variance_density("published-1"), 2),
        -_u * (3 * _u**2 + 5) / (2 * _one**2) - _F(3, 2) * sympy.atan(_u),
        r"Solver 1, $\varphi = x^2$",
    ),
    (
        _integrand(variance_density("published-2") + noise_density(), 2),
        (6 * _u**4 + 15 * _u**2 + 16) / (3 * _one**3) + 4 * _half_log,
        r"Solver 2, $\varphi = x^2$",
    ),
    (
        _integrand(noise_density(), 2),
        (6 * _u**4 + 15 * _u**2 + 11) / (18 * _one**3) + _F(2, 3) * _half_log,
        r"Adams-k, $k \ge 3$, $\varphi = x^2$: the noise alone",
    ),
)

_UNIFORM = Derivation(
    name="gaussian-uniform-grid",
    title="Error constants on a uniform grid in closed form",
    statement=r"For $\varphi = x^p$ the propagator is $\Phi = (P_N/P)^{p/2}$. On levels uniform in $\lambda$, in "
    r"units with "
    r"$v = 1$, the error of the variance is $((\lambda_0-\lambda_N)/N)^k\,(1+\lambda_N^2)^p$ times the difference "
    r"between $\lambda_0$ and $\lambda_N$ of the antiderivatives below, the start aside.",
    assumptions=(r"$P = v+u^2$; each integrand is a density of derivation gaussian-variance-densities over $P^p$.",),
    steps=(
        Step(
            sympy.Derivative((_P_t / _P_u) ** (sym.p / 2), _u),
            -sym.p * _u / _P_u * (_P_t / _P_u) ** (sym.p / 2),
            r"$\Phi' = -\nu\Phi$ with $\kappa = p$",
        ),
        *(
            Step(sympy.Derivative(primitive, _u), sympy.factor(integrand), what)
            for integrand, primitive, what in _ANTIDERIVATIVES
        ),
    ),
    result=r"For any other grid the step length $\eta(\lambda)^k$ enters the integrand: on levels uniform in "
    r"$\lambda^{1/\varrho}$, $\eta = \varrho\lambda^{1-1/\varrho}(\lambda_0^{1/\varrho}-\lambda_N^{1/\varrho})$.",
    claims=("order-weak", "order-ode"),
)

# One exact step of solver 1 with phi = x^p, and of solver 2 with phi = x^2 (everything rational), from lambda to
# lambda - h after a step of the same length.
_down = LAM - _h
_up = LAM + _h
_ratio_p = (_down / LAM) ** sym.p
_step_1 = (_ratio_p + (1 - _ratio_p) * V / P) ** 2 * P + _down**2 - LAM**2 * _ratio_p**2 - (V + _down**2)


def _reverse_step() -> tuple[sympy.Expr, sympy.Expr, sympy.Expr, sympy.Expr]:
    """Return P after the step, weights of Y_i and Y_{i-1}, and noise variance of solver 2 with phi = x^2."""
    ratio, first = (_down / LAM) ** 2, -(_h**2) / LAM
    older = first / _h  # d_i = (D_i - D_{i-1}) / (-h)
    now = ratio + (1 - ratio - first / _h) * V / P
    return V + _down**2, now, older * V / (V + _up**2), _down**2 * (1 - ratio)


def _variance_defects() -> tuple[sympy.Expr, sympy.Expr]:
    """Return the defects of the variance and of the covariance with the state one step back."""
    after, now, old, noise = _reverse_step()
    before = V + _up**2
    variance = now**2 * P + 2 * now * old * P + old**2 * before + noise - after
    return variance, now * P + old * P - after


def _total_defect() -> sympy.Expr:
    variance, covariance = _variance_defects()
    old = _reverse_step()[2]
    return variance + 2 * old * covariance


_WITNESS = Derivation(
    name="gaussian-exact-steps",
    title="Exact steps as a second witness",
    statement="The densities of derivation gaussian-variance-densities, read off exact one-step variances without "
    "stochastic calculus.",
    assumptions=(
        r"$\varphi = x^2$ makes every coefficient rational: $G_0 = 1-q^2$, $G_1 = -h^2/\lambda$, covariance of the "
        r"solution with its past $P_t$ (a martingale bridge); equal steps.",
    ),
    steps=(
        Step(
            coefficient(_step_1, _h, 2),
            -(sym.p**2) * V / P,
            r"Solver 1, $\varphi = x^p$: exact variance after a step, minus $P$: $-\kappa^2v/P$ at $h^2$",
        ),
        Step(
            2 * sym.lam_t**2 * sympy.Integral((_u - sym.lam_s) / _u**3, _PATH),
            -((sym.lam_s - sym.lam_t) ** 2) / sym.lam_s,
            r"$G_1$ of $\varphi = x^2$",
        ),
        Step(
            _variance_defects()[0],
            _h**3
            * V
            * (8 * LAM * V - 10 * LAM**3 + 3 * _h * LAM**2 + 4 * _h**2 * LAM - _h**3)
            / (LAM**2 * P * (V + _up**2)),
            r"Solver 2, $\varphi = x^2$: exact defect of the variance after two-step history; nothing of order $h^2$",
        ),
        Step(
            _variance_defects()[1],
            _h**2 * V * (_h + 2 * LAM) / (LAM * (V + _up**2)),
            r"Exact defect of the covariance of $Y_{i+1}$ with $Y_i$: of order $h^2$, the delayed noise",
        ),
        Step(
            coefficient(_total_defect(), _h, 3),
            -2 * V * (5 * LAM**2 - 2 * V) / (LAM * P**2),
            r"Defect of the variance plus twice weight times defect of the covariance one step back, at $h^3$: the "
            "density of solver 2, quadrature and noise",
        ),
    ),
    result=r"Solver 2 with $\varphi = x^2$ needs two steps to be judged: its defect alone gives $8v-10\lambda^2$ for "
    r"$4v-10\lambda^2$. The right density follows only with the covariance of the step before.",
    claims=("order-weak",),
)

_number = sympy.Integral(sympy.Rational(8, 3) / (_u * (1 + _u**2) ** 4), (_u, 1, 2))
_CLOSED = 4 * sympy.log(2) - _F(4, 3) * sympy.log(5) - _F(74, 125)

_BARRIER = Derivation(
    name="no-weak-order-above-two",
    title="No k gives a weak order above 2",
    statement=r"Let a multistep scheme have exact noise and weights that integrate quadratic $D$ exactly (Adams-k, "
    r"$k \ge 3$, in any smooth variable). On Gaussian data with $\tau^2 > 0$ its variance error is $N^{-2}\int\Phi^2\,"
    r"\frac{v^2\kappa^2(\kappa-1)}{6\lambda P^2}\,\eta^2d\lambda + O(N^{-3}) > 0$, whatever $k$ and the weights.",
    assumptions=(
        "Starting values good enough not to count (graded start); weights and grid smooth, $D$ is used at grid levels "
        "only, one draw a step.",
    ),
    steps=(
        Step(
            ((1 + sym.excess) / LAM) ** 2
            * (2 * LAM * sym.excess)
            * (V / P) ** 2
            * sympy.Integral((_F(1, 2) - _u) ** 2, (_u, 0, 1)),
            sym.excess * V**2 * (1 + sym.excess) ** 2 / (6 * LAM * P**2),
            r"The density is non-negative for every $\tau^2 \ge 0$ and 0 only without noise: nothing can cancel it, "
            r"since "
            r"the quadrature part is of order $N^{-k}$",
            sign=">= 0",
        ),
        Step(
            sympy.Subs(noise_density().subs(KAPPA, 2) * ((V + 1) / P) ** 2, V, 1),
            sympy.Rational(8, 3) / (LAM * (1 + LAM**2) ** 4),
            r"Example: $v = 1$, $\varphi = x^2$, uniform levels from 2 to 1 (so $\eta = 1$, $\Phi = 2/(1+\lambda^2)$)",
        ),
        Step(
            _number,
            _CLOSED,
            r"$N^2(\operatorname{Var}Y_N - 2) \to 0.0347\ldots$ for every such scheme",
            sign="> 0",
        ),
        Step(
            (sympy.Rational(1, 3) - sym.gamma) * sympy.Derivative(V * (_P_t / _P_u) ** _F(1, 2), (_u, 2)),
            (sympy.Rational(1, 3) - sym.gamma) * V * (2 * _u**2 - V) / _P_u**2 * (_P_t / _P_u) ** _F(1, 2),
            r"A scheme exact on linear $D$ only, $\sum_jj^2\beta_j = \gamma \ne \frac13$, could cancel the noise on "
            r"one path, "
            r"but its ODE error is then of order $h^2$: no fixed weights have order above 2 for every $\tau^2$",
        ),
    ),
    result=r"Weak order 2 is a barrier for one evaluation and one draw a step. A second draw per step, correlated with "
    r"the first, is what strong order 1.5 schemes spend to pass it.",
    source="ours; math.md section 6",
    claims=("order-weak",),
)

DERIVATIONS = (_UNIFORM, _WITNESS, _BARRIER)
