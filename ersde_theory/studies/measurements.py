"""The measurements that studies can name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.catalogue import scheme
from ersde_theory.errors import OBSERVABLES, path_grid
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.laboratory import measure
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.sampling import sample
from ersde_theory.studies._measurement import Measurement

_GRID = ("noise_scale", "problem", "scheme", "steps")


@functools.cache
def _buildable(name: str, noise_scale: str) -> bool:
    """Return whether a scheme takes a noise scale function."""
    return scheme(name).accepts(NoiseScale.from_name(noise_scale))


def buildable(parameters: Mapping[str, Any]) -> bool:
    """Return whether the scheme of a cell takes its noise scale function.

    Parameters
    ----------
    parameters : mapping
        ``scheme``, ``noise_scale``: names.

    Returns
    -------
    bool

    Raises
    ------
    TypeError, ValueError
        If a name is none, or unknown.

    Examples
    --------
    >>> buildable({"scheme": "ddpm", "noise_scale": "ode"})
    False
    """
    return _buildable(*(_checks.instance(parameters[name], name, str) for name in ("scheme", "noise_scale")))


def coupled(parameters: Mapping[str, Any]) -> bool:
    """Return whether two runs of a cell's scheme can share a Brownian path: not if it brings noise of its own.

    Parameters
    ----------
    parameters : mapping
        ``scheme``, ``noise_scale``: names.

    Returns
    -------
    bool

    Raises
    ------
    TypeError, ValueError
        If a name is none, or unknown.

    Examples
    --------
    >>> coupled({"scheme": "edm_stochastic", "noise_scale": "ode"})
    False
    """
    return buildable(parameters) and not scheme(parameters["scheme"]).own_noise


def exact_error(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:  # noqa: ARG001 - as every measurement
    """Return the exact Wasserstein-2 distance on a Gaussian problem, over the size of the data.

    Parameters
    ----------
    parameters : mapping
        ``scheme``, ``noise_scale``, ``problem``: names; ``steps``: int; ``score_error``: relative, optional.
    seed : int
        Not used.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a name is unknown or the problem is not Gaussian.

    Examples
    --------
    >>> cell = {"scheme": "adams-3", "noise_scale": "ode", "problem": "gaussian", "steps": 40}
    >>> f"{exact_error(cell, 0)['distance']:.0e}"
    '4e-06'
    """
    chosen = problem(parameters["problem"])
    if chosen.spectrum is None:
        msg = f"problem: expected a Gaussian one, got {chosen.name!r}"
        raise ValueError(msg)
    mean, variance = chosen.spectrum
    phi = NoiseScale.from_name(parameters["noise_scale"])
    tab = scheme(parameters["scheme"]).tableau(chosen.make_grid(int(parameters["steps"])), phi)
    error = float(parameters.get("score_error", 0.0))
    distance = wasserstein2(tab, mean, variance, score_error=(lambda lam: np.full_like(lam, error)) if error else None)
    return {"distance": float(np.sqrt((distance**2).sum() / np.asarray(variance).sum()))}


def exact_order(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Return the order on a Gaussian problem with the half-width of its interval; -1 if it is not decided.

    Parameters
    ----------
    parameters : mapping
        ``scheme``, ``noise_scale``, ``problem``: names; ``kind``: optional, ``exact`` unless given.
    seed : int
        Of what is random in the judgement.

    Returns
    -------
    dict

    Examples
    --------
    >>> cell = {"scheme": "er_sde-2", "noise_scale": "ode", "problem": "gaussian"}
    >>> round(exact_order(cell, 0)["order"], 1)
    2.0
    """
    kind = parameters.get("kind", "exact")
    found = measure(parameters["scheme"], parameters["noise_scale"], parameters["problem"], kind, seed=seed)
    if not found.decided:
        return {"order": -1.0, "half_width": 0.0}
    return {"order": float(found.verdict.order), "half_width": float(found.verdict.half_width)}


def weak_difference(parameters: Mapping[str, Any], seed: int) -> dict[str, float]:
    r"""Return the mean change of observables from N to 2N steps on one Brownian path.

    For an error :math:`c N^{-p}` it is :math:`c(1-2^{-p}) N^{-p}`, with a variance that falls with the error.

    Parameters
    ----------
    parameters : mapping
        ``scheme``, ``noise_scale``, ``problem``: names; ``steps``: int; ``paths``: int, in one block.
    seed : int
        Of start and path.

    Returns
    -------
    dict
        By observable.

    Examples
    --------
    >>> cell = {"scheme": "er_sde-2", "noise_scale": "reverse_sde", "problem": "overlapping", "steps": 10, "paths": 50}
    >>> sorted(weak_difference(cell, 1)) == sorted(OBSERVABLES)
    True
    """
    chosen, steps = problem(parameters["problem"]), int(parameters["steps"])
    entry, phi = scheme(parameters["scheme"]), NoiseScale.from_name(parameters["noise_scale"])
    law, fine = chosen.make_law(), chosen.make_grid(2 * steps)
    tableaus = [entry.tableau(grid, phi) for grid in (chosen.make_grid(steps), fine)]
    path = BrownianPath(phi, path_grid(tableaus), seed)
    start = law.sample(int(parameters["paths"]), noise_level=float(fine.levels[0]), seed=seed)
    ends = [sample(tab, law.denoise, start, path) for tab in tableaus]
    return {name: float((of(ends[0]) - of(ends[1])).mean()) for name, of in OBSERVABLES.items()}


ALL = {
    item.name: item
    for item in (
        Measurement("exact-error", exact_error, required=_GRID, optional=("score_error",), applies=buildable),
        Measurement("exact-order", exact_order, required=_GRID[:-1], optional=("kind",), applies=buildable),
        Measurement("weak-difference", weak_difference, sampled=True, required=(*_GRID, "paths"), applies=coupled),
    )
}
