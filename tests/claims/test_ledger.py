"""The ledger: verdicts are computed, agree with what is stated, and their broken twins are caught."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ersde_theory.claims import Evidence, Finding, Twin, Verdict, judge, ledger

SLOW = {"sde-quality"}
QUICK = [claim for claim in ledger() if claim.id not in SLOW]


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.id)
def test_examination_reaches_the_stated_verdict_and_catches_its_twins(claim):
    """Assert that the computed verdict is the ledger's, from finite numbers, with every broken twin caught."""
    judgement = judge(claim)
    assert judgement.error == ""
    finding = judgement.finding
    assert finding.verdict == claim.stated
    assert finding.twins, "an examination without a broken twin cannot fail"
    assert all(twin.caught for twin in finding.twins), finding.twins
    assert finding.evidence
    assert all(math.isfinite(e.value) and e.uncertainty >= 0.0 for e in finding.evidence)
    assert judgement.agrees


def test_records_of_findings_name_their_claim():
    """Assert that a record of an examination can be traced to its claim."""
    claim = next(c for c in ledger() if c.id == "order-strong")
    records = judge(claim).finding.records
    assert records
    assert all(claim.id in record.claims for record in records)


def test_claims_are_told_apart_and_complete():
    """Assert that ids are unique and that no claim lacks a statement, source, formula or criterion."""
    claims = ledger()
    assert len({c.id for c in claims}) == len(claims)
    for claim in claims:
        assert all((claim.statement, claim.source, claim.formula, claim.criterion, claim.explanation))


def _with(verdict: Verdict, caught: bool):
    """Return the first claim with an examination that finds this."""
    finding = Finding(verdict, (Evidence("x", 1.0, 0.1, "= 1", True),), (Twin("t", 0.0, caught),))
    return replace(ledger()[0], examine=lambda _: finding)


def test_judgement_disagrees_when_the_verdict_differs():
    """Assert that another verdict than the stated one is no agreement."""
    assert judge(_with(ledger()[0].stated, caught=True)).agrees
    assert not judge(_with(Verdict.REFUTED, caught=True)).agrees


def test_judgement_disagrees_when_a_twin_is_not_caught():
    """Assert that a twin that slips through spoils the agreement."""
    assert not judge(_with(ledger()[0].stated, caught=False)).agrees


def test_judgement_disagrees_when_there_is_no_twin():
    """Assert that an examination without twins never agrees."""
    finding = Finding(ledger()[0].stated, (), ())
    assert not judge(replace(ledger()[0], examine=lambda _: finding)).agrees


def test_examination_that_raises_is_kept_as_an_error():
    """Assert that a broken examination gives a judgement with its traceback."""

    def broken(_):
        msg = "the disk is gone"
        raise OSError(msg)

    judgement = judge(replace(ledger()[0], examine=broken))
    assert not judgement.agrees
    assert "the disk is gone" in judgement.error


def test_progress_of_an_examination_rises_to_at_most_one():
    """Assert that an examination reports rising shares in [0, 1]."""
    shares: list[float] = []
    judge(next(c for c in ledger() if c.id == "order-strong"), shares.append)
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] <= 1.0
