r"""Discrete-time models: a continuous, monotone map between the level and the timestep."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.models._level_map import SLACK, Level, finite_level


@dataclass(frozen=True, eq=False)
class DiscreteLevels:
    r"""A variance-preserving network told one of T timesteps, here at every level between them.

    The timestep as a function of :math:`-\ln\alpha^2 = \ln(1 + \lambda^2)`, the integral of beta, is a monotone, once
    differentiable cubic (PCHIP) through the T known pairs. A piecewise linear map, as samplers often use, has a kink
    at every timestep, which caps the order of convergence that can be seen on the network; and :math:`\ln\lambda`
    itself bends sharply at the first timesteps, where beta's integral is all but straight.

    Parameters
    ----------
    alphas_cumprod : array of shape (T,)
        :math:`\alpha_t^2`, strictly decreasing inside (0, 1). The last may be 0 (zero terminal signal): that
        timestep is then used at level inf only.
    snap : bool
        Tell the network the timestep that is nearest in :math:`\ln\lambda` instead; alpha and sigma stay exact.
    time_scale, time_offset : float
        The network is told ``time_scale * (t + time_offset)`` with t = 0 ... T - 1.

    Examples
    --------
    >>> levels = DiscreteLevels(np.array([0.9, 0.5, 0.1]))
    >>> levels.at(1.0).conditioning, [round(level, 12) for level in levels.noise_range]
    (1.0, [0.333333333333, 3.0])
    >>> round(levels.noise_level(levels.at(2.0).conditioning), 12)
    2.0
    """

    alphas_cumprod: np.ndarray
    snap: bool = False
    time_scale: float = 1.0
    time_offset: float = 0.0
    _levels: np.ndarray = field(init=False, repr=False)
    _time: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from scipy.interpolate import PchipInterpolator

        known = _checked_alphas_cumprod(self.alphas_cumprod)
        _checks.positive_number(self.time_scale, "time_scale")
        _checks.real_number(self.time_offset, "time_offset")
        finite = known[known > 0.0]
        levels = np.sqrt((1.0 - finite) / finite)
        object.__setattr__(self, "alphas_cumprod", known)
        object.__setattr__(self, "_levels", levels)
        object.__setattr__(self, "_time", PchipInterpolator(np.log1p(levels**2), np.arange(float(len(finite)))))

    @property
    def noise_range(self) -> tuple[float, float]:
        """Levels of the first and the last timestep with a finite level."""
        return float(self._levels[0]), float(self._levels[-1])

    @property
    def known_levels(self) -> np.ndarray:
        """Levels of all timesteps, shape (T,); inf where alpha is 0."""
        return self._levels if self.alphas_cumprod[-1] > 0.0 else np.append(self._levels, np.inf)

    def at(self, noise_level: float) -> Level:
        """Return alpha, sigma and the timestep at a level.

        Parameters
        ----------
        noise_level : float
            Between the levels of the first and the last timestep, or inf if that has alpha = 0.

        Returns
        -------
        Level

        Raises
        ------
        ValueError
            If the level is outside.
        """
        if noise_level == math.inf and self.alphas_cumprod[-1] == 0.0:
            return Level(0.0, 1.0, self._told(len(self.alphas_cumprod) - 1.0))
        lam = finite_level(noise_level, "alpha > 0 at every timestep")
        low, high = self.noise_range
        if not low * (1.0 - SLACK) <= lam <= high * (1.0 + SLACK):
            msg = f"noise_level: expected a level of the trained timesteps, in [{low:g}, {high:g}], got {lam:g}"
            raise ValueError(msg)
        inside = min(max(lam, low), high)
        if self.snap:
            time = float(np.argmin(np.abs(np.log(self._levels / inside))))
        else:
            time = float(self._time(math.log1p(inside**2)))
        return Level(1.0 / math.hypot(1.0, lam), lam / math.hypot(1.0, lam), self._told(time))

    def noise_level(self, conditioning: float) -> float:
        """Return the level at which the network is told `conditioning`, the inverse of the cubic.

        Parameters
        ----------
        conditioning : float

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If it is not between the first and the last timestep.
        """
        from scipy.optimize import brentq

        time = conditioning / self.time_scale - self.time_offset
        last = len(self._levels) - 1
        if self.alphas_cumprod[-1] == 0.0 and abs(time - last - 1.0) < SLACK:
            return math.inf
        if not -SLACK <= time <= last + SLACK:
            msg = f"conditioning: expected timesteps from 0 to {last}, got {time:g}"
            raise ValueError(msg)
        below = min(max(math.floor(time), 0), last - 1)
        if time <= below or time >= below + 1:
            return float(self._levels[below if time <= below else below + 1])
        low, high = self._time.x[below], self._time.x[below + 1]
        eps = float(np.finfo(np.float64).eps)
        root = brentq(lambda x: float(self._time(x)) - time, low, high, xtol=eps * low, rtol=4.0 * eps)
        return math.sqrt(math.expm1(root))

    def _told(self, time: float) -> float:
        return self.time_scale * (time + self.time_offset)


def _checked_alphas_cumprod(value: Any) -> np.ndarray:
    known = _checks.float64_array(value, "alphas_cumprod", ndim=1)
    if len(known) < 3:
        msg = f"alphas_cumprod: expected at least 3 timesteps, got {len(known)}"
        raise ValueError(msg)
    if not (known[0] < 1.0 and known[-1] >= 0.0 and bool(np.all(np.diff(known) < 0.0))):
        msg = (
            "alphas_cumprod: expected strictly decreasing numbers inside (0, 1) (the last may be 0), got "
            f"{known[0]:g} ... {known[-1]:g}"
        )
        raise ValueError(msg)
    return known


__all__ = ["DiscreteLevels"]
