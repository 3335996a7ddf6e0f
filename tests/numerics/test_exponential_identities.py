"""Round-off identities of phi-exponential schemes on random grids (math.md section 5)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments
from tests.numerics import _broken
from tests.numerics._strategies import LOG_POWER_TOP, NAMES, grids, noise_scale

IDENTITY = 1e-13
SCHEMES = {
    "er_sde-1": lambda grid, phi: schemes.er_sde(grid, phi, 1),
    "er_sde-2": lambda grid, phi: schemes.er_sde(grid, phi, 2),
    "er_sde-3": lambda grid, phi: schemes.er_sde(grid, phi, 3),
    "adams-2": lambda grid, phi: schemes.exponential_adams(grid, phi, 2),
    "adams-3": lambda grid, phi: schemes.exponential_adams(grid, phi, 3),
    "adams-4": lambda grid, phi: schemes.exponential_adams(grid, phi, 4),
    "adams-3 graded": lambda grid, phi: schemes.exponential_adams(grid, phi, 3, start="graded"),
    "adams-4 graded": lambda grid, phi: schemes.exponential_adams(grid, phi, 4, start="graded"),
}
GENERAL = ("sympy", "shifted")


def constant_defect(tab: Tableau) -> float:
    """Return the worst relative |ratio alpha_prev + sum of weights - alpha|."""
    carried = tab.previous[1:] * tab.alpha[:-1]
    size = np.abs(carried) + np.abs(tab.data[1:]).sum(axis=1) + tab.alpha[1:]
    return float((np.abs(carried + tab.data[1:].sum(axis=1) - tab.alpha[1:]) / size).max())


def variance_defect(tab: Tableau) -> float:
    """Return the worst relative deviation of a row's variance from sigma^2 for point-mass data at 0."""
    variance = (tab.previous[1:] * tab.sigma[:-1]) ** 2 + (tab.noise[1:] ** 2).sum(axis=1)
    scale = np.where(tab.sigma[1:] > 0.0, tab.sigma[1:], 1.0) ** 2
    return float((np.abs(variance - tab.sigma[1:] ** 2) / scale).max())


def is_fit_for(grid: TimeGrid, scheme: str, name: str) -> bool:
    """Return whether the scheme is defined on the grid."""
    top = grid.levels[0]
    admissible = top <= LOG_POWER_TOP if name == "log_power" else True
    graded = np.isfinite(top) if "graded" in scheme else True
    return bool(admissible and graded)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=15)
@given(data=st.data())
def test_exponential_scheme_keeps_constants_and_variance_on_any_grid(scheme, name, data):
    """Assert both identities to 1e-13 in every row, and that `defects` finds none."""
    grid = data.draw(grids(LOG_POWER_TOP if name == "log_power" else 1e4))
    assume(is_fit_for(grid, scheme, name))
    tab = SCHEMES[scheme](grid, noise_scale(name))
    assert constant_defect(tab) <= IDENTITY
    assert variance_defect(tab) <= IDENTITY
    assert tab.defects(IDENTITY) == []


@pytest.mark.parametrize("name", GENERAL)
@settings(max_examples=8)
@given(data=st.data())
def test_general_phi_keeps_constants_and_variance(name, data):
    """Assert the same for phi given by an expression and by tau^2."""
    grid = data.draw(grids(1e3))
    tab = schemes.exponential_adams(grid, noise_scale(name), 3)
    assert constant_defect(tab) <= IDENTITY
    assert variance_defect(tab) <= IDENTITY


@settings(max_examples=40)
@given(grid=grids(), eta=st.floats(0.0, 1.0))
def test_ddim_and_ddpm_keep_constants_and_variance(grid, eta):
    """Assert both identities for DDIM with any eta and for DDPM with the posterior variance."""
    for tab in (schemes.ddim(grid, eta), schemes.ddpm_ancestral(grid)):
        assert constant_defect(tab) <= IDENTITY
        assert variance_defect(tab) <= IDENTITY


@settings(max_examples=40)
@given(grid=grids(LOG_POWER_TOP), name=st.sampled_from(NAMES), order=st.integers(1, 3))
def test_point_mass_data_keep_their_law_through_the_whole_run(grid, name, order):
    """Assert that mean and variance of the final state are exact for data at one point, any levels."""
    tab = schemes.er_sde(grid, noise_scale(name), order)
    mean, variance = output_moments(tab, -2.5, 0.0)
    tolerance = IDENTITY * tab.n_rows
    assert abs(mean + 2.5) <= tolerance * np.abs(tab.data).sum(axis=1).max() * 4.0
    assert abs(variance - tab.sigma[-1] ** 2) <= tolerance * tab.sigma[-1] ** 2


@settings(max_examples=25)
@given(grid=grids(LOG_POWER_TOP), name=st.sampled_from(NAMES), order=st.integers(1, 3))
def test_released_er_sde_keeps_constants_and_loses_clipped_noise(grid, name, order):
    """Assert that the release's Riemann sum keeps constants, and its clip is named row by row."""
    phi = noise_scale(name)
    tab = schemes.er_sde(grid, phi, order, variant="released")
    assert constant_defect(tab) <= IDENTITY
    exact = phi.noise_variance(grid.levels[:-1], grid.levels[1:])
    lost = (exact < 1e-6) & (exact > 3e-13 * grid.levels[1:] ** 2)
    named = {d.row for d in tab.defects() if d.identity == "variance"}
    assert set(np.flatnonzero(lost) + 1) <= named
    assert named <= set(np.flatnonzero((exact < 1e-6) & (exact > 0.0)) + 1)


@settings(max_examples=30)
@given(grid=grids(LOG_POWER_TOP), name=st.sampled_from(NAMES), scheme=st.sampled_from(sorted(SCHEMES)))
def test_identities_catch_their_broken_twins(grid, name, scheme):
    """Assert that a coefficient off by 1e-6 and noise off by 1 % are found, in the right row."""
    assume(is_fit_for(grid, scheme, name))
    tab = SCHEMES[scheme](grid, noise_scale(name))
    twin = _broken.with_coefficient_off(tab)
    assume(abs(tab.data[tab.n_rows // 2, 0]) > 1e-3)
    assert constant_defect(twin) > IDENTITY
    assert [(d.row, d.identity) for d in twin.defects()] == [(tab.n_rows // 2, "constant")]
    share = np.divide(tab.noise[1:, 0], tab.sigma[1:], where=tab.sigma[1:] > 0, out=0 * tab.sigma[1:])
    if share.max() > 1e-4:
        noisy = _broken.with_noise_off(tab)
        assert variance_defect(noisy) > IDENTITY
        assert int(np.argmax(share)) + 1 in {d.row for d in noisy.defects()}


@settings(max_examples=25)
@given(
    n=st.integers(1, 12),
    high=st.floats(1.0, 80.0),
    name=st.sampled_from(("reverse_sde", "exp_power", "power(1.5)")),
)
def test_euler_maruyama_fails_the_variance_identity_as_a_broken_twin(n, high, name):
    """Assert that a scheme without exact noise does not pass, while it keeps constants in y."""
    grid = TimeGrid.karras(n, high, 0.05)
    tab = schemes.euler_maruyama(grid, noise_scale(name))
    assert constant_defect(tab) <= IDENTITY
    assert variance_defect(tab) > 1e3 * IDENTITY
    assert {d.row for d in tab.defects()} == set(range(1, n + 1))


def test_ddpm_with_the_forward_variance_fails_the_identity_as_a_broken_twin():
    """Assert that the other noise of DDPM is too much in every row."""
    from ersde_theory import ForwardProcess

    grid = TimeGrid.karras(6, 40.0, 0.1)
    tab = schemes.ddpm_ancestral(grid, variance="forward", process=ForwardProcess.vp_linear())
    assert [(d.row, d.identity) for d in tab.defects()] == [(r, "variance") for r in range(1, 7)]
    assert all(d.got > d.expected for d in tab.defects())


def test_graded_start_has_its_24_levels_in_the_first_interval():
    """Assert levels lam_0 - (lam_0 - lam_1) 2^-j, j = 24 ... 1, and N + 24 evaluations."""
    grid = TimeGrid.karras(3, 8.0, 1.0)
    first, second = grid.levels[:2]
    extra = [first - (first - second) / 2**j for j in range(24, 0, -1)]
    tab = schemes.exponential_adams(grid, NoiseScale.ode(), 3, start="graded")
    np.testing.assert_array_equal(tab.noise_level, [first, *extra, *grid.levels[1:]])
    assert tab.n_evaluations == 27


def test_schemes_coincide_where_the_formulas_do():
    """Assert order 1 = DDIM and DDPM of the right noise, and orders 1, 2 = exponential Adams."""
    grid = TimeGrid.karras(9, 80.0, 0.002, final_zero=True)
    for order in (1, 2):
        for name in NAMES:
            published = schemes.er_sde(grid, noise_scale(name), order)
            adams = schemes.exponential_adams(grid, noise_scale(name), order)
            assert published.first_difference(adams, rtol=1e-13, atol=1e-15) is None
    for eta, phi in ((0.0, NoiseScale.ode()), (1.0, NoiseScale.reverse_sde())):
        first = schemes.er_sde(grid, phi, 1)
        assert first.first_difference(schemes.ddim(grid, eta), rtol=1e-13, atol=1e-15) is None
    half = schemes.er_sde(grid, NoiseScale.power(1.25), 1)
    assert half.first_difference(schemes.ddim(grid, 0.5), rtol=1e-6) is not None
