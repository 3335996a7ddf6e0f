"""The example of a study: weak errors on two overlapping modes, by scheme, noise scale and number of steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import required
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = "mean square"
_AT, _FROM, _TO = 20, 10, 40  # steps: of the sizes shown, and between which the slope is taken
_KNOWN = 0.25  # standard error up to which a slope is worth its number
_SHADES = (-4.5, -0.5)  # of the logarithms


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
    found = required("study-weak-order-mixture", "ersde study run weak_order_mixture --json FILE")
    return replace(found, name=FIGURE.name)


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
    2
    """
    steps, q = record["steps"].tolist(), record["quantity"].tolist().index(_SHOWN)
    at, low, high = (steps.index(n) for n in (_AT, _FROM, _TO))
    value, spread = record["value"][..., q], record["standard_error"][..., q]
    size = np.abs(value)
    relative = spread / size
    logarithm = np.log10(size)
    slope = -(logarithm[..., high] - logarithm[..., low]) / np.log10(_TO / _FROM)
    error = np.hypot(relative[..., high], relative[..., low]) / np.log(_TO / _FROM)
    order = np.argsort(np.nanmedian(logarithm[..., at], axis=1))
    with style.styled():
        picture, ((left, right),) = style.panels(1, 2, 7.4, sharey=True)
        for panel in (left, right):
            panel.imshow(logarithm[order][..., at], cmap="Greys", vmin=_SHADES[0], vmax=_SHADES[1] + 2.0, aspect="auto")
            panel.set_xticks(range(len(record["noise_scale"])), record["noise_scale"], rotation=40, ha="right")
            panel.set_yticks(range(len(order)), record["scheme"][order])
            panel.tick_params(length=0, labelsize=6.5)
            panel.grid(visible=False)
            panel.set_xlabel("noise scale φ")
            panel.plot([], [], "k.", markersize=2.0, label="lost in noise; empty: no such pair")
        left.set_ylabel("scheme")
        _numbers(left, logarithm[order][..., at], relative[order][..., at] < 0.5, "{:.1f}")
        _numbers(right, slope[order], error[order] < _KNOWN, "{:.1f}")
        left.set_title(f"log₁₀ |E {_SHOWN}, {_AT} − {2 * _AT} steps|", loc="left", fontsize=8)
        right.set_title(f"weak order seen, {_FROM} to {_TO} steps", loc="left", fontsize=8)
        style.legend_above(picture, left, 1)
    return picture


def _numbers(panel: Axes, values: np.ndarray, known: np.ndarray, form: str) -> None:
    """Write a number into every cell that exists, or a dot where it is lost in noise."""
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = form.format(value).replace("-", "−") if known[i, j] else "·"
            panel.text(j, i, text, ha="center", va="center", fontsize=6)


FIGURE = PaperFigure(
    name="study-weak-order",
    title="A study: weak errors on a mixture",
    description="Change of the mean square from N to 2N steps on one Brownian path, on two overlapping modes, for "
    "every scheme with every noise scale that it takes: its size at 20 steps (darker is worse; sorted by it), and the "
    "slope from 10 to 40 steps. A dot stands where the standard error is above half of the size, or above 0.25 of an "
    "order; an empty cell is a pair that does not exist. First-order schemes show 1, the others about 2 or more. From "
    "the committed study.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
