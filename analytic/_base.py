"""The part that the laws share: arguments, limits, blocks of rows, casts."""

from __future__ import annotations

import abc
import math
from typing import Any

import numpy as np
from array_api_compat import is_torch_array

from analytic import _checks
from analytic._checks import Array, FloatArray
from analytic._terms import as_array
from analytic.law import Law

BLOCK_ELEMENTS = 2**20


class LawBase(Law, abc.ABC):
    """Arguments, limits and row blocks; a law adds formulas for one block of finite levels.

    Subclasses set ``_block_width``: the number of scratch numbers that one row needs.
    """

    _block_width: int
    _singular: bool
    _casts: dict[tuple[str, str, str], Array]

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension d of the data."""

    @property
    @abc.abstractmethod
    def mean(self) -> FloatArray:
        """Mean E[x_0], shape ``(d,)``, float64, read-only."""

    @abc.abstractmethod
    def _denoise(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _score(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _log_density(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _jacobian(self, xp: Any, y: Array, level: float | Array) -> Array: ...

    @abc.abstractmethod
    def _place(self, chance: FloatArray, normal: FloatArray, added: float) -> FloatArray: ...

    def denoise(self, y: Array, noise_level: float | Array) -> Array:
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        out = self._with_limits(xp, rows, level, self._denoise, self.mean)
        return out[0] if single else out

    def score(self, y: Array, noise_level: float | Array) -> Array:
        xp, rows, level, single = self._density_arguments("score", y, noise_level)
        out = self._blocks(xp, rows, level, self._score)
        return out[0] if single else out

    def log_density(self, y: Array, noise_level: float | Array) -> Array:
        xp, rows, level, single = self._density_arguments("log_density", y, noise_level)
        out = self._blocks(xp, rows, level, self._log_density)
        return out[0] if single else out

    def denoise_jacobian(self, y: Array, noise_level: float | Array) -> Array:
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        limit = np.zeros((self.dim, self.dim))
        out = self._with_limits(xp, rows, level, self._jacobian, limit)
        return out[0] if single else out

    def sample(self, n: int, noise_level: float = 0.0, seed: int | np.random.Generator = 0) -> FloatArray:
        count = _checks.whole_number("n", n, minimum=1)
        level = _checks.real_number("noise_level", noise_level, minimum=0.0)
        streams = _checks.random_streams(seed, 3)
        clean = self._place(streams[0].random(count), streams[1].standard_normal((count, self.dim)), 0.0)
        return clean + level * streams[2].standard_normal((count, self.dim))

    def sample_at(self, points: object, noise_level: float = 0.0) -> FloatArray:
        from scipy.special import ndtri

        what = f"points of shape (n, {1 + self.dim})"
        place = _checks.host_array("points", points, ndims=(2,), what=what)
        level = _checks.real_number("noise_level", noise_level, minimum=0.0)
        if place.shape[1] != 1 + self.dim or place.min() <= 0.0 or place.max() >= 1.0:
            msg = f"points: expected {what} in the open unit cube, got {_checks.describe(place)}"
            raise ValueError(msg)
        return self._place(place[:, 0], ndtri(place[:, 1:]), level**2)

    def _on(self, xp: Any, name: str, like: Array) -> Array:
        """Return a host array of this law by attribute, cast to ``like`` (kept)."""
        key = (name, str(like.dtype), str(_checks.device_of(like)))
        if key not in self._casts:
            if is_torch_array(like):  # kept beyond this call, it must serve outside inference mode too
                import torch

                with torch.inference_mode(False):
                    self._casts[key] = as_array(xp, getattr(self, name), like)
            else:
                self._casts[key] = as_array(xp, getattr(self, name), like)
        return self._casts[key]

    def _density_arguments(
        self, name: str, y: Array, noise_level: float | Array
    ) -> tuple[Any, Array, float | Array, bool]:
        xp, rows, single = _checks.points(y, self.dim)
        level = _checks.noise_level(noise_level, xp, rows)
        _checks.finite(xp, rows)
        scalar = isinstance(level, float)
        infinite = math.isinf(level) if scalar else bool(xp.any(xp.isinf(level)))
        if infinite:
            msg = f"{name}: expected a finite noise_level, got inf"
            raise ValueError(msg)
        zero = level == 0.0 if scalar else bool(xp.any(level == 0))
        if zero and self._singular:
            msg = (
                f"{name}: expected noise_level > 0 because this law has no density and its {name} "
                "does not exist at level 0, got 0"
            )
            raise ValueError(msg)
        return xp, rows, level, single

    def _with_limits(self, xp: Any, y: Array, level: float | Array, formula: Any, limit: FloatArray) -> Array:
        at_infinity = as_array(xp, limit, y)
        shape = (y.shape[0], *at_infinity.shape)
        if isinstance(level, float):
            if math.isinf(level):
                return xp.broadcast_to(at_infinity, shape) + xp.zeros(shape, dtype=y.dtype, device=_checks.device_of(y))
            return self._blocks(xp, y, level, formula)
        infinite = xp.isinf(level)
        if not bool(xp.any(infinite)):
            return self._blocks(xp, y, level, formula)
        tame = xp.where(infinite, xp.ones_like(level), level)
        mask = xp.reshape(infinite, (y.shape[0],) + (1,) * at_infinity.ndim)
        return xp.where(mask, at_infinity, self._blocks(xp, y, tame, formula))

    def _blocks(self, xp: Any, y: Array, level: float | Array, formula: Any) -> Array:
        n = y.shape[0]
        step = max(1, BLOCK_ELEMENTS // self._block_width)
        with np.errstate(under="ignore", over="ignore"):
            if n <= step:
                return formula(xp, y, level)
            parts = []
            for start in range(0, n, step):
                rows = slice(start, start + step)
                part = level if isinstance(level, float) else level[rows]
                parts.append(formula(xp, y[rows], part))
        return xp.concat(parts, axis=0)


def positive_scale(alpha: object) -> float:
    """Return the factor of ``scaled``: a finite number > 0."""
    return _checks.real_number("alpha", alpha, minimum=0.0, strict=True)
