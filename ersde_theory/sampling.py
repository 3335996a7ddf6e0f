"""The one loop: runs any tableau on any array library, in blocks of rows that fit the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array, is_torch_array

from ersde_theory import _checks
from ersde_theory._combination import combine
from ersde_theory._noise_source import NoiseSource, noise_source
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.tableau import Tableau

Denoiser = Callable[[Any, float], Any]
BATCH_ELEMENTS = 2**15
MIN_BATCH_ROWS = 256


class NonFiniteError(FloatingPointError):
    """The denoiser returned nan or inf; the message says at which row of the tableau and which sample."""


@dataclass(frozen=True)
class Trajectory:
    """All states of a run.

    Attributes
    ----------
    noise_level : float64 array of shape (rows,)
        Level of each state; inf where alpha is 0.
    states : array of shape (rows, n, ...)
        In the tableau's coordinates; the last is what :func:`sample` returns otherwise.

    Examples
    --------
    >>> Trajectory(np.array([1.0]), np.zeros((1, 2, 3))).states.shape
    (1, 2, 3)
    """

    noise_level: np.ndarray
    states: Any


def sample(
    tab: Tableau,
    denoise: Denoiser,
    start: Any,
    noise: Any = None,
    *,
    return_trajectory: bool = False,
    batch_rows: int | None = None,
    threads: int = 1,
) -> Any:
    r"""Run a sampler from a start state to its last row.

    Parameters
    ----------
    tab : Tableau
        The sampler.
    denoise : callable
        ``denoise(y, noise_level)`` with y = x/alpha of shape (rows, ...) and a float level, to
        :math:`E[x_0 \mid y]` of the same shape and dtype. It may change or return its y, and use its
        output's memory again. At level inf (alpha = 0) y is the state in units of the
        noise, x/sigma. Must treat rows independently; called from several threads if `threads` > 1.
    start : array of shape (n, ...)
        float32 or float64, NumPy or torch (any device): row 0 in the tableau's coordinates. Not changed.
    noise : array of shape (tab.n_draws, n, ...), int, BrownianPath or None
        Standard normals; or a seed; or a path that holds the steps of the tableau, in the clock of the same
        phi (a tableau does not know its phi, so this is not checked). May be None if no draw has a weight.
    return_trajectory : bool
        Return all states.
    batch_rows : int, optional
        Rows per call of the denoiser. Default: blocks of 2^15 numbers (at least 256 rows) for NumPy, all rows
        for torch. The result does not depend on it beyond round-off of the denoiser.
    threads : int
        Batches run at once. The result does not depend on it.

    Returns
    -------
    array of shape (n, ...), or Trajectory
        Of the dtype and device of `start`.

    Raises
    ------
    TypeError
        If arguments are of the wrong kind or dtype.
    ValueError
        If shapes do not fit, the start is not finite, or the noise is missing or of the wrong shape.
    NonFiniteError
        If the denoiser returns nan or inf.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), order=1)
    >>> sample(tab, lambda y, noise_level: 0.5 * y, np.array([[8.0], [4.0]])).tolist()
    [[2.5], [1.25]]
    """
    _checks.instance(tab, "tab", Tableau)
    if not callable(denoise):
        msg = f"denoise: expected a callable, got {_checks.describe(denoise)}"
        raise TypeError(msg)
    xp = _checked_start(start)
    source = noise_source(noise, tab, start)
    rows = _batch_rows(batch_rows, start)
    n_threads = _checks.integer(threads, "threads", minimum=1)
    plan = _Plan(tab)
    n = start.shape[0]
    kept = tab.n_rows if return_trajectory else 1
    states = xp.empty((kept, *start.shape), dtype=start.dtype, device=device(start))

    def run(first: int) -> None:
        last = min(n, first + rows)
        block = start[first:last, ...]
        for r, state in _run_rows(plan, denoise, block, source, first, xp):
            if return_trajectory or r == tab.n_rows - 1:
                states[r if return_trajectory else 0, first:last, ...] = state

    batches = range(0, n, rows)
    if n_threads == 1 or len(batches) == 1:
        for first in batches:
            run(first)
    else:
        from threadpoolctl import threadpool_limits

        # the batches share the cores; threads inside each matrix product would fight over them
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
            for _ in pool.map(run, batches):
                pass
    return Trajectory(tab.noise_level, states) if return_trajectory else states[0, ...]


class _Plan:
    """A tableau's scalars as Python floats (a NumPy scalar would upcast float32), ready to run."""

    def __init__(self, tab: Tableau) -> None:
        self.n_rows = tab.n_rows
        self.previous = tab.previous.tolist()
        self.data = _used(tab.data_columns, tab.data)
        self.noise = _used(tab.noise_columns, tab.noise)
        self.evaluation = tab.evaluation.tolist()
        self.level = tab.noise_level.tolist()
        self.alpha = tab.alpha.tolist()
        self.sigma = tab.sigma.tolist()
        last_use = {k: r for r, row in enumerate(self.data) for k, _ in row}
        self.last_use = [last_use.get(k, 0) for k in range(tab.n_evaluations)]
        calls = [r for r, k in enumerate(self.evaluation) if k >= 0 and self.last_use[k] > r]
        self.next_call = [min((c for c in calls if c > r), default=tab.n_rows) for r in range(tab.n_rows)]


def _used(columns: np.ndarray, values: np.ndarray) -> list[list[tuple[int, float]]]:
    """Return the non-zero coefficients of each row as (column, float)."""
    return [
        [(k, v) for k, v in zip(c, b, strict=True) if k >= 0 and v != 0.0]
        for c, b in zip(columns.tolist(), values.tolist(), strict=True)
    ]


def _run_rows(
    plan: _Plan, denoise: Denoiser, start: Any, source: NoiseSource, first_row: int, xp: Any
) -> Iterator[tuple[int, Any]]:
    """Yield every row's index and state for one block of rows; the state is reused in place."""
    state = xp.asarray(start, copy=True)
    data: dict[int, Any] = {}
    for r in range(plan.n_rows):
        if r > 0:
            terms = [(weight, data[k]) for k, weight in plan.data[r]]
            last_row = first_row + state.shape[0]
            terms += [(weight, source.normals(m, first_row, last_row)) for m, weight in plan.noise[r]]
            combine(state, plan.previous[r], terms)
            for k in [k for k in data if plan.last_use[k] <= r]:
                del data[k]
        yield r, state
        k = plan.evaluation[r]
        if k >= 0 and plan.last_use[k] > r:
            unit = plan.alpha[r] if plan.alpha[r] > 0.0 else plan.sigma[r]
            # a copy, for the denoiser may return or change what it is given
            y = xp.asarray(state, copy=True) if unit == 1.0 else state / unit
            value = _checked_data(denoise(y, plan.level[r]), state, plan.level[r], r, first_row, xp)
            # kept beyond the next call, it must not be a buffer that the denoiser uses again
            data[k] = xp.asarray(value, copy=True) if plan.last_use[k] > plan.next_call[r] else value


def _checked_data(value: Any, state: Any, level: float, row: int, first_row: int, xp: Any) -> Any:
    """Return the denoiser's value if it has the state's shape and dtype and is finite."""
    if getattr(value, "shape", None) != state.shape or value.dtype != state.dtype:
        got = f"shape {getattr(value, 'shape', None)}, dtype {getattr(value, 'dtype', type(value).__name__)}"
        msg = f"denoise: expected an array of shape {tuple(state.shape)} and dtype {state.dtype}, got {got}"
        raise ValueError(msg)
    # one cheap reduction: a sum is finite unless an entry is not (or it overflows, which is looked at)
    if math.isfinite(float(xp.sum(value))):
        return value
    finite = xp.reshape(xp.isfinite(value), (value.shape[0], -1))
    if bool(xp.all(finite)):
        return value
    sample_index = first_row + int(xp.argmax(xp.astype(~xp.all(finite, axis=1), xp.int32)))
    msg = (
        f"denoise: expected finite values, got nan or inf at row {row} of the tableau (noise level "
        f"{level:g}), first in sample {sample_index}"
    )
    raise NonFiniteError(msg)


def _checked_start(start: Any) -> Any:
    """Return the array namespace of a start state that can be run."""
    if not (is_numpy_array(start) or is_torch_array(start)):
        msg = f"start: expected a NumPy or torch array, got {_checks.describe(start)}"
        raise TypeError(msg)
    xp = array_namespace(start)
    if start.dtype not in (xp.float32, xp.float64):
        msg = f"start: expected float32 or float64, got {start.dtype}"
        raise TypeError(msg)
    if start.ndim < 2 or start.shape[0] < 1:
        msg = f"start: expected shape (n, ...) with n >= 1, got {tuple(start.shape)}"
        raise ValueError(msg)
    if not bool(xp.all(xp.isfinite(start))):
        msg = "start: expected finite numbers, got nan or inf"
        raise ValueError(msg)
    return xp


def _batch_rows(batch_rows: int | None, start: Any) -> int:
    """Return the rows of a batch."""
    if batch_rows is not None:
        return _checks.integer(batch_rows, "batch_rows", minimum=1)
    if not is_numpy_array(start):
        return int(start.shape[0])
    return max(MIN_BATCH_ROWS, BATCH_ELEMENTS // max(1, math.prod(start.shape[1:])))


__all__ = ["BrownianPath", "Denoiser", "NonFiniteError", "Trajectory", "sample"]
