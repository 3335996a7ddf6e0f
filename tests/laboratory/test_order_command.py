"""``ersde order``: ladder, verdict, picture and Record; exit status 0, 1 and 2; messages for what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from ersde_theory.catalogue import scheme, scheme_names
from ersde_theory.cli import app
from ersde_theory.laboratory import _measure, measure
from ersde_theory.laboratory.exact_orders import exact_orders
from ersde_theory.records import Record
from paper_figures import output

RUNNER = CliRunner()


@pytest.fixture
def drawn_order(tmp_path):
    """Give ``ersde order`` with its picture in a temporary folder."""
    return lambda *arguments: RUNNER.invoke(app, ["order", *arguments, "--out", str(tmp_path / "out")])


@pytest.fixture
def order(drawn_order, monkeypatch):
    """Give ``ersde order`` without drawing, which takes longer than measuring."""
    monkeypatch.setattr(output, "write", lambda record, folder: [folder / f"{record.name}.png"])
    return drawn_order


def words(text: str) -> str:
    """Return a message without the frame and the line ends that the terminal puts in."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_agreement_prints_ladder_fits_verdict_and_picture(drawn_order, tmp_path):
    """Assert status 0, every rung and quantity, the declared order, and a picture where it is said to be."""
    result = drawn_order("er_sde-2", "--noise-scale", "reverse_sde")
    found = measure("er_sde-2", "reverse_sde", "gaussian", "exact")
    assert result.exit_code == 0
    assert "er_sde-2, φ: reverse_sde, problem: gaussian, error: exact" in result.stdout
    for n, error in zip(found.steps, found.errors[0], strict=True):
        assert re.search(rf"^ *{n} +{n} +{re.escape(f'{error:.3e}')}", result.stdout, re.MULTILINE)
    for name, verdict in zip(found.quantities, found.verdicts, strict=True):
        assert f"{name}: {verdict}" in result.stdout
    assert f"{found.verdict}; declared 2: agrees" in result.stdout
    picture = re.search(r"Picture: (\S*\.png)", result.stdout.replace("\n", ""))
    assert picture
    assert list((tmp_path / "out").glob("*.png"))


def test_record_is_the_measurement(order, tmp_path):
    """Assert that --json gives a Record with the errors of the call."""
    table = tmp_path / "deep" / "order.json"
    result = order("adams-3", "--noise-scale", "ode", "--kind", "local", "--json", str(table))
    assert result.exit_code == 0
    record = Record.load(table)
    found = measure("adams-3", "ode", "gaussian", "local")
    np.testing.assert_array_equal(record["error"], found.errors)
    assert record.settings["scheme"] == "adams-3"


def test_sampled_errors_come_with_their_standard_errors(order):
    """Assert that a sampled kind shows its uncertainty and what it cost."""
    arguments = ("er_sde-3", "--noise-scale", "exp_power", "--kind", "weak", "--problem", "overlapping")
    result = order(*arguments, "--steps", "8,16,32,64", "--target-se", "0.1", "--seed", "1")
    assert result.exit_code == 0
    assert re.search(r"\de-\d\d ± \de-\d\d", result.stdout)
    assert "evaluations of paths" in result.stdout


@pytest.mark.parametrize(
    ("phi", "outcome"),
    [("ode", "declared 1: not decided"), ("exp_power", "none declared")],
)
def test_status_is_1_when_nothing_is_decided(order, phi, outcome):
    """Assert that an open verdict is no success, whether an order is declared or not."""
    result = order("er_sde-2-released", "--noise-scale", phi, "--steps", "20,40,80,160")
    assert result.exit_code == 1
    assert "undecided: needs finer grids" in words(result.stdout)
    assert f"; {outcome}" in words(result.stdout)


def test_status_is_1_when_the_declared_order_is_contradicted(order, monkeypatch):
    """Assert that a table that is wrong is reported as contradicted."""
    entry = scheme("er_sde-3")
    wrong = replace(entry, gaussian=replace(entry.gaussian, ode=3.0))
    monkeypatch.setattr(_measure, "scheme", lambda _name: wrong)
    result = order("er_sde-3", "--noise-scale", "ode")
    assert result.exit_code == 1
    assert re.search(r"order \S+ ± \S+; declared 3: CONTRADICTS", result.stdout)


def test_order_that_none_declared_is_a_success(order):
    """Assert status 0 where the table is silent and an order is found."""
    result = order("er_sde-2-released", "--noise-scale", "exp_power", "--kind", "strong")
    assert result.exit_code == 0
    assert "none declared" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ersde-2",), "scheme: expected one of .* did you mean 'er_sde-2'"),
        (("er_sde-2", "--noise-scale", "exp_pwer"), "noise scale: .* did you mean 'exp_power'"),
        (("er_sde-2", "--noise-scale", "power(x)"), r"noise scale: expected power\(p\) with a number p"),
        (("er_sde-2", "--noise-scale", "power(0.5)"), "exponent: expected p >= 1"),
        (("er_sde-2", "--kind", "weakly"), "kind: .* did you mean 'weak'"),
        (("er_sde-2", "--problem", "gaus"), "problem: .* did you mean 'gaussian'"),
        (("er_sde-2", "--problem", "mixture"), "problem: expected a Gaussian one for kind 'exact'"),
        (("er_sde-3", "--kind", "law", "--problem", "overlapping"), "scheme: expected one without noise"),
        (("deis-2",), "noise_scale: expected ode for deis-2, got exp_power"),
        (("er_sde-2", "--steps", "10;20"), "--steps: expected whole numbers with commas"),
        (("er_sde-2", "--steps", "10,20,40.5,80"), "--steps: expected whole numbers with commas"),
        (("er_sde-2", "--steps", "10,20,40"), "steps: expected at least 4 numbers"),
        (("er_sde-2", "--steps", "10,20,30,60"), "each a multiple of the one before"),
        (("er_sde-2", "--target-se", "2"), "target: expected a relative standard error below 1"),
        (("er_sde-2", "--seed", "-1"), "seed"),
        ((), "SCHEME: expected the name of a scheme"),
    ],
)
def test_wrong_arguments_have_status_2_and_a_message(order, tmp_path, arguments, message):
    """Assert that misuse is met with what was expected and the nearest name, and that nothing is printed as found."""
    result = order(*arguments)
    assert result.exit_code == 2
    assert re.search(message, words(result.stderr))
    assert "order " not in result.stdout
    assert not list(tmp_path.rglob("*.png"))


def test_folder_that_cannot_be_written_is_found_out_before_the_work(tmp_path, monkeypatch):
    """Assert status 1 with one line, before anything is measured, for the picture and for the Record."""
    file = tmp_path / "file"
    file.write_text("in the way", "utf-8")
    monkeypatch.setattr(_measure, "measure", lambda *_, **__: pytest.fail("measured all the same"))
    for arguments in (
        ("--out", str(file)),
        ("--out", str(tmp_path / "out"), "--json", str(file / "order.json")),
    ):
        result, option = RUNNER.invoke(app, ["order", "er_sde-2", *arguments]), arguments[-2]
        assert result.exit_code == 1
        assert re.search(
            f"^error: {option}: expected a folder that can be written, got {re.escape(str(file))}", result.stderr
        )


def test_record_in_the_way_of_a_folder_is_an_error_of_one_line(order, tmp_path):
    """Assert that what fails at the end is said, with the file."""
    result = order("er_sde-2", "--json", str(tmp_path))
    assert result.exit_code == 1
    assert "error: could not write to" in result.stderr


def test_interrupt_has_its_own_status(order, monkeypatch):
    """Assert status 130 and no verdict."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_measure, "measure", interrupted)
    result = order("er_sde-2")
    assert result.exit_code == 130
    assert "interrupted: nothing was decided" in result.stderr


def test_list_shows_every_scheme_with_its_orders():
    """Assert that --list has a line a scheme with orders, evaluations, noise scales and basis."""
    result = RUNNER.invoke(app, ["order", "--list"])
    assert result.exit_code == 0
    for name in scheme_names():
        assert re.search(rf"^{re.escape(name)} ", result.stdout, re.MULTILINE), name
    row = next(line for line in result.stdout.splitlines() if line.startswith("exponential_sra "))
    assert row.split()[1:6] == ["2", "1.5", "2", "2", "any"]


def test_all_prints_every_phi_of_a_scheme_and_counts():
    """Assert that --all of one scheme has a line per phi and the counts of verdicts."""
    result = RUNNER.invoke(app, ["order", "er_sde-1", "--all"])
    found = exact_orders(["er_sde-1"])
    assert result.exit_code == 0
    assert [item.noise_scale for item in found] == re.findall(r"^er_sde-1 +(\S+) ", result.stdout, re.MULTILINE)
    assert f"{len(found)} of {len(found)} agree, 0 contradict, 0 have no declared order." in result.stdout


def test_all_of_an_unknown_scheme_has_status_2():
    """Assert that a misspelt name is met as without --all."""
    result = RUNNER.invoke(app, ["order", "ersde-1", "--all"])
    assert result.exit_code == 2
    assert "did you mean 'er_sde-1'" in words(result.stderr)
