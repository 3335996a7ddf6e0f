"""Errors of whole runs on handwritten digits, and what the samples look like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._from_claim import record_of
from paper_figures.registry import PaperFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In the record but not drawn: DDIM and DDPM are ER-SDE-1, and one released scheme shows what the others do.
_NOT_DRAWN = ("ER-SDE-1 released", "ER-SDE-2 released", "DDIM", "DDPM ancestral")
_ROWS = (
    ("median_error", "median_standard_error", "median error\n(pixel, RMS)"),
    ("mean_error", "mean_standard_error", "mean error\n(pixel, RMS)"),
    ("switched", "switched_standard_error", "other image\n(share of paths)"),
)


def draw(record: Record) -> Figure:
    """Return the picture of a digits record: errors against steps, then samples.

    Parameters
    ----------
    record : Record
        ``median_error``, ``mean_error``, ``switched`` and their standard errors (scheme, noise_scale,
        steps), nan where a scheme does not exist; ``reference_error`` (noise_scale); ``samples``
        (noise_scale, run, image, row, column); ``scheme``, ``noise_scale``, ``steps``, ``run``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from ersde_theory.records import LabelledArray
    >>> dims, values = ("scheme", "noise_scale", "steps"), np.full((1, 1, 2), 0.1)
    >>> arrays = {label: LabelledArray(dims, values) for row in _ROWS for label in row[:2]}
    >>> arrays["scheme"] = LabelledArray(("scheme",), np.array(["ER-SDE-1 published"]))
    >>> arrays["noise_scale"] = LabelledArray(("noise_scale",), np.array(["ode"]))
    >>> arrays["steps"] = LabelledArray(("steps",), np.array([10, 20]))
    >>> arrays["run"] = LabelledArray(("run",), np.array(["reference"]))
    >>> arrays["reference_error"] = LabelledArray(("noise_scale",), np.array([1e-9]))
    >>> pictures = ("noise_scale", "run", "image", "row", "column")
    >>> arrays["samples"] = LabelledArray(pictures, np.zeros((1, 1, 2, 8, 8)))
    >>> len(draw(Record("digits", {}, arrays)).axes)
    4
    """
    members = record["noise_scale"].tolist()
    with style.styled():
        picture, axes = style.panels(4, len(members), 8.4, height_ratios=(1.0, 1.0, 1.0, 0.8))
        for column, member in enumerate(members):
            for row, (label, spread, title) in enumerate(_ROWS):
                panel = axes[row][column]
                panel.sharex(axes[0][0])
                panel.sharey(axes[row][0])
                panel.tick_params(labelbottom=row == len(_ROWS) - 1, labelleft=column == 0)
                _errors(panel, record, label, spread, column)
                panel.set_ylabel(title if column == 0 else "")
            axes[0][column].set_title(member, loc="left")
            axes[2][column].set_xlabel("number of steps $N$")
            axes[0][column].axhline(record["reference_error"][column], color="#888888", linewidth=0.8, zorder=0)
            _samples(axes[3][column], record, column)
        # Error bars that reach 0 must not stretch a logarithmic axis, nor a reference that is exact.
        for row, (label, _, _) in enumerate(_ROWS[:2]):
            axes[row][0].set_yscale("log")
            axes[row][0].set_ylim(0.5 * float(np.nanmin(record[label])), 2.0 * float(np.nanmax(record[label])))
        axes[2][0].set_ylim(-0.02, 1.02)
        style.step_ticks(axes[0], record["steps"].astype(float))
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 4)
    return picture


def _errors(panel: Axes, record: Record, label: str, spread: str, member: int) -> None:
    """Draw one quantity of the schemes against steps, with standard errors."""
    steps = record["steps"].astype(float)
    drawn = [name for name in record["scheme"].tolist() if name not in _NOT_DRAWN]
    for i, name in enumerate(drawn):
        at = record["scheme"].tolist().index(name), member
        value, error = record[label][at], record[spread][at]
        known = np.isfinite(value)
        if not known.any():
            continue
        shifted = steps[known] * 1.025 ** (i - (len(drawn) - 1) / 2)  # error bars side by side
        panel.errorbar(
            shifted,
            value[known],
            yerr=error[known],
            label=name.replace(" published", ""),
            elinewidth=0.9,
            **style.look(i).line(),
        )


def _samples(panel: Axes, record: Record, member: int) -> None:
    """Draw the samples of a noise scale: a row per run, a column per image."""
    images, runs = record["samples"][member], record["run"].tolist()
    n_runs, n_images, height, width = images.shape
    # One pixel of white between the images.
    wall = np.full((n_runs, n_images, height + 1, width + 1), 1.0)
    wall[:, :, :height, :width] = -images.clip(-1.0, 1.0)
    tiled = wall.swapaxes(1, 2).reshape(n_runs * (height + 1), n_images * (width + 1))
    panel.imshow(tiled, cmap="gray", vmin=-1.0, vmax=1.0, interpolation="nearest")
    panel.grid(False)
    panel.set_xticks([])
    panel.set_yticks([(height + 1) * (i + 0.5) - 1.0 for i in range(n_runs)], runs)
    panel.tick_params(length=0.0, labelleft=member == 0)
    panel.spines[:].set_visible(False)
    panel.set_title(f"samples, {record.settings.get('samples_scheme', '')}".rstrip(", "), loc="left")


FIGURES = {
    "digits": PaperFigure(
        name="digits",
        title="Handwritten digits: errors on the coupled path, and samples",
        description="Median and mean error per path against the reference on the coupled path, and the share "
        "of paths that end nearest to another training image, against the number of steps, with standard "
        "errors, for three noise scales; below, eight samples from the reference and from Adams-3 at each "
        "number of steps, same start and same noise in each column. A grey line is the reference's own error.",
        claims=("sde-quality",),
        compute=partial(record_of, "sde-quality", "digits"),
        draw=draw,
        from_claim="sde-quality",
    )
}
