"""The report for programs: everything as JSON, and the table as a Record."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory.records import LabelledArray, Record
from ersde_theory.report import _derivations, _wording

if TYPE_CHECKING:
    from ersde_theory.claims import Judgement
    from ersde_theory.report._run import VerifyRun

SCHEMA = "ersde-theory/verify/1"


def document(run: VerifyRun) -> str:
    """Return a run as JSON text: schema, provenance, every judgement with its evidence, every step's status.

    Parameters
    ----------
    run : VerifyRun
        To report.

    Returns
    -------
    str
        Numbers that JSON does not know are the strings nan, inf and -inf.

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> from ersde_theory.report import VerifyRun
    >>> json.loads(document(VerifyRun((judge(ledger()[0]),), 1)))["schema"]
    'ersde-theory/verify/1'
    """
    content = {
        "schema": SCHEMA,
        "provenance": dict(run.provenance),
        "seconds": run.seconds,
        "seed": run.seed,
        "planned": run.planned,
        "interrupted": run.interrupted,
        "succeeded": run.succeeded,
        "problems": list(run.problems),
        "derivations": _derivations.as_json(run.derivations, run.derivations_planned),
        "judgements": [_judgement(judgement) for judgement in run.judgements],
        "figures": [json.loads(record.to_json()) for record in run.figures],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def summary(run: VerifyRun) -> Record:
    """Return the table of a run as a Record, one entry per claim.

    Parameters
    ----------
    run : VerifyRun
        To report.

    Returns
    -------
    Record
        Arrays over ``claim``; evidence is the headline's, nan where the examination raised.

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> from ersde_theory.report import VerifyRun
    >>> summary(VerifyRun((judge(ledger()[0]),), 1))["computed"].tolist()
    ['proved']
    """
    judged = run.judgements
    first = [j.finding.evidence[0] if j.finding and j.finding.evidence else None for j in judged]
    twins = [j.finding.twins if j.finding else () for j in judged]
    columns: dict[str, tuple[list[Any], type, str]] = {
        "claim": ([j.claim.id for j in judged], np.str_, ""),
        "stated": ([j.claim.stated.value for j in judged], np.str_, ""),
        "computed": ([_wording.computed(j) for j in judged], np.str_, ""),
        "agrees": ([j.agrees for j in judged], np.bool_, ""),
        "evidence": ([e.value if e else math.nan for e in first], np.float64, ""),
        "uncertainty": ([e.uncertainty if e else math.nan for e in first], np.float64, ""),
        "twins": ([len(t) for t in twins], np.int64, ""),
        "twins_caught": ([sum(twin.caught for twin in t) for t in twins], np.int64, ""),
        "seconds": ([j.seconds for j in judged], np.float64, "s"),
    }
    arrays = {
        name: LabelledArray(("claim",), np.array(values, dtype=dtype), unit)
        for name, (values, dtype, unit) in columns.items()
    }
    return Record(
        "verify",
        {"planned": run.planned, "succeeded": run.succeeded, "seed": run.seed, **_steps(run)},
        arrays,
        tuple(j.claim.id for j in judged),
        run.provenance,
        run.seconds,
    )


def _steps(run: VerifyRun) -> dict[str, int]:
    """Return the counts of the steps of the checked derivations as settings."""
    found = _derivations.counts(run.derivations)
    of_status = {f"steps_{key}": found[key] for key in ("proved", "verified_numerically", "failing")}
    return {"derivations": found["derivations"], **of_status}


def _judgement(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON values."""
    claim, finding = judgement.claim, judgement.finding
    words = ("id", "statement", "source", "formula", "criterion", "explanation")
    return {
        "claim": {**{word: getattr(claim, word) for word in words}, "stated": claim.stated.value},
        "computed": _wording.computed(judgement),
        "agrees": judgement.agrees,
        "shortfall": _wording.shortfall(judgement),
        "seconds": judgement.seconds,
        "error": judgement.error,
        "evidence": [
            {
                "what": e.what,
                "value": _finite(e.value),
                "uncertainty": _finite(e.uncertainty),
                "bound": e.bound,
                "holds": bool(e.holds),
            }
            for e in (finding.evidence if finding else ())
        ],
        "twins": [
            {"name": t.name, "value": _finite(t.value), "caught": bool(t.caught)}
            for t in (finding.twins if finding else ())
        ],
        "records": [json.loads(r.to_json()) for r in (finding.records if finding else ())],
    }


def _finite(value: float) -> float | str:
    """Return a number as JSON can hold it."""
    number = float(value)
    return number if math.isfinite(number) else str(number)
