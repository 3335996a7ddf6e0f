"""The orders of the published ER-SDE-Solver-2 and -3, each measured in the way that decides it, in one Record.

    python -m ersde_theory.laboratory headline --json docs/records/headline-orders.json

Without noise, along the path, in law; on Gaussian data without sampling, on mixtures by what suits the error. On
modes that are far apart the root mean square shows the paths that end at another mode, and the median the others.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.catalogue import Scheme, scheme
from ersde_theory.errors import OBSERVABLES, judge_order, strong_ladder
from ersde_theory.laboratory._against_law import errors_against_law
from ersde_theory.laboratory._cost import Cost, weak_cost
from ersde_theory.laboratory._coupled_modes import mode_switches
from ersde_theory.laboratory._effort import FULL as FULL
from ersde_theory.laboratory._effort import QUICK as QUICK
from ersde_theory.laboratory._effort import Effort as Effort
from ersde_theory.laboratory._lines import (
    CONTROL,
    EXACT,
    LAW,
    LEVELS,
    PATHS,
    SHOWN,
    Line,
    cost_arrays,
    line_arrays,
    lines_of,
)
from ersde_theory.laboratory._measure import declared_order, measure
from ersde_theory.laboratory._measurement import Kind
from ersde_theory.laboratory._references import sde_reference
from ersde_theory.laboratory._task import Task, silent
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.records import LabelledArray, Record

SCHEMES = ("er_sde-2", "er_sde-3")
OBSERVABLES_WANTED, GAIN_WANTED = 4, 50.0
_REFINEMENT = 2  # of the finest grid, for the reference
# Half-widths that the interval of an order may have at most, and the declared order must be in it.
_ODE, _STRONG_GAUSSIAN, _STRONG, _WEAK = 0.05, 0.02, 0.05, 0.1
_CONTROL_TARGET = 0.003  # standard error of a rung relative to its error, if the budget does
_MULTILEVEL_TARGET = 0.02  # standard error of a rung relative to its error
_ON_GAUSSIANS = ("strong", "exact")
CLAIMS = ("order-ode", "order-strong", "order-weak")


def ode_lines(entry: str | Scheme) -> list[Line]:
    """Return the errors without noise: exact ones on Gaussian data, along paths on the overlapping mixture.

    Parameters
    ----------
    entry : str or Scheme
        To be measured.

    Returns
    -------
    list of Line

    Examples
    --------
    >>> [round(line.verdict.order, 1) for line in ode_lines("er_sde-3")]
    [2.0, 2.0, 2.0, 2.0]
    """
    return [
        *lines_of(measure(entry, "ode", "gaussian", "exact"), "ode", EXACT, _ODE),
        *lines_of(measure(entry, "ode", "overlapping", "ode"), "ode", PATHS, _ODE)[:2],  # at the end
    ]


def gaussian_lines(entry: str | Scheme, noise_scale: str, effort: Effort) -> list[Line]:
    """Return the exact strong and weak errors with noise on Gaussian data.

    Parameters
    ----------
    entry : str or Scheme
        To be measured.
    noise_scale : str
        phi.
    effort : Effort
        Ladders.

    Returns
    -------
    list of Line

    Examples
    --------
    >>> [line.meets for line in gaussian_lines("er_sde-2", "exp_power", QUICK)]
    [True, True, True, True]
    """
    strong, weak = (
        measure(entry, noise_scale, "gaussian", kind, steps=effort.gaussian_steps) for kind in _ON_GAUSSIANS
    )
    return [*lines_of(strong, "strong", EXACT, _STRONG_GAUSSIAN), *lines_of(weak, "weak", EXACT, _WEAK)]


def strong_lines(entry: str | Scheme, noise_scale: str, problem_name: str, effort: Effort, seed: int = 0) -> list[Line]:
    """Return root mean square and median over coupled paths of the error at the end, on a mixture.

    On the separated modes nothing is asked of the root mean square, which rests on the paths that switch modes, and
    their share is measured on paths of its own.

    Parameters
    ----------
    entry : str or Scheme
        To be measured.
    noise_scale : str
        phi.
    problem_name : {"overlapping", "separated"}
        Law and grids.
    effort : Effort
        Ladder and paths.
    seed : int
        Of the paths.

    Returns
    -------
    list of Line

    Examples
    --------
    >>> lines = strong_lines("er_sde-2", "exp_power", "overlapping", QUICK)
    >>> [line.quantity for line in lines]
    ['RMS, end', 'median, end']
    """
    found, phi, chosen = _scheme(entry), NoiseScale.from_name(noise_scale), problem(problem_name)
    law, steps = chosen.make_law(), effort.strong_steps
    tableaus = [found.tableau(chosen.make_grid(n), phi) for n in steps]
    ladder = strong_ladder(
        tableaus,
        phi,
        law.denoise,
        lambda n, seed: law.sample(n, noise_level=float(tableaus[0].noise_level[0]), seed=seed),
        functools.partial(sde_reference(law, phi), return_trajectory=True),
        paths=effort.strong_paths,
        seed=seed,
        refinement=_REFINEMENT,
    )
    apart = problem_name == "separated"
    declared = declared_order(found, phi, Kind.STRONG, gaussian=False)
    head = ("separated" if apart else "strong", found.name, noise_scale, problem_name)
    lines = []
    for name, tolerance in (("rms", SHOWN if apart else _STRONG), ("median", _STRONG)):
        errors, covariance = ladder.errors(name)
        quantity = f"{'RMS' if name == 'rms' else name}, end"
        spread = np.sqrt(np.diag(covariance))
        said = judge_order(steps, errors, covariance=covariance, paths=effort.strong_paths)
        lines.append(Line(*head, quantity, PATHS, steps, errors, spread, said, declared, tolerance))
    if apart:
        modes = mode_switches(found, phi, chosen, steps, effort.strong_paths, seed + 1)
        table = zip(modes.names, modes.errors, modes.standard_errors, modes.verdicts, strict=True)
        lines += [Line(*head, name, PATHS, steps, e, s, said, None) for name, e, s, said in table]
    return lines


def weak_lines(entry: str | Scheme, noise_scale: str, effort: Effort, seed: int = 0) -> list[Line]:
    """Return the errors of observables on the overlapping mixture: of the scheme whose law is propagated, and another.

    A three-step scheme's law cannot be propagated; what it differs by from the two-step scheme's is sampled.

    Parameters
    ----------
    entry : str or Scheme
        The other scheme.
    noise_scale : str
        phi.
    effort : Effort
        Ladders and pairs of paths.
    seed : int
        Of the paths.

    Returns
    -------
    list of Line

    Examples
    --------
    >>> {line.method for line in weak_lines("er_sde-3", "exp_power", QUICK)} == {LAW, CONTROL}
    True
    """
    found, phi, chosen = _scheme(entry), NoiseScale.from_name(noise_scale), problem("overlapping")
    ladders = effort.weak[noise_scale]
    law = measure(SCHEMES[0], phi, chosen, Kind.LAW.value, steps=ladders.law_steps)
    steps = ladders.control_steps
    tableaus = tuple(found.tableau(chosen.make_grid(n), phi) for n in steps)
    task = Task(found, phi, chosen, steps, tableaus, _CONTROL_TARGET, seed, silent)
    other = errors_against_law(task, ladders.control_path_steps)
    declared = declared_order(found, phi, Kind.WEAK, gaussian=False)
    table = list(zip(other.names, other.errors, other.standard_errors, other.verdicts, strict=True))[1:]
    head = ("weak", found.name, noise_scale, chosen.name)
    return [line for line in lines_of(law, "weak", LAW, _WEAK) if line.quantity in OBSERVABLES] + [
        Line(*head, name, CONTROL, steps, e, s, said, declared, _WEAK) for name, e, s, said in table
    ]


def cost_of(entry: str | Scheme, noise_scale: str, effort: Effort, seed: int = 0) -> tuple[list[Line], Cost]:
    """Return the errors of observables by coupled levels, and what plain Monte Carlo would cost.

    Parameters
    ----------
    entry : str or Scheme
        To be measured, on the overlapping mixture.
    noise_scale : str
        phi.
    effort : Effort
        Ladder, budget and plain paths.
    seed : int
        Of the paths.

    Returns
    -------
    lines : list of Line
    cost : Cost

    Examples
    --------
    >>> lines, cost = cost_of("er_sde-2", "exp_power", QUICK)
    >>> bool(cost.gain_measured.min() > GAIN_WANTED)
    True
    """
    found, phi, chosen = _scheme(entry), NoiseScale.from_name(noise_scale), problem("overlapping")
    cost = weak_cost(
        found,
        phi,
        chosen,
        effort.multilevel_steps,
        target=_MULTILEVEL_TARGET,
        max_path_steps=effort.multilevel_path_steps,
        plain_paths=effort.plain_paths,
        seed=seed,
    )
    declared = declared_order(found, phi, Kind.WEAK, gaussian=False)
    lines = []
    for name in OBSERVABLES:
        errors, covariance = cost.ladder.errors(name)
        spread, said = np.sqrt(np.diag(covariance)), cost.ladder.verdict(name)
        head = ("weak", found.name, noise_scale, chosen.name, name, LEVELS)
        lines.append(Line(*head, effort.multilevel_steps, errors, spread, said, declared))
    return lines, cost


def study(
    effort: Effort = FULL, *, workers: int = 2, seed: int = 0, advance: Callable[[float], None] | None = None
) -> Record:
    """Return all orders, what decides them, and the cost of the weak ones.

    Parameters
    ----------
    effort : Effort
        Ladders and paths.
    workers : int
        Processes; but for seconds the numbers do not depend on it.
    seed : int
        Of everything random.
    advance : callable, optional
        Told the share of the parts that are done.

    Returns
    -------
    Record
        Named ``headline-orders``. Lines: errors of one quantity, with nan where its ladder has no rung, and its order.
        Cases: what plain Monte Carlo costs over the coupled levels, and how far errors by other ways are from theirs.
        Its settings name the orders that are missed.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> study("quick")
    Traceback (most recent call last):
        ...
    TypeError: effort: expected a Effort, got 'quick' (str)
    """
    begin, before = time.perf_counter(), os.times()
    _checks.instance(effort, "effort", Effort)
    root = _checks.integer(seed, "seed", minimum=0)
    cases = [(name, phi) for phi in effort.weak for name in SCHEMES]
    with ProcessPoolExecutor(_checks.integer(workers, "workers", minimum=1)) as pool:
        # the longest first
        parts = [pool.submit(weak_lines, SCHEMES[1], phi, effort, root) for phi in effort.weak]
        costs = [pool.submit(cost_of, *case, effort, root) for case in cases]
        for where in ("overlapping", "separated"):
            parts += [pool.submit(strong_lines, *case, where, effort, root) for case in cases]
        parts += [pool.submit(gaussian_lines, *case, effort) for case in cases]
        parts += [pool.submit(ode_lines, name) for name in SCHEMES]
        waited: list[Future[Any]] = [*parts, *costs]
        for k, _ in enumerate(as_completed(waited)):
            if advance is not None:
                advance((k + 1) / len(waited))
    lines = [line for part in parts for line in part.result()]
    lines += [line for cost in costs for line in cost.result()[0]]
    arrays = line_arrays(lines) | cost_arrays(cases, [cost.result()[1] for cost in costs], lines)
    settings = _summary(lines, arrays) | {"seed": root, "effort": asdict(effort)}
    settings["core_seconds"] = round(sum(os.times()[:4]) - sum(before[:4]), 1)
    return Record("headline-orders", settings, arrays, CLAIMS, seconds=time.perf_counter() - begin)


def _summary(lines: list[Line], arrays: dict[str, LabelledArray]) -> dict[str, Any]:
    """Return what the study decides: orders missed, observables of weak order 2, the least gain.

    Observables on the mixture are counted, for the scheme and phi that have the fewest; every other order must be met.
    """
    observed = [line for line in lines if line.method in (LAW, CONTROL)]
    others = [line for line in lines if line.asked and line.method not in (LAW, CONTROL)]
    groups = {(line.scheme, line.noise_scale) for line in observed}
    return {
        "orders": len(others),
        "missed": [f"{', '.join(line[1:5])}: {line.verdict}" for line in others if not line.meets],
        "least_observables": min(
            sum(line.meets for line in observed if (line.scheme, line.noise_scale) == group) for group in groups
        ),
        "least_gain": float(arrays["gain_measured"].values.min()),
    }


def _scheme(entry: str | Scheme) -> Scheme:
    """Return a scheme that may be given by its name."""
    return entry if isinstance(entry, Scheme) else scheme(entry)
