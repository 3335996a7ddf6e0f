"""How much of a step is left to the network, and how much noise it injects, along the sampling grid."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import LabelledArray, Record
from paper_figures import _noise_scales as scales
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def compute(settings: Settings) -> Record:
    r"""Return FEI, :math:`\tau^2` and the injected noise of every step, per noise scale and grid.

    Parameters
    ----------
    settings : Settings
        Quick: 10 and 20 steps instead of 20 and 50.

    Returns
    -------
    Record
        For each number of steps N: ``fei_N`` and ``noise_share_N`` (noise_scale, grid, step_N), the
        latter the standard deviation of the step's noise over the level it ends at; ``level_N``
        (grid, node_N). ``tau_squared`` (noise_scale, level_index) at ``level``.

    Examples
    --------
    >>> record = compute(Settings(quick=True))
    >>> bool((record["fei_10"][0] <= record["fei_10"][1:]).all())  # the ODE's is the smallest
    True

    References
    ----------
    ``math.md`` sections 1, 3 and 4.
    """
    begin = time.perf_counter()
    counts = (10, 20) if settings.quick else (20, 50)
    members = scales.noise_scales()
    arrays = {"noise_scale": LabelledArray(("noise_scale",), np.array(scales.NAMES))}
    labels = list(scales.grids(2))
    arrays["grid"] = LabelledArray(("grid",), np.array(labels))
    for n in counts:
        levels = np.stack([grid.levels for grid in scales.grids(n).values()])
        fei = np.stack([phi.fei(levels[:, :-1], levels[:, 1:]) for phi in members])
        variance = np.stack([phi.noise_variance(levels[:, :-1], levels[:, 1:]) for phi in members])
        step = ("noise_scale", "grid", f"step_{n}")
        arrays[f"level_{n}"] = LabelledArray(("grid", f"node_{n}"), levels, "data units")
        arrays[f"fei_{n}"] = LabelledArray(step, fei)
        arrays[f"noise_share_{n}"] = LabelledArray(step, np.sqrt(variance) / levels[:, 1:])
    level = np.geomspace(*_range(arrays[f"level_{counts[0]}"].values), 121)
    arrays["level"] = LabelledArray(("level_index",), level, "data units")
    arrays["tau_squared"] = LabelledArray(
        ("noise_scale", "level_index"), np.stack([phi.tau_squared(level) for phi in members])
    )
    settings_of_record = {"steps": list(counts), "karras": scales.KARRAS, "vp": scales.VP_TIMES}
    return Record("fei", settings_of_record, arrays, FIGURE.claims, seconds=time.perf_counter() - begin)


def _range(levels: np.ndarray) -> tuple[float, float]:
    """Return the largest and the smallest level."""
    return float(levels.max()), float(levels.min())


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
    >>> picture.axes[0].get_ylabel()
    'FEI of the step'
    """
    few, many = record.settings["steps"]
    with style.styled():
        picture, axes = style.panels(4, 2, 8.6, sharex="col", sharey="row")
        for column, grid in enumerate(record["grid"].tolist()):
            _steps(axes[0][column], record, f"fei_{few}", few, column)
            _steps(axes[1][column], record, f"fei_{many}", many, column)
            _steps(axes[2][column], record, f"noise_share_{few}", few, column)
            _tau_squared(axes[3][column], record, few, column)
            axes[0][column].set_title(f"{grid}, {few} steps", loc="left")
            axes[1][column].set_title(f"{grid}, {many} steps", loc="left")
            axes[2][column].set_title(f"noise injected, {few} steps", loc="left")
            axes[3][column].set_title("noise rate relative to the reverse SDE", loc="left")
            style.level_axis(axes[3][column])
        axes[0][0].set_ylabel("FEI of the step")
        axes[1][0].set_ylabel("FEI of the step")
        axes[2][0].set_ylabel(r"s.d. of noise / $\lambda_t$")
        axes[3][0].set_ylabel(r"$\tau^2(\lambda)$")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _steps(panel: Axes, record: Record, label: str, n_steps: int, grid: int) -> None:
    """Draw a quantity of every step against the level where the step starts."""
    levels = record[f"level_{n_steps}"][grid, :-1]
    for i, name, look in scales.labelled():
        stride = max(1, n_steps // 10)
        panel.plot(levels, record[label][i, grid], label=name, markevery=(i % stride, stride), **look.line())
    panel.set_ylim(-0.03, 1.03)


def _tau_squared(panel: Axes, record: Record, n_steps: int, grid: int) -> None:
    """Draw tau squared over the levels of a grid."""
    low, high = record[f"level_{n_steps}"][grid, [-1, 0]]
    inside = (record["level"] >= low) & (record["level"] <= high)
    for i, _, look in scales.labelled():
        shown = record["tau_squared"][i, inside]
        panel.plot(record["level"][inside], shown, markevery=(3 * i, 20), **look.line())


FIGURE = PaperFigure(
    name="fei",
    title="FEI and injected noise along the grid",
    description="First-order Euler integral coefficient (FEI) of every step, the standard deviation of the "
    "noise it injects over the level it ends at, and tau squared, for six noise scales on the Karras grid "
    "of a VE model (left) and a uniform grid of a VP model (right). Sampling runs to the right. The ODE has "
    "the smallest FEI at every step; more noise always means a larger FEI; more steps make all of them smaller.",
    claims=("fei-order",),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
