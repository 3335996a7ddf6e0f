"""Gaussian data: the leading error of the variance and of the mean as closed formulas."""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._gaussian_densities import (
    GAIN,
    KAPPA,
    LAM,
    NU,
    P,
    V,
    mean_density,
    noise_density,
    variance_density,
)
from ersde_theory.derivations._proof import Derivation, Step

_u = sym.u
_D = sympy.Derivative
_Psi = sym.Psi(_u)
_PROPAGATOR = (_D(_Psi, _u), -sym.nu(_u) * _Psi)
_MEAN = (_D(sym.mean_path(LAM), LAM), NU * sym.mean_path(LAM))
_dkappa = _D(KAPPA, LAM)
_nu = sym.nu(_u)
_F = sympy.Rational

_ASSUMPTIONS = (
    r"Data of mean 0 and variance $v$, $P = v+\lambda^2$, $\kappa = 1+\tau^2$ smooth, $\lambda \ge \lambda_N > 0$; the "
    "start has the right law.",
    r"Smooth grid: steps $h = \eta(\lambda)/N$. $\Phi(\lambda)$ propagates the linear equation from $\lambda$ to "
    r"$\lambda_N$: $\Phi' = -\nu\Phi$, $\nu = \kappa\lambda/P$.",
)

_IDENTITY = Derivation(
    name="gaussian-error-identity",
    title="The variance error is quadrature of a smooth function plus the strong error squared",
    statement=r"$\operatorname{Var}Y_N - \operatorname{Var}X_N = -2\sum_i\Phi_{i+1}^2\int K_i(C-\mathcal I_iC)\,du + "
    r"\mathbb E e_N^2$ to leading order, with $C(u) = \operatorname{Cov}(X_{i+1}, D(X_u,u)) = v\,\Phi_{i+1}(u)$, "
    r"smooth "
    r"in $u$ with or without noise, and $e = X - Y$.",
    assumptions=_ASSUMPTIONS,
    steps=(
        Step(
            2 * KAPPA / LAM * (1 - GAIN) * P - 2 * LAM * (KAPPA - 1),
            _D(P, LAM),
            r"The marginal variance $P$ solves the equation of the variance for every $\tau^2$",
        ),
        Step(KAPPA / LAM * (1 - GAIN), NU, r"Rate of the linear equation: $\nu = \kappa\lambda/P$"),
        Step(
            _D(P * _Psi.subs(_u, LAM), LAM),
            (2 * LAM - sym.nu(LAM) * P) * _Psi.subs(_u, LAM),
            r"Covariance of $X_{i+1}$ and $X_u$, $u \ge \lambda_{i+1}$: $\Phi P$ (the future of the path is linear in "
            "its present); it changes smoothly",
            ((_D(sym.Psi(LAM), LAM), -sym.nu(LAM) * sym.Psi(LAM)),),
        ),
        Step(
            _D(V * sym.y / P, sym.y) * P * _Psi,
            V * _Psi,
            r"$C = cP\,\Phi = v\,\Phi$ with the gain $c = \partial_yD$, $D = vy/P$: it cancels the variance",
        ),
        Step(
            _D(V * _Psi, _u),
            -V * _nu * _Psi,
            r"$C' = -v\nu\Phi$",
            (_PROPAGATOR,),
        ),
        Step(
            _D(V * _Psi, (_u, 2)),
            V * (_nu**2 - _D(_nu, _u)) * _Psi,
            r"$C'' = v(\nu^2-\nu')\Phi$",
            (_PROPAGATOR,),
        ),
        Step(
            _D(V * _Psi, (_u, 3)),
            -V * (_nu**3 - 3 * _nu * _D(_nu, _u) + _D(_nu, (_u, 2))) * _Psi,
            r"$C''' = -v(\nu^3-3\nu\nu'+\nu'')\Phi$",
            (_PROPAGATOR,),
        ),
        Step(
            (sym.x - sym.delta) ** 2 - sym.x**2,
            -2 * sym.x * sym.delta + sym.delta**2,
            r"$\operatorname{Var}(X-e)-\operatorname{Var}X = -2\operatorname{Cov}(X,e)+\operatorname{Var}e$; "
            r"$\operatorname{Cov}(X_N,R_i) = \Phi_{i+1}\operatorname{Cov}(X_{i+1},R_i)$ and $R_i$ is the local error",
        ),
    ),
    result=r"With noise a sample of $D$ along the path is rough, but its covariance with the future is smooth: so the "
    r"first part has the full order $k$, and only $\mathbb Ee_N^2 = O(N^{-2})$ remembers the noise.",
    claims=("order-weak",),
)

_DENSITIES = Derivation(
    name="gaussian-variance-densities",
    title="Leading error of the variance, every scheme",
    statement=r"$\operatorname{Var}Y_N-\operatorname{Var}X_N = N^{-1}\int\Phi^2\rho_1\eta\,d\lambda$ for solver 1, "
    r"and for "
    r"$k \ge 2$ it is $N^{-2}\int\Phi^2(\rho_k+\rho_{noise})\eta^2d\lambda - "
    r"N^{-2}\,[\Phi^2\kappa^2v\eta^2/P]_{\lambda_0}$ "
    r"with $\rho_k = 0$ for Adams-3 and higher, the last term from a first step of order 1.",
    assumptions=_ASSUMPTIONS,
    steps=(
        Step(
            2 * KAPPA / LAM * _D(V * sym.Psi(LAM), LAM) / (2 * sym.Psi(LAM)),
            variance_density("published-1"),
            r"Solver 1: $\rho_1 = 2m_0\cdot\frac12C'$, over $\Phi$, with $C' = -v\nu\Phi$",
            ((_D(sym.Psi(LAM), LAM), -NU * sym.Psi(LAM)),),
        ),
        Step(
            variance_density("published-2"),
            -_F(5, 6) * KAPPA * V / (LAM * P**2) * (KAPPA * (KAPPA + 1) * LAM**2 - KAPPA * V - LAM * P * _dkappa),
            r"Solver 2 = Adams-2: $\rho_2 = -2m_0\cdot\frac5{12}C''$",
        ),
        Step(
            variance_density("published-3"),
            -_F(1, 2) * KAPPA * V / (LAM * P**2) * (KAPPA * (KAPPA + 1) * LAM**2 - KAPPA * V - LAM * P * _dkappa),
            r"Solver 3: $-2m_0\cdot\frac14C''$, three fifths of it",
        ),
        Step(
            (KAPPA / LAM) ** 2
            * _D(V * sym.y / P, sym.y) ** 2
            * (2 * LAM * (KAPPA - 1))
            * sympy.Integral((_F(1, 2) - _u) ** 2, (_u, 0, 1)),
            noise_density(),
            r"Noise, every $k \ge 2$: $m_0^2(L^1D)^2/12$, with $L^1D = c\sqrt{2\lambda\tau^2}$",
        ),
        Step(
            variance_density("adams-3").subs(KAPPA, 1).doit(),
            _F(9, 4) * V * (3 * V - 2 * LAM**2) / P**3,
            r"Adams-3 without noise, order 3: $-2m_0\cdot\frac38C'''$ (in $x$) at $\kappa = 1$; it changes sign at "
            r"$\lambda^2 = \frac32v$",
        ),
        Step(
            variance_density("published-2").subs(KAPPA, 1).doit(),
            -_F(5, 6) * V * (2 * LAM**2 - V) / (LAM * P**2),
            r"Solver 2 for $\varphi = x$",
        ),
        Step(
            (variance_density("published-2") + noise_density()).subs(KAPPA, 2).doit(),
            2 * V * (-15 * LAM**2 + 6 * V) / (3 * LAM * P**2),
            r"Solver 2 for $\varphi = x^2$, quadrature and noise",
        ),
        Step(
            (variance_density("published-2") + noise_density()).subs(KAPPA, sym.p).doit(),
            sym.p**2 * V * (V * (sym.p + 4) - 5 * (sym.p + 1) * LAM**2) / (6 * LAM * P**2),
            r"Solver 2 for $\varphi = x^p$, quadrature and noise",
        ),
    ),
    result="Every constant of the convergence tables on Gaussian data follows by one integral over the path.",
    claims=("order-weak", "order-ode", "quadrature"),
)


def _mean_defect(order: int) -> sympy.Expr:
    """Return the derivative in x of the data prediction at the mean path, not carried out."""
    return (-1) ** order * _D(GAIN * sym.mean_path(LAM), (LAM, order))


_MEANS = Derivation(
    name="gaussian-mean-densities",
    title="Leading error of the mean, every scheme",
    statement=r"$\mathbb EY_N-\mathbb EX_N = -N^{-k}\int\Phi\,\beta_k m_0\,(cM)^{(k)}\eta^k\,d\lambda$ (derivatives in "
    r"$x$), where $M$ is the mean path, $M' = \nu M$. The mean keeps the full ODE order $k$, with or without noise.",
    assumptions=_ASSUMPTIONS,
    steps=(
        Step(
            -KAPPA / LAM * _mean_defect(1) / 2,
            KAPPA * (KAPPA - 2) * V / (2 * P**2) * sym.mean_path(LAM),
            r"Solver 1: 0 for $\varphi = x^2$ ($\kappa = 2$), where $D$ is a martingale",
            (_MEAN,),
        ),
        Step(
            -KAPPA / LAM * _mean_defect(2) * 5 / 12,
            mean_density("published-2") * sym.mean_path(LAM),
            r"Solver 2, by the recursion $g \mapsto -(g'+\nu g)$ from $g = c$",
            (_MEAN,),
        ),
        Step(
            mean_density("published-2"),
            -_F(5, 12) * KAPPA * V / (LAM * P**3) * (LAM * P * _dkappa + (KAPPA - 2) * ((KAPPA - 3) * LAM**2 + V)),
            r"Solver 2 in closed form; 0 for $\varphi = x^2$ again",
        ),
        Step(
            -KAPPA / LAM * _mean_defect(3) * 3 / 8,
            mean_density("adams-3") * sym.mean_path(LAM),
            r"Adams-3, the same recursion",
            (_MEAN,),
        ),
    ),
    result="Data given by their mean alone would never show that the order with noise is at most 2.",
    claims=("order-weak",),
)

DERIVATIONS = (_IDENTITY, _DENSITIES, _MEANS)
