"""The ledger of claims: each a statement, a source, and a verdict computed from a stated criterion.

One file per claim; the order here is the order of the ledger.
"""

from __future__ import annotations

import time
import traceback

from ersde_theory.claims import (
    _admissible,
    _digits,
    _exact_ve,
    _exact_vp,
    _fei_order,
    _imperfect_score,
    _limits,
    _marginals,
    _noise_variance,
    _one_step_bound,
    _order_ode,
    _order_strong,
    _order_weak,
    _quadrature,
    _quality_in_law,
    _reductions,
    _released_vectors,
    _taylor,
    _vp_ve_parity,
)
from ersde_theory.claims._claim import Advance as Advance
from ersde_theory.claims._claim import Claim as Claim
from ersde_theory.claims._claim import Context as Context
from ersde_theory.claims._claim import Evidence as Evidence
from ersde_theory.claims._claim import Finding as Finding
from ersde_theory.claims._claim import Judgement as Judgement
from ersde_theory.claims._claim import Twin as Twin
from ersde_theory.claims._claim import Verdict as Verdict

_MODULES = (
    _marginals,
    _limits,
    _exact_vp,
    _exact_ve,
    _noise_variance,
    _taylor,
    _admissible,
    _released_vectors,
    _reductions,
    _order_ode,
    _order_strong,
    _order_weak,
    _quadrature,
    _fei_order,
    _one_step_bound,
    _vp_ve_parity,
    _digits,
    _quality_in_law,
    _imperfect_score,
)


def ledger() -> tuple[Claim, ...]:
    """Return all claims in order.

    Returns
    -------
    tuple of Claim

    Examples
    --------
    >>> len({claim.id for claim in ledger()}) == len(ledger())
    True
    """
    return tuple(module.CLAIM for module in _MODULES)


def judge(claim: Claim, advance: Advance | None = None, seed: int = 0) -> Judgement:
    """Examine a claim; an examination that raises gives a judgement that says so.

    Parameters
    ----------
    claim : Claim
        From :func:`ledger`.
    advance : callable, optional
        Told the share that is done, 0 to 1.
    seed : int
        Of everything random in the examination.

    Returns
    -------
    Judgement

    Examples
    --------
    >>> judge(ledger()[0]).finding.verdict.value
    'proved'
    """
    begin = time.perf_counter()
    try:
        finding = claim.examine(Context(advance or (lambda _: None), seed))
    except Exception:
        return Judgement(claim, None, time.perf_counter() - begin, traceback.format_exc())
    return Judgement(claim, finding, time.perf_counter() - begin)
