"""Functions of a forward process: of the time t, and of the noise level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class ForwardProcessFunctions:
    """The functions of :class:`~ersde_theory.ForwardProcess`, which adds the processes by name."""

    name: str
    t_min: float
    t_max: float
    _alpha: Function
    _sigma: Function
    _noise_level: Function
    _time: Function
    _alpha_at_level: Function
    _drift: Function
    _diffusion_squared: Function

    def __repr__(self) -> str:
        return f"ForwardProcess({self.name!r}, t in [{self.t_min:g}, {self.t_max:g}])"

    # ------------------------------------------------------------------ functions of t

    def alpha(self, t: Any) -> np.ndarray:
        r"""Return :math:`\alpha_t`.

        Parameters
        ----------
        t : float or array
            Times in [t_min, t_max].

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().alpha(0.25))
        0.75
        """
        return np.asarray(self._alpha(self._times(t)))

    def sigma(self, t: Any) -> np.ndarray:
        r"""Return :math:`\sigma_t`.

        Parameters
        ----------
        t : float or array
            Times in [t_min, t_max].

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().sigma(0.25))
        0.25
        """
        return np.asarray(self._sigma(self._times(t)))

    def noise_level(self, t: Any) -> np.ndarray:
        r"""Return :math:`\lambda = \sigma/\alpha`; inf where alpha is 0.

        Parameters
        ----------
        t : float or array
            Times in [t_min, t_max].

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().noise_level(0.75))
        3.0
        """
        return np.asarray(self._noise_level(self._times(t)))

    def drift(self, t: Any) -> np.ndarray:
        r"""Return :math:`f = d\ln\alpha/dt`.

        Parameters
        ----------
        t : float or array
            Times in [t_min, t_max], where alpha > 0.

        Returns
        -------
        float64 array

        Raises
        ------
        ValueError
            Where alpha is 0: the drift is infinite there.

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().drift(0.5))
        -2.0
        """
        return np.asarray(self._drift(self._regular_times(t)))

    def diffusion_squared(self, t: Any) -> np.ndarray:
        r"""Return :math:`g^2 = d\sigma^2/dt - 2f\sigma^2`.

        Parameters
        ----------
        t : float or array
            Times in [t_min, t_max], where alpha > 0.

        Returns
        -------
        float64 array

        Raises
        ------
        ValueError
            Where alpha is 0.

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.edm().diffusion_squared(0.5))
        1.0
        """
        return np.asarray(self._diffusion_squared(self._regular_times(t)))

    # ------------------------------------------------------------------ functions of the noise level

    def time(self, noise_level: Any) -> np.ndarray:
        r"""Return the t at which :math:`\sigma/\alpha` is `noise_level`.

        Parameters
        ----------
        noise_level : float or array
            Noise levels >= 0; inf where the process reaches alpha = 0.

        Returns
        -------
        float64 array

        Raises
        ------
        ValueError
            If the process does not reach that level.

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> vp = ForwardProcess.vp_cosine()
        >>> round(float(vp.time(vp.noise_level(0.3))), 12)
        0.3
        """
        lam = self._noise_levels(noise_level)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            t = np.asarray(self._time(lam))
        slack = 1e-9 * (self.t_max - self.t_min)
        outside = ~((t >= self.t_min - slack) & (t <= self.t_max + slack))
        if outside.any():
            msg = (
                f"noise_level: expected a level that {self.name} reaches for t in "
                f"[{self.t_min:g}, {self.t_max:g}], got {lam.ravel()[int(np.argmax(outside.ravel()))]:g}"
            )
            raise ValueError(msg)
        return np.clip(t, self.t_min, self.t_max)

    def alpha_at_level(self, noise_level: Any) -> np.ndarray:
        r"""Return :math:`\alpha` at a noise level; 0 at an infinite one.

        Parameters
        ----------
        noise_level : float or array
            Noise levels >= 0, inf allowed where alpha goes to 0 there.

        Returns
        -------
        float64 array

        Raises
        ------
        ValueError
            At inf, if alpha of this process never reaches 0.

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().alpha_at_level(3.0))
        0.25
        """
        lam = self._noise_levels(noise_level)
        alpha = np.asarray(self._alpha_at_level(lam))
        if (np.isinf(lam) & (alpha > 0.0)).any():
            msg = f"noise_level: expected finite levels, since alpha = 1 in {self.name}, got inf"
            raise ValueError(msg)
        return alpha

    def sigma_at_level(self, noise_level: Any) -> np.ndarray:
        r"""Return :math:`\sigma = \alpha\lambda` at a noise level; its limit 1 at an infinite one.

        Parameters
        ----------
        noise_level : float or array
            Noise levels >= 0.

        Returns
        -------
        float64 array

        Raises
        ------
        ValueError
            As :meth:`alpha_at_level`.

        Examples
        --------
        >>> from ersde_theory import ForwardProcess
        >>> float(ForwardProcess.rectified_flow().sigma_at_level(3.0))
        0.75
        """
        lam = self._noise_levels(noise_level)
        alpha = self.alpha_at_level(lam)
        return np.where(np.isinf(lam), 1.0, alpha * np.where(np.isinf(lam), 1.0, lam))

    def _noise_levels(self, noise_level: Any) -> np.ndarray:
        lam = _checks.float64_array(noise_level, "noise_level")
        if (lam < 0.0).any():
            msg = f"noise_level: expected numbers >= 0, got {float(lam.min())}"
            raise ValueError(msg)
        return lam

    def _times(self, t: Any) -> np.ndarray:
        times = _checks.float64_array(t, "t")
        if ((times < self.t_min) | (times > self.t_max)).any():
            bad = times[(times < self.t_min) | (times > self.t_max)].ravel()[0]
            msg = f"t: expected times in [{self.t_min:g}, {self.t_max:g}], got {bad}"
            raise ValueError(msg)
        return times

    def _regular_times(self, t: Any) -> np.ndarray:
        times = self._times(t)
        if (self._alpha(times) == 0.0).any():
            msg = f"t: expected times at which alpha > 0, got {self.t_max:g}, where {self.name} has alpha = 0"
            raise ValueError(msg)
        return times
