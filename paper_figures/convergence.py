"""The error ladders that the claims about orders rest on: exact errors against the number of steps."""

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


def draw(record: Record) -> Figure:
    """Return the picture of error ladders, one panel per noise scale.

    Parameters
    ----------
    record : Record
        ``error`` (scheme, steps), ``steps``, ``scheme``; a scheme's name may end in ", <noise scale>".

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from ersde_theory.records import LabelledArray
    >>> arrays = {
    ...     "steps": LabelledArray(("steps",), np.array([10, 20])),
    ...     "scheme": LabelledArray(("scheme",), np.array(["a, ode", "a, exp_power"])),
    ...     "error": LabelledArray(("scheme", "steps"), np.array([[0.1, 0.05], [0.2, 0.1]])),
    ... }
    >>> len(draw(Record("order-weak", {}, arrays)).axes)
    2
    """
    parts = [label.partition(", ")[::2] for label in record["scheme"].tolist()]
    columns = list(dict.fromkeys(noise_scale for _, noise_scale in parts))
    names = list(dict.fromkeys(name for name, _ in parts))
    steps = record["steps"].astype(float)
    signed = bool((record["error"] < 0.0).any())  # an RMS has no sign
    with style.styled():
        picture, axes = style.panels(1, len(columns), 3.6, sharex=True, sharey=True)
        for (name, noise_scale), error in zip(parts, record["error"], strict=True):
            panel = axes[0][columns.index(noise_scale)]
            look = style.look(names.index(name))
            if signed:
                style.signed_line(panel, steps, error, name, look)
            else:
                panel.plot(steps, error, label=name, **look.line())
        for panel, noise_scale in zip(axes[0], columns, strict=True):
            panel.set_title(noise_scale or "ode", loc="left")
            panel.set_xlabel("number of steps $N$")
            _slopes(panel, steps, np.abs(record["error"]))
        axes[0][0].set_yscale("log")
        style.step_ticks(axes[0], steps)
        unit = record.arrays["error"].unit
        axes[0][0].set_ylabel(f"|error| ({unit})" if unit else "|error|")
        if len(columns) > 1:
            style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _slopes(panel: Axes, steps: np.ndarray, size: np.ndarray) -> None:
    """Draw lines of slopes 1, 2, ... up to the steepest ladder's last, named at their ends."""
    steepest = -np.log(size[:, -1] / size[:, -2]) / np.log(steps[-1] / steps[-2])
    for order in range(1, 1 + max(2, round(float(steepest.max())))):
        line = 2.0 * float(size.max()) * (steps / steps[0]) ** -order
        style.reference_line(panel, steps, line, f"slope {order}")


_TITLES = {
    "order-ode": ("Order without noise", "Exact error of the output variance on Gaussian data for the ODE"),
    "order-strong": ("Strong order with noise", "Exact RMS error on the coupled path on Gaussian data"),
    "order-weak": ("Weak order with noise", "Exact error of the output variance on Gaussian data"),
    "quadrature": (
        "Integrals by a sum of 100 nodes",
        "Exact error of the output variance on Gaussian data, with exact and with released coefficients",
    ),
}
FIGURES = {
    name: PaperFigure(
        name=name,
        title=title,
        description=f"{what}, against the number of steps. Grey lines have whole slopes; hollow markers mean "
        "a positive error where errors have a sign.",
        claims=(name,),
        compute=partial(record_of, name, name),
        draw=draw,
        from_claim=name,
    )
    for name, (title, what) in _TITLES.items()
}
