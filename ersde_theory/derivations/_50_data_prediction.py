"""The data prediction along the path: its equation, the operators L0 and L1, their Gaussian values."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._proof import Derivation, Step

_q = sym.q(sym.y, sym.lam)
_D = sym.y + sym.lam**2 * sympy.diff(sympy.log(_q), sym.y)
_HEAT = (sympy.Derivative(_q, sym.lam), sym.lam * sympy.Derivative(_q, (sym.y, 2)))
_any = sym.D(sym.y, sym.lam)
_TRANSPORT = (
    sympy.Derivative(_any, sym.lam),
    sym.lam * sympy.Derivative(_any, (sym.y, 2)) - 2 / sym.lam * (sym.y - _any) * sympy.Derivative(_any, sym.y),
)
_tau2 = sym.tau2(sym.lam)
_gain = sym.v_x / (sym.v_x + sym.lam**2)


def _generator(denoiser: sympy.Expr) -> sympy.Expr:
    """Return L0 of a function of (y, lambda), the drift per unit of distance downwards."""
    drift = -(1 + _tau2) / sym.lam * (sym.y - denoiser)
    return (
        -sympy.Derivative(denoiser, sym.lam)
        + drift * sympy.Derivative(denoiser, sym.y)
        + sym.lam * _tau2 * sympy.Derivative(denoiser, (sym.y, 2))
    )


_L0 = (1 - _tau2) * (
    (sym.y - _any) * sympy.Derivative(_any, sym.y) / sym.lam - sym.lam * sympy.Derivative(_any, (sym.y, 2))
)

_PATH = Derivation(
    name="data-prediction-path",
    title="The data prediction along the path",
    statement=r"With $r = \lambda_s - \lambda$ running downwards, $dD(Y_r, \lambda_r) = L^0 D\,dr + L^1 D\,dW_r$ with "
    r"$L^1 D = \sqrt{2\lambda\tau^2}\,\partial_y D$ and "
    r"$L^0 D = (1-\tau^2)\left[(y-D)\,\partial_y D/\lambda - \lambda\,\partial_y^2 D\right]$.",
    assumptions=(
        r"$q_\lambda$ solves the heat equation $\partial_\lambda q = \lambda\,\partial_y^2 q$ and is positive; one "
        "coordinate is written, the others add alike.",
        r"$D = y + \lambda^2\partial_y\ln q_\lambda$, the exact denoiser of the law.",
    ),
    steps=(
        Step(
            sympy.Derivative(_D, sym.lam),
            sym.lam * sympy.diff(_D, (sym.y, 2)) - 2 / sym.lam * (sym.y - _D) * sympy.diff(_D, sym.y),
            r"The heat equation makes $D$ solve $\partial_\lambda D = \lambda\partial_y^2 D "
            r"- \frac2\lambda(y-D)\partial_y D$",
            (_HEAT,),
        ),
        Step(
            _generator(_any),
            _L0,
            r"Itô's formula with the drift $-(1+\tau^2)(y-D)/\lambda$ per unit of $r$ and the diffusion "
            r"$2\lambda\tau^2$; then the equation of $D$",
            (_TRANSPORT,),
        ),
        Step(
            _generator(_any),
            sympy.Integer(0),
            r"At $\tau^2 = 1$ the drift vanishes: $D$ is a martingale along the reverse SDE",
            (_TRANSPORT, (_tau2, sympy.Integer(1))),
        ),
        Step(
            _generator(_gain * sym.y),
            (1 - _tau2) * sym.v_x * sym.lam * sym.y / (sym.v_x + sym.lam**2) ** 2,
            r"Gaussian data of variance $v$, mean 0: $D = c\,y$, $c = v/(v+\lambda^2)$, "
            r"$L^0 D = (1-\tau^2)\,c(1-c)\,y/\lambda$",
        ),
        Step(
            2 * sym.lam * _tau2 * sympy.Derivative(_gain * sym.y, sym.y) ** 2,
            2 * sym.lam * _tau2 * sym.v_x**2 / (sym.v_x + sym.lam**2) ** 2,
            r"Gaussian data: $(L^1 D)^2 = 2\lambda\tau^2 c^2$",
        ),
    ),
    result=r"Over a step of length $h$, $D - D_s = L^1 D\,W_r + L^0 D\,r + \dots$: of size $\sqrt h$ with noise, $h$ "
    "without. This is where ODE and SDE part.",
    source="Kloeden & Platen 1992, chapter 5; math.md section 7",
    claims=("one-step-bound", "order-strong"),
)

DERIVATIONS = (_PATH,)
