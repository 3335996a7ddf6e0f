"""Records that the examination of a claim makes."""

from __future__ import annotations

from ersde_theory.records import Record
from paper_figures.registry import Settings


def record_of(claim_id: str, name: str, settings: Settings) -> Record:
    """Return the record of a name that a claim's examination makes; quick settings change nothing in it."""
    from ersde_theory.claims import judge, ledger

    judgement = judge(next(claim for claim in ledger() if claim.id == claim_id), seed=settings.seed)
    if judgement.finding is None:
        message = f"claim {claim_id}: expected a finding, got an error\n{judgement.error}"
        raise RuntimeError(message)
    return next(record for record in judgement.finding.records if record.name == name)
