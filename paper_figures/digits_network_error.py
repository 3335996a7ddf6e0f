"""The digits networks: their error per noise level against the exact denoiser, and digits that they draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import recorded
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_QUICK_IMAGES = 64
_TRIVIAL = {"input": "$D = y$", "mean": "$D$ = mean of the data", "affine": "best affine $D$"}


def compute(settings: Settings) -> Record:
    """Return the quality of the networks: the recorded one, or a new one for another seed.

    Parameters
    ----------
    settings : Settings
        Quick: fewer draws where they are new.

    Returns
    -------
    Record
        Of ``ersde_theory.models.digits_quality.study``.

    Examples
    --------
    >>> compute(Settings())["error"].shape
    (2, 24)
    """
    known = None if settings.seed else recorded("digits-networks")
    if known is not None:
        return known
    from ersde_theory.models.digits_quality import IMAGES, study

    return study(_QUICK_IMAGES if settings.quick else IMAGES, seed=settings.seed)


def draw(record: Record) -> Figure:
    """Return the picture of the networks' quality.

    Parameters
    ----------
    record : Record
        Made by :func:`compute`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings())).axes)
    3
    """
    from matplotlib.figure import Figure

    with style.styled():
        picture = Figure(figsize=(style.WIDTH, 6.6), layout="constrained")
        parts: Any = picture.subfigures(2, 1, height_ratios=(1.0, 1.1))
        above, below = parts
        errors, ratios = above.subplots(1, 2, sharex=True)
        _errors(errors, record)
        _ratios(ratios, record)
        style.level_axis(errors)
        ratios.set_xlabel(errors.get_xlabel())
        images = _samples(below, record)
        handles, labels = errors.get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside upper center", ncols=3)
        style.letter_panels([[errors, ratios, images]])
    return picture


def _errors(panel: Axes, record: Record) -> None:
    """Draw the networks' errors with bands, and those of trivial denoisers."""
    levels = record["noise_level"]
    for i, network in enumerate(record["network"].tolist()):
        for j, (name, label) in enumerate((("error", ""), ("conditional_error", ", given the label"))):
            look = style.look(2 * i + j)
            value, spread = record[name][i], record[f"{name}_se"][i]
            panel.plot(levels, value, label=f"{network}{label}", **look.line() | {"markersize": 2.6})
            panel.fill_between(levels, value - 2.0 * spread, value + 2.0 * spread, color=look.colour, alpha=0.2)
    for i, name in enumerate(record["trivial"].tolist()):
        shape = ("-", "--", ":")[i]
        panel.plot(levels, record["trivial_error"][i], label=_TRIVIAL[name], color="#888888", linestyle=shape, zorder=1)
    panel.set_yscale("log")
    panel.set_ylim(0.3 * record["error"].min(), 3.0)
    panel.set_ylabel("RMS of $D - D^*$ per pixel (data in [−1, 1])")
    panel.set_title("error against the exact denoiser", loc="left")


def _ratios(panel: Axes, record: Record) -> None:
    """Draw the errors relative to the best trivial denoiser."""
    levels, best = record["noise_level"], record["trivial_error"].min(axis=0)
    for i in range(record["network"].size):
        look = style.look(2 * i)
        value, spread = record["error"][i] / best, record["error_se"][i] / best
        panel.plot(levels, value, **look.line() | {"markersize": 2.6})
        panel.fill_between(levels, value - 2.0 * spread, value + 2.0 * spread, color=look.colour, alpha=0.2)
    panel.axhline(1.0, color="#888888", linewidth=0.7, zorder=0)
    panel.set_yscale("log")
    panel.set_ylabel("error / that of the best of the grey lines")
    panel.set_title("relative error (bands: ± 2 standard errors)", loc="left")


def _samples(part: SubFigure, record: Record) -> Axes:
    """Draw the sampled digits as one picture, a row for each way of drawing them."""
    images = record["samples"]
    rows, columns, _ = images.shape
    framed = np.pad(
        images.reshape(rows, columns, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1.0
    )  # white frames around white digits on black
    whole = framed.transpose(0, 2, 1, 3).reshape(10 * rows, 10 * columns)
    panel = part.subplots()
    panel.imshow(whole, cmap="gray", vmin=-1.0, vmax=1.0, interpolation="nearest")
    panel.grid(visible=False)
    panel.set_yticks(10.0 * np.arange(rows) + 4.5, record["row_label"].tolist())
    panel.set_xticks(10.0 * np.arange(columns) + 4.5, [str(k) for k in range(columns)])
    panel.tick_params(length=0.0)
    panel.set_title("samples from the same start noise, by network and φ", loc="left")
    return panel


FIGURE = PaperFigure(
    name="digits-networks",
    title="Digits networks against their exact denoiser",
    description="Root mean square difference per pixel between the networks that ship with the project and the exact "
    "denoiser of the law that they were trained on, per noise level, beside three denoisers that need no training; the "
    "same relative to the best of these; and digits drawn by the networks with variable-order PEC, 40 evaluations.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
