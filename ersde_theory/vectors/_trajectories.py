"""Trajectories through a certified table: plain Python floats, denoisers that anybody can write down.

States are in the coordinates x of the process. Both denoisers are defined at alpha = 0 as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

Point = list[float]
Denoiser = Callable[[Point, float, float], Point]
SAMPLES, COORDINATES = 2, 2
MIXTURE: dict[str, Any] = {
    "weights": [0.5, 0.25, 0.25],
    "means": [[1.0, 0.5], [-1.5, 0.25], [0.0, -1.0]],
    "standard_deviations": [0.25, 0.5, 0.125],
}
DESCRIPTIONS = {
    "toy": "D_j = tanh(alpha x_j/(alpha^2 + sigma^2) + x_(1-j)/4), each coordinate with the other one",
    "mixture": "E[x_0 | x] of isotropic Gaussians: with v_k = alpha^2 s_k^2 + sigma^2 and r_k proportional to "
    "weight_k v_k^(-1) exp(-|x - alpha m_k|^2/(2 v_k)), sum_k r_k (m_k + alpha s_k^2 (x - alpha m_k)/v_k)",
}


def toy(x: Point, alpha: float, sigma: float) -> Point:
    """Return the fixed nonlinear denoiser.

    Parameters
    ----------
    x : list of float
        Two coordinates.
    alpha, sigma : float
        Of the level.

    Returns
    -------
    list of float

    Examples
    --------
    >>> toy([0.0, 0.0], 1.0, 1.0)
    [0.0, 0.0]
    """
    scale = alpha / (alpha * alpha + sigma * sigma)
    return [math.tanh(scale * x[j] + x[1 - j] / 4.0) for j in range(2)]


def mixture(x: Point, alpha: float, sigma: float) -> Point:
    """Return the exact denoiser of the mixture.

    Parameters
    ----------
    x : list of float
        Two coordinates.
    alpha, sigma : float
        Of the level.

    Returns
    -------
    list of float

    Examples
    --------
    >>> [round(v, 6) for v in mixture([1.0, 0.5], 1.0, 1e-3)]
    [1.0, 0.5]
    """
    logs, pulls = [], []
    for weight, mean, deviation in zip(*MIXTURE.values(), strict=True):
        variance = (alpha * deviation) ** 2 + sigma**2
        away = [a - alpha * m for a, m in zip(x, mean, strict=True)]
        logs.append(math.log(weight) - math.log(variance) - sum(a * a for a in away) / (2.0 * variance))
        pulls.append([m + alpha * deviation**2 * a / variance for m, a in zip(mean, away, strict=True)])
    top = max(logs)
    shares = [math.exp(value - top) for value in logs]
    return [sum(r * pull[j] for r, pull in zip(shares, pulls, strict=True)) / sum(shares) for j in range(2)]


DENOISERS: dict[str, Denoiser] = {"toy": toy, "mixture": mixture}


def normals(seed: int, count: int) -> list[float]:
    """Return numbers of about normal law that are the same everywhere: sums of twelve 10-bit numbers.

    Parameters
    ----------
    seed : int
        Of a linear congruential generator.
    count : int
        How many.

    Returns
    -------
    list of float
        Multiples of 1/1024.

    Examples
    --------
    >>> normals(1, 2)
    [0.1923828125, 0.9267578125]
    """

    def uniform() -> Iterator[int]:
        state = seed
        while True:
            state = (6364136223846793005 * state + 1442695040888963407) % 2**64
            yield state >> 54

    source = uniform()
    return [(sum(next(source) for _ in range(12)) - 6 * 1024) / 1024.0 for _ in range(count)]


def trajectory(run: dict[str, Any], table: dict[str, Any], denoiser: str, seed: int) -> dict[str, Any]:
    """Return start, draws and every state of a run.

    Parameters
    ----------
    run : dict
        With ``levels``, ``alpha``, ``sigma``.
    table : dict
        One of its tableaus.
    denoiser : {"toy", "mixture"}
        Which.
    seed : int
        Of :func:`normals`.

    Returns
    -------
    dict

    Examples
    --------
    >>> run = {"steps": 1, "levels": [1.0, 0.0], "alpha": [1.0, 1.0], "sigma": [1.0, 0.0]}
    >>> table = {"scheme": "s", "noise_scale": "ode", "level": [0, 1], "evaluation": [0, -1],
    ...     "previous": [1.0, 0.0], "data": [[], [[0, 1.0]]], "noise": [[], []]}
    >>> len(trajectory(run, table, "toy", 1)["states"])
    2
    """
    size = SAMPLES * COORDINATES
    numbers = normals(seed, size * (1 + run["steps"]))
    points = [
        [numbers[size * m + 2 * s : size * m + 2 * s + 2] for s in range(SAMPLES)] for m in range(1 + run["steps"])
    ]
    draws = points[1:]
    state = [[run["sigma"][0] * z for z in point] for point in points[0]]
    states, values = [], dict[int, list[Point]]()
    for r, level in enumerate(table["level"]):
        if r > 0:
            terms = [(w, values[k]) for k, w in table["data"][r]] + [(w, draws[m]) for m, w in table["noise"][r]]
            state = [
                [table["previous"][r] * state[s][j] + sum(w * term[s][j] for w, term in terms) for j in range(2)]
                for s in range(SAMPLES)
            ]
        states.append(state)
        if table["evaluation"][r] >= 0:
            alpha, sigma = run["alpha"][level], run["sigma"][level]
            values[table["evaluation"][r]] = [DENOISERS[denoiser](point, alpha, sigma) for point in state]
    names = {"scheme": table["scheme"], "noise_scale": table["noise_scale"], "denoiser": denoiser}
    return {**names, "start": states[0], "draws": draws, "states": states}


__all__ = ["DENOISERS", "DESCRIPTIONS", "MIXTURE", "mixture", "normals", "toy", "trajectory"]
