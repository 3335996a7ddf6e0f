r"""The noise scale function: h, tau^2, phi and S determine each other; when the noise is real; scaling the noise."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Integral, Rational, exp, log

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step

_lam, _u, _w = sym.lam, sym.u, sym.w
_phi, _S, _T = sym.phi(_lam), sym.S(_lam), sym.tau2(_lam)
_rate = _lam * Derivative(_phi, _lam) / _phi - 1
_by_excess: tuple[Rule, ...] = ((sym.phi(_lam), _lam * exp(_S)),)
_from_rate = exp(Integral(sym.tau2(_u) / _u, (_u, sym.lam_t, _lam)))
_level = sym.level(sym.t)
_g2 = 2 * _level * Derivative(_level, sym.t) * sym.alpha(sym.t) ** 2
_by_rate: tuple[Rule, ...] = ((Derivative(_phi, _lam), _phi * (1 + _T) / _lam),)

NOISE_SCALE = Derivation(
    name="noise-scale",
    title="Four names of one function: $h$, $\\tau^2$, $\\varphi$, $S$",
    statement=r"$\tau^2 = h^2/g^2 = \lambda\varphi'/\varphi - 1 = \lambda S'$ with $S = \ln(\varphi/\lambda)$; "
    r"conversely "
    r"$\varphi = \lambda\exp\int\tau^2/u\,du$, unique up to a constant factor that drops out.",
    assumptions=(r"$\varphi > 0$ is differentiable on $\lambda > 0$.",),
    steps=(
        Step(log(_phi / _lam), _S, r"$\varphi = \lambda e^{S}$ by definition of $S$", _by_excess),
        Step(_rate, _lam * Derivative(_S, _lam), r"$\tau^2 = \lambda S'$", _by_excess),
        Step(
            Derivative(log(_lam * _from_rate), _lam),
            (1 + _T) / _lam,
            r"Conversely $\varphi = \lambda\exp\int_{\lambda_t}^{\lambda}\tau^2(u)\,du/u$ has the rate "
            r"$\varphi'/\varphi = (1+\tau^2)/\lambda$",
        ),
        Step(
            Derivative(log(_phi / (_lam * _from_rate)), _lam),
            Integer(0),
            r"and any other with that rate differs by a constant factor",
            _by_rate,
        ),
        Step(
            Derivative(log(sym.bound * _phi), _lam),
            Derivative(log(_phi), _lam),
            r"A constant factor $M$ changes nothing: the equation contains $\varphi'/\varphi$ only",
        ),
        Step(
            sym.phi(sym.lam_s) / sym.phi(sym.lam_t),
            sym.lam_s / sym.lam_t * exp(sym.S(sym.lam_s) - sym.S(sym.lam_t)),
            r"and its solution ratios of $\varphi$ only, which are differences of $S$",
            _by_excess,
        ),
        Step(
            sym.tau2(_level) * _g2,
            2 * _level**2 * sym.alpha(sym.t) ** 2 * Derivative(log(sym.phi(_level)), sym.t) - _g2,
            r"In time, with $g^2 = \alpha^2\,d\lambda^2/dt$ and $\sigma = \alpha\lambda$: "
            r"$h^2 = \tau^2g^2 = 2\sigma^2\,d\ln\varphi/dt - g^2$",
            _by_rate,
        ),
        Step(
            Derivative(log(sym.phi(_lam) / _lam), _lam),
            _T / _lam,
            r"$S' = \tau^2/\lambda$: $\varphi/\lambda$ is non-decreasing iff $\tau^2 \ge 0$, iff $h$ is real",
            _by_rate,
        ),
    ),
    result=r"$\varphi$ is admissible iff $\varphi/\lambda$ is non-decreasing.",
    source="release code",
    claims=("admissible", "limits"),
)

_mixed = _lam ** (1 - sym.eta) * (_lam * exp(_S)) ** sym.eta
_both = (_lam * exp(_S)) ** (1 - sym.eta) * sym.phi_2(_lam) ** sym.eta

SCALING = Derivation(
    name="scaling",
    title="Scaling the noise: $\\psi = \\lambda^{1-\\eta}\\varphi^{\\eta}$",
    statement=r"$\psi = \lambda^{1-\eta}\varphi^\eta$ multiplies $h^2$, not $h$, by $\eta$.",
    assumptions=(r"$0 \le \eta$; $\varphi$ admissible.",),
    steps=(
        Step(_mixed, _lam * exp(sym.eta * _S), r"$S_\psi = \eta S$"),
        Step(
            _lam * Derivative(_mixed, _lam) / _mixed - 1,
            sym.eta * _lam * Derivative(_S, _lam),
            r"so $\tau_\psi^2 = \lambda S_\psi' = \eta\tau^2$, that is $h_\psi^2 = \eta h^2$",
        ),
        Step(
            _lam * Derivative(_both, _lam) / _both - 1,
            (1 - sym.eta) * _rate.subs(_phi, _lam * exp(_S))
            + sym.eta * (_lam * Derivative(sym.phi_2(_lam), _lam) / sym.phi_2(_lam) - 1),
            r"More generally a geometric mean of two noise scales has the arithmetic mean of their $\tau^2$",
        ),
        Step(
            _lam * Derivative(_lam**sym.p, _lam) / _lam**sym.p - 1,
            (sym.p - 1) * (_lam * Derivative(_lam**2, _lam) / _lam**2 - 1),
            r"so $\lambda^p$ is the reverse SDE with $h^2$ scaled by $p - 1$: the constant $\tau$ of SA-Solver",
        ),
    ),
    result=r"Admissible noise scales form a convex set in $S$: the family is closed under these means.",
    claims=("limits", "reductions"),
)

EXP_RECIPROCAL = _lam * (exp(-1 / _lam) + 10)
EXP_POWER = _lam * (exp(_lam ** Rational(3, 10)) + 10)
LOG_POWER = _lam ** Rational(9, 10) * log(1 + 100 * _lam ** Rational(3, 2)) / log(10)


def _tau_squared(phi: Expr) -> Expr:
    return _lam * Derivative(log(phi), _lam) - 1


def _log_power_rate(argument: Expr) -> Expr:
    """Return tau^2 of log_power as a function of w = 100 lambda^(3/2)."""
    return Rational(3, 2) * argument / ((1 + argument) * log(1 + argument)) - Rational(1, 10)


_weight = 100 * _lam ** Rational(3, 2)
_growth = (1 + _w) * log(1 + _w) / _w


def _at(level: int) -> Expr:
    """Return w at a level."""
    return 100 * Integer(level) ** Rational(3, 2)


def _excess_at(level: int) -> Expr:
    """Return 15 w - (1 + w) ln(1 + w) at a level, which has the sign of tau^2."""
    return 15 * _at(level) - (1 + _at(level)) * log(1 + _at(level))


ADMISSIBLE = Derivation(
    name="admissibility",
    title="Which of the release's noise scale functions have real noise",
    statement=r"$x^p$ ($p \ge 1$), $x(e^{-1/x}+10)$ and $x(e^{x^{0.3}}+10)$ are admissible for all $x > 0$; "
    r"$x^{0.9}\log_{10}(1 + 100x^{1.5})$ is admissible only up to one level between 1021 and 1023.",
    assumptions=(r"$\tau^2 = \lambda\,d\ln\varphi/d\lambda - 1$ (derivation noise-scale).",),
    steps=(
        Step(_tau_squared(_lam**sym.p), sym.p - 1, r"$x^p$: $\tau^2 = p - 1$"),
        Step(
            _tau_squared(EXP_RECIPROCAL),
            exp(-1 / _lam) / (_lam * (exp(-1 / _lam) + 10)),
            r"$x(e^{-1/x}+10)$: positive for all $\lambda$",
            sign="> 0",
        ),
        Step(
            _tau_squared(EXP_POWER),
            Rational(3, 10) * _lam ** Rational(3, 10) / (1 + 10 * exp(-(_lam ** Rational(3, 10)))),
            r"$x(e^{x^{0.3}}+10)$: positive for all $\lambda$",
            sign="> 0",
        ),
        Step(
            _tau_squared(LOG_POWER),
            _log_power_rate(_weight),
            r"$x^{0.9}\log_{10}(1+100x^{1.5})$: $\tau^2 = \frac{3}{2}\frac{w}{(1+w)\ln(1+w)} - \frac1{10}$, "
            r"$w = 100\lambda^{3/2}$, which tends to $-\frac1{10}$",
        ),
        Step(
            Derivative(_growth, _w),
            Integral(sym.v / (1 + sym.v), (sym.v, 0, _w)) / _w**2,
            r"$(1+w)\ln(1+w)/w$ has the slope $(w - \ln(1+w))/w^2$, an integral of a positive function: "
            r"$\tau^2$ falls strictly, so it has at most one zero",
        ),
        Step(
            _tau_squared(LOG_POWER),
            Rational(3, 2) / _growth.subs(_w, _weight) - Rational(1, 10),
            r"in terms of that function",
        ),
        Step(
            _log_power_rate(_at(1021)),
            _excess_at(1021) / (10 * (1 + _at(1021)) * log(1 + _at(1021))),
            r"At $\lambda = 1021$ it is positive",
            sign="> 0",
        ),
        Step(
            -_log_power_rate(_at(1023)),
            -_excess_at(1023) / (10 * (1 + _at(1023)) * log(1 + _at(1023))),
            r"At $\lambda = 1023$ it is negative: the zero lies between",
            sign="> 0",
        ),
    ),
    result=r"Of the seven noise scales of the release one, log_power, is inadmissible, and only above $\lambda "
    r"\approx 1022$, "
    r"far outside the levels used there.",
    source="release code",
    claims=("admissible",),
)

DERIVATIONS = (NOISE_SCALE, SCALING, ADMISSIBLE)
