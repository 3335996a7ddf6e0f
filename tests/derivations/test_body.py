"""The body of derivations: every step holds, nearly all are proved, claims are found, mutants are caught."""

from __future__ import annotations

import random
import re
import zlib

import numpy as np
import pytest
import sympy

from ersde_theory import derivations
from ersde_theory.claims import ledger
from ersde_theory.derivations import NonElementary, Status, Step, _symbols, mutants, verification
from ersde_theory.records import Record

BODY = derivations.all()
LARGEST_UNPROVED_SHARE = 0.1
SAMPLED_MUTANTS = 4
# Claims about measured or released things, which no derivation can support.
MEASURED = {"released-vectors", "sde-quality-law"}


def steps():
    """Return every equation of the body with its derivation."""
    return [(item, step) for item in BODY for step in item.steps if isinstance(step, Step)]


@pytest.mark.parametrize("derivation", BODY, ids=lambda item: item.name)
def test_every_step_of_the_derivation_holds(derivation):
    """Assert that no step fails; cached outcomes count, since their key is the content."""
    outcomes = derivation.check().outcomes
    failing = [f"{n}: {o.detail}" for n, o in enumerate(outcomes, 1) if not o.holds]
    assert not failing, "\n".join(failing)


def test_at_most_a_tenth_of_the_steps_is_only_verified_numerically():
    """Assert the share over the whole body; runs after the outcomes are cached or computes them."""
    outcomes = [outcome for item in BODY for outcome in item.check().outcomes]
    unproved = sum(outcome.status is Status.NUMERIC for outcome in outcomes)
    assert unproved <= LARGEST_UNPROVED_SHARE * len(outcomes)


def test_body_uses_exact_numbers_and_registered_symbols_only():
    """Assert that no side of a step has a Float or a symbol that the module of symbols did not make."""
    for derivation, step in steps():
        for side in (step.lhs, step.rhs, *(part for rule in step.assuming for part in rule)):
            assert not side.atoms(sympy.Float), derivation.name
            for found in side.atoms(sympy.Symbol):
                assert _symbols.entry(found).symbol == found


def test_no_module_but_the_symbols_makes_a_symbol():
    """Assert that derivations neither call SymPy's constructors of symbols nor write inexact numbers."""
    from tests.project._source import ROOT

    constructor = re.compile(r"\b(?:Symbol|symbols|Function|Float|Wild)\(|(?<![\w.])\d+\.\d|\.evalf\(")
    for path in (ROOT / "ersde_theory" / "derivations").glob("_[0-9]*.py"):
        text = re.sub(r'r?"(?:[^"\\]|\\.)*"', '""', path.read_text("utf-8"))
        code = "\n".join(line.split("#")[0] for line in text.splitlines())
        assert not constructor.findall(code), path.name


def test_derivations_read_like_pages():
    """Assert that each has a title, statement, result, reasons on one line, and LaTeX for all of it."""
    for item in BODY:
        assert item.title
        assert item.statement
        assert item.result
        assert item.steps
        page = item.latex()
        for step in item.steps:
            assert step.reason
            assert "\n" not in step.reason
            assert step.latex(item.shorthand) in page
        for text in (item.title, item.statement, item.result, *item.assumptions, *(s.reason for s in item.steps)):
            assert text.count("$") % 2 == 0, f"{item.name}: {text}"


@pytest.mark.parametrize("derivation", BODY, ids=lambda item: item.name)
def test_latex_of_the_derivation_renders_offline(derivation):
    """Assert that every equation and every formula in the text converts to MathML without an unknown command."""
    from latex2mathml.converter import convert

    texts = (derivation.title, derivation.statement, derivation.result, *derivation.assumptions)
    formulas = [part for text in texts for part in text.split("$")[1::2]]
    formulas += [part for step in derivation.steps for part in step.reason.split("$")[1::2]]
    for formula in [*formulas, *(step.latex(derivation.shorthand) for step in derivation.steps)]:
        shown = convert(formula)
        assert not re.search(r"<m[io]>\\[a-zA-Z]+", shown), formula


def references(item) -> set[str]:
    """Return the names of the derivations that a page refers to."""
    texts = (item.statement, item.result, *item.assumptions, *(step.reason for step in item.steps))
    return {name for text in texts for name in re.findall(r"\bderivation (?!of )([a-z0-9]+(?:-[a-z0-9]+)*)", text)}


def test_pages_refer_to_derivations_that_exist():
    """Assert that no page sends its reader to another that is not there, or to itself."""
    names = {item.name for item in BODY}
    assert [item.name for item in BODY if not references(item) <= names - {item.name}] == []
    assert len(set().union(*map(references, BODY))) > 5


def reads_as_a_tautology(item, step) -> bool:
    """Return whether both sides of a step are the same, as expressions or as the page shows them."""
    shown = step.latex(item.shorthand).split(" = ")
    return step.lhs == step.rhs or (len(shown) == 2 and shown[0] == shown[1])


def test_no_step_reads_as_a_tautology():
    """Assert that SymPy did not finish a step while it was written down, so that the page would say X = X."""
    found = [f"{item.name}: {step.reason}" for item, step in steps() if reads_as_a_tautology(item, step)]
    assert found == []


def test_tautology_is_seen_in_broken_twin():
    """Assert that a step which SymPy finished, or whose shorthand hides the difference, is reported."""
    from ersde_theory.derivations import _symbols as sym

    item = derivations.by_name("limits")
    assert reads_as_a_tautology(item, Step(sym.x * 2 / 2, sym.x, "Finished"))
    assert not reads_as_a_tautology(item, Step((sym.x + 1) ** 2, sym.x**2 + 2 * sym.x + 1, "Binomial formula"))


def test_names_are_unique_and_found():
    """Assert that each derivation is found by its name."""
    assert len({item.name for item in BODY}) == len(BODY)
    assert all(derivations.by_name(item.name) is item for item in BODY)


def test_claims_and_derivations_find_each_other():
    """Assert that a derivation names claims of the ledger, and that each claim that can be derived is."""
    known = {claim.id for claim in ledger()}
    named = {claim for item in BODY for claim in item.claims}
    assert named <= known
    assert known - named <= MEASURED


def test_derivations_that_a_claim_rests_on_name_it():
    """Assert that a claim's own derivations exist, and that each of them says that it supports the claim."""
    for claim in ledger():
        for name in claim.derivations:
            assert claim.id in derivations.by_name(name).claims, f"{claim.id}: {name}"
    assert {c.id for c in ledger() if c.stated.value == "proved"} <= {c.id for c in ledger() if c.derivations}


@pytest.mark.parametrize("derivation", BODY, ids=lambda item: item.name)
def test_sampled_mutants_of_the_derivation_are_caught(derivation):
    """Assert that steps with one thing wrong fail; ``make mutants`` tries all of them."""
    pool = [m for step in derivation.steps if isinstance(step, Step) for m in mutants.of_step(step)]
    sample = random.Random(zlib.crc32(derivation.name.encode())).sample(pool, min(SAMPLED_MUTANTS, len(pool)))
    missed = [m for m in sample if m.step.check(cached=False).holds and not mutants.is_equivalent(m)]
    assert not missed, missed


def test_statement_of_no_elementary_antiderivative_fails_for_its_broken_twin():
    """Assert that the derivative of the integrand's own antiderivative is not called non-elementary."""
    stated = [step for item in BODY for step in item.steps if isinstance(step, NonElementary)]
    assert stated
    for step in stated:
        twin = NonElementary(sympy.diff(step.integrand, step.variable), step.variable, "planted")
        assert not twin.check(cached=False).holds


def test_mutant_record_keeps_the_counts(tmp_path, capsys):
    """Assert that the command writes what it prints, and ends in 0 when nothing was missed."""
    path = tmp_path / "mutants.json"
    assert mutants.main(["limits", "--json", str(path)]) == 0
    record = Record.load(path)
    caught = int(record["caught"].sum())
    assert f"{caught} of {caught} mutants caught" in capsys.readouterr().out
    assert int(record["missed"].sum()) == 0


def test_mutation_test_reports_a_step_that_cannot_fail(monkeypatch):
    """Assert that mutants of a prover that accepts everything are reported as missed."""
    accepts = derivations.Outcome(Status.PROVED, "accepted")
    monkeypatch.setattr(Step, "check", lambda *_, **__: accepts)
    counts, missed = mutants.tally(derivations.by_name("limits"))
    assert sum(counts.missed) == len(missed) > 0


def test_verification_reports_failing_steps(tmp_path, capsys):
    """Assert that a false step is listed with its point, and the record has the counts."""
    from ersde_theory.derivations import _symbols as sym

    false = Step(sym.x, 2 * sym.x, "Planted")
    planted = derivations.Derivation("planted", "t", "s", (), (false,), "r")
    (found,) = verification.check([planted], cached=False)
    assert not found.holds
    text = verification.table([found])
    assert "step 1: fails" in text
    assert "1 failing" in text
    assert verification.record([found])["fails"].tolist() == [1]
    path = tmp_path / "derivations.json"
    assert verification.main(["limits", "--json", str(path)]) == 0
    assert np.array_equal(Record.load(path)["proved"], [6])
    assert verification.main(["limits", "--latex"]) == 0
    assert r"\section*" in capsys.readouterr().out


@pytest.mark.parametrize("main", [verification.main, mutants.main])
@pytest.mark.parametrize("arguments", [["marginal"], ["limits", "marginal"]])
def test_commands_refuse_an_unknown_name_and_suggest_the_nearest(main, arguments, capsys):
    """Assert that a misspelt name ends either command with an error, and does not check nothing and succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert "got 'marginal'; did you mean 'marginals'?" in said.err
    assert said.out == ""


@pytest.mark.parametrize("claim", ["limt", "released-vectors"])
def test_command_refuses_a_claim_that_no_derivation_supports(claim, capsys):
    """Assert it for a misspelt claim and for one that was measured."""
    with pytest.raises(SystemExit):
        verification.main(["--claim", claim])
    assert "claim: expected one of" in capsys.readouterr().err
