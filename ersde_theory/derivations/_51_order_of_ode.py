"""Local errors without noise: constants of Adams-k and of the solvers as published and as released."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import JET, PAST, coefficient, kernel, lagrange, published, smooth, weighted
from ersde_theory.derivations._proof import Derivation, Step

Rule = Callable[[Sequence[sympy.Expr], Sequence[sympy.Expr], sympy.Expr], sympy.Expr]
_h, _x = sym.step, sym.w
_o1, _o2 = sym.omega_1, sym.omega_2
_KERNEL = (
    r"The kernel $K(x) = \varphi_t\varphi'/\varphi^2$ at $u = \lambda_s - x$ is smooth, $K = m_0 + m_1x + \dots$, "
    r"$m_0 = \varphi'/\varphi = (1+\tau^2)/\lambda$ to leading order in $h$."
)
_SMOOTH = (
    r"$\tau^2 = 0$ (or any smooth path): $D$ along the path is smooth in $x = \lambda_s - u$, with value and "
    r"derivatives $f_0, f_1, \dots$ at the start of the step. With noise the same holds for the mean "
    r"$f = \mathbb ED(Y_u, u)$, whose derivatives are $\mathbb E(L^0)^jD$ (Dynkin's formula, derivation "
    r"data-prediction-path): the formulas are then the deterministic terms of the local error."
)
_STEPS = r"Step ratios $\omega_1 = h_{i-1}/h_i$, $\omega_2 = h_{i-2}/h_i$ are bounded; the starting values are exact."


def residual(rule: Rule, evaluations: int, degree: int) -> sympy.Expr:
    """Return the error of one step: K integrated against D minus its interpolation."""
    values = [smooth(node, degree) for node in PAST[:evaluations]]
    inside = kernel(_x, 1) * (smooth(_x, degree) - rule(values, PAST[:evaluations], _x))
    return sympy.Integral(inside, (_x, 0, _h))


def _node_polynomial(first: int, order: int) -> sympy.Expr:
    """Return the integral of (x + first) (x + first + 1) ... over the step, `order` factors, over their factorial."""
    product = sympy.prod([_x + i for i in range(first, first + order)])
    return sympy.Integral(product, (_x, 0, 1)) / sympy.factorial(order)


_ADAMS_BASHFORTH = {1: (1, 2), 2: (5, 12), 3: (3, 8), 4: (251, 720), 5: (95, 288), 6: (19087, 60480)}
_ADAMS_MOULTON = {2: (-1, 12), 3: (-1, 24), 4: (-19, 720)}


_ADAMS = Derivation(
    name="local-error-adams",
    title="Adams-k has ODE order k exactly",
    statement=r"The local error of exponential Adams-$k$ is $m_0\,\beta_k\,h^{k+1} f^{(k)}$ with "
    r"$\beta_k = \int_0^1\binom{x+k-1}{k}dx = \frac12, \frac5{12}, \frac38, \frac{251}{720}, \dots$ on equal steps.",
    assumptions=(_SMOOTH, _KERNEL, _STEPS),
    steps=(
        Step(coefficient(residual(lagrange, 1, 2), _h, 2), sym.m_0 * JET[1] / 2, r"One evaluation: $\beta_1 = 1/2$"),
        Step(
            weighted(lagrange, [smooth(node, 1) for node in PAST[:2]], PAST[:2], _x),
            smooth(_x, 1),
            "Two evaluations reproduce a linear $D$: no term of order $h^2$",
        ),
        Step(
            coefficient(residual(lagrange, 2, 3), _h, 3),
            sym.m_0 * JET[2] * (sympy.Rational(1, 6) + _o1 / 4),
            r"Two evaluations: $5/12$ on equal steps",
        ),
        Step(
            lagrange([smooth(node, 2) for node in PAST], PAST, _x),
            smooth(_x, 2),
            "Three evaluations reproduce a quadratic $D$: no term of order $h^3$",
        ),
        Step(
            coefficient(residual(lagrange, 3, 4), _h, 4),
            sym.m_0 * JET[3] * (sympy.Rational(1, 24) + (2 * _o1 + _o2) / 18 + _o1 * (_o1 + _o2) / 12),
            r"Three evaluations: $3/8$ on equal steps",
        ),
        *(
            Step(
                _node_polynomial(0, order),
                sympy.Rational(*value),
                rf"$\beta_{{{order}}}$ on equal steps, from Cauchy's remainder $f^{{(k)}}(\xi)\prod_j(x-x_j)/k!$, "
                rf"valid for "
                r"every $k$: the product is positive on the step, so no constant vanishes",
            )
            for order, value in _ADAMS_BASHFORTH.items()
        ),
    ),
    result="The order is k and not more. Two starting steps of order 1 and 2 on a grid that is not graded cap the "
    "global order at 2: one local error of size $h^2$ is not divided by $N$.",
    source="Hochbruck & Ostermann 2010, section 2.5",
    claims=("order-ode",),
)


def _published_minus_adams() -> sympy.Expr:
    values = (sym.D_0, sym.D_1, sym.D_2)
    return published(values, PAST, _x) - lagrange(values, PAST, _x)


_d = (sym.D_0 - sym.D_1) / (_o1 * _h)
_dd = 2 * (_d - (sym.D_1 - sym.D_2) / (_o2 * _h)) / ((_o1 + _o2) * _h)

_PUBLISHED = Derivation(
    name="local-error-published",
    title="Why ER-SDE-Solver-3 is second order",
    statement=r"$d_i = (D_i-D_{i-1})/(\lambda_i-\lambda_{i-1})$ is the derivative half a step back. Used as the "
    r"derivative at the node it leaves the local error $\frac14\omega_1 m_0 h^3 f''$: solver 3 gains the factor "
    r"$3/5$ over solver 2, not an order.",
    assumptions=(_SMOOTH, _KERNEL, _STEPS),
    steps=(
        Step(
            sympy.Mul(JET[0] - smooth(PAST[1], 3), 1 / (_o1 * _h), evaluate=False),
            JET[1] - _o1 * _h * JET[2] / 2 + _o1**2 * _h**2 * JET[3] / 6,
            r"Taylor: $d_i = f' - \frac{\omega_1h}{2}f'' + O(h^2)$ (in $x$), the derivative half a step back",
        ),
        Step(
            _published_minus_adams(),
            -_o1 * _h * _x * _dd / 2,
            r"Published minus Lagrange polynomial: exactly $\frac12(\lambda_i-\lambda_{i-1})\,dd_i\,(u-\lambda_i)$ in "
            r"absolute value, that is $\frac12G_2 \to \frac12(G_2 + (\lambda_i-\lambda_{i-1})G_1)$ for Adams-3",
        ),
        Step(
            coefficient(residual(published, 2, 3), _h, 3),
            sym.m_0 * JET[2] * (sympy.Rational(1, 6) + _o1 / 4),
            "Solver 2 is Adams-2",
        ),
        Step(
            coefficient(residual(published, 3, 3), _h, 3),
            sym.m_0 * JET[2] * _o1 / 4,
            r"Solver 3: the term of order $h^3$ stays, $\frac14m_0f''$ on equal steps",
        ),
        Step(
            weighted(published, [smooth(node, 1) for node in PAST], PAST, _x),
            smooth(_x, 1),
            r"Solver 3 reproduces a linear $D$: nothing of order $h^2$ is left",
        ),
    ),
    result="ODE orders of the published solvers: 1, 2, 2. The claimed order 3 is refuted; with the derivative taken "
    "at the node (Adams-3) it holds.",
    source="release code; math.md section 6",
    claims=("order-ode", "taylor"),
)

_count = sym.nodes_n


def _riemann(power: int) -> sympy.Expr:
    """Return the left Riemann sum of phi_t (u - lambda_s)^power / phi over a step, to first order in m_0."""
    node = sym.j * _h / _count
    inside = sympy.expand((1 - sym.m_0 * node) * (node - _h) ** power)
    total = sum(
        (inside.coeff(sym.j, i) * sympy.summation(sym.j**i, (sym.j, 0, _count - 1)) for i in range(power + 2)),
        sympy.Integer(0),
    )
    return sympy.expand(total * _h / _count)


_EXACT_G1 = -(_h**2) * sym.m_0 / 2
_EXACT_G2 = _h**3 * sym.m_0 / 3

_RELEASED = Derivation(
    name="local-error-released",
    title="The released quadrature makes the order 1",
    statement=r"The release takes $\int\varphi_t/\varphi\,du$ and $\int\varphi_t(u-\lambda_s)/\varphi\,du$ by a left "
    r"Riemann sum of $n$ nodes. The relative error of $G_1$ tends to $-1/n$, that of $G_2$ grows like $-3/(n\,m_0h)$.",
    assumptions=(
        _KERNEL,
        r"$\varphi_t/\varphi(\lambda_t + x) = 1 - m_0 x + O(h^2)$ over the step; $n = 100$ in the release.",
    ),
    steps=(
        Step(sympy.Integral(sym.m_0 * -_x, (_x, 0, _h)), _EXACT_G1, r"$G_1 = -\frac12m_0h^2 + O(h^3)$, exact integral"),
        Step(
            sympy.Integral(sym.m_0 * _x**2, (_x, 0, _h)), _EXACT_G2, r"$G_2 = \frac13m_0h^3 + O(h^4)$, exact integral"
        ),
        Step(
            coefficient(-_h + _riemann(0), _h, 2) / coefficient(_EXACT_G1, _h, 2),
            1 - 1 / _count,
            r"By parts $G_1 = -h + \varphi_t\int du/\varphi$; its Riemann sum is too small by the fraction $1/n$ "
            "at every step size",
        ),
        Step(
            coefficient(_h**2 + 2 * _riemann(1), _h, 2),
            -1 / _count,
            r"$G_2 = h^2 + 2\varphi_t\int(u-\lambda_s)/\varphi\,du$: the Riemann sum leaves $-h^2/n$, where the exact "
            r"moment is of order $h^3$",
        ),
        Step(
            coefficient(_h**2 + 2 * _riemann(1), _h, 2) * _h**2 / _EXACT_G2,
            -3 / (_count * sym.m_0 * _h),
            r"Relative error of $G_2$: grows as the step falls",
        ),
        Step(
            coefficient((-_h + _riemann(0) - _EXACT_G1) * JET[1], _h, 2),
            sym.m_0 * JET[1] / (2 * _count),
            r"Local error of solver 2 as released at order $h^2$: $-\delta G_1\,d_i$, where in $x$ the difference is "
            r"$d_i = -f'$",
        ),
        Step(
            coefficient((-_h + _riemann(0) - _EXACT_G1) * JET[1] - (_h**2 + 2 * _riemann(1)) * JET[2] / 2, _h, 2),
            (sym.m_0 * JET[1] + JET[2]) / (2 * _count),
            r"Local error of solver 3 as released at order $h^2$: $-\delta G_1\,d_i - \frac12\delta G_2\,dd_i$, with "
            r"$dd_i = f''$",
        ),
    ),
    result=r"Solver 1 needs $G_0$ only, which has a closed form. In the others a local error of order $h^2$ stays: the "
    r"released solvers of order 2 and 3 are first order, with a "
    r"constant $1/n$ as large as that of solver 1 for the part from $G_1$, and a like part from $G_2$.",
    source="release code",
    claims=("quadrature", "order-ode"),
)

_ahead = (_h, *PAST)
_BETA_2 = sympy.Rational(1, 6) + _o1 / 4


def _corrected(evaluations: int, degree: int, predicted: sympy.Expr) -> sympy.Expr:
    """Return the error of a corrected step whose evaluations are off by `predicted`, the new one included."""
    values = [smooth(node, degree) - predicted for node in _ahead[:evaluations]]
    inside = kernel(_x, 1) * (smooth(_x, degree) - lagrange(values, _ahead[:evaluations], _x))
    return sympy.Integral(inside, (_x, 0, _h))


_CORRECTED = Derivation(
    name="local-error-corrected",
    title="Predict, evaluate, correct: one order more at no evaluation more",
    statement=r"Adams-$k$ predicts, $D$ is evaluated at the predicted state, the exponential Adams--Moulton formula of "
    r"order $k+1$ corrects with it, and the evaluation is kept for the next steps. The local error is "
    r"$m_0h^{k+2}\left[\beta^*_{k+1}f^{(k+1)} + m_0J\beta_kf^{(k)}\right]$, $J = \partial_yD$, "
    r"$\beta^*_k = \int_0^1\binom{x+k-2}{k}dx = -\frac1{12}, -\frac1{24}, -\frac{19}{720}, \dots$ for $k = 2, 3, 4$.",
    assumptions=(
        _SMOOTH,
        _KERNEL,
        r"Step ratio $\omega_1 = h_{i-1}/h_i$. Every evaluation, old or new, is at a predicted state: off by "
        r"$J$ times the local error $m_0\beta_kh^{k+1}f^{(k)}$ of the predictor (derivation local-error-adams), to "
        r"leading "
        r"order the same one at neighbouring levels.",
    ),
    steps=(
        Step(
            coefficient(_corrected(2, 3, sympy.Integer(0)), _h, 3),
            -sym.m_0 * JET[2] / 12,
            r"Corrector on the new and the present evaluation, if they were exact",
        ),
        Step(
            coefficient(_corrected(2, 3, sym.jac * sym.m_0 * JET[1] * _h**2 / 2), _h, 3),
            -sym.m_0 * JET[2] / 12 + sym.m_0**2 * sym.jac * JET[1] / 2,
            r"At predicted states, $k = 1$: the predictor's error enters with one more power of $h$",
        ),
        Step(
            coefficient(_corrected(3, 4, sympy.Integer(0)), _h, 4),
            -sym.m_0 * JET[3] * (1 + 2 * _o1) / 72,
            r"Corrector on three evaluations, if they were exact: $-\frac1{24}$ on equal steps",
        ),
        Step(
            coefficient(_corrected(3, 4, sym.jac * sym.m_0 * JET[2] * _h**3 * _BETA_2), _h, 4),
            -sym.m_0 * JET[3] * (1 + 2 * _o1) / 72 + sym.m_0**2 * sym.jac * JET[2] * _BETA_2,
            r"At predicted states, $k = 2$",
        ),
        *(
            Step(
                _node_polynomial(-1, order),
                sympy.Rational(*value),
                rf"$\beta^*_{{{order}}}$ on equal steps",
            )
            for order, value in _ADAMS_MOULTON.items()
        ),
    ),
    result=r"The ODE order is $k+1$ with one evaluation a step. With noise nothing changes in the orders 1 (strong) "
    r"and 2 "
    r"(weak): the new evaluation does not see inside the step either.",
    source="Hairer, Norsett & Wanner 1993, section III.1; math.md section 6",
    claims=("order-ode",),
)

_lam, _kappa = sym.lam, sym.kappa(sym.lam)
_s, _t, _u = sym.lam_s, sym.lam_t, sym.u
_psi = sym.Psi(_lam)
_P, _P_t, _P_u, _P_s = (sym.v_x + level**2 for level in (_lam, _t, _u, _s))
_end = _lam - _h

_CLIP = Derivation(
    name="released-clip",
    title="The released clip takes all noise away in the limit",
    statement=r"The release sets a noise variance below $10^{-6}$ (in $\lambda$) to 0. A step of length $h$ has the "
    r"variance $2\lambda\tau^2h + O(h^2)$, so with growing $N$ every step falls silent, and the variance of the output "
    r"tends to $\Phi^2P_0$ instead of $P_N$: with noise the released solvers do not converge.",
    assumptions=(
        r"Gaussian data of variance $v$, $P = v+\lambda^2$, $\kappa = 1+\tau^2$; $\Phi(\lambda)$ propagates the linear "
        r"equation from $\lambda$ to the last level: $\Phi' = -\nu\Phi$, $\nu = \kappa\lambda/P$.",
    ),
    steps=(
        Step(
            coefficient(_end**2 - _lam**2 * sym.phi(_end) ** 2 / sym.phi(_lam) ** 2, _h, 1),
            2 * _lam * (_kappa - 1),
            r"Noise variance of a step: $2\lambda\tau^2h$ to leading order",
            ((sympy.Derivative(sym.phi(_lam), _lam), sym.phi(_lam) * _kappa / _lam),),
        ),
        Step(
            sympy.Derivative(_P * _psi**2, _lam),
            -2 * _lam * (_kappa - 1) * _psi**2,
            r"Integrated from $\lambda_N$ to $\lambda_0$, with $\Phi = 1$ at $\lambda_N$: $P_N - \Phi^2P_0 = \int "
            r"2\lambda\tau^2"
            r"\Phi^2d\lambda$ is the share of the noise",
            ((sympy.Derivative(_psi, _lam), -_kappa * _lam / _P * _psi),),
        ),
        Step(
            sympy.Integral(2 * _u * (sym.p - 1) * (_P_t / _P_u) ** sym.p, (_u, _t, _s)),
            _P_t * (1 - (_P_t / _P_s) ** (sym.p - 1)),
            r"For $\varphi = x^p$, $\Phi^2 = (P_N/P)^p$: all but the part $(P_N/P_0)^{p-1}$ of the variance is lost",
        ),
    ),
    result=r"The variance error of the release has a least value at some $N$ and grows beyond it.",
    source="release code; math.md section 6",
    claims=("quadrature",),
)

DERIVATIONS = (_ADAMS, _PUBLISHED, _RELEASED, _CORRECTED, _CLIP)
