r"""One step of a scheme from a fine path, what it should have been, and the bounds of the difference.

The formulas are those of :mod:`ersde_theory.network_errors.one_step`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ersde_theory import schemes
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.network_errors._host import watched
from ersde_theory.network_errors._reference import reference_states
from ersde_theory.network_errors._statistics import mean_squares, rms
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import divided_difference_weights, moments, newton_moments
from ersde_theory.sampling import Denoiser
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

FINE = 64  # levels to a factor e, where the path is known; the reference's step is two of them
PAST = 64  # the history begins a factor e above the step's start
_HISTORY_STRIDE, _STRIDE, _ROUGH_STRIDE = 4, 2, 4

Build = Callable[[TimeGrid, NoiseScale], Tableau]
SCHEMES: dict[str, tuple[int, Build]] = {
    "er_sde-1": (1, lambda grid, phi: schemes.er_sde(grid, phi, 1)),
    "er_sde-2": (2, lambda grid, phi: schemes.er_sde(grid, phi, 2)),
    "er_sde-3": (3, lambda grid, phi: schemes.er_sde(grid, phi, 3)),
    "adams-3": (3, lambda grid, phi: schemes.exponential_adams(grid, phi, 3)),
}
TWIN_WEIGHT = 1.5  # of the newest data prediction, too heavy by a half: what a bound must notice


@dataclass(frozen=True)
class Passage:
    """A fine path through a level, with the data prediction along it.

    Attributes
    ----------
    phi : NoiseScale
        The noise scale function.
    levels : dict of int to float
        By index: 0 is the step's start, k lies k / `FINE` log-units below.
    states, data : dict of int to array of shape (n, d)
        Of the reference, and D there, at the nodes that are needed.
    rough : dict of int to array
        States of a reference of twice the step.
    between : dict of int to array
        D half-way between the reference's nodes, on a reference of its own that steps there.
    between_states : dict of int to array
        The states there.
    path : BrownianPath
        That drives all of it.

    Examples
    --------
    See :func:`passage`.
    """

    phi: NoiseScale
    levels: dict[int, float]
    states: dict[int, np.ndarray]
    data: dict[int, np.ndarray]
    rough: dict[int, np.ndarray]
    between: dict[int, np.ndarray]
    between_states: dict[int, np.ndarray]
    path: BrownianPath


def passage(
    denoise: Denoiser, phi: NoiseScale, level: float, steps: tuple[int, ...], start: np.ndarray, seed: int
) -> Passage:
    """Return the fine path of an ER-SDE through a level.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)``.
    phi : NoiseScale
        The noise scale function.
    level : float
        Where the steps start.
    steps : tuple of int
        Their lengths, in units of 1 / `FINE` log-units.
    start : array of shape (n, d)
        From the exact marginal a factor e above the level.
    seed : int
        Of the path.

    Returns
    -------
    Passage

    Examples
    --------
    >>> y = np.ones((2, 1))
    >>> through = passage(lambda y, noise_level: 0.5 * y, NoiseScale.ode(), 1.0, (16,), y, 0)
    >>> sorted(through.states)
    [-32, -16, 0, 16]
    """
    longest = max(steps)
    index = [*range(-PAST, 0, _HISTORY_STRIDE), *range(longest + 1)]
    levels = {k: float(level * np.exp(-k / FINE)) for k in index}
    path = BrownianPath(phi, TimeGrid(np.array([levels[k] for k in index])), seed)
    safe = watched(denoise, f"a step at noise level {level:g}")

    def run(nodes: list[int], begin: np.ndarray) -> dict[int, np.ndarray]:
        found = reference_states(denoise, path, np.array([levels[k] for k in nodes]), begin)
        return dict(zip(nodes, found, strict=True))

    before = run([k for k in index if k <= 0], start)
    fine = run(list(range(0, longest + 1, _STRIDE)), before[0])
    rough = run(list(range(0, longest + 1, _ROUGH_STRIDE)), before[0])
    odd = range(1, longest, _STRIDE)
    between_states = run([0, *odd], before[0])
    between = {k: safe(between_states[k], levels[k]) for k in odd}
    history = sorted({-j * h for h in steps for j in (0, 1, 2)})
    states = {k: before[k] for k in history} | {h: fine[h] for h in steps}
    data = {k: safe(before[k], levels[k]) for k in history}
    return Passage(phi, levels, states, data, {h: rough[h] for h in steps}, between, between_states, path)


def step_errors(through: Passage, scheme: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of one step of a scheme on every path, and that of a twin with one weight too heavy.

    Parameters
    ----------
    through : Passage
        The path.
    scheme : str
        One of `SCHEMES`.
    length : int
        Of the step.

    Returns
    -------
    error, twin : arrays of shape (n, d)

    Examples
    --------
    >>> through = passage(lambda y, noise_level: 0.5 * y, NoiseScale.ode(), 1.0, (16,), np.ones((2, 1)), 0)
    >>> step_errors(through, "er_sde-1", 16)[0].shape
    (2, 1)
    """
    _, build = SCHEMES[scheme]
    nodes = (-2 * length, -length, 0, length)
    tab = build(TimeGrid([through.levels[k] for k in nodes]), through.phi)
    start = through.states[0]
    output = tab.previous[-1] * start
    for column, weight in zip(tab.data_columns[-1].tolist(), tab.data[-1].tolist(), strict=True):
        if column >= 0:
            output = output + weight * through.data[nodes[column]]
    if tab.noise[-1, 0] != 0.0:
        draw = through.path.normals(tab.draws[-1], start.shape[1:], 0, len(start))
        output = output + tab.noise[-1, 0] * draw
    newest = float(tab.data[-1][tab.data_columns[-1] == 2][0])
    error = output - through.states[length]
    return error, error + (TWIN_WEIGHT - 1.0) * newest * through.data[0]


def step_bounds(through: Passage, scheme: str, length: int) -> tuple[float, float]:
    """Return FEI times the sup of rms(D - P) over the step, and the bound by the remainder (nan with noise).

    Parameters
    ----------
    through : Passage
        The path.
    scheme : str
        One of `SCHEMES`.
    length : int
        Of the step.

    Returns
    -------
    bound, remainder : float

    Examples
    --------
    >>> through = passage(lambda y, noise_level: 0.5 * y, NoiseScale.ode(), 1.0, (16,), np.ones((2, 1)), 0)
    >>> bound, remainder = step_bounds(through, "er_sde-2", 16)
    >>> error = rms(mean_squares(step_errors(through, "er_sde-2", 16)[0]))[0]
    >>> error < remainder < bound
    True
    """
    order, _ = SCHEMES[scheme]
    nodes = np.array([through.levels[-j * length] for j in range(order)])
    values = np.stack([through.data[-j * length] for j in range(order)])
    differences = np.einsum("mj,jnd->mnd", divided_difference_weights(nodes), values)
    inside = [k for k in through.between if k < length]

    def surprise(k: int) -> float:
        gap = through.levels[k] - nodes
        basis = [1.0, gap[0], gap[0] ** 2 if scheme == "er_sde-3" else gap[0] * gap[min(1, order - 1)]][:order]
        polynomial = np.tensordot(basis, differences, axes=1)
        return rms(mean_squares(through.between[k] - polynomial))[0]

    end = through.levels[length]
    fei = float(through.phi.fei(nodes[0], end))
    bound = fei * _sup([surprise(k) for k in inside])
    if through.phi.name != "ode":
        return bound, float("nan")

    def steepest(k: int) -> float:
        weights = divided_difference_weights(np.append(through.levels[k], nodes))[-1]
        return rms(mean_squares(weights[0] * through.between[k] + np.tensordot(weights[1:], values, axes=1)))[0]

    powers = moments(through.phi, nodes[0], end, order)
    remainder = abs(float(newton_moments(powers, np.append(nodes, end))[-1])) * _sup([steepest(k) for k in inside])
    if scheme == "er_sde-3":
        remainder += abs(float(powers[1])) * (nodes[1] - nodes[0]) * rms(mean_squares(differences[2]))[0]
    return bound, remainder


def _sup(values: list[float]) -> float:
    """Return the largest of values at equidistant nodes, and of their linear continuation to both ends of the step."""
    first, last = 1.5 * values[0] - 0.5 * values[1], 1.5 * values[-1] - 0.5 * values[-2]
    return max(*values, first, last)
