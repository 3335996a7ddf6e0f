"""Exact orders of the whole catalogue on Gaussian data: all noise scale functions of a scheme share each run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ersde_theory.catalogue import Scheme, scheme, scheme_names
from ersde_theory.errors import Outcome
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.laboratory._gaussian import against_exact_moments, of_own_noise
from ersde_theory.laboratory._measure import FINEST, measurement
from ersde_theory.laboratory._measurement import Kind, Measurement
from ersde_theory.laboratory._task import Task, exact_ladders, silent
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem, problem
from ersde_theory.tableau import Tableau

NOISE_SCALES = ("ode", "reverse_sde", "power(1.5)", "power(2.5)", "exp_reciprocal", "log_power", "exp_power")
_LADDER: tuple[int, ...] = (20, 40, 80, 160, 320)
_Rung = dict[str, tuple[Tableau, np.ndarray]]  # by the name of phi


def exact_orders(
    schemes: Sequence[str] | None = None,
    noise_scales: Sequence[str] = NOISE_SCALES,
    advance: Callable[[float], None] | None = None,
) -> list[Measurement]:
    """Measure the order of mean and variance on Gaussian data, exactly, for schemes times noise scale functions.

    Parameters
    ----------
    schemes : sequence of str, optional
        Names of the catalogue; all unless given.
    noise_scales : sequence of str
        Names; a scheme takes those that it can be built with.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    list of Measurement
        As :func:`measure` makes them for kind ``exact`` on the problem ``gaussian``.

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> found = exact_orders(["er_sde-2", "ddpm"], ["ode", "reverse_sde"])
    >>> [(item.scheme, item.noise_scale, item.agrees) for item in found]
    [('er_sde-2', 'ode', True), ('er_sde-2', 'reverse_sde', True), ('ddpm', 'reverse_sde', True)]
    """
    entries = [scheme(name) for name in schemes or scheme_names()]
    scales = [NoiseScale.from_name(name) for name in noise_scales]
    found: list[Measurement] = []
    for k, entry in enumerate(entries):
        found += _of_scheme(entry, [phi for phi in scales if entry.accepts(phi)], problem("gaussian"))
        (advance or silent)((k + 1) / len(entries))
    return found


def _of_scheme(entry: Scheme, scales: Sequence[NoiseScale], chosen: Problem) -> list[Measurement]:
    """Return the measurement with each phi; while one with a declared order is undecided it goes on to finer grids."""
    begin = time.perf_counter()
    results: dict[str, Measurement] = {}
    rungs: dict[int, _Rung] = {}
    ladder, left = _LADDER, list(scales)
    while left:
        for n in ladder:
            if n not in rungs:
                rungs[n] = _rung(entry, left, chosen, n)
        for phi in left:
            results[phi.name] = _judged(entry, phi, chosen, [rungs[n] for n in ladder], ladder)
        left = [phi for phi in left if ladder[-1] < FINEST and _is_open(results[phi.name])]
        ladder = (*ladder[1:], 2 * ladder[-1])
    seconds = (time.perf_counter() - begin) / max(len(scales), 1)
    return [replace(results[phi.name], seconds=seconds) for phi in scales]


def _rung(entry: Scheme, scales: Sequence[NoiseScale], chosen: Problem, n_steps: int) -> _Rung:
    """Return tables and output moments with every phi on one grid, from a start of mean 0."""
    assert chosen.spectrum is not None
    tables = [entry.tableau(chosen.make_grid(n_steps), phi) for phi in scales]
    mean, variance = output_moments(tables, *chosen.spectrum, start_mean=0.0)
    return {phi.name: (tab, np.array([m, v])) for phi, tab, m, v in zip(scales, tables, mean, variance, strict=True)}


def _judged(
    entry: Scheme, phi: NoiseScale, chosen: Problem, rungs: Sequence[_Rung], ladder: tuple[int, ...]
) -> Measurement:
    """Return the measurement with one phi."""
    assert chosen.spectrum is not None
    mean, variance = (float(part) for part in chosen.spectrum)
    tables = tuple(rung[phi.name][0] for rung in rungs)
    moments = np.array([rung[phi.name][1] for rung in rungs])
    errors = of_own_noise(entry, against_exact_moments(moments, tables, mean, variance, phi))
    task = Task(entry, phi, chosen, ladder, tables, 1.0, 0, silent)
    return measurement(task, Kind.EXACT, exact_ladders(ladder, *errors), 0.0)


def _is_open(result: Measurement) -> bool:
    """Return whether there is an order to confirm, and it is undecided."""
    return result.declared is not None and result.verdict.outcome is Outcome.UNDECIDED
