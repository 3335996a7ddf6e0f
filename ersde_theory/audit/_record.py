"""A verdict as data: a Record for figures and programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ersde_theory.audit.bias import Bias, Limit
from ersde_theory.audit.diagnosis import Diagnosis
from ersde_theory.audit.noise_scales import injected
from ersde_theory.audit.observed import Observed
from ersde_theory.audit.verdict import Verdict, describe
from ersde_theory.records import LabelledArray, Record


def record(verdict: Verdict, seconds: float = 0.0) -> Record:
    """Return a verdict as a Record.

    Parameters
    ----------
    verdict : Verdict
        Of an audit.
    seconds : float
        How long it took.

    Returns
    -------
    Record
        Arrays over ``step`` (coefficients and how far they are off), ``n_steps`` (errors on Gaussian data) and
        ``cause``; what could not be computed is left out. Settings hold the words.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit import judge, read_out
    >>> from ersde_theory.audit.conventions import own_scheme
    >>> def at(n):
    ...     return read_out(own_scheme(schemes.er_sde(TimeGrid.karras(n, 80.0, 0.002), NoiseScale.exp_power(), 2)))
    >>> record(judge(at, (10,), ladder=())).settings["verdict"]
    'correct'
    """
    read = verdict.readout
    settings: dict[str, Any] = {
        "verdict": verdict.word.value,
        "reason": verdict.reason,
        "sampler": read.name,
        "convention": read.convention,
        "dtype": read.dtype,
        "coefficient_dtype": read.coefficient_dtype,
        "precision": _known(read.precision),
        "reproduction": _known(read.reproduction),
        "notes": list(read.notes),
        "problems": list(read.problems),
        "defects": len(verdict.defects),
    }
    arrays: dict[str, LabelledArray] = {}
    if verdict.diagnosis is not None:
        settings |= _words(verdict.diagnosis)
        arrays |= _steps(verdict.diagnosis) | _causes(verdict.diagnosis)
    if verdict.bias is not None:
        settings |= {f"limit_{name}": _limit(found) for name, found in _limits(verdict.bias).items()}
        settings["bias_vanishes"] = verdict.bias.vanishes
        arrays |= _ladder(verdict.bias)
    return Record("audit", settings, arrays, seconds=seconds)


def _words(found: Diagnosis) -> dict[str, Any]:
    """Return what a diagnosis says in words."""
    return {
        "nearest": describe(found),
        "noise_scale": found.phi,
        "rivals": list(found.rivals),
        "departure": str(found.departure or ""),
        "explained": not found.unexplained.count,
        "conventions": [str(e) for e in found.explanations if e.fault.is_convention],
    }


def _steps(found: Diagnosis) -> dict[str, LabelledArray]:
    """Return the coefficients step by step, in y."""
    seen, right = found.seen, found.certified.steps
    both = injected(seen)
    scale = seen.noise_scale**2
    columns = {
        "level_from": seen.level[:-1],
        "level_to": seen.level[1:],
        "ratio": seen.ratio,
        "newest_weight": _newest(seen),
        "noise_variance": seen.noise_variance,
        "tau_squared_of_ratio": both.tau_squared_of_ratio,
        "tau_squared_of_noise": both.tau_squared_of_noise,
        "tau_squared_expected": injected(right).tau_squared_of_ratio,
        "off_ratio": np.abs(seen.ratio - right.ratio),
        "off_data": np.abs(seen.data - right.data).max(axis=1, initial=0.0),
        "off_noise": np.abs(seen.noise_variance - right.noise_variance) / scale,
    }
    return {name: LabelledArray(("step",), np.asarray(values, dtype=float)) for name, values in columns.items()}


def _newest(seen: Observed) -> np.ndarray:
    """Return the weight of the newest evaluation of each step."""
    used = np.arange(seen.n_steps) % max(seen.data.shape[1], 1)
    return seen.data[np.arange(seen.n_steps), used] if seen.is_multistep else seen.data.sum(axis=1)


def _causes(found: Diagnosis) -> dict[str, LabelledArray]:
    """Return the explanations; empty if there are none."""
    if not found.faults:
        return {}
    names = [e.fault.name for e in found.faults]
    texts = [str(e) for e in found.faults]
    first = [e.first_step for e in found.faults]
    count = [e.explained.count for e in found.faults]
    return {
        "fault": LabelledArray(("cause",), np.array(names)),
        "fault_text": LabelledArray(("cause",), np.array(texts)),
        "fault_step": LabelledArray(("cause",), np.array(first)),
        "fault_coefficients": LabelledArray(("cause",), np.array(count)),
    }


def _limits(errors: Bias) -> dict[str, Limit]:
    """Return the limits by what they are of."""
    return {"mean": errors.limit_mean, "variance": errors.limit_variance, "distance": errors.limit_distance}


def _limit(found: Limit) -> dict[str, Any]:
    """Return a limit as JSON values."""
    return {
        "value": _known(found.value),
        "uncertainty": _known(found.uncertainty),
        "order": str(found.order),
        "vanishes": found.vanishes,
    }


def _known(value: float) -> float | None:
    """Return a number as JSON has it: None for one that does not exist."""
    return float(value) if np.isfinite(value) else None


def _ladder(errors: Bias) -> dict[str, LabelledArray]:
    """Return the errors by number of steps."""
    columns = {
        "n_steps": errors.steps,
        "mean_error": errors.mean,
        "variance_error": errors.variance,
        "variance_wanted": errors.variance_wanted,
        "distance": errors.distance,
    }
    return {name: LabelledArray(("n_steps",), np.asarray(values)) for name, values in columns.items()}


__all__ = ["record"]
