"""The comparison of schemes: its floor holds, its distance of laws is right, its gains are what is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from analytic import GaussianMixture
from ersde_theory.laboratory import comparison
from ersde_theory.laboratory._judge import Judge
from ersde_theory.laboratory._variables import VARIABLES, variable_errors
from ersde_theory.laboratory.comparison import DEFAULT, RELEASED, SETTINGS, compare
from ersde_theory.records import Record
from ersde_theory.time_grid import TimeGrid
from tests.docs._numbers import shown

pytestmark = pytest.mark.slow

ODE, NOISY, REVERSE_SDE = 0, 1, 2
SPECTRUM = 0


@pytest.fixture(scope="module")
def quick() -> Record:
    """Give the exact comparison on the spectrum at 10, 20 and 50 evaluations."""
    return compare(quick=True)


def scheme(record: Record, name: str) -> int:
    """Return the index of a scheme."""
    return record["scheme"].tolist().index(name)


def test_no_scheme_of_one_draw_a_step_is_below_the_floor(quick):
    """Assert that the floor bounds the exact path errors, that Adams-3 touches it, and that a higher one would not."""
    one_draw = [s for s, name in enumerate(quick["scheme"].tolist()) if name != "SRA"]
    errors, floor = quick["rms"][NOISY, SPECTRUM, one_draw], quick["floor"][NOISY, SPECTRUM]
    errors = errors[np.isfinite(errors).all(axis=1)]
    assert (errors >= floor).all()
    assert errors[:, -1].min() < 1.01 * floor[-1]
    assert not (errors >= 1.01 * floor).all()


def test_default_beats_the_released_solver_twofold_on_the_spectrum(quick):
    """Assert the gain in law for little noise, where it is lost, and that the released solver has none over itself."""
    gain = quick["gain"][:, SPECTRUM]
    default = gain[:, scheme(quick, DEFAULT)]
    assert (default[[ODE, NOISY]] > 2.0).all()
    assert (default[REVERSE_SDE, 1:] < 1.0).all()
    assert (gain[:, scheme(quick, RELEASED)] == 1.0).all()
    assert (gain[:, scheme(quick, "PEC-3-4, ln lambda"), 0] < 1.0).all()


def test_default_beats_the_released_solver_where_nothing_was_chosen():
    """Assert a gain above 1.5 on the spectrum from other grids, for little noise; with the twin that loses there."""
    record = compare(quick=True, held_out=True)
    assert record["problem"].tolist() == ["spectrum, rho 5", "spectrum, 160 to 0.002"]
    little_noise = record["gain"][: NOISY + 1]
    assert (little_noise[:, :, scheme(record, DEFAULT)] > 1.5).all()
    assert (little_noise[:, :, scheme(record, "PEC-3-4, ln lambda"), 0] < 1.0).all()


def test_without_noise_law_and_path_agree_on_the_spectrum(quick):
    """Assert that W2 is the RMS path error of the ODE, whose map is monotone in each coordinate."""
    good = scheme(quick, DEFAULT)
    assert np.allclose(quick["law"][ODE, SPECTRUM, good], quick["rms"][ODE, SPECTRUM, good], rtol=1e-6)


def test_comparison_runs_other_laws_on_coupled_paths(monkeypatch):
    """Assert that a small run on the mixture measures everything, and ranks the schemes without noise."""
    small = dataclasses.replace(SETTINGS["mixture"], paths=500, floor_paths=100)
    monkeypatch.setattr(comparison, "SETTINGS", {"spectrum": SETTINGS["spectrum"], "mixture": small})
    monkeypatch.setattr(comparison, "EVALUATIONS", (20,))
    record = compare()
    mixture = 1
    assert record["gain"][ODE, mixture, scheme(record, DEFAULT), 0] > 2.0
    for label in ("median", "rms", "median_error", "rms_error"):
        assert np.isfinite(record[label][ODE, mixture]).all()
    balanced = record["scheme"] == "Adams-3, balanced start"
    assert np.array_equal(np.isnan(record["law"][NOISY, mixture, :, 0]), balanced)
    assert record["floor"][NOISY, mixture, 0] > 0.5 * record["rms"][NOISY, mixture, scheme(record, "Adams-3"), 0]


def test_distance_of_laws_matches_the_characteristic_function():
    """Assert the distance of two Gaussians from coupled samples, against the exact one at the wave vectors."""
    n, generator = 20_000, np.random.default_rng(5)
    exact = generator.standard_normal((n, 2))
    law = GaussianMixture([1.0], [[0.0, 0.0]], [1.0])
    found, _ = Judge(law, exact, 0, in_law=True)(1.1 * exact)
    numbers = np.array([0.5, 1.0, 2.0])
    expected = np.sqrt(((np.exp(-0.5 * (1.1 * numbers) ** 2) - np.exp(-0.5 * numbers**2)) ** 2).mean())
    assert abs(found["law"] - expected) < 4.0 * found["law_error"]
    same, _ = Judge(law, exact, 0, in_law=True)(exact)
    assert same["law"] == same["median"] == 0.0


def test_independent_samples_of_one_law_are_not_resolved():
    """Assert that the noise is taken off: two samples of one law differ by no more than their noise."""
    first, second = np.random.default_rng(6).standard_normal((2, 5_000, 2))
    found, _ = Judge(GaussianMixture([1.0], [[0.0, 0.0]], [1.0]), first, 0, in_law=True)(second)
    assert found["law"] < 0.01


def test_error_of_a_law_says_so_where_the_distance_is_lost_in_noise():
    """Assert that two of it bound a distance of the noise's size, and two spreads of cut-off distances do not."""
    n, flipped, more = 1000, 0.2, 0.022  # paths that change mode, and how many more leave the right one
    generator, sign = np.random.default_rng(9), np.where(np.arange(n) % 2, 1.0, -1.0)
    modes = np.array([[1.0, 0.0], [-1.0, 0.0]])
    judge = Judge(GaussianMixture([0.5, 0.5], modes, [1e-4, 1e-4]), np.outer(sign, modes[0]), 0, in_law=True)
    angle = np.pi * np.arange(8) / 8
    phase = np.outer([0.5, 1.0, 2.0], np.cos(angle))
    exact = more * float(np.sqrt((np.sin(phase) ** 2).mean()))  # 1.1 times the noise, nearly all of one feature
    missed = np.zeros(2)
    for _ in range(200):
        flips = generator.random(n) < 0.5 * (flipped + more * sign)
        found, resamples = judge(np.outer(np.where(flips, -sign, sign), modes[0]))
        missed += exact > found["law"] + 2.0 * np.array([found["law_error"], resamples.std()])
    assert missed[0] <= 0.025 * 200
    assert missed[1] > 0.1 * 200


def test_error_of_a_law_is_the_spread_of_its_resamples_where_it_is_resolved():
    """Assert it for two Gaussians that are far apart compared with the noise."""
    exact = np.random.default_rng(5).standard_normal((5_000, 2))
    found, resamples = Judge(GaussianMixture([1.0], [[0.0, 0.0]], [1.0]), exact, 0, in_law=True)(1.1 * exact)
    assert found["law"] > 5.0 * found["law_error"]
    assert found["law_error"] == pytest.approx(resamples.std(), rel=0.02)


def test_variables_err_and_amplify_as_the_page_says():
    """Assert why ln lambda is bad, why a bounded variable of scale 2s is good, and what that costs."""
    found = variable_errors(lambda n: TimeGrid.karras(n, 80.0, 0.002), [10, 20])
    errors = {name: found["one_step"].values[i, :, 0, 1] for i, name in enumerate(VARIABLES)}
    growth = dict(zip(VARIABLES, found["amplification"].values, strict=True))
    spread_one = 2
    assert (errors["log"] > 1.5 * errors["linear"]).all()
    assert errors["arctan(2)"][spread_one] < 0.6 * errors["linear"][spread_one]
    assert errors["arctan(0.5)"][-1] > 4.0 * errors["linear"][-1]
    assert growth["linear"][0] < 3.0 < 10.0 < growth["arctan(2)"][0]


DOCS = Path(__file__).resolve().parents[2] / "docs"


def gains_of_the_page(number: int) -> list[tuple[str, str, list[str]]]:
    """Return problem, noise scale and entries of each row of a section's table of the default's gains."""
    section = (DOCS / "better_schemes.md").read_text("utf-8").split("\n## ")[number]
    measures = (" (W2) |", " (law) |", " (median path) |")
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if any(m in line for m in measures)]
    labels = [row[0].split(" (")[0].rsplit(", ", 1) for row in rows]
    return [(problem, phi, row[1:]) for (problem, phi), row in zip(labels, rows, strict=True)]


@pytest.mark.parametrize(("file", "section", "rows"), [("comparison", 1, 9), ("held_out", 2, 14)])
def test_page_shows_the_gains_of_the_record(file, section, rows):
    """Assert that gains and their ± of the default in docs/better_schemes.md are the Record's, to the digits shown."""
    record = Record.load(DOCS / "records" / f"{file}.json")
    table = gains_of_the_page(section)
    assert len(table) == rows
    for problem, phi, entries in table:
        place = (record["noise_scale"].tolist().index(phi), record["problem"].tolist().index(problem))
        of = {label: record[label][place] for label in ("gain", "gain_error", "law", "law_error")}
        good, released = scheme(record, DEFAULT), scheme(record, RELEASED)
        bounds = of["law"][released] / (of["law"][good] + 2.0 * of["law_error"][good])
        for k, entry in enumerate(entries):
            number, _, uncertainty = entry.removeprefix("> ").partition(" ± ")
            exact = bounds[k] if entry.startswith("> ") else of["gain"][good][k]
            assert shown(number, exact), (problem, phi, entry, exact)
            assert not uncertainty or shown(uncertainty, of["gain_error"][good][k]), (problem, phi, entry)
