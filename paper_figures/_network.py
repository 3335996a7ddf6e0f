"""What the figures of a network's measurements share: where their records come from, lines with error bars."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.records import Record
from paper_figures import style
from paper_figures._recorded import recorded
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FALL = 0.9  # a bar on a logarithmic axis reaches down by this share of the value at most


def recorded_or_tried(letter: str, name: str, settings: Settings) -> Record:
    """Return a measurement's committed record of the digits network, or else one on standard normal data.

    Parameters
    ----------
    letter, name : str
        Of the measurement.
    settings : Settings
        Quick: always the normal data, whose denoiser is known; a second, and no network.

    Returns
    -------
    Record

    Examples
    --------
    >>> recorded_or_tried("c", "network-orders", Settings(quick=True)).name
    'network-orders'
    """
    from ersde_theory.network_errors.trial import trial_record

    known = None if settings.quick or settings.seed else recorded(name)
    return known or trial_record(letter, settings.seed)


def network_figure(
    letter: str, name: str, title: str, description: str, draw: Callable[[Record], Figure]
) -> PaperFigure:
    """Return the figure of a measurement, which supports no claim.

    Parameters
    ----------
    letter, name : str
        Of the measurement.
    title, description : str
        Of the figure.
    draw : callable
        From the measurement's record to the picture.

    Returns
    -------
    PaperFigure

    Examples
    --------
    >>> network_figure("c", "network-orders", "Orders", "Errors against steps.", lambda record: None).claims
    ()
    """
    return PaperFigure(name, title, description, (), functools.partial(recorded_or_tried, letter, name), draw)


def bars(panel: Axes, x: np.ndarray, value: np.ndarray, error: np.ndarray, label: str, index: int) -> None:
    """Draw a series with bars of two standard errors, cut where they would leave a logarithmic axis.

    Parameters
    ----------
    panel : Axes
        Where.
    x, value, error : arrays of shape (n,)
        Points and standard errors; points that are not finite are left out.
    label : str
        For the legend.
    index : int
        Of the look.

    Examples
    --------
    >>> with style.styled():
    ...     _, axes = style.panels(1, 1, 2.0)
    ...     bars(axes[0][0], np.array([1.0, 2.0]), np.ones(2), 0.1 * np.ones(2), "a", 0)
    >>> len(axes[0][0].containers)
    1
    """
    there = np.isfinite(value) & (value > 0.0 if panel.get_yscale() == "log" else np.ones(value.shape, bool))
    spread = np.where(np.isfinite(error), 2.0 * error, 0.0)[there]
    down = np.minimum(spread, _FALL * value[there]) if panel.get_yscale() == "log" else spread
    series = style.look(index).line()
    panel.errorbar(x[there], value[there], (down, spread), label=label, capsize=1.5, **series)
