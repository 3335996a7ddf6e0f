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
    from matplotlib.figure import Figure, SubFigure

# In the record but not drawn: on these axes they lie on ER-SDE-1 or next to the published scheme.
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
        from matplotlib.figure import Figure

        picture = Figure(figsize=(style.WIDTH, 8.4), layout="constrained")
        upper, lower = picture.subfigures(2, 1, squeeze=False, height_ratios=(6.3, 2.1))[:, 0]
        axes = upper.subplots(len(_ROWS), len(members), squeeze=False, sharex=True, sharey="row")
        for column, member in enumerate(members):
            for row, (label, spread, _) in enumerate(_ROWS):
                _errors(axes[row, column], record, label, spread, column)
            axes[0, column].set_title(member, loc="left")
            axes[-1, column].set_xlabel("number of steps $N$")
        for row, (_, _, title) in enumerate(_ROWS):
            axes[row, 0].set_ylabel(title)
        axes[0, 0].set_yscale("log")
        axes[1, 0].set_yscale("log")
        axes[2, 0].set_ylim(-0.02, 1.02)
        # Error bars that reach 0 must not stretch a logarithmic axis, nor a reference that is exact.
        for row, (label, _, _) in enumerate(_ROWS[:2]):
            low, high = float(np.nanmin(record[label])), float(np.nanmax(record[label]))
            axes[row, 0].set_ylim(0.5 * low, 2.0 * high)
        for panel, own in zip(axes[0], record["reference_error"], strict=True):
            panel.axhline(own, color="#888888", linewidth=0.8, zorder=0)
        style.step_ticks(list(axes[0]), record["steps"].astype(float))
        style.letter_panels([list(row) for row in axes])
        handles, labels = axes[0, 0].get_legend_handles_labels()
        upper.legend(handles, labels, loc="outside upper center", ncols=4)
        _samples(lower, record)
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


def _samples(place: SubFigure, record: Record) -> None:
    """Draw the samples: a block per noise scale, a row per run, a column per image."""
    runs, members = record["run"].tolist(), record["noise_scale"].tolist()
    panels = place.subplots(1, len(members), squeeze=False)[0]
    for m, panel in enumerate(panels):
        images = record["samples"][m]
        n_runs, n_images, height, width = images.shape
        # One pixel of white between the images.
        wall = np.full((n_runs, n_images, height + 1, width + 1), 1.0)
        wall[:, :, :height, :width] = -images.clip(-1.0, 1.0)
        tiled = wall.swapaxes(1, 2).reshape(n_runs * (height + 1), n_images * (width + 1))
        panel.imshow(tiled, cmap="gray", vmin=-1.0, vmax=1.0, interpolation="nearest")
        panel.grid(False)
        panel.set_xticks([])
        panel.set_yticks([(height + 1) * (i + 0.5) - 1.0 for i in range(n_runs)], runs)
        panel.tick_params(length=0.0, labelleft=m == 0)
        panel.spines[:].set_visible(False)
        panel.set_title(members[m], loc="left")
    scheme = record.settings.get("samples_scheme", "")
    place.suptitle(f"Samples, {scheme}" if scheme else "Samples", x=0.01, ha="left", fontsize=9.0)


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
