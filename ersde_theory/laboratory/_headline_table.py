"""The headline study as a table for documents: ``python -m ersde_theory.laboratory headline`` prints it."""

from __future__ import annotations

import numpy as np

from ersde_theory.laboratory._lines import CONTROL, LAW
from ersde_theory.records import Record

_PATHS = {
    "path, Gaussian: RMS": ("strong", "gaussian", "RMS at the end"),
    "overlapping: RMS": ("strong", "overlapping", "RMS, end"),
    "median": ("strong", "overlapping", "median, end"),
    "separated: median": ("separated", "separated", "median, end"),
}
_OTHERS = ("RMS: its slope from rung to rung", "% of paths that switch", "in law: observables met", "gain")


def headline_table(record: Record) -> str:
    """Return the orders with noise as a Markdown table, one line a scheme and phi."""
    head = ("scheme, φ", *_PATHS, *_OTHERS)
    rows = [head, ("---",) + ("---:",) * (len(head) - 1)]
    rows += [_row(record, k, *case.split(", ")) for k, case in enumerate(record["case"].tolist())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(record: Record, case: int, scheme: str, noise_scale: str) -> tuple[str, ...]:
    """Return the cells of a scheme with a phi."""
    own = (record["scheme"] == scheme) & (record["noise_scale"] == noise_scale)
    orders = []
    for panel, problem, quantity in _PATHS.values():
        i = _only(own & (record["panel"] == panel) & (record["problem"] == problem) & (record["quantity"] == quantity))
        orders.append(f"{record['order'][i]:.2f} ± {record['half_width'][i]:.2f}")
    apart = own & (record["panel"] == "separated")
    rms, share = (_ladder(record, apart, name) for name in ("RMS, end", "share of switched paths"))
    slopes = -np.diff(np.log2(rms))
    weak = np.flatnonzero(own & np.isin(record["method"], (LAW, CONTROL)))
    low, high = record["order"][weak].min(), record["order"][weak].max()
    return (
        f"{scheme}, {noise_scale}",
        *orders,
        ", ".join(f"{slope:.1f}" for slope in slopes),
        f"{100.0 * share[0]:.2g} to {100.0 * share[-1]:.1g}",
        f"{record['meets'][weak].sum()} of {weak.size}, {low:.2f} to {high:.2f}",
        f"{record['gain_measured'][case].min():.1e}",
    )


def _ladder(record: Record, chosen: np.ndarray, quantity: str) -> np.ndarray:
    """Return the errors of a quantity on its rungs."""
    errors: np.ndarray = record["error"][_only(chosen & (record["quantity"] == quantity))]
    return errors[np.isfinite(errors)]


def _only(chosen: np.ndarray) -> int:
    """Return the one index that is chosen."""
    (index,) = np.flatnonzero(chosen)
    return int(index)
