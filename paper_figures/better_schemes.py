"""Schemes at equal evaluations: the released solver, Adams, predictor-correctors, and the floor of the path."""

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

_DRAWN = (
    "ER-SDE-3 as released",
    "ER-SDE-3 as published",
    "Adams-3",
    "PEC, variable order",
    "PEC-3-3, lambda",
    "PEC-3-4, ln lambda",
    "SRA",
)
_COLUMNS = (
    ("ode", ("law", "median"), "no noise (ode)"),
    ("exp_power", ("law",), "with noise: law"),
    ("exp_power", ("median", "rms"), "with noise: path"),
)
_FLOORS = {"median": "floor_median", "rms": "floor"}
_UNITS = {"law": "error in law", "median": "median path error", "rms": "RMS path error"}


def compute(settings: Settings) -> Record:
    """Return the comparison of schemes: the one that was recorded, or a new one where there is none.

    Parameters
    ----------
    settings : Settings
        Quick: the Gaussian spectrum only, exact, computed anew.

    Returns
    -------
    Record
        Of ``ersde_theory.laboratory.comparison.compare``.

    Examples
    --------
    >>> compute(Settings(quick=True))["problem"].tolist()
    ['spectrum']
    """
    from ersde_theory.laboratory.comparison import compare

    known = None if settings.quick or settings.seed else recorded("comparison")
    return known or compare(quick=settings.quick, seed=settings.seed)


def draw(record: Record) -> Figure:
    """Return the picture of a comparison: a row for each problem.

    Parameters
    ----------
    record : Record
        Made by :func:`compute`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings(quick=True))).axes)
    3
    """
    problems, counts = record["problem"].tolist(), record["evaluations"].astype(float)
    with style.styled():
        picture, axes = style.panels(len(problems), len(_COLUMNS), 1.2 + 2.1 * len(problems), sharex=True)
        for row, name in enumerate(problems):
            for column, (noise_scale, measures, title) in enumerate(_COLUMNS):
                panel = axes[row][column]
                place = (record["noise_scale"].tolist().index(noise_scale), row)
                measure = next((m for m in measures if np.isfinite(_values(record, m, place)).any()), None)
                panel.set_title(f"{name}, {title}" if column == 0 else title, loc="left")
                if measure is None:
                    panel.text(0.5, 0.5, "not resolved", transform=panel.transAxes, ha="center", color="#555555")
                    panel.set_yticks([])
                else:
                    _lines(panel, record, measure, place, counts)
        for panel in axes[-1]:
            panel.set_xlabel("evaluations")
        style.step_ticks([panel for row in axes for panel in row], counts)
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][2], 3)
    return picture


def _values(record: Record, measure: str, place: tuple[int, int]) -> np.ndarray:
    """Return a measure (scheme, evaluations) of one noise scale and problem; nan where there is none."""
    if measure not in record.arrays:
        return np.full((record["scheme"].size, record["evaluations"].size), np.nan)
    return np.asarray(record[measure][place])


def _lines(panel: Axes, record: Record, measure: str, place: tuple[int, int], counts: np.ndarray) -> None:
    """Draw the errors of the schemes with bars of two standard errors, and the floor where there is one."""
    values, spread = _values(record, measure, place), _values(record, f"{measure}_error", place)
    names = record["scheme"].tolist()
    for i, name in enumerate(_DRAWN):
        s = names.index(name)
        error = np.where(values[s] > 0.0, values[s], np.nan)
        bars = 2.0 * np.nan_to_num(spread[s])
        low = np.minimum(bars, 0.9 * np.nan_to_num(error))
        panel.errorbar(counts, error, np.stack([low, bars]), label=name, **style.look(i).line())
    floor = record[_FLOORS[measure]][place] if _FLOORS.get(measure) in record.arrays else np.zeros(counts.size)
    if place[0] > 0 and (floor > 0.0).any():
        panel.fill_between(counts, np.where(floor > 0.0, floor, np.nan), 1e-9, color="#dddddd", zorder=0)
        panel.plot(counts, floor, color="#888888", linewidth=0.8, label="floor of one draw a step")
        panel.set_ylim(bottom=0.3 * float(np.nanmin(floor)))
    panel.set_yscale("log")
    panel.set_ylabel(_UNITS[measure])


FIGURE = PaperFigure(
    name="comparison",
    title="Better schemes at equal evaluations",
    description="Errors against evaluations of the released ER-SDE-Solver-3, the published one, exponential Adams, "
    "the predictor-correctors of variable order (the default), PEC-3-3 in lambda and PEC-3-4 in ln(lambda), and SRA. "
    "Left without noise, middle the law with noise, right the path with noise, where the grey floor is what the "
    "increments of the steps leave open: no scheme of one draw a step has a smaller RMS (a median may). Bars are two "
    "standard errors; the Gaussian spectrum is exact. Without noise and in law the default is nowhere above the "
    "released solver beyond uncertainty; on the path with noise all schemes but SRA meet at the floor.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
