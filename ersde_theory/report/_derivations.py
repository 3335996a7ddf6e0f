"""What the page says about derivations: each like a page of a textbook, with the status of every step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ersde_theory.report._formulas import mathml, prose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from ersde_theory.derivations import Derivation, Verification

# A status is told by its word and its shape; colour only repeats it. The keys are those of derivations.Status.
SHAPES = {"proved": "■", "verified numerically": "◐", "fails": "✕"}
_LABELS = {"proved": "proved", "verified numerically": "verified_numerically", "fails": "failing"}


_REFERENCE = re.compile(r"\bderivation ([a-z0-9]+(?:-[a-z0-9]+)*)")


class StepText(NamedTuple):
    """A numbered step: reason, equation, status in words, shape, class of the style, and what the check says."""

    reason: Markup
    equation: Markup
    status: str
    shape: str
    style: str
    detail: str


class DerivationText(NamedTuple):
    """A derivation as the page shows it."""

    name: str
    anchor: str
    title: Markup
    tally: str
    holds: bool
    statement: Markup
    assumptions: tuple[Markup, ...]
    shorthand: tuple[Markup, ...]
    steps: tuple[StepText, ...]
    result: Markup
    source: str
    claims: tuple[str, ...]


class Reference(NamedTuple):
    """A derivation that supports a claim: where it is in the page ("" if it was not checked in this run)."""

    name: str
    anchor: str
    title: Markup
    tally: str
    holds: bool


def anchor(name: str) -> str:
    """Return the address of a derivation within the page.

    Parameters
    ----------
    name : str
        Of a derivation.

    Returns
    -------
    str

    Examples
    --------
    >>> anchor("limits")
    'derivation-limits'
    """
    return f"derivation-{name}"


def counts(verifications: Sequence[Verification]) -> dict[str, int]:
    """Return how many steps came out how.

    Parameters
    ----------
    verifications : sequence of Verification
        Checked derivations.

    Returns
    -------
    dict of str to int
        ``derivations``, ``steps``, and one entry for each status.

    Examples
    --------
    >>> counts(())
    {'derivations': 0, 'steps': 0, 'proved': 0, 'verified_numerically': 0, 'failing': 0}
    """
    found = [outcome.status.value for item in verifications for outcome in item.outcomes]
    of_status = {label: found.count(status) for status, label in _LABELS.items()}
    return {"derivations": len(verifications), "steps": len(found), **of_status}


def tally(verifications: Sequence[Verification]) -> str:
    """Return the counts in words, ``6 steps: 6 proved``; what is not proved is always named.

    Parameters
    ----------
    verifications : sequence of Verification
        Checked derivations.

    Returns
    -------
    str

    Examples
    --------
    >>> tally(())
    '0 steps: 0 proved, 0 verified numerically, 0 failing'
    """
    found = counts(verifications)
    noun = "step" if found["steps"] == 1 else "steps"
    return (
        f"{found['steps']} {noun}: {found['proved']} proved, {found['verified_numerically']} verified numerically, "
        f"{found['failing']} failing"
    )


def _page_prose(text: str, titles: Mapping[str, str]) -> Markup:
    """Return a text for the page, in which other derivations are called by their titles."""
    return prose(_REFERENCE.sub(lambda m: f"derivation ``{titles[m[1]]}''" if m[1] in titles else m[0], text))


def text_of(verification: Verification, known: frozenset[str]) -> DerivationText:
    """Return a checked derivation as the page shows it.

    Parameters
    ----------
    verification : Verification
        To show.
    known : frozenset of str
        Claims that the page has a section for.

    Returns
    -------
    DerivationText

    Examples
    --------
    >>> from ersde_theory.derivations import by_name
    >>> text_of(by_name("limits").check(), frozenset()).tally
    '6 steps: 6 proved, 0 verified numerically, 0 failing'
    """
    from ersde_theory import derivations

    item = verification.derivation
    titles = {other.name: other.title for other in derivations.all()}
    steps = []
    for step, outcome in zip(item.steps, verification.outcomes, strict=False):
        status = outcome.status.value
        equation = mathml(step.latex(item.shorthand))
        style = {"proved": "proved", "verified numerically": "qualified"}.get(status, "no")
        steps.append(
            StepText(_page_prose(step.reason, titles), equation, status, SHAPES[status], style, outcome.detail)
        )
    return DerivationText(
        item.name,
        anchor(item.name),
        prose(item.title),
        tally([verification]),
        verification.holds,
        _page_prose(item.statement, titles),
        tuple(_page_prose(line, titles) for line in item.assumptions),
        tuple(mathml(line) for line in item.shorthand_latex()),
        tuple(steps),
        _page_prose(item.result, titles),
        item.source,
        tuple(claim for claim in item.claims if claim in known),
    )


def references(claim: str, checked: Sequence[Verification], body: Sequence[Derivation]) -> tuple[Reference, ...]:
    """Return the derivations that support a claim, in the order of the book, checked in this run or not.

    Parameters
    ----------
    claim : str
        Id in the ledger.
    checked : sequence of Verification
        Of this run.
    body : sequence of Derivation
        All there are.

    Returns
    -------
    tuple of Reference

    Examples
    --------
    >>> from ersde_theory.derivations import by_name
    >>> [item.tally for item in references("limits", (), [by_name("limits")])]
    ['not checked in this run']
    """
    outcome = {item.derivation.name: item for item in checked}
    extra = [item.derivation for item in checked if item.derivation not in body]
    found = []
    for item in (*body, *extra):
        if claim not in item.claims:
            continue
        own = outcome.get(item.name)
        if own is None:
            found.append(Reference(item.name, "", prose(item.title), "not checked in this run", True))
        else:
            found.append(Reference(item.name, anchor(item.name), prose(item.title), tally([own]), own.holds))
    return tuple(found)


def as_json(checked: Sequence[Verification], planned: int) -> dict[str, Any]:
    """Return the counts and the status of each step as JSON values.

    Parameters
    ----------
    checked : sequence of Verification
        Of this run.
    planned : int
        How many derivations were to be checked.

    Returns
    -------
    dict

    Examples
    --------
    >>> as_json((), 2)["planned"]
    2
    """
    items = [
        {
            "name": item.derivation.name,
            "title": item.derivation.title,
            "claims": list(item.derivation.claims),
            "holds": item.holds,
            **{key: value for key, value in counts([item]).items() if key != "derivations"},
            "outcomes": [
                {"reason": step.reason, "status": outcome.status.value, "detail": outcome.detail}
                for step, outcome in zip(item.derivation.steps, item.outcomes, strict=False)
            ],
        }
        for item in checked
    ]
    return {"planned": planned, "counts": counts(checked), "checked": items}
