"""Verdicts from read-outs: words, bias, limits."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, schemes
from ersde_theory.audit import judge, read_out, read_table
from ersde_theory.audit.bias import bias, limit_of
from ersde_theory.audit.conventions import own_scheme
from ersde_theory.audit.diagnosis import diagnose
from ersde_theory.audit.matching import Tolerance
from ersde_theory.audit.noise_scales import candidates, injected, mixed, own
from ersde_theory.audit.observed import observe
from ersde_theory.audit.verdict import Word

EXP, ODE = NoiseScale.exp_power(), NoiseScale.ode()
LADDER = (10, 20, 40, 80, 160)


def karras(n):
    """Return levels from 80 to 0.002 and 0."""
    return TimeGrid.karras(n - 1, 80.0, 0.002, final_zero=True)


def verdict_on(build, steps=(12,), ladder=()):
    """Return the verdict on a scheme of ours, read out like any other."""
    return judge(lambda n: read_out(own_scheme(build(n))), steps, ladder=ladder)


@pytest.mark.parametrize(
    ("build", "word", "says"),
    [
        (lambda n: schemes.er_sde(karras(n), EXP, 3), Word.CORRECT, "ER-SDE-3 (published) with φ = exp_power"),
        (lambda n: schemes.dpm_solver_pp(karras(n), 2, eta=1.0), Word.CORRECT, "DPM-Solver++(2M) midpoint"),
        (lambda n: schemes.ddim(karras(n), 0.5), Word.CORRECT, "DDIM, η = 0.5"),
        (lambda n: schemes.edm_heun(karras(n)), Word.OTHER, "EDM Heun"),
        (lambda n: schemes.euler_maruyama(karras(n), EXP), Word.OTHER, "Euler–Maruyama in y with φ = exp_power"),
        (lambda n: schemes.er_sde(karras(n), mixed(EXP, 0.5), 2), Word.CORRECT, "x^0.5 exp_power^0.5"),
        (lambda n: schemes.er_sde(karras(n), EXP, 3, variant="released"), Word.FAULTY, "100 nodes"),
    ],
    ids=["member", "dpm", "ddim", "heun", "euler-maruyama", "mixed", "released"],
)
def test_verdict_has_the_right_word(build, word, says):
    """Assert that schemes are told apart and named."""
    found = verdict_on(build)
    assert found.word is word
    assert says in found.reason


def test_stranger_that_converges_is_another_family():
    """Assert that an unknown consistent sampler is recognised by its bias: DDPM with the forward variance."""
    process = ForwardProcess.vp_linear()

    def forward(n):
        grid = TimeGrid.uniform_in_time(process, n, 1.0, 1e-3)
        return schemes.ddpm_ancestral(grid, variance="forward", process=process)

    found = verdict_on(forward, ladder=LADDER)
    assert found.word is Word.OTHER
    assert found.bias.vanishes


def test_stranger_that_does_not_converge_is_faulty():
    """Assert that an unknown sampler with a bias that stays is faulty, with the limit in numbers."""

    def biased(n):
        tab = schemes.er_sde(karras(n), NoiseScale.reverse_sde(), 1)
        wave = 1.0 + 0.1 * np.sin(np.arange(n + 1))[:, None]
        return replace(tab, noise=tab.noise * wave * 1.2)

    found = verdict_on(biased, ladder=LADDER)
    assert found.word is Word.FAULTY
    assert found.bias.limit_variance.vanishes is False
    assert "does not vanish" in found.reason


def test_silenced_noise_collapses_the_variance_to_a_limit():
    """Assert that noise off with phi kept leaves a bias in the variance that more steps do not cure."""

    def silenced(n):
        tab = schemes.er_sde(karras(n), EXP, 2)
        return replace(tab, noise=0.0 * tab.noise)

    found = bias(silenced, LADDER)
    assert found.limit_variance.vanishes is False
    assert found.limit_variance.value < -0.02


@pytest.mark.parametrize(("order", "expected"), [(1, 1.0), (2, 2.0)])
def test_bias_has_the_order_of_the_scheme(order, expected):
    """Assert that the order from the ladder is the scheme's."""
    found = bias(lambda n: schemes.er_sde(TimeGrid.karras(n, 5.0, 0.05), ODE, order), (40, 80, 160, 320))
    assert found.limit_variance.order.nearest == expected
    assert found.vanishes


def test_limits_of_made_up_errors():
    """Assert that a limit is found with its uncertainty, and that an error of round-off counts as none."""
    n = np.array([50, 100, 200, 400])
    stays = limit_of(n, 0.02 + 1.0 / n, 1e-15)
    assert stays.vanishes is False
    assert abs(stays.value - 0.02) <= 2.0 * stays.uncertainty + 1e-9
    assert limit_of(n, np.full(4, 1e-17), 1e-16).vanishes
    assert limit_of(n, 1.0 / n**2, 1e-15).vanishes


def test_limit_of_what_settles_slowly_is_as_uncertain_as_it_is_far():
    """Assert that the interval of a growing error's limit holds the limit, which extrapolation misses."""
    steps = np.array([20, 50, 100, 200, 400])
    growing = limit_of(steps, 505.0 - 900.0 / steps**0.3, 1e-12)
    assert growing.vanishes is False
    assert abs(growing.value - 505.0) < growing.uncertainty
    slowly = limit_of(steps, 3.0 / steps**0.3, 1e-12)
    assert slowly.vanishes is not False


def test_two_readings_of_the_injected_noise_agree_for_members_only():
    """Assert that ratio and noise say the same tau squared for a member, and not with another noise."""
    tab = schemes.er_sde(TimeGrid.karras(10, 80.0, 0.002), EXP, 2)
    both = injected(observe(tab))
    np.testing.assert_allclose(both.tau_squared_of_ratio, both.tau_squared_of_noise, rtol=1e-11)
    wrong = injected(observe(replace(tab, noise=1.1 * tab.noise)))
    assert (np.abs(wrong.of_ratio / wrong.of_noise - 1.0) > 0.1).all()


def test_power_is_fitted():
    """Assert that an exponent that has no name is read off."""
    seen = observe(schemes.er_sde(TimeGrid.karras(10, 80.0, 0.002), NoiseScale.power(1.37), 2))
    assert candidates(seen, Tolerance())[0].noise_scale.name == "power(1.37)"


def test_falling_phi_is_not_admissible():
    """Assert that a sampler whose ratios need a falling phi/x has no phi of its own."""
    seen = observe(schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), ODE, 1))
    assert own(seen) is not None
    assert own(replace(seen, ratio=1.1 * seen.ratio)) is None


def test_ladder_of_quick_read_outs_gives_the_same_verdict():
    """Assert that tables from one run each give the same errors to the bit, and that each grid is built once."""
    calls = []

    def box(n):
        calls.append(n)
        return own_scheme(schemes.er_sde(karras(n), EXP, 3, variant="released"))

    slow = judge(lambda n: read_out(box(n)), (12,), ladder=LADDER)
    calls.clear()
    quick = judge(lambda n: read_out(box(n)), (12,), ladder=LADDER, read_ladder_at=lambda n: read_table(box(n)))
    assert calls == [12, *LADDER]
    assert str(quick) == str(slow)
    for name in ("mean", "variance", "distance"):
        assert np.array_equal(getattr(quick.bias, name), getattr(slow.bias, name))


class Counted:
    """A black box that counts how often it is run, and clips what is large."""

    def __init__(self, box, limit=np.inf):
        self.box, self.limit, self.runs = box, limit, 0

    def __getattr__(self, name):
        return getattr(self.box, name)

    def run(self, run):
        """Run the sampler."""
        self.runs += 1
        return np.clip(self.box.run(run), -self.limit, self.limit)


def test_quick_read_out_takes_one_run_and_does_not_prove_what_five_do():
    """Assert what is saved and what is given up: a clip of large numbers is seen by the full read-out alone."""
    sampler = own_scheme(schemes.er_sde(karras(5), EXP, 2))
    quick, full = Counted(sampler, limit=50.0), Counted(sampler, limit=50.0)
    assert read_table(quick).linear
    assert quick.runs == 1
    assert not read_out(full).linear
    assert full.runs == 5


def test_factor_of_the_whole_state_is_seen_by_the_full_read_out_alone():
    """Assert what one run cannot see, and that a judgement does not rest on it."""
    sampler = own_scheme(schemes.er_sde(karras(5), EXP, 2))

    def rescaled(run):
        return sampler.run(run) * (1.0 + 0.1 * np.tanh(np.abs(run.source.start).mean()))

    told = ("name", "convention", "library", "nodes", "namespaces")
    box = SimpleNamespace(**{name: getattr(sampler, name) for name in told}, run=rescaled)
    assert read_table(box).linear
    assert not read_out(box).linear
    verdict = judge(lambda _: read_out(box), (5,), ladder=(10, 20, 40, 80), read_ladder_at=lambda _: read_table(box))
    assert verdict.word is Word.NOT_LINEAR


@pytest.mark.parametrize(
    "tab",
    [
        schemes.seeds(karras(6), 3),
        schemes.dpm_solver_pp_sde(karras(6), eta=1.0),
        schemes.edm_stochastic(karras(6)),
        schemes.exponential_sra(karras(6), EXP),
        schemes.er_sde(karras(6), EXP, 3),
    ],
    ids=lambda tab: tab.name,
)
def test_table_from_one_run_is_that_of_five_when_stages_and_draws_alternate(tab):
    """Assert that unit vectors handed out as they are asked for give the same table, covariances included."""
    quick, full = read_table(own_scheme(tab)), read_out(own_scheme(tab))
    assert full.tableau.first_difference(quick.tableau, rtol=0.0, atol=0.0) is None
    assert max(quick.reproduction, full.reproduction) < 1e-10
    wrong = replace(tab, data=1.001 * tab.data)
    assert full.tableau.first_difference(read_table(own_scheme(wrong)).tableau) is not None


def _normalised(run):
    """Return Euler's method on states of at most its size: no table."""
    x = run.begin()
    for s, t in ((4.0, 2.0), (2.0, 1.0)):
        d = run.denoise(x, 1.0, s)
        x = np.minimum(d + (x - d) * t / s, 0.3)
    return x


def _eager(run):
    """Return Euler's method that asks its model ten times for each value."""
    x = run.begin()
    for s, t in ((4.0, 2.0), (2.0, 1.0)):
        d = sum(run.denoise(x, 1.0, s) for _ in range(10)) / 10.0
        x = d + (x - d) * t / s
    return x


def _infinite(run):
    """Return nan wherever the state is 0."""
    x = run.begin()
    run.denoise(x, 1.0, 4.0)
    return np.where(x == 0.0, np.nan, x)


@pytest.mark.parametrize(
    ("sampler", "runs", "says"),
    [
        (_eager, 3, ""),
        (_normalised, 1, "off the table"),
        (_infinite, 3, "the final state has nan"),
    ],
)
def test_quick_read_out_takes_two_more_runs_when_one_does_not_do(sampler, runs, says):
    """Assert that many evaluations and failures with unit vectors are told by runs of one kind, as ever."""
    nodes = ((1.0, 4.0), (1.0, 2.0), (1.0, 1.0))
    box = SimpleNamespace(name="mine", convention="own", library="numpy", nodes=nodes, namespaces=(), run=sampler)
    counted = Counted(box)
    read = read_table(counted)
    assert counted.runs == runs
    assert read.linear is (not says), read.problems
    assert says in " ".join(read.problems)
    if not says:
        assert read.tableau.first_difference(read_out(box).tableau) is None


def test_diagnosis_of_coarse_grids_is_left_out_when_a_finer_one_departs(monkeypatch):
    """Assert that grids are diagnosed from the last one down, to the first that departs."""
    seen = []

    def counting(tab, **options):
        seen.append(tab.n_steps)
        return diagnose(tab, **options)

    monkeypatch.setattr("ersde_theory.audit.verdict.diagnose", counting)
    faulty = judge(
        lambda n: read_out(own_scheme(schemes.er_sde(karras(n), EXP, 3, variant="released"))), (8, 12), ladder=()
    )
    assert seen == [12]
    assert faulty.word is Word.FAULTY
    seen.clear()
    right = judge(lambda n: read_out(own_scheme(schemes.er_sde(karras(n), EXP, 3))), (8, 12), ladder=())
    assert seen == [12, 8]
    assert right.word is Word.CORRECT
    seen.clear()

    def released_below_ten(n):
        variant = "released" if n < 10 else "published"
        return read_out(own_scheme(schemes.er_sde(karras(n), EXP, 3, variant=variant)))

    assert judge(released_below_ten, (8, 12), ladder=()).word is Word.FAULTY
    assert seen == [12, 8]
