"""Strong order 3/2 with noise: what the area of the Brownian path adds, and one stage that uses it."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._proof import Derivation, Step, named

_h, _x, _b, _r = sym.step, sym.w, sym.strength, sym.r  # r is the root of h
_half, _stage, _weight = sympy.Rational(1, 2), sympy.Rational(3, 4), sympy.Rational(2, 3)
_AREA_VARIANCE = sympy.Integral((_h - _x) ** 2, (_x, 0, _h))
_AREA_COVARIANCE = sympy.Integral(_h - _x, (_x, 0, _h))

# One step of the scheme from (u, A): the area's normal is Z_1, the increment's sqrt(3)/2 Z_1 + Z_2/2.
_NOISE = _r * _b * (sympy.sqrt(3) / 2 * sym.Z_1 + sym.Z_2 / 2)
_to_stage = _stage * _r**2 * sym.f_0 + _r * _b * sympy.sqrt(_stage) * sym.Z_1
_at_stage = sym.f_0 + sym.f_1 * _to_stage + sym.f_2 * _to_stage**2 / 2 + _stage * _r**2 * sym.f_A
_DRIFT = _r**2 * ((1 - _weight) * sym.f_0 + _weight * _at_stage)

_MOMENTS = {
    2: _h * _b**2 + _h**2 * (sym.f_0**2 + _b**2 * sym.f_1),
    3: 3 * _h**2 * sym.f_0 * _b**2,
    4: 3 * _h**2 * _b**4,
}


def _at_zero(expr: sympy.Expr, variable: sympy.Symbol, order: int) -> sympy.Expr:
    """Return a derivative at 0, not carried out."""
    inside = sympy.Derivative(expr, (variable, order)) if order else expr
    return sympy.Subs(inside, variable, 0)


def _mean_of_power(power: int) -> sympy.Expr:
    """Return the mean of the m-th power of the scheme's step up to h^2, differentiated by machine.

    E p(Z_1, Z_2) is the sum of the derivatives of orders 2i and 2j at 0 over 2^(i+j) i! j!.
    """
    terms = []
    for order in (1, 2):
        coefficient = _at_zero((_DRIFT + _NOISE) ** power, _r, 2 * order) / sympy.factorial(2 * order)
        for i in range(order + 1):
            for j in range(order + 1 - i):
                weight = 2 ** (i + j) * sympy.factorial(i) * sympy.factorial(j)
                moment = _at_zero(_at_zero(coefficient, sym.Z_1, 2 * i), sym.Z_2, 2 * j)
                terms.append(_h**order * moment / weight)
    return sum(terms, sympy.Integer(0))


_THREE_HALVES = Derivation(
    name="strong-order-three-halves",
    title="The area of the path, and one stage, give strong order 3/2",
    statement=r"In $u = Y/\varphi$ and $A = 1/\varphi$ the equation is $du = a(u, A)\,dA + dB$, "
    r"$d\langle B\rangle = \beta_A\,dA$. The scheme with a stage at $\frac34$ of the step in $A$, $u_m = u + \frac34ha "
    r"+ \sqrt{\Delta V_m}\,Z_1$, and $u_t = u + h(\frac13a + \frac23a_m) + \Delta B$, where $Z_1$ is the standardised "
    r"area $J = \int(A_t-A)\,dB$, has strong order $\frac32$ and weak order 2, and order 2 without noise.",
    assumptions=(
        r"$a(u, A) = D(\varphi u, \lambda)$ and $\beta_A$ have bounded derivatives on the levels used (no step to "
        r"$\lambda = 0$); one coordinate is written.",
        r"At the start of the step $f_0 = a$, $f_1 = \partial_ua$, $f_2 = \partial_u^2a$, $f_A = \partial_Aa$, "
        r"$b^2 = \beta_A$. $h$ is the step in $A$ and $r = \sqrt h$.",
        r"The noises of stage and step are exact. That $\beta_A$ varies changes the stage's variance and the "
        r"correlation by factors $1+O(h)$, which do not count, and the step's variance in scheme and solution alike: "
        r"it is left out.",
    ),
    steps=(
        Step(
            2 * sympy.Integral(_x * (_h - _x), (_x, 0, _h)),
            _AREA_VARIANCE,
            r"$J = \int(B-B_s)\,dA$ by parts: with $b = 1$, $2\iint_{x<y}\mathbb E[B_xB_y]\,dy\,dx$ is Itô's isometry "
            r"for $h-x$",
        ),
        Step(
            _AREA_COVARIANCE / sympy.sqrt(_h * _AREA_VARIANCE),
            sympy.sqrt(3) / 2,
            r"Correlation of $J$ and $\Delta B$: $\Delta B = b\sqrt h\,(\frac{\sqrt3}2Z_1+\frac12Z_2)$",
        ),
        Step(
            _at_zero(_DRIFT, _r, 3) / 6 * _h * sympy.sqrt(_h),
            sym.f_1 * sympy.sqrt(_b**2 * _AREA_VARIANCE) * sym.Z_1,
            r"The scheme's term of order $h^{3/2}$ is the solution's, $f_1\int(B-B_s)\,dA = f_1J$, path by path",
        ),
        Step(
            _mean_of_power(1),
            _h * sym.f_0
            + _h**2 / 2 * (sym.f_A + sym.f_0 * sym.f_1)
            + sym.f_2 / 2 * sympy.Integral(_b**2 * _x, (_x, 0, _h)),
            r"Mean of $u_t-u$ up to $h^2$: the stage has the noise $\xi$ that makes "
            r"$\frac23\cdot\frac12f_2h\,\mathbb E\xi^2$ "
            r"the solution's $\frac12f_2\int\mathbb E(B-B_s)^2dA$; at $b = 0$ this is order 2 of Ralston's method",
        ),
        *(
            Step(
                _mean_of_power(power),
                _MOMENTS[power],
                rf"Mean of $(u_t-u)^{power}$ up to $h^2$: the solution's, $hL+\frac12h^2L^2$ applied to "
                rf"$(x-u)^{power}$ (derivation weak-order-two)",
            )
            for power in _MOMENTS
        ),
        Step(
            sympy.Integral((sym.f_1**2 * (_h - _x) ** 2 / 2) ** 2 * _b**2, (_x, 0, _h)),
            sym.f_1**4 * _b**2 * _h**5 / 20,
            r"Affine $a$ (Gaussian data), $\beta_A$ constant: the first noise that is missed is "
            r"$\frac12f_1^2\int(A_t-A)^2dB$, of root mean square $h^{5/2}$; there the strong order is 2",
        ),
    ),
    result=r"Local errors are $O(h^2)$ in mean square and $O(h^3)$ in the mean, so the strong order is $\frac32$ "
    r"(Milstein & Tretyakov 2004, fundamental theorem). Moments up to the fourth agree up to $O(h^3)$, and those of "
    r"fifth and sixth order are $O(h^3)$: weak order 2. $\Delta B$ and $J$ add up exactly under refinement, so a path "
    r"fixes both on all grids. For $\beta_A$ constant the scheme is SRA1 (Rößler 2010).",
    source="Rößler 2010; Milstein & Tretyakov 2004; math.md section 7",
    claims=("order-strong",),
    shorthand=(
        (_NOISE, named("N", _r)),
        (_DRIFT, named("F", _r)),
    ),
)

DERIVATIONS = (_THREE_HALVES,)
