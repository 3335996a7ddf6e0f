"""What a solver needs of a noise scale function: differences of S, FEI, noise variance, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory import _noise_scale_formulas as formulas
from ersde_theory._levels import checked_levels, checked_step, log_ratio


class NotAdmissible(ValueError):
    """A function outside the family: phi/lambda falls somewhere on the levels that are used."""


@dataclass(frozen=True, eq=False, repr=False)
class NoiseScaleFunctions:
    """The functions of :class:`~ersde_theory.NoiseScale`, which adds the members of the family."""

    name: str
    formula: str
    _log_excess: Callable[[np.ndarray], np.ndarray]
    _difference: Callable[[np.ndarray, np.ndarray], np.ndarray]
    _tau_squared: Callable[[np.ndarray], np.ndarray]
    power_exponent: float | None = None

    def __repr__(self) -> str:
        return f"NoiseScale({self.name!r}: {self.formula})"

    def log_excess(self, lam: Any) -> np.ndarray:
        r"""Return :math:`S(\lambda) = \ln(\varphi/\lambda)`, up to a constant; its limits at 0 and infinity.

        Parameters
        ----------
        lam : float or array
            Noise levels >= 0, inf allowed.

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> float(NoiseScale.reverse_sde().log_excess(1.0))
        0.0
        """
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.asarray(self._log_excess(checked_levels(lam)))

    def log_excess_difference(self, lam_high: Any, lam_low: Any) -> np.ndarray:
        r"""Return :math:`S(\lambda_{high}) - S(\lambda_{low})` without cancellation.

        Parameters
        ----------
        lam_high, lam_low : float or array
            Noise levels, lam_high >= lam_low >= 0; shapes broadcast; limits at 0 and infinity.

        Returns
        -------
        float64 array
            At least 0 for an admissible function; inf where a limit is infinite.

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> bool(NoiseScale.reverse_sde().log_excess_difference(1.0 + 2.0**-52, 1.0) > 0)
        True
        """
        high, low = checked_step(lam_high, lam_low)
        inner = (low > 0.0) & np.isfinite(high)
        safe_high, safe_low = np.where(inner, high, 1.0), np.where(inner, low, 1.0)
        difference = self._difference(safe_low, log_ratio(safe_high, safe_low))
        if inner.all():
            return difference
        with np.errstate(invalid="ignore"):
            limit = self.log_excess(high) - self.log_excess(low)
        same = high == low
        return np.asarray(np.where(inner, difference, np.where(same, 0.0, limit)))

    def tau_squared(self, lam: Any) -> np.ndarray:
        r"""Return :math:`\tau^2(\lambda) = \lambda S'(\lambda)`, the injected noise relative to the reverse SDE.

        Parameters
        ----------
        lam : float or array
            Noise levels, finite and > 0.

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> float(NoiseScale.reverse_sde().tau_squared(0.3))
        1.0
        """
        levels = checked_levels(lam)
        if not (np.isfinite(levels) & (levels > 0.0)).all():
            msg = "noise level: expected finite levels > 0 for tau^2, got 0 or inf"
            raise ValueError(msg)
        return np.asarray(self._tau_squared(levels))

    def fei(self, lam_start: Any, lam_end: Any) -> np.ndarray:
        r"""Return the first-order Euler integral coefficient :math:`1 - \varphi(\lambda_t)/\varphi(\lambda_s)`.

        Parameters
        ----------
        lam_start, lam_end : float or array
            Levels of a step, lam_start >= lam_end >= 0; shapes broadcast.

        Returns
        -------
        float64 array
            1 for a step to 0 or from infinity.

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> float(NoiseScale.ode().fei(2.0, 0.5))
        0.75
        """
        high, low = checked_step(lam_start, lam_end)
        whole = (low == 0.0) | np.isinf(high)
        safe_high, safe_low = np.where(whole, 1.0, high), np.where(whole, 1.0, low)
        drop = log_ratio(safe_high, safe_low) + self.log_excess_difference(safe_high, safe_low)
        return np.asarray(np.where(whole, 1.0, -np.expm1(-drop)))

    def noise_variance(self, lam_start: Any, lam_end: Any) -> np.ndarray:
        r"""Return the variance :math:`\lambda_t^2(1 - e^{-2(S_s - S_t)})` of a step's noise in y.

        Parameters
        ----------
        lam_start, lam_end : float or array
            Levels of a step, lam_start >= lam_end >= 0; shapes broadcast.

        Returns
        -------
        float64 array

        Raises
        ------
        NotAdmissible
            If it is negative somewhere.

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> float(NoiseScale.reverse_sde().noise_variance(2.0, 1.0))
        0.75
        """
        high, low = checked_step(lam_start, lam_end)
        positive = low > 0.0
        difference = self.log_excess_difference(np.where(positive, high, 1.0), np.where(positive, low, 1.0))
        if (difference < 0.0).any():
            j = int(np.argmax((difference < 0.0).ravel()))
            msg = (
                f"noise_scale {self.name}: expected phi/lambda to be non-decreasing, got a fall "
                f"on the step from {high.ravel()[j]:g} to {low.ravel()[j]:g}"
            )
            raise NotAdmissible(msg)
        return np.asarray(np.where(positive, low**2 * -np.expm1(-2.0 * difference), 0.0))

    def clock(self, lam: Any) -> np.ndarray:
        r"""Return :math:`V(\lambda) = \lambda^2/\varphi^2 = e^{-2S}`, the time of the Brownian motion in Y/phi.

        Parameters
        ----------
        lam : float or array
            Noise levels >= 0.

        Returns
        -------
        float64 array
            Up to the constant factor of phi; inf where the clock runs out at 0.

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> float(NoiseScale.reverse_sde().clock(0.5))
        4.0
        """
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(-2.0 * self.log_excess(lam)))

    def check_admissible(self, levels: Any) -> None:
        r"""Raise unless :math:`\varphi/\lambda` is non-decreasing between the given levels.

        Looks at :math:`\tau^2` on the levels and 16 points of each interval (a level at infinity is looked
        for up to 1e30).

        Parameters
        ----------
        levels : array of shape (n,)
            Decreasing noise levels; a last 0 is left out.

        Raises
        ------
        NotAdmissible
            With the first level where tau^2 is negative, and its value there.

        Examples
        --------
        >>> from ersde_theory import NoiseScale
        >>> NoiseScale.exp_power().check_admissible([80.0, 1.0, 0.002])
        """
        lam = _checks.float64_array(levels, "levels", ndim=1)
        inner = np.minimum(lam[lam > 0.0], formulas.HUGE)
        if self.power_exponent is not None or inner.size == 0:
            return
        fine = inner[:1]
        if inner.size > 1:
            share = np.arange(16) / 16.0
            steps = np.diff(np.log(inner))
            between = np.exp(np.log(inner[:-1])[:, None] + steps[:, None] * share)
            fine = np.append(between.ravel(), inner[-1])
        rate = self.tau_squared(fine)
        if (rate < 0.0).any():
            j = int(np.argmax(rate < 0.0))
            msg = (
                f"noise_scale {self.name}: expected tau^2 >= 0 on the whole grid (phi/lambda "
                f"non-decreasing), got tau^2 = {rate[j]:.3g} at lambda = {fine[j]:.6g}"
            )
            raise NotAdmissible(msg)
