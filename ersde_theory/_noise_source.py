"""Where the loop's standard normals come from: an array, a seed or a Brownian path."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from array_api_compat import array_namespace, device, is_numpy_array

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.random_numbers import checked_seed, standard_normal
from ersde_theory.tableau import Tableau


class NoiseSource(Protocol):
    """Gives the standard normals of one draw for a range of rows; the caller does not change them."""

    def normals(self, draw: int, first_row: int, last_row: int) -> Any:
        """Return draw `draw` of the rows [first_row, last_row)."""


def noise_source(noise: Any, tab: Tableau, start: Any) -> NoiseSource:
    """Return the source for what a caller gave as noise, checked against the tableau and the start."""
    if noise is None:
        if tab.is_stochastic:
            msg = (
                f"noise: expected an array of {tab.n_draws} draws, a seed or a BrownianPath for a "
                f"stochastic tableau, got None"
            )
            raise ValueError(msg)
        return _NoNoise()
    if isinstance(noise, BrownianPath):
        return _PathNoise(noise, tab, start)
    if hasattr(noise, "shape") and getattr(noise, "ndim", 0) > 0:
        return _ArrayNoise(_checked_array(noise, tab, start))
    if isinstance(noise, bool) or not isinstance(noise, numbers.Integral):
        msg = f"noise: expected an array of draws, an integer seed or a BrownianPath, got {_checks.describe(noise)}"
        raise TypeError(msg)
    return _SeedNoise(checked_seed(noise), tab, start)


def _checked_array(noise: Any, tab: Tableau, start: Any) -> Any:
    """Return given normals if they fit."""
    wanted = (tab.n_draws, *start.shape)
    if tuple(noise.shape) != tuple(wanted):
        msg = f"noise: expected shape {tuple(wanted)}, got {tuple(noise.shape)}"
        raise ValueError(msg)
    if type(noise) is not type(start) or noise.dtype != start.dtype:
        msg = (
            f"noise: expected a {type(start).__name__} of dtype {start.dtype} like the start, got a "
            f"{type(noise).__name__} of dtype {noise.dtype}"
        )
        raise TypeError(msg)
    xp = array_namespace(noise)
    if not bool(xp.all(xp.isfinite(noise))):
        msg = "noise: expected finite numbers, got nan or inf"
        raise ValueError(msg)
    return noise


class _NoNoise:
    """The source of a sampler that asks for nothing."""

    def normals(self, draw: int, first_row: int, last_row: int) -> Any:  # noqa: ARG002
        msg = f"draw {draw} of a deterministic tableau was asked for"
        raise AssertionError(msg)


@dataclass(frozen=True)
class _ArrayNoise:
    """Normals that the caller gave."""

    noise: Any

    def normals(self, draw: int, first_row: int, last_row: int) -> Any:
        return self.noise[draw, first_row:last_row, ...]


@dataclass(frozen=True)
class _SeedNoise:
    """Normals of a seed, draw by draw; draws with a stated covariance are mixed from independent ones."""

    seed: int
    tab: Tableau
    start: Any

    def normals(self, draw: int, first_row: int, last_row: int) -> Any:
        row_shape = tuple(self.start.shape[1:])
        if not self.tab.draw_covariance:
            return _like(standard_normal(self.seed, draw, row_shape, first_row, last_row), self.start)
        total: Any = 0.0
        for j, weight in self._mixtures[draw]:
            total = total + weight * standard_normal(self.seed, j, row_shape, first_row, last_row)
        return _like(total, self.start)

    @cached_property
    def _mixtures(self) -> list[list[tuple[int, float]]]:
        """The independent normals that each draw is made of."""
        return _whitening_rows(self.tab)


@dataclass(frozen=True)
class _PathNoise:
    """Normals of a Brownian path."""

    path: BrownianPath
    tab: Tableau
    start: Any

    def __post_init__(self) -> None:
        _checks.instance(self.path, "noise", BrownianPath)
        for draw in self.tab.draws:
            self.path.combination(draw)

    def normals(self, draw: int, first_row: int, last_row: int) -> Any:
        row_shape = tuple(self.start.shape[1:])
        return _like(self.path.normals(self.tab.draws[draw], row_shape, first_row, last_row), self.start)


def _like(array: Any, start: Any) -> Any:
    """Return host float64 numbers in the library, dtype and device of the start state."""
    if is_numpy_array(start):
        return array.astype(start.dtype, copy=False)
    xp = array_namespace(start)
    return xp.asarray(array).to(dtype=start.dtype, device=device(start))


def _whitening_rows(tab: Tableau) -> list[list[tuple[int, float]]]:
    """Return, for each draw, the independent normals it is made of."""
    from ersde_theory._tableau_structure import whitening_factor

    factor = whitening_factor(tab).tocsr()
    pairs = []
    for m in range(tab.n_draws):
        span = slice(factor.indptr[m], factor.indptr[m + 1])
        pairs.append(list(zip(factor.indices[span].tolist(), factor.data[span].tolist(), strict=True)))
    return pairs
