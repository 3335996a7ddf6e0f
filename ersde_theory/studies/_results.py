"""What a store says about a study: labelled arrays with standard errors, and whether two stores agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from ersde_theory.records import LabelledArray, Record
from ersde_theory.studies._allocation import Estimate, estimate
from ersde_theory.studies._description import Study
from ersde_theory.studies._store import Store

_ROUNDOFF = 1e-12
_SIGNIFICANCE = 1e-3  # of the whole comparison


def estimates(study: Study, store: Store) -> tuple[list[dict[str, Estimate]], list[str]]:
    """Return the estimates of every cell, in order, and the keys of damaged results.

    Parameters
    ----------
    study : Study
    store : Store

    Returns
    -------
    cells : list of dict of str to Estimate
        Empty where there is no sound result, or where a block has failed: a mean over those that did not fail, because
        their paths did not explode, is not the mean.
    damaged : list of str

    Raises
    ------
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> study = Study("s", "exact-error", {"steps": [10]},
    ...               {"problem": "gaussian", "scheme": "adams-3", "noise_scale": "ode"})
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store:
    ...     estimates(study, store)
    ([{}], [])
    """
    most = 1 if study.sampling is None else study.sampling.most
    failed = {failure.key for failure in store.failures()}
    found: list[dict[str, Estimate]] = []
    broken: list[str] = []
    for cell in study.cells():
        keys = [cell.task(block).key for block in range(most)]
        values, damaged = store.read(keys)
        broken += damaged
        blocks = [] if failed.intersection(keys) else [values[key] for key in keys if key in values]
        found.append(estimate(blocks) if blocks else {})
    return found, broken


def table(study: Study, store: Store) -> Record:
    """Return the results of a study as labelled arrays.

    Parameters
    ----------
    study : Study
    store : Store

    Returns
    -------
    Record
        ``value``, ``standard_error`` and ``blocks`` (axes..., quantity), nan and 0 where there is no result (yet, or
        because the measurement does not apply), and the axes as coordinates; numbers stay numbers, anything else is
        its JSON text.

    Raises
    ------
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from ersde_theory.studies import executor, run
    >>> study = Study("s", "exact-error", {"steps": [10, 20]},
    ...               {"problem": "gaussian", "scheme": "adams-3", "noise_scale": "ode"})
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store, executor() as pool:
    ...     outcome = run(study, store, pool)
    ...     table(study, store).arrays["value"].values.shape
    (2, 1)
    """
    cells, damaged = estimates(study, store)
    quantities = sorted({name for cell in cells for name in cell})
    shape = (*study.shape, len(quantities))
    value, spread, blocks = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for place, cell in zip(study.places(), cells, strict=True):
        for q, name in enumerate(quantities):
            if name in cell:
                value[(*place, q)] = cell[name].value
                spread[(*place, q)] = cell[name].standard_error
                blocks[(*place, q)] = cell[name].blocks
    dims = (*study.axes, "quantity")
    arrays = {name: LabelledArray((name,), _coordinate(values)) for name, values in study.axes.items()}
    arrays["quantity"] = LabelledArray(("quantity",), np.array(quantities, dtype=str))
    arrays |= {
        "value": LabelledArray(dims, value),
        "standard_error": LabelledArray(dims, spread),
        "blocks": LabelledArray(dims, blocks),
    }
    settings = {
        "study": study.name,
        "measurement": study.measurement,
        "seed": study.seed,
        "missing": sum(not cell for cell in cells),
        "damaged": len(damaged),
        **study.settings,
    }
    return Record(f"study-{study.name}", settings, arrays)


def _coordinate(values: tuple[Any, ...]) -> np.ndarray:
    """Return the values of an axis as numbers or text."""
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.array(values)
    return np.array([v if isinstance(v, str) else repr(v) for v in values])


@dataclass(frozen=True)
class Disagreement:
    """A quantity of a cell in which two stores differ.

    Attributes
    ----------
    parameters : mapping
        Of the cell.
    quantity : str
    first, second : Estimate
    deviation : float
        In standard errors of the difference; in relative round-off for what is not sampled.

    Examples
    --------
    >>> Disagreement({}, "x", Estimate(1.0, 0.1, 8), Estimate(2.0, 0.1, 8), 7.1).quantity
    'x'
    """

    parameters: Mapping[str, Any]
    quantity: str
    first: Estimate
    second: Estimate
    deviation: float


def differences(
    study: Study, first: Store, second: Store, *, second_seed: int | None = None
) -> tuple[int, list[Disagreement]]:
    """Return how many numbers two stores share, and those in which they do not agree within uncertainty.

    Sampled cells agree if they differ by less than the normal quantile for a significance of 0.001 over all numbers
    compared; others if they are equal to a relative 1e-12.

    Parameters
    ----------
    study : Study
    first, second : Store
    second_seed : int, optional
        Of the study in the second store, if it was run with another.

    Returns
    -------
    compared : int
    disagreements : list of Disagreement

    Raises
    ------
    StoreError
        If a store cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> study = Study("s", "exact-error", {"steps": [10]},
    ...               {"problem": "gaussian", "scheme": "adams-3", "noise_scale": "ode"})
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/s.db") as store:
    ...     differences(study, store, store)
    (0, [])
    """
    other = study if second_seed is None else replace(study, seed=second_seed)
    pairs = []
    for cell, of_a, of_b in zip(study.cells(), estimates(study, first)[0], estimates(other, second)[0], strict=True):
        pairs += [(dict(cell.parameters), name, of_a[name], of_b[name]) for name in of_a if name in of_b]
    if not pairs:
        return 0, []
    most = NormalDist().inv_cdf(1.0 - _SIGNIFICANCE / (2.0 * len(pairs)))
    found = []
    for parameters, name, a, b in pairs:
        spread = math.hypot(a.standard_error, b.standard_error)
        apart = abs(a.value - b.value)
        if study.sampling is not None and spread > 0.0:
            deviation, limit = apart / spread, most
        else:
            deviation, limit = apart / max(abs(a.value), abs(b.value), 1e-300), _ROUNDOFF
        if deviation > limit:
            found.append(Disagreement(parameters, name, a, b, deviation))
    return len(pairs), found
