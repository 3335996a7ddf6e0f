"""The output's law on the line, without sampling: against exact moments, quadrature, Monte Carlo and theory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from analytic import EmpiricalDistribution, Gaussian, GaussianMixture
from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory._law_integrals import absolute_integral, antiderivative, relative_entropy, slope_of_map
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.law_propagation import Computed, OutputLaw, ResolutionError, propagate_law
from ersde_theory.schemes._assembly import multistep_tableau
from tests.numerics import _broken

LAM_MAX, LAM_MIN = 5.0, 0.2
DATA = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.25)
SKEW = GaussianMixture([0.3, 0.7], [-1.0, 1.0], [0.04, 0.09])
PHI = {"ode": NoiseScale.ode(), "reverse_sde": NoiseScale.reverse_sde(), "exp_power": NoiseScale.exp_power()}
OBSERVABLES = {
    "square": np.square,
    "fourth power": lambda x: x**4,
    "cosine": lambda x: np.cos(2.0 * x),
    "bump": lambda x: np.exp(-(x**2)),
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-3.0 * (x - 0.5))),
}


def start_of(law, level=LAM_MAX):
    """Return the log density of the law at a level."""
    return lambda y: law.log_density(y, level)


def grid_of(n_steps, lam_min=LAM_MIN):
    """Return a Karras grid."""
    return TimeGrid.karras(n_steps, LAM_MAX, lam_min)


def propagated(phi, order, n_steps, law=DATA, **keywords) -> OutputLaw:
    """Return the law of an ER-SDE sampler's output."""
    tab = schemes.er_sde(grid_of(n_steps), PHI[phi], order=order)
    return propagate_law(tab, law.denoise, start_of(law), **keywords)


def weak_errors(tab) -> np.ndarray:
    """Return the errors of all observables on the mixture; their own errors are far below them."""
    law = propagate_law(tab, DATA.denoise, start_of(DATA))
    found = [law.weak_error(f, start_of(DATA, LAM_MIN)) for f in OBSERVABLES.values()]
    assert max(one.error for one in found) < 1e-10
    return np.array([one.value for one in found])


def slopes(make, steps) -> np.ndarray:
    """Return the observables' slopes between the last two of a ladder of step counts."""
    coarse, fine = (np.abs(weak_errors(make(n))) for n in steps[-2:])
    return np.log(coarse / fine) / math.log(steps[-1] / steps[-2])


# ---------------------------------------------------------------------------- Gaussian data: exact moments


def gaussian_tableaus():
    """Return samplers of every kind that is supported, on 12 steps."""
    grid = grid_of(12)
    to_zero = TimeGrid([*grid.levels.tolist(), 0.0])
    sde = NoiseScale.reverse_sde()
    heun = schemes.edm_stochastic(grid, s_churn=6.0, s_noise=1.0)
    return {
        **{f"er_sde-{k}, {phi}": schemes.er_sde(grid, PHI[phi], order=k) for k in (1, 2) for phi in PHI},
        "er_sde-3, ode": schemes.er_sde(grid, PHI["ode"], order=3),
        "adams-2": schemes.exponential_adams(grid, sde, order=2),
        "to level 0": schemes.er_sde(to_zero, sde, order=2),
        "in x": schemes.er_sde(grid, sde, order=2).in_process(ForwardProcess.vp_linear()),
        "ancestral": schemes.ddpm_ancestral(grid),
        "euler_maruyama": schemes.euler_maruyama(grid, sde),
        "stages without noise": schemes.edm_heun(grid),
        "corrector without noise": schemes.uni_pc(grid),
        "stages between noise": heun,
    }


@pytest.mark.parametrize("name", gaussian_tableaus())
def test_moments_match_exact_recursion_when_data_are_gaussian(name):
    """Assert that mean and variance agree with the affine recursion to round-off, and within their own errors."""
    tab, data = gaussian_tableaus()[name], Gaussian([0.7], 0.25)
    alpha = float(tab.alpha[0])
    law = propagate_law(tab, data.denoise, lambda x: data.log_density(x / alpha, LAM_MAX) - math.log(alpha))
    mean, variance = output_moments(tab, 0.7, 0.25)
    assert abs(law.mean().value - mean) <= min(1e-13, law.mean().error)
    assert abs(law.variance().value - variance) <= min(1e-13, law.variance().error)


@pytest.mark.parametrize("broken", [_broken.with_noise_off, _broken.with_coefficient_off, _broken.with_history_swapped])
def test_broken_sampler_has_other_moments_than_the_sound_one(broken):
    """Assert that the agreement to round-off is lost when one coefficient of the propagated sampler is off."""
    tab, data = gaussian_tableaus()["er_sde-2, reverse_sde"], Gaussian([0.7], 0.25)
    law = propagate_law(broken(tab), data.denoise, start_of(data))
    exact = output_moments(tab, 0.7, 0.25)[1]
    assert abs(law.variance().value - exact) > 1e3 * law.variance().error


def test_start_at_level_infinity_matches_exact_recursion_when_it_is_in_units_of_the_noise():
    """Assert that a first row with alpha = 0 starts from a standard normal."""
    tab, data = schemes.er_sde(TimeGrid([math.inf, 3.0, 1.0, 0.5]), PHI["ode"], order=2), Gaussian([0.7], 0.25)
    law = propagate_law(tab, data.denoise, start_of(Gaussian([0.0], 1.0), 0.0))
    assert law.variance().value == pytest.approx(float(output_moments(tab, 0.7, 0.25)[1]), abs=1e-13)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    mean=st.floats(-30.0, 30.0),
    deviation=st.floats(0.2, 3.0),
    level=st.floats(0.3, 5.0),
    ratio=st.floats(1.3, 6.0),
    tau=st.floats(0.05, 2.0),
    n_steps=st.integers(1, 6),
)
def test_moments_match_exact_recursion_when_law_and_grid_are_arbitrary(mean, deviation, level, ratio, tau, n_steps):
    """Assert that the automatic grid follows the law whatever its place, width, noise and number of steps."""
    grid = TimeGrid(np.geomspace(level * ratio, level, n_steps + 1))
    tab = schemes.er_sde(grid, NoiseScale.power(1.0 + tau), order=2)
    data = Gaussian([mean], deviation**2)
    law = propagate_law(tab, data.denoise, start_of(data, level * ratio))
    exact_mean, exact_variance = output_moments(tab, mean, deviation**2)
    assert abs(law.mean().value - exact_mean) <= law.mean().error
    assert abs(law.variance().value - exact_variance) <= law.variance().error
    assert law.variance().error <= 1e-9 * (1.0 + mean**2)


# ---------------------------------------------------------------------------- comparisons: closed forms


@pytest.mark.parametrize("b", [0.4, 0.8])
@pytest.mark.parametrize("phi", PHI)
def test_distances_match_closed_forms_when_both_laws_are_gaussian(phi, b):
    """Assert that TV, KL and W1 are those of two normals with the exact output moments and the target's."""
    data = Gaussian([0.7], 0.25)
    tab = schemes.er_sde(grid_of(12), PHI[phi], order=1)
    law = propagate_law(tab, data.denoise, start_of(data))
    _, variance = output_moments(tab, 0.7, 0.25)
    a = math.sqrt(variance)
    target = start_of(Gaussian([0.7], b * b), 0.0)
    crossing = math.sqrt(2.0 * math.log(b / a) / (1.0 / a**2 - 1.0 / b**2))
    expected = {
        "total_variation": 2.0 * abs(stats.norm.cdf(crossing / a) - stats.norm.cdf(crossing / b)),
        "kl_divergence": 0.5 * (a * a / (b * b) - 1.0) - math.log(a / b),
        "wasserstein1": math.sqrt(2.0 / math.pi) * abs(b - a),
    }
    for name, value in expected.items():
        found = getattr(law, name)(target)
        assert abs(found.value - value) <= found.error
        assert found.error < (
            1e-11 if tab.is_stochastic or b < a else 1e-8
        )  # without noise, tails end with the start's


def test_one_noisy_step_matches_adaptive_quadrature_when_data_are_a_mixture():
    """Assert that the density after one step is the integral over the start law that defines it."""
    tab = schemes.er_sde(TimeGrid([5.0, 2.0]), PHI["reverse_sde"], order=1)
    law = propagate_law(tab, SKEW.denoise, start_of(SKEW))
    previous, data, noise = tab.previous[1], tab.data[1, 0], tab.noise[1, 0]

    def integrand(y, x):
        point = np.array([[y]])
        mean = previous * y + data * SKEW.denoise(point, 5.0)[0, 0]
        return stats.norm.pdf(x, mean, noise) * math.exp(SKEW.log_density(point, 5.0)[0])

    for i in np.searchsorted(law.points, [-2.0, 0.3, 3.0]):
        expected, _ = integrate.quad(integrand, -40.0, 40.0, args=(law.points[i],), epsabs=1e-13, limit=200)
        assert law.density[i] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("phi", "order"), [("reverse_sde", 2), ("exp_power", 2), ("reverse_sde", 1), ("ode", 2)])
def test_expectations_match_monte_carlo_when_data_are_a_mixture(phi, order):
    """Assert that means of all observables are within 4 standard errors of 2e5 sampled paths."""
    tab = schemes.er_sde(grid_of(6), PHI[phi], order=order)
    law = propagate_law(tab, SKEW.denoise, start_of(SKEW))
    start = SKEW.sample(200_000, seed=3) + LAM_MAX * np.random.default_rng(4).standard_normal((200_000, 1))
    paths = sample(tab, SKEW.denoise, start, 5)[:, 0]
    for f in OBSERVABLES.values():
        value = f(paths)
        assert abs(value.mean() - law.expectation(f).value) < 4.0 * value.std() / math.sqrt(value.size)
    twin = propagate_law(_broken.with_coefficient_off(tab, 0.2), SKEW.denoise, start_of(SKEW))
    away = [
        abs(f(paths).mean() - twin.expectation(f).value) / (f(paths).std() / math.sqrt(paths.size))
        for f in OBSERVABLES.values()
    ]
    assert max(away) > 4.0


def test_exact_step_has_no_error_when_denoiser_is_constant():
    """Assert that point-mass data are reproduced by every scheme, up to round-off, in every distance."""
    target = start_of(Gaussian([3.0], LAM_MIN**2), 0.0)
    for phi in PHI.values():
        tab = schemes.er_sde(grid_of(10), phi, order=2)
        law = propagate_law(tab, lambda y, _: 3.0 + 0.0 * y, start_of(Gaussian([3.0], LAM_MAX**2), 0.0))
        assert law.total_variation(target).value < 1e-12
        assert law.wasserstein1(target).value < 1e-12
        assert law.kl_divergence(target).value < 1e-20


# ---------------------------------------------------------------------------- convergence of the rule


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "order"), [("ode", 2), ("reverse_sde", 1), ("reverse_sde", 2), ("exp_power", 2)])
def test_results_change_less_than_1e_10_when_the_resolution_is_raised(phi, order):
    """Assert that a pass with a much tighter tolerance agrees with the default, each within its own error."""
    found = propagated(phi, order, 8, SKEW)
    finer = propagated(phi, order, 8, SKEW, tolerance=1e-13)
    target = start_of(SKEW, LAM_MIN)
    pairs = [
        (law.total_variation(target), law.kl_divergence(target), law.wasserstein1(target)) for law in (found, finer)
    ]
    pairs = [
        (*a, *(law.expectation(f) for f in OBSERVABLES.values())) for a, law in zip(pairs, (found, finer), strict=True)
    ]
    for default, tight in zip(*pairs, strict=True):
        assert abs(default.value - tight.value) < 1e-10
        assert abs(default.value - tight.value) <= default.error + tight.error


@pytest.mark.parametrize("order", [1, 2])
def test_rule_converges_faster_than_any_power_when_nodes_are_added(order):
    """Assert that four times as many nodes gain seven digits, where a rule of order 4 would gain two."""
    from ersde_theory._law_comparison import Rule
    from ersde_theory._law_evolution import Evolution, read_plan, start_support

    tab = schemes.er_sde(grid_of(8), PHI["reverse_sde"], order=order)
    support = start_support(start_of(SKEW), LAM_MAX)

    def mean_of_cosine(resolution):
        nodes = Evolution(read_plan(tab), SKEW.denoise, 2**14, resolution).run(start_of(SKEW), support)
        return Rule(nodes).integral(OBSERVABLES["cosine"])[0]

    best = mean_of_cosine(4.0)
    coarse, fine = (abs(mean_of_cosine(resolution) - best) for resolution in (0.7, 2.8))
    assert coarse > 1e-4
    assert fine < 1e-11


# ---------------------------------------------------------------------------- orders in law


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("phi", "steps"), [("ode", (40, 80, 160)), ("exp_power", (10, 20, 40, 80))])
def test_weak_order_on_mixture_is_that_of_the_scheme(phi, steps, order):
    """Assert that every observable's error falls with the scheme's order."""
    found = slopes(lambda n: schemes.er_sde(grid_of(n), PHI[phi], order=order), steps)
    np.testing.assert_allclose(found, order, atol=0.1)


@pytest.mark.parametrize("order", [1, 2])
def test_weak_order_on_mixture_is_that_of_the_scheme_when_noise_is_that_of_the_reverse_sde(order):
    """Assert that four observables converge with the scheme's order; the square's error changes sign early."""
    found = slopes(lambda n: schemes.er_sde(grid_of(n), PHI["reverse_sde"], order=order), (80, 160))
    np.testing.assert_allclose(found[1:], order, atol=0.12)


@pytest.mark.parametrize(("broken", "highest"), [(_broken.with_noise_off, 0.5), (_broken.with_history_swapped, 1.3)])
def test_weak_order_is_lost_in_broken_twins(broken, highest):
    """Assert that noise off by 1 % has order 0 and exchanged history order 1."""
    found = slopes(lambda n: broken(schemes.er_sde(grid_of(n), PHI["reverse_sde"], order=2)), (40, 80))
    assert found.max() < highest


def test_distances_have_orders_2_and_4_when_the_scheme_has_order_2():
    """Assert that TV and W1 fall like the weak error and KL like its square."""
    first, second = (propagated("exp_power", 2, n) for n in (20, 40))
    target = start_of(DATA, LAM_MIN)
    for name, order in (("total_variation", 2.0), ("wasserstein1", 2.0), ("kl_divergence", 4.0)):
        slope = math.log2(getattr(first, name)(target).value / getattr(second, name)(target).value)
        assert slope == pytest.approx(order, abs=0.25)


# ---------------------------------------------------------------------------- the integrals underneath


def test_absolute_integral_matches_closed_form_when_the_function_changes_sign():
    """Assert that |Hermite functions| are integrated to round-off although the integrand has kinks."""
    x = np.linspace(-12.0, 12.0, 121)
    odd, even = x * np.exp(-(x**2) / 2), (x**2 - 1.0) * np.exp(-(x**2) / 2)
    assert absolute_integral(odd, 0.2, 1e-15) == pytest.approx(2.0, abs=1e-13)
    assert absolute_integral(even, 0.2, 1e-15) == pytest.approx(4.0 * math.exp(-0.5), abs=1e-13)
    assert abs(np.abs(even).sum() * 0.2 - 4.0 * math.exp(-0.5)) > 1e-4  # the plain sum feels the kinks
    assert absolute_integral(np.zeros(40), 0.1, 1e-15) == 0.0


def test_antiderivative_matches_error_function_when_the_function_is_gaussian():
    """Assert that the spectral antiderivative is the normal distribution function, on even and odd grids."""
    for n in (120, 121):
        x = np.linspace(-12.0, 12.0, n)
        found = antiderivative(stats.norm.pdf(x), float(x[1] - x[0]))
        np.testing.assert_allclose(found, stats.norm.cdf(x), atol=1e-14)


def test_slope_matches_derivative_when_the_map_is_smooth():
    """Assert that the differences of order 16 give an analytic map's slope to round-off, ends apart."""
    x = np.linspace(-3.0, 3.0, 121)
    np.testing.assert_allclose(slope_of_map(np.tanh(x), 0.05)[8:-8], 1.0 / np.cosh(x[8:-8]) ** 2, atol=1e-12)
    assert slope_of_map(2.0 * np.arange(5.0), 1.0).tolist() == [2.0] * 5


def test_relative_entropy_keeps_its_digits_when_the_densities_nearly_agree():
    """Assert that p ln(p/t) - p + t is t u^2/2 for p = t (1 + u), and infinite where t alone vanishes."""
    u = 1e-6
    assert relative_entropy(np.array([0.5 * (1 + u)]), np.array([0.5]))[0] == pytest.approx(0.25 * u * u, rel=1e-5)
    assert relative_entropy(np.array([0.0, 0.3, 0.3]), np.array([0.2, 0.0, 0.1])).tolist() == [
        0.2,
        math.inf,
        pytest.approx(0.3 * math.log(3.0) - 0.2),
    ]


# ---------------------------------------------------------------------------- what is refused


def unsupported():
    """Return tableaus outside the method, and what their messages name."""
    grid = grid_of(6)
    sde, power = PHI["reverse_sde"], PHI["exp_power"]
    second = schemes.er_sde(grid, sde, order=2)
    silent = second.noise.copy()
    silent[3] = 0.0
    columns = second.noise_columns.copy()
    columns[2] = columns[1]
    return {
        "three-step": (schemes.er_sde(grid, sde, order=3), "evaluation 0 in use after the noise of rows 1 and 2"),
        "silent row": (replace(second, noise=silent), "no noise in row 3"),
        "draw twice": (replace(second, noise_columns=columns), "draw 0 in rows 1 and 2"),
        "correlated": (replace(second, draw_covariance={(0, 1): 0.5}), "correlated draws 0 and 1 in rows 1 and 2"),
        "pec": (schemes.exponential_pec(grid, power, predictor=2, corrector=2), "no noise in row 2"),
    }


@pytest.mark.parametrize("name", unsupported())
def test_unsupported_tableau_is_refused_with_what_is_supported(name):
    """Assert that the message names the supported kinds and the row at which this one leaves them."""
    tab, what = unsupported()[name]
    with pytest.raises(ValueError, match="one- or two-step") as caught:
        propagate_law(tab, DATA.denoise, start_of(DATA))
    assert what in str(caught.value)


def test_correlated_draws_of_one_row_are_one_noise():
    """Assert that two correlated draws in a row act as one with their joint variance."""
    tab = multistep_tableau("a", TimeGrid([5.0, 2.0]), np.array([0.4]), np.array([[0.6]]), np.array([1.0]))
    two = replace(
        tab,
        noise_columns=np.array([[-1, -1], [0, 1]]),
        noise=np.array([[0.0, 0.0], [0.5, 0.7]]),
        draws=(*tab.draws, *tab.draws),
        draw_covariance={(0, 1): 0.3},
    )
    data = Gaussian([0.0], 1.0)
    law = propagate_law(two, data.denoise, start_of(data))
    assert law.variance().value == pytest.approx(float(output_moments(two, 0.0, 1.0)[1]), abs=1e-13)


def test_needed_nodes_are_named_when_the_noise_is_too_narrow():
    """Assert that the message gives a number of nodes which is then enough for the first pass, and the row."""
    tab = schemes.er_sde(grid_of(6), NoiseScale.power(1.0 + 1e-6), order=1)
    with pytest.raises(ResolutionError, match=r"max_nodes: expected at least \d+ for row \d") as caught:
        propagate_law(tab, DATA.denoise, start_of(DATA), max_nodes=2**10)
    assert int(str(caught.value).split("at least ")[1].split()[0]) > 2**10


def test_jump_of_the_denoiser_is_refused_rather_than_smoothed_over():
    """Assert that a denoiser with a jump where there is mass does not pass as resolved, nor one that is nearly so."""
    tab = schemes.er_sde(TimeGrid([5.0, 2.0]), PHI["ode"], order=1)
    nearly = EmpiricalDistribution(np.array([[-1.0], [1.0]]))
    for denoise in (lambda y, _: np.sign(y), lambda y, _: nearly.denoise(y, 0.01)):
        with pytest.raises(ResolutionError, match="max_nodes"):
            propagate_law(tab, denoise, start_of(DATA), max_nodes=2**12)


def test_comparison_is_refused_when_the_map_folds():
    """Assert that expectations of a folded law are given, and densities refused."""
    tab = schemes.er_sde(TimeGrid([5.0, 4.0]), PHI["ode"], order=1)
    law = propagate_law(tab, lambda y, _: 10.0 * np.cos(y), start_of(Gaussian([0.0], 25.0), 0.0))
    assert abs(law.expectation(np.ones_like).value - 1.0) < 1e-12
    with pytest.raises(ValueError, match="not monotone"):
        law.wasserstein1(start_of(Gaussian([0.0], 1.0), 0.0))


BAD = [
    ({"tab": 3}, TypeError, "tab: expected a Tableau"),
    ({"denoise": 3}, TypeError, "denoise: expected a callable"),
    ({"start_log_density": 3}, TypeError, "start_log_density: expected a callable"),
    ({"tolerance": 0.0}, ValueError, "tolerance: expected a number greater than 0"),
    ({"tolerance": 1e-16}, ValueError, "tolerance: expected a number >= 1e-13"),
    ({"max_nodes": 4}, ValueError, "max_nodes: expected an integer >= 16"),
    ({"max_nodes": 4.0}, TypeError, "max_nodes: expected an integer"),
    ({"denoise": lambda y, _: y[:, 0]}, ValueError, "denoise: expected a float64 array of shape"),
    ({"denoise": lambda y, _: y.astype(np.float32)}, ValueError, "got shape .*, float32"),
    ({"denoise": lambda y, _: y + math.inf}, ValueError, "denoise: expected finite values, got nan or inf at row 0"),
    ({"start_log_density": lambda y: y}, ValueError, "start_log_density: expected real numbers of shape"),
    ({"start_log_density": lambda y: y[:, 0] + math.nan}, ValueError, "start_log_density: .* got nan or inf"),
    ({"start_log_density": lambda y: 0.0 * y[:, 0]}, ValueError, "far out"),
    ({"start_log_density": lambda y: -(y[:, 0] ** 2)}, ValueError, "density of mass 1, got one of mass 1.77"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_bad_argument_is_named(change, kind, message):
    """Assert that a wrong argument is refused with its name, what was expected and what came."""
    arguments = {
        "tab": schemes.er_sde(grid_of(4), PHI["reverse_sde"], order=2),
        "denoise": DATA.denoise,
        "start_log_density": start_of(DATA),
    }
    with pytest.raises(kind, match=message):
        propagate_law(**arguments | change)


def test_bad_observable_or_target_is_named():
    """Assert that observables of the wrong kind, and targets that are no densities, are refused."""
    law = propagated("reverse_sde", 1, 4)
    with pytest.raises(TypeError, match="f: expected a callable"):
        law.expectation(3)
    with pytest.raises(ValueError, match="f: expected finite real numbers of shape"):
        law.expectation(lambda x: x[:-1])
    with pytest.raises(TypeError, match="target_log_density: expected a callable"):
        law.total_variation(None)
    with pytest.raises(ValueError, match="target_log_density: expected a density of mass 1 on"):
        law.kl_divergence(lambda y: -(y[:, 0] ** 2))


def test_law_shows_its_nodes_masses_and_density():
    """Assert that the public arrays describe one law, and the text its range."""
    law = propagated("reverse_sde", 2, 4)
    assert isinstance(law.mean(), Computed)
    assert law.points.shape == law.weights.shape == law.density.shape
    spacing = law.points[1] - law.points[0]
    np.testing.assert_allclose(law.density * spacing, law.weights, rtol=1e-9)
    assert law.mass_defect < 1e-13
    assert repr(law).startswith(f"OutputLaw({law.points.size} nodes from -")
