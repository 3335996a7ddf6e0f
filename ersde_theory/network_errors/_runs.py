"""What the measurements of whole runs share: the schemes, the grids, which data point an output is nearest to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ersde_theory import schemes
from ersde_theory.network_errors._subject import Subject
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

NOISE_SCALES = ("ode", "exp_power", "reverse_sde")
SCHEMES: dict[str, Callable[[TimeGrid, NoiseScale], Tableau]] = {  # N steps are N evaluations in all of them
    "er_sde-3-released": lambda grid, phi: schemes.er_sde(grid, phi, 3, variant="released"),
    "er_sde-3": lambda grid, phi: schemes.er_sde(grid, phi, 3),
    "adams-3": lambda grid, phi: schemes.exponential_adams(grid, phi, 3),
    "variable_order_pec": lambda grid, phi: schemes.variable_order_pec(grid, phi),
}
BASE_STEPS = 5  # every grid is this one, refined: so they are nested bit for bit


def run_grid(subject: Subject, n_steps: int) -> TimeGrid:
    """Return the grid of so many steps over the model's range, nested with those of other multiples of 5.

    Parameters
    ----------
    subject : Subject
        The model.
    n_steps : int
        A multiple of 5.

    Returns
    -------
    TimeGrid

    Raises
    ------
    ValueError
        If it is no multiple.

    Examples
    --------
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> run_grid(gaussian_subject(), 10).n_steps
    10
    """
    if n_steps % BASE_STEPS:
        message = f"n_steps: expected a multiple of {BASE_STEPS}, got {n_steps}"
        raise ValueError(message)
    low, high = subject.noise_range
    return TimeGrid.karras(BASE_STEPS, high, low).refine(n_steps // BASE_STEPS)


def tableau(name: str, grid: TimeGrid, noise_scale: str) -> Tableau:
    """Return the table of one of `SCHEMES` on a grid.

    Parameters
    ----------
    name : str
        Of the scheme.
    grid : TimeGrid
        Its levels.
    noise_scale : str
        Name of phi.

    Returns
    -------
    Tableau

    Examples
    --------
    >>> tableau("adams-3", TimeGrid([2.0, 1.0]), "ode").n_evaluations
    1
    """
    return SCHEMES[name](grid, NoiseScale.from_name(noise_scale))


def nearest(states: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return the index of the nearest data point of each state.

    Parameters
    ----------
    states : array of shape (n, d)
        Outputs.
    data : array of shape (K, d)
        Data.

    Returns
    -------
    int64 array of shape (n,)

    Examples
    --------
    >>> nearest(np.array([[0.9]]), np.array([[0.0], [1.0]])).tolist()
    [1]
    """
    squares = (data**2).sum(axis=1)
    parts = np.array_split(states, max(1, len(states) * len(data) // 2**22))
    return np.concatenate([np.argmin(squares - 2.0 * (part @ data.T), axis=1) for part in parts])
