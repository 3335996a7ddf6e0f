"""The space of noise scale functions as a plane: the exact error of every member at a fixed number of evaluations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory import schemes
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.time_grid import TimeGrid
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = (80.0, 0.002)
MIDDLE = 1.0  # the level at which tau^2 is half-way
MOST = 2.0
SCORE_ERRORS = (0.0, 0.003, 0.01)
PUBLISHED = ("ode", "power(1.5)", "exp_power", "exp_reciprocal", "log_power", "reverse_sde")
BANDWIDTH = 0.1


def member(low: float, high: float, middle: float = MIDDLE) -> NoiseScale:
    r"""Return the noise scale function with two levels of noise.

    .. math:: \tau^2(\lambda) = \tau^2_{low} + (\tau^2_{high}-\tau^2_{low})\frac{\lambda^2}{\lambda^2+c^2},
              \qquad \varphi = \lambda^{1+\tau^2_{low}}(\lambda^2+c^2)^{(\tau^2_{high}-\tau^2_{low})/2}

    Parameters
    ----------
    low, high : float
        tau^2 far below and far above the middle, >= 0.
    middle : float
        The level c at which it is half-way, > 0.

    Returns
    -------
    NoiseScale

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> phi = member(0.0, 1.0)
    >>> round(float(phi.tau_squared(1.0)), 12)
    0.5
    """
    for name, value, least in (("low", low, 0.0), ("high", high, 0.0), ("middle", middle, 1e-6)):
        if not least <= value < np.inf:
            message = f"{name}: expected a number >= {least:g}, got {value}"
            raise ValueError(message)

    def tau_squared(lam: np.ndarray) -> np.ndarray:
        return np.asarray(low + (high - low) * lam**2 / (lam**2 + middle**2))

    return NoiseScale.from_tau_squared(tau_squared, f"tau^2 {low:g} to {high:g}")


def digits_spectrum() -> np.ndarray:
    """Return the variances of Gaussian data with the covariance of the handwritten digits, smoothed by 0.1.

    Returns
    -------
    float64 array of shape (64,)

    Examples
    --------
    >>> digits_spectrum().shape
    (64,)
    """
    from analytic import handwritten_digits

    spectrum = np.linalg.eigvalsh(np.cov(handwritten_digits().pixels.T)).clip(min=0.0)
    return np.asarray(spectrum + BANDWIDTH**2)


def relative_distance(tableaus: list, variances: np.ndarray, score_error: float) -> np.ndarray:  # type: ignore[type-arg]
    """Return the exact W2 of each tableau's output from the data, over the data's size.

    Parameters
    ----------
    tableaus : list of Tableau
        Of one structure.
    variances : array of shape (d,)
        Of the data.
    score_error : float
        Relative error of the score, at every level.

    Returns
    -------
    float64 array of shape (tableaus,)

    Examples
    --------
    >>> tab = schemes.exponential_adams(TimeGrid.karras(20, *LEVELS), member(0.0, 0.0), 3)
    >>> f"{relative_distance([tab], digits_spectrum(), 0.0)[0]:.1e}"
    '6.0e-03'
    """
    distances = wasserstein2(tableaus, 0.0, variances, score_error=lambda lam: np.full_like(lam, score_error))
    return np.asarray(np.linalg.norm(distances, axis=-1) / np.sqrt(variances.sum()))


def compute(settings: Settings) -> Record:
    """Return the error over the plane, for several numbers of evaluations and errors of the score.

    Parameters
    ----------
    settings : Settings
        Quick: 9 by 9 members at 10 and 20 evaluations instead of 25 by 25 at 10, 20 and 50.

    Returns
    -------
    Record
        ``distance`` (evaluations, score_error, low, high), exact, with the coordinates; ``published_low``,
        ``published_high`` (published), tau^2 of the published functions at the ends of the grid, and
        ``published_distance`` (evaluations, score_error, published).

    Examples
    --------
    >>> compute(Settings(quick=True))["distance"].shape
    (2, 3, 9, 9)
    """
    begin = time.perf_counter()
    counts = (10, 20) if settings.quick else (10, 20, 50)
    axis = MOST * np.linspace(0.0, 1.0, 9 if settings.quick else 25) ** 1.5  # finer where there is little noise
    variances = digits_spectrum()
    members = [member(low, high) for low in axis.tolist() for high in axis.tolist()]
    known = [NoiseScale.from_name(name) for name in PUBLISHED]
    distance = np.empty((len(counts), len(SCORE_ERRORS), axis.size, axis.size))
    published = np.empty((len(counts), len(SCORE_ERRORS), len(known)))
    for k, n in enumerate(counts):
        grid = TimeGrid.karras(n, *LEVELS)
        # without noise a table has another structure, and is carried along apart
        tableaus = [schemes.exponential_adams(grid, phi, 3) for phi in [*members, *known]]
        for e, error in enumerate(SCORE_ERRORS):
            found = relative_distance(tableaus, variances, error)
            distance[k, e] = found[: len(members)].reshape(axis.size, axis.size)
            published[k, e] = found[len(members) :]
    arrays = {
        "evaluations": LabelledArray(("evaluations",), np.array(counts)),
        "score_error": LabelledArray(("score_error",), np.array(SCORE_ERRORS)),
        "low": LabelledArray(("low",), axis),
        "high": LabelledArray(("high",), axis),
        "distance": LabelledArray(("evaluations", "score_error", "low", "high"), distance),
        "published": LabelledArray(("published",), np.array(PUBLISHED)),
        "published_low": LabelledArray(("published",), np.array([float(p.tau_squared(LEVELS[1])) for p in known])),
        "published_high": LabelledArray(("published",), np.array([float(p.tau_squared(LEVELS[0])) for p in known])),
        "published_distance": LabelledArray(("evaluations", "score_error", "published"), published),
    }
    recorded = {"levels": list(LEVELS), "middle": MIDDLE, "scheme": "Adams-3", "spectrum": "covariance of the digits"}
    return Record("solution-space", recorded, arrays, FIGURE.claims, seconds=time.perf_counter() - begin)


def draw(record: Record) -> Figure:
    """Return the picture: one map for each number of evaluations and error of the score.

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
    >>> len(picture.axes) >= 6
    True
    """
    counts, errors = record["evaluations"].tolist(), record["score_error"].tolist()
    logs = np.log10(record["distance"])
    with style.styled():
        picture, axes = style.panels(len(errors), len(counts), 2.3 * len(errors) + 0.9, sharex=True, sharey=True)
        for e, error in enumerate(errors):
            for k, n in enumerate(counts):
                panel = axes[e][k]
                _map(panel, record, logs[k, e])
                panel.set_title(f"{n} evaluations", loc="left")
            what = "exact score" if error == 0.0 else f"score off by {100 * error:g} %"
            axes[e][0].set_ylabel(what + "\n" + r"$\tau^2$ at high $\lambda$")
        for panel in axes[-1]:
            panel.set_xlabel(r"$\tau^2$ at low $\lambda$")
        style.letter_panels(axes)
        handles, labels = axes[0][0].get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside upper center", ncols=4)
    return picture


def _map(panel: Axes, record: Record, values: np.ndarray) -> None:
    """Draw log10 of the error over the plane with labelled contours, published members and the best."""
    low, high = record["low"], record["high"]
    low_edge = np.sqrt(low / MOST)  # the axes spread small values
    levels = np.linspace(values.min() - 1e-9, values.max() + 1e-9, 11)
    shades = [str(grey) for grey in np.linspace(0.98, 0.55, levels.size - 1)]  # labels stay readable on the darkest
    panel.contourf(low_edge, np.sqrt(high / MOST), values.T, levels=levels, colors=shades)
    lines = panel.contour(
        low_edge,
        np.sqrt(high / MOST),
        values.T,
        levels=levels[1::2],
        colors="#0072B2",
        linewidths=0.7,
        linestyles="solid",
    )
    panel.clabel(lines, fmt=lambda v: f"{10.0**v:.1e}", fontsize=7)
    at = np.unravel_index(int(values.argmin()), values.shape)
    for i, name in enumerate(record["published"].tolist()):
        x, y = (np.sqrt(min(record[f"published_{end}"][i], MOST) / MOST) for end in ("low", "high"))
        panel.plot(
            x,
            y,
            style.look(i).marker,
            color="#D55E00",
            markeredgecolor="white",
            markersize=8.5 - 0.5 * i,  # those of one place stay visible in each other
            label=name,
            clip_on=False,
            zorder=4,
        )
    panel.plot(
        low_edge[at[0]],
        np.sqrt(high[at[1]] / MOST),
        "*",
        color="#F0E442",
        markeredgecolor="black",
        markersize=20,
        label="best of the plane",
        clip_on=False,
    )
    ticks = np.array([0.0, 0.1, 0.5, 1.0, 2.0])
    panel.set(xticks=np.sqrt(ticks / MOST), yticks=np.sqrt(ticks / MOST))
    panel.set_xticklabels([f"{t:g}" for t in ticks])
    panel.set_yticklabels([f"{t:g}" for t in ticks])


FIGURE = PaperFigure(
    name="solution-space",
    title="The solution space: error over noise at low and at high levels",
    description="Exact Wasserstein-2 distance (its logarithm; dark is large, contours are labelled) of "
    "exponential Adams-3 on Gaussian data with the covariance of the digits, for noise scale functions with one "
    "strength of noise at low and one at high noise levels, at 10, 20 and 50 evaluations, with an exact score and "
    "with scores off by 0.3 and 1 per cent. Markers: the published functions at their tau squared at 0.002 and 80; "
    "the star is the best of the plane. With an exact score the best has no noise at high levels and, at 20 and 50 "
    "evaluations, some at low ones; as the score gets worse it moves to more noise, first at low levels, with more "
    "evaluations at all of them.",
    claims=("sde-quality-imperfect", "sde-quality-law"),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
