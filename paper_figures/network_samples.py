"""The output's law of a network's samplers: score error against discretisation error, distances from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._network import bars, network_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORE, QUALITY = "network-score-error", "network-quality"


def draw_score(record: Record) -> Figure:
    """Return the picture of distances against evaluations, one panel a denoiser.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.score_error``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw_score(FIGURES[SCORE].compute(Settings(quick=True))).axes)
    6
    """
    cases, names = record["case"].tolist(), record["noise_scale"].tolist()
    counts = record["evaluations"].astype(float)
    columns = min(2, len(cases))
    rows = -(-len(cases) // columns)
    with style.styled():
        picture, axes = style.panels(rows, columns, 1.0 + 2.1 * rows, sharex=True)
        flat = [panel for row in axes for panel in row]
        for c, case in enumerate(cases):
            panel = flat[c]
            for i, name in enumerate(names):
                bars(panel, counts, record["energy"][c, i], record["energy_se"][c, i], f"φ = {name}", i)
            panel.axhline(0.0, color="#7F7F7F", linewidth=0.7)
            panel.set_title(case, loc="left")
        for panel in flat[len(cases) :]:
            panel.set_axis_off()
        style.step_ticks(flat, counts)
        for panel in flat[len(cases) - columns : len(cases)]:
            panel.set_xlabel("evaluations of the denoiser")
            panel.tick_params(labelbottom=True)
        for row in axes:
            row[0].set_ylabel("energy distance (data units)")
        style.letter_panels([flat[: len(cases)]])
        style.legend_above(picture, flat[0], 3)
    return picture


def draw_quality(record: Record) -> Figure:
    """Return the picture of distances of samples from the data.

    Parameters
    ----------
    record : Record
        Of ``ersde_theory.network_errors.quality``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from paper_figures import Settings
    >>> len(draw_quality(FIGURES[QUALITY].compute(Settings(quick=True))).axes)
    2
    """
    runs = record["run"].tolist()
    features = record.settings["features"]
    quantities = {"energy": "energy distance", "sliced": "sliced $W_2^2$"}
    quantities |= {f"frechet {name}": f"Fréchet, {name}" for name in features}
    places = list(range(len(runs)))[::-1]
    with style.styled():
        picture, axes = style.panels(1, len(quantities), 1.2 + 0.2 * len(runs), sharey=True)
        for panel, (label, shown) in zip(axes[0], quantities.items(), strict=True):
            value, spread = record[label], record[f"{label} se"]
            low, high = value[0] - 2.0 * spread[0], value[0] + 2.0 * spread[0]
            panel.axvspan(low, high, color="#dddddd", zorder=0)
            look = style.look(0)
            panel.errorbar(
                value,
                places,
                xerr=2.0 * spread,
                fmt=look.marker,
                color=look.colour,
                capsize=1.5,
                label="± 2 standard errors",
            )
            if f"{label} at n" in record.arrays:
                series = style.look(2)
                raw = record[f"{label} at n"][:, -1]
                panel.plot(raw, places, series.marker, color=series.colour, fillstyle="none", label="at n, biased")
            panel.set_xlabel(shown)
        axes[0][0].set_yticks(places, runs, fontsize=6.5)
        axes[0][0].set_ylabel("samples of")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][-1], 2)
    return picture


FIGURES = {
    SCORE: network_figure(
        "d",
        SCORE,
        "Score error against discretisation error",
        "Energy distance of the output to the data against evaluations, for the model and for the exact denoiser with "
        "a controlled error, bars two standard errors. The reverse SDE takes in most of an error at all levels; "
        "all denoisers share their starts and noise, so chance differences show in several panels at once.",
        draw_score,
    ),
    QUALITY: network_figure(
        "f",
        QUALITY,
        "Distance of a network's samples from the data",
        "Energy distance, squared sliced Wasserstein distance and Fréchet distances of features, bars two standard "
        "errors; the grey band is what a second sample of the data gets. Hollow markers: the Fréchet distance at n, "
        "before its bias is taken off.",
        draw_quality,
    ),
}
