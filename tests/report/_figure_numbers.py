"""What is kept of a figure's numbers: enough to notice a change, little enough to be committed."""

from __future__ import annotations

import functools

import numpy as np

from ersde_theory.records import Record
from paper_figures import Settings, figure, names

NAMES = tuple(name for name in names() if not figure(name).from_claim)


@functools.cache
def quick_record(name: str) -> Record:
    """Return the small Record of a figure, computed once."""
    return figure(name).compute(Settings(quick=True))


def numbers(record: Record) -> dict[str, dict]:
    """Return shape, mean, root mean square and extremes of every array of numbers."""
    found = {}
    for label, array in record.arrays.items():
        values = array.values
        found[label] = {"shape": list(values.shape)}
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if values.dtype.kind in "fi" and finite.size and "seconds" not in label:
            found[label] |= {
                "mean": float(finite.mean()),
                "rms": float(np.sqrt((finite.astype(float) ** 2).mean())),
                "smallest": float(finite.min()),
                "largest": float(finite.max()),
            }
    return found
