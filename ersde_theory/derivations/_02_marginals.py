r"""The ER-SDE family keeps the marginals: the Fokker-Planck residual vanishes for every h; the limits of the family."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Rational, Subs, Symbol, diff, exp, log, sqrt

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step, named

_y, _lam, _x, _t = sym.y, sym.lam, sym.x, sym.t
_q, _T = sym.q(_y, _lam), sym.tau2(_lam)
_heat: tuple[Rule, ...] = ((Derivative(_q, _lam), _lam * Derivative(_q, (_y, 2))),)

# In x and t: p solves the forward Fokker-Planck equation; the ER-SDE runs in s = -t.
_p = sym.density(_x, _t)
_f, _g2, _h2 = sym.f_drift(_t), sym.g2(_t), sym.h(_t) ** 2
_forward: tuple[Rule, ...] = ((Derivative(_p, _t), -Derivative(_f * _x * _p, _x) + _g2 / 2 * Derivative(_p, (_x, 2))),)
_backward_drift = -(_f * _x - (_g2 + _h2) / 2 * Derivative(log(_p), _x))


_drift_of_ode = -(_f * _x - _g2 / 2 * Derivative(log(_p), _x))


def _pull(density: Expr, coordinate: Symbol) -> Expr:
    """Return the drift of the ER-SDE in s = -lambda along one coordinate."""
    return (1 + _T) * _lam * Derivative(log(density), coordinate)


def _gaussian(mean: Rational, variance: Rational) -> Expr:
    spread = variance + _lam**2
    return exp(-((_y - mean) ** 2) / (2 * spread)) / sqrt(spread)


_mixture = _gaussian(Rational(-1), Rational(1, 4)) / 3 + _gaussian(Rational(2), Rational(1, 9)) * Rational(2, 3)
_coordinates = (sym.y_1, sym.y_2, sym.y_3)
_q3 = sym.q_3(*_coordinates, _lam)
_heat3: tuple[Rule, ...] = ((Derivative(_q3, _lam), _lam * sum(Derivative(_q3, (c, 2)) for c in _coordinates)),)

MARGINALS = Derivation(
    name="marginals",
    title="Every member of the family keeps the forward marginals",
    statement=r"Started from $p_T$, the solution of $dx = [f x - \tfrac12(g^2+h^2)\nabla\log p_t]dt + h\,d\bar w$, "
    r"integrated from large $t$ down, has the law $p_t$ at every $t$, for every $h \ge 0$ and in every dimension.",
    assumptions=(
        r"$p_t > 0$ is smooth and solves the forward Fokker--Planck equation (derivation forward-process); in "
        r"canonical "
        r"coordinates this is the heat equation $\partial_\lambda q = \lambda\Delta q$.",
        r"$h$ depends on $t$ alone; with $h^2 = \tau^2 g^2$.",
        r"The Fokker--Planck equation of the ER-SDE has one solution for a given start (true for drifts of linear "
        r"growth).",
    ),
    steps=(
        Step(
            _backward_drift * _p,
            -_f * _x * _p + (_g2 + _h2) / 2 * Derivative(_p, _x),
            r"Run in $s = -t$. The flux of the score is a pure gradient: $p\,\nabla\log p = \nabla p$",
        ),
        Step(
            -Derivative(_backward_drift * _p, _x) + _h2 / 2 * Derivative(_p, (_x, 2)),
            Derivative(_f * _x * _p, _x) - _g2 / 2 * Derivative(_p, (_x, 2)),
            r"In the Fokker--Planck operator of the ER-SDE the two terms in $h$ cancel",
        ),
        Step(
            -Derivative(_p, _t),
            -Derivative(_backward_drift * _p, _x) + _h2 / 2 * Derivative(_p, (_x, 2)),
            r"So $\partial_s p = -\partial_t p$ equals it: the residual vanishes for every $f$, $g$, $h$ and density",
            _forward,
        ),
        Step(
            -Derivative(_pull(_q, _y) * _q, _y) + _lam * _T * Derivative(_q, (_y, 2)),
            -Derivative(_q, _lam),
            r"The same in canonical coordinates, run in $s = -\lambda$",
            _heat,
        ),
        Step(
            -Derivative(_pull(sym.q_3(*_coordinates, _lam), sym.y_2) * _q3, sym.y_2)
            + _lam * _T * Derivative(_q3, (sym.y_2, 2)),
            -_lam * Derivative(_q3, (sym.y_2, 2)),
            r"In $d$ dimensions the operator is a sum over coordinates, and each gives $-\lambda\,\partial_i^2 q$ "
            r"whatever "
            r"the others are (shown for one of three; they are parameters here)",
        ),
        Step(
            sum(
                (-Derivative(_pull(_q3, c) * _q3, c) + _lam * _T * Derivative(_q3, (c, 2)) for c in _coordinates),
                Integer(0),
            ),
            -Derivative(_q3, _lam),
            r"The sum over coordinates, $d = 3$: $\nabla\cdot(q\nabla\log q) = \Delta q$",
            _heat3,
        ),
        Step(
            Derivative(_mixture, _lam),
            _lam * Derivative(_mixture, (_y, 2)),
            r"Second witness, a law with two modes, $\tfrac13 N(-1,\tfrac14) + \tfrac23 N(2,\tfrac19)$: heat equation",
        ),
        Step(
            -Derivative((1 + _T) * _lam * diff(_mixture, _y), _y) + _lam * _T * Derivative(_mixture, (_y, 2)),
            -Derivative(_mixture, _lam),
            r"and the Fokker--Planck equation of the ER-SDE, with its explicit score $q'/q$",
        ),
    ),
    result=r"$h$ is free in exact arithmetic: it can matter only through discretisation, score errors, and a start "
    r"that "
    r"is not exactly $p_T$.",
    source="abstract v3",
    claims=("marginals",),
    shorthand=((_backward_drift, named("b", _x, _t)), (_mixture, named("q_m", _y, _lam))),
)

_h_symbol = sym.eta  # h = eta g
_drift_h = _f * _x - (1 + _h_symbol**2) * _g2 / 2 * Derivative(log(_p), _x)
_phi = sym.phi(_lam)

LIMITS = Derivation(
    name="limits",
    title="The ends of the family: ODE and reverse SDE",
    statement=r"$h = 0$ gives the probability-flow ODE, $h = g$ Anderson's reverse SDE; they are $\varphi = "
    r"\lambda$ and "
    r"$\varphi = \lambda^2$.",
    assumptions=(r"Everything of derivation marginals; $h = \eta g$ in the first three steps.",),
    steps=(
        Step(
            Subs(_drift_h, _h_symbol, 0),
            _f * _x - _g2 * Derivative(log(_p), _x) / 2,
            r"$h = 0$: $dx = [f x - \tfrac12 g^2\nabla\log p]\,dt$",
        ),
        Step(
            Subs(_drift_h, _h_symbol, 1),
            _f * _x - _g2 * Derivative(log(_p), _x),
            r"$h = g$: $dx = [f x - g^2\nabla\log p]\,dt + g\,d\bar w$",
        ),
        Step(
            _drift_h,
            (1 - _h_symbol**2) * _drift_h.subs(_h_symbol, 0) + _h_symbol**2 * _drift_h.subs(_h_symbol, 1),
            r"Between them the drift is interpolated with the weight $\eta^2 = \tau^2$, not $\eta$",
        ),
        Step(
            _lam * Derivative(_phi, _lam) / _phi,
            Integer(1),
            r"$\varphi = \lambda$: $1 + \tau^2 = 1$, no noise",
            ((_phi, _lam),),
        ),
        Step(
            _lam * Derivative(_phi, _lam) / _phi,
            Integer(2),
            r"$\varphi = \lambda^2$: $1 + \tau^2 = 2$, $h = g$",
            ((_phi, _lam**2),),
        ),
        Step(
            2 * _lam * (_lam * Derivative(_phi, _lam) / _phi - 1),
            2 * _lam,
            r"and its noise is that of the forward process, $2\lambda\,d\lambda = d\lambda^2$",
            ((_phi, _lam**2),),
        ),
    ),
    result=r"$\tau^2 = 0$ and $\tau^2 = 1$ are the two ends; larger $\tau^2$ is allowed and keeps the marginals too.",
    source="abstract v3; Anderson 1982; Song et al. 2021",
    claims=("limits",),
)

# A transition of the forward process from lambda to lambda_s, and Bayes' reversal of it (up to 1/q(y_s, lambda_s)).
_normal = exp(-((_y - sym.y_s) ** 2) / (2 * (sym.lam_s**2 - _lam**2))) / sqrt(sym.lam_s**2 - _lam**2)
_kernel = sym.kernel(_y, _lam)
_reversed = _kernel * _q
_transition: tuple[Rule, ...] = (*_heat, (Derivative(_kernel, _lam), -_lam * Derivative(_kernel, (_y, 2))))


def _forward_operator(density: Expr, tau_squared: Expr) -> Expr:
    """Return the Fokker-Planck operator of a member, whose score is that of q, on another density."""
    pull = (1 + tau_squared) * _lam * Derivative(log(_q), _y)
    return -Derivative(pull * density, _y) + _lam * tau_squared * Derivative(density, (_y, 2))


ENDS = Derivation(
    name="time-reversal",
    title="What the two ends do: transport, and reversal of the forward process",
    statement=r"$h = 0$ moves the law by transport alone. $h = g$, and no other $h$, is the forward process run "
    r"backwards: not only its marginals but its transitions, $p(y_\lambda\mid y_s) = "
    r"K(y_s - y, \lambda_s^2 - \lambda^2)\,q_\lambda(y)/q_{\lambda_s}(y_s)$ by Bayes' rule, are those of the member "
    r"with $\tau^2 = 1$.",
    assumptions=(
        r"Everything of derivation marginals; one coordinate is written, the others add alike.",
        r"Forwards $y_s = y_\lambda + \sqrt{\lambda_s^2-\lambda^2}\,\varepsilon$: a normal kernel $K$ of $y_s - y$. "
        r"The factor $1/q_{\lambda_s}(y_s)$ depends on neither $y$ nor $\lambda$ and is left out.",
    ),
    steps=(
        Step(
            -Derivative(_p, _t),
            -Derivative(_drift_of_ode * _p, _x),
            r"$h = 0$, run in $s = -t$: the continuity equation $\partial_sp = -\partial_x(b\,p)$ of the velocity "
            r"$b = -(fx - \frac12g^2\nabla\log p)$; no probability diffuses",
            _forward,
        ),
        Step(
            Derivative(_normal, _lam),
            -_lam * Derivative(_normal, (_y, 2)),
            r"The normal kernel of variance $\lambda_s^2-\lambda^2$ obeys $\partial_\lambda K = "
            r"-\lambda\,\partial_y^2K$",
        ),
        Step(
            _forward_operator(_reversed, Integer(1)),
            -Derivative(_reversed, _lam),
            r"$h = g$: Bayes' reversed transition $Kq$ obeys the Fokker--Planck equation of the member with $\tau^2 "
            r"= 1$",
            _transition,
        ),
        Step(
            _forward_operator(_reversed, _T) + Derivative(_reversed, _lam),
            (_T - 1) * _lam * Derivative(_q * Derivative(_kernel, _y), _y),
            r"Any other $\tau^2$ leaves a residual: the same marginals, but other transitions",
            _transition,
        ),
        Step(
            Derivative(_q * Derivative(_normal, _y), _y),
            -(Derivative((_y - sym.y_s) * _q * _normal, _y)) / (sym.lam_s**2 - _lam**2),
            r"which is not 0 everywhere: $(y-y_s)\,qK$ vanishes far out, and is 0 nowhere else but at $y_s$",
        ),
    ),
    result=r"The members of the family share their marginals and differ in how a sample remembers where it was: fully "
    r"for the ODE, as the forward process does for $h = g$, less for larger $h$.",
    source="Anderson 1982; Song et al. 2021, appendix D",
    claims=("limits", "marginals"),
    shorthand=((_normal, named("N", _y, _lam)),),
)

DERIVATIONS = (MARGINALS, LIMITS, ENDS)
