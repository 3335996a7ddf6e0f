"""The derived constants predict the measured errors on Gaussian data."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.claims._ladders import VARIANCE, transition
from ersde_theory.derivations.predicted_errors import (
    GaussianPath,
    mean_error,
    squared_strong_error,
    variance_error,
)
from ersde_theory.errors import exact_strong_error
from ersde_theory.exact_gaussian import output_moments

PATH = GaussianPath()
MEAN = 0.7
TOLERANCE = 0.02
TARGET = PATH.variance + PATH.lam_min**2


def predicts(found: float, expected: float) -> bool:
    """Return whether a number is the expected one within the tolerance, and one 5 % larger would not be."""
    assert abs(found / (1.05 * expected) - 1.0) > TOLERANCE
    return abs(found / expected - 1.0) < TOLERANCE


def build(scheme: str, grid: TimeGrid, phi: NoiseScale, start: str):
    """Return the tableau of a scheme by the name that predictions use."""
    family, _, order = scheme.partition("-")
    if family == "adams":
        return schemes.exponential_adams(grid, phi, int(order), start=start)
    return schemes.er_sde(grid, phi, int(order), variant=family)


def measured(scheme: str, member: str, start: str, n_steps: int, offset: float = 0.0) -> tuple[float, float]:
    """Return the exact errors of mean and variance."""
    grid, phi = TimeGrid.karras(n_steps, PATH.lam_max, PATH.lam_min, PATH.rho), NoiseScale.from_name(member)
    tableau = build(scheme, grid, phi, start)
    mean, variance = output_moments(tableau, MEAN, PATH.variance, start_mean=MEAN + offset)
    return float(mean), float(variance) - TARGET


# What is asked for: every pair of these, on one finest grid, with the start of increasing order.
SCHEMES = ("published-1", "published-2", "published-3", "adams-2", "adams-3")
MEMBERS = ("ode", "exp_power", "reverse_sde")
FINEST = 2560
# And beyond: Adams' own third-order term with a start that does not count, the next order, another power, the release.
BEYOND = (
    ("adams-3", "ode", "graded", 5120),
    ("adams-3", "exp_power", "graded", 5120),
    ("adams-3", "reverse_sde", "graded", 1280),
    ("adams-4", "reverse_sde", "graded", 1280),
    ("adams-4", "power(1.5)", "graded", 2560),
    ("released-3", "ode", "increasing", 5120),
)
CASES = (*((scheme, member, "increasing", FINEST) for scheme in SCHEMES for member in MEMBERS), *BEYOND)


@pytest.mark.parametrize(("scheme", "member", "start", "n_steps"), CASES)
def test_derived_constants_predict_the_variance_error(scheme, member, start, n_steps):
    """Assert that measured over predicted is 1 within 2 % at the finest grid; a constant 5 % larger is not."""
    predicted = variance_error(scheme, member, start=start)
    assert predicts(measured(scheme, member, start, n_steps)[1], predicted.at(n_steps))


@pytest.mark.parametrize("member", ["ode", "exp_power", "power(2.5)"])
@pytest.mark.parametrize(
    ("scheme", "start"),
    [
        ("published-1", "increasing"),
        ("published-2", "increasing"),
        ("published-3", "increasing"),
        ("adams-3", "graded"),
    ],
)
def test_derived_constants_predict_the_mean_error(scheme, start, member):
    """Assert that an offset start's mean error is predicted within 2 %; a constant 5 % larger is not."""
    predicted = mean_error(scheme, member, 1.0, start=start)
    n_steps = 2560
    exact = mean_of_solution(member)
    found = measured(scheme, member, start, n_steps, offset=1.0)[0] - MEAN - exact
    assert predicts(found, predicted.at(n_steps))


def mean_of_solution(member: str) -> float:
    """Return the exact mean at the last level of a path that starts 1 off, by quadrature in the level."""
    phi = NoiseScale.from_name(member)
    ends = np.linspace(np.log(PATH.lam_min), np.log(PATH.lam_max), 65)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(ends)[:, None] / 2
    lam = np.exp(ends[:-1, None] + half * (1 + nodes))
    rate = (1.0 + phi.tau_squared(lam)) * lam**2 / (PATH.variance + lam**2)
    return float(np.exp(-np.sum(half * weights * rate)))


@pytest.mark.parametrize("scheme", ["published-2", "published-3", "adams-3", "adams-4"])
@pytest.mark.parametrize("member", ["exp_power", "reverse_sde"])
def test_one_constant_gives_the_strong_error_of_every_scheme(scheme, member):
    """Assert that the mean-square error on a coupled path has the same leading constant for every k >= 2."""
    n_steps, phi = 640, NoiseScale.from_name(member)
    grid = TimeGrid.karras(n_steps, PATH.lam_max, PATH.lam_min, PATH.rho)
    tableau = build(scheme, grid, phi, "increasing")
    found = exact_strong_error(tableau, VARIANCE, transition(grid, phi))[-1] ** 2
    assert predicts(found, squared_strong_error(member).at(n_steps))


@pytest.mark.parametrize(("order", "n_steps"), [(3, 1280), (4, 10240)])
def test_no_order_passes_two_with_noise_in_the_exact_example(order, n_steps):
    """Assert that N^2 times the variance error tends to 4 ln 2 - 4/3 ln 5 - 74/125 for v = 1, phi = x^2, 2 to 1."""
    limit = 4.0 * np.log(2.0) - 4.0 / 3.0 * np.log(5.0) - 74.0 / 125.0
    grid = TimeGrid(np.linspace(2.0, 1.0, n_steps + 1))
    tableau = schemes.exponential_adams(grid, NoiseScale.reverse_sde(), order, start="graded")
    _, variance = output_moments(tableau, 0.0, 1.0)
    assert predicts((float(variance) - 2.0) * n_steps**2, limit)


def test_unknown_names_are_refused():
    """Assert that a name that is none is named with what was expected."""
    with pytest.raises(ValueError, match="scheme"):
        variance_error("published-9", "ode")
    with pytest.raises(ValueError, match="noise_scale"):
        mean_error("published-1", "odd", 1.0)
    with pytest.raises(ValueError, match="start"):
        variance_error("published-1", "ode", start="warm")
