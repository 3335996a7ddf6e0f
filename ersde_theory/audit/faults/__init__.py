"""The catalogue of faults: what goes wrong in samplers, each with a detector and a planter."""

from __future__ import annotations

from ersde_theory import _checks
from ersde_theory.audit.faults import _noise, _scaling, _weights
from ersde_theory.audit.faults._fault import Explanation as Explanation
from ersde_theory.audit.faults._fault import Fault as Fault
from ersde_theory.audit.faults._fault import explanations_by as explanations_by

# In the order in which they are preferred where two explain the same; those with ingredients first, so that
# a second one can be planted on top.
FAULTS: tuple[Fault, ...] = (
    _weights.STEP_ORDERS,
    _weights.LAST_ORDER,
    _weights.PLAIN,
    _weights.RIEMANN,
    _weights.CURVATURE,
    _weights.SLOPE,
    _weights.SPACING,
    _scaling.SIGMA,
    _noise.NOISE_OFF,
    _noise.NOISE_CLIP,
    _noise.NOISE_MISSING,
    _noise.NOISE_ALPHA,
    _noise.NOISE_FACTOR,
    _noise.NOISE_ETA,
    _noise.NOISE_LEVEL,
    _noise.NOISE_ROUND_OFF,
    _noise.NOISE_AT_ZERO,
    _noise.NOISE_EXTRA,
    _scaling.STATE_ALPHA,
    _scaling.PHI_LEVEL,
    _weights.HISTORY,
    _scaling.CANCELLATION,
)

# Those that change all parts of a step at once, so that others can only be seen with them planted.
STRUCTURAL: tuple[Fault, ...] = (_scaling.SIGMA, _scaling.STATE_ALPHA)
# All that change a coefficient of the state.
OF_RATIO: tuple[Fault, ...] = (*STRUCTURAL, _scaling.PHI_LEVEL, _scaling.CANCELLATION)


def fault(name: str) -> Fault:
    """Return a fault by its name.

    Parameters
    ----------
    name : str
        Of the catalogue.

    Returns
    -------
    Fault

    Raises
    ------
    ValueError
        If there is none of that name; the nearest is suggested.

    Examples
    --------
    >>> fault("riemann-sum").title
    'integrals by a Riemann sum'
    """
    known = {item.name: item for item in FAULTS}
    return known[_checks.one_of(name, "fault", known)]


__all__ = ["FAULTS", "OF_RATIO", "STRUCTURAL", "Explanation", "Fault", "explanations_by", "fault"]
