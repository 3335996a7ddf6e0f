r"""Expansions of every order: the data-weight moments of a step, their recurrence, closed forms and small steps."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Integral, Rational, Subs, binomial, exp, factorial, log

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._proof import Derivation, NonElementary, Step

_s, _t, _u, _v, _n, _w = sym.lam_s, sym.lam_t, sym.u, sym.v, sym.n, sym.w


def _rate(argument: Expr) -> Expr:
    return Derivative(sym.phi(argument), argument)


def moment(order: Expr) -> Expr:
    """Return G_n of a step for the unspecified phi."""
    return sym.phi(_t) * Integral(_rate(_u) / sym.phi(_u) ** 2 * (_u - _s) ** order, (_u, _t, _s))


def moment_of(phi: Expr, order: int | Expr) -> Expr:
    """Return G_n for a phi given as an expression in u."""
    weight = Derivative(phi, _u) / phi**2
    return phi.subs(_u, _t) * Integral(weight * (_u - _s) ** order, (_u, _t, _s))


def _derivative_at(order: int) -> Expr:
    return Derivative(sym.D_path(_s), (_s, order)) if order else sym.D_path(_s)


def _remainder(order: int) -> Expr:
    """Return the remainder of the Taylor polynomial of d of a degree below `order` at lambda_s."""
    weight = (_u - _v) ** (order - 1) / factorial(order - 1)
    return Integral(weight * Derivative(sym.D_path(_v), (_v, order)), (_v, _s, _u))


def _taylor(order: int) -> Expr:
    return sum((_derivative_at(i) * (_u - _s) ** i / factorial(i) for i in range(order)), Integer(0))


_polynomial = sym.mu + sym.delta * (_u - _s) + sym.e_s * (_u - _s) ** 2

EXPANSION = Derivation(
    name="moments",
    title="The expansion of order $k$ and its moments $G_n$",
    statement=r"$Y_t = \frac{\varphi_t}{\varphi_s}Y_s + \sum_{n<k}\frac{G_n}{n!}D^{(n)} + R_k + \text{noise}$ with "
    r"$G_n = \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2}(u - \lambda_s)^n\,du$, for every $k$.",
    assumptions=(
        r"The exact solution (derivation exact-solution).",
        r"$D$ is $k$ times differentiable along the path. This holds for the ODE; with noise $D(Y_u, u)$ is not "
        r"differentiable in $u$, and the expansion is then a definition of a scheme and no more.",
    ),
    steps=(
        Step(moment(Integer(0)), 1 - sym.phi(_t) / sym.phi(_s), r"$G_0$ is the data weight FEI"),
        Step(
            sym.phi(_t) * Integral(_rate(_u) / sym.phi(_u) ** 2 * _polynomial, (_u, _t, _s)),
            sym.mu * moment(Integer(0)) + sym.delta * moment(Integer(1)) + sym.e_s * moment(Integer(2)),
            r"A polynomial in $u - \lambda_s$ is integrated exactly by the moments",
        ),
        Step(
            moment(_n),
            (_t - _s) ** _n + _n * sym.phi(_t) * Integral((_u - _s) ** (_n - 1) / sym.phi(_u), (_u, _t, _s)),
            r"By parts, for every $n \ge 1$: the form of the release, $\int 1/\varphi$ and $\int(u-\lambda_s)/\varphi$",
        ),
        Step(sym.D_path(_u), _taylor(1) + _remainder(1), r"Taylor with integral remainder, $k = 1$"),
        Step(
            Integral((_u - _v) ** (_n - 1) * sym.E_path(_v), (_v, _s, _u)),
            (_u - _s) ** _n / _n * sym.E_path(_s)
            + Integral((_u - _v) ** _n / _n * Derivative(sym.E_path(_v), _v), (_v, _s, _u)),
            r"The induction step from $k = n$ to $n + 1$ for every $n$, with $E = D^{(n)}$, both sides divided by "
            r"$(n-1)!$",
        ),
        Step(sym.D_path(_u), _taylor(2) + _remainder(2), r"$k = 2$, as a check of the induction"),
        Step(sym.D_path(_u), _taylor(3) + _remainder(3), r"$k = 3$"),
        Step(
            Derivative(moment(_n) / sym.phi(_t), _t),
            -_rate(_t) / sym.phi(_t) ** 2 * (_t - _s) ** _n,
            r"$G_n/\varphi_t$ vanishes at $\lambda_t = \lambda_s$ and has this derivative, of one sign: $G_n$ has "
            r"the sign "
            r"of $(-1)^n$, and this decides every closed form below",
        ),
    ),
    result=r"The weights of the published solver of order $k$ are $G_0$, $G_1$, $\tfrac12G_2$. The remainder is of "
    r"order $k+1$ "
    r"in the step for the ODE.",
    source="abstract v3; release code",
    claims=("taylor", "quadrature"),
)


def _power(order: Expr) -> Expr:
    """Return G_n for phi = u^p, by the binomial formula."""
    terms = (
        binomial(order, j) * (-_s) ** (order - j) * sym.p * (_s ** (j - sym.p) - _t ** (j - sym.p)) / (j - sym.p)
        for j in range(int(order) + 1)
    )
    return _t**sym.p * sum(terms, Integer(0))


_closed_power = tuple(
    Step(
        moment_of(_u**sym.p, order),
        _power(Integer(order)),
        rf"$\varphi = x^p$, $p$ not an integer: $G_{order} = "
        rf"\lambda_t^p\sum_j\binom{{{order}}}{{j}}(-\lambda_s)^{{{order}-j}}"
        r"\,p\,(\lambda_s^{j-p} - \lambda_t^{j-p})/(j-p)$",
    )
    for order in range(4)
)
_log = log(_s / _t)

CLOSED_FORMS = Derivation(
    name="closed-forms",
    title="Closed forms of the moments: powers, the ODE, the reverse SDE",
    statement=r"For $\varphi = x^p$ every $G_n$ is elementary.",
    assumptions=(
        r"$p \ge 1$ is real; $G_0 = 1 - (\lambda_t/\lambda_s)^p$; where $p$ is an integer a logarithm takes the "
        r"place of "
        r"one term.",
    ),
    steps=(
        *_closed_power,
        Step(
            (sym.p - _n) * moment_of(_u**sym.p, _n),
            sym.p * (_t - _s) ** _n + _n * _s * moment_of(_u**sym.p, _n - 1),
            r"For every $p$ and every $n \ge 1$ a recurrence, $(p-n)\,G_n = p(\lambda_t-\lambda_s)^n + "
            r"n\lambda_sG_{n-1}$: it leads from $G_0$ to all $G_n$ unless $p = n$ on the way",
        ),
        Step(
            moment_of(_u, 1),
            _t - _s + _t * _log,
            r"ODE, $\varphi = x$: $G_1 = \lambda_t - \lambda_s + \lambda_t L$, "
            r"$L = \ln(\lambda_s/\lambda_t)$",
        ),
        Step(
            moment_of(_u, 2),
            (_s - _t) ** 2 + 2 * _t * (_s - _t) - 2 * _t * _s * _log,
            r"ODE: $G_2 = \lambda_s^2 - \lambda_t^2 - 2\lambda_s\lambda_tL$",
        ),
        Step(
            moment_of(_u, 3),
            (_t - _s) ** 3 + 3 * _t * (_s**2 * _log - 2 * _s * (_s - _t) + (_s**2 - _t**2) / 2),
            r"ODE: $G_3$",
        ),
        Step(
            moment_of(_u**2, 1),
            -((_s - _t) ** 2) / _s,
            r"Reverse SDE, $\varphi = x^2$: $G_1 = -(\lambda_s - \lambda_t)^2/\lambda_s$",
        ),
        Step(
            moment_of(_u**2, 2),
            (_s - _t) ** 2 + 2 * _t**2 * _log - 2 * _t * (_s - _t),
            r"Reverse SDE: $G_2$",
        ),
        Step(
            moment_of(_u**2, 3),
            (_t - _s) ** 3 + 3 * _t**2 * (_s - _t - 2 * _s * _log + _s**2 * (1 / _t - 1 / _s)),
            r"Reverse SDE: $G_3$",
        ),
        Step(
            Integral(_u ** (-_n - 1) * (_u - _s) ** _n, (_u, _t, _s)),
            Integral(_u ** (-_n) * (_u - _s) ** (_n - 1), (_u, _t, _s)) + (_t - _s) ** _n / (_n * _t**_n),
            r"At $p = n$, for every $n$: the integral in $G_n$ is the one at $p = n - 1$ in $G_{n-1}$ and a power; "
            r"so it "
            r"goes down to $\int du/u = L$, and the recurrence goes on from there",
        ),
    ),
    result=r"Types 1, 2, 4 and 5 of the release need no quadrature.",
    source="release code",
    claims=("taylor", "quadrature"),
)


def _at_start(expr: Expr, order: int) -> Expr:
    return Subs(Derivative(expr, (_t, order)), _t, _s)


_slope = Derivative(_rate(_u) / sym.phi(_u) ** 2, _u)
_kappa = _rate(_s) / sym.phi(_s)
_kappa_rate = Derivative(sym.phi(_s), (_s, 2)) / sym.phi(_s) - _kappa**2

SMALL_STEPS = Derivation(
    name="small-steps",
    title="The moments of a small step",
    statement=r"$G_n = -\frac{\kappa}{n+1}(\lambda_t - \lambda_s)^{n+1} + O((\lambda_t - \lambda_s)^{n+2})$ with "
    r"$\kappa = \varphi'/\varphi = (1+\tau^2)/\lambda$ at $\lambda_s$.",
    assumptions=(r"$\varphi$ is twice differentiable. The derivatives below are at $\lambda_t = \lambda_s$.",),
    steps=(
        *(
            Step(
                _at_start(moment(Integer(order)), order + 1),
                -factorial(order) * _kappa,
                rf"$G_{order}$: the first derivative that does not vanish is of order {order + 1}",
            )
            for order in range(3)
        ),
        Step(
            moment(_n),
            -_rate(_t) / sym.phi(_t) * (_t - _s) ** (_n + 1) / (_n + 1)
            - sym.phi(_t) / (_n + 1) * Integral(_slope * (_u - _s) ** (_n + 1), (_u, _t, _s)),
            r"For every $n$ at once, by parts: the leading term, $\kappa$ taken at $\lambda_t$, and a remainder that "
            r"is "
            r"an integral of $(u - \lambda_s)^{n+1}$, so of order $n + 2$",
        ),
        Step(
            _at_start(moment(Integer(2)), 2),
            Integer(0),
            r"and those before it vanish ($G_2$, second derivative)",
        ),
        Step(
            _at_start(moment(Integer(0)), 2),
            -_kappa_rate - _kappa**2,
            r"The next term of $G_0$: $-\tfrac12(\kappa' + \kappa^2)(\lambda_t - \lambda_s)^2$",
        ),
        Step(
            _at_start(moment(Integer(1)), 3),
            -2 * _kappa_rate - _kappa**2,
            r"The next term of $G_1$: $-(2\kappa' + \kappa^2)(\lambda_t-\lambda_s)^3/6$",
        ),
        Step(
            _at_start(moment(Integer(2)), 4),
            -6 * _kappa_rate - 2 * _kappa**2,
            r"The next term of $G_2$: $-(6\kappa' + 2\kappa^2)(\lambda_t-\lambda_s)^4/24$",
        ),
        Step(
            _kappa,
            (1 + sym.tau2(_s)) / _s,
            r"$\kappa$ in terms of the noise",
            ((_rate(_u), sym.phi(_u) * (1 + sym.tau2(_u)) / _u),),
        ),
        Step(
            _at_start(sym.phi(_t) * Integral(1 / sym.phi(_u), (_u, _t, _s)), 1),
            -_at_start(_t - _s, 1),
            r"In the form by parts, $G_1 = (\lambda_t - \lambda_s) + \varphi_t\int 1/\varphi$, the two terms are of "
            r"order $h$ and "
            r"cancel to $h^2$: that form loses digits in small steps",
        ),
    ),
    result=r"$G_n$ is of order $n + 1$ in the step, with sign $(-1)^n$, and grows with $1 + \tau^2$.",
    claims=("taylor", "one-step-bound"),
)

# Integrands in w, with u = w (exp_reciprocal) or u = w^10, and the element theta of which they are rational functions.
_reciprocal = exp(-1 / _w)
_stretched = exp(_w**3)
_logarithm = log(1 + 100 * _w**15)


def _residue(numerator: Expr, denominator: Expr) -> Expr:
    """Return the residue of a fraction where its denominator vanishes, not carried out."""
    return numerator / Derivative(denominator, _w)


NO_CLOSED_FORM = Derivation(
    name="no-closed-form",
    title="Noise scales whose moments are not elementary",
    statement=r"For exp_reciprocal, exp_power and log_power neither $\int du/\varphi$ nor $\int u\,du/\varphi$, and so "
    r"neither $G_1$ nor $G_2$, has an elementary antiderivative.",
    assumptions=(
        r"$G_1$ is elementary as a function of $\lambda_t$ iff $\int du/\varphi$ is, and $G_2$ for every $\lambda_s$ "
        r"iff "
        r"both integrals are (derivation moments, by parts).",
        r"The Risch algorithm decides integrands in towers of exponentials and logarithms over the rational functions; "
        r"SymPy's implementation is trusted to say ``not elementary'' only where it is proved.",
        r"Independently of it, the theorem of Rothstein and Trager: an elementary integral of a proper fraction in "
        r"$\theta = e^{v}$ or $\theta = \ln v$, whose denominator has simple zeros only, needs residues that are "
        r"constants. Residues are shown for $\int du/\varphi$.",
    ),
    steps=(
        NonElementary(1 / (_w * (_reciprocal + 10)), _w, r"exp_reciprocal: $du/\varphi = du/(u(e^{-1/u}+10))$"),
        NonElementary(1 / (_reciprocal + 10), _w, r"exp_reciprocal: $u\,du/\varphi$"),
        Step(
            _residue(1 / _w, _reciprocal + 10),
            -_w / 10,
            r"By hand: $\theta = e^{-1/u}$, $\theta' = \theta/u^2$. The residue at $\theta = -10$ depends on $u$ "
            r"(written $w$)",
            ((_reciprocal, Integer(-10)),),
        ),
        Step(
            Derivative(_w**10, _w) * (1 / (_u * (exp(_u ** Rational(3, 10)) + 10))).subs(_u, _w**10),
            10 / (_w * (_stretched + 10)),
            r"exp_power: $u = w^{10}$ turns $du/\varphi(u)$ into $10\,dw/(w(e^{w^3}+10))$",
        ),
        NonElementary(10 / (_w * (_stretched + 10)), _w, r"exp_power: after the substitution"),
        NonElementary(10 * _w**9 / (_stretched + 10), _w, r"exp_power: $u\,du/\varphi$"),
        Step(
            _residue(10 / _w, _stretched + 10),
            -1 / (3 * _w**3),
            r"By hand: $\theta = e^{w^3}$, $\theta' = 3w^2\theta$. The residue at $\theta = -10$ depends on $w$",
            ((_stretched, Integer(-10)),),
        ),
        Step(
            Derivative(_w**10, _w)
            * (log(10) / (_u ** Rational(9, 10) * log(1 + 100 * _u ** Rational(3, 2)))).subs(_u, _w**10),
            10 * log(10) / _logarithm,
            r"log_power: $u = w^{10}$ turns $du/\varphi(u)$ into $10\ln 10\,dw/\ln(1 + 100w^{15})$",
        ),
        NonElementary(1 / _logarithm, _w, r"log_power: after the substitution"),
        NonElementary(_w**10 / _logarithm, _w, r"log_power: $u\,du/\varphi$"),
        Step(
            _residue(Integer(1), _logarithm),
            (1 + 100 * _w**15) / (1500 * _w**14),
            r"By hand: $\theta = \ln(1+100w^{15})$. The residue at $\theta = 0$ depends on $w$",
        ),
    ),
    result=r"Types 3, 6 and 7 of the release need quadrature, or special functions.",
    source="ours; Bronstein, Symbolic Integration I, section 5.6",
    claims=("taylor", "quadrature"),
)

DERIVATIONS = (EXPANSION, CLOSED_FORMS, SMALL_STEPS, NO_CLOSED_FORM)
