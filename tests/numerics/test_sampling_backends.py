"""The loop on NumPy and torch, in float32 and float64."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import GaussianMixture
from ersde_theory import BrownianPath, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.random_numbers import standard_normal, start_state

LAW = GaussianMixture([0.5, 0.5], [[-1.0, 0.5, 0.0], [0.8, -0.2, 0.3]], [0.5, 0.4])
GRID = TimeGrid.karras(8, 20.0, 0.05, final_zero=True)
PHI = NoiseScale.exp_power()
TAB = schemes.er_sde(GRID, PHI, 3)
START = start_state(1, (300, 3), 20.0)
NOISE = np.stack([standard_normal(5, m, (3,), 0, 300) for m in range(TAB.n_draws)])
WANTED = sample(TAB, LAW.denoise, START, 5)


def tolerance(backend) -> float:
    """Return the round-off of a run: some eps of the start's size per row of the table."""
    return 1e-12 if backend.dtype_name == "float64" else 2.0 * TAB.n_rows * backend.eps * 20.0


@pytest.mark.parametrize("form", ["seed", "array", "path"])
def test_library_and_dtype_give_the_result_of_numpy_float64(xp, form):
    """Assert agreement to round-off, and that library and dtype of the start are kept."""
    noise = {"seed": 5, "array": xp.asarray(NOISE), "path": BrownianPath(PHI, GRID, 5)}[form]
    got = sample(TAB, LAW.denoise, xp.asarray(START), noise)
    assert np.abs(xp.to_numpy(got) - WANTED).max() < tolerance(xp)


def test_tolerance_of_backends_catches_its_broken_twin(xp):
    """Assert that another seed's noise, and one draw moved to the next row, do not pass."""
    for noise in (6, xp.asarray(np.roll(NOISE, 1, axis=1))):
        got = sample(TAB, LAW.denoise, xp.asarray(START), noise)
        assert np.abs(xp.to_numpy(got) - WANTED).max() > 10 * tolerance(xp)


def test_every_state_and_denoiser_call_stays_in_the_dtype(xp):
    """Assert that no NumPy scalar upcasts float32 on the way."""
    seen = []

    def denoise(y, noise_level):
        seen.append(y.dtype == xp.dtype and type(noise_level) is float)
        return LAW.denoise(y, noise_level)

    path = sample(TAB, denoise, xp.asarray(START), 5, return_trajectory=True)
    assert seen == [True] * TAB.n_evaluations
    assert path.states.dtype == xp.dtype
    np.testing.assert_array_equal(xp.to_numpy(path.states[0]), xp.to_numpy(xp.asarray(START)))


def test_start_is_not_changed(xp):
    """Assert that the caller's arrays hold what they held."""
    start, noise = xp.asarray(START), xp.asarray(NOISE)
    sample(TAB, LAW.denoise, start, noise)
    np.testing.assert_array_equal(xp.to_numpy(start), xp.to_numpy(xp.asarray(START)))
    np.testing.assert_array_equal(xp.to_numpy(noise), xp.to_numpy(xp.asarray(NOISE)))


@pytest.mark.parametrize("batch_rows", [50, 299, 1000])
def test_batches_and_threads_agree_on_every_library(xp, batch_rows):
    """Assert agreement to round-off of the dtype whatever the batches."""
    got = sample(TAB, LAW.denoise, xp.asarray(START), 5, batch_rows=batch_rows, threads=2)
    assert np.abs(xp.to_numpy(got) - WANTED).max() < tolerance(xp)


def test_mixing_libraries_or_dtypes_is_refused(xp):
    """Assert that noise of another dtype than the start is an error, not a silent cast."""
    other = {"float32": np.float64, "float64": np.float32}[xp.dtype_name]
    wrong = xp.namespace.asarray(NOISE.astype(other))
    with pytest.raises(TypeError, match=r"noise: expected .*dtype .*, got"):
        sample(TAB, LAW.denoise, xp.asarray(START), wrong)

    def recast(y, noise_level):
        return xp.namespace.asarray(y, dtype=wrong.dtype)

    with pytest.raises(ValueError, match=r"denoise: expected an array .*dtype .*, got"):
        sample(TAB, recast, xp.asarray(START), 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_start_and_noise_that_are_not_finite_are_refused(xp, bad):
    """Assert an error for one bad number, and none for finite ones whose sum is not."""
    start, noise = np.array(START), np.array(NOISE)
    start[17, 1] = noise[2, 5, 0] = bad
    with pytest.raises(ValueError, match="start: expected finite numbers"):
        sample(TAB, LAW.denoise, xp.asarray(start), xp.asarray(NOISE))
    with pytest.raises(ValueError, match="noise: expected finite numbers"):
        sample(TAB, LAW.denoise, xp.asarray(START), xp.asarray(noise))
    huge = xp.asarray(np.full((4000, 2), float(np.finfo(xp.dtype_name).max) / 100.0))
    sample(schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), 1), lambda y, _: 0.0 * y, huge)
