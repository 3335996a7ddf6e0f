"""The example of a study: weak errors on two overlapping modes, by scheme, noise scale and number of steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import RECORDS
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = ("mean square", "cosine")
_LOWEST = 1e-5  # of the axis; what is below is noise


def compute(settings: Settings) -> Record:
    """Return the committed results of the study.

    Parameters
    ----------
    settings : Settings
        Nothing of it matters: the study has a command of its own.

    Returns
    -------
    Record
        Of ``ersde_theory.studies.table``, under the figure's name.

    Raises
    ------
    FileNotFoundError
        If the repository's records are not there.

    Examples
    --------
    >>> compute(Settings()).settings["study"]
    'weak_order_mixture'
    """
    del settings
    return replace(Record.load(RECORDS / "study-weak-order-mixture.json"), name=FIGURE.name)


def draw(record: Record) -> Figure:
    """Return the picture of the study.

    Parameters
    ----------
    record : Record
        Made by ``ersde study run weak_order_mixture --json FILE``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings())).axes)
    6
    """
    steps, members = record["steps"].astype(float), record["noise_scale"].tolist()
    names = record["quantity"].tolist()
    with style.styled():
        picture, axes = style.panels(len(_SHOWN), len(members), 5.6, sharex=True, sharey="row")
        for row, name in zip(axes, _SHOWN, strict=True):
            q = names.index(name)
            value, spread = record["value"][..., q], record["standard_error"][..., q]
            for j, (panel, member) in enumerate(zip(row, members, strict=True)):
                _errors(panel, steps, value[:, j], spread[:, j], record["scheme"].tolist())
                top = float(np.abs(value[:, j]).max())
                for order in (1, 2):
                    style.reference_line(panel, steps, 1.3 * top * (steps / steps[0]) ** -order, f"slope {order}")
                panel.set(yscale="log", ylim=(_LOWEST, None))
                if row is axes[0]:
                    panel.set_title(f"φ: {member}", loc="left")
            row[0].set_ylabel(f"|E {name}, N − 2N steps|")
        for panel in axes[-1]:
            panel.set_xlabel("number of steps $N$")
        for row in axes:
            style.step_ticks(row, steps)
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _errors(panel: Axes, steps: np.ndarray, value: np.ndarray, spread: np.ndarray, schemes: list[str]) -> None:
    """Draw absolute values with two standard errors, hollow where they are not different from 0 by as much."""
    for s, scheme in enumerate(schemes):
        series = style.look(s)
        size = np.abs(value[s])
        known = size > 2.0 * spread[s]
        bars = [np.minimum(2.0 * spread[s], size - 0.1 * _LOWEST), 2.0 * spread[s]]
        panel.errorbar(steps, size, bars, color=series.colour, linestyle=series.dashes, capsize=1.5, linewidth=1.0)
        for some, face in ((known, series.colour), (~known, "white")):
            panel.plot(
                steps[some],
                size[some],
                color=series.colour,
                marker=series.marker,
                markerfacecolor=face,
                linestyle="none",
            )
        panel.plot([], [], label=scheme, **series.line())


FIGURE = PaperFigure(
    name="study-weak-order",
    title="A study: weak errors on a mixture",
    description="Change of two observables from N to 2N steps on one Brownian path, on two overlapping modes, for six "
    "schemes and three noise scales; bars of two standard errors, hollow markers where they reach 0. ER-SDE-1 "
    "falls like the slope 1, the others by about the slope 2 or faster until they are noise. From the committed study.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
