"""Hypothesis strategies of sensible range: phi, steps, grids, and tableaus of any structure."""

from __future__ import annotations

import functools
import math

import numpy as np
import sympy
from hypothesis import strategies as st

from ersde_theory import Draw, ForwardProcess, NoiseScale, Tableau, TimeGrid

NAMES = ("ode", "reverse_sde", "exp_reciprocal", "log_power", "exp_power", "power(1.5)", "power(2.5)")
LOG_POWER_TOP = 1000.0  # log_power is inadmissible from about 1022 on


@functools.cache
def from_sympy() -> NoiseScale:
    """Return exp_power by way of SymPy."""
    x = sympy.Symbol("x", positive=True)
    return NoiseScale.from_sympy(x * (sympy.exp(x ** sympy.Rational(3, 10)) + 10))


@functools.cache
def from_rate() -> NoiseScale:
    """Return phi = x (1 + x), given by tau^2 = x/(1 + x)."""
    return NoiseScale.from_tau_squared(lambda lam: lam / (1.0 + lam), "shifted")


@functools.cache
def noise_scale(name: str) -> NoiseScale:
    """Return a member by name, the two general constructors included."""
    general = {"sympy": from_sympy, "shifted": from_rate}
    return general[name]() if name in general else NoiseScale.from_name(name)


@st.composite
def log_steps(draw: st.DrawFn, lowest: float = 1e-4, highest: float = 1e4) -> tuple[float, float]:
    """Return two levels of a step whose log-step is anything from 1e-8 to the whole range."""
    span = math.log(highest / lowest)
    exponent = draw(st.floats(-8.0, math.log10(span)))
    length = min(10.0**exponent, span)
    position = draw(st.floats(0.0, 1.0))
    end = min(lowest * math.exp(position * (span - length)), highest)
    start = end * math.exp(length)
    return start, (end if end < start else end * (1 - 1e-8))


@st.composite
def level_lists(draw: st.DrawFn, top: float) -> TimeGrid:
    """Return a grid of listed levels with irregular log-steps between 1e-3 and 2, often ending at 0."""
    n = draw(st.integers(1, 12))
    logs = [draw(st.floats(-3.0, math.log10(2.0))) for _ in range(n)]
    start = draw(st.floats(math.log(0.5), math.log(top)))
    levels = np.exp(start - np.cumsum([0.0, *(10.0**x for x in logs)]))
    ends_at_zero = draw(st.booleans())
    return TimeGrid(np.append(levels, 0.0) if ends_at_zero else levels)


@st.composite
def process_grids(draw: st.DrawFn, top: float) -> TimeGrid:
    """Return a grid uniform in t of a process, from infinity where alpha is 0 and to 0 at t = 0."""
    name = draw(st.sampled_from(("vp_linear", "vp_cosine", "sub_vp", "ve", "edm", "rectified_flow")))
    process = ForwardProcess.from_name(name)
    from_infinity = name in ("vp_cosine", "rectified_flow") and top > LOG_POWER_TOP
    whole = from_infinity and draw(st.booleans())
    t_start = process.t_max if whole else float(process.time(min(top, draw(st.floats(0.5, 40.0)))))
    t_end = draw(st.sampled_from((0.0, 0.05, 0.3))) * t_start
    return TimeGrid.uniform_in_time(process, draw(st.integers(1, 16)), t_start, t_end)


@st.composite
def grids(draw: st.DrawFn, top: float = 1e4) -> TimeGrid:
    """Return a grid of any kind below a top level."""
    kind = draw(st.sampled_from(("karras", "log", "list", "process")))
    if kind == "list":
        return draw(level_lists(min(top, 200.0)))
    if kind == "process":
        return draw(process_grids(top))
    high = math.exp(draw(st.floats(0.0, math.log(top))))
    low = high * math.exp(-draw(st.floats(0.1, 12.0)))
    n, final_zero = draw(st.integers(1, 20)), draw(st.booleans())
    if kind == "log":
        return TimeGrid.uniform_in_log(n, high, low, final_zero=final_zero)
    return TimeGrid.karras(n, high, low, draw(st.floats(1.0, 10.0)), final_zero=final_zero)


@st.composite
def correlations(draw: st.DrawFn, n: int) -> dict[tuple[int, int], float]:
    """Return off-diagonal entries of a random correlation matrix of n draws, possibly none."""
    if n < 2 or not draw(st.booleans()):
        return {}
    factor = np.array([[draw(st.floats(-1.0, 1.0)) for _ in range(2)] for _ in range(n)])
    covariance = factor @ factor.T + 0.2 * np.eye(n)
    scale = np.sqrt(np.diag(covariance))
    matrix = covariance / np.outer(scale, scale)
    return {(i, j): float(matrix[i, j]) for i in range(n) for j in range(i + 1, n)}


@st.composite
def tableaus(draw: st.DrawFn) -> Tableau:
    """Return a random sampler: stages, old evaluations, draws used twice or never, correlated draws."""
    rows, n_draws = draw(st.integers(2, 7)), draw(st.integers(0, 4))
    number = st.floats(-1.5, 1.5).map(lambda v: round(v, 3))
    feeds = [draw(st.booleans()) for _ in range(rows)]
    known = np.append(0, np.cumsum(feeds)[:-1])
    evaluation = np.where(feeds, known, -1)
    window, drawn = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    data_columns = np.full((rows, window), -1)
    noise_columns = np.full((rows, drawn), -1)
    for r in range(1, rows):
        for w in range(window):
            data_columns[r, w] = draw(st.integers(-1, int(known[r]) - 1))
        for m in range(drawn):
            noise_columns[r, m] = draw(st.integers(-1, n_draws - 1))
    data = np.array([[draw(number) for _ in range(window)] for _ in range(rows)])
    noise = np.array([[draw(number) for _ in range(drawn)] for _ in range(rows)])
    alpha = np.array([draw(st.floats(0.2, 1.5)) for _ in range(rows)])
    return Tableau(
        name="random",
        alpha=alpha,
        sigma=np.array([draw(st.floats(0.0, 3.0)) for _ in range(rows)]),
        node=np.array([0, *([-1] * (rows - 2)), 1]),
        evaluation=evaluation,
        previous=np.array([1.0, *(draw(number) for _ in range(rows - 1))]),
        data_columns=data_columns,
        data=np.where(data_columns < 0, 0.0, data.reshape(rows, window)),
        noise_columns=noise_columns,
        noise=np.where(noise_columns < 0, 0.0, noise.reshape(rows, drawn)),
        draws=tuple(Draw(1.0, 0.5, "independent") for _ in range(n_draws)),
        draw_covariance=draw(correlations(n_draws)),
    )
