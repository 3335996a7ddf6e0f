"""Noise scale functions at any precision, and integrals over steps: an oracle that shares no code with the numerics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DIGITS = 40
_PANEL = 0.25  # longest panel in ln u


def members() -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """Return phi and tau^2 of members with noise, as formulas in mpmath."""
    from mpmath import exp, log, mpf

    return {
        "reverse_sde": (lambda x: x**2, lambda _: mpf(1)),
        "power(1.5)": (lambda x: x ** mpf("1.5"), lambda _: mpf("0.5")),
        "exp_reciprocal": (lambda x: x * (exp(-1 / x) + 10), lambda x: exp(-1 / x) / x / (exp(-1 / x) + 10)),
        "log_power": (
            lambda x: x ** mpf("0.9") * log(1 + 100 * x ** mpf("1.5"), 10),
            lambda x: 150 * x ** mpf("1.5") / (1 + 100 * x ** mpf("1.5")) / log(1 + 100 * x ** mpf("1.5")) - mpf("0.1"),
        ),
        "exp_power": (
            lambda x: x * (exp(x ** mpf("0.3")) + 10),
            lambda x: mpf("0.3") * x ** mpf("0.3") / (1 + 10 * exp(-(x ** mpf("0.3")))),
        ),
    }


def integral(name: str, start: float, end: float, density: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Return the integral of density(u, phi_t / phi(u), tau^2(u), start) du over one step, at 40 digits.

    Integrated over ln u in short panels, for the integrand can span many powers of e.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        phi, tau_squared = members()[name]
        first, last = mpmath.mpf(start), mpmath.mpf(end)

        def per_log(ell: Any) -> Any:
            u = mpmath.exp(ell)
            return u * density(u, phi(last) / phi(u), tau_squared(u), first)

        low, high = mpmath.log(last), mpmath.log(first)
        size = abs(per_log((low + high) / 2))  # quad aims at an absolute error, and this can be 1e-45
        return size * mpmath.quad(
            lambda ell: per_log(ell) / size, mpmath.linspace(low, high, 2 + int((high - low) / _PANEL))
        )
