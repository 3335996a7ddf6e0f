"""Independent numbers for the pages on errors and on known samplers: quadrature, finite differences, runs."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.quadrature import moments, riemann_moments

H = 1e-3


def local_ratio(build, order: int, constant: float) -> float:
    """Return the error of one step on D = e^lambda over its predicted leading term, phi = x^2, equal steps of H."""
    levels = 1.0 - H * np.arange(-order + 1, 2)
    row = build(TimeGrid(levels), NoiseScale.reverse_sde(), order).data[-1]
    with mpmath.workdps(30):
        s, t = mpmath.mpf(levels[-2]), mpmath.mpf(levels[-1])
        exact = mpmath.quad(lambda u: t**2 * 2 / u**3 * mpmath.exp(u), [t, s])
        taken = sum(mpmath.mpf(w) * mpmath.exp(mpmath.mpf(levels[-2 - j])) for j, w in enumerate(row))
        power = 2 if order == 3 and constant == 0.25 else order
        leading = constant * 2 * H ** (power + 1) * (-1) ** power * mpmath.e
        return float((exact - taken) / leading)


@pytest.mark.parametrize(
    ("build", "order", "constant"),
    [
        (schemes.er_sde, 1, 1 / 2),
        (schemes.er_sde, 2, 5 / 12),
        (schemes.er_sde, 3, 1 / 4),
        (schemes.exponential_adams, 3, 3 / 8),
        (schemes.exponential_adams, 4, 251 / 720),
    ],
)
def test_local_errors_have_the_derived_constants(build, order, constant):
    """Assert that one step's error on a known D is the derived leading term within 1 %; a 3 % larger one is not."""
    ratio = local_ratio(build, order, constant)
    assert abs(ratio - 1.0) < 0.01
    assert abs(ratio / 1.03 - 1.0) > 0.01


@pytest.mark.parametrize("member", ["ode", "exp_power", "reverse_sde"])
def test_released_moments_have_the_derived_errors(member):
    """Assert relative errors -1/100 of G_1, -3 lambda / (100 kappa h) of G_2; ones 5 % larger would be noticed."""
    phi, start, end = NoiseScale.from_name(member), np.array(1.0), np.array(1.0 - H)
    exact, rough = moments(phi, start, end, 2), riemann_moments(phi, start, end, 2)
    kappa = 1.0 + float(phi.tau_squared(1.0))
    first, second = (rough[1] / exact[1] - 1.0) / -0.01, (rough[2] / exact[2] - 1.0) / (-0.03 / (kappa * H))
    assert abs(first - 1.0) < 0.01
    assert abs(second - 1.0) < 0.02
    assert min(abs(first / 1.05 - 1.0), abs(second / 1.05 - 1.0)) > 0.02


def test_data_prediction_of_a_mixture_obeys_the_derived_equation():
    """Assert d_lambda D = lambda D_yy - (2/lambda)(y - D) D_y for two modes, by differences at 40 digits."""

    def denoise(y: mpmath.mpf, lam: mpmath.mpf) -> mpmath.mpf:
        modes = [(mpmath.mpf("0.3"), -1, mpmath.mpf("0.1")), (mpmath.mpf("0.7"), 2, mpmath.mpf("0.4"))]

        def log_density(at: mpmath.mpf) -> mpmath.mpf:
            spread = [(w, m, v + lam**2) for w, m, v in modes]
            return mpmath.log(sum(w * mpmath.exp(-((at - m) ** 2) / (2 * p)) / mpmath.sqrt(p) for w, m, p in spread))

        return y + lam**2 * mpmath.diff(log_density, y)

    with mpmath.workdps(40):
        y, lam = mpmath.mpf("0.4"), mpmath.mpf("0.8")
        in_level = mpmath.diff(lambda at: denoise(y, at), lam)
        slope, curvature = (mpmath.diff(lambda at: denoise(at, lam), y, n) for n in (1, 2))
        right = lam * curvature - 2 / lam * (y - denoise(y, lam)) * slope
        assert abs(in_level - right) < mpmath.mpf(10) ** -10
        assert abs(in_level - right - lam * curvature) > mpmath.mpf("0.01")


VARIANCE = 0.25


def third_order_multistep(n_steps: int, curvature: float) -> float:
    """Return the error of DPM-Solver++(3M) on the Gaussian ODE, equal steps in ln lambda from 5 to 0.5, exact start.

    `curvature` multiplies the coded weight of D_2.
    """
    levels = np.exp(np.linspace(np.log(5.0), np.log(0.5), n_steps + 1))
    solution = np.sqrt(VARIANCE + levels**2)
    gain = VARIANCE / (VARIANCE + levels**2)
    y = list(solution[:3])
    ell = np.log(levels[0] / levels[1])
    first = np.expm1(-ell) / ell + 1.0
    second = first / ell - 0.5
    for i in range(2, n_steps):
        d0, d1, d2 = (gain[i - j] * y[i - j] for j in range(3))
        slope = (d0 - d1) + 0.5 * ((d0 - d1) - (d1 - d2))
        bend = 0.5 * ((d0 - d1) - (d1 - d2))
        y.append(np.exp(-ell) * y[i] - np.expm1(-ell) * d0 + first * slope - curvature * second * bend)
    return abs(y[-1] - solution[-1])


@pytest.mark.parametrize(("curvature", "order"), [(1.0, 2), (2.0, 3)])
def test_third_order_multistep_needs_twice_the_coded_curvature(curvature, order):
    """Assert order 2 of DPM-Solver++(3M) as coded, and order 3 with the weight of D_2 doubled."""
    errors = [third_order_multistep(n, curvature) for n in (320, 640, 1280)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.abs(slopes - order).max() < 0.1


def run(step, levels: np.ndarray) -> float:
    """Return the variance after one-step steps (ratio, data weight, noise variance) on Gaussian data of mean 0."""
    variance = VARIANCE + levels[0] ** 2
    for start, end in itertools.pairwise(levels):
        ratio, weight, noise = step(start, end)
        variance = (ratio + weight * VARIANCE / (VARIANCE + start**2)) ** 2 * variance + noise
    return variance


MEMBERS = {
    "DPM-Solver++(1)": ("ode", lambda s, t: (t / s, -np.expm1(-np.log(s / t)), 0.0)),
    "EDM Euler": ("ode", lambda s, t: (1 + (t - s) / s, (s - t) / s, 0.0)),
    "SDE-DPM-Solver++(1)": (
        "reverse_sde",
        lambda s, t: (
            t / s * np.exp(-np.log(s / t)),
            -np.expm1(-2 * np.log(s / t)),
            -(t**2) * np.expm1(-2 * np.log(s / t)),
        ),
    ),
    "SA-Solver predictor, tau^2 = 1.5": (
        "power(2.5)",
        lambda s, t: (
            t / s * np.exp(-1.5 * np.log(s / t)),
            -np.expm1(-2.5 * np.log(s / t)),
            -(t**2) * np.expm1(-3.0 * np.log(s / t)),
        ),
    ),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_give_the_variance_of_solver_1(name):
    """Assert that a sampler's own coefficients give the output of its member to round-off, and not another's."""
    member, step = MEMBERS[name]
    grid = TimeGrid.karras(30, 5.0, 0.05)
    _, expected = output_moments(schemes.er_sde(grid, NoiseScale.from_name(member), 1), 0.0, VARIANCE)
    _, other = output_moments(schemes.er_sde(grid, NoiseScale.exp_power(), 1), 0.0, VARIANCE)
    found = run(step, grid.levels)
    assert abs(found / float(expected) - 1.0) < 1e-13
    assert abs(found / float(other) - 1.0) > 1e-3


def test_churn_lowers_the_variance_by_the_derived_term():
    """Assert the closed difference of a churned Euler step and the member with its ratio; a thousandth is noticed."""
    s, t, gamma = 2.0, 1.0, 0.3
    hat = (1 + gamma) * s
    r, gain = t / hat, VARIANCE / (VARIANCE + hat**2)
    churned = (r + (1 - r) * gain) ** 2 * (VARIANCE + hat**2)
    member = (r + (1 - r) * VARIANCE / (VARIANCE + s**2)) ** 2 * (VARIANCE + s**2) + t**2 - s**2 * r**2
    term = (1 - r) ** 2 * VARIANCE**2 * (hat**2 - s**2) / ((VARIANCE + s**2) * (VARIANCE + hat**2))
    assert abs(churned - member + term) < 1e-14
    assert abs(churned - member + 1.001 * term) > 1e-14


def mean_after(n_steps: int, weights: tuple[float, ...], span: float = 0.1) -> float:
    """Return E cos(u) after multistep steps of du = sin(u + A) dA + sqrt(1 + A) dB from 0.4, over all quadrature paths.

    The noise of a step is exact and replaced by three Gauss-Hermite nodes, which keep five moments; the start is of
    increasing order.
    """
    nodes, masses = np.polynomial.hermite_e.hermegauss(3)
    masses = masses / masses.sum()
    h = span / n_steps
    u, mass, slopes = np.array([0.4]), np.array([1.0]), []
    for i in range(n_steps):
        slopes = [np.sin(u + i * h), *slopes][: len(weights)]
        taken = (weights, (1.0,), (1.5, -0.5))[len(slopes) if len(slopes) < len(weights) else 0]
        drift = sum(weight * slope for weight, slope in zip(taken, slopes, strict=True))
        spread = np.sqrt(h + ((i + 1) ** 2 - i**2) * h**2 / 2)
        u = np.add.outer(u + h * drift, spread * nodes).ravel()
        slopes = [np.repeat(slope, nodes.size) for slope in slopes]
        mass = np.multiply.outer(mass, masses).ravel()
    return float(mass @ np.cos(u))


@pytest.mark.parametrize(
    ("weights", "order"), [((1.0,), 1), ((1.5, -0.5), 2), ((5 / 3, -5 / 6, 1 / 6), 2), ((23 / 12, -4 / 3, 5 / 12), 2)]
)
def test_weak_order_is_two_on_a_nonlinear_equation_for_two_evaluations(weights, order):
    """Assert the weak order by all paths of a tree, no sampling: 1 for one slope, 2 for solvers 2, 3 and Adams-3."""
    means = [mean_after(n, weights) for n in (3, 6, 12)]
    slope = np.log2((means[0] - means[1]) / (means[1] - means[2]))
    assert abs(slope - order) < 0.1


def rms_errors(*, area: bool) -> np.ndarray:
    """Return the RMS errors at A = 1 of 4, 8, 16, 32 steps of du = sin(2 u) dA + dB with a stage at 3/4 of the step.

    The reference has 512 steps on the same paths. Without the area the stage sees what the increment says about it.
    """
    rng = np.random.default_rng(7)
    fine, n_paths = 512, 4000
    increments = rng.standard_normal((fine, n_paths)) / np.sqrt(fine)
    inner = rng.standard_normal((fine, n_paths)) / np.sqrt(12 * fine**3)  # area of a fine step around its chord

    def end(n_steps: int) -> np.ndarray:
        per, h = fine // n_steps, 1.0 / n_steps
        u = np.full(n_paths, 0.3)
        for i in range(n_steps):
            db = increments[i * per : (i + 1) * per]
            left = (per - np.arange(1, per + 1))[:, None] / fine + 0.5 / fine
            whole, weighted = db.sum(axis=0), (left * db + inner[i * per : (i + 1) * per]).sum(axis=0)
            noise = 1.5 * weighted / h if area else 0.75 * whole
            slope = np.sin(2 * u)
            u = u + h / 3 * slope + 2 * h / 3 * np.sin(2 * (u + 0.75 * h * slope + noise)) + whole
        return u

    exact = end(fine)
    return np.array([np.sqrt(np.mean((end(n) - exact) ** 2)) for n in (4, 8, 16, 32)])


@pytest.mark.parametrize(("area", "order"), [(True, 1.5), (False, 1.0)])
def test_area_of_the_path_gives_strong_order_three_halves(area, order):
    """Assert the strong order on a nonlinear equation, 3/2 with the area of the path and 1 without it."""
    errors = rms_errors(area=area)
    assert abs(np.log2(errors[0] / errors[-1]) / 3 - order) < 0.15
