"""The SDE reference: exact covariances, moments to 1e-8, its orders, and twins that must fail."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from analytic import (
    Gaussian,
    GaussianMixture,
    coarsen_brownian,
    draw_brownian,
    gaussian_ode_solution,
    gaussian_transition,
    reference_sde,
    solve_sde,
    step_covariances,
)

PHI = {
    "ode": lambda lam: lam,
    "reverse_sde": lambda lam: lam**2,
    "power(1.5)": lambda lam: 3.0 * lam**1.5,
    "exp_reciprocal": lambda lam: lam * (np.exp(-1 / lam) + 10),
    "exp_power": lambda lam: lam * (np.exp(lam**0.3) + 10),
}
TAU_SQUARED = {
    "ode": lambda lam: 0.0 * lam,
    "reverse_sde": lambda lam: 1.0 + 0.0 * lam,
    "power(1.5)": lambda lam: 0.5 + 0.0 * lam,
    "exp_reciprocal": lambda lam: np.exp(-1 / lam) / lam / (np.exp(-1 / lam) + 10),
    "exp_power": lambda lam: 0.3 * lam**0.3 * np.exp(lam**0.3) / (np.exp(lam**0.3) + 10),
}
LAW = Gaussian(0.7, 0.25)
VARIANCE = 0.25
MOMENT_TOLERANCE = 1e-8


def linear_map(phi, levels, *, areas=True):
    """Return the factors of start, increments and areas in the end state, by unit inputs in rows."""
    n = len(levels) - 1
    increments, surfaces = np.zeros((2, n, 2 * n + 2, 1))
    steps = np.arange(n)
    increments[steps, 2 + steps, 0] = 1.0
    surfaces[steps, 2 + n + steps, 0] = 1.0
    y = np.full((2 * n + 2, 1), LAW.mean[0])
    y[1] += 1.0
    out = solve_sde(LAW.denoise, phi, levels, y, increments, surfaces if areas else None)[:, 0]
    change = out - out[0]
    return out[0], change[1], change[2 : 2 + n], change[2 + n :]


def output_variance(phi, levels, start_variance, noise_scale=1.0):
    """Return the exact mean and variance of the reference's own output."""
    mean, start, by_increment, by_area = linear_map(phi, levels)
    s = step_covariances(phi, levels)
    noise = by_increment**2 * s.variance + by_area**2 * s.area_variance
    noise = noise + 2 * by_increment * by_area * s.cross
    return mean, start**2 * start_variance + noise_scale**2 * math.fsum(noise)


@pytest.mark.slow
@pytest.mark.parametrize("name", PHI)
def test_moments_match_the_invariant_law_when_data_is_gaussian(name):
    """Assert that mean and variance stay those of the marginal law to 1e-8, for every phi."""
    levels = np.geomspace(80.0, 0.002, 701)
    mean, variance = output_variance(PHI[name], levels, VARIANCE + 80.0**2)
    assert mean == pytest.approx(0.7, abs=1e-12)
    assert variance == pytest.approx(VARIANCE + 0.002**2, abs=MOMENT_TOLERANCE)


def test_moment_check_catches_noise_off_by_one_percent():
    """Assert that 1 % too much noise is seen: the broken twin."""
    levels = np.geomspace(80.0, 0.002, 301)
    _, variance = output_variance(PHI["exp_power"], levels, VARIANCE + 80.0**2, noise_scale=1.01)
    assert abs(variance - VARIANCE - 0.002**2) > 1e4 * MOMENT_TOLERANCE


@pytest.mark.parametrize("name", PHI)
def test_moments_converge_at_order_four_when_data_is_gaussian(name):
    """Assert that the variance error shrinks sixteenfold per halving."""
    errors = []
    for n in (50, 100, 200):
        _, variance = output_variance(PHI[name], np.geomspace(5.0, 0.05, n + 1), VARIANCE + 25.0)
        errors.append(variance - VARIANCE - 0.05**2)
    slopes = np.log2(np.abs(errors[:-1]) / np.abs(errors[1:]))
    assert np.abs(slopes - 4.0).max() < 0.2


@pytest.mark.parametrize("name", ["reverse_sde", "power(1.5)", "exp_reciprocal", "exp_power"])
def test_transition_matches_reference_covariances(name):
    """Assert that factor, noise variance and covariances agree with the closed forms to 1e-9."""
    start, end = 2.0, 0.5
    phi, levels = PHI[name], np.geomspace(start, end, 201)
    levels[0], levels[-1] = start, end
    _, factor, by_increment, by_area = linear_map(phi, levels)
    steps = step_covariances(phi, levels)
    exact = gaussian_transition(TAU_SQUARED[name], VARIANCE, start, end)
    unit = float(phi(np.array([end]))[0])  # the closed form has phi(end) = 1
    variance = by_increment**2 * steps.variance + by_area**2 * steps.area_variance
    variance = variance + 2 * by_increment * by_area * steps.cross
    with_clock = by_increment * steps.variance + by_area * steps.cross
    lever = steps.inverse_phi[-1] - steps.inverse_phi[1:]
    with_area = by_increment * steps.cross + by_area * steps.area_variance + lever * with_clock
    assert factor == pytest.approx(float(exact.factor), rel=1e-9)
    assert variance.sum() == pytest.approx(float(exact.noise_variance), rel=1e-9)
    assert unit * with_clock.sum() == pytest.approx(float(exact.cov_with_clock_increment), rel=1e-9)
    assert unit**2 * with_area.sum() == pytest.approx(float(exact.cov_with_area), rel=1e-9)
    clock = unit**2 * steps.variance.sum()
    assert clock == pytest.approx(float(exact.clock_variance), rel=1e-9)


@pytest.mark.parametrize("variance", [0.0, 1e-6, 0.25, 100.0])
@pytest.mark.parametrize("interval", [(80.0, 0.002), (1.0, 1.0 - 1e-6), (0.3, 0.1)])
def test_transition_matches_mpmath_quadrature(variance, interval):
    """Assert relative 1e-12 against 30-digit quadrature, for exp_power."""
    start, end = interval
    got = gaussian_transition(TAU_SQUARED["exp_power"], variance, start, end)
    with mpmath.workdps(30):
        s, t, v = mpmath.mpf(start), mpmath.mpf(end), mpmath.mpf(variance)

        def tau(lam):
            e = mpmath.exp(lam ** mpmath.mpf(0.3))
            return mpmath.mpf(0.3) * lam ** mpmath.mpf(0.3) * e / (e + 10)

        def phi(lam):
            return lam * (mpmath.exp(lam ** mpmath.mpf(0.3)) + 10)

        cuts = [mpmath.exp(x) for x in mpmath.linspace(mpmath.log(t), mpmath.log(s), 13)]
        damping = mpmath.quad(lambda lam: tau(lam) * lam / (v + lam**2), cuts)
        factor = mpmath.sqrt((v + t**2) / (v + s**2)) * mpmath.exp(-damping)
        noise = -(v + t**2) * mpmath.expm1(-2 * damping)
        clock = t**2 - s**2 * (phi(t) / phi(s)) ** 2
    assert float(got.factor) == pytest.approx(float(factor), rel=1e-12)
    assert float(got.noise_variance) == pytest.approx(float(noise), rel=1e-12)
    assert float(got.clock_variance) == pytest.approx(float(clock), rel=1e-12)
    bound = math.sqrt(float(got.noise_variance) * float(got.clock_variance))
    assert 0.0 < float(got.cov_with_clock_increment) <= bound * (1 + 1e-12)


def test_transitions_compose_and_broadcast():
    """Assert that two steps make one, for a whole spectrum at once."""
    v = np.logspace(-5, 1, 6)
    tau = TAU_SQUARED["exp_power"]
    first, second = gaussian_transition(tau, v, 5.0, 1.0), gaussian_transition(tau, v, 1.0, 0.1)
    whole = gaussian_transition(tau, v, 5.0, 0.1)
    np.testing.assert_allclose(first.factor * second.factor, whole.factor, rtol=1e-13)
    composed = second.factor**2 * first.noise_variance + second.noise_variance
    np.testing.assert_allclose(composed, whole.noise_variance, rtol=1e-12)
    ode = gaussian_transition(TAU_SQUARED["ode"], v, 5.0, 0.1)
    np.testing.assert_allclose(ode.factor, gaussian_ode_solution(1.0, 0.0, v, 5.0, 0.1), rtol=1e-14)
    np.testing.assert_array_equal(ode.noise_variance, 0.0 * v)


def test_step_covariances_match_closed_form_for_the_reverse_sde():
    """Assert that phi = lambda^2, where V = A, gives span, span^2/2 and span^3/3."""
    levels = np.geomspace(5.0, 0.05, 40)
    steps = step_covariances(PHI["reverse_sde"], levels)
    span = np.diff(levels**-2.0)
    np.testing.assert_allclose(steps.variance, span, rtol=1e-12)
    np.testing.assert_allclose(steps.cross, span**2 / 2, rtol=1e-12)
    np.testing.assert_allclose(steps.area_variance, span**3 / 3, rtol=1e-12)
    np.testing.assert_allclose(steps.middle_variance, span / 2, rtol=1e-12)
    np.testing.assert_allclose(steps.middle_cross, 3 * span**2 / 8, rtol=1e-12)


def test_step_covariances_match_mpmath_for_exp_power():
    """Assert that the quadrature in A agrees with 30-digit integrals over the level."""
    levels = np.array([3.0, 2.0, 1.9])
    steps = step_covariances(PHI["exp_power"], levels)
    with mpmath.workdps(30):

        def phi(lam):
            return lam * (mpmath.exp(lam ** mpmath.mpf(0.3)) + 10)

        def clock_rate(lam):
            return -mpmath.diff(lambda z: (z / phi(z)) ** 2, lam)

        for k in range(2):
            high, low = mpmath.mpf(levels[k]), mpmath.mpf(levels[k + 1])
            end = 1 / phi(low)
            for power, ours in enumerate((steps.variance, steps.cross, steps.area_variance)):
                exact = mpmath.quad(lambda lam, p=power, e=end: (e - 1 / phi(lam)) ** p * clock_rate(lam), [low, high])
                assert ours[k] == pytest.approx(float(exact), rel=1e-10)


def test_ode_has_no_noise():
    """Assert that phi = x draws zeros on any grid, so that the clock's round-off is not noise."""
    increments, areas = draw_brownian(PHI["ode"], np.geomspace(80.0, 0.002, 500), (2, 1), 0)
    assert not increments.any()
    assert not areas.any()


def test_draws_have_the_joint_covariance_and_coarsen_to_it():
    """Assert that drawn and coarsened pairs have the covariance of their steps, 5 standard errors."""
    phi, levels, n = PHI["exp_power"], np.geomspace(5.0, 0.5, 5), 20_000
    increments, areas = draw_brownian(phi, levels, (n, 1), 3)
    coarse, total, area = coarsen_brownian(phi, levels, increments, areas, 2)
    np.testing.assert_array_equal(coarse, levels[::2])
    for grid, db, j in ((levels, increments, areas), (coarse, total, area)):
        steps = step_covariances(phi, grid)
        for a, b, exact in (
            (db, db, steps.variance),
            (db, j, steps.cross),
            (j, j, steps.area_variance),
        ):
            product = (a * b)[:, :, 0]
            z = (product.mean(axis=1) - exact) / (product.std(axis=1) / math.sqrt(n))
            assert np.abs(z).max() < 5.0
            twin = (product.mean(axis=1) - 1.1 * exact) / (product.std(axis=1) / math.sqrt(n))
            assert np.abs(twin).max() > 5.0


MIXTURE = GaussianMixture([0.4, 0.6], [-0.6, 0.8], [0.3, 0.2])
FACTORS = (8, 16, 32)


def path_differences(name, *, areas=True, scale=1.0, n=256):
    """Return differences to a fine run on one Brownian path, for grids coarser by FACTORS."""
    phi, levels = PHI[name], np.geomspace(5.0, 0.05, 1025)
    increments, surfaces = draw_brownian(phi, levels, (n, 1), 1)
    y = MIXTURE.sample(n, 5.0, 3)
    fine = solve_sde(MIXTURE.denoise, phi, levels, y, increments, surfaces)
    rows = []
    for factor in FACTORS:
        coarse, db, j = coarsen_brownian(phi, levels, increments, surfaces, factor)
        known = scale * j if areas else None
        rows.append(solve_sde(MIXTURE.denoise, phi, coarse, y, scale * db, known) - fine)
    return np.stack(rows)[:, :, 0]


def path_errors(name, **options):
    """Return the root mean square over paths of the differences."""
    return np.sqrt((path_differences(name, **options) ** 2).mean(axis=1))


def slopes(errors):
    """Return local orders between grids of ratio 2, finest first."""
    return np.log2(errors[1:] / errors[:-1])


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power"])
def test_strong_order_is_at_least_one_and_a_half_with_areas(name):
    """Assert strong order >= 1.5 on a mixture, in every local slope."""
    assert slopes(path_errors(name)).min() > 1.5


@pytest.mark.parametrize("name", ["reverse_sde", "exp_power"])
def test_strong_order_is_one_without_areas(name):
    """Assert strong order 1 when only increments are known, over two halvings."""
    assert slopes(path_errors(name, areas=False, n=1000)).mean() == pytest.approx(1.0, abs=0.15)


def test_order_is_four_when_phi_is_the_ode():
    """Assert the deterministic order on a mixture."""
    assert np.abs(slopes(path_errors("ode")) - 4.0).max() < 0.2


def test_strong_order_catches_noise_off_by_one_percent():
    """Assert that 1 % too much noise leaves an error that does not shrink: the broken twin."""
    errors = path_errors("exp_power", scale=1.01)
    assert slopes(errors).max() < 0.5
    assert errors[0] > 50 * path_errors("exp_power")[0]


def mean_in_standard_errors(differences):
    """Return the mean difference over paths, in its standard errors."""
    return differences.mean(axis=1) / (differences.std(axis=1) / math.sqrt(differences.shape[1]))


def test_mean_is_unbiased_and_catches_a_smoothed_path(monkeypatch):
    """Assert that means agree with the fine run's, and not when the middle stages are not split.

    A smoothed path lacks variance within the step, which the curvature of the denoiser turns into a
    bias of first order: the broken twin.
    """
    assert np.abs(mean_in_standard_errors(path_differences("reverse_sde", n=1000))).max() < 4.5
    original = reference_sde._middle_weights

    def without_split(steps, *, with_areas):
        weights = original(steps, with_areas=with_areas)
        none = np.zeros_like(weights.split_area)
        return weights._replace(split_increment=none, split_area=none)

    monkeypatch.setattr(reference_sde, "_middle_weights", without_split)
    biased = path_differences("reverse_sde", n=1000)
    # the fine run is biased too, by an eighth and less of what is looked for
    assert np.abs(mean_in_standard_errors(biased)[:2]).min() > 6.0


def test_trajectory_ends_in_the_solution_and_progress_counts_steps():
    """Assert that the trajectory holds every level and the callback every step."""
    phi, levels = PHI["reverse_sde"], np.geomspace(5.0, 1.0, 5)
    increments, areas = draw_brownian(phi, levels, (3, 1), 1)
    y, seen = LAW.sample(3, 5.0), []
    path = solve_sde(
        LAW.denoise,
        phi,
        levels,
        y,
        increments,
        areas,
        return_trajectory=True,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert path.shape == (5, 3, 1)
    np.testing.assert_array_equal(path[0], y)
    np.testing.assert_allclose(path[-1], solve_sde(LAW.denoise, phi, levels, y, increments, areas), rtol=1e-15)
    assert seen[-1] == (4, 4)
