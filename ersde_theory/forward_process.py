r"""Gaussian forward processes :math:`x_t = \alpha_t x_0 + \sigma_t\varepsilon`, and their inverses in the noise level.

In :math:`y = x/\alpha` and :math:`\lambda = \sigma/\alpha` all of them obey one equation (``math.md`` section 2), so a
process matters only for the grid, for the coordinates in which a state is stored, and for schemes that step
in t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ersde_theory import _checks
from ersde_theory._forward_process_functions import ForwardProcessFunctions, Function


@dataclass(frozen=True, eq=False, repr=False)
class ForwardProcess(ForwardProcessFunctions):
    r"""A Gaussian forward process. Make one by a named constructor; float64 in and out, host arrays.

    Attributes
    ----------
    name : str
        What the command line and tables call it.
    t_min, t_max : float
        The range of t on which it is defined; alpha may be 0 at t_max.

    Examples
    --------
    >>> flow = ForwardProcess.rectified_flow()
    >>> float(flow.noise_level(0.5)), float(flow.noise_level(1.0))
    (1.0, inf)
    """

    @staticmethod
    def vp_linear(beta_min: float = 0.1, beta_max: float = 20.0) -> ForwardProcess:
        r"""Return variance preserving, :math:`\beta(t)` linear on [0, 1].

        Parameters
        ----------
        beta_min, beta_max : float
            beta(0) and beta(1), 0 < beta_min <= beta_max.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If the betas are not positive and ordered.

        Examples
        --------
        >>> vp = ForwardProcess.vp_linear()
        >>> bool(np.isclose(vp.alpha(0.3) ** 2 + vp.sigma(0.3) ** 2, 1.0))
        True
        """
        low, slope = _betas(beta_min, beta_max)
        integral, time = _linear_integral(low, slope), _linear_time(low, slope)
        return ForwardProcess(
            "vp_linear",
            0.0,
            1.0,
            lambda t: np.exp(-0.5 * integral(t)),
            lambda t: np.sqrt(-np.expm1(-integral(t))),
            lambda t: np.sqrt(np.expm1(integral(t))),
            lambda lam: time(np.log1p(lam**2)),
            _vp_alpha_at_level,
            lambda t: -0.5 * (low + slope * t),
            lambda t: low + slope * t,
        )

    @staticmethod
    def vp_cosine(offset: float = 0.008) -> ForwardProcess:
        r"""Return variance preserving, :math:`\alpha = \cos\theta_t/\cos\theta_0`; alpha = 0 at t = 1.

        Parameters
        ----------
        offset : float
            s of :math:`\theta_t = \frac{t+s}{1+s}\frac{\pi}{2}`, > 0.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If the offset is not positive.

        Examples
        --------
        >>> float(ForwardProcess.vp_cosine().noise_level(1.0))
        inf
        """
        s = _checks.positive_number(offset, "offset")
        rate = 0.5 * math.pi / (1.0 + s)
        cos0, sin0 = math.cos(rate * s), math.sin(rate * s)

        def alpha(t: np.ndarray) -> np.ndarray:
            return np.where(t == 1.0, 0.0, np.sin(rate * (1.0 - t)) / cos0)

        def sigma(t: np.ndarray) -> np.ndarray:
            return np.sqrt(np.sin(rate * t) * np.sin(rate * (t + 2.0 * s))) / cos0

        def time(lam: np.ndarray) -> np.ndarray:
            root = np.sqrt(lam**2 + sin0**2)
            gap_sin, gap_cos = cos0 * lam**2 / (root + sin0), cos0**2 + root * sin0
            finite = np.arctan2(np.where(np.isinf(lam), 0.0, gap_sin), gap_cos) / rate
            return np.where(np.isinf(lam), 1.0, finite)

        def drift(t: np.ndarray) -> np.ndarray:
            return -rate / np.tan(rate * (1.0 - t))

        return ForwardProcess(
            "vp_cosine",
            0.0,
            1.0,
            alpha,
            sigma,
            lambda t: _ratio(sigma(t), alpha(t)),
            time,
            _vp_alpha_at_level,
            drift,
            lambda t: -2.0 * drift(t),
        )

    @staticmethod
    def sub_vp(beta_min: float = 0.1, beta_max: float = 20.0) -> ForwardProcess:
        r"""Return the sub-VP process, :math:`\sigma = 1 - \alpha^2`, with linear :math:`\beta(t)`.

        Parameters
        ----------
        beta_min, beta_max : float
            beta(0) and beta(1), 0 < beta_min <= beta_max.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If the betas are not positive and ordered.

        Examples
        --------
        >>> p = ForwardProcess.sub_vp()
        >>> bool(np.isclose(p.sigma(0.3), 1 - p.alpha(0.3) ** 2))
        True
        """
        low, slope = _betas(beta_min, beta_max)
        integral, time = _linear_integral(low, slope), _linear_time(low, slope)
        return ForwardProcess(
            "sub_vp",
            0.0,
            1.0,
            lambda t: np.exp(-0.5 * integral(t)),
            lambda t: -np.expm1(-integral(t)),
            lambda t: 2.0 * np.sinh(0.5 * integral(t)),
            lambda lam: time(2.0 * np.arcsinh(0.5 * lam)),
            lambda lam: np.exp(-np.arcsinh(0.5 * lam)),
            lambda t: -0.5 * (low + slope * t),
            lambda t: (low + slope * t) * -np.expm1(-2.0 * integral(t)),
        )

    @staticmethod
    def ve(sigma_min: float = 0.01, sigma_max: float = 50.0) -> ForwardProcess:
        r"""Return variance exploding, :math:`\sigma = \sigma_{min}(\sigma_{max}/\sigma_{min})^t`, alpha = 1.

        Parameters
        ----------
        sigma_min, sigma_max : float
            Noise levels at t = 0 and 1, 0 < sigma_min < sigma_max.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If the levels are not positive and rising.

        Examples
        --------
        >>> round(float(ForwardProcess.ve(0.01, 100.0).sigma(0.5)), 12)
        1.0
        """
        low = _checks.positive_number(sigma_min, "sigma_min")
        high = _checks.positive_number(sigma_max, "sigma_max")
        if high <= low:
            msg = f"sigma_max: expected a number above sigma_min = {low}, got {high}"
            raise ValueError(msg)
        span = math.log(high / low)

        def sigma(t: np.ndarray) -> np.ndarray:
            return low * np.exp(span * t)

        return ForwardProcess(
            "ve",
            0.0,
            1.0,
            np.ones_like,
            sigma,
            sigma,
            lambda lam: np.log(lam / low) / span,
            np.ones_like,
            np.zeros_like,
            lambda t: 2.0 * span * sigma(t) ** 2,
        )

    @staticmethod
    def edm(t_max: float = 1e4) -> ForwardProcess:
        r"""Return the EDM process, :math:`\sigma = t`, alpha = 1.

        Parameters
        ----------
        t_max : float
            Largest t, > 0.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If t_max is not positive.

        Examples
        --------
        >>> float(ForwardProcess.edm().time(3.0))
        3.0
        """
        return ForwardProcess(
            "edm",
            0.0,
            _checks.positive_number(t_max, "t_max"),
            np.ones_like,
            np.copy,
            np.copy,
            np.copy,
            np.ones_like,
            np.zeros_like,
            lambda t: 2.0 * t,
        )

    @staticmethod
    def rectified_flow() -> ForwardProcess:
        r"""Return rectified flow, :math:`\alpha = 1 - t, \sigma = t`; alpha = 0 at t = 1.

        Returns
        -------
        ForwardProcess

        Examples
        --------
        >>> float(ForwardProcess.rectified_flow().time(1.0))
        0.5
        """
        return ForwardProcess(
            "rectified_flow",
            0.0,
            1.0,
            lambda t: 1.0 - t,
            np.copy,
            lambda t: _ratio(t, 1.0 - t),
            lambda lam: np.where(np.isinf(lam), 1.0, 1.0 / (1.0 + _ratio(np.ones_like(lam), lam))),
            lambda lam: 1.0 / (1.0 + lam),
            lambda t: -1.0 / (1.0 - t),
            lambda t: 2.0 * t / (1.0 - t),
        )

    @staticmethod
    def from_name(name: str) -> ForwardProcess:
        """Return a process with its default parameters by its name.

        Parameters
        ----------
        name : str
            vp_linear, vp_cosine, sub_vp, ve, edm or rectified_flow.

        Returns
        -------
        ForwardProcess

        Raises
        ------
        ValueError
            If the name is unknown; the nearest is suggested.

        Examples
        --------
        >>> ForwardProcess.from_name("edm")
        ForwardProcess('edm', t in [0, 10000])
        """
        named = {f.__name__: f for f in _NAMED}
        return named[_checks.one_of(name, "forward process", named)]()


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient; inf where the denominator is 0."""
    zero = denominator == 0.0
    return np.asarray(np.where(zero, np.inf, numerator / np.where(zero, 1.0, denominator)))


def _betas(beta_min: float, beta_max: float) -> tuple[float, float]:
    """Return beta_min and the slope, checked."""
    low = _checks.positive_number(beta_min, "beta_min")
    high = _checks.positive_number(beta_max, "beta_max")
    if high < low:
        msg = f"beta_max: expected a number >= beta_min = {low}, got {high}"
        raise ValueError(msg)
    return low, high - low


def _linear_integral(low: float, slope: float) -> Function:
    """Return B(t), the integral of low + slope t."""
    return lambda t: t * (low + 0.5 * slope * t)


def _linear_time(low: float, slope: float) -> Function:
    """Return the inverse of B(t)."""
    return lambda integral: 2.0 * integral / (low + np.sqrt(low**2 + 2.0 * slope * integral))


def _vp_alpha_at_level(lam: np.ndarray) -> np.ndarray:
    """Return alpha of any variance-preserving process."""
    return 1.0 / np.hypot(1.0, lam)


_NAMED = (
    ForwardProcess.vp_linear,
    ForwardProcess.vp_cosine,
    ForwardProcess.sub_vp,
    ForwardProcess.ve,
    ForwardProcess.edm,
    ForwardProcess.rectified_flow,
)
