r"""Exact solutions of the ER-SDE by variation of constants, in y, in VE and in VP; they are one map."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Integral, exp, log, sqrt

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step, named

_lam, _lam_s, _lam_t, _u, _z = sym.lam, sym.lam_s, sym.lam_t, sym.u, sym.z
_t, _t_s, _r = sym.t, sym.t_s, sym.r


def _rate(argument: Expr) -> Expr:
    """Return the derivative of phi."""
    return Derivative(sym.phi(argument), argument)


def solution(end: Expr, noise: Expr) -> Expr:
    """Return the solution in y at a level; `noise` is the value of the martingale M."""
    pulled = Integral(_rate(_u) / sym.phi(_u) ** 2 * sym.D_path(_u), (_u, end, _lam_s))
    return sym.phi(end) / sym.phi(_lam_s) * sym.y_s + sym.phi(end) * pulled + sym.phi(end) * noise


_Y = solution(_lam, _z)
_strength = 2 * _lam * (_lam * _rate(_lam) / sym.phi(_lam) - 1)

CANONICAL = Derivation(
    name="exact-solution",
    title="The exact solution in canonical coordinates, for every $\\varphi$",
    statement=r"$Y_t = \frac{\varphi_t}{\varphi_s}Y_s + \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2}"
    r"D\,du + \varphi_t M_t$ with $M_t = \int_{\lambda_t}^{\lambda_s}\varphi^{-1}\sqrt{2u\tau^2}\,d\bar W$ solves "
    r"$dY = \frac{\varphi'}{\varphi}(Y - D)\,d\lambda + \sqrt{2\lambda\tau^2}\,d\bar W$.",
    assumptions=(
        r"$d(u)$ stands for $D(Y_u, u)$ along the path: any adapted process, so the formula is implicit in $Y$.",
        r"Itô's formula for $F(\lambda, M)$: $dF = F_\lambda\,d\lambda + F_M\,dM + \tfrac12 F_{MM}\,d\langle "
        r"M\rangle$; "
        r"the symbol $z$ stands for the value of $M$.",
    ),
    steps=(
        Step(
            Derivative(_Y, _lam),
            _rate(_lam) / sym.phi(_lam) * (_Y - sym.D_path(_lam)),
            r"$F_\lambda$ is the drift",
        ),
        Step(
            Derivative(_Y, _z) * sqrt(_strength) / sym.phi(_lam),
            sqrt(_strength),
            r"$F_M\,dM$ is the noise, since $dM = \varphi^{-1}\sqrt{2\lambda\tau^2}\,d\bar W$",
        ),
        Step(Derivative(_Y, (_z, 2)), Integer(0), r"The solution is linear in $M$: Itô's formula has no third term"),
        Step(solution(_lam_s, Integer(0)), sym.y_s, r"It starts at $Y_s$, where $M = 0$"),
        Step(
            Derivative(_Y / sym.phi(_lam), _lam),
            -_rate(_lam) / sym.phi(_lam) ** 2 * sym.D_path(_lam),
            r"In $u = Y/\varphi$ the linear part is gone: $du = D\,d(1/\varphi) + dM$",
        ),
        Step(
            solution(_lam_t, _z).subs(sym.D_path(_u), sym.mu),
            sym.phi(_lam_t) / sym.phi(_lam_s) * sym.y_s
            + (1 - sym.phi(_lam_t) / sym.phi(_lam_s)) * sym.mu
            + sym.phi(_lam_t) * _z,
            r"A constant prediction $\mu$ is weighted by $1 - \varphi_t/\varphi_s$: ratio and data weight add up to 1",
        ),
        Step(
            solution(_lam_t, _z),
            sym.phi(_lam_t)
            / sym.phi(sym.lam_m)
            * (
                sym.phi(sym.lam_m) / sym.phi(_lam_s) * sym.y_s
                + sym.phi(sym.lam_m) * Integral(_rate(_u) / sym.phi(_u) ** 2 * sym.D_path(_u), (_u, sym.lam_m, _lam_s))
                + sym.phi(sym.lam_m) * sym.x
            )
            + sym.phi(_lam_t) * Integral(_rate(_u) / sym.phi(_u) ** 2 * sym.D_path(_u), (_u, _lam_t, sym.lam_m))
            + sym.phi(_lam_t) * (_z - sym.x),
            r"Two steps, $s \to m \to t$, are one: with the noise $x$ at $m$ and the increment $z - x$ after it",
        ),
    ),
    result=r"The formula is exact for every admissible $\varphi$ and every denoiser; what a solver approximates is "
    r"only the "
    r"integral of $D$ along the path.",
    source="abstract v3",
    claims=("exact-vp", "exact-ve", "taylor"),
    shorthand=((_Y, named("Y", _lam, _z)), (_strength, named("v", _lam))),
)

# VE and VP in x and t. P(t) = phi(lambda(t)); rate of phi per time is P'/P.
_alpha, _sigma, _P = sym.alpha(_t), sym.sigma(_t), sym.Phi(_t)
_ratio = _sigma / _alpha
_f = Derivative(log(_alpha), _t)
_g2 = Derivative(_sigma**2, _t) - 2 * _f * _sigma**2
_tau2 = _ratio * (Derivative(_P, _t) / _P) / Derivative(_ratio, _t) - 1


def solution_in_x(time: Expr, noise: Expr) -> Expr:
    """Return the solution in x at a time."""
    pulled = Integral(Derivative(sym.Phi(_r), _r) / sym.Phi(_r) ** 2 * sym.D_path(_r), (_r, time, _t_s))
    scale = sym.alpha(time) * sym.Phi(time)
    return scale / (sym.alpha(_t_s) * sym.Phi(_t_s)) * sym.x_s + scale * pulled + scale * noise


_X = solution_in_x(_t, _z)
_score = (_alpha * sym.D_path(_t) - _X) / _sigma**2
_variance_preserving: tuple[Rule, ...] = (
    (sym.alpha(_t), exp(-sym.beta(_t) / 2)),
    (sym.sigma(_t), sqrt(1 - exp(-sym.beta(_t)))),
)
_variance_exploding: tuple[Rule, ...] = ((sym.alpha(_t), Integer(1)),)
_noise2 = _tau2 * _g2 / (_alpha * _P) ** 2


def _drift_step(reason: str, rules: tuple[Rule, ...] = ()) -> Step:
    drift = _f * _X - (_g2 + _tau2 * _g2) / 2 * _score
    return Step(Derivative(_X, _t), drift, reason, rules)


IN_X = Derivation(
    name="exact-solution-in-x",
    title="The exact solution in $x$: every process, VP, VE",
    statement=r"$x_t = \frac{\alpha_t\varphi_t}{\alpha_s\varphi_s}x_s + \alpha_t\varphi_t\int_t^s"
    r"\frac{\dot\varphi}{\varphi^2}D\,dr + \alpha_t\varphi_t M_t$ solves "
    r"$dx = [f x - \tfrac12(g^2+h^2)\nabla\log p_t]\,dt + h\,d\bar w$, with $\varphi$ read at $\lambda(t)$.",
    assumptions=(
        r"$\Phi(t) = \varphi(\lambda(t))$, $\nabla\log p_t = (\alpha D - x)/\sigma^2$, $h^2 = \tau^2 g^2$.",
        r"$\alpha$, $\sigma$, $\Phi$ are unspecified functions of time; nothing is mapped to $y$.",
        r"VP: $\alpha = e^{-B/2}$, $\sigma^2 = 1 - \alpha^2$. VE: $\alpha = 1$.",
    ),
    steps=(
        _drift_step(r"General process: the partial derivative in $t$ is the drift"),
        Step(
            (Derivative(_X, _z)) ** 2 * _noise2,
            _tau2 * _g2,
            r"The noise: $d\langle M\rangle = h^2/(\alpha\varphi)^2\,dt$ gives $h^2\,dt$",
        ),
        Step(
            _noise2,
            (2 * _ratio * Derivative(_ratio, _t) * _tau2) / _P**2,
            r"and it is the martingale of the canonical solution: $d\langle M\rangle = "
            r"2\lambda\tau^2\varphi^{-2}\,d\lambda$",
        ),
        Step(Derivative(_X, (_z, 2)), Integer(0), r"No third term in Itô's formula"),
        Step(solution_in_x(_t_s, Integer(0)), sym.x_s, r"It starts at $x_s$"),
        _drift_step(r"VP, written out: $f = -B'/2$, $g^2 = B'$", _variance_preserving),
        Step(
            _noise2,
            (_P.diff(_t) / _P * 2 * (1 - exp(-sym.beta(_t))) - Derivative(sym.beta(_t), _t))
            * exp(sym.beta(_t))
            / _P**2,
            r"VP noise: $h^2 = 2(1 - e^{-B})\,\dot\varphi/\varphi - B'$",
            _variance_preserving,
        ),
        _drift_step(r"VE, written out: $f = 0$, $g^2 = (\sigma^2)'$", _variance_exploding),
        Step(
            _noise2,
            2 * _sigma**2 * _P.diff(_t) / _P**3 - 2 * _sigma * _sigma.diff(_t) / _P**2,
            r"VE noise: $h^2 = 2\sigma^2\dot\varphi/\varphi - (\sigma^2)'$",
            _variance_exploding,
        ),
    ),
    result=r"For VP and VE alike the linear part and the noise are solved exactly, and the integral of the data "
    r"prediction "
    r"remains. The abstract's ``exact solutions and approximate solutions for VP SDE and VE SDE, respectively'' is "
    r"not a "
    r"division of labour that the mathematics supports: both have the same exact solution (implicit, through $D$ "
    r"along the "
    r"path) and the same approximate ones (a Taylor polynomial of $D$ in $\lambda$).",
    source="abstract v3",
    claims=("exact-vp", "exact-ve"),
    shorthand=(
        (_X, named("x", _t, _z)),
        (_g2, named("g^2", _t)),
        (_tau2, named("tau^2", _t)),
        (_f, named("f", _t)),
    ),
)

_level_s, _level = sym.level(_t_s), sym.level(_t)
_by_level: tuple[Rule, ...] = ((sym.Phi(_t), sym.phi(_level)),)
_over_time = Integral(Derivative(sym.Phi(_r), _r) / sym.Phi(_r) ** 2 * sym.D_path(sym.level(_r)), (_r, _t, _t_s))
_over_levels = Integral(_rate(_u) / sym.phi(_u) ** 2 * sym.D_path(_u), (_u, _level, _level_s))


PARITY = Derivation(
    name="vp-equals-ve",
    title="VP and VE solutions are the same map",
    statement=r"In $y = x/\alpha$ the solutions of any two processes coincide on the same levels; in $x$ they "
    r"differ by the "
    r"factor $\alpha$ before and after.",
    assumptions=(
        r"A shared denoiser $D(y, \lambda)$, shared levels and shared noise in the clock of derivation noise-clock.",
        r"$\lambda$ is a differentiable function of time; $d(u) = D(Y_u, u)$ along the path.",
    ),
    steps=(
        Step(
            _X / _alpha,
            _P / sym.Phi(_t_s) * (sym.x_s / sym.alpha(_t_s))
            + _P * Integral(Derivative(sym.Phi(_r), _r) / sym.Phi(_r) ** 2 * sym.D_path(_r), (_r, _t, _t_s))
            + _P * _z,
            r"Divided by $\alpha_t$, the solution in $x$ is a map of $y_s = x_s/\alpha_s$ without $\alpha$: the one "
            r"of VE, "
            r"$\alpha = 1$, started from $y_s$",
        ),
        Step(
            _over_time,
            _over_levels,
            r"and without $t$: with $\Phi(r) = \varphi(\lambda(r))$ and $d$ a function of the level the integral over "
            r"time is the integral over levels",
            _by_level,
        ),
    ),
    result=r"A VP solver and a VE solver with the same levels, denoiser and noise give the same samples.",
    source="abstract v3",
    claims=("vp-ve-parity",),
)

DERIVATIONS = (CANONICAL, IN_X, PARITY)
