"""Reference solution of the ER-SDE on a fine grid, driven by a given Brownian motion.

In ``u = Y / phi`` and the time ``A = 1 / phi`` the ER-SDE is ``du = D(phi u, lambda) dA + dB``,
with B a Brownian motion in the clock ``V = lambda^2 / phi^2``: the noise is additive, and the
drift is the denoiser itself. A step knows ``dB = B_t - B_s`` and the area ``J = int (A_t - A)
dB``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray

Phi = Callable[[FloatArray], npt.ArrayLike]

NODES = 8
BISECTIONS = 70
NO_NOISE = 1e-13


class StepCovariances(NamedTuple):
    """Per step of a grid of N + 1 levels, each of shape (N,) unless stated.

    ``inverse_phi`` (N + 1,): the times A; ``middle_level``: the level at the middle of a step in A;
    ``variance``: Var dB; ``cross``: Cov(dB, J); ``area_variance``: Var J; ``middle_variance`` and
    ``middle_cross``: covariances of ``B_middle - B_s`` with dB (also its variance) and with J.
    """

    inverse_phi: FloatArray
    middle_level: FloatArray
    variance: FloatArray
    cross: FloatArray
    area_variance: FloatArray
    middle_variance: FloatArray
    middle_cross: FloatArray


def _phi_values(phi: Phi, levels: FloatArray) -> FloatArray:
    values = np.asarray(phi(levels), dtype=np.float64)
    if values.shape != levels.shape:
        msg = f"phi: expected an answer of shape {levels.shape}, got shape {values.shape}"
        raise ValueError(msg)
    if not (np.isfinite(values).all() and (values > 0).all()):
        bad = values[~(np.isfinite(values) & (values > 0))].flat[0]
        msg = f"phi: expected finite numbers > 0, got {bad}"
        raise ValueError(msg)
    return values


def _levels(levels: npt.ArrayLike) -> FloatArray:
    grid = _checks.host_array("levels", levels, ndims=(1,), what="levels of shape (N + 1,)")
    if len(grid) < 2 or not (np.diff(grid) < 0).all() or grid[-1] <= 0:
        msg = (
            "levels: expected at least two strictly decreasing levels > 0, "
            f"got {len(grid)} from {grid[0]} to {grid[-1]}"
        )
        raise ValueError(msg)
    return grid


def _level_of(phi: Phi, wanted: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Solve ``phi(level) = wanted`` for levels between ``low`` and ``high``, by bisection."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        above = _phi_values(phi, middle) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(0.5 * (low + high))


def step_covariances(phi: Phi, levels: npt.ArrayLike) -> StepCovariances:
    """Return the covariances of ``(dB, J)`` over each step, by Gauss-Legendre quadrature in A.

    By parts ``Cov(dB, J) = int (V - V_s) dA`` and ``Var J = 2 int (A_t - A)(V - V_s) dA``, with no
    derivative of phi. A step whose clock advances by less than 1e-13 of itself counts as noiseless
    (phi = x is).

    Parameters
    ----------
    phi : callable
        Noise scale function, positive and increasing, for an array of levels; any constant factor.
    levels : array_like, shape (N + 1,)
        Strictly decreasing levels > 0.

    Returns
    -------
    StepCovariances

    Raises
    ------
    TypeError
        If the levels are not real.
    ValueError
        If the levels are not decreasing and positive, phi is not positive and increasing, or its
        clock runs backwards (phi / lambda decreases: inadmissible).

    Examples
    --------
    >>> import numpy as np
    >>> steps = step_covariances(lambda lam: lam**2, [2.0, 1.0])
    >>> float(steps.variance[0]), round(float(steps.cross[0]), 12)  # V = 1 / lambda^2 = A
    (0.75, 0.28125)
    """
    grid = _levels(levels)
    values = _phi_values(phi, grid)
    if not (np.diff(values) < 0).all():
        msg = "phi: expected an increasing function, got one that is not on these levels"
        raise ValueError(msg)
    inverse, clock = 1.0 / values, (grid / values) ** 2
    span = np.diff(inverse)
    advance = _advance(clock[1:], clock[:-1])
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0

    def clock_since_start(shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        times = inverse[:-1, None] + span[:, None] * shares
        low, high = (np.repeat(g[:, None], shares.shape[-1], axis=1) for g in (grid[1:], grid[:-1]))
        lam = _level_of(phi, 1.0 / times, low, high)
        since = _advance((lam * times) ** 2, clock[:-1, None])
        return np.where(advance[:, None] > 0, since, 0.0), lam

    whole, _ = clock_since_start(nodes[None, :])
    half, _ = clock_since_start(nodes[None, :] / 2.0)
    middle, middle_level = (array[:, 0] for array in clock_since_start(np.array([[0.5]])))
    # int over [s, m] of (A_t - A) dV = (A_t - A_m) (V_m - V_s) + int over [s, m] of (V - V_s) dA
    middle_cross = 0.5 * span * (middle + half @ weights)
    return StepCovariances(
        inverse,
        middle_level,
        advance,
        span * (whole @ weights),
        2.0 * span**2 * ((whole * (1.0 - nodes)) @ weights),
        middle,
        middle_cross,
    )


def _advance(later: FloatArray, earlier: FloatArray) -> FloatArray:
    gained = later - earlier
    negligible = NO_NOISE * earlier
    if (gained < -negligible).any():
        worst = float((gained / earlier).min())
        msg = f"phi: expected phi / lambda non-decreasing, got a relative clock change of {worst:.3g}"
        raise ValueError(msg)
    return np.where(gained > negligible, gained, 0.0)


def _safe_ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def _conditional_area_variance(steps: StepCovariances) -> FloatArray:
    """Return Var(J given dB), zero where round-off leaves nothing."""
    left = steps.area_variance - _safe_ratio(steps.cross**2, steps.variance)
    return np.where(left > 0, left, 0.0)


def draw_brownian(
    phi: Phi, levels: npt.ArrayLike, shape: tuple[int, ...], seed: int | np.random.Generator = 0
) -> tuple[FloatArray, FloatArray]:
    """Draw increments and areas of the Brownian motion in the clock V, jointly.

    Parameters
    ----------
    phi : callable
        As for :func:`step_covariances`.
    levels : array_like, shape (N + 1,)
        Strictly decreasing levels > 0.
    shape : tuple of int
        Shape (n, d) of the state.
    seed : int or numpy.random.Generator
        Source of randomness.

    Returns
    -------
    increments, areas : ndarray, shape (N, n, d), float64

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        As for :func:`step_covariances`.

    Examples
    --------
    >>> increments, areas = draw_brownian(lambda lam: lam**2, [4.0, 2.0, 1.0], (3, 2), seed=1)
    >>> increments.shape, areas.shape
    ((2, 3, 2), (2, 3, 2))
    """
    steps = step_covariances(phi, levels)
    sizes = tuple(_checks.whole_number("shape", size, minimum=1) for size in shape)
    first, second = _checks.random_streams(seed, 2)
    column = (-1,) + (1,) * len(sizes)
    normal = first.standard_normal((len(steps.variance), *sizes))
    increments = np.sqrt(steps.variance).reshape(column) * normal
    areas = _safe_ratio(steps.cross, np.sqrt(steps.variance)).reshape(column) * normal
    rest = np.sqrt(_conditional_area_variance(steps)).reshape(column)
    areas += rest * second.standard_normal(areas.shape)
    return increments, areas


def coarsen_brownian(
    phi: Phi,
    levels: npt.ArrayLike,
    increments: FloatArray,
    areas: FloatArray,
    factor: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Add up increments and areas of ``factor`` steps at a time: the same Brownian motion, coarser.

    ``dB = sum dB_j`` and ``J = sum J_j + (A_end - A_(j+1)) dB_j``, exactly.

    Parameters
    ----------
    phi : callable
        As for :func:`step_covariances`.
    levels : array_like, shape (N + 1,)
        Fine levels.
    increments, areas : ndarray, shape (N, ...)
        On the fine levels.
    factor : int
        A divisor of N.

    Returns
    -------
    levels, increments, areas : ndarray
        Shapes (N / factor + 1,), (N / factor, ...) and (N / factor, ...).

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes do not fit or ``factor`` does not divide N.

    Examples
    --------
    >>> phi, levels = (lambda lam: lam**2), [4.0, 2.0, 1.0]
    >>> increments, areas = draw_brownian(phi, levels, (3, 2), seed=1)
    >>> coarse, total, area = coarsen_brownian(phi, levels, increments, areas, 2)
    >>> coarse.tolist(), total.shape
    ([4.0, 1.0], (1, 3, 2))
    """
    grid = _levels(levels)
    group = _checks.whole_number("factor", factor, minimum=1)
    n = len(grid) - 1
    if n % group:
        msg = f"factor: expected a divisor of {n} steps, got {group}"
        raise ValueError(msg)
    fine = _noise("increments", increments, n, None)
    fine_areas = _noise("areas", areas, n, fine.shape)
    inverse = 1.0 / _phi_values(phi, grid)
    ends = np.repeat(inverse[group::group], group)
    lever = (ends - inverse[1:]).reshape((-1,) + (1,) * (fine.ndim - 1))
    grouped = (n // group, group, *fine.shape[1:])
    total = fine.reshape(grouped).sum(axis=1)
    return grid[::group], total, (fine_areas + lever * fine).reshape(grouped).sum(axis=1)


def _noise(name: str, value: object, n: int, shape: tuple[int, ...] | None) -> FloatArray:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        msg = f"{name}: expected floats, got dtype {array.dtype}"
        raise TypeError(msg)
    if array.ndim < 1 or len(array) != n or (shape is not None and array.shape != shape):
        wanted = f"{n} steps first" if shape is None else f"{shape}"
        msg = f"{name}: expected shape {wanted}, got shape {array.shape}"
        raise ValueError(msg)
    return np.asarray(array, dtype=np.float64)


class _Weights(NamedTuple):
    """Per step: the weights of dB and J in the mean of ``B_middle - B_s`` and in its split."""

    of_increment: FloatArray
    of_area: FloatArray
    split_increment: FloatArray
    split_area: FloatArray


def _middle_weights(steps: StepCovariances, *, with_areas: bool) -> _Weights:
    slope = _safe_ratio(steps.cross, steps.variance)
    plain = _safe_ratio(steps.middle_variance, steps.variance)
    nothing = np.zeros_like(plain)
    if not with_areas:
        return _Weights(plain, nothing, nothing, nothing)
    rest = _conditional_area_variance(steps)
    covariance = steps.middle_cross - slope * steps.middle_variance
    of_area = _safe_ratio(covariance, rest)
    unexplained = steps.middle_variance * (1.0 - plain) - of_area * covariance
    split = np.sqrt(_safe_ratio(np.maximum(unexplained, 0.0), rest))
    return _Weights(plain - of_area * slope, of_area, -split * slope, split)


def solve_sde(
    denoise: Callable[[FloatArray, float], Any],
    phi: Phi,
    levels: npt.ArrayLike,
    y_start: npt.ArrayLike,
    brownian_increments: FloatArray,
    areas: FloatArray | None = None,
    return_trajectory: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Solve the ER-SDE on a fine grid along a given Brownian motion.

    The classical Runge-Kutta method of order 4 in A for ``du/dA = D(phi (u + b(A)))``, where b is
    the conditional mean of ``B - B_s`` given what a step knows, and the two middle stages carry
    ``b +- w``, with w of the variance that b lacks there, made of the part of J that is
    independent of dB. The stages then have the right mean square, which a smoothed path alone has
    not (Roessler 2010, additive noise). Nothing is shared with exponential multistep schemes.

    With areas: strong order 1.5 (2 on Gaussian data), weak order 2 (4 on Gaussian data), order 4
    for the ODE. Without: strong order 1. Four evaluations a step.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)`` for ``y`` of shape (n, d), float64, and a float level.
    phi : callable
        Noise scale function, positive, increasing and admissible, for an array of levels.
    levels : array_like, shape (N + 1,)
        Strictly decreasing levels > 0.
    y_start : array_like, shape (n, d)
        State at ``levels[0]``.
    brownian_increments : ndarray, shape (N, n, d)
        ``dB`` over each step, of variance ``V_t - V_s`` with ``V = lambda^2 / phi^2``
        (:func:`draw_brownian`).
    areas : ndarray, shape (N, n, d), optional
        ``J = int (A_t - A) dB`` over each step, ``A = 1 / phi``.
    return_trajectory : bool
        Return the state at every level.
    progress : callable, optional
        Called as ``progress(done, total)`` after each step.

    Returns
    -------
    ndarray, float64, shape (n, d), or (N + 1, n, d) with ``return_trajectory``

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes do not fit, a value is out of range, or ``denoise`` returns non-finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from analytic import Gaussian
    >>> phi, levels = (lambda lam: lam**2), np.geomspace(5.0, 0.05, 201)
    >>> increments, areas = draw_brownian(phi, levels, (4, 1), seed=0)
    >>> y = 5.0 * np.ones((4, 1))
    >>> solve_sde(Gaussian(0.7, 0.25).denoise, phi, levels, y, increments, areas).shape
    (4, 1)
    """
    grid = _levels(levels)
    start = _checks.host_array("y_start", y_start, ndims=(2,), what="a state of shape (n, d)")
    n = len(grid) - 1
    shape = (n, *start.shape)
    increments = _noise("brownian_increments", brownian_increments, n, shape)
    known_areas = None if areas is None else _noise("areas", areas, n, shape)
    steps = step_covariances(phi, grid)
    weights = _middle_weights(steps, with_areas=areas is not None)

    def drift(u: FloatArray, time: float, level: float) -> FloatArray:
        value = np.asarray(denoise(u / time, level), dtype=np.float64)
        if value.shape != u.shape or not np.isfinite(value).all():
            what = f"shape {value.shape}" if value.shape != u.shape else "numbers that are not"
            msg = f"denoise: expected finite numbers of shape {u.shape}, got {what}, at {level:.6g}"
            raise ValueError(msg)
        return value

    u = start * steps.inverse_phi[0]
    path = [start] if return_trajectory else []
    for k in range(n):
        now, then = float(steps.inverse_phi[k]), float(steps.inverse_phi[k + 1])
        span, middle = then - now, 0.5 * (now + then)
        middle_level = float(steps.middle_level[k])
        jump = increments[k]
        bend, split = weights.of_increment[k] * jump, weights.split_increment[k] * jump
        if known_areas is not None:
            bend = bend + weights.of_area[k] * known_areas[k]
            split = split + weights.split_area[k] * known_areas[k]
        f1 = drift(u, now, float(grid[k]))
        f2 = drift(u + 0.5 * span * f1 + bend + split, middle, middle_level)
        f3 = drift(u + 0.5 * span * f2 + bend - split, middle, middle_level)
        f4 = drift(u + span * f3 + jump, then, float(grid[k + 1]))
        u = u + span * ((f1 + f4) / 6.0 + (f2 + f3) / 3.0) + jump
        if return_trajectory:
            path.append(u / then)
        if progress is not None:
            progress(k + 1, n)
    return np.stack(path) if return_trajectory else np.asarray(u / steps.inverse_phi[-1])
