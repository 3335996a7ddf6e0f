"""Whole runs on a network: global errors against evaluations, observed orders, and the floor of the precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._network import bars, network_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GLOBAL, ORDERS, PRECISION = "network-global-error", "network-orders", "network-precision"
_UNIT = "RMS per coordinate (data units)"


def draw_global(record: Record) -> Figure:
    """Return the picture of global errors.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.global_error``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw_global(FIGURES[GLOBAL].compute(Settings(quick=True))).axes)
    9
    """
    names, schemes = record["noise_scale"].tolist(), record["scheme"].tolist()
    counts = record["evaluations"].astype(float)
    with style.styled():
        picture, axes = style.panels(3, len(names), 7.4, sharex=True, sharey="row")
        for row, label in enumerate(("rms", "median", "switched")):
            for i, name in enumerate(names):
                panel = axes[row][i]
                if label != "switched":
                    panel.set_yscale("log")
                for s, scheme in enumerate(schemes):
                    bars(panel, counts, record[label][i, s], record[f"{label}_se"][i, s], scheme, s)
                if label != "switched":
                    panel.axhline(record["reference_error"][i], color="#7F7F7F", linewidth=0.7)
                if row == 0:
                    panel.set_title(f"φ = {name}", loc="left")
        for panel in axes[2]:
            panel.set_xlabel("evaluations of the network")
        style.step_ticks(axes[2], counts)
        for panels, label in zip(axes, ("RMS error", "median error", "share of switched paths"), strict=True):
            panels[0].set_ylabel(label if panels is axes[2] else f"{label} (data units)")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 4)
    return picture


def draw_orders(record: Record) -> Figure:
    """Return the picture of observed orders.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.observed_orders``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw_orders(FIGURES[ORDERS].compute(Settings(quick=True))).axes)
    3
    """
    names, schemes = record["noise_scale"].tolist(), record["scheme"].tolist()
    steps = record["steps"].astype(float)
    with style.styled():
        picture, axes = style.panels(1, len(names), 3.6, sharey=True)
        for i, name in enumerate(names):
            panel = axes[0][i]
            panel.set_yscale("log")
            for s, scheme in enumerate(schemes):
                bars(panel, steps, record["error"][i, s, 0], record["error_se"][i, s, 0], scheme, s)
            words = [f"{scheme}: {_words(record, (i, s, 0))}" for s, scheme in enumerate(schemes)]
            panel.text(0.03, 0.03, "\n".join(words), transform=panel.transAxes, fontsize=6.5, va="bottom")
            panel.set_title(f"φ = {name}", loc="left")
            panel.set_xlabel("steps")
        style.step_ticks(axes[0], steps)
        axes[0][0].set_ylabel(_UNIT)
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 4)
    return picture


def _words(record: Record, at: tuple[int, int, int]) -> str:
    """Return an order in few words."""
    if record["outcome"][at] == "order":
        return f"{record['order'][at]:.2f} ± {record['half_width'][at]:.2f}"
    return "at least, see table" if record["outcome"][at] == "at least" else "undecided"


def draw_precision(record: Record) -> Figure:
    """Return the picture of what lower precision adds.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.precision``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw_precision(FIGURES[PRECISION].compute(Settings(quick=True))).axes)
    3
    """
    counts = record["evaluations"].astype(float)
    with style.styled():
        picture, axes = style.panels(1, len(record["scheme"]), 3.6, sharey=True)
        for s, scheme in enumerate(record["scheme"].tolist()):
            panel = axes[0][s]
            panel.set_yscale("log")
            bars(panel, counts, record["discretisation"][s], record["discretisation_se"][s], "discretisation error", 0)
            for j, state in enumerate(record["state"].tolist()):
                for i, network in enumerate(record["network"].tolist()):
                    if record["added"][i, j, s].max() > 0.0 and (j == 0 or i == 0):
                        label = f"added by network {network}, state {state}"
                        added, spread = record["added"][i, j, s], record["added_se"][i, j, s]
                        bars(panel, counts, added, spread, label, 6 if j else i)
            panel.set_title(scheme, loc="left")
            panel.set_xlabel("evaluations of the network")
        style.step_ticks(axes[0], counts)
        axes[0][0].set_ylabel(f"median {_UNIT}")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 2)
    return picture


FIGURES = {
    GLOBAL: network_figure(
        "b",
        GLOBAL,
        "Whole runs on a network: global errors",
        "Error of whole runs against a fine reference on the same Brownian path, bars two standard errors: root mean "
        "square and median over paths, and the share of paths that end nearest to another datum than the reference. "
        "The grey line is the reference's own error.",
        draw_global,
    ),
    ORDERS: network_figure(
        "c",
        ORDERS,
        "Orders observed on a network",
        "Root-mean-square error along the path against steps on nested grids between two fixed levels, bars two "
        "standard errors, and the order with its 95 % interval, or that it is undecided.",
        draw_orders,
    ),
    PRECISION: network_figure(
        "e",
        PRECISION,
        "What low precision of the network or the state adds",
        "Median distance of a run with the network or the state in low precision from the same run in the highest, and "
        "the discretisation error of that run: where the lines cross, more evaluations or a higher order buy nothing.",
        draw_precision,
    ),
}
