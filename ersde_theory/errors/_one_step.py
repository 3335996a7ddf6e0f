r"""Exact error of one first-order step that starts from the right law, for Gaussian data.

On data :math:`N(m, v)`, with :math:`V_u = v + u^2` and :math:`\kappa_u = v/V_u`, the exact solution is linear:
:math:`X_t = A_{st} X_s + \int A_{ut}\,dB_u` in deviations from m. Differences of nearly equal numbers are
written as integrals of

.. math:: r = \tfrac12\ln\frac{V_s}{V_u}, \quad T = \int_u^s \tau^2 \frac{w\,dw}{V_w}, \quad
          E = \int_u^s (1+\tau^2)\frac{v\,dw}{w\,V_w}, \qquad A_{su} = e^{-r-T}, \quad
          \frac{\varphi_u}{\varphi_s} = A_{su} e^{-E} .
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ersde_theory import _checks
from ersde_theory.noise_scale import NoiseScale

_NODES = 48
_LOOKED_AT = 64


class OneStep(NamedTuple):
    """Root mean squares of one step.

    Attributes
    ----------
    error : float64 array of shape (steps,)
        Of the state at the step's end, in data units.
    mean_error : float64 array of shape (steps,)
        Of its mean given the start.
    surprise : float64 array of shape (steps,)
        The largest, over levels u of the step, of D(X_u, u) - D(X_s, s).
    fei : float64 array of shape (steps,)
        The factor with which the surprise bounds the error.

    Examples
    --------
    >>> OneStep(np.ones(1), np.zeros(1), np.array([4.0]), np.array([0.5])).bound.tolist()
    [2.0]
    """

    error: np.ndarray
    mean_error: np.ndarray
    surprise: np.ndarray
    fei: np.ndarray

    @property
    def bound(self) -> np.ndarray:
        """The bound on the error, by Minkowski's inequality."""
        return self.fei * self.surprise


def one_step_error(noise_scale: NoiseScale, lam_start: Any, lam_end: Any, variance: float) -> OneStep:
    r"""Return error and FEI bound of first-order steps on Gaussian data, exactly.

    Each step starts from the right law, and shares its Brownian path with the exact solution.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : array of shape (steps,)
        Levels, lam_start > lam_end > 0, finite.
    variance : float
        Of the data, > 0.

    Returns
    -------
    OneStep

    Raises
    ------
    ValueError
        If levels or variance are out of range.
    NotAdmissible
        If phi is not admissible on a step.

    Examples
    --------
    >>> step = one_step_error(NoiseScale.reverse_sde(), [2.0], [1.0], 0.25)
    >>> bool(step.error[0] <= step.bound[0]), round(float(step.mean_error[0]), 12)
    (True, 0.0)

    References
    ----------
    ``math.md`` section 7.
    """
    s = np.atleast_1d(_checks.nonnegative_array(lam_start, "lam_start"))
    t = np.atleast_1d(_checks.nonnegative_array(lam_end, "lam_end"))
    if s.shape != t.shape or not ((s > t) & (t > 0.0)).all():
        message = f"lam_end: expected levels > 0 below lam_start, one each, got {t.tolist()} below {s.tolist()}"
        raise ValueError(message)
    variance = _checks.positive_number(variance, "variance")
    for pair in zip(s.tolist(), t.tolist(), strict=True):
        noise_scale.check_admissible(pair)
    total_s = variance + s**2
    fei = np.asarray(noise_scale.fei(s, t))

    # Error = (p + G0 kappa_s - A) X_s + noise; p + G0 kappa_s = 1 - G0 s^2 / V_s.
    log_decay, _ = _exponents(noise_scale, t, s, variance)
    drift = -np.expm1(-log_decay) - fei * s**2 / total_s
    nodes, weights = _rule()
    reach = np.log(s / t)[:, None]
    u = t[:, None] * np.exp(reach * nodes)
    from_t = np.broadcast_to(t[:, None], u.shape)
    log_decay, shortfall = _exponents(noise_scale, from_t, u, variance)
    mismatch = np.exp(-log_decay) * np.expm1(-shortfall)
    rate = 2.0 * noise_scale.tau_squared(u) * u**2  # 2 lambda tau^2 dlambda, in ln(lambda)
    noise = (reach * weights * rate * mismatch**2).sum(axis=1)
    mean_error = np.abs(drift) * np.sqrt(total_s)
    error = np.hypot(mean_error, np.sqrt(noise))

    # Var(D_u - D_s) = v^2 (1/V_u + 1/V_s - 2 A_su/V_u), in two terms >= 0.
    u = s[:, None] * np.exp(-reach * np.linspace(0.0, 1.0, _LOOKED_AT + 1)[1:])
    total_u = variance + u**2
    r = 0.5 * np.log1p((s[:, None] ** 2 - u**2) / total_u)
    log_decay, _ = _exponents(noise_scale, u, np.broadcast_to(s[:, None], u.shape), variance)
    damping = np.maximum(log_decay - r, 0.0)  # T >= 0; the difference may round below it
    spread = np.expm1(-r) ** 2 - 2.0 * np.exp(-r) * np.expm1(-damping)
    surprise = variance * np.sqrt((spread / total_u).max(axis=1))
    return OneStep(error, mean_error, surprise, fei)


def _exponents(
    noise_scale: NoiseScale, low: np.ndarray, high: np.ndarray, variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return r + T, where exp of minus it is the decay A, and E, both from `low` to `high`."""
    nodes, weights = _rule()
    reach = np.log(high / low)[..., None]
    w = low[..., None] * np.exp(reach * nodes)
    tau_squared, total = noise_scale.tau_squared(w), variance + w**2
    damping = (reach * weights * tau_squared * w**2 / total).sum(axis=-1)
    shortfall = (reach * weights * (1.0 + tau_squared) * variance / total).sum(axis=-1)
    r = 0.5 * np.log1p((high**2 - low**2) / (variance + low**2))
    return r + damping, shortfall


def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 * (nodes + 1.0), 0.5 * weights
