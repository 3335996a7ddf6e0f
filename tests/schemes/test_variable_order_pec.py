"""The predictor-corrector scheme of variable order: what it is made of, its orders, why it blends, broken twins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytic import solve_ode
from ersde_theory import ForwardProcess, NoiseScale, NotAdmissible, Tableau, TimeGrid, sample
from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.problems import problem
from ersde_theory.schemes import _variable_order_pec, exponential_pec, variable_order_pec
from tests.schemes.test_exponential_pec import (
    LAST_SLOPE,
    Build,
    gaussian_slope,
    loud,
    mixture_slope,
    strong_slope,
    variance_slope,
)

ODE, NOISY = NoiseScale.ode(), NoiseScale.reverse_sde()
VARIABLE = InterpolationVariable.arctan(3.0)
EPS = float(np.finfo(float).eps)


def geometric(n: int, length: float) -> TimeGrid:
    """Return a grid whose steps all have one logarithmic length."""
    return TimeGrid(5.0 * np.exp(-length * np.arange(n + 1)))


def variable_order(phi: NoiseScale = ODE, **options: Any) -> Build:
    """Return the builder of the scheme."""
    return lambda grid: variable_order_pec(grid, phi, **options)


def short_part(grid: TimeGrid, phi: NoiseScale) -> Tableau:
    """Return what the scheme is where all steps are short."""
    return exponential_pec(grid, phi, predictor=4, corrector=4, variable=VARIABLE)


def long_part(grid: TimeGrid, phi: NoiseScale) -> Tableau:
    """Return what the scheme is where all steps are long."""
    return exponential_pec(grid, phi, predictor=2, corrector=3)


def value(tab: Tableau, noise: np.ndarray) -> float:
    """Return the final state for a denoiser that is not linear."""
    return float(sample(tab, lambda y, level: np.tanh(y) / (1.0 + level), np.array([[2.0]]), noise)[0, 0])


@pytest.mark.parametrize("phi", [ODE, NoiseScale.exp_power()], ids=str)
@pytest.mark.parametrize(
    ("length", "part", "other"),
    [(0.4, short_part, long_part), (0.8, long_part, short_part)],
)
def test_scheme_is_one_of_its_parts_where_all_steps_are_short_or_long(phi, length, part, other):
    """Assert that it runs like PEC-4-4 in its variable, or like PEC-2-3 in lambda, and not like the other."""
    grid, noise = geometric(8, length), np.random.default_rng(0).standard_normal((8, 1, 1))
    got = value(variable_order_pec(grid, phi, short_step=0.5, long_step=0.7, variable=VARIABLE), noise)
    assert abs(got - value(part(grid, phi), noise)) < 100.0 * EPS
    assert abs(got - value(other(grid, phi), noise)) > 1e-6


def test_steps_in_between_are_blended_by_their_length():
    """Assert that a correction a quarter of the way has a quarter of the weights of the long steps."""
    grid = geometric(8, 0.55)
    tab = variable_order_pec(grid, ODE, short_step=0.5, long_step=0.7, variable=VARIABLE)
    ends = np.linspace(0.5, 1.5, grid.n_steps)  # any values of the denoiser

    def last_state(part: Tableau) -> float:
        """Return the data's share of the last row, for these values."""
        used = part.data_columns[-1] >= 0
        return float(part.data[-1][used] @ ends[part.data_columns[-1][used]])

    expected = 0.75 * last_state(short_part(grid, ODE)) + 0.25 * last_state(long_part(grid, ODE))
    assert abs(last_state(tab) - expected) < 100.0 * EPS
    assert abs(last_state(tab) - last_state(short_part(grid, ODE))) > 1e-4


def test_order_changes_at_once_where_both_lengths_are_equal():
    """Assert that a step of just that length is short, and a longer one long."""
    noise = np.zeros((8, 1, 1))
    for cut, part in ((0.6, short_part), (0.5, long_part)):
        grid = geometric(8, 0.55)
        tab = variable_order_pec(grid, ODE, short_step=cut, long_step=cut, variable=VARIABLE)
        assert abs(value(tab, noise) - value(part(grid, ODE), noise)) < 100.0 * EPS


@pytest.mark.parametrize("slope", [gaussian_slope, mixture_slope])
def test_order_of_the_ode_is_four_with_a_balanced_start(slope, monkeypatch):
    """Assert it on Gaussian data and on a mixture, and that it is 3 if no step is short or even (broken twin)."""
    build = variable_order(start="balanced", variable=InterpolationVariable.arctan(2.0))
    assert abs(slope(build) - 4.0) < LAST_SLOPE
    without_even_steps(monkeypatch)
    never_raised = variable_order(start="balanced", short_step=1e-9, long_step=1e-8)
    assert abs(slope(never_raised) - 3.0) < LAST_SLOPE


def test_order_of_the_ode_is_three_with_an_increasing_start():
    """Assert it on a mixture: the first step has a predictor of order 1 and a corrector of order 2."""
    assert abs(mixture_slope(variable_order()) - 3.0) < LAST_SLOPE


def test_weak_order_is_two_and_strong_order_one_with_noise():
    """Assert the orders with noise on Gaussian data, and that too much noise is noticed in both (broken twin)."""
    build = variable_order(NOISY)
    assert abs(variance_slope(build) - 2.0) < LAST_SLOPE
    assert abs(strong_slope(build) - 1.0) < LAST_SLOPE
    assert variance_slope(loud(build)) < 1.0
    assert strong_slope(loud(build)) < 1.0 - LAST_SLOPE


def test_blending_is_more_accurate_than_a_jump_on_a_mixture():
    """Assert that with one length for both the error at 15 evaluations is more than half as large again."""
    case = problem("mixture")
    law, grid = case.make_law(), case.make_grid(15)
    high, low = (float(level) for level in grid.levels[[0, -1]])
    start = law.sample(300, noise_level=high, seed=3)
    exact = solve_ode(law.denoise, start, high, low, rtol=1e-9)

    def error(short: float, long: float) -> float:
        states = sample(variable_order_pec(grid, ODE, short_step=short, long_step=long), law.denoise, start)
        return float(np.median(np.sqrt(((states - exact) ** 2).mean(axis=1))))

    assert error(0.575, 0.575) > 1.5 * error(0.45, 0.7)


def without_even_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all long steps those of PEC-2-3, as if none were about as long as the one before."""
    monkeypatch.setattr(_variable_order_pec, "_share_of_even", lambda grid: np.zeros(grid.n_steps))


@pytest.mark.parametrize("phi", [ODE, NoiseScale.exp_power()], ids=str)
def test_long_step_that_is_even_interpolates_four_values(phi):
    """Assert the weights of a last step as long as the one before, and that PEC-2-3 has others (twin)."""
    levels = np.array([2.02, 1.52, 1.02, 0.52, 0.02])
    tab = variable_order_pec(TimeGrid(levels), phi)
    used = tab.data[-1] != 0.0
    expected = interpolation_weights(phi, 0.52, 0.02, levels[3::-1], InterpolationVariable.hypot(0.75 * 0.52))
    got = tab.data[-1][used][np.argsort(-tab.data_columns[-1][used])]
    assert np.allclose(got, expected, rtol=100.0 * EPS, atol=0.0)
    assert np.count_nonzero(long_part(TimeGrid(levels), phi).data[-1]) == 2


@pytest.mark.parametrize(("ratio", "share"), [(0.7, 0.0), (0.76, 0.5), (0.8, 1.0), (2.0, 1.0), (2.5, 0.5), (3.0, 0.0)])
def test_long_steps_are_even_by_their_ratio_to_the_step_before(ratio, share):
    """Assert the share of the four values in the oldest's weight, which the two do not have."""
    levels = np.array([0.01 + 1.0 + k / ratio for k in (3, 2, 1, 0)] + [0.01])
    tab = variable_order_pec(TimeGrid(levels), ODE)
    oldest = tab.data[-1][tab.data_columns[-1] == 0].sum()
    scale = 0.75 * 1.01 * max(1.0, ratio)
    full = interpolation_weights(ODE, levels[3], levels[4], levels[3::-1], InterpolationVariable.hypot(scale))
    assert abs(oldest - share * full[3]) < 1e-12 * abs(full[3])


@pytest.mark.slow
@given(
    st.sampled_from([5.0, 6.0, 7.0, 8.0]),
    st.integers(1, 200),
    st.floats(1.0, 200.0),
    st.floats(1e-4, 0.2),
    st.booleans(),
)
def test_no_long_step_is_even_on_karras_levels(rho, n, high, low, zero):
    """Assert it for rho of 5 and more: there nothing but the lengths counts, bit for bit."""
    grid = TimeGrid.karras(n, high, low, rho, final_zero=zero)
    got = variable_order_pec(grid, NoiseScale.exp_power())
    with pytest.MonkeyPatch.context() as patch:
        without_even_steps(patch)
        other = variable_order_pec(grid, NoiseScale.exp_power())
    assert got == other


def test_long_steps_are_even_on_levels_uniform_in_time_and_on_karras_levels_of_small_rho():
    """Assert that the test above would notice it (broken twin)."""
    uniform = TimeGrid.uniform_in_time(ForwardProcess.vp_linear(), 20, 1.0, 1e-3)
    for grid in (uniform, TimeGrid.karras(10, 80.0, 0.002, 2.0)):
        got = variable_order_pec(grid, ODE)
        with pytest.MonkeyPatch.context() as patch:
            without_even_steps(patch)
            assert got != variable_order_pec(grid, ODE)


@given(
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=12),
    st.booleans(),
    st.floats(0.05, 1.5),
    st.floats(0.0, 1.0),
    st.sampled_from(["ode", "reverse_sde", "exp_power"]),
    st.sampled_from(["increasing", "balanced"]),
)
def test_identities_of_exponential_schemes_hold_on_any_grid(ratios, to_zero, short, width, name, start):
    """Assert that no identity is broken, and that N steps cost N evaluations and draws."""
    levels = 50.0 * np.cumprod([1.0, *ratios])
    grid = TimeGrid(np.append(levels, 0.0) if to_zero else levels)
    phi = NoiseScale.from_name(name)
    tab = variable_order_pec(grid, phi, short_step=short, long_step=short + width, start=start)
    assert tab.defects() == []
    assert tab.n_evaluations == tab.n_draws == grid.n_steps + (start == "balanced")


def test_last_step_to_zero_is_first_order():
    """Assert that a last step to level 0 returns the last evaluation."""
    tab = variable_order_pec(TimeGrid([4.0, 2.0, 1.0, 0.0]), NoiseScale.exp_power())
    used = tab.data[-1] != 0.0
    assert tab.previous[-1] == 0.0
    assert tab.data_columns[-1][used].tolist() == [2]
    assert tab.data[-1][used].tolist() == [1.0]


GRID = TimeGrid([4.0, 2.0, 1.0])
BAD: dict[str, tuple[type[Exception], str, Callable[[], object]]] = {
    "grid": (TypeError, "grid", lambda: variable_order_pec([4.0, 2.0], ODE)),
    "phi": (TypeError, "noise_scale", lambda: variable_order_pec(GRID, "ode")),
    "length of no number": (TypeError, "short_step", lambda: variable_order_pec(GRID, ODE, short_step="0.5")),
    "length of nan": (ValueError, "long_step.*nan", lambda: variable_order_pec(GRID, ODE, long_step=np.nan)),
    "length of 0": (ValueError, "short_step.*0", lambda: variable_order_pec(GRID, ODE, short_step=0.0)),
    "lengths exchanged": (
        ValueError,
        "long_step.*0.9.*0.7",
        lambda: variable_order_pec(GRID, ODE, short_step=0.9),
    ),
    "variable": (TypeError, "variable", lambda: variable_order_pec(GRID, ODE, variable="log")),
    "start": (ValueError, "did you mean 'balanced'", lambda: variable_order_pec(GRID, ODE, start="balance")),
    "infinity": (ValueError, "grid.*inf", lambda: variable_order_pec(TimeGrid([np.inf, 1.0]), ODE)),
    "phi not admissible": (
        NotAdmissible,
        "log_power",
        lambda: variable_order_pec(TimeGrid([2000.0, 1.0]), NoiseScale.log_power()),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    """Assert that each misuse raises the right error, which says what was wrong."""
    error, message, call = BAD[case]
    with pytest.raises(error, match=message):
        call()
