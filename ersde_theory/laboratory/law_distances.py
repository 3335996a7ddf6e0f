"""Do distances of laws say what characteristic functions say? ``python -m ersde_theory.laboratory distances``.

The comparison measures a mixture's law by characteristic functions. Here the default and the released solver are also
held to Wasserstein-1 of projections and to the energy distance, from coupled paths.
"""

from __future__ import annotations

import time

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.laboratory._gaussian import node_levels
from ersde_theory.laboratory._judge import Judge
from ersde_theory.laboratory._references import sde_end
from ersde_theory.laboratory.comparison import DEFAULT, RELEASED, SCHEMES, SETTINGS
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample
from ersde_theory.time_grid import TimeGrid

EVALUATIONS = (10, 15, 20, 30)
PROBLEMS = ("mixture", "mixture, wide")
MEASURES = ("characteristic function", "Wasserstein-1", "energy")
_REFINEMENT, _SHIFTS, _DIRECTIONS = 2, 16, 8


def energy_of_coupled(states: np.ndarray, exact: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the root of the energy distance of two laws from coupled samples, and its standard error.

    Each path is held against 16 others, drawn by shifts: the estimate of the energy distance has no bias, and the
    large common part of the two samples cancels term by term. 0 if noise made it negative.

    Parameters
    ----------
    states, exact : float64 arrays of shape (n, d)
        Rows are coupled, other rows independent.
    seed : int
        Of the shifts.

    Returns
    -------
    distance, error : float

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((4000, 2))
    >>> distance, error = energy_of_coupled(x + 0.1, x, 0)
    >>> bool(0.05 < distance < 0.15), bool(error < 0.01)
    (True, True)
    """
    shifts = np.random.default_rng(seed).choice(np.arange(1, len(states)), _SHIFTS, replace=False)
    rows = np.zeros(len(states))
    for shift in shifts.tolist():
        far, far_exact = np.roll(states, shift, axis=0), np.roll(exact, shift, axis=0)
        across = np.linalg.norm(states - far_exact, axis=1) + np.linalg.norm(exact - far, axis=1)
        rows += across - np.linalg.norm(states - far, axis=1) - np.linalg.norm(exact - far_exact, axis=1)
    mean, spread = rows.mean() / _SHIFTS, 2.0 * rows.std(ddof=1) / _SHIFTS / len(rows) ** 0.5
    distance = max(float(mean), 0.0) ** 0.5
    return distance, float(spread) / (2.0 * max(distance, float(spread) ** 0.5))


def projected_wasserstein1(states: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Return the Wasserstein-1 distance of projections, the mean over 8 directions of the plane, and its uncertainty.

    Noise makes the distance of samples too large, more so for fewer: the uncertainty is the change from half of them.

    Parameters
    ----------
    states, exact : float64 arrays of shape (n, 2)
        Rows are coupled.

    Returns
    -------
    distance, uncertainty : float

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((4000, 2))
    >>> round(projected_wasserstein1(x + np.array([0.1, 0.0]), x)[0], 4)    # mean of 0.1 |cos|
    0.0628
    """
    angle = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    directions = np.stack([np.cos(angle), np.sin(angle)])

    def distance(rows: slice) -> float:
        a, b = (np.sort(sampled[rows] @ directions, axis=0) for sampled in (states, exact))
        return float(np.abs(a - b).mean())

    half = len(states) // 2
    whole = distance(slice(None))
    return whole, abs(0.5 * (distance(slice(half)) + distance(slice(half, 2 * half))) - whole)


def distances(paths: int = 50_000, seed: int = 0) -> Record:
    """Return errors in law of the released and the default scheme by three measures, with phi = exp_power.

    Parameters
    ----------
    paths : int
        Coupled paths, >= 100.
    seed : int
        Of everything random.

    Returns
    -------
    Record
        Named ``law-distances``: ``error`` and ``uncertainty`` (problem, measure, scheme, evaluations), and ``gain``,
        the released scheme's error over the default's.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> distances(paths=200)["gain"].shape
    (2, 3, 4)
    """
    begin, phi = time.perf_counter(), NoiseScale.exp_power()
    n = _checks.integer(paths, "paths", minimum=100)
    root = _checks.integer(seed, "seed", minimum=0)
    names = (RELEASED, DEFAULT)
    error, spread = np.empty((2, len(PROBLEMS), len(MEASURES), len(names), len(EVALUATIONS)))
    for i, name in enumerate(PROBLEMS):
        setting = SETTINGS[name]
        law = setting.problem.make_law()
        tableaus = {
            (s, k): SCHEMES[key](setting.grid, m, phi) for s, key in enumerate(names) for k, m in enumerate(EVALUATIONS)
        }
        present = {place: tab for place, tab in tableaus.items() if tab is not None}
        levels = np.unique(np.concatenate([node_levels(tab) for tab in present.values()]))[::-1]
        start = law.sample(n, noise_level=setting.lam_max, seed=root)
        path = BrownianPath(phi, TimeGrid(levels).refine(_REFINEMENT), root)
        exact = sde_end(law, path, start)
        judge = Judge(law, exact, root, in_law=True)
        for (s, k), tab in present.items():
            states = np.asarray(sample(tab, law.denoise, start, path))
            waves = judge(states)[0]
            found = (
                (waves["law"], waves["law_error"]),
                projected_wasserstein1(states, exact),
                energy_of_coupled(states, exact, root),
            )
            error[i, :, s, k], spread[i, :, s, k] = np.array(found).T
    table = ("problem", "measure", "scheme", "evaluations")
    arrays = {
        "problem": LabelledArray(("problem",), np.array(PROBLEMS)),
        "measure": LabelledArray(("measure",), np.array(MEASURES)),
        "scheme": LabelledArray(("scheme",), np.array(names)),
        "evaluations": LabelledArray(("evaluations",), np.array(EVALUATIONS)),
        "error": LabelledArray(table, error),
        "uncertainty": LabelledArray(table, spread),
        "gain": LabelledArray(
            (*table[:2], "evaluations"), error[:, :, 0] / np.maximum(error[:, :, 1], np.finfo(float).tiny)
        ),
    }
    return Record("law-distances", {"paths": n, "seed": root}, arrays, seconds=time.perf_counter() - begin)
