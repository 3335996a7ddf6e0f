"""The study of verdicts: trials decided by their number, twins that are broken, counts that follow from outcomes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ersde_theory.catalogue import scheme
from ersde_theory.laboratory import Kind, Measurement, measure, order_trials
from ersde_theory.laboratory.__main__ import app
from ersde_theory.laboratory._measure import declared_order
from ersde_theory.laboratory.order_trials import TRIALS, run_trial, run_twin, study, trial, twins
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem_names
from ersde_theory.records import Record
from tests.project._source import ROOT

CHEAP = (Kind.EXACT, Kind.LOCAL)
QUICK_TWINS = [k for k, twin in enumerate(twins()) if twin.problem == "gaussian"]
QUICK_TRIALS = [number for number in range(20) if trial(number).kind is Kind.LOCAL]


@given(st.integers(0, 10**6))
def test_trial_is_decided_by_its_number_and_its_parts_suit_each_other(number):
    """Assert that the scheme takes phi, declares an order of the kind, and that the problem has what it needs."""
    chosen, again = trial(number), trial(number)
    assert (chosen.scheme, chosen.noise_scale, chosen.kind) == (again.scheme, again.noise_scale, again.kind)
    np.testing.assert_array_equal(chosen.problem.make_grid(8).levels, again.problem.make_grid(8).levels)
    entry, phi = scheme(chosen.scheme), NoiseScale.from_name(chosen.noise_scale)
    gaussian = chosen.problem.spectrum is not None
    assert entry.accepts(phi)
    assert declared_order(entry, phi, chosen.kind, gaussian=gaussian) is not None
    assert gaussian or chosen.kind not in CHEAP
    assert (phi.name == "ode") or chosen.kind is not Kind.ODE
    assert (phi.name != "ode") or chosen.kind not in (Kind.WEAK, Kind.STRONG, Kind.LAW)
    assert chosen.problem.make_law().dim == 1 or chosen.kind not in (Kind.LAW, *CHEAP)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_grids_of_a_trial_are_nested(number, factor):
    """Assert that the grid of a multiple of n steps has the levels of that of n, as ladders need."""
    make_grid = trial(number).problem.make_grid
    np.testing.assert_allclose(make_grid(6 * factor).levels[::factor], make_grid(6).levels, rtol=1e-12)


def test_trials_visit_every_kind_and_most_schemes():
    """Assert that the numbers of the study leave no kind of error and few schemes out."""
    seen = [trial(number) for number in range(TRIALS)]
    assert {item.kind for item in seen} == set(Kind)
    assert len({item.scheme for item in seen}) >= 30
    assert {item.problem.spectrum is None for item in seen} == {True, False}


@pytest.mark.parametrize("name", ["order-trials", "order-trials-unseen"])
def test_committed_record_is_of_the_trials_that_the_code_draws(name):
    """Assert that every line is of the trial of its number, that counts follow from lines, and none is wrong."""
    record = Record.load(ROOT / "docs" / "records" / f"{name}.json")
    columns = ("scheme", "noise_scale", "problem", "kind")
    lines = zip(record["trial"].tolist(), *(record[f"trial_{column}"].tolist() for column in columns), strict=True)
    drawn = [trial(int(number)) for number in record["trial"]]
    want = [(str(t.number), t.scheme, t.noise_scale, t.problem.name, t.kind.value) for t in drawn]
    assert list(lines) == want
    assert [t.number for t in drawn] == list(range(record.settings["first"], record.settings["first"] + len(drawn)))
    assert record["twin"].tolist() == [twin.name for twin in twins()]
    outcomes = record["trial_outcome"].tolist()
    assert record.settings["wrong"] == outcomes.count("wrong") == 0
    assert record.settings["undecided"] == outcomes.count("undecided")
    assert set(record["twin_outcome"].tolist()) == {"wrong"}


def test_study_starts_at_the_number_that_it_is_told(outcomes):
    """Assert that trials 2 and 3 are run, and named so."""
    outcomes([WRONG, WRONG, RIGHT, OPEN], [])
    record = study(2, 1, first=2)
    assert record["trial"].tolist() == ["2", "3"]
    assert record["trial_outcome"].tolist() == ["right", "undecided"]


def test_run_of_a_trial_measures_its_parts_with_its_number_as_the_seed(monkeypatch):
    """Assert that nothing but the number decides, at the default ladder and target."""
    calls = []
    monkeypatch.setattr(order_trials, "measure", lambda *arguments, **options: calls.append((arguments, options)))
    for number in range(20):
        chosen = trial(number)
        run_trial(number)
        (name, phi, problem, kind), options = calls.pop()
        assert (name, phi, kind, problem.name) == (chosen.scheme, chosen.noise_scale, chosen.kind, chosen.problem.name)
        assert options == {"seed": number}


@pytest.mark.parametrize("number", QUICK_TRIALS)
def test_trial_without_sampling_is_not_contradicted(number):
    """Assert that the verdict of a sound scheme is right, or open."""
    assert not run_trial(number).contradicts


def test_twins_have_names_of_what_there_is():
    """Assert that each twin's problem exists, its scheme takes its phi, and its declared order is the sound one's."""
    for twin in twins():
        assert twin.problem in problem_names()
        phi = NoiseScale.from_name(twin.noise_scale)
        assert twin.scheme.accepts(phi)
        sound = scheme(twin.name.partition(",")[0])
        assert declared_order(twin.scheme, phi, twin.kind, gaussian=True) == declared_order(
            sound, phi, twin.kind, gaussian=True
        )


@pytest.mark.parametrize("number", QUICK_TWINS, ids=lambda number: f"{twins()[number].name}, {twins()[number].kind}")
def test_twin_on_gaussian_data_is_contradicted_and_the_sound_scheme_is_not(number):
    """Assert that the verdict turns with the fault alone."""
    twin = twins()[number]
    sound = measure(twin.name.partition(",")[0], twin.noise_scale, twin.problem, twin.kind.value, steps=twin.steps)
    assert run_twin(number).contradicts
    assert not sound.contradicts


@pytest.mark.slow
@pytest.mark.parametrize("number", [k for k in range(len(twins())) if k not in QUICK_TWINS])
def test_twin_on_a_mixture_is_contradicted(number):
    """Assert that no broken twin is called open or right where errors are sampled or propagated either."""
    assert run_twin(number).contradicts


RIGHT = measure("er_sde-2", "reverse_sde", "gaussian", "exact")
WRONG = replace(RIGHT, declared=4.0)
OPEN = measure("er_sde-2-released", "ode", "gaussian", "exact", steps=(10, 20, 40, 80))


@pytest.fixture
def outcomes(monkeypatch):
    """Give a way to plant the outcomes of trials and twins; threads take the place of processes."""

    def plant(trials: list[Measurement], broken: list[Measurement]) -> None:
        monkeypatch.setattr(order_trials, "ProcessPoolExecutor", ThreadPoolExecutor)
        monkeypatch.setattr(order_trials, "twins", lambda: twins()[: len(broken)])
        monkeypatch.setattr(order_trials, "run_trial", trials.__getitem__)
        monkeypatch.setattr(order_trials, "run_twin", broken.__getitem__)

    return plant


def test_study_counts_wrong_undecided_and_missed(outcomes, tmp_path):
    """Assert the counts, the columns in the order of the numbers, and a call of `advance` for each."""
    outcomes([RIGHT, WRONG, OPEN, RIGHT], [WRONG, RIGHT, OPEN])
    done: list[None] = []
    record = study(4, 2, lambda: done.append(None))
    counts = {"trials": 4, "wrong": 1, "undecided": 1, "twins": 3, "twins_missed": 2}
    assert counts.items() <= record.settings.items()
    assert len(done) == 7
    assert record["trial_outcome"].tolist() == ["right", "wrong", "undecided", "right"]
    assert record["twin_outcome"].tolist() == ["wrong", "right", "undecided"]
    assert record["trial"].tolist() == ["0", "1", "2", "3"]
    assert record["twin"].tolist() == [twin.name for twin in twins()[:3]]
    assert record["trial_declared"].tolist() == [2.0, 4.0, 1.0, 2.0]
    record.save(tmp_path / "trials.json")
    assert Record.load(tmp_path / "trials.json")["trial_said"].tolist() == record["trial_said"].tolist()


@pytest.mark.parametrize(
    ("trials", "broken", "status"),
    [
        ([RIGHT] * 20, [WRONG], 0),
        ([RIGHT] * 19 + [OPEN], [WRONG], 0),
        ([RIGHT] * 18 + [OPEN] * 2, [WRONG], 1),
        ([RIGHT] * 19 + [WRONG], [WRONG], 1),
        ([RIGHT] * 20, [WRONG, RIGHT], 1),
    ],
)
def test_status_of_the_study_follows_from_its_counts(outcomes, tmp_path, trials, broken, status):
    """Assert status 1 for a wrong verdict, a missed twin, or more than 5 % undecided; the Record is kept."""
    outcomes(trials, broken)
    file = tmp_path / "trials.json"
    result = CliRunner().invoke(app, ["trials", "--json", str(file), "--trials", "20", "--workers", "1"])
    assert result.exit_code == status
    assert "trials 20, wrong " in result.stdout
    assert Record.load(file).settings["trials"] == 20
    listed = [line for line in result.stdout.splitlines() if line.startswith(("trial ", "twin "))]
    assert len(listed) == sum(not item.agrees for item in trials) + sum(not item.contradicts for item in broken)
