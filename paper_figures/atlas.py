"""The figure of the atlas: public implementations, and the error of each at 10, 20, 50 steps and beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import required
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = (10, 20, 50, 200)
_COLOUR = {"yes": "#00573F", "no": "#D55E00", "open": "#7F7F7F", "": "#7F7F7F"}


def compute(settings: Settings) -> Record:
    """Return the committed atlas.

    Parameters
    ----------
    settings : Settings
        Nothing of it matters: the audits need other programs' checkouts.

    Returns
    -------
    Record

    Raises
    ------
    FileNotFoundError
        If the repository's records are not there.

    Examples
    --------
    >>> compute(Settings()).name
    'atlas'
    """
    del settings
    return required("atlas", "python -m ersde_theory.audit.atlas")


def draw(record: Record) -> Figure:
    """Return the picture of the atlas.

    Parameters
    ----------
    record : Record
        Made by ``python -m ersde_theory.audit.atlas``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings())).axes)
    2
    """
    names = [f"{p}: {label}" for p, label in zip(record["program"].tolist(), record["label"].tolist(), strict=True)]
    measured = np.isfinite(record["variance_error"]).any(axis=1)
    rows = np.flatnonzero(measured)
    steps = record["n_steps"].tolist()
    with style.styled():
        picture, axes = style.panels(1, 2, 1.2 + 0.19 * rows.size, sharey=True)
        for panel, key in ((axes[0][0], "distance_error"), (axes[0][1], "variance_error")):
            for k, n in enumerate(_SHOWN):
                at = steps.index(n)
                values = np.abs(record[key][rows, at])
                known = np.isfinite(values)
                look = style.look(k)
                panel.plot(
                    values[known],
                    np.arange(rows.size)[known],
                    color=look.colour,
                    marker=look.marker,
                    linestyle="none",
                    label=f"{n} steps",
                )
            panel.set_xscale("log")
            panel.grid(visible=True, axis="y")
        axes[0][0].set_yticks(range(rows.size), [names[r] for r in rows], fontsize=6.5)
        for tick, r in zip(axes[0][0].get_yticklabels(), rows, strict=True):
            tick.set_color(_COLOUR[record["vanishes"].tolist()[r]])
            tick.set_fontweight("bold" if record["vanishes"].tolist()[r] == "no" else "normal")
        axes[0][0].invert_yaxis()
        axes[0][0].set_ylabel("program: what was audited")
        axes[0][0].set_xlabel("W2 over a spectrum, relative")
        axes[0][1].set_xlabel("|error of the variance| on N(0.7, 0.25)\n(data units squared)")
        axes[0][0].set_title("exact Wasserstein-2 distance", loc="left")
        axes[0][1].set_title("exact error of the variance", loc="left")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], len(_SHOWN))
    return picture


FIGURE = PaperFigure(
    name="atlas",
    title="Public implementations, audited",
    description="Exact errors of public implementations on Gaussian data at 10, 20, 50 and 200 steps, each on its "
    "usual schedule; a bold name means a bias that does not vanish with the number of steps. Numbers from audits of "
    "checkouts at stated commits; none of their code is here.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
