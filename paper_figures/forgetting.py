"""What noise forgets of a denoiser's error at high levels, on the digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import required
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DENOISERS = {"exact": "exact denoiser", "digits": "digits network"}


def compute(settings: Settings) -> Record:
    """Return the recorded study.

    Parameters
    ----------
    settings : Settings
        Change nothing: the study takes a quarter of an hour.

    Returns
    -------
    Record
        Of ``ersde_theory.network_errors.forgetting.study``.

    Raises
    ------
    FileNotFoundError
        If the project is installed without its records.

    Examples
    --------
    >>> compute(Settings()).settings["odds"]
    9.0
    """
    del settings
    return required("forgetting", "python -m ersde_theory.network_errors.forgetting --json FILE")


def draw(record: Record) -> Figure:
    """Return the picture.

    Parameters
    ----------
    record : Record
        Made by ``ersde_theory.network_errors.forgetting.study``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings())).axes)
    4
    """
    with style.styled():
        picture, axes = style.panels(2, 2, 5.8, sharey="row")
        for d, name in enumerate(record["denoiser"].tolist()):
            _draw_left(axes[0][d], record, d)
            _draw_energy(axes[1][d], record, d)
            axes[0][d].set_title(_DENOISERS[name], loc="left")
            axes[1][d].set_title(_DENOISERS[name], loc="left")
        axes[0][0].set_ylabel("share of the wrong mean left")
        axes[1][0].set_ylabel("energy distance to the data (pixels)")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _draw_left(panel: Axes, record: Record, d: int) -> None:
    """Draw what is left of the wrong mean against the level down to which the denoiser is wrong."""
    level, curve_level = (record[name] / record.settings["deviation"] for name in ("level", "curve_level"))
    for p, name in enumerate(record["noise_scale"].tolist()):
        look = style.look(p)
        line = look.line()
        panel.plot(curve_level, record["curve"][:, p], **line | {"marker": "none"})
        at = level * (1.0 + 0.04 * (p - 1))  # beside each other
        panel.errorbar(
            at,
            record["left"][d, :, p, -1],
            2.0 * record["left_se"][d, :, p, -1],
            **line | {"linestyle": "none"},
            capsize=2.0,
            label=name,
        )
    panel.set_xscale("log", base=2)
    panel.set_xticks(level, [f"{value:g}" for value in level])
    panel.minorticks_off()
    panel.set_ylim(bottom=0.0)
    panel.set_xlabel(r"denoiser wrong above $\lambda_0$ / deviation of the axis")


def _draw_energy(panel: Axes, record: Record, d: int) -> None:
    """Draw the distance of outputs from the data against evaluations, for the level in the middle."""
    counts, k = record["evaluations"].astype(float), record["level"].size // 2
    for p in range(record["noise_scale"].size):
        line = style.look(p).line()
        at = counts * (1.0 + 0.03 * (p - 1))
        panel.errorbar(at, record["energy"][d, k, p], 2.0 * record["energy_se"][d, k, p], **line, capsize=2.0)
    panel.axhline(0.0, color="0.5", linewidth=0.8)
    style.step_ticks([panel], np.asarray(counts))
    ratio = record["level"][k] / record.settings["deviation"]
    panel.set_xlabel(rf"evaluations; wrong above {ratio:g} deviations")


FIGURE = PaperFigure(
    name="forgetting",
    title="What noise forgets of an error at high levels",
    description="Above a level the digits' denoiser gives half of the images nine times the weight of the others. "
    "Upper row: the share of the wrong mean that is left in the output (bars: two standard errors) and what is known "
    "for Gaussian data (lines): the later the error ends, the more is left, and least of it with the reverse SDE. "
    "Lower row: energy distance of the outputs to the data against evaluations. Left: the exact denoiser with the "
    "error; right: the digits network with the error on top of its own.",
    claims=("sde-quality-imperfect",),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
