"""The exponential SRA scheme: what it is, and its orders with noise and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analytic import coarsen_brownian, draw_brownian, gaussian_transition, solve_sde, step_covariances
from ersde_theory import NoiseScale, NotAdmissible, Tableau, TimeGrid, sample, schemes
from ersde_theory.claims._ladders import VARIANCE, transition
from ersde_theory.errors import exact_strong_error, fit_order
from ersde_theory.exact_gaussian import output_moments, target_moments
from ersde_theory.problems import problem
from ersde_theory.schemes import exponential_sra
from tests.numerics._strategies import NAMES, noise_scale

LADDER = (40, 80, 160, 320, 640)
NOISY = ("reverse_sde", "exp_power", "power(1.5)", "power(2.5)")
LAW = problem("overlapping").make_law()
FINE = 320
Twin = Callable[[Tableau], Tableau]


def areas_of_tableau(tab: Tableau) -> np.ndarray:
    """Return which entries of a tableau's noise multiply area draws."""
    is_area = np.array([draw.kind == "area" for draw in tab.draws])
    return (tab.noise_columns >= 0) & is_area[tab.noise_columns]


def with_area_reversed(tab: Tableau) -> Tableau:
    """Return the scheme with the area of the wrong sign."""
    return replace(tab, noise=np.where(areas_of_tableau(tab), -tab.noise, tab.noise))


def with_area_uncorrelated(tab: Tableau) -> Tableau:
    """Return the scheme with an area that is independent of the increment."""
    return replace(tab, draw_covariance=dict.fromkeys(tab.draw_covariance, 0.0))


def with_stage_at_the_start(tab: Tableau) -> Tableau:
    """Return the scheme whose denoiser is told the step's first level at the stage."""
    stage = np.flatnonzero(tab.node < 0)
    sigma = tab.sigma.copy()
    sigma[stage] = sigma[stage - 1]
    return replace(tab, sigma=sigma)


TWINS: tuple[Twin, ...] = (with_area_reversed, with_area_uncorrelated, with_stage_at_the_start)


# ---------------------------------------------------------------- structure


@pytest.mark.parametrize("name", [*NAMES, "power(4)", "shifted"])
@pytest.mark.parametrize("final_zero", [False, True])
def test_tableau_keeps_constants_and_variances_when_the_noise_is_exact(name, final_zero):
    """Assert no defects, two evaluations a full step, and stages inside their steps at 3/4 in A."""
    phi = NoiseScale.from_name(name) if name == "power(4)" else noise_scale(name)
    grid = TimeGrid.karras(7, 80.0, 0.002, final_zero=final_zero)
    tab = exponential_sra(grid, phi)
    assert tab.defects() == []
    assert tab.n_evaluations == tab.n_draws == 14 + final_zero
    np.testing.assert_array_equal(tab.sigma[tab.node >= 0], grid.levels)
    stage, start, end = tab.sigma[1:14:2], grid.levels[:7], grid.levels[1:8]
    assert ((end < stage) & (stage < start)).all()
    np.testing.assert_allclose(phi.fei(stage, end), -np.expm1(np.log1p(-0.25 * phi.fei(start, end))), rtol=1e-12)


def test_last_step_to_zero_is_the_denoiser():
    """Assert that a step to level 0 returns D, with a draw of weight 0, also where it is the only step."""
    for levels in ([2.0, 0.0], [4.0, 2.0, 0.0]):
        tab = exponential_sra(TimeGrid(levels), NoiseScale.reverse_sde())
        got = sample(tab, lambda y, lam: 0.0 * y + lam, np.ones((3, 1)), 1)
        assert got.tolist() == [[2.0]] * 3
        assert tab.draws[-1].kind == "increment"


def test_wrong_noise_of_the_stage_is_noticed_by_the_identities():
    """Assert that the broken twin whose stages have 0.9 of the noise has the variance wrong from stage to stage."""
    tab = exponential_sra(TimeGrid.karras(7, 5.0, 0.05), NoiseScale.reverse_sde())
    twin = replace(tab, noise=np.where(areas_of_tableau(tab), 0.9 * tab.noise, tab.noise))
    assert {d.identity for d in twin.defects()} == {"variance"}
    assert {d.row for d in twin.defects()} >= set(np.flatnonzero(tab.node < 0).tolist())


def roessler_sra1(law, levels: np.ndarray, start: np.ndarray, increments: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return SRA1 (Roessler 2010, table 6.1) for du = D(u/A, A^(-1/2)) dA + dB, phi = x^2, where V = A."""
    time = levels**-2.0
    u = start * time[0]
    for n, h in enumerate(np.diff(time)):
        first = law.denoise(u / time[n], float(levels[n]))
        middle = time[n] + 0.75 * h
        at_stage = u + 0.75 * h * first + 1.5 * areas[n] / h
        second = law.denoise(at_stage / middle, float(middle**-0.5))
        u = u + h * (first / 3.0 + 2.0 * second / 3.0) + increments[n]
    return np.asarray(u / time[-1])


def test_scheme_is_sra1_when_the_clock_is_the_time(rng):
    """Assert equality with Roessler's tableau to round-off for phi = x^2, from increments and areas themselves."""
    levels = TimeGrid.karras(9, 5.0, 0.1).levels
    increments, areas = draw_brownian(lambda x: x**2, levels, (50, 1), seed=rng)
    start = 5.0 * rng.standard_normal((50, 1))
    tab = exponential_sra(TimeGrid(levels), NoiseScale.reverse_sde())
    got = sample(tab, LAW.denoise, start, standardised(lambda x: x**2, levels, increments, areas))
    np.testing.assert_allclose(got, roessler_sra1(LAW, levels, start, increments, areas), rtol=0, atol=1e-11)
    assert np.abs(got - roessler_sra1(LAW, levels, start, increments, -areas)).max() > 1e-2


def test_scheme_is_ralstons_method_when_there_is_no_noise(rng):
    """Assert equality with Ralston's method for du = D dA, A = 1/lambda, to round-off."""
    levels = TimeGrid.karras(9, 5.0, 0.1).levels
    start = 5.0 * rng.standard_normal((50, 1))
    time, u = 1.0 / levels, start / levels[0]
    for n, h in enumerate(np.diff(time)):
        first, middle = LAW.denoise(u / time[n], float(levels[n])), time[n] + 0.75 * h
        second = LAW.denoise((u + 0.75 * h * first) / middle, float(1.0 / middle))
        u = u + h * (first + 2.0 * second) / 3.0
    got = sample(exponential_sra(TimeGrid(levels), NoiseScale.ode()), LAW.denoise, start)
    np.testing.assert_allclose(got, u / time[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (TypeError, "grid: expected a TimeGrid", lambda: exponential_sra([2.0, 1.0], NoiseScale.ode())),
        (TypeError, "noise_scale: expected a NoiseScale", lambda: exponential_sra(TimeGrid([2.0, 1.0]), "ode")),
        (ValueError, "finite first level, got inf", lambda: exponential_sra(TimeGrid([np.inf, 1.0]), NoiseScale.ode())),
        (NotAdmissible, "log_power", lambda: exponential_sra(TimeGrid([5000.0, 1.0]), NoiseScale.log_power())),
    ],
)
def test_bad_input_is_named(error, words, call):
    """Assert that each wrong argument raises an error that names it."""
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------- orders on Gaussian data, exactly


def strong_errors(name: str, change: Twin = lambda tab: tab) -> np.ndarray:
    """Return the exact RMS errors at the end of the path."""
    errors = []
    for n in LADDER:
        grid, phi = problem("gaussian").make_grid(n), noise_scale(name)
        errors.append(exact_strong_error(change(exponential_sra(grid, phi)), VARIANCE, transition(grid, phi))[-1])
    return np.array(errors)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NOISY, "ode", "exp_reciprocal"])
def test_strong_order_on_gaussian_data_is_two(name):
    """Assert order 2.00 +- 0.03 on the path: affine denoisers lack the terms that hold the order at 1.5."""
    fit = fit_order(LADDER, strong_errors(name), last=4)
    assert abs(fit.last_slope - 2.0) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", NOISY)
def test_strong_order_drops_to_one_in_broken_twins(name, twin):
    """Assert that a reversed or uncorrelated area, or a stage at the wrong level, has order 1."""
    assert fit_order(LADDER, strong_errors(name, twin), last=4).last_slope < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NOISY, "ode"])
def test_weak_order_on_gaussian_data_is_two(name):
    """Assert order 2.00 +- 0.05 of variance and mean (exact for phi = x^2), and 1 for the plain first-order scheme."""
    phi = noise_scale(name)
    variances, means, plain = [], [], []
    for n in LADDER:
        grid = problem("gaussian").make_grid(n)
        tab = exponential_sra(grid, phi)
        variances.append(output_moments(tab, 0.0, VARIANCE)[1] - target_moments(tab, 0.0, VARIANCE)[1])
        factor = gaussian_transition(phi.tau_squared, VARIANCE, grid.levels[0], grid.levels[-1]).factor
        means.append(output_moments(tab, 0.0, VARIANCE, start_mean=1.0)[0] - factor)
        first = schemes.er_sde(grid, phi, 1)
        plain.append(output_moments(first, 0.0, VARIANCE)[1] - target_moments(tab, 0.0, VARIANCE)[1])
    assert abs(fit_order(LADDER, variances).last_slope - 2.0) < 0.05
    assert fit_order(LADDER, plain).last_slope < 1.1
    if name == "reverse_sde":
        np.testing.assert_allclose(means, 0.0, atol=1e-14)
    else:
        assert abs(fit_order(LADDER, means).last_slope - 2.0) < 0.05


# ---------------------------------------------------------------- orders on a mixture, by coupled paths


def standardised(phi, levels: np.ndarray, increments: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return increments and areas as standard normals, in turns."""
    steps = step_covariances(phi, levels)
    pairs = [x / np.sqrt(v).reshape(-1, 1, 1) for x, v in ((increments, steps.variance), (areas, steps.area_variance))]
    return np.stack(pairs, axis=1).reshape(-1, *increments.shape[1:])


def ends_on_mixture(name: str, power, ladder: tuple[int, ...], paths: int) -> dict[str, list[np.ndarray]]:
    """Return all final states at each number of steps, and of a fine solution, on the same paths."""
    phi, fine = noise_scale(name), TimeGrid.karras(FINE, 5.0, 0.1).levels
    increments, areas = draw_brownian(power, fine, (paths, 1), seed=3)
    start = LAW.sample(paths, noise_level=5.0, seed=4)
    found = {"fine": [solve_sde(LAW.denoise, power, fine, start, increments, areas)]}
    for n in ladder:
        levels, total, area = coarsen_brownian(power, fine, increments, areas, FINE // n)
        noise, grid = standardised(power, levels, total, area), TimeGrid(levels)
        tab = exponential_sra(grid, phi)
        runs = {"sra": (tab, noise), "reversed": (with_area_reversed(tab), noise)}
        runs["plain"] = (schemes.er_sde(grid, phi, 2), noise[::2])
        for key, (table, normals) in runs.items():
            found.setdefault(key, []).append(sample(table, LAW.denoise, start, normals))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "power"),
    [("reverse_sde", lambda x: x**2), ("exp_power", lambda x: x * (np.exp(x**0.3) + 10.0))],
)
def test_strong_order_on_a_mixture_is_at_least_three_halves(name, power):
    """Assert an RMS order >= 1.5 on coupled paths; on the same paths solver 2 and the reversed area have 1."""
    ladder, orders = (10, 20, 40, 80), {}
    ends = ends_on_mixture(name, power, ladder, 4000)
    for key in ("sra", "reversed", "plain"):
        squared = [(end - ends["fine"][0]) ** 2 for end in ends[key]]
        rms = np.array([x.mean() ** 0.5 for x in squared])
        spread = np.array([x.std(ddof=1) / x.size**0.5 for x in squared]) / (2.0 * rms)
        orders[key] = fit_order(ladder, rms, spread)
    assert orders["sra"].order - orders["sra"].half_width > 1.5
    for key in ("plain", "reversed"):
        assert orders[key].order + orders[key].half_width < 1.5
        assert abs(orders[key].last_slope - 1.0) < 0.1


@pytest.mark.slow
def test_weak_order_on_a_mixture_is_two():
    """Assert that the second moment converges with order 2 from 20 to 40 steps, with the area reversed with order 1.

    Three standard errors of the slope, and 0.1 for what steps of this length still miss of the limit.
    """
    ends = ends_on_mixture("reverse_sde", lambda x: x**2, (20, 40), 20000)
    slope, width = {}, {}
    for key in ("sra", "reversed"):
        bias = [end**2 - ends["fine"][0] ** 2 for end in ends[key]]
        relative = [b.std(ddof=1) / b.size**0.5 / abs(b.mean()) for b in bias]
        slope[key] = float(np.log2(bias[0].mean() / bias[1].mean()))
        width[key] = 0.1 + 3.0 * float(np.hypot(*relative)) / np.log(2.0)
    assert abs(slope["sra"] - 2.0) < width["sra"] < 0.5
    assert slope["reversed"] + width["reversed"] < 1.5
