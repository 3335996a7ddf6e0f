"""Distance of the output from the data against steps, with exact and imperfect scores: where SDE overtakes ODE."""

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
    """Return the picture, one panel for each error of the score.

    Parameters
    ----------
    record : Record
        ``distance`` (score_error, noise_scale, steps), its limit ``limit`` (score_error, noise_scale), and the
        coordinates.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from ersde_theory.records import LabelledArray
    >>> arrays = {
    ...     "steps": LabelledArray(("steps",), np.array([5, 10])),
    ...     "noise_scale": LabelledArray(("noise_scale",), np.array(["ode"])),
    ...     "score_error": LabelledArray(("score_error",), np.array([0.01])),
    ...     "distance": LabelledArray(("score_error", "noise_scale", "steps"), np.array([[[0.2, 0.1]]])),
    ...     "limit": LabelledArray(("score_error", "noise_scale"), np.array([[0.05]])),
    ... }
    >>> draw(Record("crossing", {}, arrays)).axes[0].get_title(loc="left")
    'score off by 1 %'
    """
    steps, errors = record["steps"].astype(float), record["score_error"]
    columns = 2 if errors.size > 1 else 1
    with style.styled():
        picture, axes = style.panels(-(-errors.size // columns), columns, 5.6, sharex=True)
        panels = [panel for row in axes for panel in row]
        for i, error in enumerate(errors.tolist()):
            title = "exact score" if error == 0.0 else f"score off by {100 * error:g} %"
            panels[i].set_title(title, loc="left")
            for m, name in enumerate(record["noise_scale"].tolist()):
                look = style.look(m)
                panels[i].plot(steps, record["distance"][i, m], label=name, **look.line())
                if error > 0.0:
                    limit = record["limit"][i, m]
                    panels[i].plot([0.6 * steps[-1], 1.7 * steps[-1]], [limit, limit], color=look.colour, linewidth=2.5)
        imperfect = record["distance"][errors > 0.0]
        for panel, error in zip(panels, errors.tolist(), strict=True):
            panel.set_yscale("log")
            if error > 0.0:  # one scale, so that floors can be compared
                panel.set_ylim(0.6 * float(imperfect.min()), 1.6 * float(imperfect.max()))
        style.step_ticks(axes[-1], steps)
        for row in axes:
            row[0].set_ylabel("$W_2$ / size of the data")
        for panel in axes[-1]:
            panel.set_xlabel("evaluations = steps $N$")
        style.letter_panels(axes)
        style.legend_above(picture, panels[0], 4)
    return picture


FIGURES = {
    "crossing": PaperFigure(
        name="crossing",
        title="Where SDE overtakes ODE: exact and imperfect scores",
        description="Exact Wasserstein-2 distance of the output's law from the data, over the data's size, against "
        "the number of evaluations, for four noise scale functions and a score that is exact or off by 0.3, 1 and 3 "
        "per cent. With an exact score the distance falls throughout. With an imperfect one it ends at a floor "
        "(thick bars: the limit from the differential equation of the variance), lowest for the reverse SDE, highest "
        "for the ODE; the curves cross where discretisation and score error are of one size. A curve can dip below its "
        "floor on the way, where the two errors cancel.",
        claims=("sde-quality-imperfect", "sde-quality-law"),
        compute=partial(record_of, "sde-quality-imperfect", "crossing"),
        draw=draw,
        from_claim="sde-quality-imperfect",
    )
}
