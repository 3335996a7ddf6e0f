"""Where the loop's standard normals come from: an array, a seed or a Brownian path."""

from __future__ import annotations

import numbers
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from ersde_theory import _checks
from ersde_theory._finite_watch import all_finite
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.random_numbers import checked_seed, standard_normal
from ersde_theory.tableau import Tableau


class NoiseSource(Protocol):
    """Gives the standard normals of one draw for a range of rows; the caller does not change them.

    The work is done by ``drawn``, on the host and in any thread; ``placed`` brings its result to the state's device.
    """

    def drawn(self, draw: int, first_row: int, last_row: int) -> Any:
        """Return draw `draw` of the rows [first_row, last_row) where it was made."""

    def placed(self, numbers: Any) -> Any:
        """Return what was drawn in the library and dtype and on the device of the state."""


class BatchNoise:
    """The noise of one batch of rows, drawn ahead by a worker, where there is one, while the network runs."""

    def __init__(
        self, source: NoiseSource, draws: list[list[tuple[int, float]]], rows: tuple[int, int], worker: Executor | None
    ) -> None:
        self._source = source
        self._draws = draws
        self._rows = rows
        self._worker = worker
        self._ahead: dict[int, Future[Any]] = {}

    def terms(self, r: int) -> list[tuple[float, Any]]:
        """Return weight and normals of each draw of a row of the tableau."""
        return [(weight, self._source.placed(self._numbers(m))) for m, weight in self._draws[r]]

    def prepare(self, r: int) -> None:
        """Let the worker begin with the draws of a row of the tableau."""
        if self._worker is not None and r < len(self._draws):
            for m, _ in self._draws[r]:
                if m not in self._ahead:
                    self._ahead[m] = self._worker.submit(self._source.drawn, m, *self._rows)

    def _numbers(self, draw: int) -> Any:
        ahead = self._ahead.pop(draw, None)
        return self._source.drawn(draw, *self._rows) if ahead is None else ahead.result()


def worth_drawing_ahead(start: Any) -> bool:
    """Return whether a second thread that draws pays: where the network leaves the host's cores alone."""
    return is_torch_array(start) and start.device.type != "cpu"


def noise_source(noise: Any, tab: Tableau, start: Any, first_row: int = 0) -> NoiseSource:
    """Return the source for what a caller gave as noise, checked; the start's first row has number `first_row`."""
    if noise is None:
        if tab.is_stochastic:
            msg = (
                f"noise: expected an array of {tab.n_draws} draws, a seed or a BrownianPath for a "
                f"stochastic tableau, got None"
            )
            raise ValueError(msg)
        return _NoNoise()
    if isinstance(noise, BrownianPath):
        return _PathNoise(tab, start, noise)
    if hasattr(noise, "shape") and getattr(noise, "ndim", 0) > 0:
        return _ArrayNoise(_checked_array(noise, tab, start), first_row)
    if isinstance(noise, bool) or not isinstance(noise, numbers.Integral):
        msg = f"noise: expected an array of draws, an integer seed or a BrownianPath, got {_checks.describe(noise)}"
        raise TypeError(msg)
    return _SeedNoise(tab, start, checked_seed(noise))


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
    if not all_finite(noise):
        msg = "noise: expected finite numbers, got nan or inf"
        raise ValueError(msg)
    return noise


class _NoNoise:
    """The source of a sampler that asks for nothing."""

    def drawn(self, draw: int, first_row: int, last_row: int) -> Any:  # noqa: ARG002
        msg = f"draw {draw} of a deterministic tableau was asked for"
        raise AssertionError(msg)

    def placed(self, numbers: Any) -> Any:
        return numbers


@dataclass(frozen=True)
class _ArrayNoise:
    """Normals that the caller gave; their first row is the start's."""

    noise: Any
    first_row: int

    def drawn(self, draw: int, first_row: int, last_row: int) -> Any:
        return self.noise[draw, first_row - self.first_row : last_row - self.first_row, ...]

    def placed(self, numbers: Any) -> Any:
        return numbers


@dataclass(frozen=True)
class _HostNoise:
    """Normals made on the host, in float64, for a start state of any library, dtype and device."""

    tab: Tableau
    start: Any

    def placed(self, numbers: Any) -> Any:
        if is_numpy_array(self.start):
            return numbers.astype(self.start.dtype, copy=False)
        # without blocking: from pinned memory, which torch does not use again before the copy is done
        return numbers.to(dtype=self.start.dtype, device=self.start.device, non_blocking=True)


@dataclass(frozen=True)
class _SeedNoise(_HostNoise):
    """Normals of a seed, draw by draw; draws with a stated covariance are mixed from independent ones."""

    seed: int

    def drawn(self, draw: int, first_row: int, last_row: int) -> Any:
        place, view, threads = _host_memory(self.start, last_row - first_row)
        rows = (tuple(self.start.shape[1:]), first_row, last_row)
        if not self.tab.draw_covariance:
            standard_normal(self.seed, draw, *rows, out=view, threads=threads)
            return place
        total: Any = 0.0
        for j, weight in self._mixtures[draw]:
            total = total + weight * standard_normal(self.seed, j, *rows, threads=threads)
        view[...] = total
        return place

    @cached_property
    def _mixtures(self) -> list[list[tuple[int, float]]]:
        """The independent normals that each draw is made of."""
        return _whitening_rows(self.tab)


@dataclass(frozen=True)
class _PathNoise(_HostNoise):
    """Normals of a Brownian path."""

    path: BrownianPath

    def __post_init__(self) -> None:
        _checks.instance(self.path, "noise", BrownianPath)
        for draw in self.tab.draws:
            self.path.combination(draw)

    def drawn(self, draw: int, first_row: int, last_row: int) -> Any:
        place, view, _ = _host_memory(self.start, last_row - first_row)
        view[...] = self.path.normals(self.tab.draws[draw], tuple(self.start.shape[1:]), first_row, last_row)
        return place


def _host_memory(start: Any, rows: int) -> tuple[Any, np.ndarray, int]:
    """Return memory for a draw, the same as a NumPy array, and how many threads may fill it.

    It is a tensor of the start's dtype for a torch start, pinned for a GPU's; for NumPy a float64 array.
    """
    shape = (rows, *start.shape[1:])
    if is_numpy_array(start):
        array = np.empty(shape)
        return array, array, 1
    import torch

    tensor = torch.empty(shape, dtype=start.dtype, pin_memory=start.device.type == "cuda")
    return tensor, tensor.numpy(), torch.get_num_threads()


def _whitening_rows(tab: Tableau) -> list[list[tuple[int, float]]]:
    """Return, for each draw, the independent normals it is made of."""
    from ersde_theory._tableau_structure import whitening_factor

    factor = whitening_factor(tab).tocsr()
    pairs = []
    for m in range(tab.n_draws):
        span = slice(factor.indptr[m], factor.indptr[m + 1])
        pairs.append(list(zip(factor.indices[span].tolist(), factor.data[span].tolist(), strict=True)))
    return pairs
