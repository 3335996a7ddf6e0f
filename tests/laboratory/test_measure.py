"""One call measures: its errors are those of independent computations, its verdict that of the slowest quantity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ersde_theory import NoiseScale, sample
from ersde_theory.catalogue import Orders, Scheme, scheme
from ersde_theory.errors import OrderVerdict, Outcome
from ersde_theory.laboratory import Kind, Measurement, measure
from ersde_theory.laboratory._measure import FINEST, declared_order
from ersde_theory.laboratory._simulated import level_errors
from ersde_theory.laboratory._task import Task, silent
from ersde_theory.laboratory.order_trials import trial
from ersde_theory.problems import Problem, problem
from ersde_theory.records import Record
from ersde_theory.schemes import er_sde
from tests.laboratory._strategies import gaussian

SHORT = (10, 20, 40, 80)
MEAN, VARIANCE = 0.7, 0.25  # of the problem `gaussian`
ROUNDOFF = 1e-13
ALPHA_SIGMAS = 4.5  # two-sided level 1e-5


def task_of(name: str, phi_name: str, chosen: Problem, steps: tuple[int, ...]) -> Task:
    """Return the task of measuring a scheme."""
    phi = NoiseScale.from_name(phi_name)
    tableaus = tuple(scheme(name).tableau(chosen.make_grid(n), phi) for n in steps)
    return Task(scheme(name), phi, chosen, steps, tableaus, 0.2, 0, silent)


def two_runs(name: str, n: int) -> np.ndarray:
    """Return where a scheme without noise takes 0 and 1 on the problem `gaussian`: a linear map decides all."""
    chosen = problem("gaussian")
    tab = scheme(name).tableau(chosen.make_grid(n), NoiseScale.ode())
    return sample(tab, chosen.make_law().denoise, np.array([[0.0], [1.0]]), 0)[:, 0]


@pytest.mark.parametrize("name", ["er_sde-2", "adams-4", "edm_heun"])
def test_moments_match_two_runs_of_the_loop_and_the_closed_form(name):
    """Assert mean and variance errors: a run from 0 and one from 1 give the map, y - m grows with the spread."""
    found = measure(name, "exp_power", "gaussian", "ode", steps=SHORT)
    high, low = (np.hypot(VARIANCE**0.5, level) for level in (5.0, 0.05))
    for k, n in enumerate(SHORT):
        at_zero, at_one = two_runs(name, n)
        stated = at_zero - MEAN * (1.0 - low / high), (at_one - at_zero) ** 2 * high**2 - low**2
        np.testing.assert_allclose(found.errors[:, k], stated, rtol=0, atol=ROUNDOFF)
    assert found.quantities == ("mean", "variance")
    assert not found.standard_errors.any()
    assert (found.floors > 0.0).all()


def test_strong_error_matches_coupled_paths_of_the_same_scheme():
    """Assert that the exact root mean square on N(0.7, 0.25) is that of sampled paths against the reference."""
    chosen = gaussian(0.0, VARIANCE, problem("gaussian").make_grid)  # the exact errors start from mean 0
    exact = measure("er_sde-2", "reverse_sde", chosen, "strong", steps=SHORT)
    sampled = measure("er_sde-2", "reverse_sde", replace(chosen, spectrum=None), "strong", steps=SHORT)
    at_end = exact.errors[exact.quantities.index("RMS at the end")]
    place = sampled.quantities.index("rms, end")
    allowed = ALPHA_SIGMAS * sampled.standard_errors[place]
    assert (np.abs(sampled.errors[place] - at_end) < allowed).all()
    assert not (np.abs(sampled.errors[place] - 1.1 * at_end) < allowed).any()
    assert sampled.path_steps == 4000 * sum(SHORT)
    assert exact.path_steps == 0


def test_kind_ode_has_no_noise_whatever_phi_is_given():
    """Assert that phi = x is measured and named."""
    found = measure("er_sde-2", "exp_power", "gaussian", "ode", steps=SHORT)
    assert found.noise_scale == "ode"
    assert found.declared == scheme("er_sde-2").orders.ode
    np.testing.assert_array_equal(found.errors, measure("er_sde-2", "ode", "gaussian", "exact", steps=SHORT).errors)


def test_one_seed_gives_one_measurement():
    """Assert that sampling repeats bit for bit, and that another seed samples something else."""
    weak = [
        measure("er_sde-3", "reverse_sde", "overlapping", "weak", steps=(4, 8, 16, 32), target=0.3, seed=seed)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(weak[0].errors, weak[1].errors)
    assert (weak[0].errors != weak[2].errors).all()
    assert weak[0].path_steps > 0


@pytest.mark.parametrize(
    ("phi", "name", "kind"),
    [("reverse_sde", "overlapping", "strong"), ("reverse_sde", "overlapping", "law"), ("ode", "mixture", "ode")],
)
def test_progress_reaches_its_end_where_there_is_sampling_or_propagation(phi, name, kind):
    """Assert that the share that is done rises to 1."""
    shares: list[float] = []
    measure("er_sde-1", phi, name, kind, steps=(4, 8, 16, 32), advance=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_undecided_ladder_moves_on_to_finer_grids_until_it_is_decided():
    """Assert that the released solver's order, late to show, is found on finer grids than one asked for."""
    default, fixed = (measure("er_sde-2-released", "ode", "gaussian", "exact", steps=s) for s in (None, SHORT))
    assert fixed.steps.tolist() == list(SHORT)
    assert fixed.verdict.outcome is Outcome.UNDECIDED
    assert default.agrees
    assert default.steps[-1] > 640


def test_ladder_that_meets_its_round_off_stops():
    """Assert that no grid is refined beyond the finest, nor where all errors are round-off."""
    late = measure("exponential_pec-3-3", "ode", "gaussian", "exact")
    assert late.verdict.outcome is not Outcome.ORDER
    assert late.steps[-1] <= FINEST
    assert not late.contradicts


def test_scheme_of_ones_own_is_measured():
    """Assert that an entry made by hand goes through like one of the catalogue."""
    own = Scheme(
        "mine", lambda grid, phi: er_sde(grid, phi, 2), Orders(ode=3.0), Orders(ode=3.0), 1, "literature: none"
    )
    found = measure(own, NoiseScale.ode(), problem("gaussian"), "exact")
    assert (found.scheme, found.declared) == ("mine", 3.0)
    assert found.contradicts
    assert measure(replace(own, gaussian=Orders()), "ode", "gaussian", "exact").declared is None


def test_fast_mean_does_not_hide_a_variance_that_is_still_open():
    """Assert that a mean that falls into round-off with order 4 leaves the verdict to the variance, of order 2."""
    trial_41 = trial(41)
    found = measure(trial_41.scheme, trial_41.noise_scale, trial_41.problem, "weak")
    assert found.verdicts[0].contradicts(2.0)
    assert found.agrees


@pytest.mark.parametrize(("name", "sampled"), [("er_sde-2", False), ("er_sde-3", True)])
def test_weak_errors_on_the_line_come_from_a_propagated_law(name, sampled):
    """Assert that errors are those of kind law: without sampling for two steps, within their noise for three."""
    steps, mixture = (4, 8, 16, 32), problem("overlapping")
    weak = measure(name, "exp_power", mixture, "weak", steps=steps, target=0.2)
    assert (weak.path_steps > 0) == sampled
    if not sampled:
        law = measure(name, "exp_power", mixture, "law", steps=steps)
        np.testing.assert_array_equal(weak.errors, law.errors[2:])
        return
    assert (weak.standard_errors > 0.0).all()
    levels = level_errors(task_of(name, "exp_power", mixture, steps))
    off = np.abs(weak.errors[1:] - levels.errors[1:]) / np.hypot(weak.standard_errors, levels.standard_errors)[1:]
    assert off.max() < ALPHA_SIGMAS


SRA = scheme("exponential_sra")


@pytest.mark.parametrize(
    ("name", "phi", "kind", "on_gaussian_data", "order"),
    [
        ("exponential_sra", "reverse_sde", Kind.STRONG, True, SRA.gaussian.strong),
        ("exponential_sra", "reverse_sde", Kind.STRONG, False, SRA.orders.strong),
        ("exponential_sra", "reverse_sde", Kind.LOCAL, True, SRA.gaussian.local_strong),
        ("exponential_sra", "ode", Kind.LOCAL, True, SRA.orders.local_ode),
        ("exponential_sra", "ode", Kind.STRONG, False, SRA.orders.ode),
        ("exponential_sra", "reverse_sde", Kind.LAW, False, SRA.orders.weak),
        ("exponential_sra", "reverse_sde", Kind.EXACT, True, SRA.gaussian.weak),
        ("edm_heun", "ode", Kind.WEAK, False, scheme("edm_heun").orders.ode),
        ("er_sde-2-released", "reverse_sde", Kind.WEAK, False, None),
    ],
)
def test_declared_order_is_that_of_the_kind_and_the_noise(name, phi, kind, on_gaussian_data, order):
    """Assert which column of the table is meant."""
    assert declared_order(scheme(name), NoiseScale.from_name(phi), kind, gaussian=on_gaussian_data) == order


def said(outcome: Outcome, order: float = np.nan, half_width: float = 0.05) -> OrderVerdict:
    """Return a verdict."""
    return OrderVerdict(outcome, order, half_width, "made up")


FIRST, SECOND, THIRD = (said(Outcome.ORDER, p) for p in (1.0, 2.0, 3.0))
OPEN, BOUND, FAR = said(Outcome.UNDECIDED), said(Outcome.AT_LEAST, 3.0, 0.2), said(Outcome.AT_LEAST, 4.3, 0.2)


def judged(*verdicts: OrderVerdict, declared: float | None = 2.0, sharp: bool = True, exact: int = 0) -> Measurement:
    """Return a measurement with these verdicts; the first `exact` quantities are round-off."""
    shape = (len(verdicts), 4)
    errors = np.ones(shape)
    errors[:exact] = 1e-16
    return Measurement(
        "mine",
        "ode",
        "gaussian",
        Kind.EXACT,
        np.array(SHORT),
        np.array(SHORT),
        tuple(f"quantity {k}" for k in range(len(verdicts))),
        errors,
        np.zeros(shape),
        np.full(shape, 1e-15),
        verdicts,
        declared,
        sharp,
    )


@pytest.mark.parametrize(
    ("verdicts", "options", "rules"),
    [
        ((THIRD, FIRST, SECOND), {}, FIRST),
        ((FIRST, SECOND), {"exact": 1}, SECOND),
        ((SECOND, OPEN), {}, SECOND),
        ((THIRD, OPEN), {}, OPEN),
        ((THIRD, OPEN), {"declared": None}, THIRD),
        ((FIRST, OPEN), {}, FIRST),
        ((THIRD, BOUND), {}, THIRD),
        ((OPEN, BOUND), {}, BOUND),
        ((FAR, OPEN), {}, OPEN),
        ((FAR, OPEN), {"declared": 4.0}, FAR),
        ((FIRST,), {"exact": 1}, FIRST),
    ],
)
def test_slowest_quantity_rules(verdicts, options, rules):
    """Assert that the slowest decided one rules, round-off has no say, and an open one may be the slow one."""
    assert judged(*verdicts, **options).verdict is rules


@pytest.mark.parametrize(
    ("verdict", "options", "agrees", "contradicts"),
    [
        (SECOND, {}, True, False),
        (FIRST, {}, False, True),
        (THIRD, {}, False, True),
        (THIRD, {"sharp": False}, True, False),
        (FIRST, {"sharp": False}, False, True),
        (OPEN, {}, False, False),
        (SECOND, {"declared": None}, False, False),
        (BOUND, {"declared": 3.0}, True, False),
        (BOUND, {"declared": 3.5}, True, False),
        (BOUND, {"declared": 5.0}, False, False),
        (BOUND, {"declared": 1.0}, False, True),
    ],
)
def test_agreement_and_contradiction_follow_from_the_verdict(verdict, options, agrees, contradicts):
    """Assert what an order, a bound, an open verdict and a lower bound of the table come to."""
    found = judged(verdict, **options)
    assert (found.agrees, found.contradicts) == (agrees, contradicts)


def test_record_holds_the_whole_measurement(tmp_path):
    """Assert that the Record, saved and loaded, has ladder, errors, verdicts and settings."""
    found = measure("er_sde-2", "reverse_sde", "gaussian", "exact")
    found.record().save(tmp_path / "order.json")
    loaded = Record.load(tmp_path / "order.json")
    assert loaded.name == "order-ladder"
    settings = {"scheme": "er_sde-2", "noise_scale": "reverse_sde", "problem": "gaussian", "kind": "exact"}
    assert settings.items() <= loaded.settings.items()
    assert loaded.settings["declared"] == 2.0
    assert loaded.settings["verdict"] == str(found.verdict)
    assert loaded["quantity"].tolist() == list(found.quantities)
    for label, values in (("steps", found.steps), ("error", found.errors), ("floor", found.floors)):
        np.testing.assert_array_equal(loaded[label], values)


GOOD = {"scheme_name": "er_sde-2", "noise_scale": "reverse_sde", "problem_name": "gaussian", "kind": "exact"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"scheme_name": "er_sde2"}, ValueError, "scheme: expected one of .*did you mean 'er_sde-2'"),
        ({"noise_scale": "reverse"}, ValueError, "noise scale: .*did you mean 'reverse_sde'"),
        ({"problem_name": "gausian"}, ValueError, "problem: .*did you mean 'gaussian'"),
        ({"kind": "strnog"}, ValueError, "kind: .*did you mean 'strong'"),
        ({"kind": 3}, TypeError, "kind: expected one of"),
        ({"steps": (10, 20, 40)}, ValueError, "steps: expected at least 4 numbers"),
        ({"steps": (10, 20, 40, 60)}, ValueError, "each a multiple of the one before"),
        ({"steps": (80, 40, 20, 10)}, ValueError, "each a multiple of the one before"),
        ({"steps": (0, 1, 2, 4)}, ValueError, "steps: expected an integer >= 1"),
        ({"steps": (10.0, 20, 40, 80)}, TypeError, "steps: expected an integer"),
        ({"target": 0.0}, ValueError, "target: expected a number greater than 0"),
        ({"target": 1.0}, ValueError, "target: expected a relative standard error below 1"),
        ({"target": "5 %"}, TypeError, "target: expected a number"),
        ({"seed": -1}, ValueError, "seed: expected an integer >= 0"),
        ({"problem_name": "mixture"}, ValueError, "problem: expected a Gaussian one for kind 'exact'"),
        ({"problem_name": "mixture", "kind": "local"}, ValueError, "problem: expected a Gaussian one for kind 'local'"),
        ({"problem_name": "mixture", "kind": "law"}, ValueError, "problem: expected one of one dimension"),
        ({"problem_name": "spectrum", "kind": "local"}, ValueError, "problem: expected one dimension"),
        ({"problem_name": "spectrum", "kind": "strong"}, ValueError, "problem: expected one dimension"),
        ({"scheme_name": "deis-3"}, ValueError, "noise_scale: expected ode for deis-3"),
        (
            {"scheme_name": "edm_stochastic", "noise_scale": "ode", "kind": "strong"},
            ValueError,
            "kind: expected 'exact' or 'weak'",
        ),
    ],
)
def test_bad_arguments_are_refused(change, error, words):
    """Assert that what cannot be measured is refused before any work, with what was expected."""
    with pytest.raises(error, match=words):
        measure(**(GOOD | change))
