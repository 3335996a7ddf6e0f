"""The headline study: its orders, the three ways to a weak order against each other, and broken twins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from analytic import GaussianMixture
from ersde_theory.catalogue import Scheme, scheme
from ersde_theory.errors import OBSERVABLES
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.laboratory import headline, measure
from ersde_theory.laboratory.__main__ import app
from ersde_theory.laboratory._against_law import errors_against_law
from ersde_theory.laboratory._cost import _exact_means
from ersde_theory.laboratory._coupled_modes import mode_switches
from ersde_theory.laboratory._faults import louder
from ersde_theory.laboratory._headline_table import headline_table
from ersde_theory.laboratory._task import Ladders, Task, silent
from ersde_theory.laboratory.headline import GAIN_WANTED, OBSERVABLES_WANTED, QUICK, SCHEMES, study
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem, problem
from ersde_theory.records import Record
from tests.project._source import ROOT

pytestmark = pytest.mark.slow

PHI = NoiseScale.exp_power()


@pytest.fixture(scope="module")
def quick() -> Record:
    """Give the quick study."""
    return study(QUICK, workers=1)


@pytest.fixture(scope="module")
def committed() -> Record:
    """Give the committed Record of the full study."""
    return Record.load(ROOT / "docs" / "records" / "headline-orders.json")


def chosen(record: Record, **wanted: str) -> np.ndarray:
    """Return the indices of lines."""
    return np.flatnonzero(np.all([record[name] == value for name, value in wanted.items()], axis=0))


def broken(name: str) -> Scheme:
    """Return a scheme whose noise is 5 % too loud, with the sound one's orders."""
    sound = scheme(name)
    return replace(sound, build=lambda grid, phi: louder(sound.build(grid, phi), 0.05))


def beside_law(entry: Scheme, phi: NoiseScale, chosen: Problem, steps: tuple[int, ...], seed: int) -> Ladders:
    """Return the weak errors of a scheme by their difference from the propagated law, with a small budget."""
    tableaus = tuple(entry.tableau(chosen.make_grid(n), phi) for n in steps)
    return errors_against_law(Task(entry, phi, chosen, steps, tableaus, 0.01, seed, silent), 1e7)


def test_no_order_of_the_quick_study_contradicts_the_declared_one(quick):
    """Assert that every interval of which something is asked, doubled, has the declared order in it."""
    asked = quick["asked"]
    off = np.abs(quick["order"] - quick["declared"])[asked]
    assert (off <= 2.0 * quick["half_width"][asked]).all()
    assert set(quick["panel"][asked]) == {"ode", "strong", "separated", "weak"}


@pytest.mark.parametrize("where", ["overlapping", "separated"])
def test_strong_order_of_a_scheme_with_wrong_noise_is_missed(where):
    """Assert that noise off by 5 % is no strong order 1, by the median too."""
    lines = headline.strong_lines(broken("er_sde-2"), "exp_power", where, QUICK)
    assert all(line.verdict.contradicts(1.0) for line in lines if line.asked)
    assert not any(line.meets for line in lines)


def test_weak_order_of_a_scheme_with_wrong_noise_is_missed():
    """Assert that noise off by 5 % is no weak order 2 by the difference from the sound law."""
    lines = [line for line in headline.weak_lines(broken("er_sde-3"), "exp_power", QUICK) if line.scheme == "er_sde-3"]
    lines = [line for line in lines if line.quantity != "first coordinate"]  # noise does not move the mean much
    assert sum(line.meets for line in lines) < OBSERVABLES_WANTED
    assert next(line for line in lines if line.quantity == "mean square").verdict.contradicts(2.0)


def test_errors_against_a_law_match_the_propagated_ones_of_a_two_step_scheme():
    """Assert that a scheme that can be propagated has the same errors as the control's law and a difference."""
    steps, other = (20, 40, 80, 160), scheme("dpm_solver_pp-1")
    phi, overlapping = NoiseScale.reverse_sde(), problem("overlapping")
    law, exact = (measure(item, phi, "overlapping", "law", steps=steps) for item in ("er_sde-2", other))
    found = beside_law(other, phi, overlapping, steps, 1)
    rows = [exact.quantities.index(name) for name in OBSERVABLES]
    off = np.abs(found.errors[1:] - exact.errors[rows]) / found.standard_errors[1:]
    assert off.max() < 4.5  # 20 numbers
    assert np.abs(law.errors[rows] - exact.errors[rows]).max() > 4.5 * found.standard_errors.max()


def test_gaussian_moments_match_the_difference_from_a_law():
    """Assert the mean and mean square of er_sde-3 on Gaussian data by the difference, against its exact moments."""
    steps, gaussian = (10, 20, 40, 80), problem("gaussian")
    found = beside_law(scheme("er_sde-3"), PHI, gaussian, steps, 2)
    moments = np.array([output_moments(scheme("er_sde-3").build(gaussian.make_grid(n), PHI), 0.7, 0.25) for n in steps])
    exact = np.array([moments[:, 0] - 0.7, moments[:, 1] + moments[:, 0] ** 2 - 0.7**2 - 0.25 - 0.05**2])
    mean_and_square, spread = found.errors[1:3], found.standard_errors[1:3]
    assert (np.abs(mean_and_square - exact) < 4.5 * spread + 1e-9).all()
    assert (np.abs(mean_and_square[1] - 1.05 * exact[1]) > 4.5 * spread[1]).any()


def test_coupled_levels_agree_with_the_law_and_with_plain_monte_carlo(quick):
    """Assert that three ways give the same errors, and that both gains agree and exceed what is wanted."""
    assert quick["law_deviation"].max() < 4.5
    assert quick["plain_deviation"].max() < 4.5
    ratio = quick["gain_measured"] / quick["gain_from_variances"]
    assert np.abs(ratio - 1.0).max() < 0.2  # variances from 10 000 and 1024 paths
    assert quick["gain_measured"].min() > GAIN_WANTED


def test_exact_means_match_the_closed_forms_of_a_mixture():
    """Assert the five means that plain Monte Carlo is measured against, two of them in closed form."""
    law = GaussianMixture([0.4, 0.6], [-1.0, 1.5], [0.09, 0.09])
    means = dict(zip(OBSERVABLES, _exact_means(law, 0.1), strict=True))
    assert abs(means["first coordinate"] - 0.5) < 1e-12
    assert abs(means["mean square"] - (0.4 + 0.6 * 2.25 + 0.1)) < 1e-12
    assert abs(means["cosine"] - np.exp(-0.05) * (0.4 * np.cos(1.0) + 0.6 * np.cos(1.5))) < 1e-12


def test_mode_switches_are_rare_and_carry_the_error_of_separated_modes(quick):
    """Assert that the RMS is far above the median, falls without the switched paths, and they are few."""
    rows = [
        chosen(quick, panel="separated", scheme="er_sde-2", quantity=name)[0]
        for name in ("RMS, end", "RMS of the others, end", "median, end", "share of switched paths")
    ]
    rms, others, median, share = (quick["error"][row][np.isfinite(quick["error"][row])] for row in rows)
    assert (rms[:3] > 10.0 * median[:3]).all()
    assert (others[:3] < rms[:3]).all()
    assert (share < 0.02).all()


def test_mode_switches_vanish_where_modes_coincide():
    """Assert that no path switches between two modes at one place, and that only mixtures have modes."""
    law = GaussianMixture([0.5, 0.5], [0.0, 0.0], [0.25, 0.25])
    one = replace(problem("overlapping"), make_law=lambda: law)
    found = mode_switches(scheme("er_sde-2"), PHI, one, (10, 20, 40, 80), 200, 0)
    assert (found.errors[0] < 1.0 / 200.0).all()
    with pytest.raises(ValueError, match="mixture of Gaussians, got 'gaussian'"):
        mode_switches(scheme("er_sde-2"), PHI, problem("gaussian"), (10, 20, 40, 80), 200, 0)


def test_committed_record_says_what_was_promised(committed):
    """Assert that the full study misses no order, and that nobody changed its numbers by hand."""
    assert committed.settings["missed"] == []
    assert committed.settings["least_observables"] >= OBSERVABLES_WANTED
    assert committed.settings["least_gain"] == committed["gain_measured"].min() >= GAIN_WANTED
    inside = np.abs(committed["order"] - committed["declared"]) <= committed["half_width"]
    narrow = committed["half_width"] <= committed["tolerance"]
    assert np.array_equal(committed["meets"], inside & narrow)
    for name in SCHEMES:
        for phi in ("reverse_sde", "exp_power"):
            exact = chosen(committed, panel="strong", scheme=name, noise_scale=phi, problem="gaussian")
            assert np.abs(committed["order"][exact] - 1.0).max() < 0.02


def test_table_of_the_page_is_that_of_the_record(committed):
    """Assert that docs/laboratory.md has the table that the command prints, and that another number is noticed."""
    page = (ROOT / "docs" / "laboratory.md").read_text(encoding="utf-8")
    assert headline_table(committed) in page
    assert headline_table(committed).replace("1.00", "1.01") not in page


def test_command_writes_the_record_and_fails_if_an_order_is_missed(tmp_path, monkeypatch, quick):
    """Assert the exit status both ways, and that what is missed is named."""
    target = tmp_path / "record.json"
    for missed, status in (([], 0), (["er_sde-2, ode: order 1.00 ± 0.01"], 1)):
        said = {**quick.settings, "missed": missed, "least_observables": OBSERVABLES_WANTED}
        monkeypatch.setattr(
            "ersde_theory.laboratory.__main__.headline_study", lambda said=said, **_: replace(quick, settings=said)
        )
        result = CliRunner().invoke(app, ["headline", "--json", str(target)])
        assert result.exit_code == status, result.output
        assert ("missed: er_sde-2" in result.output) == bool(missed)
        assert Record.load(target).settings["missed"] == missed


def test_study_rejects_what_is_no_effort():
    """Assert that wrong arguments are named."""
    with pytest.raises(TypeError, match="effort: expected"):
        study("quick")
    with pytest.raises(ValueError, match="workers: expected"):
        study(QUICK, workers=0)
