r"""For phi = x^2 the denoiser is a martingale along the path: one step of order 1 is exact in the mean."""

from __future__ import annotations

from sympy import Derivative, Expr, Integer, Integral, exp, log, sqrt, tanh

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step, named

_y, _lam, _u = sym.y, sym.lam, sym.u
_q, _T = sym.q(_y, _lam), sym.tau2(_lam)
_heat: tuple[Rule, ...] = ((Derivative(_q, _lam), _lam * Derivative(_q, (_y, 2))),)
_score = Derivative(log(_q), _y)
_denoiser = _y + _lam**2 * _score


def _generator(value: Expr, tau_squared: Expr) -> Expr:
    """Return the drift of value(Y, lambda) in s = -lambda along the ER-SDE."""
    pull = (1 + tau_squared) * _lam * _score
    return -Derivative(value, _lam) + pull * Derivative(value, _y) + _lam * tau_squared * Derivative(value, (_y, 2))


_plane = (sym.y_1, sym.y_2)
_q2 = sym.q_2(*_plane, _lam)
_heat2: tuple[Rule, ...] = ((Derivative(_q2, _lam), _lam * sum(Derivative(_q2, (c, 2)) for c in _plane)),)
_denoiser_1 = sym.y_1 + _lam**2 * Derivative(log(_q2), sym.y_1)
_generator_2 = -Derivative(_denoiser_1, _lam) + sum(
    2 * _lam * Derivative(log(_q2), c) * Derivative(_denoiser_1, c) + _lam * Derivative(_denoiser_1, (c, 2))
    for c in _plane
)
_s, _t = sym.lam_s, sym.lam_t
_weight = Derivative(_u**2, _u) / (_u**2) ** 2

MARTINGALE = Derivation(
    name="martingale",
    title="The denoiser is a martingale of the reverse SDE",
    statement=r"Along $\varphi = x^2$ ($\tau^2 = 1$) $D(Y_\lambda, \lambda)$ has no drift, for every law of the "
    r"data, so "
    r"$E[Y_t\mid Y_s] = \frac{\varphi_t}{\varphi_s}Y_s + \mathrm{FEI}\,D(Y_s, \lambda_s)$: the first-order step is "
    r"exact "
    r"in the conditional mean.",
    assumptions=(
        r"$q$ solves the heat equation (derivation canonical-coordinates), $D = y + \lambda^2\nabla\log q$.",
        r"A local martingale with these moments is a martingale (data with a second moment).",
    ),
    steps=(
        Step(
            _generator(_denoiser, _T),
            (_T - 1) * _lam * (_score * Derivative(_denoiser, _y) + Derivative(_denoiser, (_y, 2))),
            r"The drift of $D$ along the ER-SDE, for every $\tau^2$ and every law",
            _heat,
        ),
        Step(_generator(_denoiser, Integer(1)), Integer(0), r"It vanishes for $\tau^2 = 1$", _heat),
        Step(
            _generator_2,
            Integer(0),
            r"in two dimensions as well, first component (heat equation $\partial_\lambda q = \lambda\Delta q$)",
            _heat2,
        ),
        Step(
            _t**2 / _s**2 * sym.y_s + _t**2 * Integral(_weight * sym.mu, (_u, _t, _s)),
            _t**2 / _s**2 * sym.y_s + (1 - _t**2 / _s**2) * sym.mu,
            r"With $E[D(Y_u,u)\mid Y_s] = D(Y_s, \lambda_s) = \mu$ the conditional mean of the exact solution is the "
            r"first-order step",
        ),
        Step(
            _t**2 * Integral(_weight * sym.gap(_u), (_u, _t, _s)),
            2 * _t**2 * Integral(sym.gap(_u) / _u**3, (_u, _t, _s)),
            r"Its error $\varphi_t\int\frac{\varphi'}{\varphi^2}\Delta$ has mean 0 and is not 0: exact in the mean "
            r"only",
        ),
    ),
    result=r"A small FEI is not the same as a small error: $\varphi = x^2$ has nearly twice the FEI of the ODE and "
    r"no error in "
    r"the conditional mean of a step.",
    claims=("one-step-bound",),
    shorthand=((_denoiser, named("D", _y, _lam)), (_denoiser_1, named("D_1", *_plane, _lam))),
)

_x0 = sym.x_0
_ratio = _t**2 / _s**2
_post = _ratio * sym.y_s + (1 - _ratio) * _x0
_spread = _t**2 * (1 - _ratio)


def _kernel(value: Expr, mean: Expr, variance: Expr) -> Expr:
    """Return the logarithm of the square of a normal density, up to a number."""
    return -((value - mean) ** 2) / variance - log(variance)


_tanh = tanh(_y / _lam**2)
_bell = exp(-(_y**2) / (2 * sym.var)) / sqrt(sym.var)

WHOLE_RUN = Derivation(
    name="martingale-whole-run",
    title="Exact in the mean over a whole run for an affine denoiser, and not in general",
    statement=r"Given $Y_s$, the reverse SDE draws $x_0$ from its posterior, the first-order step replaces $x_0$ by "
    r"its mean "
    r"$D$: the variance of $Y_t$ is too small by $F^2\,\mathrm{Var}(x_0\mid Y_s)$, which a later, non-affine $D$ "
    r"turns into "
    r"an error of the mean.",
    assumptions=(
        r"$\varphi = x^2$, $F = 1 - \lambda_t^2/\lambda_s^2$. $Y_s = Y_t + \sqrt{\lambda_s^2 - "
        r"\lambda_t^2}\,\varepsilon$ "
        r"forwards.",
        r"The symbol $c$ is $\mathrm{Var}(x_0\mid Y_s)$ and $\mu$ the mean; in the fifth step $c$ is any variance.",
    ),
    steps=(
        Step(
            _kernel(sym.y, _x0, _t**2) + _kernel(sym.y_s, sym.y, _s**2 - _t**2),
            _kernel(sym.y, _post, _spread) + _kernel(sym.y_s, _x0, _s**2),
            r"Bayes, in logarithms: given $x_0$ and $Y_s$, $Y_t$ is normal with mean "
            r"$\frac{\lambda_t^2}{\lambda_s^2}Y_s + F x_0$ and the "
            r"variance of the step's noise, $\lambda_t^2(1 - \lambda_t^2/\lambda_s^2)$",
        ),
        Step(
            _spread,
            _t**2 - _s**2 * sym.phi(_t) ** 2 / sym.phi(_s) ** 2,
            r"which is the noise variance of the scheme",
            ((sym.phi(_u), _u**2),),
        ),
        Step(
            (_ratio * sym.y_s) ** 2
            + 2 * _ratio * sym.y_s * (1 - _ratio) * sym.mu
            + (1 - _ratio) ** 2 * (sym.var + sym.mu**2)
            - (_ratio * sym.y_s + (1 - _ratio) * sym.mu) ** 2,
            (1 - _ratio) ** 2 * sym.var,
            r"Averaged over the posterior of $x_0$ the mean is the scheme's and the variance exceeds the step's by "
            r"$F^2c$",
            sign=">= 0",
        ),
        Step(
            _ratio * sym.y_s + (1 - _ratio) * sym.mu,
            sym.mu + _ratio * (sym.y_s - sym.mu),
            r"For affine $D$ only the mean of $Y_t$ enters the next mean, and that is exact: so is the whole run",
        ),
        Step(
            Derivative(_bell, sym.var),
            Derivative(_bell, (_y, 2)) / 2,
            r"A normal density of variance $c$ obeys the heat equation, so a variance too small by $dc$ changes "
            r"$E[D]$ by "
            r"$-\frac12E[D'']\,dc$",
        ),
        Step(
            Derivative(_tanh, (_y, 2)),
            -2 * tanh(_y / _lam**2) * (1 - tanh(_y / _lam**2) ** 2) / _lam**4,
            r"Data $\pm 1$: $D = \tanh(y/\lambda^2)$ bends, so the missing $F^2c$ is an error $-\tfrac12D''F^2c$ of "
            r"$E[D]$ to "
            r"leading order, and $F$ times that in the mean of the second step",
        ),
        Step(
            (
                _y
                + _lam**2
                * Derivative(log(exp(-((_y - 1) ** 2) / (2 * _lam**2)) + exp(-((_y + 1) ** 2) / (2 * _lam**2))), _y)
            ),
            (exp(_y / _lam**2) - exp(-_y / _lam**2)) / (exp(_y / _lam**2) + exp(-_y / _lam**2)),
            r"(that denoiser, from its two-point law)",
        ),
    ),
    result=r"One step is exact in the mean for any law, a whole run for affine $D$ (Gaussian data). The two-point "
    r"law shows "
    r"that no more can be said in general.",
    claims=("one-step-bound",),
)

DERIVATIONS = (MARTINGALE, WHOLE_RUN)
