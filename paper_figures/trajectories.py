"""What paths look like: flows on a mixture in the plane, and digits at few and many evaluations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory import schemes
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample
from ersde_theory.time_grid import TimeGrid
from paper_figures import style
from paper_figures.registry import PaperFigure, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEMBERS = ("ode", "exp_power", "reverse_sde")
FLOW_LEVELS = (20.0, 0.02)
IMAGE_LEVELS = (80.0, 0.002)
EVALUATIONS = (5, 10, 20, 50)
IMAGES, PATHS = 8, 200
SHOWN_PATHS = 4
BANDWIDTH = 0.1


def compute_flows(settings: Settings) -> Record:
    """Return paths on the mixture of the problem ``mixture``, in the coordinates of a VP process.

    Parameters
    ----------
    settings : Settings
        Quick: 60 steps and 20 paths instead of 400 and 60.

    Returns
    -------
    Record
        ``path`` (noise_scale, level, path, coordinate) and ``level``; the data's log density ``log_density`` (x, y).

    Examples
    --------
    >>> compute_flows(Settings(quick=True))["path"].shape
    (3, 61, 20, 2)
    """
    begin = time.perf_counter()
    n_steps, n_paths = (60, 20) if settings.quick else (400, 60)
    law = problem("mixture").make_law()
    grid = TimeGrid.karras(n_steps, *FLOW_LEVELS)
    start = law.sample(n_paths, noise_level=FLOW_LEVELS[0], seed=settings.seed)
    paths = []
    for name in MEMBERS:
        tab = schemes.variable_order_pec(grid, NoiseScale.from_name(name))
        run = sample(tab, law.denoise, start, settings.seed, return_trajectory=True)
        at_nodes = run.states[np.flatnonzero(np.append(np.diff(tab.node) > 0, True))]  # corrected states
        paths.append(at_nodes / np.sqrt(1.0 + grid.levels[:, None, None] ** 2))
    axis = np.linspace(-3.2, 3.2, 97)
    plane = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = law.log_density(plane, FLOW_LEVELS[1]).reshape(axis.size, axis.size)
    arrays = {
        "noise_scale": LabelledArray(("noise_scale",), np.array(MEMBERS)),
        "level": LabelledArray(("level",), grid.levels, "data units"),
        "path": LabelledArray(("noise_scale", "level", "path", "coordinate"), np.stack(paths), "data units"),
        "x": LabelledArray(("x",), axis, "data units"),
        "y": LabelledArray(("y",), axis, "data units"),
        "log_density": LabelledArray(("x", "y"), density),
    }
    recorded = {"problem": "mixture", "scheme": "variable_order_pec", "seed": settings.seed}
    return Record("trajectories", recorded, arrays, FLOWS.claims, seconds=time.perf_counter() - begin)


def draw_flows(record: Record) -> Figure:
    """Return the picture of the paths: in the plane, and one coordinate against the noise level.

    Parameters
    ----------
    record : Record
        Made by :func:`compute_flows`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw_flows(compute_flows(Settings(quick=True))).axes)
    6
    """
    members, levels, path = record["noise_scale"].tolist(), record["level"], record["path"]
    top = float(record["log_density"].max())
    with style.styled():
        picture, axes = style.panels(2, len(members), 5.0, height_ratios=(1.5, 1.0))
        for m, name in enumerate(members):
            plane, along = axes[0][m], axes[1][m]
            contours = top - np.array([8.0, 4.0, 2.0, 0.7])
            plane.contourf(
                record["x"],
                record["y"],
                record["log_density"].T,
                levels=[*contours, top + 1],
                colors=["0.93", "0.86", "0.79", "0.72"],
            )
            drawn = slice(None) if name == "ode" else slice(SHOWN_PATHS)  # rough paths would cover each other
            plane.plot(path[m, :, drawn, 0], path[m, :, drawn, 1], color="#0072B2", linewidth=0.5)
            plane.plot(*path[m, 0].T, "o", color="#FFFFFF", markeredgecolor="#000000", markersize=3, label="start")
            plane.plot(*path[m, -1].T, "s", color="#D55E00", markeredgecolor="none", markersize=3, label="end")
            plane.set(title=f"φ: {name}", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xlabel="$x_1$")
            along.plot(levels, path[m, :, :12, 0], color="#0072B2", linewidth=0.6)
            style.level_axis(along)
            along.set(ylim=(-3.2, 3.2), xlabel=r"noise level $\lambda$, falling")
        axes[0][0].set_ylabel("$x_2$")
        axes[1][0].set_ylabel("$x_1$")
        style.letter_panels(axes)
        style.legend_above(picture, axes[0][0], 2)
    return picture


def compute_images(settings: Settings) -> Record:
    """Return digits sampled with the exact score at few and many evaluations, all from one start and one path.

    Parameters
    ----------
    settings : Settings
        Quick: 24 paths instead of 200.

    Returns
    -------
    Record
        ``image`` (noise_scale, evaluations, digit, row, column), pixels of the first eight paths; ``distance``
        (noise_scale, evaluations, path), RMS per pixel from the image at 100 evaluations.

    Examples
    --------
    >>> compute_images(Settings(quick=True))["image"].shape
    (3, 5, 8, 8, 8)
    """
    from analytic import digits_law

    begin = time.perf_counter()
    law, counts = digits_law(BANDWIDTH), (*EVALUATIONS, 100)
    n_paths = 24 if settings.quick else PATHS
    start = law.sample(n_paths, noise_level=IMAGE_LEVELS[0], seed=settings.seed)
    finest = TimeGrid.karras(counts[-1], *IMAGE_LEVELS)
    images = np.empty((len(MEMBERS), len(counts), n_paths, 64))
    for m, name in enumerate(MEMBERS):
        phi = NoiseScale.from_name(name)
        path = BrownianPath(phi, finest, settings.seed)
        for k, n in enumerate(counts):
            grid = TimeGrid(finest.levels[:: counts[-1] // n])  # the Karras levels of n steps are among the finest
            images[m, k] = sample(schemes.variable_order_pec(grid, phi), law.denoise, start, path)
    distance = np.sqrt(((images - images[:, -1:]) ** 2).mean(axis=-1))
    shown = images[:, :, :IMAGES].reshape(len(MEMBERS), len(counts), IMAGES, 8, 8)
    arrays = {
        "noise_scale": LabelledArray(("noise_scale",), np.array(MEMBERS)),
        "evaluations": LabelledArray(("evaluations",), np.array(counts)),
        "image": LabelledArray(("noise_scale", "evaluations", "digit", "row", "column"), shown),
        "distance": LabelledArray(("noise_scale", "evaluations", "path"), distance, "pixel"),
    }
    recorded = {"law": "digits", "bandwidth": BANDWIDTH, "scheme": "variable_order_pec", "seed": settings.seed}
    return Record("samples", recorded, arrays, IMAGES_FIGURE.claims, seconds=time.perf_counter() - begin)


def draw_images(record: Record) -> Figure:
    """Return the picture: one panel for each phi, one row of digits for each number of evaluations.

    Parameters
    ----------
    record : Record
        Made by :func:`compute_images`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(draw_images(compute_images(Settings(quick=True))).axes)
    6
    """
    members, counts = record["noise_scale"].tolist(), record["evaluations"].tolist()
    with style.styled():
        picture, axes = style.panels(2, len(members), 3.9, height_ratios=(1.0, 1.0))
        for m, name in enumerate(members):
            tiles = np.pad(record["image"][m], ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-1.0)
            mosaic = tiles.transpose(0, 2, 1, 3).reshape(len(counts) * 9, -1)
            axes[0][m].imshow(mosaic, cmap="Greys", vmin=-1.0, vmax=1.0, interpolation="nearest", aspect="equal")
            axes[0][m].set_title(f"φ: {name}", loc="left")
            axes[0][m].set(xticks=[], yticks=9 * np.arange(len(counts)) + 4, yticklabels=counts)
            axes[0][m].grid(visible=False)
            shown = record["distance"][m, :-1]
            low, middle, high = np.quantile(shown, (0.1, 0.5, 0.9), axis=1)
            axes[1][m].fill_between(counts[:-1], low, high, color="#DDDDDD", label="80 % of the paths")
            axes[1][m].plot(counts[:-1], middle, label="median", **style.look(0).line())
            axes[1][m].set_yscale("log")
            axes[1][m].sharey(axes[1][0])
            style.step_ticks([axes[1][m]], counts[:-1])
            axes[1][m].set_xlabel("evaluations")
        axes[0][0].set_ylabel("evaluations")
        axes[1][0].set_ylabel("RMS from 100\nevaluations (pixel)")
        style.letter_panels(axes)
        style.legend_above(picture, axes[1][0], 2)
    return picture


FLOWS = PaperFigure(
    name="trajectories",
    title="Paths of ODE, φ and SDE on a mixture in the plane",
    description="Paths from pure noise to data, in the coordinates of a VP process, on a Gaussian mixture in the "
    "plane (grey: its density). Without noise they are smooth and take the nearest mode; with noise at high levels "
    "(exp_power) they wander first and settle smoothly; the reverse SDE wanders to the end. All end on the data. "
    "Below: one coordinate of twelve paths against the noise level.",
    claims=("marginals", "limits"),
    compute=compute_flows,
    draw=draw_flows,
)
IMAGES_FIGURE = PaperFigure(
    name="samples",
    title="Digits at 5, 10, 20, 50 and 100 evaluations",
    description="Handwritten digits sampled with the exact score of the digits' empirical law by variable_order_pec; "
    "every row starts from the same noise and follows the same Brownian path, so a column should show one digit. "
    "Below: distance of each from its image at 100 evaluations, median and the range of 80 per cent of 200 paths. "
    "Without noise most digits are settled at 10 evaluations and nearly all at 20; with noise some paths still end "
    "in another digit at 20, and with the reverse SDE most do.",
    claims=("sde-quality",),
    compute=compute_images,
    draw=draw_images,
)
FIGURES = {FLOWS.name: FLOWS, IMAGES_FIGURE.name: IMAGES_FIGURE}
