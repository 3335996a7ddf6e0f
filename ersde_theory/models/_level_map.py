r"""From a noise level to what the network is called with: alpha and sigma of its state, its conditioning number.

A network lives in its own coordinates: a state :math:`x = \alpha x_0 + \sigma\varepsilon`, perhaps scaled before it
enters, and a number that tells it the level (a timestep, a time, sigma or its logarithm). All of them are functions of
:math:`\lambda = \sigma/\alpha`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ersde_theory import _checks
from ersde_theory.forward_process import ForwardProcess

# Levels this close beyond the end of a range are its end: grids compute their ends in floating point.
SLACK = 1e-9


@dataclass(frozen=True)
class Level:
    r"""What a network needs to know at one noise level.

    Attributes
    ----------
    alpha, sigma : float
        Of the network's state :math:`x = \alpha x_0 + \sigma\varepsilon`.
    conditioning : float
        What the network is told.
    input_scale : float
        The network gets the state times this.

    Examples
    --------
    >>> Level(alpha=0.6, sigma=0.8, conditioning=500.0).input_scale
    1.0
    """

    alpha: float
    sigma: float
    conditioning: float
    input_scale: float = 1.0


class LevelMap(Protocol):
    """What a denoiser asks of a map: ``noise_range``, ``at`` and its inverse ``noise_level``."""

    @property
    def noise_range(self) -> tuple[float, float]:
        """Lowest and highest finite level that the map covers."""
        ...

    def at(self, noise_level: float) -> Level:
        """Return what the network needs to know at a level."""
        ...

    def noise_level(self, conditioning: float) -> float:
        """Return the level at which the network is told `conditioning`."""
        ...


@dataclass(frozen=True)
class SigmaLevels:
    r"""The network is told sigma itself, alpha = 1: k-diffusion denoisers, EDM nets with their preconditioning inside.

    Parameters
    ----------
    noise_range : tuple of two floats
        The levels it was trained on.

    Examples
    --------
    >>> SigmaLevels((0.002, 80.0)).at(3.0).conditioning
    3.0
    """

    noise_range: tuple[float, float]

    def __post_init__(self) -> None:
        checked_range(self.noise_range)

    def at(self, noise_level: float) -> Level:
        """Return alpha = 1, sigma and conditioning equal to the level.

        Parameters
        ----------
        noise_level : float

        Returns
        -------
        Level

        Raises
        ------
        ValueError
            If the level is infinite.
        """
        lam = finite_level(noise_level, "alpha = 1 at every level")
        return Level(1.0, lam, lam)

    def noise_level(self, conditioning: float) -> float:
        """Return `conditioning`.

        Parameters
        ----------
        conditioning : float

        Returns
        -------
        float

        Examples
        --------
        >>> SigmaLevels((0.002, 80.0)).noise_level(3.0)
        3.0
        """
        return conditioning


@dataclass(frozen=True)
class EdmLevels:
    r"""EDM's own network F: told :math:`\ln(\sigma)/4`, fed :math:`x/\sqrt{\sigma^2 + \sigma_{data}^2}`, alpha = 1.

    Parameters
    ----------
    sigma_data : float
        Standard deviation of the data that the network was trained for.
    noise_range : tuple of two floats
        The levels it was trained on.

    Examples
    --------
    >>> levels = EdmLevels(sigma_data=3.0)
    >>> levels.at(4.0).input_scale, round(levels.noise_level(levels.at(4.0).conditioning), 12)
    (0.2, 4.0)
    """

    sigma_data: float = 0.5
    noise_range: tuple[float, float] = (0.002, 80.0)

    def __post_init__(self) -> None:
        _checks.positive_number(self.sigma_data, "sigma_data")
        checked_range(self.noise_range)

    def at(self, noise_level: float) -> Level:
        """Return alpha = 1, sigma, ``c_noise`` and ``c_in``.

        Parameters
        ----------
        noise_level : float

        Returns
        -------
        Level

        Raises
        ------
        ValueError
            If the level is infinite.
        """
        lam = finite_level(noise_level, "alpha = 1 at every level")
        return Level(1.0, lam, 0.25 * math.log(lam), 1.0 / math.hypot(lam, self.sigma_data))

    def noise_level(self, conditioning: float) -> float:
        """Return sigma of ``c_noise``.

        Parameters
        ----------
        conditioning : float

        Returns
        -------
        float
        """
        return math.exp(4.0 * conditioning)


@dataclass(frozen=True)
class ContinuousLevels:
    r"""A network told the time of a forward process, times a scale: VP linear or cosine, sub-VP, rectified flow.

    Parameters
    ----------
    process : ForwardProcess
        Gives alpha, sigma and t at a level.
    t_range : tuple of two floats
        The times it was trained on; t_max may be 1 where alpha is 0 (see `noise_range`).
    time_scale : float
        The network is told `time_scale` times t (1000 in diffusers' flow models, 999 in score_sde).

    Notes
    -----
    A *shift* of rectified flow (SD3, Flux) moves the levels that a sampler visits. The network is still told its own
    sigma, so the map has no shift in it; only the range of trained levels depends on it.

    Examples
    --------
    >>> levels = ContinuousLevels(ForwardProcess.rectified_flow(), time_scale=1000.0)
    >>> levels.at(3.0)
    Level(alpha=0.25, sigma=0.75, conditioning=750.0, input_scale=1.0)
    """

    process: ForwardProcess
    t_range: tuple[float, float] = (1e-3, 1.0 - 1e-3)
    time_scale: float = 1.0

    def __post_init__(self) -> None:
        _checks.instance(self.process, "process", ForwardProcess)
        _checks.positive_number(self.time_scale, "time_scale")
        low, high = self.t_range
        if not self.process.t_min <= low < high <= self.process.t_max:
            msg = (
                f"t_range: expected two rising times in [{self.process.t_min:g}, {self.process.t_max:g}], "
                f"got {self.t_range}"
            )
            raise ValueError(msg)

    @property
    def noise_range(self) -> tuple[float, float]:
        """Levels of the ends of `t_range`; inf where alpha is 0 there."""
        low, high = self.process.noise_level(self.t_range).tolist()
        return low, high

    def at(self, noise_level: float) -> Level:
        """Return alpha, sigma and the scaled time of the process.

        Parameters
        ----------
        noise_level : float
            May be inf if the process reaches alpha = 0.

        Returns
        -------
        Level

        Raises
        ------
        ValueError
            If the process does not reach the level.
        """
        alpha = float(self.process.alpha_at_level(noise_level))
        sigma = float(self.process.sigma_at_level(noise_level))
        return Level(alpha, sigma, self.time_scale * float(self.process.time(noise_level)))

    def noise_level(self, conditioning: float) -> float:
        """Return the level of a scaled time.

        Parameters
        ----------
        conditioning : float
            `time_scale` times a time of the process.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the time is outside the process.

        Examples
        --------
        >>> ContinuousLevels(ForwardProcess.rectified_flow(), time_scale=1000.0).noise_level(750.0)
        3.0
        """
        return float(self.process.noise_level(conditioning / self.time_scale))


def finite_level(noise_level: float, reason: str) -> float:
    """Return a level if it is positive and finite.

    Parameters
    ----------
    noise_level : float
    reason : str
        Why an infinite one makes no sense.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> finite_level(2.0, "alpha = 1")
    2.0
    """
    if not 0.0 < noise_level < math.inf:
        msg = f"noise_level: expected a finite level above 0 ({reason}), got {noise_level:g}"
        raise ValueError(msg)
    return float(noise_level)


def checked_range(noise_range: tuple[float, float]) -> tuple[float, float]:
    """Return a range of levels as two floats.

    Parameters
    ----------
    noise_range : tuple of two floats

    Returns
    -------
    tuple of two floats

    Raises
    ------
    TypeError
        If it is not a pair of numbers.
    ValueError
        If they are not positive and rising.

    Examples
    --------
    >>> checked_range((1, 10))
    (1.0, 10.0)
    """
    if not isinstance(noise_range, (tuple, list)) or len(noise_range) != 2:
        msg = f"noise_range: expected a pair of levels, got {_checks.describe(noise_range)}"
        raise TypeError(msg)
    low = _checks.positive_number(noise_range[0], "noise_range[0]")
    high = math.inf if noise_range[1] == math.inf else _checks.real_number(noise_range[1], "noise_range[1]")
    if high <= low:
        msg = f"noise_range: expected two rising levels, got {tuple(noise_range)}"
        raise ValueError(msg)
    return low, high


__all__ = ["ContinuousLevels", "EdmLevels", "Level", "LevelMap", "SigmaLevels", "checked_range", "finite_level"]
