"""The loss curve of a digits network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import required
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOSS = {"edm": "loss (EDM's weighting)", "flow": "loss (velocity)", "classifier": "cross entropy (nats)"}


def compute(settings: Settings) -> Record:
    """Return the recorded training of the EDM network; a new one is a matter of ``ersde train-digits``.

    Parameters
    ----------
    settings : Settings
        Change nothing: a training takes a quarter of an hour.

    Returns
    -------
    Record
        Of ``ersde_theory.models.training.train``.

    Raises
    ------
    FileNotFoundError
        If the project is installed without its records.

    Examples
    --------
    >>> compute(Settings()).settings["kind"]
    'edm'
    """
    del settings  # a training is not repeated for a picture
    return required("digits-training-edm", "ersde train-digits")


def draw(record: Record) -> Figure:
    """Return the picture of a loss curve.

    Parameters
    ----------
    record : Record
        Made by ``ersde_theory.models.training.train``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings())).axes)
    1
    """
    with style.styled():
        picture, axes = style.panels(1, 1, 3.2)
        panel, look = axes[0][0], style.look(0)
        step, loss, spread = (record[name] for name in ("step", "loss", "loss_standard_error"))
        panel.plot(step, loss, label="mean over a window", **look.line() | {"markersize": 2.6})
        low = np.maximum(loss - 2.0 * spread, 0.2 * loss)
        panel.fill_between(
            step, low, loss + 2.0 * spread, color=look.colour, alpha=0.2, linewidth=0.0, label="± 2 standard errors"
        )
        panel.set_yscale("log")
        panel.set_xlabel("step of the optimiser (windows of equal length)")
        kind = record.settings["kind"]
        panel.set_ylabel(_LOSS[kind])
        panel.set_title(f"digits, {kind}: {record.settings['batch']} images a step", loc="left")
        style.legend_above(picture, panel, 2)
    return picture


FIGURE = PaperFigure(
    name="digits-training",
    title="Training of a digits network",
    description="The training loss of the EDM network against the step, means over a hundred windows with bands of "
    "two standard errors. Most of it is the variance of the data given the noised image, which no network can lower.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
