r"""How the error of an imperfect denoiser travels: step by step, and in the limit of small steps."""

from __future__ import annotations

from sympy import Derivative, Expr, Integral, Subs

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._proof import Derivation, Step, named

_n, _J, _d, _F, _u, _lam = sym.n, sym.jac, sym.delta, sym.fei, sym.u, sym.lam
_factor = 1 - _F * (1 - _J)
_limit = _d / (1 - _J)


def _after(steps: Expr) -> Expr:
    return _factor**steps * sym.e_0 + (1 - _factor**steps) * _limit


DISCRETE = Derivation(
    name="error-recursion",
    title="The error recursion with an imperfect denoiser",
    statement=r"With a denoiser $D + \delta$, $J = \partial_yD$, the error of order-1 steps obeys "
    r"$e_{i+1} = (1 - F_i(1-J))\,e_i + F_i\delta_i$. For constant $J$, $\delta$, $F$ it tends to $\delta/(1-J)$, which "
    r"depends on neither $F$ nor $\varphi$.",
    assumptions=(
        r"$e$ is the difference of two runs with the same noise; $D$ is linear in $y$ (else to first order).",
    ),
    steps=(
        Step(
            (1 - _F) * (sym.y + sym.e_s) + _F * (sym.mu + _J * sym.e_s + _d) - ((1 - _F) * sym.y + _F * sym.mu),
            _factor * sym.e_s + _F * _d,
            r"Difference of a step with $D + \delta$ from $y + e$ and one with $D$ from $y$; the noise cancels",
        ),
        Step(Subs(_after(_n), _n, 0), sym.e_0, r"The closed form, no step"),
        Step(
            _after(_n + 1),
            _factor * _after(_n) + _F * _d,
            r"and one step more, for every $n$: induction",
        ),
        Step(
            _after(_n) - _limit,
            _factor**_n * (sym.e_0 - _limit),
            r"The distance to $\delta/(1-J)$ shrinks by $1 - F(1-J)$ per step: the larger $F$, the faster the start is "
            r"forgotten ($J < 1$)",
        ),
        Step(
            Derivative(_after(_n), _d),
            (1 - _factor**_n) / (1 - _J),
            r"The network's error enters with this weight; after many steps $1/(1-J)$ for every noise scale",
        ),
    ),
    result=r"Noise does not average the network's error away; it shortens the memory for errors made earlier, where "
    r"$J < 1$, and lengthens it where $J > 1$.",
    claims=("sde-quality", "sde-quality-imperfect", "one-step-bound"),
)

_s = sym.lam_s
_ratio = sym.phi(_lam) / sym.phi(_s)
_e = _ratio ** (1 - _J) * sym.e_s + (1 - _ratio ** (1 - _J)) * _limit
_rate = Derivative(sym.phi(_lam), _lam) / sym.phi(_lam)
_own = sym.phi(_lam) ** (1 - _J) * Integral(
    Derivative(sym.phi(_u), _u) * sym.phi(_u) ** (_J - 2) * sym.gap(_u), (_u, _lam, _s)
)
_power: tuple[Rule, ...] = ((sym.phi(_lam), _lam**sym.p),)

CONTINUOUS = Derivation(
    name="error-flow",
    title="How an error travels along the exact equation",
    statement=r"For the exact solution $\dfrac{de}{d\lambda} = \frac{\varphi'}{\varphi}\left((1-J)e - "
    r"\delta\right)$: an "
    r"earlier error is multiplied by $(\varphi_t/\varphi_s)^{1-J}$.",
    assumptions=(r"As in derivation error-recursion, $J$ constant; in the third step $\delta = \Delta(u)$ varies.",),
    steps=(
        Step(
            Derivative(_e, _lam),
            _rate * ((1 - _J) * _e - _d),
            r"$e = (\varphi/\varphi_s)^{1-J}e_s + (1 - (\varphi/\varphi_s)^{1-J})\,\delta/(1-J)$ solves it",
        ),
        Step(Subs(_e, _lam, _s), sym.e_s, r"and starts at $e_s$"),
        Step(
            Derivative(_own, _lam),
            _rate * ((1 - _J) * _own - sym.gap(_lam)),
            r"A varying $\delta$ contributes $\varphi^{1-J}\int\varphi'\varphi^{J-2}\Delta\,du$",
        ),
        Step(
            _ratio ** (1 - _J),
            (_lam / _s) ** (sym.p * (1 - _J)),
            r"For $\varphi = \lambda^p$ the memory is $(\lambda/\lambda_s)^{p(1-J)}$: $p = 1 + \tau^2$ is its exponent",
            _power,
        ),
        Step(
            Derivative(1 - (1 - _ratio) * (1 - _J), _lam).subs(_lam, _s),
            Derivative(_ratio ** (1 - _J), _lam).subs(_lam, _s),
            r"A small step of the recursion has this rate: the two descriptions agree to first order",
        ),
    ),
    result=r"With an exact score nothing is gained by noise; with errors made early and $J < 1$ a larger $\tau^2$ "
    r"forgets "
    r"them faster. Which of the two wins at a given number of steps is a matter of measurement.",
    claims=("sde-quality", "sde-quality-imperfect"),
    shorthand=((_e, named("e", _lam)), (_own, named("e", _lam))),
)

DERIVATIONS = (DISCRETE, CONTINUOUS)
