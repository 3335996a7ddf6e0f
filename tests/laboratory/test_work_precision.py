"""Work and precision: errors are those of independent computations, budgets hold, misuse is named."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import solve_ode
from ersde_theory import NoiseScale, sample
from ersde_theory.catalogue import scheme, scheme_names
from ersde_theory.laboratory import work_precision
from ersde_theory.laboratory.work_precision import EVALUATIONS, table_within
from ersde_theory.problems import problem
from ersde_theory.records import Record

SCHEMES = ("er_sde-2", "adams-3", "edm_heun")
BUDGETS = (10, 21)


@pytest.fixture(scope="module")
def law_record() -> Record:
    """Give the errors in law on the spectrum, without noise."""
    return work_precision(SCHEMES, "ode", "spectrum", evaluations=BUDGETS)


def test_errors_in_law_match_two_runs_of_the_loop(law_record):
    """Assert W2 over the root of the total variance: a run from spread 1 gives each coordinate's factor."""
    chosen = problem("spectrum")
    _, variance = chosen.spectrum
    for i, name in enumerate(SCHEMES):
        for k, budget in enumerate(BUDGETS):
            tab = table_within(scheme(name), chosen, NoiseScale.ode(), budget)
            assert law_record["evaluations"][i, k] == tab.n_evaluations
            factor = sample(tab, chosen.make_law().denoise, np.ones((1, 25)), 0)[0]
            off = np.abs(factor) * np.sqrt(variance + 80.0**2) - np.sqrt(variance + 0.002**2)
            stated = np.sqrt((off**2).sum() / variance.sum())
            np.testing.assert_allclose(law_record["error"][i, k], stated, rtol=1e-9)


def test_record_says_what_was_measured(law_record, tmp_path):
    """Assert labels, settings and units, after saving and loading."""
    law_record.save(tmp_path / "work.json")
    loaded = Record.load(tmp_path / "work.json")
    assert loaded.name == "work-precision"
    assert loaded["scheme"].tolist() == list(SCHEMES)
    assert loaded["budget"].tolist() == list(BUDGETS)
    settings = {"problem": "spectrum", "noise_scale": "ode", "measure": "law"}
    assert settings.items() <= loaded.settings.items()
    assert (loaded["seconds"] > 0.0).all()
    assert (loaded["uncertainty"] < 1e-6 * loaded["error"]).all()


def test_path_errors_match_the_reference_solution_of_the_ode():
    """Assert the median over paths of the RMS error per coordinate against `analytic.solve_ode`."""
    chosen, paths, seed = problem("mixture"), 64, 3
    law = chosen.make_law()
    record = work_precision(["adams-3"], "ode", chosen, evaluations=[20], paths=paths, seed=seed)
    start = law.sample(paths, noise_level=20.0, seed=seed)
    exact = solve_ode(law.denoise, start, 20.0, 0.02, rtol=1e-11)
    tab = table_within(scheme("adams-3"), chosen, NoiseScale.ode(), 20)
    errors = np.sqrt(((sample(tab, law.denoise, start, 0) - exact) ** 2).mean(axis=1))
    np.testing.assert_allclose(record["error"][0, 0], np.median(errors), rtol=1e-6)
    assert record.settings["measure"] == "path"
    assert record["uncertainty"][0, 0] > 0.0


def test_schemes_with_noise_meet_one_path():
    """Assert that on the coupled path more evaluations are better, and a better scheme is better."""
    shares: list[float] = []
    arguments = {"evaluations": [20, 80], "paths": 64, "advance": shares.append}
    record = work_precision(["er_sde-1", "exponential_sra"], "reverse_sde", "mixture", **arguments)
    error = record["error"]
    assert (error[:, 0] > 2.0 * error[:, 1]).all()
    assert error[1, 1] < 0.5 * error[0, 1]
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_gaussian_problem_can_be_measured_on_paths_too():
    """Assert that `measure` overrides the default, and that both see the same order of the schemes."""
    by = {
        measure: work_precision(["er_sde-1", "adams-3"], "ode", "gaussian", evaluations=[20], paths=32, measure=measure)
        for measure in ("law", "path")
    }
    for record in by.values():
        assert record["error"][0, 0] > 2.0 * record["error"][1, 0]
    assert by["law"]["error"][0, 0] != by["path"]["error"][0, 0]


@pytest.mark.parametrize("name", scheme_names())
@pytest.mark.parametrize("phi", ["ode", "reverse_sde"])
def test_most_steps_that_fit_into_a_budget_are_taken(name, phi):
    """Assert that no table is over its budget, and that one step more would be."""
    entry, noise_scale, chosen = scheme(name), NoiseScale.from_name(phi), problem("gaussian")
    for budget in (1, 2, 3, 7, 20):
        tab = table_within(entry, chosen, noise_scale, budget)
        if tab is None:
            assert (
                not entry.accepts(noise_scale) or entry.build(chosen.make_grid(1), noise_scale).n_evaluations > budget
            )
            continue
        assert tab.n_evaluations <= budget
        assert entry.build(chosen.make_grid(tab.n_steps + 1), noise_scale).n_evaluations > budget


def test_scheme_without_a_table_has_nan():
    """Assert that a phi or a budget that a scheme cannot take leaves a gap, not an error."""
    record = work_precision(["adams-3", "ddpm", "dpm_solver_pp-3s"], "ode", "gaussian", evaluations=[2, 9])
    error = record["error"]
    assert np.isfinite(error[0]).all()
    assert np.isnan(error[1]).all()
    assert np.isnan(error[2, 0])
    assert np.isfinite(error[2, 1])
    assert record["evaluations"].tolist() == [[2, 9], [0, 0], [0, 9]]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"schemes": ["adams3"]}, ValueError, "scheme: .*did you mean 'adams-3'"),
        ({"noise_scale": "exp_powr"}, ValueError, "noise scale: .*did you mean 'exp_power'"),
        ({"problem_name": "spectrm"}, ValueError, "problem: .*did you mean 'spectrum'"),
        ({"evaluations": [0]}, ValueError, "evaluations: expected an integer >= 1"),
        ({"evaluations": [10.0]}, TypeError, "evaluations: expected an integer"),
        ({"measure": "laws"}, ValueError, "measure: .*did you mean 'law'"),
        (
            {"problem_name": "mixture", "measure": "law"},
            ValueError,
            "measure: expected 'path' for a problem that is not",
        ),
        ({"schemes": ["ddpm"]}, ValueError, "schemes: expected one that can be built with ode within"),
        ({"schemes": []}, ValueError, "schemes: expected one that can be built"),
    ],
)
def test_bad_arguments_are_refused(change, error, words):
    """Assert that what cannot be compared is refused with what was expected."""
    good = {"schemes": ["adams-3"], "noise_scale": "ode", "problem_name": "gaussian", "evaluations": EVALUATIONS[:1]}
    with pytest.raises(error, match=words):
        work_precision(**(good | change))
