"""Each planted fault is named, with its step; a right sampler is never accused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, schemes
from ersde_theory.audit.diagnosis import diagnose
from ersde_theory.audit.faults import FAULTS, OF_RATIO, fault
from ersde_theory.audit.matching import Tolerance, agreement
from ersde_theory.audit.members import member
from ersde_theory.audit.observed import observe
from ersde_theory.audit.verdict import describe
from tests.audit import _planters as plant

FLOW, VP = ForwardProcess.rectified_flow(), ForwardProcess.vp_linear()
KARRAS, OPEN = TimeGrid.karras(16, 80.0, 0.002, final_zero=True), TimeGrid.karras(20, 80.0, 0.002)
LOG, SHORT = TimeGrid.uniform_in_log(12, 20.0, 0.05), TimeGrid.karras(12, 5.0, 0.1, rho=3.0, final_zero=True)
EXP, REVERSE, ODE = NoiseScale.exp_power(), NoiseScale.reverse_sde(), NoiseScale.ode()
HALF = NoiseScale.power(1.5)


def er(grid, phi, order=3):
    """Return ER-SDE as published."""
    return schemes.er_sde(grid, phi, order)


def eta(tab, phi, k):
    """Return the tableau with the noise of x^(1-k) phi^k."""
    s, t = plant.levels_of(tab)
    growth = phi.log_excess_difference(s, t)
    return plant.with_noise(tab, t * np.sqrt(-np.expm1(-2.0 * k * growth)))


def without(tab, step):
    """Return the tableau without the noise of a step."""
    noise = plant.noise_of(tab)
    noise[step] = 0.0
    return plant.with_noise(tab, noise)


def louder(tab, step, share):
    """Return the tableau with noise added in a step, of a share of its level."""
    noise = plant.noise_of(tab)
    noise[step] = np.hypot(noise[step], share * plant.levels_of(tab)[1][step])
    return plant.with_noise(tab, noise)


def clipped(tab, threshold):
    """Return the tableau with small noise variances set to 0."""
    noise = plant.noise_of(tab)
    return plant.with_noise(tab, np.where(noise**2 < threshold, 0.0, noise))


def spaced(grid, by):
    """Return by how much a slope is off if it is divided by another interval than that behind it."""
    levels = grid.levels
    behind = levels[:-2] - levels[1:-1]
    other = levels[1:-1] - levels[2:] if by == "step" else np.log(levels[:-2] / levels[1:-1])
    return np.append(1.0, behind / other)


def in_flow(tab, what):
    """Return a tableau on the flow's schedule with alpha forgotten in state or noise."""
    x = tab.in_process(FLOW)
    start, end = x.alpha[:-1], x.alpha[1:]
    if what == "noise":
        return plant.with_noise(x, plant.noise_of(x) / end)
    return replace(x, previous=np.append(1.0, x.previous[1:] * start / end))


ADAMS = schemes.exponential_adams
CASES = [
    ("riemann-sum", 1, plant.riemann(KARRAS, EXP, 100, 0.0), {"nodes": 100, "side": "left"}),
    ("riemann-sum", 1, plant.riemann(OPEN, ODE, 200, 1.0), {"nodes": 200, "side": "right"}),
    ("riemann-sum", 1, plant.riemann(LOG, REVERSE, 50, 0.5), {"nodes": 50, "side": "midpoint"}),
    ("riemann-sum", 1, plant.riemann(LOG, HALF, 7, 0.0).in_process(VP), {"nodes": 7, "side": "left"}),
    ("noise-clip", 17, clipped(er(OPEN, EXP), 3e-5), {}),
    ("noise-clip", 14, clipped(schemes.dpm_solver_pp(KARRAS, 2, eta=1.0), 1e-4), {}),
    ("noise-missing", 5, without(er(KARRAS, EXP), 5), {"steps": (5,)}),
    ("noise-missing", 0, without(ADAMS(LOG, REVERSE, 3), 0).in_process(VP), {"steps": (0,)}),
    ("noise-off", 0, plant.with_noise(er(KARRAS, EXP), np.zeros(17)), {}),
    ("noise-off", 0, plant.with_noise(schemes.sa_solver(LOG, 1.0, 2), np.zeros(12)), {}),
    (
        "noise-factor",
        0,
        plant.with_noise(er(SHORT, EXP, 2), 1.05 * plant.noise_of(er(SHORT, EXP, 2))),
        {"factor": 1.05},
    ),
    ("noise-eta", 0, eta(er(OPEN, EXP), EXP, 0.25), {"eta": 0.25}),
    ("noise-eta", 0, eta(er(SHORT, REVERSE, 1), REVERSE, 0.49), {"eta": 0.49}),
    ("noise-alpha", 0, in_flow(er(OPEN, EXP), "noise"), {"instead": "1"}),
    ("noise-alpha", 0, in_flow(er(LOG, REVERSE, 2), "noise"), {"instead": "1"}),
    ("noise-level", 1, plant.with_noise(er(LOG, EXP), np.r_[plant.noise_of(er(LOG, EXP))[[0, *range(11)]]]), {}),
    ("noise-at-zero", 16, plant.with_noise(er(KARRAS, EXP), np.append(plant.noise_of(er(KARRAS, EXP))[:-1], 0.02)), {}),
    ("noise-extra", 5, louder(er(KARRAS, EXP), 5, 1e-3), {"steps": (5,)}),
    ("noise-extra", 2, louder(er(LOG, ODE, 2), 2, 0.1), {"steps": (2,)}),
    ("noise-round-off", None, plant.with_single_precision_noise(er(KARRAS, ODE)), {}),
    ("noise-round-off", None, plant.with_single_precision_noise(ADAMS(OPEN, ODE, 4)), {}),
    ("state-alpha", 0, in_flow(er(OPEN, EXP), "state"), {"what": ("state",)}),
    ("sigma-for-lambda", 0, plant.of_sigma(OPEN, EXP, 2, FLOW), {}),
    ("sigma-for-lambda", 0, plant.of_sigma(LOG, REVERSE, 1, VP), {}),
    ("phi-level", 1, plant.shifted_ratio(er(KARRAS, EXP)), {"of": "the step before", "data": True}),
    ("slope-weight", 1, plant.recombined(LOG, EXP, slope=-1.0), {"factor": -1.0}),
    ("curvature-weight", 2, plant.recombined(OPEN, EXP, curvature=0.5), {"factor": 0.5}),
    ("curvature-weight", 2, plant.recombined(SHORT, ODE, curvature=-1.0), {"factor": -1.0}),
    ("curvature-weight", 2, plant.recombined(OPEN, HALF, curvature=0.5, build=ADAMS), {"factor": 0.5}),
    ("difference-spacing", 1, plant.recombined(OPEN, EXP, slope=spaced(OPEN, "step"), curvature=0.0), {"by": "step"}),
    ("difference-spacing", 1, plant.recombined(LOG, ODE, slope=spaced(LOG, "log"), curvature=0.0), {"by": "log-SNR"}),
    ("history-shift", 1, plant.older_history(er(LOG, EXP, 1)), {"which": "all"}),
    ("last-step-order", 16, plant.extrapolated_to_zero(er(KARRAS, EXP)), {"order": 2}),
    ("last-step-order", 12, plant.extrapolated_to_zero(ADAMS(SHORT, ODE, 3).in_process(FLOW)), {"order": 2}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step", "tab", "parameters"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_planted_fault_is_named_with_its_step(name, step, tab, parameters):
    """Assert that a fault planted by hand is found under its name, alone, at its step, with its parameters."""
    found = diagnose(plant.renamed(tab))
    assert [e.fault.name for e in found.faults] == [name], found.departure
    assert not found.unexplained.count
    assert step is None or found.faults[0].first_step == step
    assert found.departure.step == found.faults[0].first_step
    assert {k: found.faults[0].parameters[k] for k in parameters} == parameters


def with_rounded_weights(tab, size):
    """Return a tableau whose slopes are off to both sides by up to a size, constant data kept."""
    off = size * np.random.default_rng(3).uniform(-1.0, 1.0, tab.n_rows - 1)
    data = tab.data[1:].copy()
    off[0] = 0.0
    data[:, 0] += off
    data[:, 1] -= off
    return plant.with_data(tab, data)


@pytest.mark.slow
def test_noise_of_a_step_that_is_another_one_altogether_is_not_called_extra():
    """Assert that a step whose state is weighted otherwise as well has no noise too many; the louder step alone has."""
    loud = louder(er(KARRAS, EXP), 5, 1e-3)
    previous = loud.previous * np.where(np.arange(loud.n_rows) == 6, 0.9, 1.0)
    names = [[e.fault.name for e in diagnose(tab).faults] for tab in (loud, replace(loud, previous=previous))]
    assert "noise-extra" in names[0]
    assert "noise-extra" not in names[1]


@pytest.mark.slow
def test_float32_cancellation_is_named():
    """Assert that weights that are off a little to both sides are called a loss of digits."""
    found = diagnose(plant.renamed(with_rounded_weights(er(OPEN, EXP), 5e-6)))
    assert [e.fault.name for e in found.faults] == ["cancellation"]


def test_single_precision_of_noise_alone_is_no_fault():
    """Assert that noises whose variances are off by round-off of float32, with none where none is due, are right."""
    assert diagnose(plant.renamed(plant.with_single_precision_noise(er(OPEN, EXP)))).agrees


def test_released_scheme_has_both_its_faults():
    """Assert that the release's Riemann sum and clip are found together, with nodes, side and threshold."""
    found = diagnose(plant.renamed(schemes.er_sde(OPEN, EXP, 3, variant="released")))
    first, second = found.faults
    assert (first.fault.name, second.fault.name) == ("riemann-sum", "noise-clip")
    assert first.parameters == {"nodes": 100, "side": "left"}
    assert second.parameters["low"] < 1e-6 < second.parameters["high"]


def test_plain_differences_are_a_fault_only_where_adams_was_meant():
    """Assert that ER-SDE-3 as published is right as such, and a departure if exponential Adams was meant."""
    tab = plant.renamed(er(OPEN, EXP))
    assert diagnose(tab).agrees
    assert [e.fault.name for e in diagnose(tab, against="adams").faults] == ["plain-differences"]


def test_lower_order_at_the_end_is_a_convention():
    """Assert that orders that rise and fall otherwise are reported and are no fault."""
    orders = np.array([1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 2, 1])
    tab = schemes.er_sde(LOG, EXP, 3)
    data = tab.data[1:].copy()
    for k in (1, 2):
        data[orders == k] = 0.0
        data[orders == k, :k] = er(LOG, EXP, k).data[1:][orders == k][:, :k]
    found = diagnose(plant.renamed(plant.with_data(tab, data)))
    assert found.agrees
    assert [e.fault.name for e in found.explanations] == ["step-orders"]


def test_at_least_twelve_kinds_are_planted():
    """Assert that the cases cover most of the catalogue."""
    planted = {case[0] for case in CASES} | {"cancellation", "plain-differences"}
    assert len(planted) >= 12
    assert {f.name for f in FAULTS if not f.is_convention} - planted == set()


@pytest.mark.parametrize("name", [f.name for f in FAULTS if not f.approximates])
def test_planters_of_the_catalogue_change_something_or_nothing_but_say_what(name):
    """Assert that each catalogue fault has words, and that planting what it proposes for itself is stable."""
    good = member("published", EXP, OPEN.levels, np.ones(21), 3)
    item = fault(name)
    for parameters in item.propose(good.steps, good, Tolerance()):
        planted = item.plant(good, **parameters)
        assert planted.steps.n_steps == 20
        assert item.describe(parameters)
        assert agreement(good.steps, good.steps, Tolerance()).count == 60


def test_only_faults_of_the_list_change_a_ratio():
    """Assert that what is not tried where a ratio is off could not explain it."""
    changing = set()
    tabs = [case[2] for case in CASES] + [with_rounded_weights(er(OPEN, EXP), 5e-6)]
    for seen, item in itertools.product(map(observe, tabs), FAULTS):
        good = member("published", EXP, seen.level, seen.alpha, 3)
        planted = [item.plant(good, **parameters) for parameters in item.propose(seen, good, Tolerance())]
        changing |= {item.name for wrong in planted if not np.array_equal(wrong.steps.ratio, good.steps.ratio)}
    assert changing == {item.name for item in OF_RATIO}


FROM_NOISE = TimeGrid([np.inf, 9.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.0])


@pytest.mark.parametrize("phi", [EXP, REVERSE, HALF], ids=lambda phi: phi.name)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_phi_without_noise_from_pure_noise_is_read_off_the_data_weights(phi, order):
    """Assert that phi and order are found though no ratio shows; with phi = x nothing is off."""
    silenced = plant.with_noise(er(FROM_NOISE, phi, order), np.zeros(7)).in_process(FLOW)
    found = diagnose(plant.renamed(silenced))
    assert found.forgets
    assert (found.phi, found.certified.name) == (phi.name, f"ER-SDE-{order} (published)")
    assert [e.fault.name for e in found.faults] == ["noise-off"]
    assert not found.unexplained.count
    right = diagnose(plant.renamed(er(FROM_NOISE, ODE, order).in_process(FLOW)))
    assert (right.phi, right.agrees, right.forgets) == ("ode", True, False)


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(("levels", "phi"), [([np.inf, 2.0, 0.0], EXP), ([4.0, 0.0], ODE), ([4.0, 0.0], REVERSE)])
def test_phi_that_cannot_be_told_is_not_named(quiet, levels, phi):
    """Assert that a report names no phi where others fit as well, and names it once a step more tells them apart."""

    def found_on(levels):
        tab = er(TimeGrid(levels), phi)
        return diagnose(plant.renamed(plant.with_noise(tab, np.zeros(tab.n_steps)) if quiet else tab))

    found = found_on(levels)
    assert found.phi == ""
    assert phi.name in {found.certified.noise_scale.name, *found.rivals}
    assert "cannot be told" in describe(found)
    more = found_on([*levels[:-1], 1.0, 0.0])
    assert (more.phi, more.rivals) == (phi.name, ())
    assert f"φ = {phi.name}" in describe(more)


def test_phi_is_not_named_where_nothing_explains_a_state_that_forgets():
    """Assert that the nearest function is named only if ratios can be seen: with noise, or where all is explained."""
    tab = er(FROM_NOISE, EXP)
    data = tab.data[1:] * np.array([1.0, 1.3, 0.7])
    loud = diagnose(plant.renamed(plant.with_data(tab, data)))
    quiet = diagnose(plant.renamed(plant.with_noise(plant.with_data(tab, data), np.zeros(7))))
    assert quiet.unexplained.count
    assert (quiet.phi, loud.phi) == ("", "exp_power")
    assert "cannot be told" in describe(quiet)


@pytest.mark.slow
def test_phi_is_not_accused_when_the_state_forgets_its_start():
    """Assert that ratios of 0 count as no evidence: noise off on a flow schedule, from level infinity."""
    tab = er(TimeGrid([np.inf, 9.0, 4.0, 2.0, 1.0, 0.5]), EXP)
    found = diagnose(plant.with_noise(tab, np.zeros(tab.n_steps)))
    assert not found.seen.ratio.any()
    assert [e.fault.name for e in found.faults] == ["noise-off"]
    assert "phi-level" in [e.fault.name for e in diagnose(plant.shifted_ratio(er(KARRAS, EXP))).faults]
