"""Audits of our own drop-ins: right as they are, and each fault put into a copy is named with its step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid
from ersde_theory.audit import Word, judge, read_out
from ersde_theory.audit.conventions import diffusers_scheduler, k_diffusion
from ersde_theory.integrations.k_diffusion import sample_er_sde
from tests.audit import _planters as plant
from tests.audit._drop_in_copies import with_noise, with_table

FLOW = ForwardProcess.rectified_flow()
KARRAS, OPEN = TimeGrid.karras(16, 80.0, 0.002, final_zero=True), TimeGrid.karras(20, 80.0, 0.002)
LOG, SHORT = TimeGrid.uniform_in_log(12, 20.0, 0.05), TimeGrid.karras(12, 5.0, 0.1, rho=3.0, final_zero=True)
FROM_NOISE = TimeGrid(np.r_[np.inf, 9.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.05, 0.0])
EXP, ODE, REVERSE = NoiseScale.exp_power(), NoiseScale.ode(), NoiseScale.reverse_sde()


def verdict_on(sampler, grid, parametrisation="x0", against="any", **options):
    """Return the verdict on a sampler called as k-diffusion calls it, on one grid."""
    box = k_diffusion(sampler, grid, parametrisation=parametrisation, scheme="published", **options)
    return judge(lambda _n: read_out(box), (grid.n_steps,), ladder=(), against=against)


def noise(change):
    """Return a copy whose weights of the draws are changed."""
    return with_table(lambda tab: plant.with_noise(tab, change(plant.noise_of(tab))))


def half_step_squared(tab):
    """Return the table with the noise of sqrt(x phi)."""
    s, t = plant.levels_of(tab)
    return plant.with_noise(tab, t * np.sqrt(-np.expm1(-EXP.log_excess_difference(s, t))))


def without_alpha(tab):
    """Return a table on a flow's schedule whose noise has no alpha."""
    return plant.with_noise(tab, plant.noise_of(tab) / np.where(tab.alpha[1:] > 0.0, tab.alpha[1:], 1.0))


def state_without_alpha(tab):
    """Return a table on a flow's schedule whose states are not rescaled."""
    return replace(tab, previous=np.append(1.0, tab.previous[1:] * tab.alpha[:-1] / tab.alpha[1:]))


def spacing_ahead(grid):
    """Return by how much a slope is off if it is divided by the step ahead."""
    levels = grid.levels
    return np.append(1.0, (levels[:-2] - levels[1:-1]) / (levels[1:-1] - levels[2:]))


def instead(tab):
    """Return a copy that runs another table of the same levels."""
    return with_table(lambda _chosen: tab)


def rounded(tab):
    """Return the table with slopes off to both sides by round-off of float32."""
    data = tab.data[1:].copy()
    off = 5e-6 * np.sin(7.0 * np.arange(len(data)))
    data[1:, 0] += off[1:]
    data[1:, 1] -= off[1:]
    return plant.with_data(tab, data)


# fault, step (None: where round-off shows first), copy, grid, what the caller says, parameters that are found
CASES = [
    ("riemann-sum", 1, instead(plant.riemann(KARRAS, EXP, 100, 0.0)), KARRAS, {}, {"nodes": 100, "side": "left"}),
    ("riemann-sum", 1, instead(plant.riemann(OPEN, ODE, 200, 1.0)), OPEN, {}, {"nodes": 200, "side": "right"}),
    ("noise-clip", 17, noise(lambda h: np.where(h**2 < 3e-5, 0.0, h)), OPEN, {}, {}),
    ("noise-missing", 5, with_noise(lambda sigma: float(sigma != KARRAS.levels[5])), KARRAS, {}, {"steps": (5,)}),
    ("noise-off", 0, sample_er_sde, KARRAS, {"s_noise": 0.0}, {}),
    ("noise-factor", 0, with_noise(lambda _sigma: 1.05), SHORT, {"order": 2}, {"factor": 1.05}),
    ("noise-factor", 0, sample_er_sde, SHORT, {"s_noise": 1.1}, {"factor": 1.1}),
    ("noise-eta", 0, with_table(half_step_squared), OPEN, {}, {"eta": 0.5}),
    ("noise-level", 1, noise(lambda h: np.r_[h[0], h[:-1]]), LOG, {}, {}),
    ("noise-at-zero", 16, noise(lambda h: np.r_[h[:-1], 0.02]), KARRAS, {}, {}),
    ("noise-round-off", None, with_table(plant.with_single_precision_noise), KARRAS, {"noise_scale": "ode"}, {}),
    ("noise-alpha", 0, with_table(without_alpha), OPEN, {"parametrisation": "const", "flow": True}, {}),
    ("state-alpha", 0, with_table(state_without_alpha), OPEN, {"parametrisation": "const", "flow": True}, {}),
    ("sigma-for-lambda", 0, instead(plant.of_sigma(OPEN, EXP, 2, FLOW)), OPEN,
     {"parametrisation": "const", "flow": True}, {}),
    ("phi-level", 1, with_table(plant.shifted_ratio), KARRAS, {}, {"of": "the step before"}),
    ("slope-weight", 1, instead(plant.recombined(LOG, EXP, slope=-1.0)), LOG, {}, {"factor": -1.0}),
    ("curvature-weight", 2, instead(plant.recombined(OPEN, EXP, curvature=0.5)), OPEN, {}, {"factor": 0.5}),
    ("difference-spacing", 1, instead(plant.recombined(OPEN, EXP, spacing_ahead(OPEN), 0.0)), OPEN, {}, {"by": "step"}),
    ("history-shift", 1, with_table(plant.older_history), LOG, {"order": 1}, {"which": "all"}),
    ("last-step-order", 16, with_table(plant.extrapolated_to_zero), KARRAS, {}, {"order": 2}),
    ("plain-differences", 2, sample_er_sde, OPEN, {"against": "adams"}, {}),
    ("cancellation", None, with_table(rounded), OPEN, {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "step", "copy", "grid", "options", "parameters"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_fault_in_a_copy_of_the_drop_in_is_named_with_its_step(name, step, copy, grid, options, parameters):
    """Assert that the read-out of a copy is called faulty, for one reason, that fault, at the step where it begins."""
    found = verdict_on(copy, grid, **options)
    assert found.readout.linear, found.readout.problems
    assert found.word is Word.FAULTY, found
    (fault,) = found.diagnosis.faults
    assert fault.fault.name == name
    assert step is None or fault.first_step == step
    assert found.diagnosis.departure.step == fault.first_step
    for key, value in parameters.items():
        assert fault.parameters[key] == (pytest.approx(value) if isinstance(value, float) else value)
    assert f"step {fault.first_step}: " in found.reason


def test_at_least_twelve_kinds_are_planted_in_the_drop_in():
    """Assert that the copies have as many different faults as the audit promises to name."""
    assert len({case[0] for case in CASES}) >= 12


@pytest.mark.parametrize("flow", [False, True], ids=["VE", "flow"])
@pytest.mark.parametrize("noise_scale", ["exp_power", "ode", "reverse_sde", "power(1.5)"])
@pytest.mark.parametrize("scheme", ["best", "adams", "published"])
def test_drop_in_is_correct(scheme, noise_scale, flow):
    """Assert that the function as it is has no fault, on levels and on a flow from pure noise."""
    grid = FROM_NOISE if flow else SHORT
    box = k_diffusion(
        sample_er_sde,
        grid,
        parametrisation="const" if flow else "eps",
        scheme=scheme,
        noise_scale=noise_scale,
        flow=flow,
    )
    found = judge(lambda _n: read_out(box), (grid.n_steps,), ladder=())
    assert found.word is Word.CORRECT, found
    assert not found.defects
    assert f"φ = {noise_scale}".replace("power(1.5)", "") in found.reason


@pytest.mark.parametrize(
    "config",
    [
        {"noise_scale": "exp_power"},
        {"noise_scale": "ode", "scheme": "adams", "scheme_order": 3, "prediction_type": "v_prediction"},
        {"noise_scale": "reverse_sde", "scheme": "published", "use_karras_sigmas": True},
        {"noise_scale": "exp_power", "scheme": "published", "scheme_order": 2, "prediction_type": "sample"},
        {"noise_scale": "exp_power", "use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0},
        {"noise_scale": "ode", "scheme": "adams", "use_flow_sigmas": True, "prediction_type": "flow_prediction"},
    ],
    ids=lambda config: "-".join(str(value) for value in config.values()),
)
def test_scheduler_is_correct(config):
    """Assert that the scheduler has no fault, on variance-preserving schedules and on flows."""
    pytest.importorskip("diffusers")
    from ersde_theory.integrations.diffusers import ERSDEScheduler

    found = judge(lambda n: read_out(diffusers_scheduler(ERSDEScheduler(**config), n)), (10,), ladder=())
    assert found.word is Word.CORRECT, found
    assert f"φ = {config['noise_scale']}" in found.reason


def test_scheduler_that_runs_the_released_tables_is_faulty():
    """Assert that the scheduler is not called correct for its name: the release's sum is found in it."""
    pytest.importorskip("diffusers")
    from ersde_theory.integrations.diffusers import ERSDEScheduler

    found = judge(lambda n: read_out(diffusers_scheduler(ERSDEScheduler(scheme="released"), n)), (10,), ladder=())
    assert found.word is Word.FAULTY
    assert "100 nodes at the lower (left) ends" in found.reason
