"""A Brownian motion in the clock ``V = lambda^2 / phi^2``, known through increments and areas over steps.

In ``u = Y / phi`` and the time ``A = 1 / phi`` the ER-SDE is ``du = D(phi u, lambda) dA + dB``. A
step from s to t knows ``dB = B_t - B_s`` and the area ``J = int (A_t - A) dB``; both add up
exactly under refinement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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

    Examples
    --------
    >>> step_covariances(lambda lam: lam, [4.0, 2.0, 1.0]).inverse_phi
    array([0.25, 0.5 , 1.  ])
    """

    inverse_phi: FloatArray
    middle_level: FloatArray
    variance: FloatArray
    cross: FloatArray
    area_variance: FloatArray
    middle_variance: FloatArray
    middle_cross: FloatArray


def phi_values(phi: Phi, levels: FloatArray) -> FloatArray:
    """Return phi at the levels, checked to be finite and positive."""
    values = np.asarray(phi(levels), dtype=np.float64)
    if values.shape != levels.shape:
        msg = f"phi: expected an answer of shape {levels.shape}, got shape {values.shape}"
        raise ValueError(msg)
    if not (np.isfinite(values).all() and (values > 0).all()):
        bad = values[~(np.isfinite(values) & (values > 0))].flat[0]
        msg = f"phi: expected finite numbers > 0, got {bad}"
        raise ValueError(msg)
    return values


def decreasing_levels(levels: npt.ArrayLike) -> FloatArray:
    """Return levels, checked to be positive and strictly decreasing."""
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
        above = phi_values(phi, middle) > wanted
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
    grid = decreasing_levels(levels)
    values = phi_values(phi, grid)
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


def safe_ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a / b, and 0 where b is not positive."""
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def conditional_area_variance(steps: StepCovariances) -> FloatArray:
    """Return Var(J given dB), zero where round-off leaves nothing."""
    left = steps.area_variance - safe_ratio(steps.cross**2, steps.variance)
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
    areas = safe_ratio(steps.cross, np.sqrt(steps.variance)).reshape(column) * normal
    rest = np.sqrt(conditional_area_variance(steps)).reshape(column)
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
    grid = decreasing_levels(levels)
    group = _checks.whole_number("factor", factor, minimum=1)
    n = len(grid) - 1
    if n % group:
        msg = f"factor: expected a divisor of {n} steps, got {group}"
        raise ValueError(msg)
    fine = noise_array("increments", increments, n, None)
    fine_areas = noise_array("areas", areas, n, fine.shape)
    inverse = 1.0 / phi_values(phi, grid)
    ends = np.repeat(inverse[group::group], group)
    lever = (ends - inverse[1:]).reshape((-1,) + (1,) * (fine.ndim - 1))
    grouped = (n // group, group, *fine.shape[1:])
    total = fine.reshape(grouped).sum(axis=1)
    return grid[::group], total, (fine_areas + lever * fine).reshape(grouped).sum(axis=1)


def noise_array(name: str, value: object, n: int, shape: tuple[int, ...] | None) -> FloatArray:
    """Return floats for n steps, of one shape where it is given."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        msg = f"{name}: expected floats, got dtype {array.dtype}"
        raise TypeError(msg)
    if array.ndim < 1 or len(array) != n or (shape is not None and array.shape != shape):
        wanted = f"{n} steps first" if shape is None else f"{shape}"
        msg = f"{name}: expected shape {wanted}, got shape {array.shape}"
        raise ValueError(msg)
    return np.asarray(array, dtype=np.float64)
