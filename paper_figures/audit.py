"""The figure of an audit: injected noise, differences from the certified sampler, errors as the steps grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROUND_OFF = 1e-12  # relative error of a mean that is not drawn
_FLOOR = 1e-17  # where a difference of 0 is drawn


def compute(settings: Settings) -> Record:
    """Return the audit of ER-SDE-Solver-3 as released.

    Parameters
    ----------
    settings : Settings
        Quick: 20 steps and a short ladder.

    Returns
    -------
    Record
        Of ``ersde_theory.audit``.

    Examples
    --------
    >>> compute(Settings(quick=True)).settings["verdict"]
    'faulty'
    """
    import time

    from ersde_theory import NoiseScale, schemes
    from ersde_theory.audit import Readout, read_out, record
    from ersde_theory.audit.conventions import own_scheme
    from ersde_theory.audit.targets import grid_of
    from ersde_theory.audit.verdict import judge

    def read_at(n: int) -> Readout:
        tab = schemes.er_sde(grid_of("ve-karras", n), NoiseScale.exp_power(), 3, variant="released")
        return read_out(own_scheme(tab))

    begin = time.perf_counter()
    ladder = (10, 20, 40, 80) if settings.quick else (10, 20, 50, 100, 200, 400)
    verdict = judge(read_at, (20,) if settings.quick else (10, 20, 50), ladder=ladder)
    return record(verdict, time.perf_counter() - begin)


def draw(record: Record) -> Figure:
    """Return the picture of an audit.

    Parameters
    ----------
    record : Record
        Made by :func:`compute` or ``ersde audit``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(compute(Settings(quick=True))).axes)
    4
    """
    settings = record.settings
    with style.styled():
        picture, axes = style.panels(2, 2, 6.0)
        _noise(axes[0][0], record)
        _differences(axes[0][1], record)
        _errors(axes[1][0], axes[1][1], record)
        style.letter_panels(axes)
        axes[0][1].legend(loc="center", fontsize=7.0)  # between what is off and round-off
        picture.suptitle(f"{settings['sampler']}: {settings['verdict']}", x=0.01, ha="left", fontsize=9.5)
    return picture


def _noise(panel: Axes, record: Record) -> None:
    """Draw tau squared along the grid, from the ratio, from the noise, and of the nearest phi."""
    high, low = record["level_from"], record["level_to"]
    inner = np.isfinite(high) & (low > 0.0)
    at = np.sqrt(high[inner] * low[inner])
    shown = (
        ("tau_squared_expected", f"nearest: {record.settings['noise_scale'] or 'none'}"),
        ("tau_squared_of_ratio", "of the ratio"),
        ("tau_squared_of_noise", "of the noise"),
    )
    for k, (name, label) in enumerate(shown):
        values = np.where(np.isfinite(record[name][inner]), record[name][inner], np.nan)
        only = {"marker": "none"} if k == 0 else {"linestyle": "none"}
        panel.plot(at, values, **{**style.look(k).line(), **only}, label=label, fillstyle="none" if k == 2 else "full")
    style.level_axis(panel)
    panel.set_ylabel(r"injected noise $\tau^2$, mean over the step")
    panel.set_title("noise scale function", loc="left")
    panel.legend(fontsize=7.0)


def _differences(panel: Axes, record: Record) -> None:
    """Draw how far the coefficients of each step are off."""
    steps = np.arange(record["off_ratio"].size)
    labels = ("off_ratio", "ratio"), ("off_data", "data weights"), ("off_noise", "noise variance / λ²")
    for k, (name, label) in enumerate(labels):
        values = np.maximum(np.nan_to_num(record[name], nan=_FLOOR), _FLOOR)
        panel.plot(steps, values, **style.look(k).line(), label=label)
    panel.set_yscale("log")
    panel.set_ylim(_FLOOR / 3.0, None)
    panel.set_xlabel("step")
    panel.set_ylabel("difference from the certified coefficient")
    panel.set_title(r"coefficients (0 at the bottom)", loc="left")


def _errors(left: Axes, right: Axes, record: Record) -> None:
    """Draw the errors on Gaussian data against the number of steps."""
    if "n_steps" not in record.arrays:
        for panel in (left, right):
            panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)
        return
    steps = record["n_steps"].astype(float)
    wanted = record["variance_wanted"]
    style.signed_line(left, steps, record["variance_error"] / wanted, "variance", style.look(0))
    mean = record["mean_error"] / np.sqrt(wanted)
    if np.abs(mean).max() > _ROUND_OFF:
        style.signed_line(left, steps, mean, "mean / spread", style.look(1))
    else:
        left.plot([], [], " ", label="(mean: round-off)")
    right.plot(steps, record["distance"], **style.look(2).line())
    for panel, top in ((left, np.abs(record["variance_error"] / wanted)[0]), (right, record["distance"][0])):
        for order in (1, 2):
            style.reference_line(panel, steps, top * (steps / steps[0]) ** -order, f"slope {order}")
        panel.set_yscale("log")
        panel.set_xlabel("number of steps $N$")
    style.step_ticks([left, right], steps)
    left.set_ylabel("relative error on N(0.7, 0.25)\n(hollow: too large)")
    right.set_ylabel("W2 over a spectrum, relative")
    left.set_title("exact error of the output", loc="left")
    right.set_title("exact Wasserstein-2 distance", loc="left")
    left.legend(fontsize=7.0)


FIGURE = PaperFigure(
    name="audit",
    title="An audit of a sampler",
    description="Noise relative to the reverse SDE along the grid, from the ratios and from the noise, against the "
    "nearest noise scale function; how far each coefficient is from the certified one; exact errors of the output on "
    "Gaussian data against the number of steps. As drawn by default: ER-SDE-Solver-3 as released, whose data weights "
    "are off by its Riemann sum and whose last noises are clipped.",
    claims=(),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
