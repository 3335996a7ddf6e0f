"""One step on a network: its error, the bounds, and how far the network is from the exact denoiser in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._network import bars, network_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "network-one-step"
_SHOWN = ("er_sde-1", "er_sde-2", "adams-3")


def draw(record: Record) -> Figure:
    """Return the picture of one-step errors.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.one_step``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw(FIGURES[NAME].compute(Settings(quick=True))).axes)
    9
    """
    middle = len(record["step"]) // 2
    names = record["noise_scale"].tolist()
    with style.styled():
        picture, axes = style.panels(3, len(names), 7.6, sharex=True, sharey="row")
        for panel in axes[0]:
            panel.set_yscale("log")
        for i, name in enumerate(names):
            _errors(axes[0][i], record, i, middle)
            axes[0][i].set_title(f"φ = {name}", loc="left")
            _ratios(axes[1][i], record, i)
            _gaps(axes[2][i], record, i)
        style.level_axis(axes[2][0])
        for panel in axes[2]:
            panel.set_xlabel(r"noise level $\lambda$ (data units)")
        axes[0][0].set_ylabel(f"RMS error, log-step {record['step'][middle]:g}")
        axes[1][0].set_ylabel("error / bound, largest")
        axes[2][0].set_ylabel("|network − exact| / bound")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _errors(panel: Axes, record: Record, i: int, step: int) -> None:
    """Draw the errors of a few schemes, the bound of order 1 and the exact denoiser's error of order 1."""
    level, schemes = record["level"], record["scheme"].tolist()
    for index, scheme in enumerate(_SHOWN):
        s = schemes.index(scheme)
        bars(panel, level, record["error"][i, :, step, s], record["error_se"][i, :, step, s], scheme, index)
    panel.plot(level, record["bound"][i, :, step, 0], color="#7F7F7F", linewidth=0.9, label="FEI bound of order 1")
    if "exact_error" in record.arrays:
        exact = record["exact_error"][i, :, step, 0]
        panel.plot(level, exact, "x", color="#000000", markersize=6.0, label="exact denoiser, er_sde-1")


def _ratios(panel: Axes, record: Record, i: int) -> None:
    """Draw the largest ratio of error to bound over all steps."""
    schemes = record["scheme"].tolist()
    ratio = (record["error"] / record["bound"])[i].max(axis=1)
    for index, scheme in enumerate(_SHOWN):
        panel.plot(record["level"], ratio[:, schemes.index(scheme)], **style.look(index).line())
    panel.axhline(1.0, color="#7F7F7F", linewidth=0.7)
    panel.set_ylim(0.0, 1.1)


def _gaps(panel: Axes, record: Record, i: int) -> None:
    """Draw the difference from the exact denoiser's error over its bound, largest over steps."""
    if "gap" in record.arrays:
        bound = record["gap_bound"][i][..., None]
        ratio = np.abs(record["gap"][i]) / np.where(bound > 0.0, bound, np.inf)
        schemes = record["scheme"].tolist()
        for index, scheme in enumerate(_SHOWN):
            panel.plot(record["level"], ratio.max(axis=1)[:, schemes.index(scheme)], **style.look(index).line())
    panel.axhline(1.0, color="#7F7F7F", linewidth=0.7)
    panel.set_ylim(0.0, 1.1)


FIGURE = network_figure(
    "a",
    NAME,
    "One step on a network: errors and bounds",
    "Upper row: root-mean-square error of one step that starts on noised real data, against a fine "
    "reference on the same Brownian path, bars two standard errors; the FEI bound of order 1, and the exact denoiser's "
    "error. Middle: error over FEI times the largest distance of the data prediction from the scheme's polynomial. "
    "Lower row: difference between the network's error and the exact denoiser's over 2 FEI times the largest distance "
    "of the two denoisers. All ratios are largest over the steps; above 1 they would refute a bound.",
    draw,
)
FIGURES = {FIGURE.name: FIGURE}
