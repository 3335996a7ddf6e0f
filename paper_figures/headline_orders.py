"""The headline: orders of the published solvers without noise, along the path and in law, and what decides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import recorded
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What stands for each panel: problem and quantities; the Record has all others too.
_SHOWN = {
    "ode": ("without noise", ("overlapping",), ("rms, end",), (2,)),
    "strong": ("along the path, RMS", ("gaussian", "overlapping"), ("RMS at the end", "RMS, end"), (1,)),
    "weak": ("in law, mean square", ("overlapping",), ("mean square",), (2,)),
}
_METHODS_OF_LAW = ("propagated law", "difference from a propagated law")
_GROUPS = ("ode", "strong", "separated", "weak")
_SEPARATED = ("RMS, end", "RMS of the others, end", "median, end", "share of switched paths")


def compute(settings: Settings) -> Record:
    """Return the headline study: the one that was recorded, or a new one where there is none.

    Parameters
    ----------
    settings : Settings
        Quick: one noise scale, fewer paths and rungs, computed anew.

    Returns
    -------
    Record
        Of ``ersde_theory.laboratory.headline.study``.

    Examples
    --------
    >>> compute(Settings()).settings["missed"]
    []
    """
    from ersde_theory.laboratory.headline import FULL, QUICK, study

    known = None if settings.quick or settings.seed else recorded("headline-orders")
    return known or study(QUICK if settings.quick else FULL, seed=settings.seed)


def draw(record: Record) -> Figure:
    """Return the picture of the headline study.

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
    6
    """
    with style.styled():
        picture, axes = style.panels(2, 3, 6.6)
        labels: dict[str, style.Look] = {}
        for panel, name in zip(axes[0], _SHOWN, strict=True):
            _ladders(panel, record, name, labels)
        for panel, phi in zip(axes[1], _noise_scales(record), strict=False):
            _separated(panel, record, phi)
        _intervals(axes[1][2], record)
        if len(_noise_scales(record)) < 2:
            axes[1][1].set_axis_off()
        for row in axes:
            row[0].set_ylabel("error (bands: ± 2 standard errors)")
        handles = [panel.get_legend_handles_labels() for panel in axes[0]]
        named = dict(zip((x for _, n in handles for x in n), (h for hs, _ in handles for h in hs), strict=True))
        (named["hollow: Gaussian data, exact"],) = axes[0][1].plot([], [], "o", color="black", markerfacecolor="white")
        picture.legend(named.values(), named.keys(), loc="outside upper center", ncols=3)
        style.letter_panels(axes)
    return picture


def _noise_scales(record: Record) -> list[str]:
    """Return the noise scale functions with noise, in the Record's order."""
    return list(dict.fromkeys(record["noise_scale"][record["panel"] == "separated"].tolist()))


def _line(panel: Axes, record: Record, index: int, label: str, look: style.Look) -> None:
    """Draw one ladder of the Record with its band."""
    there = np.isfinite(record["error"][index])
    steps = record["steps"][there].astype(float)
    error, spread = np.abs(record["error"][index][there]), record["standard_error"][index][there]
    seen = error > 0.0  # a share of no path has no place on a logarithmic axis
    steps, error, spread = steps[seen], error[seen], spread[seen]
    face = "white" if record["problem"][index] == "gaussian" else look.colour
    panel.plot(steps, error, label=label, markerfacecolor=face, **look.line())
    low = np.maximum(error - 2.0 * spread, 0.2 * error)
    panel.fill_between(steps, low, error + 2.0 * spread, color=look.colour, alpha=0.2, linewidth=0.0)


def _ladders(panel: Axes, record: Record, name: str, labels: dict[str, style.Look]) -> None:
    """Draw the chosen lines of one kind of error; a scheme with a phi looks the same in all panels."""
    title, problems, quantities, orders = _SHOWN[name]
    chosen = (record["panel"] == name) & np.isin(record["problem"], problems) & np.isin(record["quantity"], quantities)
    if name == "weak":
        chosen &= np.isin(record["method"], _METHODS_OF_LAW)
    for index in np.flatnonzero(chosen):
        label = f"{record['scheme'][index]}, {record['noise_scale'][index]}"
        if label not in labels:
            labels[label] = style.look(len(labels))
        _line(panel, record, int(index), label, labels[label])
    _finish(panel, title, orders)


def _separated(panel: Axes, record: Record, noise_scale: str) -> None:
    """Draw what happens on separated modes: the RMS, that of paths that stay, the median, the share that switches."""
    chosen = (record["panel"] == "separated") & (record["noise_scale"] == noise_scale)
    scheme = record["scheme"][chosen][0]
    for i, quantity in enumerate(_SEPARATED):
        (index,) = np.flatnonzero(chosen & (record["scheme"] == scheme) & (record["quantity"] == quantity))
        _line(panel, record, int(index), quantity.removesuffix(", end"), style.look(i))
    _finish(panel, f"separated modes, {scheme},\n{noise_scale}", (1,))
    panel.set_ylim(bottom=panel.get_ylim()[0] / 30.0)  # room for the legend
    panel.legend(fontsize=6.0, loc="lower left", handlelength=2.5)


def _finish(panel: Axes, title: str, orders: tuple[int, ...]) -> None:
    """Put scales, title, and lines of whole slopes through the coarsest errors."""
    lines = [line.get_xydata() for line in panel.lines]
    points = np.concatenate([np.asarray(line) for line in lines])
    first, last = points[:, 0].min(), points[:, 0].max()
    top = 2.0 * points[:, 1].max()
    for order in orders:
        ends = np.array([first, last])
        style.reference_line(panel, ends, top * (ends / first) ** -order, f"slope {order}")
    style.step_ticks([panel], np.unique(points[:, 0])[::2])
    panel.set_yscale("log")
    panel.set_xlabel("number of steps $N$")
    panel.set_title(title, loc="left")


def _intervals(panel: Axes, record: Record) -> None:
    """Draw the intervals of all orders of which something is asked, group by group, around the declared order."""
    row, middles = 0, []
    for i, name in enumerate(_GROUPS):
        (here,) = np.nonzero(record["asked"] & (record["panel"] == name))
        off = record["order"][here] - record["declared"][here]
        rows = row + np.arange(here.size)
        look = style.look(i)
        width = record["half_width"][here]
        panel.errorbar(off, rows, xerr=width, color=look.colour, marker=look.marker, markersize=3.0, linestyle="none")
        middles.append(float(rows.mean()))
        row += here.size + 2
    panel.axvline(0.0, color="#888888", linewidth=0.7, zorder=0)
    panel.set_yticks(middles, _GROUPS, fontsize=7.0)
    panel.tick_params(axis="y", length=0.0)
    panel.invert_yaxis()
    panel.set_xlabel("order minus declared (95 %)")
    panel.set_title("all orders, by what is\nmeasured", loc="left")


FIGURE = PaperFigure(
    name="headline-orders",
    title="Orders of the published solvers",
    description="Errors of ER-SDE-Solver-2 and -3 against the number of steps: of the ODE's solution on overlapping "
    "modes (slope 2), along the Brownian path (slope 1; the ladders that end at 1280 steps are exact, on Gaussian "
    "data), and of the mean square (slope 2), with bands of two standard errors. Below: on separated modes the median "
    "over paths has slope 1, while the root mean square is that of the few paths that end at another mode, or nearly "
    "do; and the intervals of all orders around the declared ones.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
