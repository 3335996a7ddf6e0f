"""Exact moments through a tableau against the dense covariance of everything at once."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import Draw, NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.exact_gaussian import (
    kl_divergence,
    output_moments,
    target_moments,
    wasserstein2,
)
from tests.numerics import _broken
from tests.numerics._strategies import tableaus
from tests.numerics.test_tableau import heun_pec

ROUNDOFF = 1e-12
SPECTRUM = np.logspace(-5, 1, 25)


def correlation(tab: Tableau) -> np.ndarray:
    """Return the full covariance matrix of the draws."""
    matrix = np.eye(tab.n_draws)
    for (i, j), value in tab.draw_covariance.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


def dense_oracle(tab: Tableau, m: float, v: float, start: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the final mean and variance from L Sigma L^T over (1, start, every draw).

    Every state and evaluation is written out as a combination of the constant, the start state and all
    draws, by the dense table.
    """
    dense, n = tab.dense(), tab.n_draws
    evaluations = np.zeros((tab.n_evaluations, 2 + n))
    state = np.zeros(2 + n)
    for r in range(tab.n_rows):
        state = dense.data[r] @ evaluations
        state[1] += dense.start[r]
        state[2:] += dense.noise[r]
        if tab.evaluation[r] >= 0:
            a, s = tab.alpha[r], tab.sigma[r]
            gain = a * v / (a**2 * v + s**2) if a**2 * v + s**2 > 0 else 0.0
            evaluations[tab.evaluation[r]] = gain * state
            evaluations[tab.evaluation[r], 0] += m * (1.0 - gain * a)
    a, s = tab.alpha[0], tab.sigma[0]
    mean, variance = (a * m, a**2 * v + s**2) if start is None else start
    sigma = np.zeros((1 + n, 1 + n))
    sigma[0, 0], sigma[1:, 1:] = variance, correlation(tab)
    return state[0] + state[1] * mean, state[1:] @ sigma @ state[1:]


def scale_of(tab: Tableau) -> float:
    """Return a bound for the size of the numbers that enter a result."""
    dense = tab.dense()
    size = max(1.0, *(float(np.abs(a).sum(axis=1).max(initial=0.0)) for a in (dense.data, dense.noise)))
    return size * max(1.0, float(np.abs(dense.start).max()))


@settings(max_examples=150)
@given(
    tab=tableaus(),
    m=st.floats(-2.0, 2.0),
    v=st.one_of(st.just(0.0), st.floats(1e-3, 4.0)),
    start=st.one_of(st.none(), st.tuples(st.floats(-3.0, 3.0), st.floats(0.0, 9.0))),
)
def test_output_moments_match_dense_oracle_for_any_tableau(tab, m, v, start):
    """Assert agreement for stages, draws used twice, correlated draws and any start."""
    given_start = {} if start is None else {"start_mean": start[0], "start_variance": start[1]}
    mean, variance = output_moments(tab, m, v, **given_start)
    wanted_mean, wanted_variance = dense_oracle(tab, m, v, start)
    size = scale_of(tab) * 10.0 ** (tab.n_evaluations * 0.3)
    assert abs(mean - wanted_mean) <= ROUNDOFF * size * 5.0
    assert abs(variance - wanted_variance) <= ROUNDOFF * size**2 * 10.0


def correlated_tableau() -> Tableau:
    """Return a table with two correlated draws a step, one of them used in two rows."""
    rho = {(0, 1): 0.6, (1, 2): -0.3, (2, 3): 0.5}
    return Tableau(
        name="correlated",
        alpha=np.ones(4),
        sigma=np.array([3.0, 2.0, 1.5, 1.0]),
        node=np.array([0, 1, -1, 2]),
        evaluation=np.array([0, 1, 2, -1]),
        previous=np.array([1.0, 0.6, 0.8, 0.5]),
        data_columns=np.array([[-1, -1], [0, -1], [1, 0], [2, 1]]),
        data=np.array([[0.0, 0.0], [0.4, 0.0], [0.3, -0.1], [0.7, -0.2]]),
        noise_columns=np.array([[-1, -1], [0, 1], [1, 2], [2, 3]]),
        noise=np.array([[0.0, 0.0], [0.9, 0.4], [-0.5, 0.2], [0.8, 0.3]]),
        draws=tuple(Draw(3.0, 1.0, kind) for kind in ("increment", "area") * 2),
        draw_covariance=rho,
    )


@pytest.mark.parametrize("tab", [correlated_tableau(), heun_pec()], ids=lambda t: t.name)
def test_moments_of_shared_and_correlated_draws_match_dense_oracle(tab):
    """Assert L L^T by hand-made tables, and that ignoring the correlation is a caught twin."""
    for m, v in ((0.7, 0.25), (-1.0, 4.0), (0.3, 0.0)):
        got = np.array(output_moments(tab, m, v))
        np.testing.assert_allclose(got, dense_oracle(tab, m, v), rtol=1e-13)
    if tab.draw_covariance:
        twin = output_moments(replace(tab, draw_covariance={}), 0.7, 0.25)
        assert abs(twin[1] - output_moments(tab, 0.7, 0.25)[1]) > 1e-3


@pytest.mark.parametrize("twin", [_broken.with_coefficient_off, _broken.with_noise_off])
def test_dense_oracle_catches_its_broken_twins(twin):
    """Assert that a coefficient off by 1e-6 and noise off by 1 % change the moments visibly."""
    tab = schemes.er_sde(TimeGrid.karras(20, 80.0, 0.002), NoiseScale.exp_power(), 3)
    np.testing.assert_allclose(output_moments(tab, 0.7, 0.25), dense_oracle(tab, 0.7, 0.25), rtol=1e-12)
    got = np.array(output_moments(twin(tab), 0.7, 0.25))
    assert np.abs(got - dense_oracle(tab, 0.7, 0.25)).max() > 1e-10


def test_batches_equal_singles():
    """Assert that spectra and mixed sequences of tableaus give what each gives alone, bit for bit."""
    grid, phi = TimeGrid.karras(12, 80.0, 0.002, final_zero=True), NoiseScale.exp_power()
    tabs = [schemes.er_sde(grid, phi, k) for k in (1, 2, 3)]
    tabs += [schemes.exponential_adams(grid, NoiseScale.ode(), 3), correlated_tableau(), tabs[1]]
    means = np.linspace(-1.0, 1.0, 25)
    mean, variance = output_moments(tabs, means, SPECTRUM)
    assert mean.shape == variance.shape == (6, 25)
    for b, tab in enumerate(tabs):
        for s in (0, 7, 24):
            one = output_moments(tab, means[s], SPECTRUM[s])
            assert (mean[b, s], variance[b, s]) == (one[0], one[1])
        whole = output_moments(tab, means, SPECTRUM)
        np.testing.assert_array_equal(whole, [mean[b], variance[b]])
    np.testing.assert_array_equal(wasserstein2(tabs, means, SPECTRUM)[2], wasserstein2(tabs[2], means, SPECTRUM))


def test_spectrum_may_have_any_shape_and_start():
    """Assert broadcasting of mean, variance and start over axes, scalars in and out."""
    tab = schemes.er_sde(TimeGrid.karras(5, 5.0, 0.5), NoiseScale.reverse_sde(), 2)
    mean, variance = output_moments(tab, np.zeros((2, 1)), np.ones(3), start_mean=np.ones(3))
    assert mean.shape == variance.shape == (2, 3)
    assert output_moments(tab, 0.0, 1.0)[0].shape == ()
    np.testing.assert_allclose(mean[1, 2], dense_oracle(tab, 0.0, 1.0, (1.0, 26.0))[0], rtol=1e-13)


def test_distances_match_their_formulas():
    """Assert W2 and KL of one-dimensional Gaussians, in y and in the limit of perfect sampling."""
    tab = schemes.er_sde(TimeGrid.karras(8, 5.0, 0.05), NoiseScale.exp_power(), 2)
    start = {"start_mean": 0.0, "start_variance": 25.0}
    mean, variance = output_moments(tab, 0.7, 0.25, **start)
    target_mean, target_variance = target_moments(tab, 0.7, 0.25)
    w2 = np.hypot(mean - target_mean, np.sqrt(variance) - np.sqrt(target_variance))
    np.testing.assert_allclose(wasserstein2(tab, 0.7, 0.25, **start), w2, rtol=1e-12)
    ratio = variance / target_variance
    kl = 0.5 * (ratio - 1.0 - np.log(ratio) + (mean - target_mean) ** 2 / target_variance)
    np.testing.assert_allclose(kl_divergence(tab, 0.7, 0.25, **start), kl, rtol=1e-11)
    assert wasserstein2(tab, 0.7, 0.0) < 1e-14


def peak_bytes(n_steps: int) -> int:
    """Return the peak memory of moments over 25 eigenvalues, the tableau itself left out."""
    tab = schemes.exponential_adams(TimeGrid.karras(n_steps, 80.0, 0.002), NoiseScale.exp_power(), 3)
    tracemalloc.start()
    output_moments(tab, 0.0, SPECTRUM)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_is_linear_in_the_number_of_steps():
    """Assert that N = 1280 needs a small part of its dense table and twice what N = 640 needs."""
    long, short = peak_bytes(1280), peak_bytes(640)
    dense_table = 8 * 1281 * (1 + 1280 + 1280)
    assert long < 0.1 * dense_table
    assert long < 2.2 * short
