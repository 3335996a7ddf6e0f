"""Densities of the leading error on Gaussian data, as functions of the level: what the pages prove and figures use.

Data of variance v, kappa = 1 + tau^2, P = v + lambda^2, nu = kappa lambda / P. With the step lengths eta/N of a smooth
grid and the propagator Phi from a level to the last one, an error is N^-p times the integral of a density, Phi or
Phi^2, and eta^p.
"""

from __future__ import annotations

import sympy

from ersde_theory.derivations import _symbols as sym

LAM, V = sym.lam, sym.v_x
KAPPA = sym.kappa(LAM)
P = V + LAM**2
NU = KAPPA * LAM / P
GAIN = V / P

#: Order p and constant beta of the quadrature defect m_0 beta h^(p+1) f^(p), f in x = lambda_s - u.
CONSTANTS = {
    "published-1": (1, sympy.Rational(1, 2)),
    "published-2": (2, sympy.Rational(5, 12)),
    "published-3": (2, sympy.Rational(1, 4)),
    "adams-2": (2, sympy.Rational(5, 12)),
    "adams-3": (3, sympy.Rational(3, 8)),
    "adams-4": (4, sympy.Rational(251, 720)),
}


def covariance_derivative(order: int) -> sympy.Expr:
    """Return the derivative in x of Cov(X_t, D(X_u, u)) = v Phi(t, u), over Phi."""
    g = V
    for _ in range(order):
        g = -(sympy.diff(g, LAM) - NU * g)
    return g


def mean_derivative(order: int) -> sympy.Expr:
    """Return the derivative in x of the data prediction at the mean path, c M with M' = nu M, over M."""
    g = GAIN
    for _ in range(order):
        g = -(sympy.diff(g, LAM) + NU * g)
    return g


def variance_density(scheme: str) -> sympy.Expr:
    """Return the density of Var(Y) - Var(X) that comes from quadrature, to be integrated against Phi^2 eta^p."""
    order, beta = CONSTANTS[scheme]
    return -2 * beta * KAPPA / LAM * covariance_derivative(order)


def mean_density(scheme: str) -> sympy.Expr:
    """Return the density of E Y - E X, to be integrated against Phi M eta^p."""
    order, beta = CONSTANTS[scheme]
    return -beta * KAPPA / LAM * mean_derivative(order)


def noise_density() -> sympy.Expr:
    """Return the density of E(Y - X)^2 of every scheme with k >= 2, to be integrated against Phi^2 eta^2."""
    return V**2 * KAPPA**2 * (KAPPA - 1) / (6 * LAM * P**2)


def released_variance_density(nodes: int) -> sympy.Expr:
    """Return the density of the first-order error of solver 3 as released, its Riemann sum having `nodes` nodes."""
    local = covariance_derivative(2) + KAPPA / LAM * covariance_derivative(1)
    return -2 * local / (2 * sympy.Integer(nodes))
