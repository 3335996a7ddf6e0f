"""One measurement of an order: the ladder of each quantity with its uncertainty, and the slopes between rungs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compute(settings: Settings) -> Record:
    """Return the weak order of ER-SDE-Solver-2 on two overlapping Gaussians, without sampling.

    Parameters
    ----------
    settings : Settings
        Quick: the exact errors on Gaussian data instead.

    Returns
    -------
    Record
        Of ``ersde_theory.laboratory.Measurement``.

    Examples
    --------
    >>> compute(Settings(quick=True))["steps"].tolist()[:2]
    [20, 40]
    """
    from ersde_theory.laboratory import measure

    problem, kind = ("gaussian", "exact") if settings.quick else ("overlapping", "law")
    return measure("er_sde-2", "reverse_sde", problem, kind, seed=settings.seed).record()


def draw(record: Record) -> Figure:
    """Return the picture of a ladder.

    Parameters
    ----------
    record : Record
        Made by :func:`compute` or ``ersde order``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings(quick=True))).axes)
    2
    """
    steps = record["steps"].astype(float)
    errors, spread = record["error"], record["standard_error"]
    middle = np.sqrt(steps[1:] * steps[:-1])
    settings = record.settings
    with style.styled():
        picture, axes = style.panels(1, 2, 3.6, sharex=True)
        for q, (name, said) in enumerate(zip(record["quantity"].tolist(), record["said"].tolist(), strict=True)):
            look = style.look(q)
            label = f"{name}: {said.partition(':')[0].partition(' (')[0]}"  # the long reasons are in the record
            style.signed_line(axes[0][0], steps, errors[q], label, look)
            low = np.maximum(np.abs(errors[q]) - 2.0 * spread[q], np.abs(errors[q]) * 1e-3)
            axes[0][0].fill_between(steps, low, np.abs(errors[q]) + 2.0 * spread[q], color=look.colour, alpha=0.2)
            slope, width = _slopes(steps, errors[q], spread[q])
            axes[0][1].errorbar(middle, slope, 2.0 * width, capsize=2.0, **look.line())
        positive = np.abs(errors[errors != 0.0])
        top = float(positive.max()) if positive.size else 1.0
        for order in (1, 2, 3):
            style.reference_line(axes[0][0], steps, top * (steps / steps[0]) ** -order, f"slope {order}")
        axes[0][0].set_yscale("log")
        bands = ", bands: ± 2 standard errors" if (spread > 0.0).any() else ""
        axes[0][0].set_ylabel(f"|error| (hollow: positive{bands})")
        axes[0][1].set_ylabel("slope between neighbours" + (" (± 2 s.e.)" if bands else ""))
        axes[0][1].set_ylim(-0.5, 5.5)
        if settings.get("declared") is not None:
            axes[0][1].axhline(settings["declared"], color="#888888", linewidth=0.7, zorder=0)
        for panel in axes[0]:
            panel.set_xlabel("number of steps $N$")
        axes[0][0].set_title(f"{settings['scheme']}, {settings['noise_scale']}", loc="left")
        axes[0][1].set_title(f"{settings['kind']}, {settings['problem']}", loc="left")
        style.step_ticks(axes[0], steps)
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 2 if errors.shape[0] > 2 else 1)
    return picture


def _slopes(steps: np.ndarray, errors: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return local slopes and their standard errors, masked where the error changes its sign or is noise."""
    distance = np.log(steps[1:] / steps[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = -np.diff(np.log(np.abs(errors))) / distance
        share = np.where(errors != 0.0, spread / np.abs(errors), np.inf)
    width = np.hypot(share[1:], share[:-1]) / distance
    bad = (errors[1:] * errors[:-1] <= 0.0) | ~np.isfinite(slope) | (width > 1.0)
    return np.ma.masked_where(bad, slope), np.ma.masked_where(bad, width)


FIGURE = PaperFigure(
    name="order-ladder",
    title="One measurement of an order",
    description="Errors of several observables against the number of steps with bands of two standard errors, and the "
    "slopes between neighbours; the grey line on the right is the declared order. As drawn by default: the law of "
    "ER-SDE-2's output on two overlapping Gaussians, propagated without sampling: weak order 2.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
