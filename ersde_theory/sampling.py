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
from ersde_theory._denoiser_call import copied, denoiser_call
from ersde_theory._finite_watch import NonFiniteError, all_finite, finite_watch
from ersde_theory._noise_source import BatchNoise, noise_source, worth_drawing_ahead
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.tableau import Tableau

Denoiser = Callable[[Any, float], Any]
BATCH_ELEMENTS = 2**15
MIN_BATCH_ROWS = 256


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
    first_row: int = 0,
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
        noise, x/sigma. Must treat rows independently; called from several threads if `threads` > 1. If it has
        a true attribute ``pure``, it promises to leave y alone, to keep no hold of it, and to return memory that it
        does not use again, without gradients: then nothing is copied (a change to y is noticed, and an error).
    start : array of shape (n, ...)
        float32 or float64, NumPy or torch (any device): row 0 in the tableau's coordinates. Not changed.
    noise : array of shape (tab.n_draws, n, ...), int, BrownianPath or None
        Standard normals; or a seed; or a path that holds the steps of the tableau, in the clock of the same
        phi (a tableau does not know its phi, so this is not checked). May be None if no draw has a weight.
    first_row : int
        Number of the start's first row among all rows of a run that is done in parts: it draws the noise of that
        row from a seed or a path, and errors count from it. An array of noise belongs to the rows of this start.
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
        If shapes do not fit, the start is not finite, the noise is missing or of the wrong shape, or a denoiser that
        says it is pure is not.
    NonFiniteError
        If the denoiser returns nan or inf. On a GPU the host learns it up to 16 evaluations later.

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
    origin = _checks.integer(first_row, "first_row", minimum=0)
    source = noise_source(noise, tab, start, origin)
    rows = _batch_rows(batch_rows, start)
    n_threads = _checks.integer(threads, "threads", minimum=1)
    plan = _Plan(tab)
    n = start.shape[0]
    kept = tab.n_rows if return_trajectory else 1
    states = xp.empty((kept, *start.shape), dtype=start.dtype, device=device(start))
    worker = ThreadPoolExecutor(1) if tab.is_stochastic and worth_drawing_ahead(start) else None

    def run(first: int) -> None:
        last = min(n, first + rows)
        drawn = BatchNoise(source, plan.noise, (origin + first, origin + last), worker)
        for r, state in _run_rows(plan, denoise, start[first:last, ...], drawn, origin + first):
            if return_trajectory or r == tab.n_rows - 1:
                states[r if return_trajectory else 0, first:last, ...] = state

    try:
        _run_batches(run, range(0, n, rows), n_threads)
    finally:
        if worker is not None:
            worker.shutdown(cancel_futures=True)
    return Trajectory(tab.noise_level, states) if return_trajectory else states[0, ...]


def _run_batches(run: Callable[[int], None], batches: range, threads: int) -> None:
    """Run all batches, some at a time."""
    if threads == 1 or len(batches) == 1:
        for first in batches:
            run(first)
        return
    from threadpoolctl import threadpool_limits

    # the batches share the cores; threads inside each matrix product would fight over them
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(run, batches):
            pass


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
    plan: _Plan, denoise: Denoiser, start: Any, noise: BatchNoise, first_row: int
) -> Iterator[tuple[int, Any]]:
    """Yield every row's index and state for one block of rows; the state is reused in place."""
    state = copied(start)
    watch = finite_watch(state, plan.level, first_row)
    call = denoiser_call(denoise, state)
    data: dict[int, Any] = {}
    for r in range(plan.n_rows):
        if r > 0:
            used = {k: data[k] for k, _ in plan.data[r]}
            terms = [(weight, data[k]) for k, weight in plan.data[r]]
            watch.used(used, combine(state, plan.previous[r], terms + noise.terms(r)))
            del used, terms
            for k in [k for k in data if plan.last_use[k] <= r]:
                del data[k]
            if r == plan.n_rows - 1:
                watch.finish()
        yield r, state
        k = plan.evaluation[r]
        if k >= 0 and plan.last_use[k] > r:
            noise.prepare(r + 1)
            unit = plan.alpha[r] if plan.alpha[r] > 0.0 else plan.sigma[r]
            try:
                value = call(state, unit, plan.level[r], plan.last_use[k] > plan.next_call[r])
            except Exception:
                watch.finish()  # what was not finite before is why
                raise
            watch.came(k, value, r)
            data[k] = value


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
    if not all_finite(start):
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
