"""How the figures look: readable in grey, by colour-blind eyes, and the same bytes for the same Record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe-Ito, without its yellow (invisible on white) and with a deeper green, so that the first six
# differ in lightness too. Every series also has a dash pattern and a marker of its own.
_OKABE_ITO = ("#000000", "#0072B2", "#D55E00", "#E69F00", "#00573F", "#CC79A7")
COLOURS = (*_OKABE_ITO, "#56B4E9", "#7F7F7F", "#8A3C00", "#003F63")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1.2)),
    (0, (8, 3)),
    (0, (1, 2.5)),
    (0, (6, 1.5, 1.2, 1.5, 1.2, 1.5)),
    (0, (2, 2.5)),
    (0, (10, 1.5, 3, 1.5)),
)
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", "*", "h")

WIDTH = 7.2  # inches: the text width of a page
Format = Literal["pdf", "svg", "png"]
FORMATS: tuple[Format, ...] = ("pdf", "svg", "png")
_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.handlelength": 4.2,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.2,
    "figure.dpi": 100.0,
    "savefig.dpi": 200.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "ersde-theory",
    "path.simplify": True,
}
# No date and no version: the bytes depend on the numbers alone.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Look:
    """Colour, dash pattern and marker of a series.

    Attributes
    ----------
    colour : str
        Hexadecimal sRGB.
    dashes : str or tuple
        A Matplotlib line style.
    marker : str
        A Matplotlib marker.

    Examples
    --------
    >>> look(0).colour
    '#000000'
    """

    colour: str
    dashes: Any
    marker: str

    def line(self) -> dict[str, Any]:
        """Return the keywords of a line of this look.

        Returns
        -------
        dict

        Examples
        --------
        >>> look(2).line()["marker"]
        '^'
        """
        return {"color": self.colour, "linestyle": self.dashes, "marker": self.marker}


def look(index: int) -> Look:
    """Return the look of the series with an index.

    Parameters
    ----------
    index : int
        0 to 9.

    Returns
    -------
    Look

    Raises
    ------
    ValueError
        If there are not so many looks that can be told apart.

    Examples
    --------
    >>> look(1).line()["marker"]
    's'
    """
    if not 0 <= index < len(COLOURS):
        message = f"index: expected 0 to {len(COLOURS) - 1}, got {index}"
        raise ValueError(message)
    return Look(COLOURS[index], DASHES[index], MARKERS[index])


@contextmanager
def styled() -> Iterator[None]:
    """Yield with the style in force; figures are drawn inside.

    Examples
    --------
    >>> with styled():
    ...     import matplotlib
    ...     matplotlib.rcParams["pdf.fonttype"]
    42
    """
    import matplotlib

    settings: Any = {**_SETTINGS, "backend": "agg"}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user has configured
        matplotlib.rcParams.update(settings)
        yield


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """Return an empty figure of page width with a grid of panels. Call it inside :func:`styled`.

    Parameters
    ----------
    rows, columns : int
        Number of panels.
    height : float
        In inches.
    **options
        Handed to ``Figure.subplots``.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of lists of Axes

    Examples
    --------
    >>> with styled():
    ...     picture, axes = panels(2, 3, 4.0)
    >>> len(axes), len(axes[0])
    (2, 3)
    """
    from matplotlib.figure import Figure

    # Not through pyplot, which keeps every figure alive.
    picture = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = picture.subplots(rows, columns, squeeze=False, **options)
    return picture, [list(row) for row in axes]


def legend_above(picture: Figure, source: Axes, columns: int) -> None:
    """Put one legend for the whole figure above its panels.

    Parameters
    ----------
    picture : Figure
        Drawn with :func:`panels`.
    source : Axes
        A panel that holds every labelled series.
    columns : int
        Of the legend.

    Examples
    --------
    >>> with styled():
    ...     picture, axes = panels(1, 1, 3.0)
    ...     _ = axes[0][0].plot([0.0, 1.0], label="a line")
    ...     legend_above(picture, axes[0][0], 1)
    >>> len(picture.legends)
    1
    """
    handles, labels = source.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper center", ncols=columns)


def signed_line(panel: Axes, x: Any, error: Any, label: str, series: Look) -> None:
    """Draw absolute errors on a logarithmic panel; the marker is hollow where the error is positive.

    Parameters
    ----------
    panel : Axes
        With a logarithmic y axis.
    x, error : arrays of shape (n,)
        Signed errors.
    label : str
        For the legend, where the marker is filled.
    series : Look
        Of the line.

    Examples
    --------
    >>> import numpy as np
    >>> with styled():
    ...     _, axes = panels(1, 1, 3.0)
    ...     signed_line(axes[0][0], np.array([1.0, 2.0]), np.array([1e-3, -1e-4]), "a", look(0))
    >>> len(axes[0][0].lines)
    4
    """
    panel.plot(x, abs(error), color=series.colour, linestyle=series.dashes)
    panel.plot([], [], label=label, **series.line())
    alone: dict[str, Any] = {"color": series.colour, "marker": series.marker, "linestyle": "none"}
    below, above = error < 0.0, error >= 0.0
    panel.plot(x[below], -error[below], **alone)
    panel.plot(x[above], error[above], markerfacecolor="white", zorder=3, **alone)


def reference_line(panel: Axes, x: Any, y: Any, label: str) -> None:
    """Draw a thin grey line named at its end.

    Parameters
    ----------
    panel : Axes
        Where.
    x, y : arrays of shape (n,)
        Points.
    label : str
        At the last point.

    Examples
    --------
    >>> with styled():
    ...     _, axes = panels(1, 1, 3.0)
    ...     reference_line(axes[0][0], [1.0, 2.0], [1.0, 0.5], "slope 1")
    >>> axes[0][0].texts[0].get_text()
    'slope 1'
    """
    panel.plot(x, y, color="#888888", linewidth=0.7, zorder=0)
    panel.annotate(
        label,
        (x[-1], y[-1]),
        xytext=(4, 0),
        textcoords="offset points",
        color="#555555",
        fontsize=7.0,
        va="center",
    )


def level_axis(panel: Axes) -> None:
    """Make a shared x axis one of noise levels: logarithmic, falling to the right, ticks at decades only.

    Parameters
    ----------
    panel : Axes
        One of those that share the axis.

    Examples
    --------
    >>> with styled():
    ...     _, axes = panels(1, 1, 3.0)
    ...     level_axis(axes[0][0])
    >>> bool(axes[0][0].xaxis_inverted())
    True
    """
    from matplotlib.ticker import NullLocator

    panel.set_xscale("log")
    panel.invert_xaxis()
    panel.xaxis.set_minor_locator(NullLocator())  # minor ticks take half of the drawing time
    panel.set_xlabel(r"noise level $\lambda$ (data units); sampling runs right")


def step_ticks(row: Sequence[Axes], steps: Any) -> None:
    """Make the shared x axis of panels logarithmic, with a tick at each number of steps.

    Parameters
    ----------
    row : sequence of Axes
        Panels that share their x axis.
    steps : array of shape (n,)
        Numbers of steps.

    Examples
    --------
    >>> with styled():
    ...     _, axes = panels(1, 1, 3.0)
    ...     step_ticks(axes[0], [10.0, 20.0])
    >>> axes[0][0].get_xticks().tolist()
    [10.0, 20.0]
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    for panel in row:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(FixedLocator(list(steps)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}"))
        panel.xaxis.set_minor_formatter(NullFormatter())


def letter_panels(axes: Sequence[Sequence[Axes]]) -> None:
    """Put a letter before the title of each panel, row by row.

    Parameters
    ----------
    axes : sequence of sequences of Axes
        As :func:`panels` returns them, titles set.

    Examples
    --------
    >>> with styled():
    ...     _, axes = panels(1, 2, 3.0)
    ...     letter_panels(axes)
    >>> axes[0][1].get_title(loc="left")
    '(b)'
    """
    flat = [panel for row in axes for panel in row]
    for letter, panel in zip("abcdefghijkl", flat, strict=False):
        panel.set_title(f"({letter}) {panel.get_title(loc='left')}".strip(), loc="left")


def render(picture: Figure, kind: Format) -> bytes:
    """Return the bytes of a picture; the same picture gives the same bytes.

    Parameters
    ----------
    picture : Figure
        To be written.
    kind : {"pdf", "svg", "png"}
        Of the file.

    Returns
    -------
    bytes

    Examples
    --------
    >>> with styled():
    ...     picture, _ = panels(1, 1, 2.0)
    >>> render(picture, "png")[1:4]
    b'PNG'
    """
    stream = BytesIO()
    with styled():
        _settle(picture)
        picture.savefig(stream, format=kind, metadata=_METADATA[kind])
    return stream.getvalue()


def _settle(picture: Figure) -> None:
    """Lay a figure out once and round the result: the solver's last digits are not the same every time."""
    if picture.get_layout_engine() is None:
        return
    picture.draw_without_rendering()  # type: ignore[no-untyped-call,unused-ignore]
    picture.set_layout_engine(None)  # not "none", for which every file is drawn once more
    for panel in picture.axes:
        bounds = [round(float(value), 5) for value in panel.get_position(original=True).bounds]
        panel.set_position((bounds[0], bounds[1], bounds[2], bounds[3]))
