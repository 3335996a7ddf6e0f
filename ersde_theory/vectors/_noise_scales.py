r"""Noise scale functions and their integrals over a step, in ball arithmetic.

Everything follows from the formula of :math:`\varphi` and its derivative; the integrals are Arb's, whose
error bounds are rigorous for integrands that are analytic around the path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import acb, arb, ctx

Complex = Any  # acb, which has no types
Formula = Callable[[Complex, bool], tuple[Complex, Complex]]


@dataclass(frozen=True)
class BallNoiseScale:
    r"""A noise scale function by its formula.

    Attributes
    ----------
    name : str
        As :meth:`ersde_theory.NoiseScale.from_name` takes it.
    formula : callable
        ``formula(z, analytic)`` to phi(z) and phi'(z).
    excess_at_infinity : callable or None
        The limit of phi(x)/x at infinity; None where it is infinite.
    limit : float
        Highest level at which it is admissible.
    is_ode : bool
        Whether phi = x, which injects exactly no noise.

    Examples
    --------
    >>> float(noise_scale("reverse_sde").value(arb(3)))
    9.0
    """

    name: str
    formula: Formula
    excess_at_infinity: Callable[[], Any] | None = None
    limit: float = float("inf")
    is_ode: bool = False

    def value(self, level: Any) -> Any:
        """Return phi at a level.

        Parameters
        ----------
        level : arb
            Above 0.

        Returns
        -------
        arb
        """
        return self.formula(acb(level), False)[0].real

    def integral(self, start: Any, end: Any, factor: Callable[[Complex, bool], Complex]) -> Any:
        r"""Return :math:`\varphi_t\int_{\lambda_t}^{\lambda_s} \varphi'/\varphi^2\, f(u)\,du`.

        Parameters
        ----------
        start, end : arb
            Levels of the step, start > end > 0.
        factor : callable
            ``factor(z, analytic)``, f.

        Returns
        -------
        arb

        Examples
        --------
        >>> g0 = noise_scale("reverse_sde").integral(arb(2), arb(1), lambda z, analytic: acb(1))
        >>> bool(abs(g0 - arb(3) / 4) < 1e-12)
        True
        """

        def integrand(z: Complex, analytic: bool) -> Complex:
            phi, slope = self.formula(z, analytic)
            return slope / (phi * phi) * factor(z, analytic)

        tolerance = arb(2) ** (10 - ctx.prec)
        found = acb.integral(integrand, acb(end), acb(start), rel_tol=tolerance)
        return self.value(end) * found.real


def noise_scale(name: str) -> BallNoiseScale:
    """Return a noise scale function by its name.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.

    Returns
    -------
    BallNoiseScale

    Examples
    --------
    >>> [noise_scale(name).name for name in NAMES[:2]]
    ['ode', 'reverse_sde']
    """
    return _MEMBERS[name]


def power_name(exponent: tuple[int, int]) -> str:
    """Return the name of phi = x^p.

    Parameters
    ----------
    exponent : tuple of int
        p as a fraction.

    Returns
    -------
    str

    Examples
    --------
    >>> power_name((3, 2)), power_name((1, 1))
    ('power(1.5)', 'ode')
    """
    special = {(1, 1): "ode", (2, 1): "reverse_sde"}
    return special.get(exponent, f"power({exponent[0] / exponent[1]:g})")


def _power(exponent: tuple[int, int]) -> BallNoiseScale:
    top, bottom = exponent

    def formula(z: Complex, analytic: bool) -> tuple[Complex, Complex]:
        phi = z**top if bottom == 1 else (z.log(analytic=analytic) * top / bottom).exp()
        return phi, phi / z * top / bottom

    ode = exponent == (1, 1)
    return BallNoiseScale(power_name(exponent), formula, (lambda: arb(1)) if ode else None, is_ode=ode)


def _exp_reciprocal(z: Complex, analytic: bool) -> tuple[Complex, Complex]:  # noqa: ARG001
    weight = (-1 / z).exp()
    return z * (weight + 10), weight + 10 + weight / z


def _exp_power(z: Complex, analytic: bool) -> tuple[Complex, Complex]:
    x = (z.log(analytic=analytic) * 3 / 10).exp()
    weight = x.exp()
    return z * (weight + 10), weight + 10 + weight * x * 3 / 10


def _log_power(z: Complex, analytic: bool) -> tuple[Complex, Complex]:
    log = z.log(analytic=analytic)
    inner = 100 * (log * 3 / 2).exp()
    front, logarithm = (log * 9 / 10).exp(), (1 + inner).log(analytic=analytic) / arb(10).log()
    slope = front / z * 9 / 10 * logarithm + front * inner * 3 / 2 / z / (1 + inner) / arb(10).log()
    return front * logarithm, slope


_MEMBERS = {
    member.name: member
    for member in (
        *(_power(exponent) for exponent in ((1, 1), (2, 1), (3, 2), (5, 2))),
        BallNoiseScale("exp_reciprocal", _exp_reciprocal, lambda: arb(11)),
        BallNoiseScale("log_power", _log_power, limit=1021.0),
        BallNoiseScale("exp_power", _exp_power),
    )
}
NAMES = tuple(_MEMBERS)
