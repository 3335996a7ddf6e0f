"""Our own schemes, read back in every calling convention."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, schemes
from ersde_theory.audit import as_seen, read_out
from ersde_theory.audit.conventions import bare_step, diffusers_scheduler, k_diffusion, own_scheme, released_er_sde
from tests.audit import _samplers

GRID = TimeGrid.karras(8, 20.0, 0.02)
PHI = NoiseScale.exp_power()
MULTISTEP = schemes.er_sde(GRID, PHI, order=3)
SCHEMES = {
    "multistep": MULTISTEP,
    "released": schemes.er_sde(GRID, PHI, order=3, variant="released"),
    "flow": MULTISTEP.in_process(ForwardProcess.rectified_flow()),
    "to zero": schemes.er_sde(TimeGrid.karras(6, 20.0, 0.02, final_zero=True), PHI, order=2),
    "deterministic": schemes.exponential_adams(GRID, NoiseScale.ode(), order=3),
    "corrector": schemes.exponential_pec(GRID, PHI),
    "stages": schemes.dpm_solver_pp_sde(GRID),
    "areas": schemes.exponential_sra(GRID, PHI),
    "churn": schemes.edm_stochastic(GRID),
    "seeds": schemes.seeds(GRID),
    "from infinity": schemes.er_sde(TimeGrid([np.inf, 4.0, 1.0, 0.2]), NoiseScale.ode(), order=2),
}
ROUNDOFF = {"rtol": 1e-13, "atol": 1e-13}


def assert_read(read, tab):
    """Assert that a read-out is linear, reproduces the sampler and has the tableau's coefficients."""
    assert read.problems == ()
    assert read.linear
    assert read.reproduction < 1e-13
    assert read.precision < 1e-14
    assert as_seen(tab).first_difference(read.tableau, **ROUNDOFF) is None


@pytest.mark.parametrize("name", SCHEMES)
def test_own_scheme_is_read_back_coefficient_by_coefficient(name):
    """Assert that the loop of the project shows exactly the table that it was given, meaning of draws included."""
    read = read_out(own_scheme(SCHEMES[name]))
    assert_read(read, SCHEMES[name])
    assert read.dtype == "float64"
    assert np.array_equal(read.levels, SCHEMES[name].noise_level[SCHEMES[name].evaluation >= 0])


def test_wrong_coefficient_is_seen_as_the_broken_twin():
    """Assert that the comparison fails for a scheme with another quadrature."""
    read = read_out(own_scheme(SCHEMES["released"]))
    assert as_seen(MULTISTEP).first_difference(read.tableau, **ROUNDOFF) is not None


def test_numpy_step_is_read_without_torch():
    """Assert that a bare step on NumPy arrays shows the first-order table."""
    grid = TimeGrid([8.0, 2.0, 0.5, 0.0])
    read = read_out(bare_step(_samplers.numpy_step, grid, library="numpy"))
    assert read.linear
    wanted = schemes.er_sde(grid, NoiseScale.ode(), order=1)
    assert np.allclose(read.tableau.previous, wanted.previous, rtol=1e-15)
    assert np.allclose(read.tableau.data[:, 0], wanted.data[:, 0], rtol=1e-15)


@pytest.mark.parametrize("parametrisation", ["x0", "eps", "v"])
@pytest.mark.parametrize("name", ["multistep", "to zero", "deterministic", "corrector", "seeds", "churn"])
def test_function_of_k_diffusion_is_read_back(name, parametrisation):
    """Assert that all parametrisations of a k-diffusion function show the same table."""
    pytest.importorskip("torch")
    tab = SCHEMES[name]
    read = read_out(
        k_diffusion(_samplers.as_function(tab), tab.noise_level[tab.node >= 0], parametrisation=parametrisation)
    )
    wanted = as_seen(tab)
    if tab.is_stochastic:
        assert_read(read, tab)
    else:
        assert read.linear
        assert np.allclose(read.tableau.dense().data, wanted.dense().data, rtol=1e-13, atol=1e-13)
        assert np.allclose(read.tableau.previous, wanted.previous, rtol=1e-13)


def test_flow_function_of_k_diffusion_is_read_in_its_coordinates():
    """Assert that CONST sigmas are levels sigma/(1 - sigma) with alpha = 1 - sigma, from alpha = 0 on."""
    pytest.importorskip("torch")

    def euler(model, x, sigmas, **_):
        for i in range(len(sigmas) - 1):
            d = model(x, sigmas[i] * x.new_ones(1))
            x = x + (x - d) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        return x

    sigmas = np.array([1.0, 0.75, 0.5, 0.2, 0.0])
    tab = read_out(k_diffusion(euler, sigmas, parametrisation="const")).tableau
    assert np.allclose(tab.alpha, 1.0 - sigmas)
    assert tab.node.tolist() == [0, 1, 2, 3, 4]
    assert np.allclose(tab.previous[1:], sigmas[1:] / sigmas[:-1])
    assert np.allclose(tab.data[1:, 0], 1.0 - sigmas[1:] / sigmas[:-1])
    assert tab.noise_level[0] == np.inf


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
def test_scheduler_of_diffusers_shape_is_read_back(prediction):
    """Assert that set_timesteps, scale_model_input and step show the table."""
    pytest.importorskip("torch")
    read = read_out(diffusers_scheduler(_samplers.Scheduler(MULTISTEP, prediction), MULTISTEP.n_steps))
    assert read.convention == f"diffusers sigma {prediction}"
    assert_read(read, MULTISTEP)


@pytest.mark.parametrize("prediction", ["x_start", "noise"])
def test_class_of_the_release_is_read_back(prediction):
    """Assert that a class of the release's shape shows the table."""
    pytest.importorskip("torch")
    tab = SCHEMES["released"]
    read = read_out(released_er_sde(_samplers.as_released(tab), GRID, prediction=prediction))
    assert read.name == "ve_3_order_taylor"
    assert_read(read, tab)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_step_class_is_read_back(library):
    """Assert that a class of steps, made anew for each run, shows the table of a multistep method."""
    if library == "torch":
        pytest.importorskip("torch")
    assert_read(read_out(bare_step(_samplers.as_step(MULTISTEP), GRID, library=library)), MULTISTEP)


def test_fifty_steps_of_a_torch_sampler_take_seconds():
    """Assert that 50 steps with noise are read back; the time is what the test costs."""
    pytest.importorskip("torch")
    tab = schemes.er_sde(TimeGrid.karras(50, 80.0, 0.002), PHI, order=3)
    assert_read(read_out(k_diffusion(_samplers.as_function(tab), tab.noise_level)), tab)
