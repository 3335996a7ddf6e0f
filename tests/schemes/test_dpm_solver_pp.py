"""DPM-Solver++ in its forms: against the public codes, its relatives, and the exact Gaussian."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.schemes._dpm_solver_pp import dpm_solver_pp, exponential_moments
from ersde_theory.schemes._dpm_solver_pp_sde import dpm_solver_pp_sde
from ersde_theory.schemes._dpm_solver_pp_singlestep import dpm_solver_pp_singlestep
from ersde_theory.schemes._sa_solver import sa_solver
from ersde_theory.schemes._seeds import seeds
from tests.schemes._multistep import ROUNDOFF, deviation, ode_order, plain, recorded
from tests.schemes._twins import SLOPE, Scheme, overdriven, slope, slope_from, stale, uncorrelated

GRID = TimeGrid.karras(12, 80.0, 0.002)
TO_ZERO = TimeGrid([6.0, 2.5, 0.9, 0.31, 0.0])
FROM_INFINITY = TimeGrid([math.inf, 6.0, 2.5, 0.9, 0.31])
SAME = 1e-13
SINGLE = 50 * float(np.finfo(np.float32).eps)  # 8 steps, each of a few operations on numbers below 10


def scheme_of(run: dict[str, Any]) -> Tableau:
    """Return our tableau of a run recorded from k-diffusion."""
    grid, name, eta = TimeGrid(run["levels"]), run["name"], run.get("eta", 0.0)
    if name == "dpmpp_sde":
        return dpm_solver_pp_sde(grid, eta=eta, stage=run.get("r", 0.5))
    if name == "dpmpp_2s_ancestral":
        return dpm_solver_pp_singlestep(grid, 2, eta=eta)
    order, kind = (3, "heun") if name == "dpmpp_3m_sde" else (2, run.get("solver_type", "midpoint"))
    return dpm_solver_pp(grid, order, eta=eta, solver_type=kind)


# ------------------------------------------------------------------ against public codes


@pytest.mark.parametrize("run", recorded("dpm_authors"), ids=lambda r: f"{r['form']}-{r['order']}-{r['solver_type']}")
def test_dpm_solver_pp_matches_its_authors_when_run_in_float64(run: dict[str, Any]) -> None:
    """Assert that the multistep and single-step forms reproduce the authors' code to round-off."""
    build = dpm_solver_pp if run["form"] == "multistep" else dpm_solver_pp_singlestep
    assert deviation(run, build(TimeGrid(run["levels"]), run["order"], solver_type=run["solver_type"])) < ROUNDOFF


@pytest.mark.parametrize("run", recorded("dpm_k_diffusion"), ids=lambda r: "-".join(map(str, list(r.values())[:-4])))
def test_dpm_solver_pp_matches_k_diffusion_when_given_its_noise(run: dict[str, Any]) -> None:
    """Assert that the forms of k-diffusion are reproduced to round-off, to level 0 as well."""
    assert deviation(run, scheme_of(run)) < ROUNDOFF


@pytest.mark.parametrize("run", recorded("dpm_diffusers")[:-1], ids=lambda r: "-".join(map(str, list(r.values())[:4])))
def test_dpm_solver_pp_matches_diffusers_when_run_in_float32(run: dict[str, Any]) -> None:
    """Assert that Diffusers' multistep scheduler is reproduced to its float32 round-off."""
    options = {name: run[name] for name in ("eta", "order", "solver_type", "lower_order_final")}
    assert deviation(run, dpm_solver_pp(TimeGrid(run["levels"]), **options)) < SINGLE


def test_recording_is_missed_when_an_option_is_another_one() -> None:
    """Assert that a recording tells midpoint from heun, an order from the next, and its noise from none."""
    authors = {(r["form"], r["order"], r["solver_type"]): r for r in recorded("dpm_authors")}
    run = authors["multistep", 2, "midpoint"]
    grid = TimeGrid(run["levels"])
    assert deviation(run, dpm_solver_pp(grid, 2, solver_type="heun")) > 1e9 * ROUNDOFF
    assert deviation(run, dpm_solver_pp(grid, 1)) > 1e9 * ROUNDOFF
    noisy = next(r for r in recorded("dpm_k_diffusion") if r["name"] == "dpmpp_sde" and r["eta"] == 1.0)
    assert deviation(noisy, dpm_solver_pp_sde(TimeGrid(noisy["levels"]), eta=0.9)) > 1e9 * ROUNDOFF


def of_diffusers(grid: TimeGrid) -> Tableau:
    """Return the third-order SDE form as Diffusers has it: its curvature weight is too small by 1."""
    tab = dpm_solver_pp(grid, 3, eta=1.0, solver_type="heun")
    log_step = np.log(grid.levels[:-1] / grid.levels[1:])
    data = tab.data.copy()
    for i in range(2, grid.n_steps):
        r0, r1 = log_step[i - 1] / log_step[i], log_step[i - 2] / log_step[i]
        divided = np.array([1.0 / r0, -1.0 / r0 - 1.0 / r1, 1.0 / r1]) / (r0 + r1)
        data[i + 1] -= divided
    return replace(tab, data=data)


def test_diffusers_third_order_sde_has_a_sign_wrong_when_compared_with_k_diffusion() -> None:
    """Assert that Diffusers' third-order SDE run is ours with a curvature weight off by 1, which costs an order."""
    run = recorded("dpm_diffusers")[-1]
    grid = TimeGrid(run["levels"])
    assert deviation(run, of_diffusers(grid)) < SINGLE
    assert deviation(run, dpm_solver_pp(grid, 3, eta=1.0, solver_type="heun")) > 1e3 * SINGLE
    assert slope(of_diffusers) == pytest.approx(1.0, abs=SLOPE)


# ------------------------------------------------------------------ coefficients


def test_exponential_moments_match_mpmath_when_the_argument_is_anything() -> None:
    """Assert that b_0, b_1, b_2 have full relative accuracy from 1e-12 to 1e3 and their limits at infinity."""
    z = np.concatenate([np.logspace(-12, 3, 61), [0.999999, 1.0, 1.000001]])
    got = exponential_moments(z)
    with mpmath.workdps(60):
        for n in (0, 1, 2):
            want = [mpmath.mpf(x) / (n + 1) * mpmath.hyp1f1(1, n + 2, -mpmath.mpf(x)) for x in z]
            np.testing.assert_allclose(got[n], [float(w) for w in want], rtol=8 * np.finfo(float).eps)
    assert exponential_moments(np.array(math.inf)).tolist() == [1.0, 1.0, 1.0]


def test_first_order_is_ddim_and_the_family_when_eta_is_0_or_1() -> None:
    """Assert that DPM-Solver++(1) is DDIM and ER-SDE-Solver-1, its SDE form DDPM's step and ER-SDE-Solver-1."""
    for grid in (GRID, TO_ZERO, FROM_INFINITY):
        ode, sde = dpm_solver_pp(grid, 1), dpm_solver_pp(grid, 1, eta=1.0)
        assert ode.first_difference(schemes.ddim(grid), rtol=SAME) is None
        assert ode.first_difference(schemes.er_sde(grid, NoiseScale.ode(), 1), rtol=SAME) is None
        assert sde.first_difference(schemes.er_sde(grid, NoiseScale.reverse_sde(), 1), rtol=SAME) is None
    for eta in (0.0, 0.4, 1.0):
        assert (
            dpm_solver_pp_singlestep(TO_ZERO, 1, eta=eta).first_difference(schemes.ddim(TO_ZERO, eta), rtol=SAME)
            is None
        )


@pytest.mark.parametrize("levels", [[1e4, 1e-4], [1.0, 1.0 - 1e-8], [1.0, 0.7, 0.6]], ids=["long", "short", "usual"])
def test_ancestral_step_is_ddpm_when_eta_is_1(levels: list[float]) -> None:
    """Assert that nothing cancels in a step over 8 decades or of 1e-8, and that stages share the step's end."""
    grid = TimeGrid(levels)
    wanted = schemes.ddpm_ancestral(grid)
    assert wanted.first_difference(dpm_solver_pp_singlestep(grid, 1, eta=1.0), rtol=SAME) is None
    ends = dpm_solver_pp_sde(grid, stage=1.0)
    np.testing.assert_allclose(ends.dense().start[1::2], wanted.dense().start[1:], rtol=SAME)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_second_order_heun_is_sa_solver_when_tau_squared_is_eta(eta: float) -> None:
    """Assert that heun's form is SA-Solver's predictor, and that midpoint is not."""
    wanted = sa_solver(GRID, math.sqrt(eta), 2)
    assert wanted.first_difference(dpm_solver_pp(GRID, 2, eta=eta, solver_type="heun"), atol=SAME) is None
    assert wanted.first_difference(dpm_solver_pp(GRID, 2, eta=eta), atol=SAME) is not None


def test_third_order_is_halfway_to_sa_solver_when_its_curvature_is_doubled() -> None:
    """Assert that 3M lacks half of the curvature: what is missing are second divided differences in ln(lambda)."""
    tab, full = dpm_solver_pp(GRID, 3), sa_solver(GRID, 0.0, 3)
    log_level = np.log(GRID.levels)
    step = log_level[:-1] - log_level[1:]
    missing = full.data[3:] - tab.data[3:]
    for i in range(2, GRID.n_steps):
        x = log_level[i - np.arange(3)]
        divided = np.array([1.0 / np.prod(x[j] - np.delete(x, j)) for j in range(3)])
        half_moment = 0.5 * step[i] ** 2 * float(exponential_moments(step[i])[2])
        np.testing.assert_allclose(missing[i - 2], half_moment * divided, rtol=1e-10, atol=1e-12)


def test_second_order_sde_is_no_member_when_compared_with_er_sde() -> None:
    """Assert that SDE-2M shares ER-SDE-Solver-2's ratio and noise, not its weights: by half a squared log-step.

    The twin is heun's form: the difference that it has must not be midpoint's.
    """
    fine = TimeGrid.uniform_in_log(40, 1.0, 0.9)
    member = schemes.er_sde(fine, NoiseScale.reverse_sde(), 2)
    midpoint, heun = (dpm_solver_pp(fine, 2, eta=1.0, solver_type=kind) for kind in ("midpoint", "heun"))
    np.testing.assert_allclose(midpoint.previous, member.previous, rtol=SAME)
    np.testing.assert_allclose(midpoint.noise, member.noise, rtol=SAME)
    h = math.log(1.0 / 0.9) / 40
    difference = (midpoint.data[2:, 1] - member.data[2:, 1]) / h**2
    np.testing.assert_allclose(difference, -0.5, rtol=2 * h)
    assert np.abs((heun.data[2:, 1] - member.data[2:, 1]) / h**2 + 0.5).min() > 0.1


def test_order_falls_at_the_end_when_asked_to() -> None:
    """Assert that lower_order_final takes 2 and 1 values in the last two steps."""
    tab = dpm_solver_pp(GRID, 3, lower_order_final=True)
    assert [int((row != 0.0).sum()) for row in tab.data[1:]] == [1, 2, *[3] * 8, 2, 1]


@pytest.mark.parametrize("grid", [GRID, TO_ZERO], ids=["karras", "to zero"])
def test_tableaus_have_no_defects_when_ratio_and_noise_are_exact(grid: TimeGrid) -> None:
    """Assert that constants and the variance of point masses are kept by every form, stages included."""
    tableaus = [dpm_solver_pp(g, k, eta=e) for g in (grid, FROM_INFINITY) for k in (1, 2, 3) for e in (0.0, 0.3, 1.0)]
    tableaus += [dpm_solver_pp_singlestep(grid, k, eta=e) for k in (1, 2, 3) for e in (0.0, 0.3, 1.0)]
    tableaus += [dpm_solver_pp_sde(grid, eta=e, stage=r) for e in (0.0, 0.3, 1.0) for r in (0.3, 0.5, 1.0)]
    assert [tab.name for tab in tableaus if tab.defects()] == []


def test_evaluations_are_those_of_the_source_when_counted() -> None:
    """Assert that multistep costs 1, single-step k, the stochastic two-stage form 2 evaluations a step."""
    assert [dpm_solver_pp(GRID, k).n_evaluations for k in (1, 2, 3)] == [12, 12, 12]
    assert [dpm_solver_pp_singlestep(GRID, k).n_evaluations for k in (1, 2, 3)] == [12, 24, 36]
    assert dpm_solver_pp_sde(GRID).n_evaluations == 24
    assert dpm_solver_pp_singlestep(TO_ZERO, 3).n_evaluations == 10  # the step to 0 is first order


def test_stochastic_two_stage_law_is_seeds_2_when_it_has_the_correlation_of_the_exact_noise() -> None:
    """Assert that SEEDS-2 and k-diffusion's two-stage form have one law but for the correlation of the draws."""
    tab, wanted = dpm_solver_pp_sde(GRID), output_moments(seeds(GRID, 2), 0.7, 0.25)
    clock = {
        (2 * i, 2 * i + 1): math.sqrt((1 / (s * t) - 1 / s**2) / (1 / t**2 - 1 / s**2))
        for i, (s, t) in enumerate(itertools.pairwise(GRID.levels))
    }
    np.testing.assert_allclose(output_moments(replace(tab, draw_covariance=clock), 0.7, 0.25), wanted, rtol=1e-12)
    assert abs(float(output_moments(tab, 0.7, 0.25)[1] / wanted[1]) - 1.0) > 1e-3


# ------------------------------------------------------------------ orders

ORDERS: dict[str, tuple[Scheme, int]] = {
    "1": (lambda g: dpm_solver_pp(g, 1), 1),
    "2M midpoint": (lambda g: dpm_solver_pp(g, 2), 2),
    "2M heun": (lambda g: dpm_solver_pp(g, 2, solver_type="heun"), 2),
    "3M": (lambda g: dpm_solver_pp(g, 3), 2),
    "SDE-1": (lambda g: dpm_solver_pp(g, 1, eta=1.0), 1),
    "SDE-2M midpoint": (lambda g: dpm_solver_pp(g, 2, eta=1.0), 2),
    "SDE-2M heun": (lambda g: dpm_solver_pp(g, 2, eta=1.0, solver_type="heun"), 2),
    "SDE-3M": (lambda g: dpm_solver_pp(g, 3, eta=1.0, solver_type="heun"), 2),
    "2S midpoint": (dpm_solver_pp_singlestep, 2),
    "2S heun": (lambda g: dpm_solver_pp_singlestep(g, solver_type="heun"), 2),
    "3S midpoint": (lambda g: dpm_solver_pp_singlestep(g, 3), 3),
    "3S heun": (lambda g: dpm_solver_pp_singlestep(g, 3, solver_type="heun"), 3),
    "2S ancestral": (lambda g: dpm_solver_pp_singlestep(g, eta=1.0), 2),
    "3S ancestral": (lambda g: dpm_solver_pp_singlestep(g, 3, eta=1.0), 3),
    "two-stage SDE": (dpm_solver_pp_sde, 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDERS)
def test_order_is_the_declared_one_when_data_are_gaussian(name: str) -> None:
    """Assert that the variance's error has the declared order, and that the broken twin falls short of it."""
    scheme, order = ORDERS[name]
    twin = overdriven if order == 1 else stale
    assert slope(scheme) == pytest.approx(order, abs=SLOPE)
    assert slope(twin(scheme)) < order - 1 + SLOPE


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ORDERS if "SDE" not in name and "ancestral" not in name])
def test_ode_order_is_the_declared_one_when_data_are_a_mixture(name: str) -> None:
    """Assert the order of the paths' end points too, where the data prediction is not linear."""
    scheme, order = ORDERS[name]
    twin = overdriven if order == 1 else stale
    assert ode_order(scheme, plain) == pytest.approx(order, abs=SLOPE)
    assert ode_order(twin(scheme), plain) < order - 1 + SLOPE


def test_two_stage_sde_is_first_order_when_its_draws_are_independent() -> None:
    """Assert that the correlation of stage and end carries the weak order: without it an order is lost."""
    assert slope(uncorrelated(dpm_solver_pp_sde)) == pytest.approx(1.0, abs=SLOPE)


def test_ancestral_noise_is_first_order_when_the_start_is_no_forward_marginal() -> None:
    """Assert that ODE and noise in turn are second order from the right start only; the multistep form is always."""
    assert slope_from(lambda g: dpm_solver_pp_singlestep(g, eta=0.5), 25.0) == pytest.approx(1.0, abs=SLOPE)
    assert slope_from(lambda g: dpm_solver_pp(g, eta=0.25), 25.0) == pytest.approx(2.0, abs=SLOPE)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dpm_solver_pp(GRID, 4), "order: expected an integer >= 1 and <= 3, got 4"),
        (lambda: dpm_solver_pp(GRID, eta=-0.1), "eta: expected a number >= 0, got -0.1"),
        (lambda: dpm_solver_pp(GRID, eta=math.nan), "eta: expected a finite number, got nan"),
        (lambda: dpm_solver_pp(GRID, solver_type="midpont"), "did you mean 'midpoint'"),
        (lambda: dpm_solver_pp_singlestep(GRID, 0), "order: expected an integer >= 1"),
        (lambda: dpm_solver_pp_singlestep(GRID, eta=1.5), r"eta: expected a number in \[0, 1\], got 1.5"),
        (lambda: dpm_solver_pp_singlestep(GRID, solver_type="taylor"), "solver_type: expected one of midpoint, heun"),
        (lambda: dpm_solver_pp_singlestep(FROM_INFINITY), "grid: expected a finite first level"),
        (lambda: dpm_solver_pp_sde(GRID, eta=-1.0), r"eta: expected a number in \[0, 1\], got -1.0"),
        (lambda: dpm_solver_pp_sde(GRID, stage=0.0), "stage: expected a number greater than 0"),
        (lambda: dpm_solver_pp_sde(GRID, stage=1.1), "stage: expected a number above 0, at most 1, got 1.1"),
        (lambda: dpm_solver_pp_sde(FROM_INFINITY), "grid: expected a finite first level"),
    ],
)
def test_bad_value_is_named_when_given(call: Any, message: str) -> None:
    """Assert that a wrong value raises ValueError and says what was expected."""
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("scheme", [dpm_solver_pp, dpm_solver_pp_singlestep, dpm_solver_pp_sde])
def test_wrong_kind_is_named_when_given(scheme: Any) -> None:
    """Assert that levels instead of a grid, or a word instead of a number, raise TypeError."""
    with pytest.raises(TypeError, match="grid: expected a TimeGrid"):
        scheme([4.0, 1.0])
    with pytest.raises(TypeError, match="eta: expected a number"):
        scheme(GRID, eta="1")
    if scheme is dpm_solver_pp:
        with pytest.raises(TypeError, match="lower_order_final: expected a bool"):
            scheme(GRID, lower_order_final=1)
