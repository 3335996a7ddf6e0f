"""Claims made up for the tests: one that holds, one that does not, one that raises."""

from __future__ import annotations

import pytest

from ersde_theory.claims import Claim, Evidence, Finding, Judgement, Twin, Verdict


def finding(verdict=Verdict.PROVED, *, caught=True, records=()):
    """Return a finding with one piece of evidence and one twin."""
    evidence = Evidence("a <difference> & more", 1.5e-13, 2e-15, "<= 1e-10", True)
    return Finding(verdict, (evidence,), (Twin("sign <flipped>", 1.0, caught),), tuple(records))


def claim(name="made-up", *, stated=Verdict.PROVED, examine=None, **changes):
    """Return a claim; by default its examination proves it."""
    texts = {
        "statement": "<script>alert(1)</script> is text & nothing else.",
        "source": 'ours, "quoted"',
        "formula": r"\frac{a}{b} < c",
        "criterion": "proved iff <b>it holds</b>",
        "explanation": "Because.",
    } | changes
    return Claim(id=name, stated=stated, examine=examine or (lambda _: finding()), **texts)


def judgement(name="made-up", verdict=Verdict.PROVED, *, caught=True, records=(), error=""):
    """Return a judgement of a made-up claim that is stated as proved."""
    found = None if error else finding(verdict, caught=caught, records=records)
    return Judgement(claim(name), found, 0.25, error)


def derivation(name="made-up-page", *, claims=("made-up",), holds=True):
    """Return a derivation of one step that is proved, or fails."""
    from ersde_theory.derivations import Derivation, Step
    from ersde_theory.derivations import _symbols as sym

    right = sym.x**2 + 2 * sym.x + 1 if holds else sym.x**2 + 1
    steps = (Step((sym.x + 1) ** 2, right, "Binomial <formula> for $x < 1$"),)
    statement = "$(x+1)^2$ is a <script>square</script> & more."
    return Derivation(name, "A <b>page</b>", statement, ("$x$ is real",), steps, "Done.", "ours", claims)


@pytest.fixture(scope="session")
def made_up():
    """Give the makers of claims, findings, judgements and derivations."""
    from types import SimpleNamespace

    return SimpleNamespace(claim=claim, finding=finding, judgement=judgement, derivation=derivation)


@pytest.fixture
def use_ledger(monkeypatch):
    """Give a function that replaces the ledger, and turns off the figures that go with claims."""

    def use(*claims):
        monkeypatch.setattr("ersde_theory.claims.ledger", lambda: tuple(claims))

    return use
