r"""The family of noise scale functions :math:`\varphi`, through :math:`S(\lambda) = \ln(\varphi/\lambda)`.

Everything a solver needs of :math:`\varphi` over a step :math:`\lambda_s \to \lambda_t` is the difference
:math:`S(\lambda_s) - S(\lambda_t)`. It is computed from the lower level and the logarithmic step by a
formula of its own for each :math:`\varphi`, never by subtracting two values of :math:`S`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory import _noise_scale_formulas as formulas
from ersde_theory._noise_scale_functions import NoiseScaleFunctions
from ersde_theory._noise_scale_functions import NotAdmissible as NotAdmissible


@dataclass(frozen=True, eq=False, repr=False)
class NoiseScale(NoiseScaleFunctions):
    r"""A noise scale function :math:`\varphi`, which fixes how much noise the sampler injects.

    :math:`\varphi` is the :math:`x` of ``math.md`` section 4: :math:`\varphi'/\varphi = (1+\tau^2)/\lambda`,
    where :math:`\tau^2 = h^2/g^2` is the injected noise relative to the reverse SDE. Make one by a named
    constructor; all functions take and return float64.

    Attributes
    ----------
    name : str
        What the command line and tables call it.
    formula : str
        The formula of :math:`\varphi(x)`.
    power_exponent : float or None
        The p of :math:`\varphi = x^p`, for which data weights have a closed form.

    Examples
    --------
    >>> phi = NoiseScale.exp_power()
    >>> round(float(phi.tau_squared(80.0)), 2)
    0.9
    >>> float(NoiseScale.reverse_sde().noise_variance(2.0, 1.0))
    0.75
    """

    @staticmethod
    def power(exponent: float) -> NoiseScale:
        r"""Return :math:`\varphi = x^p`, constant :math:`\tau^2 = p - 1`.

        Parameters
        ----------
        exponent : float
            p >= 1.

        Returns
        -------
        NoiseScale

        Raises
        ------
        NotAdmissible
            If p < 1: phi/x falls.

        Examples
        --------
        >>> float(NoiseScale.power(1.5).tau_squared(3.0))
        0.5
        """
        p = _checks.real_number(exponent, "exponent")
        if p < 1.0:
            msg = f"exponent: expected p >= 1, so that x**p / x does not fall, got {p}"
            raise NotAdmissible(msg)
        return _power(p, f"power({_shortest(p)})", f"x^{_shortest(p)}")

    @staticmethod
    def ode() -> NoiseScale:
        r"""Return :math:`\varphi = x`: no noise, the probability-flow ODE.

        Examples
        --------
        >>> float(NoiseScale.ode().noise_variance(2.0, 1.0))
        0.0
        """
        return _power(1.0, "ode", "x")

    @staticmethod
    def reverse_sde() -> NoiseScale:
        r"""Return :math:`\varphi = x^2`: the reverse-time SDE, :math:`\tau^2 = 1`.

        Examples
        --------
        >>> float(NoiseScale.reverse_sde().fei(2.0, 1.0))
        0.75
        """
        return _power(2.0, "reverse_sde", "x^2")

    @staticmethod
    def exp_reciprocal() -> NoiseScale:
        r"""Return :math:`\varphi = x(e^{-1/x} + 10)`, type 3 of the release.

        Examples
        --------
        >>> round(float(NoiseScale.exp_reciprocal().tau_squared(1.0)), 4)
        0.0355
        """
        return NoiseScale(
            "exp_reciprocal",
            "x (e^(-1/x) + 10)",
            formulas.exp_reciprocal_log_excess,
            formulas.exp_reciprocal_difference,
            formulas.exp_reciprocal_tau_squared,
        )

    @staticmethod
    def log_power() -> NoiseScale:
        r"""Return :math:`\varphi = x^{0.9} \log_{10}(1 + 100 x^{1.5})`, type 6; admissible up to about 1022.

        Examples
        --------
        >>> bool(NoiseScale.log_power().tau_squared(1030.0) < 0)
        True
        """
        return NoiseScale(
            "log_power",
            "x^0.9 log10(1 + 100 x^1.5)",
            formulas.log_power_log_excess,
            formulas.log_power_difference,
            formulas.log_power_tau_squared,
        )

    @staticmethod
    def exp_power() -> NoiseScale:
        r"""Return :math:`\varphi = x(e^{x^{0.3}} + 10)`, type 7: the default of the release.

        Examples
        --------
        >>> round(float(NoiseScale.exp_power().tau_squared(1.0)), 3)
        0.064
        """
        return NoiseScale(
            "exp_power",
            "x (e^(x^0.3) + 10)",
            formulas.exp_power_log_excess,
            formulas.exp_power_difference,
            formulas.exp_power_tau_squared,
        )

    @staticmethod
    def from_tau_squared(tau_squared: Callable[[np.ndarray], np.ndarray], name: str = "from_tau_squared") -> NoiseScale:
        r"""Return the :math:`\varphi` of a given injected noise :math:`\tau^2(\lambda) \ge 0`.

        :math:`S(s) - S(t) = \int_t^s \tau^2(u)/u\,du`, by Gauss-Legendre panels of at most 0.5 in the logarithm
        that are halved until two rules agree: for functions smooth on that scale. Levels beyond 1e-30 and
        1e30 count as these.

        Parameters
        ----------
        tau_squared : callable
            Vectorised, float64 levels to float64 values.
        name : str
            Name in tables.

        Returns
        -------
        NoiseScale

        Raises
        ------
        TypeError
            If `tau_squared` is not callable.

        Examples
        --------
        >>> phi = NoiseScale.from_tau_squared(lambda lam: 1.0 + 0.0 * lam)
        >>> bool(abs(phi.fei(2.0, 1.0) - 0.75) < 1e-14)
        True
        """
        if not callable(tau_squared):
            msg = f"tau_squared: expected a callable, got {_checks.describe(tau_squared)}"
            raise TypeError(msg)
        rate = partial(formulas.checked_rate, tau_squared)
        difference = partial(formulas.integrated_difference, rate)
        return NoiseScale(
            name,
            "lam exp(integral of tau^2/lam)",
            partial(formulas.integrated_log_excess, difference),
            difference,
            rate,
        )

    @staticmethod
    def from_sympy(expression: Any, name: str | None = None) -> NoiseScale:
        r"""Return the :math:`\varphi` of a SymPy expression in one symbol, e.g. ``x*(exp(x**0.3) + 10)``.

        :math:`\tau^2 = x\varphi'/\varphi - 1` is derived symbolically, so nothing cancels numerically.

        Parameters
        ----------
        expression : sympy.Expr
            phi, with exactly one free symbol.
        name : str, optional
            Name in tables; the expression itself if left out.

        Returns
        -------
        NoiseScale

        Raises
        ------
        TypeError
            If `expression` is not a SymPy expression.
        ValueError
            If it has not exactly one free symbol, is not real and positive, or cannot be evaluated.

        Examples
        --------
        >>> import sympy
        >>> x = sympy.Symbol("x", positive=True)
        >>> phi = NoiseScale.from_sympy(x**2)
        >>> bool(abs(phi.fei(2.0, 1.0) - 0.75) < 1e-14)
        True
        """
        import sympy

        if not isinstance(expression, sympy.Expr):
            msg = f"expression: expected a SymPy expression, got {_checks.describe(expression)}"
            raise TypeError(msg)
        if len(expression.free_symbols) != 1:
            names = sorted(str(s) for s in expression.free_symbols)
            msg = f"expression: expected exactly one free symbol, got {names}"
            raise ValueError(msg)
        given = next(iter(expression.free_symbols))
        x = sympy.Symbol("x", positive=True)
        phi = sympy.nsimplify(expression.subs(given, x), rational=True)
        rate = sympy.simplify(x * sympy.diff(sympy.log(phi / x), x))
        function = sympy.lambdify(x, rate, modules=["scipy", "numpy"])
        _check_sample(expression, phi, function, x)
        scale = NoiseScale.from_tau_squared(
            lambda lam: np.broadcast_to(np.asarray(function(lam), float), np.shape(lam)),
            name or str(expression),
        )
        return NoiseScale(scale.name, str(expression), scale._log_excess, scale._difference, scale._tau_squared)

    def scaled(self, eta: float) -> NoiseScale:
        r"""Return :math:`\psi = x^{1-\eta}\varphi^\eta`, with eta times the noise: eta scales :math:`h^2`, not h.

        Parameters
        ----------
        eta : float
            >= 0; 0 is the ODE, 1 is phi itself.

        Returns
        -------
        NoiseScale

        Raises
        ------
        TypeError, ValueError
            If eta is not a number >= 0.

        Examples
        --------
        >>> phi = NoiseScale.exp_power()
        >>> bool(phi.scaled(0.5).tau_squared(80.0) == 0.5 * phi.tau_squared(80.0))
        True
        >>> NoiseScale.reverse_sde().scaled(0.5)
        NoiseScale('power(1.5)': x^1.5)
        """
        share = _checks.nonnegative_number(eta, "eta")
        if share == 1.0:
            return self
        if share == 0.0:
            return NoiseScale.ode()
        if self.power_exponent is not None:
            return self if self.power_exponent == 1.0 else NoiseScale.power(1.0 + share * (self.power_exponent - 1.0))
        return NoiseScale(
            f"scaled({self.name}, {_shortest(share)})",
            f"x^(1-eta) ({self.formula})^eta, eta = {_shortest(share)}",
            partial(formulas.scaled, share, self._log_excess),
            partial(formulas.scaled, share, self._difference),
            partial(formulas.scaled, share, self._tau_squared),
        )

    @staticmethod
    def from_release_type(number: int) -> NoiseScale:
        """Return the function that the public release of ER-SDE-Solver calls by this number, 1 to 7.

        Parameters
        ----------
        number : int
            ``noise_scale`` type of the release.

        Returns
        -------
        NoiseScale

        Raises
        ------
        TypeError, ValueError
            If it is not an integer from 1 to 7.

        Examples
        --------
        >>> NoiseScale.from_release_type(7).name
        'exp_power'
        """
        members: dict[int, Callable[[], NoiseScale]] = {
            1: NoiseScale.ode,
            2: NoiseScale.reverse_sde,
            3: NoiseScale.exp_reciprocal,
            4: partial(NoiseScale.power, 1.5),
            5: partial(NoiseScale.power, 2.5),
            6: NoiseScale.log_power,
            7: NoiseScale.exp_power,
        }
        return members[_checks.integer(number, "release type", minimum=1, maximum=7)]()

    @staticmethod
    def from_name(name: str) -> NoiseScale:
        """Return a member by its name, as the command line takes it; ``power(1.5)`` included.

        Parameters
        ----------
        name : str
            One of ode, reverse_sde, exp_reciprocal, log_power, exp_power or power(p).

        Returns
        -------
        NoiseScale

        Raises
        ------
        ValueError
            If the name is unknown; the nearest is suggested.

        Examples
        --------
        >>> NoiseScale.from_name("power(1.5)").power_exponent
        1.5
        """
        named = {f.__name__: f for f in _NAMED}
        if isinstance(name, str) and name.startswith("power(") and name.endswith(")"):
            try:
                exponent = float(name[6:-1])
            except ValueError:
                msg = f"noise scale: expected power(p) with a number p, got {name!r}"
                raise ValueError(msg) from None
            return NoiseScale.power(exponent)
        return named[_checks.one_of(name, "noise scale", [*named, "power(p)"])]()


def _check_sample(expression: Any, phi: Any, rate: Callable[[np.ndarray], np.ndarray], x: Any) -> None:
    """Raise unless phi is real and positive, and its rate can be evaluated, at three levels."""
    for level in (0.1, 1.0, 10.0):
        value = complex(phi.subs(x, level))
        if value.imag != 0.0 or not value.real > 0.0:
            msg = f"expression: expected a function that is real and positive, got {expression} = {value} at {level}"
            raise ValueError(msg)
    try:
        rate(np.array([0.1, 1.0, 10.0]))
    except NameError as error:
        msg = f"expression: expected functions that SciPy or NumPy have, got {expression} ({error})"
        raise ValueError(msg) from None


def _shortest(p: float) -> str:
    """Return a number as text that names no other number."""
    return repr(p).removesuffix(".0")


def _power(p: float, name: str, formula: str) -> NoiseScale:
    return NoiseScale(
        name,
        formula,
        partial(formulas.power_log_excess, p),
        partial(formulas.power_difference, p),
        partial(formulas.power_tau_squared, p),
        power_exponent=p,
    )


_NAMED = (
    NoiseScale.ode,
    NoiseScale.reverse_sde,
    NoiseScale.exp_reciprocal,
    NoiseScale.log_power,
    NoiseScale.exp_power,
)
