"""The words and shapes that the table on the terminal and the page share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ersde_theory.claims import Evidence, Judgement

# A verdict is told by its word and its shape; colour only repeats it.
SHAPES = {
    "proved": "■",
    "confirmed": "●",
    "qualified": "◐",
    "refuted": "✕",
    "undecided": "○",
    "error": "!",
}


def computed(judgement: Judgement) -> str:
    """Return the computed verdict's word, or ``error`` if the examination raised.

    Parameters
    ----------
    judgement : Judgement
        Of one claim.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> computed(judge(ledger()[0]))
    'proved'
    """
    return "error" if judgement.finding is None else judgement.finding.verdict.value


def number(value: float, uncertainty: float = 0.0) -> str:
    """Return a number with its uncertainty, six digits or as many as the uncertainty warrants.

    Parameters
    ----------
    value : float
        A measured number.
    uncertainty : float
        Left out if it is 0.

    Returns
    -------
    str

    Examples
    --------
    >>> number(0.0), number(2.00312345, 0.004), number(1.234567e-13, 1e-15)
    ('0', '2.003 ± 0.004', '1.235e-13 ± 1e-15')
    """
    if not uncertainty:
        return f"{value:.6g}"
    digits = 3
    if math.isfinite(value) and math.isfinite(uncertainty) and value != 0.0:
        place = math.floor(math.log10(abs(value))) - math.floor(math.log10(abs(uncertainty)))
        digits = min(max(place + 1, 1), 7)
        digits = max(digits, 4) if place >= 2 else digits
    return f"{value:.{digits}g} ± {uncertainty:.2g}"


def headline(judgement: Judgement) -> str:
    """Return the number that the verdict rests on most, in one line.

    Parameters
    ----------
    judgement : Judgement
        Of one claim.

    Returns
    -------
    str
        The last line of the traceback if the examination raised.

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> headline(judge(ledger()[0]))
    'derivation marginals: steps not proved, of 8 = 0 (= 0)'
    """
    if judgement.finding is None:
        lines = judgement.error.strip().splitlines()
        return lines[-1] if lines else "the examination raised an error"
    if not judgement.finding.evidence:
        return "no evidence"
    first = judgement.finding.evidence[0]
    return f"{first.what} = {number(first.value, first.uncertainty)} ({first.bound})"


def twins_caught(judgement: Judgement) -> str:
    """Return how many broken twins were caught, ``2 of 3``.

    Parameters
    ----------
    judgement : Judgement
        Of one claim.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> twins_caught(judge(ledger()[0]))
    '3 of 3'
    """
    twins = () if judgement.finding is None else judgement.finding.twins
    return f"{sum(twin.caught for twin in twins)} of {len(twins)}"


def shortfall(judgement: Judgement) -> str:
    """Return why a judgement does not agree with the ledger, or "" if it does.

    Parameters
    ----------
    judgement : Judgement
        Of one claim.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> shortfall(judge(ledger()[0]))
    ''
    """
    finding = judgement.finding
    if judgement.agrees:
        return ""
    if finding is None:
        return "the examination raised an error"
    reasons = []
    if finding.verdict != judgement.claim.stated:
        reasons.append(f"the ledger states {judgement.claim.stated.value}")
    if not finding.twins:
        reasons.append("no broken twin was tried")
    missed = [twin.name for twin in finding.twins if not twin.caught]
    if missed:
        reasons.append(f"broken twin not noticed: {', '.join(missed)}")
    return "; ".join(reasons) or "the judgement does not agree with the ledger"


def evidence_number(evidence: Evidence) -> str:
    """Return the number of a piece of evidence with its uncertainty.

    Parameters
    ----------
    evidence : Evidence
        One number.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory.claims import Evidence
    >>> evidence_number(Evidence("slope", 2.0, 0.1, "= 2", True))
    '2 ± 0.1'
    """
    return number(evidence.value, evidence.uncertainty)
