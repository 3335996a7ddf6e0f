"""One noise scale function of one's own: its noise, its FEI, its exact error, and samples, in one picture."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory import schemes
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample
from ersde_theory.time_grid import TimeGrid
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings
from paper_figures.solution_space import LEVELS, digits_spectrum, member, relative_distance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTS = (5, 7, 10, 14, 20, 30, 50, 100, 200)
COMPARED = ("ode", "exp_power", "reverse_sde")
SAMPLES = 400


def design(
    low: float = 0.2,
    high: float = 1.0,
    middle: float = 1.0,
    evaluations: int = 20,
    score_error: float = 0.003,
    seed: int = 0,
) -> Record:
    """Return what a noise scale function with two strengths of noise does, next to three known ones.

    Parameters
    ----------
    low, high : float
        tau^2 far below and far above `middle`, >= 0; see :func:`paper_figures.solution_space.member`.
    middle : float
        The level at which tau^2 is half-way, > 0.
    evaluations : int
        Steps, for FEI and samples.
    score_error : float
        Relative error of the score, for the distances.
    seed : int
        Of the samples.

    Returns
    -------
    Record
        For the own function, the last entry along ``noise_scale``, and the others: ``tau_squared`` (noise_scale,
        level), ``fei`` (noise_scale, step), ``distance`` (noise_scale, evaluations), exact, and ``sample``
        (path, coordinate) of the own one on the mixture in the plane.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> design(evaluations=10)["fei"].shape
    (4, 10)
    """
    begin = time.perf_counter()
    own = member(low, high, middle)
    members = [*(NoiseScale.from_name(name) for name in COMPARED), own]
    grid = TimeGrid.karras(evaluations, *LEVELS)
    variances, level = digits_spectrum(), np.geomspace(*LEVELS, 81)
    distance = np.array(
        [
            [
                relative_distance(
                    [schemes.exponential_adams(TimeGrid.karras(n, *LEVELS), phi, 3)], variances, score_error
                )[0]
                for n in COUNTS
            ]
            for phi in members
        ]
    )
    law = problem("mixture").make_law()
    plane = TimeGrid.karras(evaluations, 20.0, 0.02)
    start = law.sample(SAMPLES, noise_level=20.0, seed=seed)
    ends = sample(schemes.exponential_adams(plane, own, 3), law.denoise, start, seed)
    axis = np.linspace(-3.5, 3.5, 81)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    arrays = {
        "noise_scale": LabelledArray(("noise_scale",), np.array([*COMPARED, "own"])),
        "level": LabelledArray(("level",), level, "data units"),
        "tau_squared": LabelledArray(("noise_scale", "level"), np.stack([phi.tau_squared(level) for phi in members])),
        "start_level": LabelledArray(("step",), grid.levels[:-1], "data units"),
        "fei": LabelledArray(
            ("noise_scale", "step"), np.stack([phi.fei(grid.levels[:-1], grid.levels[1:]) for phi in members])
        ),
        "evaluations": LabelledArray(("evaluations",), np.array(COUNTS)),
        "distance": LabelledArray(("noise_scale", "evaluations"), distance),
        "sample": LabelledArray(("path", "coordinate"), ends, "data units"),
        "x": LabelledArray(("x",), axis, "data units"),
        "y": LabelledArray(("y",), axis, "data units"),
        "log_density": LabelledArray(("x", "y"), law.log_density(points, 0.02).reshape(axis.size, axis.size)),
    }
    recorded = {
        "low": low,
        "high": high,
        "middle": middle,
        "steps": evaluations,
        "score_error": score_error,
        "seed": seed,
    }
    return Record("design", recorded, arrays, FIGURE.claims, seconds=time.perf_counter() - begin)


def compute(settings: Settings) -> Record:
    """Return the design with its default numbers.

    Parameters
    ----------
    settings : Settings
        Its seed is that of the samples.

    Returns
    -------
    Record
        Of :func:`design`.

    Examples
    --------
    >>> compute(Settings()).settings["steps"]
    20
    """
    return design(seed=settings.seed)


def draw(record: Record) -> Figure:
    """Return the picture of a design.

    Parameters
    ----------
    record : Record
        Made by :func:`design`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw(design()).axes)
    4
    """
    said = record.settings
    with style.styled():
        picture, axes = style.panels(2, 2, 5.6)
        (noise, fei), (error, plane) = axes
        for m, name in enumerate(record["noise_scale"].tolist()):
            look = style.look(m).line() | ({"linewidth": 2.4} if name == "own" else {"linewidth": 1.0})
            noise.plot(record["level"], record["tau_squared"][m], label=name, markevery=(4 * m, 20), **look)
            fei.plot(record["start_level"], record["fei"][m], **look)
            error.plot(record["evaluations"], record["distance"][m], **look)
        for panel in (noise, fei):
            style.level_axis(panel)
        noise.set_ylabel(r"$\tau^2(\lambda)$")
        fei.set_ylabel(f"FEI of the step, {said['steps']} steps")
        error.set(yscale="log", xlabel="evaluations", ylabel="$W_2$ / size of the data")
        style.step_ticks([error], record["evaluations"].astype(float))
        error.set_title(f"score off by {100 * said['score_error']:g} %", fontsize=8)
        top = float(record["log_density"].max())
        contours = [top - 8.0, top - 4.0, top - 2.0, top - 0.7, top + 1.0]
        shades = ["0.93", "0.86", "0.79", "0.72"]
        plane.contourf(record["x"], record["y"], record["log_density"].T, levels=contours, colors=shades)
        plane.plot(*record["sample"].T, ".", color="#000000", markersize=2)
        plane.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal", xlabel="$y_1$", ylabel="$y_2$")
        plane.set_title(f"own φ, {said['steps']} evaluations", fontsize=8)
        style.letter_panels(axes)
        style.legend_above(picture, noise, 4)
    return picture


def show(
    low: float = 0.2, high: float = 1.0, middle: float = 1.0, evaluations: int = 20, score_error: float = 0.003
) -> Figure:
    """Return the picture of a design, for sliders.

    Parameters
    ----------
    low, high, middle, evaluations, score_error
        As :func:`design`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(show(low=0.5).axes)
    4
    """
    return draw(design(low, high, middle, evaluations, score_error))


FIGURE = PaperFigure(
    name="design",
    title="Design your own noise scale function",
    description="A noise scale function with chosen strengths of noise at low and at high levels (thick), next to "
    "the ODE, exp_power and the reverse SDE: its noise, the FEI of each step, the exact Wasserstein-2 distance on "
    "Gaussian data with the covariance of the digits against evaluations, for a score that is off by a constant "
    "share, and 400 samples on a mixture in the plane over its density.",
    claims=("fei-order", "sde-quality-imperfect"),
    compute=compute,
    draw=draw,
)
FIGURES = {FIGURE.name: FIGURE}
