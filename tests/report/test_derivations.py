"""Derivations in the main job: what is checked, how failures are told, how page and JSON show them."""

from __future__ import annotations

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from ersde_theory import derivations
from ersde_theory.claims import ledger
from ersde_theory.cli import app
from ersde_theory.derivations import Outcome, Status, Step, Verification
from ersde_theory.records import Record
from ersde_theory.report import VerifyRun, document, page
from ersde_theory.report._derivations import text_of
from ersde_theory.report._formulas import mathml, prose
from tests.report.test_page import loads, read

RUNNER = CliRunner()
LARGEST_PAGE = 4_000_000


def verify(tmp_path, *arguments):
    """Run ``ersde verify`` with its report in a temporary folder; return the result and the JSON."""
    result = RUNNER.invoke(app, ["verify", *arguments, "--out", str(tmp_path / "report")])
    path = tmp_path / "report" / "verify.json"
    return result, json.loads(path.read_text("utf-8")) if path.exists() else None


@pytest.fixture
def use_body(monkeypatch):
    """Give a function that replaces the body of derivations."""

    def use(*items):
        monkeypatch.setattr("ersde_theory.derivations.all", lambda: tuple(items))

    return use


def test_claim_brings_the_derivations_that_it_rests_on(tmp_path, use_ledger, use_body, made_up):
    """Assert that a run checks what its claims rest on, and no more."""
    use_body(made_up.derivation("first"), made_up.derivation("second"), made_up.derivation("third"))
    use_ledger(made_up.claim("one", derivations=("third", "first")), made_up.claim("two", derivations=("second",)))
    result, content = verify(tmp_path, "one")
    assert result.exit_code == 0
    assert [item["name"] for item in content["derivations"]["checked"]] == ["first", "third"]
    said = "2 of 2 derivations checked, 2 steps: 2 proved, 0 verified numerically, 0 failing."
    assert said in result.stdout


def test_all_checks_every_derivation(tmp_path, use_ledger, use_body, made_up):
    """Assert that --all adds those that no claim rests on."""
    use_body(made_up.derivation("first"), made_up.derivation("second", claims=()))
    use_ledger(made_up.claim())
    _, content = verify(tmp_path)
    assert content["derivations"]["planned"] == 0
    result, content = verify(tmp_path, "--all")
    assert result.exit_code == 0
    assert [item["name"] for item in content["derivations"]["checked"]] == ["first", "second"]


def test_status_is_1_when_a_step_fails(tmp_path, use_ledger, use_body, made_up):
    """Assert that one failing step fails the run although every claim agrees, and is told with its number."""
    use_body(made_up.derivation("sound"), made_up.derivation("broken", holds=False))
    use_ledger(made_up.claim())
    result, content = verify(tmp_path, "--all")
    assert result.exit_code == 1
    assert "1 of 1 claims came out as the ledger states" in result.stdout
    assert "2 steps: 1 proved, 0 verified numerically, 1 failing" in result.stdout
    assert "broken, step 1: fails:" in result.stderr
    assert content["succeeded"] is False
    text = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "Derivations with a step that fails:" in text
    assert '<details class="derivation" open>' in text


def test_check_that_raises_is_a_failure_and_the_others_still_run(tmp_path, monkeypatch, use_ledger, use_body, made_up):
    """Assert that an error inside a check gives status 1 and does not end the run."""

    def broken(*_, **__):
        raise ZeroDivisionError("<by zero>")  # noqa: EM101

    monkeypatch.setattr(Step, "check", broken)
    use_body(made_up.derivation())
    use_ledger(made_up.claim())
    result, content = verify(tmp_path, "--all")
    assert result.exit_code == 1
    assert "the check raised ZeroDivisionError: <by zero>" in result.stderr
    assert content["derivations"]["counts"]["failing"] == 1


def test_number_is_counted_apart_and_does_not_fail_the_run(tmp_path, monkeypatch, use_ledger, use_body, made_up):
    """Assert that a step that is only verified numerically is named, not called proved, and status 0."""
    monkeypatch.setattr(Step, "check", lambda *_, **__: Outcome(Status.NUMERIC, "agrees at 4 points"))
    use_body(made_up.derivation())
    use_ledger(made_up.claim())
    result, content = verify(tmp_path, "--all")
    assert result.exit_code == 0
    assert "1 step: 0 proved, 1 verified numerically, 0 failing" in result.stdout
    assert "made-up-page, step 1: verified numerically: agrees at 4 points" in result.stdout
    assert content["derivations"]["counts"]["verified_numerically"] == 1


def test_interrupt_while_derivations_are_checked_is_a_partial_run(tmp_path, monkeypatch, use_ledger, use_body, made_up):
    """Assert that Ctrl-C during the derivations keeps the claims, and gives status 130."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Step, "check", interrupt)
    use_body(made_up.derivation())
    use_ledger(made_up.claim())
    result, content = verify(tmp_path, "--all")
    assert result.exit_code == 130
    assert content["interrupted"] is True
    assert [j["claim"]["id"] for j in content["judgements"]] == ["made-up"]


def test_counts_are_in_the_record_of_the_table(tmp_path, use_ledger, use_body, made_up):
    """Assert that the Record of a run says how many steps came out how."""
    use_body(made_up.derivation())
    use_ledger(made_up.claim())
    verify(tmp_path, "--all", "--json", str(tmp_path / "table.json"))
    settings = Record.load(tmp_path / "table.json").settings
    assert (settings["derivations"], settings["steps_proved"], settings["steps_failing"]) == (1, 1, 0)


def run_of(made_up, *items):
    """Return a run with one judged claim and checked derivations."""
    checked = tuple(item.check(cached=False) for item in items)
    return VerifyRun((made_up.judgement(),), 1, derivations=checked, derivations_planned=len(checked))


def test_page_links_claims_and_derivations_both_ways(made_up):
    """Assert that the claim's section leads to its derivation and back, with numbered steps and their status."""
    text = page(run_of(made_up, made_up.derivation()))
    reader = read(text)
    assert {"derivation-made-up-page", "claim-made-up", "derivations"} <= set(reader.ids)
    assert {"#derivation-made-up-page", "#claim-made-up"} <= set(reader.addresses)
    assert {a[1:] for a in reader.addresses if a.startswith("#")} <= set(reader.ids)
    assert "1 step: 1 proved" in text
    assert text.count('■</span> proved</span><div class="formula"') == 1
    assert "<msup>" in text
    assert loads(text) == []


def test_texts_of_derivations_are_escaped(made_up):
    """Assert that no text of a derivation becomes markup."""
    text = page(run_of(made_up, made_up.derivation()))
    for raw in ("<script", "<b>page", "<formula>"):
        assert raw not in text
    assert "A &lt;b&gt;page&lt;/b&gt;" in text


def test_derivation_of_a_claim_that_was_not_checked_is_named_as_such(made_up):
    """Assert that a claim's list tells what this run left out, and how to check it."""
    limits = derivations.by_name("limits").check()
    judged = made_up.judgement("reductions")
    text = page(VerifyRun((judged,), 1, derivations=(limits,), derivations_planned=1))
    assert "not checked in this run; <code>ersde verify --all</code> does" in text


def test_whole_body_fits_on_a_self_contained_page(made_up):
    """Assert that all derivations make a page within the limit, every formula readable, quickly."""
    checked = tuple(
        Verification(item, tuple(Outcome(Status.PROVED, "made up") for _ in item.steps)) for item in derivations.all()
    )
    judged = tuple(made_up.judgement(claim.id) for claim in ledger())
    run = VerifyRun(judged, len(judged), derivations=checked, derivations_planned=len(checked))
    text = page(run)
    assert len(text.encode("utf-8")) < LARGEST_PAGE
    assert loads(text) == []
    reader = read(text)
    assert {f"derivation-{item.name}" for item in derivations.all()} <= set(reader.ids)
    in_derivations = text[text.index('id="derivations"') : text.index("</main>")]
    assert "<code>\\" not in in_derivations
    assert "$" not in in_derivations
    json.loads(document(run), parse_constant=pytest.fail)


def test_formula_in_a_text_is_inline_and_unknown_commands_are_shown_as_written():
    """Assert that dollars delimit MathML, and that what cannot be converted is not passed off as a formula."""
    assert 'display="inline"' in prose("so $x = 1$ -- or <not>")
    assert "– or &lt;not&gt;" in prose("so $x = 1$ -- or <not>")
    assert mathml(r"\nosuchcommand x") == r"<code>\nosuchcommand x</code>"


def test_page_calls_other_derivations_by_their_titles(made_up):
    """Assert that a reference is readable on the page, and that a word which is no name stays as it is."""
    item = dataclasses.replace(made_up.derivation("first"), result="See derivation limits, no derivation helps.")
    text = str(text_of(item.check(), frozenset()).result)
    assert text == "See derivation “The ends of the family: ODE and reverse SDE”, no derivation helps."
