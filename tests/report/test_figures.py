"""Figures: numbers right, pictures drawn, the same bytes for the same Record, readable in grey."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from analytic import gaussian_transition
from ersde_theory.cli import app
from ersde_theory.errors import one_step_error
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from paper_figures import Settings, draw, figure, figures, names, style
from paper_figures.colours import lightness
from tests.report._figure_numbers import quick_record

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ["ode", "power(1.5)", "reverse_sde", "exp_reciprocal", "log_power", "exp_power"]


def ladders(name):
    """Return a record like those of the claims about orders."""
    schemes = ["a, ode", "b, ode", "a, exp_power", "b, exp_power"]
    steps = np.array([40, 80, 160])
    sizes = np.array([1.0, -0.5, 0.3, -0.2])[:, None] * (40.0 / steps) ** 2
    arrays = {
        "steps": LabelledArray(("steps",), steps),
        "scheme": LabelledArray(("scheme",), np.array(schemes)),
        "error": LabelledArray(("scheme", "steps"), sizes, "variance"),
    }
    return Record(name, {}, arrays)


def parity():
    """Return a record like that of the claim vp-ve-parity, with an exact agreement in it."""
    arrays = {
        "process": LabelledArray(("process",), np.array(["vp_linear", "vp_cosine"])),
        "noise_level": LabelledArray(("noise_level",), np.array([20.0, 1.0, 0.02])),
        "difference": LabelledArray(("process", "noise_level"), np.array([[0.0, 1e-14, 3e-14], [1e-16, 1e-14, 2e-14]])),
    }
    return Record("vp-ve-parity", {}, arrays)


def digits():
    """Return a record like that of the digits run, nan where a scheme does not exist."""
    schemes, members, steps = ["ER-SDE-1 published", "DDIM", "Adams-3"], ["ode", "exp_power"], [10, 20]
    values = 0.1 / np.arange(1, 13).reshape(3, 2, 2)
    values[1, 1] = np.nan
    dims = ("scheme", "noise_scale", "steps")
    arrays = {
        label: LabelledArray(dims, values * scale)
        for kind, scale in (("error", 1.0), ("standard_error", 2.0))
        for label in (f"median_{kind}", f"mean_{kind}")
    }
    arrays["switched"] = LabelledArray(dims, values)
    arrays["switched_standard_error"] = LabelledArray(dims, 0.1 * values)
    arrays["scheme"] = LabelledArray(("scheme",), np.array(schemes))
    arrays["noise_scale"] = LabelledArray(("noise_scale",), np.array(members))
    arrays["steps"] = LabelledArray(("steps",), np.array(steps))
    arrays["run"] = LabelledArray(("run",), np.array(["reference", "10 steps", "20 steps"]))
    arrays["reference_error"] = LabelledArray(("noise_scale",), np.array([1e-14, 1e-3]))
    pictures = np.random.default_rng(0).uniform(-1.1, 1.1, (2, 3, 4, 8, 8))
    arrays["samples"] = LabelledArray(("noise_scale", "run", "image", "row", "column"), pictures)
    return Record("digits", {"samples_scheme": "Adams-3"}, arrays)


def crossing():
    """Return a record like that of the claim sde-quality-imperfect."""
    distance = np.array([[[0.2, 0.02], [0.3, 0.04]], [[0.3, 0.15], [0.4, 0.05]]])
    arrays = {
        "steps": LabelledArray(("steps",), np.array([5, 20])),
        "noise_scale": LabelledArray(("noise_scale",), np.array(["ode", "reverse_sde"])),
        "score_error": LabelledArray(("score_error",), np.array([0.0, 0.01])),
        "distance": LabelledArray(("score_error", "noise_scale", "steps"), distance),
        "limit": LabelledArray(("score_error", "noise_scale"), 0.9 * distance[:, :, -1]),
    }
    return Record("crossing", {}, arrays)


def record_for(name):
    """Return a small record of a figure; those that claims make are made up."""
    if name == "crossing":
        return crossing()
    if name == "digits":
        return digits()
    if name == "vp-ve-parity":
        return parity()
    if figure(name).from_claim:
        return ladders(name)
    if name == "headline-orders":
        return figure(name).compute(Settings())  # the committed study; the quick one takes longer
    return quick_record(name)


@pytest.mark.parametrize("name", names())
def test_figure_is_drawn_with_labels_and_survives_json(name):
    """Assert that a record read back is drawn, with labels on its axes and a legend."""
    record = record_for(name)
    picture = draw(Record.from_json(record.to_json()))
    assert style.render(picture, "svg").endswith(b"</svg>\n")
    framed = [axes for axes in picture.axes if axes.lines]
    assert any(axes.get_xlabel() for axes in framed)
    assert any(axes.get_ylabel() for axes in framed)
    assert picture.legends or any(axes.get_legend() for axes in picture.axes)


@pytest.mark.parametrize(
    ("kind", "make"),
    [("pdf", digits), ("svg", digits), ("png", digits), ("svg", lambda: ladders("order-weak"))],
)
def test_bytes_depend_on_the_record_alone(kind, make):
    """Assert that another process writes the same bytes, later and with its own hash seed."""
    record = make()
    here = style.render(draw(record), kind)
    code = (
        "import sys; from ersde_theory.records import Record; from paper_figures import draw, style;"
        f"sys.stdout.buffer.write(style.render(draw(Record.from_json(sys.stdin.read())), {kind!r}))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "SOURCE_DATE_EPOCH": "0"}
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        input=record.to_json().encode(),
        capture_output=True,
        check=True,
    ).stdout
    assert here == there
    assert b"Date" not in here[:2000] or kind != "svg"


def test_other_numbers_give_other_bytes_in_broken_twin():
    """Assert that the comparison of bytes sees a change of the record."""
    record = ladders("order-weak")
    error = record.arrays["error"]
    arrays = dict(record.arrays) | {"error": LabelledArray(error.dims, 1.1 * error.values)}
    changed = Record(record.name, {}, arrays)
    assert style.render(draw(record), "svg") != style.render(draw(changed), "svg")


def test_fonts_are_embedded_in_pdf_and_paths_in_svg():
    """Assert that a reader needs none of our fonts."""
    picture = draw(ladders("order-weak"))
    assert b"/FontFile2" in style.render(picture, "pdf")
    assert b"<text" not in style.render(picture, "svg")


def grey_faults(looks):
    """Return the pairs of looks that cannot be told apart in grey."""
    return [(a, b) for a, b in itertools.combinations(looks, 2) if a.marker == b.marker or a.dashes == b.dashes]


def test_series_can_be_told_apart_in_grey():
    """Assert that dashes and markers all differ, and the first six colours in lightness too."""
    looks = [style.look(i) for i in range(len(style.COLOURS))]
    assert len({look.colour for look in looks}) == len(looks)
    assert grey_faults(looks) == []
    shades = sorted(lightness(look.colour) for look in looks[:6])
    assert np.diff(shades).min() > 6.0
    assert shades[-1] < 75.0


def test_repeated_marker_is_caught_in_broken_twin():
    """Assert that a look with another's marker is seen."""
    first, second = style.look(0), style.look(1)
    assert grey_faults([first, style.Look(second.colour, second.dashes, first.marker)]) != []


def oracle(phi, start, end, variance):
    """Return the RMS error of one step from the reference's transition, by subtraction."""
    exact = gaussian_transition(phi.tau_squared, variance, start, end)
    total = variance + start**2
    drift = 1.0 - float(phi.fei(start, end)) * start**2 / total - float(exact.factor)
    noise = exact.noise_variance + exact.clock_variance - 2.0 * exact.cov_with_clock_increment
    return float(np.sqrt(drift**2 * total + noise))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(("start", "end"), [(80.0, 60.0), (1.3, 0.4), (0.05, 0.01)])
def test_one_step_error_matches_the_reference_transition(member, start, end):
    """Assert that the quadrature agrees with analytic's, up to what the latter loses by subtraction."""
    phi, variance = NoiseScale.from_name(member), 0.25
    step = one_step_error(phi, np.array([start]), np.array([end]), variance)
    lost = 1e-13 * (end**2 + variance) / step.error[0] ** 2
    assert step.error[0] == pytest.approx(oracle(phi, start, end, variance), rel=1e-9 + lost)
    assert 0.0 < step.error[0] <= step.bound[0]


def test_one_step_error_of_other_noise_scale_is_caught_in_broken_twin():
    """Assert that the comparison sees a noise scale with 1 % more noise."""
    phi = NoiseScale.from_tau_squared(lambda lam: 1.01 * np.ones_like(lam))
    step = one_step_error(phi, np.array([1.3]), np.array([0.4]), 0.25)
    assert step.error[0] != pytest.approx(oracle(NoiseScale.reverse_sde(), 1.3, 0.4, 0.25), rel=1e-3)


def test_mean_error_of_the_reverse_sde_vanishes_and_of_the_ode_does_not():
    """Assert that the first-order step with phi = x^2 is exact in the mean."""
    record = quick_record("one_step_error")
    by_name = dict(zip(record["noise_scale"].tolist(), record["mean_error_20"], strict=True))
    assert by_name["reverse_sde"].max() < 1e-13
    assert by_name["ode"].min() > 1e-6


def test_ode_has_the_smallest_fei_everywhere():
    """Assert that FEI of the ODE is least at every step of both grids."""
    record = quick_record("fei")
    assert (record["fei_20"][0] <= record["fei_20"][1:] + 1e-15).all()
    assert (record["noise_share_20"][0] == 0.0).all()


@pytest.mark.parametrize(
    ("noise_scale", "scheme", "expected"),
    [(0, 0, 7.20e-3), (0, 1, 1.21e-4), (0, 3, 1.76e-4), (0, 5, 6.84e-7), (1, 4, 2.22e-6)],
)
def test_orders_are_those_known_at_80_steps(noise_scale, scheme, expected):
    """Assert that the errors at 80 steps are the recorded ones, to the digits given."""
    record = quick_record("orders")
    at = record["n_steps"].tolist().index(80)
    got = abs(record["variance_error"][noise_scale, scheme, at])
    assert got == pytest.approx(expected, rel=0.006)


# tools and studies beside the ledger
OF_NO_CLAIM = {
    "atlas",
    "audit",
    "comparison",
    "digits-networks",
    "digits-training",
    "headline-orders",
    "network-global-error",
    "network-one-step",
    "network-orders",
    "network-precision",
    "network-quality",
    "network-score-error",
    "order-ladder",
    "study-weak-order",
    "work-precision",
}


def test_every_figure_says_what_it_shows():
    """Assert that names fit, descriptions are sentences, and claims are named."""
    for item in figures():
        assert item.name in names()
        assert item.claims or item.name in OF_NO_CLAIM
        assert len(item.description) > 80
        assert item.description.endswith(".")


def test_readme_names_every_figure_and_nothing_else():
    """Assert that the table of the README has a row for each figure."""
    text = (ROOT / "paper_figures" / "README.md").read_text("utf-8")
    rows = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| `")]
    assert rows == list(names())


def test_command_writes_four_files_per_figure(tmp_path):
    """Assert that ``ersde figures`` writes pictures and numbers, and the numbers can be read."""
    result = CliRunner().invoke(app, ["figures", "orders", "--quick", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["orders.json", "orders.pdf", "orders.png", "orders.svg"]
    assert Record.load(tmp_path / "orders.json").name == "orders"


def test_interrupt_of_figures_says_what_is_finished(tmp_path, monkeypatch):
    """Assert that Ctrl-C while a figure is made gives status 130."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("paper_figures.output.write", interrupt)
    result = CliRunner().invoke(app, ["figures", "fei", "--quick", "--out", str(tmp_path)])
    assert result.exit_code == 130
    assert "interrupted; finished: none" in result.stderr
