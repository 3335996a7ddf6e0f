"""Local errors with noise: why the strong order is 1 and the weak order 2, whatever k."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import lagrange, published
from ersde_theory.derivations._proof import Derivation, Step, named

_h, _x = sym.step, sym.w
_half = sympy.Rational(1, 2)
_EQUAL = (sympy.Integer(0), -_h, -2 * _h)
_WIENER = (sympy.Integer(0), -sym.D_1, -sym.D_1 - sym.D_2)  # W at the start, one and two steps back
_I_VARIANCE = sympy.Integral((_h - _x) ** 2, (_x, 0, _h))
_I_COVARIANCE = sympy.Integral(_h - _x, (_x, 0, _h))
_g = sym.m_0 * sym.strength


def _delayed(rule: str, evaluations: int) -> sympy.Expr:
    """Return minus the integral of the interpolation of W over the step, in units of h."""
    make = {"adams": lagrange, "published": published}[rule]
    return -sympy.Integral(make(_WIENER[:evaluations], _EQUAL[:evaluations], _x), (_x, 0, _h)) / _h


_STRONG = Derivation(
    name="strong-order",
    title="With noise the strong order is 1 for every k",
    statement=r"Along the path $D - D_s = L^1 D\,W_x + \dots$. The local error of a scheme with $k \ge 2$ evaluations "
    r"is $m_0L^1D\,[\int_0^hW\,dx + h\sum_m\gamma_m\Delta W_{-m}]$ with $\sum\gamma_m = -\frac12$, and the global "
    r"error is $N^{-1}$ times a constant that no choice of weights lowers.",
    assumptions=(
        r"$m_0 = (1+\tau^2)/\lambda$ and $b = L^1D = \sqrt{2\lambda\tau^2}\,\partial_yD > 0$ at the start of the step; "
        "leading terms in $h$; equal steps (ratios of steps are $1 + O(h)$ on a smooth grid).",
        r"$D$ has bounded derivatives, so that mean-square errors add along the grid (Milstein & Tretyakov 2004, "
        "fundamental theorem of mean-square convergence).",
    ),
    steps=(
        Step(
            _I_VARIANCE,
            _h**3 / 3,
            r"$\int_0^hW_x\,dx = \int_0^h(h-x)\,dW_x$ (by parts); Itô isometry",
        ),
        Step(
            sympy.sqrt(_g**2 * _I_VARIANCE),
            _g * _h * sympy.sqrt(_h) / sympy.sqrt(3),
            r"One evaluation: local mean-square error $h^{3/2}$, local mean error $\frac12m_0L^0D\,h^2$: strong "
            r"order $\frac32 - \frac12 = 1$",
        ),
        Step(_I_COVARIANCE, _h**2 / 2, r"Covariance of $\int W\,dx$ with the step's own increment $\Delta W$"),
        Step(_delayed("adams", 2), -sym.D_1 / 2, r"Adams-2 = solver 2: the last increment, $\gamma_1 = -\frac12$"),
        Step(
            _delayed("adams", 3),
            -sympy.Rational(11, 12) * sym.D_1 + sympy.Rational(5, 12) * sym.D_2,
            r"Adams-3: $\gamma = (-\frac{11}{12}, \frac5{12})$, sum $-\frac12$",
        ),
        Step(
            _delayed("published", 3),
            -sympy.Rational(2, 3) * sym.D_1 + sym.D_2 / 6,
            r"Solver 3: $\gamma = (-\frac23, \frac16)$, sum $-\frac12$. For every rule exact on linear $D$, "
            r"$\sum_m\gamma_m = \sum_jj\beta_j = -\int_0^1x\,dx$",
        ),
        Step(
            _I_VARIANCE + (_h / 2) ** 2 * _h,
            sympy.Rational(7, 12) * _h**3,
            r"Local variance of solver 2 over $(m_0b)^2$: of order $h^3$ still, hence strong order 1 again",
        ),
        Step(
            sympy.Integral((_h / 2 - _x) ** 2, (_x, 0, _h)),
            _h**3 / 12,
            r"Summed over the grid, an increment's own step and its returns give $\int_0^h(h-x)\,dW + h\sum\gamma_m\,"
            r"\Delta W = \int_0^h(\frac h2-x)\,dW$: one constant for all of them",
        ),
        Step(
            _h**3 * (sympy.Rational(1, 3) + sym.gamma + sym.gamma**2),
            _h**3 / 12 + _h**3 * (sym.gamma + _half) ** 2,
            r"No weight on the increment does better: $h^3/12$ is the variance of $\int W\,dx$ given $\Delta W$ (Clark "
            "& Cameron 1980), a bound for every scheme that sees the noise at grid points only",
            sign="> 0",
        ),
        Step(
            (sym.kappa(sym.lam) / sym.lam) ** 2
            * (2 * sym.lam * (sym.kappa(sym.lam) - 1))
            * (sym.v_x / (sym.v_x + sym.lam**2)) ** 2
            * sympy.Integral((_half - _x) ** 2, (_x, 0, 1)),
            sym.v_x**2
            * sym.kappa(sym.lam) ** 2
            * (sym.kappa(sym.lam) - 1)
            / (6 * sym.lam * (sym.v_x + sym.lam**2) ** 2),
            r"Gaussian data of variance $v$, $\kappa = 1+\tau^2$: density of the mean-square error in "
            r"$N^{-2}\int\Phi^2\,(\cdot)\,\eta^2d\lambda$, all schemes with $k \ge 2$",
        ),
    ),
    result=r"Strong order 1 exactly wherever $\tau^2 > 0$ and $\partial_yD \ne 0$ on a part of the path; the leading "
    r"constant is the same for solver 2, solver 3 and Adams-k.",
    source="Milstein & Tretyakov 2004; Clark & Cameron 1980",
    claims=("order-strong",),
)

_y = sym.y
_a = sym.drift(_y)
_da, _dda = sympy.Derivative(_a, _y), sympy.Derivative(_a, (_y, 2))
_b = sym.strength


_xi, _root = sym.z, sym.r  # xi ~ N(0, 1); r stands for the root of h
_INCREMENT = _root**2 * _a + _root**4 / 2 * (_a * _da + _b**2 * _dda / 2) + _b * _root * _xi * (1 + _root**2 * _da / 2)


def _at_zero(expr: sympy.Expr, variable: sympy.Symbol, order: int) -> sympy.Expr:
    """Return a derivative at 0, not carried out."""
    inside = sympy.Derivative(expr, (variable, order)) if order else expr
    return sympy.Subs(inside, variable, 0)


def _mean_of_power(power: int) -> sympy.Expr:
    """Return the mean of the m-th power of the increment of U up to h^2, differentiated by machine.

    E p(xi) is the sum of p^(2j)(0) / (2^j j!); in r^(2i) no power of xi above 2i occurs.
    """
    # One variable at a time: SymPy takes substitutions of two variables for equal that are not.
    terms = (
        _h**i * _at_zero(_at_zero(_INCREMENT**power, _xi, 2 * j), _root, 2 * i) / (sympy.factorial(2 * i) * weight)
        for i in (1, 2)
        for j, weight in enumerate((1, 2, 8)[: i + 1])
    )
    return sum(terms, sympy.Integer(0))


def _generator(function: sympy.Expr) -> sympy.Expr:
    return sym.drift(sym.x) * sympy.diff(function, sym.x) + _b**2 / 2 * sympy.diff(function, (sym.x, 2))


def _exact_of_power(power: int) -> sympy.Expr:
    """Return h L + h^2 L^2 / 2 of (x - y)^m at x = y, differentiated by machine."""
    once = _generator((sym.x - _y) ** power)
    expanded = _h * once + _h**2 / 2 * _generator(once)
    return sympy.Subs(expanded, sym.x, _y)


_MOMENTS = {
    1: _h * _a + _h**2 / 2 * (_a * _da + _b**2 * _dda / 2),
    2: _h * _b**2 + _h**2 * (_a**2 + _b**2 * _da),
    3: 3 * _h**2 * _a * _b**2,
    4: 3 * _h**2 * _b**4,
}

_WEAK = Derivation(
    name="weak-order-two",
    title="Weak order 2 for k >= 2, on any law",
    statement=r"In $u = Y/\varphi$ and $A = 1/\varphi$ the equation is $du = a\,dA + dB$ with additive noise. Let "
    r"$u_n$ "
    r"be a scheme with exact noise and $k \ge 2$. Then $U_n = u_n + \frac h2a'\,b\Delta B_{n-1}$ is, up to terms "
    r"that do not count, a one-step method whose moments agree with the solution's to order $h^2$: weak order 2.",
    assumptions=(
        r"$a(u, A) = D(\varphi u, \lambda)$ has bounded derivatives up to order 6 on the levels used (no step to "
        r"$\lambda = 0$), test functions have polynomial growth; the grid is smooth (ratios of steps $1+O(h)$).",
        "The scheme is exact on linear $D$, its noise is exact, the starting steps are of order 1 at least.",
        r"Here one step of autonomous $a(y)$ and noise $b$: dependence on $A$ enters through the exact noise and the "
        "quadrature of smooth functions only.",
    ),
    steps=(
        Step(
            (sym.y_s + _h * sym.f_0 + _h / 2 * sym.f_1 * (sym.Z + _h * sym.f_2) + sym.z + _h / 2 * sym.f_1 * sym.z)
            - (sym.y_s + _h / 2 * sym.f_1 * sym.Z),
            _h * sym.f_0 + _h**2 / 2 * sym.f_1 * sym.f_2 + (1 + _h / 2 * sym.f_1) * sym.z,
            r"The change of variable moves the delayed noise to its own step: with $f_0 = a(u_n)$, $f_1 = a'$, "
            r"$Z = b\Delta B_{n-1}$, $z = b\Delta B_n$ and $a(u_n)-a(u_{n-1}) = a'(Z+hf_2)+\dots$, "
            r"$U_{n+1}-U_n$ contains $z$ alone",
        ),
        *(
            Step(
                _mean_of_power(power),
                _MOMENTS[power],
                rf"Scheme: mean of $(U_{{n+1}}-U_n)^{power}$ up to $h^2$, with $r = \sqrt h$ and $z \sim N(0,1)$: "
                r"$\mathbb Ep(z) = \sum_j\frac1{2^jj!}\,p^{(2j)}(0)$",
            )
            for power in _MOMENTS
        ),
        *(
            Step(
                _exact_of_power(power),
                _MOMENTS[power],
                rf"Solution: $hL + \frac12h^2L^2$ applied to $(x-y)^{power}$, $L = a\partial + \frac12b^2\partial^2$",
            )
            for power in _MOMENTS
        ),
    ),
    result=r"Local moments agree up to $O(h^3)$, so $|\mathbb Ef(U_N)-\mathbb Ef(u(A_N))| = O(N^{-2})$ (Milstein & "
    r"Tretyakov 2004, main theorem on weak approximations). "
    r"What was left out, $-\frac{h^2}2a'^2Z$ and $\frac h4a''(Z^2-b^2h)$, has mean 0 "
    r"and is correlated with $U_n$ at $O(h^3)$ only. Going back, $\mathbb Ef(U_N)-\mathbb Ef(u_N) = \frac h2\mathbb E"
    r"[f'a'b\,\Delta B] = O(h^2)$.",
    source="Milstein & Tretyakov 2004, chapter 2; math.md section 6",
    claims=("order-weak",),
    shorthand=((_INCREMENT, named("I", _root, _xi)),),
)

DERIVATIONS = (_STRONG, _WEAK)
