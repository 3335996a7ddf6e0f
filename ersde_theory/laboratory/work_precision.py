"""Work-precision diagrams: error against evaluations and against seconds, any schemes, any problem, one call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory import _checks
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.catalogue import Scheme, scheme
from ersde_theory.errors import coupled_errors
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.laboratory._references import ode_end, sde_end
from ersde_theory.laboratory._task import Advance, silent
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem, problem
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

if TYPE_CHECKING:
    from analytic import Law

EVALUATIONS = (10, 15, 20, 30, 50, 100, 200)
MEASURES = ("law", "path")
_TIMED_ROWS = 256
_REFINEMENT = 4  # of the reference's grid, against all levels that any scheme uses


@dataclass(frozen=True)
class _Errors:
    """Error and its uncertainty for each tableau of a ladder."""

    values: np.ndarray
    uncertainties: np.ndarray
    unit: str


def work_precision(
    schemes: Sequence[str],
    noise_scale: str | NoiseScale,
    problem_name: str | Problem,
    *,
    evaluations: Sequence[int] = EVALUATIONS,
    measure: str | None = None,
    paths: int = 512,
    seed: int = 0,
    advance: Advance | None = None,
) -> Record:
    """Return errors of schemes at given numbers of evaluations, and the seconds that they take.

    Parameters
    ----------
    schemes : sequence of str
        Names of the catalogue.
    noise_scale : str or NoiseScale
        phi.
    problem_name : str or Problem
        Law and grids.
    evaluations : sequence of int
        Budgets; each scheme takes as many steps as fit.
    measure : {"law", "path"}, optional
        ``law``: exact Wasserstein-2 of the output over the root of the total variance, Gaussian problems only.
        ``path``: median over paths of the RMS error per coordinate against a reference on the same path. Default:
        law where it can be had.
    paths : int
        For ``path``.
    seed : int
        Of the paths.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Record
        Named ``work-precision``: ``error``, ``uncertainty``, ``seconds`` (scheme, budget), ``evaluations`` spent; nan
        where a scheme has no table of that size.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, a budget is not positive, or the measure does not suit the problem.

    Examples
    --------
    >>> record = work_precision(["er_sde-1", "er_sde-2"], "ode", "spectrum", evaluations=[10, 20])
    >>> bool((record["error"][0] > record["error"][1]).all())
    True
    """
    begin = time.perf_counter()
    entries = [scheme(name) for name in schemes]
    phi = noise_scale if isinstance(noise_scale, NoiseScale) else NoiseScale.from_name(noise_scale)
    chosen = problem_name if isinstance(problem_name, Problem) else problem(problem_name)
    budgets = [_checks.integer(n, "evaluations", minimum=1) for n in evaluations]
    kind = _checks.one_of(measure or ("law" if chosen.spectrum else "path"), "measure", MEASURES)
    if kind == "law" and chosen.spectrum is None:
        msg = f"measure: expected 'path' for a problem that is not Gaussian ({chosen.name}), got 'law'"
        raise ValueError(msg)
    law = chosen.make_law()
    tell = advance or silent
    shape = (len(entries), len(budgets))
    tables = {
        (i, k): tab
        for i, entry in enumerate(entries)
        for k, budget in enumerate(budgets)
        if (tab := table_within(entry, chosen, phi, budget)) is not None
    }
    if not tables:
        msg = f"schemes: expected one that can be built with {phi.name} within {budgets} evaluations, got none"
        raise ValueError(msg)
    every = list(tables.values())
    found = _law_errors(chosen, every) if kind == "law" else _path_errors(every, law, phi, paths, seed, tell)
    error, spread, seconds = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    spent = np.zeros(shape, dtype=int)
    for place, tab, value, uncertainty in zip(tables, every, found.values, found.uncertainties, strict=True):
        error[place], spread[place] = value, uncertainty
        spent[place], seconds[place] = tab.n_evaluations, _seconds(tab, law)
    unit = found.unit
    table = ("scheme", "budget")
    arrays = {
        "scheme": LabelledArray(("scheme",), np.array([entry.name for entry in entries])),
        "budget": LabelledArray(("budget",), np.array(budgets)),
        "evaluations": LabelledArray(table, spent),
        "error": LabelledArray(table, error, unit),
        "uncertainty": LabelledArray(table, spread, unit),
        "seconds": LabelledArray(table, seconds, f"s per {_TIMED_ROWS} samples"),
    }
    settings = {"problem": chosen.name, "noise_scale": phi.name, "measure": kind, "paths": paths, "seed": seed}
    return Record("work-precision", settings, arrays, seconds=time.perf_counter() - begin)


def table_within(entry: Scheme, chosen: Problem, noise_scale: NoiseScale, budget: int) -> Tableau | None:
    """Return a scheme's table with the most steps that a number of evaluations allows, on its own start.

    Parameters
    ----------
    entry : Scheme
        Of the catalogue.
    chosen : Problem
        Its grids are used.
    noise_scale : NoiseScale
        phi.
    budget : int
        Evaluations.

    Returns
    -------
    Tableau or None
        None if not even one step fits, or the scheme cannot be built with this phi.

    Examples
    --------
    >>> table_within(scheme("er_sde-2"), problem("spectrum"), NoiseScale.ode(), 10).n_steps
    10
    """
    if not entry.accepts(noise_scale):
        return None
    for n_steps in range(max(1, budget // entry.evaluations + 1), 0, -1):
        tab = entry.build(chosen.make_grid(n_steps), noise_scale)
        if tab.n_evaluations <= budget:
            return tab
    return None


def _law_errors(chosen: Problem, tableaus: Sequence[Tableau]) -> _Errors:
    """Return exact Wasserstein-2 distances of output laws on Gaussian data, relative to the data's size."""
    assert chosen.spectrum is not None
    mean, variance = chosen.spectrum
    size = float(np.sqrt(np.sum(variance)))
    distances = [float(np.sqrt((wasserstein2(tab, mean, variance) ** 2).sum())) for tab in tableaus]
    roundoff = float(np.finfo(float).eps) * np.array([float(tab.n_rows) for tab in tableaus])
    return _Errors(np.array(distances) / size, roundoff, "W2 over the root of the total variance")


def _path_errors(
    tableaus: Sequence[Tableau], law: Law, noise_scale: NoiseScale, paths: int, seed: int, advance: Advance
) -> _Errors:
    """Return medians over paths of the RMS error per coordinate against a reference on the same path."""
    levels = np.unique(np.concatenate([tab.noise_level[tab.node >= 0] for tab in tableaus]))[::-1]
    fine = TimeGrid(levels).refine(_REFINEMENT)
    start = law.sample(paths, noise_level=float(levels[0]), seed=seed)
    path = BrownianPath(noise_scale, fine, seed)
    exact = ode_end(law, fine, start) if noise_scale.name == "ode" else sde_end(law, path, start)
    found = []
    for k, tab in enumerate(tableaus):
        found.append(coupled_errors(sample(tab, law.denoise, start, path), exact, seed))
        advance((k + 1) / len(tableaus))
    values, spread = (np.array([getattr(item, name) for item in found]) for name in ("median", "median_error"))
    return _Errors(values, spread, "median RMS error per coordinate, data units")


def _seconds(tab: Tableau, law: Law) -> float:
    """Return the seconds that a run takes, the best of three."""
    start = law.sample(_TIMED_ROWS, noise_level=float(tab.noise_level[0]), seed=0)
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        sample(tab, law.denoise, start, 0)
        taken.append(time.perf_counter() - begin)
    return min(taken)
