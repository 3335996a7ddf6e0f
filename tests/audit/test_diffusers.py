"""Real schedulers of diffusers against what they compute themselves, and against our schemes."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.audit import as_seen, read_out
from ersde_theory.audit.conventions import diffusers_scheduler

pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

# of diffusers itself, on NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")

FLOAT32 = 2.0**-23
EXACT = {
    "DDIM": (lambda: diffusers.DDIMScheduler(clip_sample=False), {"eta": 0.7}),
    "DDPM": (lambda: diffusers.DDPMScheduler(clip_sample=False, prediction_type="v_prediction"), {}),
    "DPM singlestep": (lambda: diffusers.DPMSolverSinglestepScheduler(solver_order=3), {}),
    "SA-Solver": (lambda: diffusers.SASolverScheduler(), {}),
    "UniPC flow": (
        lambda: diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction"),
        {},
    ),
    "Heun": (lambda: diffusers.HeunDiscreteScheduler(prediction_type="sample"), {}),
    "KDPM2 ancestral": (lambda: diffusers.KDPM2AncestralDiscreteScheduler(), {}),
    "EDM DPM": (lambda: diffusers.EDMDPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"), {}),
    "LCM": (lambda: diffusers.LCMScheduler(clip_sample=False), {}),
    "TCD": (lambda: diffusers.TCDScheduler(), {"eta": 0.3}),
    "CogVideoX DPM": (lambda: diffusers.CogVideoXDPMScheduler(clip_sample=False), {}),
    "IPNDM": (lambda: diffusers.IPNDMScheduler(), {}),
}
ROUNDED = {
    "DPM multistep": lambda: diffusers.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"),
    "Euler ancestral": lambda: diffusers.EulerAncestralDiscreteScheduler(),
    "flow Euler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
}


@pytest.mark.parametrize("name", EXACT)
def test_scheduler_reproduces_its_own_output(name):
    """Assert that the table run by our loop gives the scheduler's output on a nonlinear denoiser to 1e-10."""
    make, options = EXACT[name]
    read = read_out(diffusers_scheduler(make(), 8, **options))
    assert read.problems == ()
    assert read.reproduction < 1e-10
    assert read.tableau.node[-1] == read.tableau.node.max()


@pytest.mark.parametrize("name", ROUNDED)
def test_scheduler_that_rounds_its_state_says_so(name):
    """Assert that what does not reproduce to 1e-10 is explained by a cast, and reproduces to float32."""
    read = read_out(diffusers_scheduler(ROUNDED[name](), 8))
    assert read.linear
    assert "the state is cast to float32 inside" in read.notes
    assert read.reproduction < 100.0 * FLOAT32


def test_clipping_scheduler_is_not_linear_and_the_step_is_named():
    """Assert that diffusers' default of clipping the data prediction is found and named."""
    read = read_out(diffusers_scheduler(diffusers.DDIMScheduler(), 8))
    assert not read.linear
    assert read.problems[0].startswith("step 0: ")
    assert "clamp" in read.problems[0]


def test_dynamic_thresholding_is_not_linear():
    """Assert that a quantile of the state is named."""
    read = read_out(diffusers_scheduler(diffusers.DDIMScheduler(clip_sample=False, thresholding=True), 8))
    assert any("quantile" in p or "sort" in p for p in read.problems), read.problems


def test_predictor_of_the_score_sde_is_linear_and_its_corrector_is_not():
    """Assert that norms of the score and of the noise in the corrector are found, and the predictor is exact."""
    with_corrector = read_out(diffusers_scheduler(diffusers.ScoreSdeVeScheduler(), 6))
    assert not with_corrector.linear
    assert "norm" in with_corrector.problems[0]
    alone = read_out(diffusers_scheduler(diffusers.ScoreSdeVeScheduler(correct_steps=0), 6))
    assert alone.linear
    assert alone.reproduction < 1e-10


def test_network_that_is_told_another_level_is_noted():
    """Assert that Karras levels, whose timesteps are rounded, are told of with both levels."""
    read = read_out(diffusers_scheduler(diffusers.DPMSolverMultistepScheduler(use_karras_sigmas=True), 8))
    assert any(note.startswith("step 1: the network is told timestep") for note in read.notes)


@pytest.mark.parametrize("order", [1, 2])
def test_dpm_solver_is_our_scheme_up_to_float32(order):
    """Assert that diffusers' DPM-Solver++(2M) on EDM's levels is ours, and that another order is not."""
    scheduler = diffusers.EDMDPMSolverMultistepScheduler(solver_order=order, solver_type="midpoint", sigma_data=1.0)
    read = read_out(diffusers_scheduler(scheduler, 16))
    grid = TimeGrid(read.grid_levels)
    ours = schemes.dpm_solver_pp(grid, order=order)
    seen = as_seen(ours).dense()
    table = read.tableau.dense()
    assert np.allclose(table.data, seen.data, rtol=1e-5, atol=1e-5)
    other = as_seen(schemes.dpm_solver_pp(grid, order=3 - order)).dense()
    assert not np.allclose(table.data, other.data, rtol=1e-3, atol=1e-3)


def test_deterministic_ddim_is_the_first_order_member_for_the_ode():
    """Assert that alpha-scaled DDIM has the ratio of levels as its coefficient."""
    read = read_out(diffusers_scheduler(diffusers.DDIMScheduler(clip_sample=False), 8))
    tab = read.tableau
    ratio = tab.previous[1:] * tab.alpha[:-1] / tab.alpha[1:]
    wanted = schemes.er_sde(TimeGrid(tab.noise_level), NoiseScale.ode(), order=1).previous[1:]
    assert np.allclose(ratio, wanted, rtol=1e-5, atol=1e-6)
