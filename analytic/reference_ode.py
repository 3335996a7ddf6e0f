"""Reference solutions of the probability-flow ODE by an adaptive Runge-Kutta method of order 8.

Two independent routes: in canonical coordinates y, and in x of any process without ever mapping to
y. Both take plain callables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray

Field = Callable[[FloatArray, float], Any]
Progress = Callable[[int, int], None]

TIGHTEST_RTOL = 3e-14


def solve_ode(
    denoise: Field,
    y: npt.ArrayLike,
    lam_start: float,
    lam_end: float,
    rtol: float = 1e-12,
    atol: float | None = None,
    levels: Sequence[float] | FloatArray | None = None,
    progress: Progress | None = None,
) -> FloatArray:
    """Solve ``dy/d ln(lambda) = y - D(y, lambda)``, the ODE of math section 2 with ``phi = x``.

    DOP853 (Hairer, Norsett, Wanner, Solving ODEs I, II.5) in ln(lambda). The method controls the
    root mean square over all numbers it carries; so that every single one is held to ``rtol``, the
    tolerance it gets is divided by the root of their count (not below 3e-14).

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)`` for ``y`` of shape (n, d), float64, and a float level.
    y : array_like, shape (n, d)
        State at ``lam_start``.
    lam_start, lam_end : float
        Levels > 0, in either order.
    rtol : float
        Relative tolerance per step, between 3e-14 and 0.1.
    atol : float, optional
        Absolute tolerance per step in units of y; ``rtol`` times ``min(1, smallest level)`` if
        left out.
    levels : sequence of float, shape (m,), optional
        Levels from ``lam_start`` to ``lam_end``, strictly monotone, where the solution is wanted.
        Each is hit by a step (no interpolation).
    progress : callable, optional
        Called as ``progress(done, total)`` after each requested level.

    Returns
    -------
    ndarray, float64, shape (n, d), or (m, n, d) with ``levels``

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a shape or a value is out of range, or ``denoise`` returns another shape or non-finite
        numbers.
    RuntimeError
        If the step size falls below what float64 resolves.

    Examples
    --------
    >>> import numpy as np
    >>> from analytic import Gaussian, gaussian_ode_solution, solve_ode
    >>> y = np.array([[3.0], [-1.0]])
    >>> exact = gaussian_ode_solution(y, 0.5, 0.25, 5.0, 0.05)
    >>> bool(np.abs(solve_ode(Gaussian(0.5, 0.25).denoise, y, 5.0, 0.05) - exact).max() < 1e-11)
    True
    """
    start = _checks.real_number("lam_start", lam_start, minimum=0.0, strict=True)
    end = _checks.real_number("lam_end", lam_end, minimum=0.0, strict=True)
    marks = _marks("levels", levels, start, end)

    def slope(state: FloatArray, log_level: float) -> FloatArray:
        return np.asarray(state - np.asarray(denoise(state, math.exp(log_level))))

    floor = min(1.0, start, end)
    times = np.log(marks)
    path = _integrate(slope, "denoise", y, times, rtol, atol, floor, progress)
    return path if levels is not None else path[-1]


def solve_ode_x(
    score_x: Field,
    drift: Callable[[float], float],
    diffusion_squared: Callable[[float], float],
    x: npt.ArrayLike,
    t_start: float,
    t_end: float,
    rtol: float = 1e-12,
    atol: float | None = None,
    times: Sequence[float] | FloatArray | None = None,
    progress: Progress | None = None,
) -> FloatArray:
    """Solve the probability-flow ODE ``dx/dt = f(t) x - g(t)^2 / 2 grad log p_t(x)`` in x itself.

    The same integrator as :func:`solve_ode`, in t. Nothing here knows of alpha, sigma or y.

    Parameters
    ----------
    score_x : callable
        ``score_x(x, t)``, the gradient of the log density of x_t, for ``x`` of shape (n, d).
    drift : callable
        ``f(t)``, a float.
    diffusion_squared : callable
        ``g(t)**2``, a float >= 0.
    x : array_like, shape (n, d)
        State at ``t_start``.
    t_start, t_end : float
        Times, in either order.
    rtol : float
        Relative tolerance per step, between 3e-14 and 0.1.
    atol : float, optional
        Absolute tolerance per step in units of x; ``rtol / 100`` if left out.
    times : sequence of float, shape (m,), optional
        Times from ``t_start`` to ``t_end``, strictly monotone, where the solution is wanted.
    progress : callable, optional
        Called as ``progress(done, total)`` after each requested time.

    Returns
    -------
    ndarray, float64, shape (n, d), or (m, n, d) with ``times``

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a shape or a value is out of range, or ``score_x`` returns another shape or non-finite
        numbers.
    RuntimeError
        If the step size falls below what float64 resolves.

    Examples
    --------
    >>> import numpy as np
    >>> from analytic import solve_ode_x
    >>> score_x = lambda x, t: -x / (1.0 + t * t)  # variance exploding, sigma = t, data N(0, 1)
    >>> x = solve_ode_x(score_x, lambda t: 0.0, lambda t: 2.0 * t, np.array([[5.0]]), 2.0, 0.5)
    >>> bool(abs(x[0, 0] - 5.0 * np.sqrt(1.25 / 5.0)) < 1e-11)
    True
    """
    start, end = _checks.real_number("t_start", t_start), _checks.real_number("t_end", t_end)
    marks = _marks("times", times, start, end)

    def slope(state: FloatArray, t: float) -> FloatArray:
        pull = 0.5 * float(diffusion_squared(t)) * np.asarray(score_x(state, t))
        return np.asarray(float(drift(t)) * state - pull)

    path = _integrate(slope, "score_x", x, marks, rtol, atol, 0.01, progress)
    return path if times is not None else path[-1]


def _marks(name: str, wanted: object | None, start: float, end: float) -> FloatArray:
    if start == end:
        msg = f"{name}: expected a start and an end that differ, got {start} twice"
        raise ValueError(msg)
    if wanted is None:
        return np.array([start, end])
    marks = _checks.host_array(name, wanted, ndims=(1,), what="a sequence of numbers")
    steps = np.diff(marks) * (1.0 if end > start else -1.0)
    if len(marks) < 2 or marks[0] != start or marks[-1] != end or not (steps > 0).all():
        msg = (
            f"{name}: expected a strictly monotone sequence from {start} to {end}, "
            f"got {len(marks)} numbers from {marks[0]} to {marks[-1]}"
        )
        raise ValueError(msg)
    return marks


def _integrate(
    slope: Field,
    source: str,
    state: npt.ArrayLike,
    times: FloatArray,
    rtol: float,
    atol: float | None,
    floor: float,
    progress: Progress | None,
) -> FloatArray:
    """Carry a state of shape (n, d) through the given times; return it at each of them."""
    from scipy.integrate import DOP853

    first = _checks.host_array("state", state, ndims=(2,), what="a state of shape (n, d)")
    relative = _checks.real_number("rtol", rtol, minimum=TIGHTEST_RTOL)
    if relative > 0.1:
        msg = f"rtol: expected a number <= 0.1, got {relative}"
        raise ValueError(msg)
    absolute = relative * floor if atol is None else atol
    absolute = _checks.real_number("atol", absolute, minimum=0.0, strict=True)
    share = math.sqrt(first.size)
    relative, absolute = max(relative / share, TIGHTEST_RTOL), absolute / share

    def field(t: float, flat: FloatArray) -> FloatArray:
        value = slope(flat.reshape(first.shape), t)
        if value.shape != first.shape:
            msg = f"{source}: expected an answer of shape {first.shape}, got shape {value.shape}"
            raise ValueError(msg)
        if not np.isfinite(value).all():
            msg = f"{source}: expected finite numbers, got some that are not, at {t:.6g}"
            raise ValueError(msg)
        return np.asarray(value, dtype=np.float64).reshape(-1)

    path = np.empty((len(times), *first.shape))
    path[0] = first
    step: float | None = None
    for k in range(1, len(times)):
        span = abs(times[k] - times[k - 1])
        solver = DOP853(
            field,
            times[k - 1],
            path[k - 1].reshape(-1),
            times[k],
            rtol=relative,
            atol=absolute,
            first_step=None if step is None else min(step, span),
        )
        while solver.status == "running":
            before = solver.h_abs
            problem = solver.step()
            if solver.status == "failed":
                msg = f"{source}: expected a solvable ODE, got: {problem} (at {solver.t:.6g})"
                raise RuntimeError(msg)
        step = max(float(before), float(solver.h_abs))
        path[k] = solver.y.reshape(first.shape)
        if progress is not None:
            progress(k, len(times) - 1)
    return path
