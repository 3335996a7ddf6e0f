"""How far solving a VP process in its own coordinates is from solving in canonical ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._from_claim import record_of
from paper_figures.registry import PaperFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(record: Record) -> Figure:
    """Return the picture of the differences along the noise level, one line per process.

    Parameters
    ----------
    record : Record
        ``difference`` (process, noise_level), ``process``, ``noise_level``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from ersde_theory.records import LabelledArray
    >>> arrays = {
    ...     "process": LabelledArray(("process",), np.array(["vp_linear"])),
    ...     "noise_level": LabelledArray(("noise_level",), np.array([2.0, 1.0])),
    ...     "difference": LabelledArray(("process", "noise_level"), np.array([[0.0, 1e-15]])),
    ... }
    >>> draw(Record("vp-ve-parity", {}, arrays)).axes[0].get_ylabel()
    'largest difference ÷ largest state'
    """
    levels, difference = record["noise_level"], record["difference"]
    with style.styled():
        picture, axes = style.panels(1, 1, 3.2)
        panel = axes[0][0]
        for i, name in enumerate(record["process"].tolist()):
            shown = difference[i] > 0.0  # exactly equal states have no place on a logarithmic axis
            panel.plot(levels[shown], difference[i, shown], label=name, **style.look(i).line())
        style.level_axis(panel)
        panel.set_yscale("log")
        panel.set_ylim(1e-17, max(1e-10, 10.0 * float(difference.max())))
        panel.set_ylabel("largest difference ÷ largest state")
        style.legend_above(picture, panel, 3)
    return picture


FIGURES = {
    "vp-ve-parity": PaperFigure(
        name="vp-ve-parity",
        title="VP and VE give the same states",
        description="Largest difference between the state of a process integrated in its own coordinates and "
        "the state integrated in canonical coordinates, along the noise level, for three processes: round-off.",
        claims=("vp-ve-parity",),
        compute=partial(record_of, "vp-ve-parity", "vp-ve-parity"),
        draw=draw,
        from_claim="vp-ve-parity",
    )
}
