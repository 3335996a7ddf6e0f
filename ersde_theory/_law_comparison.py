"""What one pass says about a law on the line, alone and beside a target density."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory._law_evolution import Density, Nodes, log_values
from ersde_theory._law_integrals import (
    absolute_integral,
    antiderivative,
    relative_entropy,
    slope_of_map,
    unresolved,
)

Observable = Callable[[np.ndarray], Any]
MASS_OFF = 1e-6
_ROUNDOFF = 1e-14
_NEGLIGIBLE = 1e-18
_MAX_WIDENINGS = 8
_LEAST_WIDTH = 1e-4
_FREQUENCIES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


class Rule:
    """A quadrature rule for a law: nodes, masses, and the slope dx/ds of the map from the uniform grid."""

    def __init__(self, nodes: Nodes) -> None:
        self.spacing, self.x, self.weight, self.moved = nodes.spacing, nodes.x, nodes.weight, nodes.moved
        self.slope = slope_of_map(nodes.x, nodes.spacing) if nodes.moved else np.ones(nodes.x.size)
        self.monotone = bool((self.slope > 0.0).all())

    @property
    def density(self) -> np.ndarray:
        """Density at the nodes."""
        if not self.monotone:
            msg = "tab: expected an output with a density, got a map from the start that is not monotone"
            raise ValueError(msg)
        return self.weight / (self.spacing * self.slope)

    @functools.cached_property
    def mean(self) -> float:
        """Mean of the law."""
        return float(self.weight @ self.x)

    @functools.cached_property
    def variance(self) -> float:
        """Variance of the law."""
        return float(self.weight @ (self.x - self.mean) ** 2)

    @property
    def root_mean_square(self) -> float:
        """Root of the second moment."""
        return math.sqrt(float(self.weight @ self.x**2))

    def integral(self, f: Observable) -> tuple[float, float]:
        """Return the integrals of an observable and of its magnitude."""
        value = observed(f, self.x)
        return float(self.weight @ value), float(self.weight @ np.abs(value))

    def change_from(self, other: Rule) -> float:
        """Return the largest change of numbers of order 1 that describe the law, and what its grid leaves out."""
        width = max(math.sqrt(self.variance), _LEAST_WIDTH * float(np.abs(self.x).max()))
        mine, others = (
            np.array([rule.weight @ np.exp(1j * k * (rule.x - self.mean) / width) for k in _FREQUENCIES])
            for rule in (self, other)
        )
        change = float(np.abs(mine - others).max())
        if self.monotone and other.monotone:
            squared, others_squared = (float(rule.weight @ rule.density) for rule in (self, other))
            change = max(change, width * abs(squared - others_squared), unresolved(self.density))
        return change


class Comparison:
    """Output and target per unit of the uniform grid's parameter, on one grid that holds both."""

    def __init__(self, rule: Rule, target_log_density: Density) -> None:
        self.spacing = rule.spacing
        self.x, self.slope, self.mass = rule.x, rule.slope, rule.density * rule.slope
        self.target = self._target(target_log_density)
        for _ in range(_MAX_WIDENINGS):
            edge = max(self.target[0], self.target[-1])
            if rule.moved or edge <= _NEGLIGIBLE * self.target.max():
                break
            self._widen()
            self.target = self._target(target_log_density)
        target_mass = float(self.target.sum()) * self.spacing
        self.target_defect = abs(1.0 - target_mass)
        if self.target_defect > MASS_OFF:
            where = f"[{self.x[0]:.4g}, {self.x[-1]:.4g}]"
            msg = f"target_log_density: expected a density of mass 1 on {where}, got mass {target_mass:.9g}"
            raise ValueError(msg)

    def _target(self, log_density: Density) -> np.ndarray:
        """Return the target's mass per unit of the parameter."""
        return np.exp(log_values(log_density, self.x, "target_log_density")) * self.slope

    def _widen(self) -> None:
        """Add nodes on both sides, where the output has no mass."""
        extra = self.x.size // 2
        steps = self.spacing * np.arange(1, extra + 1)
        self.x = np.concatenate((self.x[0] - steps[::-1], self.x, self.x[-1] + steps))
        self.slope, self.mass = np.ones(self.x.size), np.pad(self.mass, extra)

    def weak_error(self, f: Observable) -> tuple[float, float]:
        """Return the difference of an observable's means, and the sum of the means of its magnitude."""
        value = observed(f, self.x) * self.spacing
        return float(value @ (self.mass - self.target)), float(np.abs(value) @ (self.mass + self.target))

    def total_variation(self) -> tuple[float, float]:
        """Return half the integral of the absolute difference, and 1."""
        noise = _ROUNDOFF * float(self.target.max())
        return 0.5 * absolute_integral(self.mass - self.target, self.spacing, noise), 1.0

    def kl_divergence(self) -> tuple[float, float]:
        """Return the relative entropy, and 1."""
        return float(relative_entropy(self.mass, self.target).sum()) * self.spacing, 1.0

    def wasserstein1(self) -> tuple[float, float]:
        """Return the integral of the distribution functions' absolute difference, and how far a mass may be."""
        excess = antiderivative(self.mass - self.target, self.spacing)
        noise = _ROUNDOFF * float(self.slope.max())
        return absolute_integral(excess * self.slope, self.spacing, noise), float(np.abs(self.x).max())


def observed(f: Observable, x: np.ndarray) -> np.ndarray:
    """Return an observable's values, checked."""
    if not callable(f):
        msg = f"f: expected a callable, got {_checks.describe(f)}"
        raise TypeError(msg)
    value = np.asarray(f(x))
    if value.shape != x.shape or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        msg = f"f: expected finite real numbers of shape {x.shape}, got {_checks.describe(value)}"
        raise ValueError(msg)
    return value.astype(np.float64)
