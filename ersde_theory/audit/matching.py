"""Whether coefficients agree: what counts as round-off, and which of a step's coefficients are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ersde_theory.audit.observed import Observed

PARTS = ("ratio", "data", "noise")
_SAFETY = 1e3  # units of the coefficients' precision that formulas may lose without being wrong
_FLOOR = 1e-9  # float64 formulas of third parties lose up to seven digits in divided differences
_MOST = 1e-4  # unless the state itself has fewer digits
_SILENT = 1e-12  # of the level's square: what a difference of squares leaves in float64, with room


@dataclass(frozen=True)
class Tolerance:
    """How far coefficients may be off, relative to the scale of their step.

    A step's coefficients of state and data add up to 1, its noise is compared with the level's square.

    Attributes
    ----------
    coefficient : float
        Of ratio and data weights.
    noise : float
        Of noise variances.
    silent : float
        Of noise variances that should be 0.

    Examples
    --------
    >>> Tolerance.of_precision(1e-16).coefficient
    1e-09
    """

    coefficient: float = _FLOOR
    noise: float = _FLOOR
    silent: float = _SILENT

    @classmethod
    def of_precision(cls, precision: float) -> Tolerance:
        """Return the tolerances for coefficients of a relative precision.

        Parameters
        ----------
        precision : float
            As a read-out states it.

        Returns
        -------
        Tolerance

        Examples
        --------
        >>> Tolerance.of_precision(1e-7).silent
        1e-12
        """
        found = max(_FLOOR, min(_SAFETY * precision, max(_MOST, 8.0 * precision)))
        return cls(found, found)


@dataclass(frozen=True, eq=False)
class Parts:
    """A statement on ratio, data weights and noise of each step.

    Attributes
    ----------
    ratio, data, noise : bool arrays of shape (steps,)

    Examples
    --------
    >>> Parts(np.ones(2, bool), np.ones(2, bool), np.array([True, False])).count
    5
    """

    ratio: np.ndarray
    data: np.ndarray
    noise: np.ndarray

    def __and__(self, other: Parts) -> Parts:
        return Parts(self.ratio & other.ratio, self.data & other.data, self.noise & other.noise)

    def __or__(self, other: Parts) -> Parts:
        return Parts(self.ratio | other.ratio, self.data | other.data, self.noise | other.noise)

    def __invert__(self) -> Parts:
        return Parts(~self.ratio, ~self.data, ~self.noise)

    @property
    def count(self) -> int:
        """Number of true entries."""
        return int(self.ratio.sum() + self.data.sum() + self.noise.sum())

    @property
    def steps(self) -> np.ndarray:
        """Steps with any true entry."""
        return np.flatnonzero(self.ratio | self.data | self.noise)

    def part(self, name: str) -> np.ndarray:
        """Return one of the three arrays.

        Parameters
        ----------
        name : str
            ratio, data or noise.

        Returns
        -------
        bool array of shape (steps,)

        Examples
        --------
        >>> Parts(np.ones(1, bool), np.ones(1, bool), np.zeros(1, bool)).part("noise").tolist()
        [False]
        """
        return {"ratio": self.ratio, "data": self.data, "noise": self.noise}[name]


def agreement(seen: Observed, expected: Observed, tolerance: Tolerance) -> Parts:
    """Return which coefficients of which steps agree.

    Parameters
    ----------
    seen, expected : Observed
        Of the same steps.
    tolerance : Tolerance
        What counts as round-off.

    Returns
    -------
    Parts

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit.observed import observe
    >>> grid = TimeGrid([4.0, 2.0, 1.0])
    >>> one, two = (observe(schemes.er_sde(grid, NoiseScale.ode(), order=k)) for k in (1, 2))
    >>> agreement(one, two, Tolerance()).data.tolist()
    [True, False]
    """
    c = tolerance.coefficient
    ratio = np.abs(seen.ratio - expected.ratio) <= c * np.maximum(1.0, np.abs(expected.ratio))
    size = np.maximum(1.0, np.abs(expected.data).max(axis=1, initial=0.0))
    data = (np.abs(seen.data - expected.data) <= c * size[:, None]).all(axis=1)
    scale = seen.noise_scale
    off = np.abs(seen.noise - expected.noise) / np.outer(scale, scale)
    silent = expected.noise_variance == 0.0
    allowed = np.where(silent[:, None] | silent, tolerance.silent, tolerance.noise)
    return Parts(ratio, data, (off <= allowed).all(axis=1))


__all__ = ["PARTS", "Parts", "Tolerance", "agreement"]
