"""The balanced start of exponential Adams: full ODE order for k - 2 evaluations, and what noise does to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analytic import gaussian_ode_solution, solve_ode
from ersde_theory import NoiseScale, Tableau, TimeGrid, sample, schemes
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.problems import problem
from ersde_theory.schemes._exponential_adams import balanced_start

ODE = NoiseScale.ode()
MEAN, VARIANCE, START = 0.7, 0.25, 5.0
LAST_SLOPE = 0.2  # how far an order between the last two grids may be from its limit; an order less is a whole 1
Build = Callable[[TimeGrid], Tableau]


def last_slope(errors: list[float]) -> float:
    """Return the order between the last two of errors on grids that double."""
    return float(np.log2(abs(errors[-2] / errors[-1])))


def gaussian_slope(build: Build, steps: tuple[int, int] = (640, 1280)) -> float:
    """Return the order of the ODE's mean from an offset start, exact on Gaussian data."""
    exact = float(gaussian_ode_solution(START, MEAN, VARIANCE, 5.0, 0.05))
    grids = [TimeGrid.karras(n, 5.0, 0.05) for n in steps]
    return last_slope([float(output_moments(build(g), MEAN, VARIANCE, start_mean=START)[0]) - exact for g in grids])


def variance_slope(build: Build, steps: tuple[int, int] = (640, 1280)) -> float:
    """Return the order of the output's variance on a short grid where noise has its full effect."""
    grids = [TimeGrid.karras(n, 1.0, 0.5) for n in steps]
    return last_slope([float(output_moments(build(g), 0.0, VARIANCE)[1]) - (VARIANCE + 0.25) for g in grids])


def mixture_slope(build: Build) -> float:
    """Return the order of the ODE's root mean square error on a mixture, against an adaptive reference."""
    case = problem("overlapping")
    law, grids = case.make_law(), [case.make_grid(n) for n in (160, 320)]
    high, low = (float(level) for level in grids[0].levels[[0, -1]])
    start = law.sample(50, noise_level=high, seed=3)
    exact = solve_ode(law.denoise, start, high, low, rtol=1e-13)
    errors = [sample(build(grid), law.denoise, start) - exact for grid in grids]
    return last_slope([float(np.sqrt((error**2).mean())) for error in errors])


def adams(order: int, start: str, phi: NoiseScale = ODE) -> Build:
    """Return the builder of exponential Adams with a start."""
    return lambda grid: schemes.exponential_adams(grid, phi, order, start=start)


def halved(order: int) -> Build:
    """Return a broken twin: as many extra levels, at fixed shares of the first interval."""

    def build(grid: TimeGrid) -> Tableau:
        first, second = grid.levels[:2]
        extra = first - (first - second) * 0.5 ** np.arange(order - 2, 0, -1)
        return schemes.exponential_adams(TimeGrid([first, *extra, *grid.levels[1:]]), ODE, order)

    return build


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("slope", [gaussian_slope, mixture_slope])
def test_balanced_start_has_the_full_order_of_the_ode(order, slope):
    """Assert that Adams-k with a balanced start has ODE order k, on Gaussian data and on a mixture."""
    assert abs(slope(adams(order, "balanced")) - order) < LAST_SLOPE


@pytest.mark.slow
@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("slope", [gaussian_slope, mixture_slope])
def test_order_is_lost_when_the_start_is_not_balanced(order, slope):
    """Assert that an increasing start has order 2, and so have extra levels at fixed shares (broken twin)."""
    assert slope(adams(order, "increasing")) < 2.0 + LAST_SLOPE
    assert slope(halved(order)) < 2.0 + LAST_SLOPE


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_balanced_start_costs_order_minus_two_evaluations(order):
    """Assert the cost, that the levels of the grid are kept, and that the shares are powers of theta."""
    grid = TimeGrid.karras(20, 80.0, 0.002)
    tab = adams(order, "balanced")(grid)
    extra = max(0, order - 2)
    assert tab.n_evaluations == grid.n_steps + extra
    assert np.array_equal(np.delete(tab.sigma, np.arange(1, 1 + extra)), grid.levels)
    first, second = grid.levels[:2]
    theta = (first - second) / first
    shares = (first - tab.sigma[1 : 1 + extra]) / (first - second)
    assert np.allclose(shares, [theta ** (order / m - 1.0) for m in range(2, order)], rtol=1e-12)
    assert tab.defects() == []


def test_balanced_start_is_no_other_scheme_where_none_is_needed():
    """Assert that orders 1 and 2 and a single step to level 0 are as with an increasing start."""
    for grid, order in ((TimeGrid([4.0, 2.0, 1.0]), 2), (TimeGrid([4.0, 0.0]), 4)):
        assert adams(order, "balanced")(grid).first_difference(adams(order, "increasing")(grid)) is None
    grid = TimeGrid([4.0, 3.0, 1.0])
    assert balanced_start(grid, range(2, 2)) is grid


@pytest.mark.slow
@pytest.mark.parametrize(("start", "expected"), [("balanced", 4.0 / 3.0), ("increasing", 2.0), ("graded", 2.0)])
def test_noise_is_amplified_by_the_short_steps_of_order_four(start, expected):
    """Assert that with noise Adams-4 has weak order 4/3 with a balanced start, where other starts have 2."""
    slope = variance_slope(adams(4, start, NoiseScale.reverse_sde()), (2560, 5120))
    assert abs(slope - expected) < LAST_SLOPE


def test_noise_leaves_weak_order_two_of_order_three():
    """Assert that with noise Adams-3 with a balanced start has weak order 2."""
    assert abs(variance_slope(adams(3, "balanced", NoiseScale.reverse_sde())) - 2.0) < LAST_SLOPE


@pytest.mark.parametrize("start", ["balanced", "graded"])
def test_start_from_infinity_is_refused(start):
    """Assert that a start with extra levels asks for a finite first level."""
    with pytest.raises(ValueError, match=f"start.*infinity.*{start}"):
        adams(3, start)(TimeGrid([np.inf, 1.0, 0.5]))
