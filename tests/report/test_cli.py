"""The command line: exit status, misuse, interrupts, broken claims."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ersde_theory.claims import Verdict
from ersde_theory.cli import app
from ersde_theory.records import Record

ROOT = Path(__file__).resolve().parents[2]
RUNNER = CliRunner()


def verify(tmp_path, *arguments):
    """Run ``ersde verify`` with its report in a temporary folder."""
    return RUNNER.invoke(app, ["verify", *arguments, "--out", str(tmp_path / "report")])


def test_status_is_0_when_every_claim_agrees(tmp_path, use_ledger, made_up):
    """Assert that agreement gives status 0, a table, a page, JSON and a Record."""
    use_ledger(made_up.claim("one"), made_up.claim("two"))
    table = tmp_path / "deep" / "table.json"
    result = verify(tmp_path, "--json", str(table))
    assert result.exit_code == 0
    assert "2 of 2 claims came out as the ledger states" in result.stdout
    assert "1.5e-13 ± 2e-15" in result.stdout
    assert (tmp_path / "report" / "index.html").is_file()
    assert json.loads((tmp_path / "report" / "verify.json").read_text("utf-8"))["succeeded"] is True
    assert Record.load(table)["claim"].tolist() == ["one", "two"]


def test_refuted_claim_is_a_success_when_the_ledger_says_so(tmp_path, use_ledger, made_up):
    """Assert that a claim which is refuted as stated gives status 0."""
    refuted = made_up.finding(Verdict.REFUTED)
    use_ledger(made_up.claim(stated=Verdict.REFUTED, examine=lambda _: refuted))
    assert verify(tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        ({"verdict": Verdict.REFUTED}, "the ledger states proved"),
        ({"caught": False}, "broken twin not noticed: sign <flipped>"),
    ],
)
def test_status_is_1_when_verdict_differs_or_twin_is_missed(tmp_path, use_ledger, made_up, finding, reason):
    """Assert that another verdict or an unnoticed twin gives status 1, with the reason."""
    use_ledger(made_up.claim(examine=lambda _: made_up.finding(**finding)))
    result = verify(tmp_path)
    assert result.exit_code == 1
    assert reason in " ".join(result.stdout.split())


def test_claim_that_raises_is_reported_and_the_others_still_run(tmp_path, use_ledger, made_up):
    """Assert that a traceback of one claim is shown, the others are judged, and the status is 1."""

    def broken(_):
        raise ZeroDivisionError("<by zero>")  # noqa: EM101

    use_ledger(made_up.claim("bad", examine=broken), made_up.claim("good"))
    result = verify(tmp_path)
    assert result.exit_code == 1
    assert "ZeroDivisionError: <by zero>" in result.stderr
    assert "1 of 2 claims" in result.stdout
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "ZeroDivisionError: &lt;by zero&gt;" in page


def test_interrupt_keeps_what_is_finished(tmp_path, use_ledger, made_up):
    """Assert that Ctrl-C writes a partial report that says so, and gives status 130."""

    def interrupt(_):
        raise KeyboardInterrupt

    use_ledger(made_up.claim("done"), made_up.claim("stopped", examine=interrupt), made_up.claim("never"))
    result = verify(tmp_path)
    assert result.exit_code == 130
    assert "interrupted after 1 of 3 claims; partial report:" in result.stderr
    assert "Partial report." in (tmp_path / "report" / "index.html").read_text("utf-8")
    document = json.loads((tmp_path / "report" / "verify.json").read_text("utf-8"))
    assert document["interrupted"] is True
    assert [j["claim"]["id"] for j in document["judgements"]] == ["done"]


def test_share_done_outside_0_to_1_does_not_end_the_run(tmp_path, use_ledger, made_up):
    """Assert that a claim's own count of its progress cannot break the bar."""

    def wild(context):
        for share in (-1.0, 0.5, 7.0):
            context.advance(share)
        return made_up.finding()

    use_ledger(made_up.claim(examine=wild))
    assert verify(tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "marginal"], "did you mean 'marginals'?"),
        (["verify", "--nonsense"], "No such option: --nonsense"),
        (["verify", "--seed", "x"], "Invalid value for '--seed'"),
        (["verify", "--seed", "-1"], "Invalid value for '--seed'"),
        (["figures", "order"], "did you mean 'orders'?"),
        (["verfy"], "No such command 'verfy'"),
    ],
)
def test_wrong_argument_gives_status_2_and_says_why(arguments, said):
    """Assert that unknown claims, figures, options and commands are named, the nearest suggested."""
    result = RUNNER.invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(("command", "option"), [("verify", "--out"), ("verify", "--json"), ("figures", "--out")])
def test_unwritable_place_is_told_in_one_line_before_the_work(tmp_path, use_ledger, made_up, command, option):
    """Assert that a file where a folder should be gives one line and status 1, nothing examined."""

    def never(_):
        raise AssertionError

    use_ledger(made_up.claim(examine=never))
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "below"
    arguments = [command, option, str(place if option == "--out" else place / "x.json")]
    if option == "--json":
        arguments += ["--out", str(tmp_path / "report")]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"error: {option}: expected a folder that can be written, got ")


def test_json_that_is_a_folder_is_refused(tmp_path):
    """Assert that --json naming a folder gives one line and status 1."""
    result = verify(tmp_path, "--json", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: --json: expected a file, got ")


@pytest.mark.parametrize("command", ["verify", "figures"])
def test_full_disk_gives_one_line(tmp_path, monkeypatch, use_ledger, made_up, command):
    """Assert that a disk that is full when the results are written gives one line and status 1."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    use_ledger(made_up.claim())
    monkeypatch.setattr("ersde_theory.report.write", full)
    monkeypatch.setattr("paper_figures.output.write", full)
    arguments = ["fei", "--quick"] if command == "figures" else []
    result = RUNNER.invoke(app, [command, *arguments, "--out", str(tmp_path)])
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "No space left on device" in line


def test_figure_that_fails_costs_neither_report_nor_status(tmp_path, monkeypatch, use_ledger, made_up):
    """Assert that a figure that cannot be computed becomes a warning in output and page."""
    from paper_figures import PaperFigure

    def broken(_):
        raise ValueError("no <numbers>")  # noqa: EM101

    bad = PaperFigure("bad", "Bad", "Bad.", ("made-up",), broken, broken)
    monkeypatch.setattr("paper_figures.figures", lambda: (bad,))
    use_ledger(made_up.claim())
    result = verify(tmp_path)
    assert result.exit_code == 0
    assert "warning: figure bad could not be computed: ValueError: no <numbers>" in result.stderr
    assert "no &lt;numbers&gt;" in (tmp_path / "report" / "index.html").read_text("utf-8")


def test_named_claims_run_once_each_in_the_order_of_the_ledger(tmp_path, use_ledger, made_up):
    """Assert that naming claims in any order, twice, judges each once."""
    use_ledger(*(made_up.claim(name) for name in ("one", "two", "three")))
    result = verify(tmp_path, "three", "one", "three")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == ["one", "three"]


def test_seed_reaches_every_examination_and_the_report(tmp_path, use_ledger, made_up):
    """Assert that --seed is what examinations are given, and is said in the report."""
    seen = []

    def examine(context):
        seen.append(context.seed)
        return made_up.finding()

    use_ledger(made_up.claim("one", examine=examine), made_up.claim("two", examine=examine))
    assert verify(tmp_path, "--seed", "7").exit_code == 0
    assert seen == [7, 7]
    assert json.loads((tmp_path / "report" / "verify.json").read_text("utf-8"))["seed"] == 7


def test_list_shows_every_claim_of_the_ledger():
    """Assert that --list names each claim with its stated verdict and runs nothing."""
    from ersde_theory.claims import ledger

    lines = RUNNER.invoke(app, ["verify", "--list"]).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[c.id, c.stated.value] for c in ledger()]


def test_real_claim_is_judged_by_a_fresh_process(tmp_path):
    """Assert that ``python -m ersde_theory verify`` works where the output is no terminal."""
    command = [sys.executable, "-m", "ersde_theory", "verify", "marginals", "--out", "report"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "1 of 1 claims came out as the ledger states" in run.stdout
    assert "\x1b" not in run.stdout + run.stderr
    assert (tmp_path / "report" / "index.html").is_file()


def test_help_loads_neither_claims_nor_drawing():
    """Assert that the command line itself is light."""
    code = "import ersde_theory.cli, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"matplotlib", "sympy", "sklearn", "torch", "xarray", "jinja2", "scipy"}
    assert not {name.partition(".")[0] for name in run.stdout.split()} & heavy
    assert "ersde_theory.claims" not in run.stdout.split()
