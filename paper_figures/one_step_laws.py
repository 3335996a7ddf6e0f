"""One-step errors and the FEI bound, order by order, on four kinds of data side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import LabelledArray, Record
from paper_figures import style
from paper_figures._network import bars
from paper_figures._recorded import required
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LAWS = ("gaussian", "mixture")
_SHOWN = ("er_sde-1", "er_sde-2", "adams-3")
_RANGE = (0.002, 80.0)
_PATHS, _FEW = 1024, 64
_OF_LAW = {"error": "exact_error", "error_se": "exact_error_se", "bound": "exact_bound"}


def compute(settings: Settings) -> Record:
    """Return errors of single steps on a Gaussian, a mixture, the digits' law and the digits network.

    The last two are those of the committed measurement ``ersde measure digits --what a``, the first two the same
    measurement on other data. For order 1 the Gaussian's error is also computed exactly.

    Parameters
    ----------
    settings : Settings
        Quick: fewer paths, and two levels.

    Returns
    -------
    Record
        ``error``, ``error_se``, ``bound`` (data, noise_scale, level, scheme) of the steps of middle length, and
        ``exact`` (noise_scale, level), all in data units.

    Raises
    ------
    FileNotFoundError
        If the repository's records are not there.

    Examples
    --------
    >>> record = compute(Settings(quick=True))
    >>> bool((record["error"] <= record["bound"]).all())
    True

    References
    ----------
    ``math.md`` section 7.
    """
    from ersde_theory.errors import one_step_error
    from ersde_theory.network_errors.trial import QUICK_LEVELS, one_step_of_law
    from ersde_theory.noise_scale import NoiseScale
    from ersde_theory.problems import problem

    begin = time.perf_counter()
    digits = required("network-one-step", "ersde measure digits --what a")
    paths, chosen = (_FEW, QUICK_LEVELS) if settings.quick else (_PATHS, tuple(digits["level"].tolist()))
    found = [one_step_of_law(name, problem(name).make_law(), _RANGE, chosen, paths, settings.seed) for name in _LAWS]
    middle = len(digits["step"]) // 2
    levels, length = np.array(chosen), float(digits["step"][middle])
    places = [digits["level"].tolist().index(level) for level in chosen]
    schemes = [digits["scheme"].tolist().index(name) for name in _SHOWN]
    dims = ("data", "noise_scale", "level", "scheme")
    arrays = {
        "data": LabelledArray(("data",), np.array([*_LAWS, "digits' law", "digits network"])),
        "noise_scale": digits.arrays["noise_scale"],
        "level": LabelledArray(("level",), levels, "data units"),
        "scheme": LabelledArray(("scheme",), np.array(_SHOWN)),
    }
    for label, of_law in _OF_LAW.items():
        values = [record[label] for record in found] + [digits[name][:, places] for name in (of_law, label)]
        arrays[label] = LabelledArray(dims, np.stack(values)[..., middle, :][..., schemes], "data units")
    variance = float(problem("gaussian").spectrum[1])  # type: ignore[index]
    exact = [
        one_step_error(NoiseScale.from_name(name), levels, levels * np.exp(-length), variance).error
        for name in digits["noise_scale"].tolist()
    ]
    arrays["exact"] = LabelledArray(dims[1:3], np.array(exact), "data units")
    told = {"paths": paths, "paths_of_digits": digits.settings["paths"], "step": length}
    return Record(FIGURE.name, told | {"seed": settings.seed}, arrays, seconds=time.perf_counter() - begin)


def draw(record: Record) -> Figure:
    """Return the picture: a column for each kind of data, a row for each noise scale.

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
    12
    """
    names, data = record["noise_scale"].tolist(), record["data"].tolist()
    with style.styled():
        picture, axes = style.panels(len(names), len(data), 6.6, sharex=True, sharey="row")
        for i, name in enumerate(names):
            for j, panel in enumerate(axes[i]):
                _errors(panel, record, j, i)
                if j == 0:
                    panel.plot(record["level"], record["exact"][i], "kx", markersize=6.0, label="exact, er_sde-1")
            axes[i][0].set_ylabel(f"φ = {name}\nRMS error per coordinate")
        for panel, label in zip(axes[0], data, strict=True):
            panel.set_title(label, loc="left", fontsize=8)
        style.level_axis(axes[-1][0])
        for panel in axes[-1]:
            panel.set_xlabel("noise level $λ$\n(data units)")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 3)
    return picture


def _errors(panel: Axes, record: Record, j: int, i: int) -> None:
    """Draw the errors of all orders and the FEI bound of the first."""
    level = record["level"]
    panel.set_yscale("log")
    for s, scheme in enumerate(record["scheme"].tolist()):
        bars(panel, level, record["error"][j, i, :, s], record["error_se"][j, i, :, s], scheme, s)
    panel.plot(level, record["bound"][j, i, :, 0], color="#7F7F7F", linewidth=0.9, label="FEI bound of order 1")


FIGURE = PaperFigure(
    name="one-step-laws",
    title="One step on a Gaussian, a mixture, the digits and a network",
    description="Root-mean-square error of one step of log-length 0.25 from the right law at its start for three "
    "orders (bars: two standard errors), and the FEI bound of order 1; a column for each kind of data, a row for each "
    "noise scale. Without noise a higher order has a smaller error. With noise it has not: the noise within the "
    "step is what is left, and older evaluations bring more of it. The error peaks where the data's features are "
    "decided, and the network's is close to the exact denoiser's.",
    claims=("one-step-bound",),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
