"""The exact error of one first-order step against the bound that FEI gives, along the sampling grid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.errors import one_step_error
from ersde_theory.records import LabelledArray, Record
from paper_figures import _noise_scales as scales
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIANCE = 0.25
_ROUND_OFF = 1e-12  # an RMS below it is zero in exact arithmetic
_ROWS = (
    ("error", "one-step error"),
    ("bound", "bound on it"),
    ("mean_error", "error of the step's mean"),
    ("ratio", "error over bound"),
)


def compute(settings: Settings) -> Record:
    r"""Return the RMS error of every first-order step, started from the exact law, and its bound.

    Exact for Gaussian data: no Monte Carlo. The bound is FEI times
    :math:`\sup_u \mathrm{RMS}(D(X_u, u) - D(X_s, s))` over the levels u of the step.

    Parameters
    ----------
    settings : Settings
        Quick: 10 and 20 steps instead of 20 and 50.

    Returns
    -------
    Record
        For each number of steps N: ``error_N``, ``mean_error_N`` (of the mean given the step's start),
        ``bound_N``, ``surprise_N`` (the sup) and ``fei_N`` (noise_scale, step_N), and ``level_N`` (node_N).

    Examples
    --------
    >>> record = compute(Settings(quick=True))
    >>> bool((record["error_10"] <= record["bound_10"]).all())
    True

    References
    ----------
    ``math.md`` section 7.
    """
    begin = time.perf_counter()
    counts = (10, 20) if settings.quick else (20, 50)
    arrays = {"noise_scale": LabelledArray(("noise_scale",), np.array(scales.NAMES))}
    for n in counts:
        levels = scales.karras(n).levels
        steps = [one_step_error(phi, levels[:-1], levels[1:], VARIANCE) for phi in scales.noise_scales()]
        dims = ("noise_scale", f"step_{n}")
        arrays[f"level_{n}"] = LabelledArray((f"node_{n}",), levels, "data units")
        for label in ("error", "mean_error", "bound", "surprise", "fei"):
            values = np.stack([getattr(step, label) for step in steps])
            unit = "" if label == "fei" else "data units"
            arrays[f"{label}_{n}"] = LabelledArray(dims, values, unit)
    settings_of_record = {"steps": list(counts), "karras": scales.KARRAS, "variance": VARIANCE}
    seconds = time.perf_counter() - begin
    return Record("one_step_error", settings_of_record, arrays, FIGURE.claims, seconds=seconds)


def draw(record: Record) -> Figure:
    """Return the picture of a record of :func:`compute`.

    Parameters
    ----------
    record : Record
        Made by :func:`compute`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> picture = draw(compute(Settings(quick=True)))
    >>> picture.axes[0].get_yscale()
    'log'
    """
    with style.styled():
        picture, axes = style.panels(4, 2, 8.8, sharex=True, sharey="row")
        for column, n in enumerate(record.settings["steps"]):
            for row, (quantity, title) in enumerate(_ROWS):
                values = (
                    record[f"error_{n}"] / record[f"bound_{n}"] if quantity == "ratio" else record[f"{quantity}_{n}"]
                )
                _steps(axes[row][column], record[f"level_{n}"][:-1], values)
                axes[row][column].set_title(f"{title}, {n} steps", loc="left")
        style.level_axis(axes[3][0])
        axes[3][1].set_xlabel(axes[3][0].get_xlabel())
        for panels in axes[:3]:
            panels[0].set_yscale("log")
            panels[0].set_ylim(1e-7, 0.4)
            panels[0].set_ylabel("RMS (data units)")
        axes[3][0].set_ylim(0.0, 1.03)
        axes[3][0].set_ylabel("error / bound")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _steps(panel: Axes, levels: np.ndarray, values: np.ndarray) -> None:
    """Draw a quantity of every step; name the noise scales for which it vanishes."""
    stride = max(1, levels.size // 10)
    vanishing = [name for name, v in zip(scales.NAMES, values, strict=True) if v.max() < _ROUND_OFF]
    for i, label, look in scales.labelled():
        if scales.NAMES[i] not in vanishing:
            panel.plot(levels, values[i], label=label, markevery=(i % stride, stride), **look.line())
    if vanishing:
        note = f"{', '.join(vanishing)}: 0"
        panel.text(0.5, 0.06, note, ha="center", transform=panel.transAxes)


FIGURE = PaperFigure(
    name="one_step_error",
    title="One-step error and its FEI bound",
    description="Exact root-mean-square error of one first-order step started from the right law, the bound "
    "FEI times the largest change of the denoiser within the step, the error of the step's mean given its "
    "start, and error over bound, for Gaussian data of variance 0.25 on the Karras grid 80 to 0.002. The error "
    "lies between about half of its bound and the bound. The mean's error does not follow FEI: reverse_sde has "
    "nearly the largest FEI and no such error at all.",
    claims=("one-step-bound", "fei-order"),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
