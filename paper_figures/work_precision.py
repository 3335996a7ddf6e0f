"""Work-precision diagrams: error against evaluations and against seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMES = (
    "er_sde-3-released",
    "er_sde-3",
    "dpm_solver_pp-2m",
    "dpm_solver_pp-3s",
    "sa_solver-2-3",
    "uni_pc-2",
    "deis-3",
    "edm_heun",
    "adams-3",
    "exponential_pec-3-3",
)


def compute(settings: Settings) -> Record:
    """Return errors of the best-known schemes without noise, on the Gaussian spectrum.

    Parameters
    ----------
    settings : Settings
        Quick: 10 to 30 evaluations.

    Returns
    -------
    Record
        Of ``ersde_theory.laboratory.work_precision``.

    Examples
    --------
    >>> compute(Settings(quick=True))["budget"].tolist()
    [10, 20, 30]
    """
    from ersde_theory.laboratory import work_precision

    budgets = (10, 20, 30) if settings.quick else (10, 15, 20, 30, 50, 100, 200)
    return work_precision(SCHEMES, "ode", "spectrum", evaluations=budgets, seed=settings.seed)


def draw(record: Record) -> Figure:
    """Return the picture of a work-precision record.

    Parameters
    ----------
    record : Record
        Made by ``ersde_theory.laboratory.work_precision``, of at most 10 schemes.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings(quick=True))).axes)
    2
    """
    budgets = record["budget"].astype(float)
    with style.styled():
        picture, axes = style.panels(1, 2, 4.4, sharey=True)
        for i, name in enumerate(record["scheme"].tolist()):
            look = style.look(i)
            there = np.isfinite(record["error"][i])
            error, spread = record["error"][i][there], 2.0 * record["uncertainty"][i][there]
            low = np.minimum(spread, 0.9 * error)
            for panel, cost in ((axes[0][0], record["evaluations"]), (axes[0][1], record["seconds"])):
                panel.errorbar(cost[i][there], error, (low, spread), label=name, capsize=1.5, **look.line())
        style.step_ticks(axes[0][:1], budgets)
        axes[0][0].set_yscale("log")
        axes[0][1].set_xscale("log")
        axes[0][0].set_xlabel("evaluations of the denoiser")
        axes[0][1].set_xlabel(record.arrays["seconds"].unit)
        axes[0][0].set_ylabel(record.arrays["error"].unit)
        axes[0][0].set_title(f"{record.settings['problem']}, {record.settings['noise_scale']}", loc="left")
        axes[0][1].set_title("the same against time", loc="left")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


FIGURE = PaperFigure(
    name="work-precision",
    title="Work and precision of the zoo",
    description="Exact Wasserstein-2 distance of the output to the right law over the root of the total variance, for "
    "Gaussian data with variances from 1e-5 to 10 on the Karras grid 80 to 0.002, without noise, against evaluations "
    "and against the time of a run with the exact denoiser (this machine's; the order of schemes is what matters). "
    "Bars are two standard errors where there is sampling.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
