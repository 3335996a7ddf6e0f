"""Hypothesis strategies of the laboratory: noise scale functions, nested grids, Gaussians and mixtures on the line."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from analytic import Gaussian, GaussianMixture
from ersde_theory.catalogue import Scheme, scheme, scheme_names
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.laboratory import Kind
from ersde_theory.laboratory._measure import declared_order
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.time_grid import TimeGrid

NAMED = ("ode", "reverse_sde", "exp_reciprocal", "log_power", "exp_power")
POWERS = st.floats(1.05, 3.0).map(lambda p: NoiseScale.power(round(p, 2)))


@st.composite
def waves(draw: st.DrawFn) -> NoiseScale:
    """Return phi of a smooth positive tau^2 that waves in ln(lambda)."""
    size, depth = math.exp(draw(st.floats(-3.0, 0.7))), draw(st.floats(0.0, 0.8))
    frequency, phase = draw(st.floats(0.2, 1.5)), draw(st.floats(0.0, 6.0))
    return NoiseScale.from_tau_squared(lambda lam: size * (1.0 + depth * np.sin(frequency * np.log(lam) + phase)))


NOISE_SCALES = st.one_of(st.sampled_from(NAMED).map(NoiseScale.from_name), POWERS, waves())


@st.composite
def grid_families(draw: st.DrawFn, highs: tuple[float, float], lows: tuple[float, float]) -> Callable[[int], TimeGrid]:
    """Return nested grids: Karras, uniform in ln(lambda), or uniform in the time of a VP process."""
    high, low = draw(st.floats(*highs)), draw(st.floats(*lows))
    kind = draw(st.sampled_from(("karras", "log", "time")))
    if kind == "karras":
        rho = draw(st.floats(3.0, 9.0))
        return lambda n: TimeGrid.karras(n, high, low, rho)
    if kind == "log":
        return lambda n: TimeGrid.uniform_in_log(n, high, low)
    process = ForwardProcess.vp_linear()
    start, end = float(process.time(high)), float(process.time(low))
    return lambda n: TimeGrid.uniform_in_time(process, n, start, end)


def gaussian(mean: float, variance: float, make_grid: Callable[[int], TimeGrid]) -> Problem:
    """Return a Gaussian problem on the line."""
    law = Gaussian(np.array([mean]), variance)
    return Problem(f"N({mean:g}, {variance:g})", "drawn", lambda: law, make_grid, (np.array(mean), np.array(variance)))


@st.composite
def gaussians(draw: st.DrawFn) -> Problem:
    """Return a Gaussian on the line."""
    mean, variance = draw(st.floats(0.3, 1.5)), math.exp(draw(st.floats(-3.0, 0.7)))
    return gaussian(mean, variance, draw(grid_families((3.0, 10.0), (0.05, 0.3))))


@st.composite
def mixtures(draw: st.DrawFn) -> Problem:
    """Return two or three overlapping Gaussians on the line."""
    count = draw(st.integers(2, 3))
    weights, means, spreads = (
        np.array([draw(st.floats(*span)) for _ in range(count)]) for span in ((0.2, 1.0), (-1.0, 1.0), (0.4, 0.7))
    )
    law = GaussianMixture(weights / weights.sum(), means[:, None], spreads**2)
    what = f"weights {weights}, means {means}, spreads {spreads}"
    return Problem("mixture", what, lambda: law, draw(grid_families((3.0, 6.0), (0.2, 0.5))))


def is_declared(entry: Scheme, noise_scale: NoiseScale, kind: Kind) -> bool:
    """Return whether a scheme declares an order of a kind on Gaussian data, and a path has noise to see it with."""
    if not entry.accepts(noise_scale) or (entry.own_noise and kind is not Kind.EXACT):
        return False
    if kind in (Kind.STRONG, Kind.LAW) and noise_scale.name == "ode":
        return False
    return declared_order(entry, noise_scale, kind, gaussian=True) is not None


@st.composite
def declared_cases(
    draw: st.DrawFn, kinds: tuple[Kind, ...], names: tuple[str, ...] = scheme_names()
) -> tuple[Scheme, NoiseScale, Kind]:
    """Return a scheme, a phi that it takes, and a kind of error whose order it declares."""
    entry = scheme(draw(st.sampled_from(names)))
    named = [name for name in entry.noise_scales if name != "power(p)"]
    if named:
        phi = NoiseScale.from_name(draw(st.sampled_from(named)))
    else:
        phi = draw(POWERS | st.just(NoiseScale.ode()) if entry.noise_scales else NOISE_SCALES)
    suited = [kind for kind in kinds if is_declared(entry, phi, kind)]
    assume(suited)
    return entry, phi, draw(st.sampled_from(suited))
