r"""Which noise scale function a sampler has: from its ratios :math:`\varphi_t/\varphi_s`, and from its noise.

Over a step both fix the growth of :math:`S = \ln(\varphi/\lambda)`: the ratio is
:math:`(\lambda_t/\lambda_s)e^{-\Delta S}`, the noise variance :math:`\lambda_t^2(1-e^{-2\Delta S})`. A member of the
family has one :math:`\Delta S \ge 0` for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ersde_theory._levels import log_ratio
from ersde_theory.audit.matching import Tolerance
from ersde_theory.audit.observed import Observed
from ersde_theory.noise_scale import NoiseScale, NotAdmissible
from ersde_theory.schemes._assembly import exponential_ratio
from ersde_theory.time_grid import TimeGrid

NAMED = ("ode", "reverse_sde", "exp_power", "exp_reciprocal", "log_power", "power(1.5)", "power(2.5)")
_MIXED = ("exp_power", "exp_reciprocal", "log_power")
_DECIMALS = 6  # of fitted numbers that are given short if that makes no difference


@dataclass(frozen=True, eq=False)
class Injected:
    r"""The noise of each step relative to the reverse SDE, read in two ways; nan where a step says nothing.

    Attributes
    ----------
    length : float64 array of shape (steps,)
        :math:`\ln(\lambda_s/\lambda_t)`.
    of_ratio, of_noise : float64 arrays of shape (steps,)
        :math:`\Delta S`. From the noise it is inf where its variance is the level's square or more.

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> from ersde_theory.audit.observed import observe
    >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.reverse_sde(), order=1)
    >>> found = injected(observe(tab))
    >>> found.tau_squared_of_ratio.round(12).tolist(), found.tau_squared_of_noise.round(12).tolist()
    ([1.0, 1.0], [1.0, 1.0])
    """

    length: np.ndarray
    of_ratio: np.ndarray
    of_noise: np.ndarray

    @property
    def tau_squared_of_ratio(self) -> np.ndarray:
        """Mean over each step, shape (steps,)."""
        return self.of_ratio / self.length

    @property
    def tau_squared_of_noise(self) -> np.ndarray:
        """Mean over each step, shape (steps,)."""
        return self.of_noise / self.length


def injected(seen: Observed) -> Injected:
    """Return the growth of S over each step, from the ratio and from the noise variance.

    Parameters
    ----------
    seen : Observed
        A sampler.

    Returns
    -------
    Injected

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> from ersde_theory.audit.observed import observe
    >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 0.0]), NoiseScale.ode(), order=1)
    >>> injected(observe(tab)).of_noise.tolist()
    [0.0, nan]
    """
    start, end = seen.level[:-1], seen.level[1:]
    inner = np.isfinite(start) & (end > 0.0) & (end < start)
    high, low = np.where(inner, start, 2.0), np.where(inner, end, 1.0)
    length = np.where(inner, log_ratio(high, low), np.nan)
    positive = inner & (seen.ratio > 0.0)
    of_ratio = np.where(positive, -np.log(np.where(positive, seen.ratio, 1.0)) - length, np.nan)
    share = seen.noise_variance / low**2
    below = share < 1.0
    of_noise = np.where(below, -0.5 * np.log1p(-np.where(below, share, 0.0)), np.inf)
    return Injected(length, of_ratio, np.where(inner, of_noise, np.nan))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A noise scale function that a sampler may have, and the steps whose ratio agrees.

    Attributes
    ----------
    noise_scale : NoiseScale
        phi.
    agrees : bool array of shape (steps,)
    named : bool
        Whether it is a function with a formula, not one read off the sampler.

    Examples
    --------
    >>> Candidate(NoiseScale.ode(), np.ones(2, bool), named=True).count
    2
    """

    noise_scale: NoiseScale
    agrees: np.ndarray
    named: bool

    @property
    def count(self) -> int:
        """Number of steps that agree."""
        return int(self.agrees.sum())


def candidates(seen: Observed, tolerance: Tolerance) -> list[Candidate]:
    """Return noise scale functions that may be the sampler's, the ones that agree with most ratios first.

    Parameters
    ----------
    seen : Observed
        With levels that fall strictly.
    tolerance : Tolerance
        What counts as round-off.

    Returns
    -------
    list of Candidate

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> from ersde_theory.audit.observed import observe
    >>> tab = schemes.er_sde(TimeGrid.karras(8, 80.0, 0.002), NoiseScale.power(1.3), order=2)
    >>> candidates(observe(tab), Tolerance())[0].noise_scale.name
    'power(1.3)'
    """
    grid, untold = TimeGrid(seen.level), seen.is_forgotten
    found = []
    for noise_scale in (*map(NoiseScale.from_name, NAMED), *_fitted(seen, tolerance)):
        try:
            noise_scale.check_admissible(grid.levels)
        except NotAdmissible:
            continue
        expected = exponential_ratio(noise_scale, grid)
        allowed = tolerance.coefficient * np.maximum(1.0, np.abs(expected))
        agrees = untold | (np.abs(seen.ratio - expected) <= allowed)
        found.append(Candidate(noise_scale, agrees, named=True))
    return sorted(found, key=lambda c: -c.count)


def mixed(noise_scale: NoiseScale, eta: float) -> NoiseScale:
    r"""Return :math:`x^{1-\eta}\varphi^\eta`, which has :math:`\eta` times the :math:`h^2` of phi.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    eta : float
        >= 0.

    Returns
    -------
    NoiseScale

    Examples
    --------
    >>> half = mixed(NoiseScale.exp_power(), 0.5)
    >>> bool(half.tau_squared(80.0) == 0.5 * NoiseScale.exp_power().tau_squared(80.0))
    True
    """

    def scaled(function: Callable[..., np.ndarray], *levels: np.ndarray) -> np.ndarray:
        return np.asarray(eta * function(*levels))

    return NoiseScale(
        f"x^{1.0 - eta:g} {noise_scale.name}^{eta:g}",
        f"x^{1.0 - eta:g} ({noise_scale.formula})^{eta:g}",
        partial(scaled, noise_scale._log_excess),
        partial(scaled, noise_scale._difference),
        partial(scaled, noise_scale._tau_squared),
    )


def own(seen: Observed) -> NoiseScale | None:
    r"""Return the function of the sampler's own ratios, with :math:`\tau^2` constant on each step, if admissible.

    Parameters
    ----------
    seen : Observed
        With levels that fall strictly.

    Returns
    -------
    NoiseScale or None

    Examples
    --------
    >>> from ersde_theory import schemes
    >>> from ersde_theory.audit.observed import observe
    >>> phi = own(observe(schemes.ddim(TimeGrid([4.0, 2.0, 1.0]), 0.5)))
    >>> phi.tau_squared([3.0, 1.5]).round(3).tolist()
    [0.15, 0.15]
    """
    found = injected(seen)
    known = np.isfinite(found.of_ratio)
    if not known.any() or (found.of_ratio[known] < -1e-12).any():
        return None
    growth = np.maximum(found.of_ratio[known], 0.0)[::-1]
    position = np.log(np.append(seen.level[1:][known][::-1], seen.level[:-1][known][0]))
    excess = np.append(0.0, np.cumsum(growth))
    rate = growth / np.diff(position)

    def log_excess(level: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(np.log(level), position, excess))

    def difference(level: np.ndarray, b: np.ndarray) -> np.ndarray:
        at = np.log(level)
        return np.asarray(np.interp(at + b, position, excess) - np.interp(at, position, excess))

    def tau_squared(level: np.ndarray) -> np.ndarray:
        place = np.searchsorted(position, np.log(level), side="right") - 1
        return np.asarray(rate[np.clip(place, 0, rate.size - 1)])

    return NoiseScale("own", "read off the ratios", log_excess, difference, tau_squared)


def _fitted(seen: Observed, tolerance: Tolerance) -> Iterator[NoiseScale]:
    """Yield a power of the level, and powers of members mixed with the ODE, that fit the median step."""
    found = injected(seen)
    known = np.isfinite(found.of_ratio)
    if not known.any():
        return
    exponent = _shortened(1.0 + float(np.median(found.tau_squared_of_ratio[known])), tolerance)
    if exponent > 1.0 and f"power({exponent:g})" not in NAMED and exponent != 2.0:
        yield NoiseScale.power(exponent)
    high, low = seen.level[:-1][known], seen.level[1:][known]
    for name in _MIXED:
        member = NoiseScale.from_name(name)
        growth = member.log_excess_difference(high, low)
        if (growth <= 0.0).any():
            continue
        eta = _shortened(float(np.median(found.of_ratio[known] / growth)), tolerance)
        if 0.0 < eta < 100.0 and eta != 1.0:
            yield mixed(member, eta)


def _shortened(value: float, tolerance: Tolerance) -> float:
    """Return a fitted number with as few decimals as its uncertainty allows."""
    for decimals in range(1, _DECIMALS + 1):
        if abs(value - round(value, decimals)) <= tolerance.coefficient:
            return round(value, decimals)
    return value


__all__ = ["Candidate", "Injected", "candidates", "injected", "mixed", "own"]
