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
            r"Solver 3: $\gamma = (-\frac23, \frac16)$, sum $-\frac12$. In general $\sum_m\gamma_m = \sum_jj\beta_j = "
            r"-\int_0^1x\,dx$ is exactness on linear $D$",
        ),
        Step(
            (_half + 2 * sym.gamma) * _WIENER[1] - sym.gamma * _WIENER[2],
            -(_half + sym.gamma) * sym.D_1 + sym.gamma * sym.D_2,
            r"Every rule on three evaluations that is exact on linear $D$, with mean weights $-\frac12-2\gamma$ and "
            r"$\gamma$ of the older two: sum $-\frac12$, whatever $\gamma$",
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

# The weak order, in u and A = 1/phi. Three evaluations exact on linear D: the weights of the two older ones.
_older = (-_half - 2 * sym.gamma, sym.gamma)
_A, _y = sym.A, sym.y
_moved = (sym.Z_1 + _h * sym.f_0, sym.Z_1 + sym.Z_2 + 2 * _h * sym.f_0)  # u_n - u_(n-1), u_n - u_(n-2)


def _changed_increment(curvature: sympy.Expr) -> sympy.Expr:
    """Return U_(n+1) - U_n with U = u + h (a'_(n-1) Z_1 / 2 - gamma a'_(n-2) Z_2); `curvature` is a''."""
    values = [
        sym.f_0 - sym.f_1 * back + curvature * back**2 / 2 - (i + 1) * _h * sym.f_A for i, back in enumerate(_moved)
    ]
    slopes = [sym.f_1 - curvature * back for back in _moved]
    interpolated = (1 - sum(_older)) * sym.f_0 + sum(w * value for w, value in zip(_older, values, strict=True))
    after = sym.f_1 * sym.z / 2 - sym.gamma * slopes[0] * sym.Z_1
    before = slopes[0] * sym.Z_1 / 2 - sym.gamma * slopes[1] * sym.Z_2
    return _h * interpolated + sym.z + _h * (after - before)


_curved = _changed_increment(sym.f_2)
_a, _rate = sym.drift(_y, _A), sym.noise_rate(_A)
_da, _dda = sympy.Derivative(_a, _y), sympy.Derivative(_a, (_y, 2))
_in_A, _rate_in_A = sympy.Derivative(_a, _A), sympy.Derivative(_rate, _A)
_xi, _root = sym.z, sym.r  # xi ~ N(0, 1); r stands for the root of h
_spread = _root * _xi * sympy.sqrt(_rate + _root**2 * _rate_in_A / 2)
_INCREMENT = _root**2 * _a + _root**4 / 2 * (_in_A + _a * _da + _rate * _dda / 2) + _spread * (1 + _root**2 * _da / 2)


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
    """Return L of a function of (x, A): d/dA + a d/dx + (beta/2) d^2/dx^2."""
    return (
        sympy.Derivative(function, _A)
        + sym.drift(sym.x, _A) * sympy.Derivative(function, sym.x)
        + _rate / 2 * sympy.Derivative(function, (sym.x, 2))
    )


def _exact_of_power(power: int) -> sympy.Expr:
    """Return h L + h^2 L^2 / 2 of (x - y)^m at x = y, differentiated by machine."""
    once = _generator((sym.x - _y) ** power)
    return sympy.Subs(_h * once + _h**2 / 2 * _generator(once), sym.x, _y)


_MOMENTS = {
    1: _h * _a + _h**2 / 2 * (_in_A + _a * _da + _rate * _dda / 2),
    2: _h * _rate + _h**2 * (_a**2 + _rate * _da + _rate_in_A / 2),
    3: 3 * _h**2 * _a * _rate,
    4: 3 * _h**2 * _rate**2,
    5: sympy.Integer(0),
}

_WEAK = Derivation(
    name="weak-order-two",
    title="Weak order 2 for k >= 2, on any law",
    statement=r"In $u = Y/\varphi$ and $A = 1/\varphi$ the equation is $du = a(u, A)\,dA + dB$ with additive noise, "
    r"$d\langle B\rangle = \beta_A\,dA$. Let $u_n$ be a scheme with exact noise that is exact on linear $D$. Then "
    r"$U_n = u_n + h\sum_mc_m\,a'_{n-m}\Delta B_{n-m}$ with $c_1 = \frac12$ is, up to terms that do not count, a "
    r"one-step "
    r"method whose moments agree with the solution's to order $h^2$: weak order 2.",
    assumptions=(
        r"$a(u, A) = D(\varphi u, \lambda)$ has bounded derivatives up to order 6 on the levels used (no step to "
        r"$\lambda = 0$), test functions have polynomial growth; one coordinate is written.",
        r"The grid is smooth: steps $h$ in $A$ have ratios $1+O(h)$, and weights in $\lambda$ are those of equal "
        r"steps in "
        r"$A$ up to $O(h)$. The starting steps are of order 1 at least.",
        r"$Z_j = \Delta B_{n-j}$, $z = \Delta B_n$; at $(u_n, A_n)$: $f_0 = a$, $f_1 = \partial_ua$, $f_2 = "
        r"\partial_u^2a$, $f_A = \partial_Aa$. $a'_{n-m}$ is $\partial_ua$ at the start of the step with $\Delta "
        r"B_{n-m}$.",
    ),
    steps=(
        Step(
            _older[0] * (-_h) + _older[1] * (-2 * _h) - sympy.Integral(_x, (_x, 0, _h)) / _h,
            sympy.Integer(0),
            r"Weights $b_1 = -\frac12-2\gamma$, $b_2 = \gamma$ of the older evaluations: all rules on three that are "
            r"exact "
            r"on linear $D$ ($\gamma = 0$: two evaluations). More evaluations: $c_m = -\sum_{j\ge m}(j-m+1)b_j$",
        ),
        Step(
            _changed_increment(sympy.Integer(0)),
            _h * sym.f_0 + _h**2 / 2 * (sym.f_A + sym.f_0 * sym.f_1) + (1 + _h / 2 * sym.f_1) * sym.z,
            r"Where $a'' = 0$: with $c_1 = \frac12$, $c_2 = -\gamma$ all delayed noise is gone, $U_{n+1}-U_n$ "
            r"contains $z$ "
            r"alone, and $\gamma$ has dropped out",
        ),
        Step(
            (sympy.Derivative(_curved, (sym.Z_1, 2)) + sympy.Derivative(_curved, (sym.Z_2, 2))) / 2,
            _h * sym.f_2 / 4,
            r"With $a''$ the increment is $\Delta_U$, quadratic in $Z_1, Z_2$; the mean of what $a''$ adds is this "
            r"times $\mathbb EZ_j^2 = \beta_Ah$, that is "
            r"$\frac{h^2}{2}\cdot\frac12\beta_Aa''$, for every $\gamma$",
        ),
        *(
            Step(
                _mean_of_power(power),
                _MOMENTS[power],
                rf"Scheme: mean of $(U_{{n+1}}-U_n)^{power}$ up to $h^2$, with $r = \sqrt h$, $z = "
                rf"r\xi\sqrt{{\beta_A + "
                r"\frac{h}{2}\beta_A'}$, $\xi \sim N(0,1)$: $\mathbb Ep(\xi) = \sum_j\frac1{2^jj!}\,p^{(2j)}(0)$",
            )
            for power in _MOMENTS
        ),
        *(
            Step(
                _exact_of_power(power),
                _MOMENTS[power],
                rf"Solution: $hL + \frac12h^2L^2$ applied to $(x-y)^{power}$, "
                r"$L = \partial_A + a\partial_x + \frac12\beta_A\partial_x^2$",
            )
            for power in _MOMENTS
        ),
    ),
    result=r"Local moments up to the fifth agree up to $O(h^3)$, and the sixth are $O(h^3)$, so "
    r"$|\mathbb Ef(U_N)-\mathbb Ef(u(A_N))| = O(N^{-2})$ (Milstein & Tretyakov 2004, main theorem on weak "
    r"approximations). What was left out, $-\frac{h^2}2a'^2Z_1$ and $hf_2$ times a quadratic form in $Z_1, Z_2$ less "
    r"its "
    r"mean, has mean 0 and is correlated with $U_n$ at $O(h^3)$ only. Going back, $\mathbb Ef(U_N)-\mathbb Ef(u_N) = "
    r"\frac h2\mathbb E[f'a'\,\Delta B] + \dots = O(h^2)$.",
    source="Milstein & Tretyakov 2004, chapter 2; math.md section 6",
    claims=("order-weak",),
    shorthand=((_INCREMENT, named("I", _root, _xi)), (_curved, named("Delta_U", sym.Z_1, sym.Z_2))),
)

DERIVATIONS = (_STRONG, _WEAK)
