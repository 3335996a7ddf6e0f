"""A tableau run one network value at a time is the tableau that ``sample`` runs."""
# ruff: noqa: E402 - skipped before anything that needs torch is imported

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory._tableau_join import join
from ersde_theory.sampling import NonFiniteError

torch = pytest.importorskip("torch")

from ersde_theory import _torch_threads
from ersde_theory.integrations import _fused
from ersde_theory.integrations._plan import steps_of
from ersde_theory.integrations._stepper import FiniteCheck, TableauStepper, sum_dtype
from ersde_theory.integrations.choice import PROCESSES, SCHEMES, checked_sigmas, chosen_noise_scale, chosen_tableau

LEVELS = {
    "ve": (80.0, 20.0, 5.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.0),
    "vp": (80.0, 20.0, 5.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.1),
    "flow": (math.inf, 20.0, 5.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.0),
}
ROUND_OFF = 64 * np.finfo(float).eps


def denoise(y, level):
    """Return something bounded and nonlinear."""
    return torch.tanh(y / (1.0 + level)) if math.isfinite(level) else torch.tanh(y)


def run(stepper, x, noise, *, values=None):
    """Return the result of a stepper, its values taken from a denoiser."""
    tab = stepper.tab
    for row in np.flatnonzero(tab.evaluation >= 0):
        unit = float(tab.alpha[row] or tab.sigma[row])
        value = denoise(x / unit, float(tab.noise_level[row]))
        x = stepper.advance(x, value if values is None else values(value), lambda m: noise[m])
    return x


def task(tab):
    """Return a start and noise for a tableau."""
    generator = torch.Generator().manual_seed(7)
    x = float(tab.sigma[0]) * torch.randn(3, 5, dtype=torch.float64, generator=generator)
    return x, torch.randn(tab.n_draws, 3, 5, dtype=torch.float64, generator=generator)


def relative(got, want):
    """Return the largest difference relative to the largest entry."""
    return float((got - want).abs().max() / want.abs().max())


@pytest.mark.parametrize("noise_scale", ["ode", "exp_power", "reverse_sde"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("process", PROCESSES)
def test_stepper_equals_sample_for_every_choice(process, scheme, noise_scale):
    """Assert equality to round-off with the loop on the same tableau, in all coordinates, from infinity, to 0."""
    tab = chosen_tableau(LEVELS[process], process, scheme, None, NoiseScale.from_name(noise_scale))
    x, noise = task(tab)
    stepper = TableauStepper(tab)
    assert relative(run(stepper, x, noise), sample(tab, denoise, x, noise)) < ROUND_OFF
    assert stepper.finished
    assert len(stepper.steps) == len(LEVELS[process]) - 1


@pytest.mark.parametrize(
    "tab",
    [
        schemes.exponential_pec(TimeGrid(LEVELS["ve"]), NoiseScale.exp_power(), predictor=3, corrector=4),
        schemes.edm_heun(TimeGrid(LEVELS["ve"])),
        schemes.seeds(TimeGrid(LEVELS["ve"]), 3),
        schemes.exponential_sra(TimeGrid(LEVELS["vp"]), NoiseScale.reverse_sde()),
        schemes.dpm_solver_pp(TimeGrid(LEVELS["ve"]), 3, eta=1.0),
    ],
    ids=lambda tab: tab.name,
)
def test_stepper_equals_sample_for_schemes_with_stages_and_correctors(tab):
    """Assert that merging the rows between two evaluations changes nothing, whatever rows there are."""
    x, noise = task(tab)
    assert relative(run(TableauStepper(tab), x, noise), sample(tab, denoise, x, noise)) < ROUND_OFF


def test_shifted_history_is_caught_as_broken_twin():
    """Assert that a stepper whose history is one value late differs from the loop."""
    tab = chosen_tableau(LEVELS["ve"], "ve", "adams", None, NoiseScale.ode())
    x, noise = task(tab)
    late: list[torch.Tensor] = []

    def one_late(value):
        late.append(value)
        return late[max(0, len(late) - 2)]

    assert relative(run(TableauStepper(tab), x, noise, values=one_late), sample(tab, denoise, x, noise)) > 1e-3


def test_noise_factor_scales_every_draw():
    """Assert that the noise factor is the factor of the draws and of nothing else."""
    tab = chosen_tableau(LEVELS["ve"], "ve", "best", None, NoiseScale.exp_power())
    x, noise = task(tab)
    assert relative(run(TableauStepper(tab, 0.7), x, noise), sample(tab, denoise, x, 0.7 * noise)) < ROUND_OFF


def test_stepper_forgets_values_it_no_longer_needs():
    """Assert that memory does not grow with the number of steps."""
    tab = chosen_tableau(LEVELS["ve"], "ve", "adams", 2, NoiseScale.ode())
    stepper, x = TableauStepper(tab), torch.ones(1, 1)
    while not stepper.finished:
        x = stepper.advance(x, x)
        assert len(stepper._values) <= 1


def test_memory_for_normals_can_be_written_to_in_every_mode():
    """Assert that a run that begins in inference mode may go on outside; another device or shape has other memory."""
    stepper = TableauStepper(chosen_tableau(LEVELS["ve"], "ve", "adams", 2, NoiseScale.exp_power()))
    x = torch.ones(4, 5)
    with torch.inference_mode():
        memory = stepper.memory_for_normals(x)
    assert stepper.memory_for_normals(x).normal_() is memory
    assert stepper.memory_for_normals(x.to("meta")).device.type == "meta"
    assert stepper.memory_for_normals(x[:2]).shape == (2, 5)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("process", PROCESSES)
def test_no_step_has_two_draws_for_which_there_would_be_one_memory(process, scheme):
    """Assert at most one draw a step."""
    for name in ("ode", "exp_power", "reverse_sde"):
        tab = chosen_tableau(LEVELS[process], process, scheme, None, NoiseScale.from_name(name))
        assert all(len(step.noise) <= 1 for step in steps_of(tab))


@pytest.mark.parametrize("numba", ["0", "1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_sweep_equals_sample_on_large_states(dtype, numba, monkeypatch):
    """Assert that both ways of taking a step give the loop's result, with a conversion of the output as well.

    The state is cut over threads.
    """
    if numba == "1":
        pytest.importorskip("numba")
    monkeypatch.setenv("ERSDE_NUMBA", numba)
    monkeypatch.setattr(_torch_threads, "WORTH_THREADS", 2**13)
    tab = chosen_tableau(LEVELS["vp"], "vp", "best", None, NoiseScale.exp_power())
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2**17, 1, dtype=dtype, generator=generator)
    noise = torch.randn(tab.n_draws, 2**17, 1, dtype=dtype, generator=generator)
    want = sample(tab, denoise, x, noise)
    stepper, y, threads = TableauStepper(tab), x, torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for row in np.flatnonzero(tab.evaluation >= 0):
            (alpha, sigma), level = stepper.unit, float(tab.noise_level[row])
            epsilon = (y - alpha * denoise(y / alpha, level)) / sigma
            before = y.clone(), epsilon.clone()
            y_next = stepper.advance(y, epsilon, lambda m: noise[m], conversion=(1.0, -sigma), scale=1.0 / alpha)
            assert torch.equal(y, before[0])
            assert torch.equal(epsilon, before[1])
            assert stepper.finite is (True if numba == "1" else None)
            y = y_next
    finally:
        torch.set_num_threads(threads)
    magnified = 1.0 / float(tab.alpha.min())  # where alpha is small the conversion magnifies round-off
    assert relative(y, want) < 16 * magnified * torch.finfo(dtype).eps


def test_compiled_sweep_notices_what_is_not_finite():
    """Assert that the sweep tells of one nan among many numbers."""
    pytest.importorskip("numba")
    tab = chosen_tableau(LEVELS["ve"], "ve", "adams", None, NoiseScale.ode())
    x = torch.ones(2**14, 1)
    broken = x.clone()
    broken[12_345] = float("inf")
    for output, expected in ((x, True), (broken, False)):
        stepper = TableauStepper(tab)
        stepper.advance(x, output)
        assert stepper.finite is expected


def sweep_of_large_state(threads):
    """Return what the compiled sweep makes of one step on so many threads; the new value has a nan."""
    generator, before = torch.Generator().manual_seed(2), torch.get_num_threads()
    state, output, value, term = torch.randn(4, 70_001, generator=generator)
    output[69_999] = float("nan")
    torch.set_num_threads(threads)
    try:
        return _fused.fused_step(state, output, value, (1.0, -0.5), (0.9, 0.2), [(0.3, term), (0.1, value)])
    finally:
        torch.set_num_threads(before)


def same_bits(got, want):
    """Return whether two steps are the same bit for bit."""
    return all(torch.equal(a.view(torch.int32), b.view(torch.int32)) for a, b in zip(got[:2], want[:2], strict=True))


def test_compiled_sweep_has_the_same_bits_on_any_number_of_threads_and_from_several_at_once():
    """Assert that parts fit together, that a nan in the last is seen, and that callers do not disturb each other."""
    pytest.importorskip("numba")
    want = sweep_of_large_state(1)
    assert want[2] is False
    with ThreadPoolExecutor(4) as pool:
        for got in [sweep_of_large_state(3), *pool.map(sweep_of_large_state, [2] * 40)]:
            assert same_bits(got, want)
            assert got[2] is False
    broken = (want[0], torch.cat([want[1][:-1], want[1][:1]]))  # a last number that nobody has written
    assert not same_bits(broken, want)


IN_A_CHILD = """
import os, signal, torch
from ersde_theory import _torch_threads
from ersde_theory.integrations import _fused
torch.set_num_threads(2)
x = torch.ones(2**20)
x.add(x), _fused.fused_step(x, x, None, (0.0, 1.0), (0.5, 0.5), [])  # torch's threads are at work
assert _torch_threads.threads_worth(2**20) == (1 if _torch_threads._parallel() is None else 2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert _torch_threads.threads_worth(2**20) == 1
    same = torch.equal(_fused.fused_step(x, x, None, (0.0, 1.0), (0.5, 0.5), [])[0][::4096], x[::4096])
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_compiled_sweep_takes_one_thread_in_a_forked_process():
    """Assert that a step in a child, where torch's threads are missing, neither waits for them nor is wrong."""
    pytest.importorskip("numba")
    subprocess.run([sys.executable, "-W", "ignore", "-c", IN_A_CHILD], check=True, timeout=60)


def test_join_of_first_order_parts_is_the_whole_and_needs_a_common_state():
    """Assert that joined tables are one table, with draws and evaluations renumbered."""
    grid, phi = TimeGrid([8.0, 4.0, 2.0, 1.0]), NoiseScale.exp_power()
    parts = [schemes.er_sde(TimeGrid(levels), phi, 1) for levels in (grid.levels[:2], grid.levels[1:])]
    assert join(*parts) == schemes.er_sde(grid, phi, 1)
    sde = schemes.dpm_solver_pp_sde(TimeGrid(grid.levels[1:]))
    joined = join(parts[0], sde)
    assert joined.defects() == []
    assert list(joined.draw_covariance) == [(i + 1, j + 1) for i, j in sde.draw_covariance]
    with pytest.raises(ValueError, match="expected a start at the level 4, got 8"):
        join(parts[0], parts[0])


def test_every_choice_has_no_defects_but_the_released_one():
    """Assert that the drop-ins run exact schemes, in every process."""
    for process, levels in LEVELS.items():
        for scheme in SCHEMES:
            tab = chosen_tableau(levels, process, scheme, None, NoiseScale.exp_power())
            assert tab.defects() == [] or scheme == "released"


def test_scaled_noise_scale_multiplies_tau_squared_and_the_difference():
    """Assert that eta scales h^2, that its ends are the ODE and phi, and that it is not psi with h scaled."""
    assert chosen_noise_scale("exp_power", 0.5) is chosen_noise_scale("exp_power", 0.5)  # tableaus are kept by it
    phi, levels = NoiseScale.exp_power(), np.array([0.01, 1.0, 50.0])
    half = chosen_noise_scale("exp_power", 0.5)
    assert half.tau_squared(levels) == pytest.approx(0.5 * phi.tau_squared(levels), rel=1e-15)
    # psi = x^(1 - eta) phi^eta from the formula of phi itself
    psi = levels**0.5 * (levels * (np.exp(levels**0.3) + 10.0)) ** 0.5
    drop = 1.0 - (psi[1] / psi[2])
    assert float(half.fei(50.0, 1.0)) == pytest.approx(drop, rel=1e-14)
    assert phi.scaled(0.0).name == "ode"
    assert phi.scaled(1.0) is phi
    assert float(phi.scaled(0.25).tau_squared(50.0)) != pytest.approx(0.25**2 * float(phi.tau_squared(50.0)), rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((4.0, 1.0), "ve", "bset", None), "did you mean 'best'"),
        (((4.0, 1.0), "ve", "best", 3), "expected None for the scheme 'best'"),
        (((4.0, 1.0), "ve", "published", 4), "order: expected an integer >= 1 and <= 3, got 4"),
        (((4.0, 1.0), "vpp", "adams", 2), "did you mean 'vp'"),
    ],
)
def test_unknown_choices_say_what_was_expected(arguments, message):
    """Assert that names suggest the nearest and orders name their range."""
    with pytest.raises(ValueError, match=message):
        chosen_tableau(*arguments, NoiseScale.ode())


@pytest.mark.parametrize(
    ("sigmas", "flow", "message"),
    [
        ([1.0], False, "expected at least 2, got 1"),
        ([1.0, 2.0], False, "expected strictly falling numbers, got 1 then 2 at index 1"),
        ([1.0, 0.5, 0.5], False, "got 0.5 then 0.5 at index 2"),
        ([float("nan"), 0.5], False, "got nan at index 0"),
        ([float("inf"), 0.5], False, "got inf at index 0"),
        ([1.0, -0.5], False, "got -0.5 at index 1"),
        ([1.5, 0.5], True, r"in \[0, 1\] for a flow model, got 1.5"),
    ],
)
def test_bad_sigmas_are_named_with_their_place(sigmas, flow, message):
    """Assert that the first number out of place is shown."""
    with pytest.raises(ValueError, match=message):
        checked_sigmas(sigmas, flow=flow)


def test_stepper_says_when_it_is_used_wrongly():
    """Assert that a value too many, missing noise and a late first evaluation are errors."""
    tab = chosen_tableau((4.0, 1.0), "ve", "adams", 1, NoiseScale.reverse_sde())
    stepper, x = TableauStepper(tab), torch.ones(1, 1)
    with pytest.raises(ValueError, match="expected a source of noise"):
        stepper.advance(x, x)
    stepper = TableauStepper(tab)
    stepper.advance(x, x, lambda _: x)
    with pytest.raises(ValueError, match="expected at most 1 network values"):
        stepper.advance(x, x, lambda _: x)
    three = TableauStepper(chosen_tableau((4.0, 2.0, 1.0), "ve", "adams", 2, NoiseScale.ode()))
    with pytest.raises(ValueError, match=r"output: expected shape \(1, 1\), got \(2, 1\)"):
        three.advance(x, torch.ones(2, 1))
    three.advance(x, x)
    with pytest.raises(ValueError, match=r"state: expected shape \(1, 1\) as in the step before, got \(2, 1\)"):
        three.advance(torch.ones(2, 1), torch.ones(2, 1))
    churned = schemes.edm_stochastic(TimeGrid([4.0, 2.0, 1.0]), s_noise=1.0)
    if churned.evaluation[0] != 0:
        with pytest.raises(ValueError, match="evaluates at its start"):
            TableauStepper(churned)


def test_finite_check_finds_an_entry_but_not_a_large_sum():
    """Assert that nan and inf are found, and finite numbers whose sum overflows are not taken for them."""
    check = FiniteCheck()
    check.see(torch.full((4,), 3e38), "step 0")
    with pytest.raises(NonFiniteError, match="at step 1"):
        check.see(torch.tensor([0.0, float("inf")]), "step 1")


def test_values_on_a_device_are_reported_at_the_end_with_the_first_bad_one():
    """Assert that off the CPU nothing is raised before `finish`, which names the first value that was not finite."""

    class OnDevice:
        """A value that says that it is not on the CPU."""

        device = torch.device("cuda")

        def __init__(self, number):
            self.number = number

        def detach(self):
            return torch.tensor([self.number])

    check = FiniteCheck()
    for i, number in enumerate((1.0, float("nan"), float("inf"), 2.0)):
        check.see(OnDevice(number), f"step {i}")
    with pytest.raises(NonFiniteError, match="at step 1"):
        check.finish()
    check.finish()


def test_float32_state_beats_half_state_beats_half_sums():
    """Assert what the drop-ins rest on: in bfloat16, what is rounded least often loses least.

    The network sees and returns bfloat16 in all three; only the state between its calls differs.
    """
    tab = chosen_tableau(tuple(TimeGrid.karras(50, 80.0, 0.002).levels.tolist()), "ve", "adams", None, NoiseScale.ode())
    x = (80.0 * torch.randn(256, 4, generator=torch.Generator().manual_seed(1))).bfloat16()

    def error(kind):
        state, history, stepper = x.float() if kind == "float32" else x, {}, TableauStepper(tab)
        for k, step in enumerate(stepper.steps):
            value = denoise(state.bfloat16().double(), float(tab.noise_level[k])).bfloat16()
            if kind == "half sums":
                history[k] = value
                state = state * step.factor
                for j, weight in step.data:
                    state = state + weight * history[j]
            else:
                state = stepper.advance(state, value)
                state = state if kind == "float32" else state.bfloat16()
        return float((state.double() - exact).pow(2).mean().sqrt())

    exact = sample(tab, denoise, x.double())
    assert error("float32") < error("half state") < error("half sums")
    assert sum_dtype(x) == torch.float32
