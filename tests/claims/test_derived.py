"""What claims take from derivations: proofs, broken twins, predicted constants."""

from __future__ import annotations

import pytest

from ersde_theory.claims import Verdict, _derived, judge, ledger
from ersde_theory.derivations import Outcome, Status, Step

RESTING = ("limits", "noise-variance", "fei-order")


def claim(name):
    """Return a claim of the ledger."""
    return next(item for item in ledger() if item.id == name)


def test_proof_counts_the_steps_that_are_not_proved(monkeypatch):
    """Assert that a step verified numerically does not count as proved."""
    assert [item.holds for item in _derived.proofs(["limits", "scaling"])] == [True, True]
    monkeypatch.setattr(Step, "check", lambda *_, **__: Outcome(Status.NUMERIC, "agrees"))
    (found,) = _derived.proofs(["limits"])
    assert not found.holds
    assert found.value == 6.0


@pytest.mark.parametrize("name", RESTING)
def test_claim_is_not_proved_when_its_derivation_fails(monkeypatch, name):
    """Assert that a verdict follows the derivation: a failing step refutes it."""
    monkeypatch.setattr(Step, "check", lambda *_, **__: Outcome(Status.FAILS, "planted"))
    judgement = judge(claim(name))
    assert judgement.finding.verdict == Verdict.REFUTED
    assert not judgement.agrees


@pytest.mark.parametrize("name", RESTING)
def test_twin_is_missed_when_the_prover_accepts_everything(monkeypatch, name):
    """Assert that the broken twins of a proof do test the prover."""
    monkeypatch.setattr(Step, "check", lambda *_, **__: Outcome(Status.PROVED, "accepted"))
    judgement = judge(claim(name))
    assert not judgement.agrees


def test_mutated_step_must_be_an_equation():
    """Assert that a statement without sides is refused by its number."""
    with pytest.raises(ValueError, match="expected that of an equation"):
        _derived.mutated("no-closed-form", 1)


@pytest.mark.parametrize(("ratio", "fits"), [(1.0, True), (1.019, True), (0.981, True), (1.03, False), (-1.0, False)])
def test_prediction_fits_within_two_percent_only(ratio, fits):
    """Assert the tolerance on measured over predicted, and that a wrong constant is noticed beside a right one."""
    found = _derived.predicted("made up", 10, ratio * 0.25, 2.5, 0.25)
    assert found.holds == fits
    assert found.value == pytest.approx(ratio)


def test_wrong_constants_are_noticed_unless_nothing_was_predicted():
    """Assert that the twin needs evidence to be caught."""
    sound = _derived.predicted("made up", 10, 1.0, 1.0, 1.0)
    assert _derived.wrong_constants([sound]).caught
    assert not _derived.wrong_constants([]).caught
