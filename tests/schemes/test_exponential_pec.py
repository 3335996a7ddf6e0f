"""The predictor-corrector scheme that reuses its evaluation: a plain loop as oracle, its orders, broken twins."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytic import gaussian_ode_solution, gaussian_transition, solve_ode
from ersde_theory import NoiseScale, NotAdmissible, Tableau, TimeGrid, sample
from ersde_theory.errors import StepTransition, exact_strong_error
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.interpolation import InterpolationVariable
from ersde_theory.problems import problem
from ersde_theory.schemes._exponential_pec import exponential_pec
from tests.numerics._oracles import PHI, exact_moments, interpolation_weights

ODE, NOISY = NoiseScale.ode(), NoiseScale.reverse_sde()
LINEAR, LOG = InterpolationVariable.linear(), InterpolationVariable.log()
MEAN, VARIANCE, START = 0.7, 0.25, 5.0
LAST_SLOPE = 0.2  # how far an order between the last two grids may be from its limit; an order less is a whole 1
Build = Callable[[TimeGrid], Tableau]
ORDERS = [  # predictor, corrector, start, order of the ODE
    (1, 2, "increasing", 2),
    (2, 3, "increasing", 3),
    (3, 3, "increasing", 3),
    (3, 4, "balanced", 4),
    (4, 4, "balanced", 4),
]


def pec(predictor: int, corrector: int, start: str = "increasing", phi: NoiseScale = ODE) -> Build:
    """Return the builder of a scheme in a bounded variable."""
    v = InterpolationVariable.arctan(2.0)
    return lambda grid: exponential_pec(grid, phi, predictor=predictor, corrector=corrector, variable=v, start=start)


def last_slope(errors: list[float]) -> float:
    """Return the order between the last two of errors on grids that double."""
    return float(np.log2(abs(errors[-2] / errors[-1])))


def gaussian_slope(build: Build) -> float:
    """Return the order of the ODE's mean from an offset start, exact on Gaussian data."""
    exact = float(gaussian_ode_solution(START, MEAN, VARIANCE, 5.0, 0.05))
    grids = [TimeGrid.karras(n, 5.0, 0.05) for n in (640, 1280)]
    return last_slope([float(output_moments(build(g), MEAN, VARIANCE, start_mean=START)[0]) - exact for g in grids])


def mixture_slope(build: Build) -> float:
    """Return the order of the ODE's root mean square error on a mixture, against an adaptive reference."""
    case = problem("overlapping")
    law, grids = case.make_law(), [case.make_grid(n) for n in (160, 320)]
    high, low = (float(level) for level in grids[0].levels[[0, -1]])
    start = law.sample(50, noise_level=high, seed=3)
    exact = solve_ode(law.denoise, start, high, low, rtol=1e-13)
    errors = [sample(build(grid), law.denoise, start) - exact for grid in grids]
    return last_slope([float(np.sqrt((error**2).mean())) for error in errors])


def variance_slope(build: Build) -> float:
    """Return the weak order of the variance on a short grid where noise has its full effect."""
    grids = [TimeGrid.karras(n, 1.0, 0.5) for n in (320, 640)]
    return last_slope([float(output_moments(build(g), 0.0, VARIANCE)[1]) - (VARIANCE + 0.25) for g in grids])


def strong_slope(build: Build) -> float:
    """Return the strong order on Gaussian data, exact."""
    errors = []
    for n in (80, 160):
        grid = TimeGrid.karras(n, 5.0, 0.05)
        steps = [gaussian_transition(NOISY.tau_squared, VARIANCE, a, b) for a, b in itertools.pairwise(grid.levels)]
        factor, noise, clock, cross, _ = np.array(steps, dtype=float).T
        seen = cross / np.sqrt(clock)
        exact = StepTransition(factor, seen, np.sqrt(noise - seen**2))
        errors.append(float(exact_strong_error(build(grid), VARIANCE, exact)[-1]))
    return last_slope(errors)


def stale(build: Build) -> Build:
    """Return a broken twin: the corrector is given the evaluation before the one it is made for."""

    def build_it(grid: TimeGrid) -> Tableau:
        tab = build(grid)
        corrects = np.flatnonzero(tab.node >= 0)[1:-1]
        columns = tab.data_columns.copy()
        columns[corrects] = np.where(columns[corrects] > 0, columns[corrects] - 1, columns[corrects])
        return dataclasses.replace(tab, data_columns=columns)

    return build_it


def loud(build: Build) -> Build:
    """Return a broken twin: noise that is one per cent too strong."""
    return lambda grid: dataclasses.replace(build(grid), noise=1.01 * build(grid).noise)


def plain_loop(name: str, levels: np.ndarray, p: int, c: int, y: float, noise: np.ndarray) -> float:
    """Return the final state in the variable lambda, for D = tanh(y)/(1 + lambda), with weights of many digits."""
    phi, data, n = PHI[name], [], len(levels) - 1
    for i in range(n):
        start, end = levels[i], levels[i + 1]
        ratio = float(phi(end) / phi(start))
        random = float(np.sqrt(float(end**2) - (float(start) * ratio) ** 2 + 0.0)) * noise[i] if name != "ode" else 0.0
        if i == 0:
            data.append(np.tanh(y) / (1.0 + start))
        predicted, corrected = data[::-1][:p], data[::-1][: c - 1]
        nodes = levels[i::-1]
        weights = interpolation_weights(exact_moments(phi, start, end, len(predicted) - 1), nodes[: len(predicted)])
        guess = ratio * y + float(weights @ predicted) + random
        if i == n - 1:
            return guess
        data.append(np.tanh(guess) / (1.0 + end))
        order = [nodes[0], end, *nodes[1 : len(corrected)]]  # the oracle wants the step's start first
        weights = interpolation_weights(exact_moments(phi, start, end, len(corrected)), np.array(order))
        y = ratio * y + float(weights @ [corrected[0], data[-1], *corrected[1:]]) + random
    raise AssertionError


@pytest.mark.parametrize("name", ["ode", "exp_power"])
@pytest.mark.parametrize(("p", "c"), [(1, 2), (2, 2), (3, 3), (2, 4), (4, 3), (4, 5)])
def test_scheme_matches_a_plain_predict_evaluate_correct_loop(name, p, c):
    """Assert that the table runs like the method written as a loop, with weights from another formula."""
    levels, noise = np.array([4.0, 2.6, 1.7, 1.1, 0.7, 0.5]), np.array([0.3, -1.2, 0.8, 0.1, -0.5])
    tab = exponential_pec(TimeGrid(levels), NoiseScale.from_name(name), predictor=p, corrector=c, variable=LINEAR)
    got = sample(tab, lambda y, level: np.tanh(y) / (1.0 + level), np.array([[2.0]]), noise[:, None, None])
    expected = plain_loop(name, levels, p, c, 2.0, noise)
    assert abs(float(got[0, 0]) - expected) < 1e3 * np.finfo(float).eps


@pytest.mark.slow
@pytest.mark.parametrize(("p", "c", "start", "order"), ORDERS)
@pytest.mark.parametrize("slope", [gaussian_slope, mixture_slope])
def test_order_of_the_ode_is_the_smaller_of_predictor_plus_one_and_corrector(slope, p, c, start, order):
    """Assert the order on Gaussian data and on a mixture."""
    assert abs(slope(pec(p, c, start)) - order) < LAST_SLOPE


def test_default_has_order_three_on_a_mixture():
    """Assert that the scheme as it is called without choices has ODE order 3 or more before it is asymptotic."""
    assert mixture_slope(lambda grid: exponential_pec(grid, ODE)) > 3.0 - LAST_SLOPE


@pytest.mark.parametrize("slope", [gaussian_slope, mixture_slope])
def test_order_is_lost_in_broken_twins(slope):
    """Assert that a stale evaluation in the corrector costs an order, and so does a predictor of order 1."""
    assert slope(stale(pec(3, 3))) < 2.0 + LAST_SLOPE
    assert slope(pec(1, 4)) < 2.0 + LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize(("p", "c"), [(1, 2), (2, 3), (3, 3), (4, 4)])
def test_weak_order_is_two_and_strong_order_one_with_noise(p, c):
    """Assert the orders with noise on Gaussian data, and that too much noise is noticed in both (broken twin)."""
    build = pec(p, c, phi=NOISY)
    assert abs(variance_slope(build) - 2.0) < LAST_SLOPE
    assert abs(strong_slope(build) - 1.0) < LAST_SLOPE
    assert variance_slope(loud(build)) < 1.0
    assert strong_slope(loud(build)) < 1.0 - LAST_SLOPE


@given(
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=12),
    st.booleans(),
    st.integers(1, 4),
    st.integers(2, 5),
    st.sampled_from(["ode", "reverse_sde", "exp_power"]),
    st.sampled_from(["increasing", "balanced"]),
)
def test_identities_of_exponential_schemes_hold_on_any_grid(ratios, to_zero, p, c, name, start):
    """Assert that no identity is broken, and that N steps cost N evaluations and draws."""
    levels = 50.0 * np.cumprod([1.0, *ratios])
    grid = TimeGrid(np.append(levels, 0.0) if to_zero else levels)
    tab = exponential_pec(grid, NoiseScale.from_name(name), predictor=p, corrector=c, start=start)
    extra = max(0, min(p + 1, c) - 3) if start == "balanced" else 0
    assert tab.defects() == []
    assert tab.n_evaluations == tab.n_draws == grid.n_steps + extra


def test_last_step_to_zero_is_first_order():
    """Assert that a last step to level 0 returns the last evaluation."""
    tab = exponential_pec(TimeGrid([4.0, 2.0, 1.0, 0.0]), NoiseScale.exp_power())
    used = tab.data[-1] != 0.0
    assert tab.previous[-1] == 0.0
    assert tab.data_columns[-1][used].tolist() == [2]
    assert tab.data[-1][used].tolist() == [1.0]


@pytest.mark.slow
def test_correction_is_exact_for_data_that_are_affine_in_the_variable():
    """Assert that along D = v(lambda) the scheme is exact in its own variable, and is not in another."""
    v = InterpolationVariable.arctan(2.0)
    grid = TimeGrid.karras(12, 5.0, 0.05)
    fine = TimeGrid.karras(2400, 5.0, 0.05)

    def denoise(y: np.ndarray, level: float) -> np.ndarray:
        return np.full_like(y, float(v.difference(level, 0.0)))

    def run(levels: TimeGrid, variable: InterpolationVariable) -> float:
        tab = exponential_pec(levels, ODE, variable=variable)
        return float(sample(tab, denoise, np.array([[3.0]]))[0, 0])

    # predictions of one value are not exact, but every correction is
    assert abs(run(grid, v) - run(fine, v)) < 1e-13
    assert abs(run(grid, LOG) - run(fine, v)) > 1e-4


GRID = TimeGrid([4.0, 2.0, 1.0])
BAD: dict[str, tuple[type[Exception], str, Callable[[], object]]] = {
    "grid": (TypeError, "grid", lambda: exponential_pec([4.0, 2.0], ODE)),
    "phi": (TypeError, "noise_scale", lambda: exponential_pec(GRID, "ode")),
    "predictor": (ValueError, "predictor.*4.*5", lambda: exponential_pec(GRID, ODE, predictor=5)),
    "corrector": (ValueError, "corrector.*2.*1", lambda: exponential_pec(GRID, ODE, corrector=1)),
    "corrector kind": (TypeError, "corrector", lambda: exponential_pec(GRID, ODE, corrector=2.0)),
    "variable": (TypeError, "variable", lambda: exponential_pec(GRID, ODE, variable="log")),
    "start": (ValueError, "did you mean 'balanced'", lambda: exponential_pec(GRID, ODE, start="balance")),
    "infinity": (ValueError, "grid.*inf", lambda: exponential_pec(TimeGrid([np.inf, 1.0]), ODE)),
    "phi not admissible": (
        NotAdmissible,
        "log_power",
        lambda: exponential_pec(TimeGrid([2000.0, 1.0]), NoiseScale.log_power()),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    """Assert that each misuse raises the right error, which says what was wrong."""
    error, message, call = BAD[case]
    with pytest.raises(error, match=message):
        call()
