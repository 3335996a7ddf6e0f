"""How often is a verdict wrong? Random schemes, noise scales, problems and seeds, and broken twins that must be caught.

    python -m ersde_theory.laboratory trials --json docs/records/order-trials.json

Each trial is decided by its number alone: the same trial gives the same verdict in any order, on any worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ersde_theory import _checks
from ersde_theory.catalogue import Scheme, scheme, scheme_names
from ersde_theory.laboratory._faults import FAULTS, Fault
from ersde_theory.laboratory._measure import declared_order, measure
from ersde_theory.laboratory._measurement import Kind, Measurement
from ersde_theory.laboratory._random_problem import random_problem
from ersde_theory.laboratory.exact_orders import NOISE_SCALES
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem
from ersde_theory.records import LabelledArray, Record
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

TRIALS = 300
# On the line, the law can be propagated for schemes that know one or two steps.
_SHORT = (
    "euler_maruyama",
    "er_sde-1",
    "er_sde-2",
    "ddim",
    "ddpm",
    "dpm_solver_pp-1",
    "dpm_solver_pp-2m",
    "sa_solver-2",
)
_KINDS = tuple(Kind)


@dataclass(frozen=True)
class Trial:
    """What a trial's number decides.

    Attributes
    ----------
    number : int
        Of the trial; also its seed.
    scheme, noise_scale : str
        Names.
    problem : Problem
        A random Gaussian, or a random mixture.
    kind : Kind
        Of error.

    Examples
    --------
    >>> trial(7).problem.name == trial(7).problem.name
    True
    """

    number: int
    scheme: str
    noise_scale: str
    problem: Problem
    kind: Kind


def trial(number: int) -> Trial:
    """Return a trial: a scheme, a phi, a problem and a kind of error that suit each other.

    Parameters
    ----------
    number : int
        >= 0.

    Returns
    -------
    Trial

    Examples
    --------
    >>> trial(0).scheme in scheme_names()
    True
    """
    generator = np.random.default_rng([number, 1])
    kind = _KINDS[generator.integers(len(_KINDS))]
    gaussian = kind in (Kind.EXACT, Kind.LOCAL) or (kind is not Kind.LAW and bool(generator.integers(2)))
    dimension = 1 if kind is Kind.LAW else int(generator.integers(1, 3))
    chosen = random_problem(number, gaussian=gaussian, dimension=dimension)
    names = _SHORT if kind is Kind.LAW else scheme_names()
    while True:
        entry = scheme(names[generator.integers(len(names))])
        phi = NoiseScale.from_name(NOISE_SCALES[generator.integers(len(NOISE_SCALES))])
        if kind is Kind.ODE:
            phi = NoiseScale.ode()
        declared = declared_order(entry, phi, kind, gaussian=gaussian) if entry.accepts(phi) else None
        needs_noise = kind in (Kind.WEAK, Kind.STRONG, Kind.LAW) and phi.name == "ode"
        if declared is not None and not needs_noise and not (entry.own_noise and kind is not Kind.EXACT):
            return Trial(number, entry.name, phi.name, chosen, kind)


def run_trial(number: int) -> Measurement:
    """Return the measurement of a trial at the default settings.

    Parameters
    ----------
    number : int
        >= 0.

    Returns
    -------
    Measurement

    Examples
    --------
    >>> run_trial(1).contradicts
    False
    """
    chosen = trial(number)
    return measure(chosen.scheme, chosen.noise_scale, chosen.problem, chosen.kind.value, seed=number)


class Twin(NamedTuple):
    """A broken scheme, whose verdict must contradict what the sound one declares.

    Attributes
    ----------
    name : str
        The scheme and its fault.
    scheme : Scheme
        With the fault in, and the sound one's orders.
    noise_scale, problem : str
        Names.
    kind : Kind
        Of error.
    steps : tuple of int or None
        The ladder, None for the default.

    Examples
    --------
    >>> twins()[0].name
    'er_sde-2, Riemann sum'
    """

    name: str
    scheme: Scheme
    noise_scale: str
    problem: str
    kind: Kind
    steps: tuple[int, ...] | None = None


def twins() -> tuple[Twin, ...]:
    """Return the broken twins.

    Returns
    -------
    tuple of Twin

    Examples
    --------
    >>> len({twin.name for twin in twins()})
    11
    """
    found = []
    for name in ("er_sde-2", "er_sde-3"):
        released = replace(scheme(f"{name}-released"), gaussian=scheme(name).gaussian)
        found.append(Twin(f"{name}, Riemann sum", released, "ode", "gaussian", Kind.EXACT, (400, 800, 1600, 3200)))
    for base in ("er_sde-2", "adams-3", "exponential_pec-2-3"):
        for fault, where in _WHERE_SEEN.items():
            sound = scheme(base)
            broken = replace(sound, build=_broken(sound, FAULTS[fault]))
            found += [Twin(f"{base}, {fault}", broken, *place) for place in where]
    return tuple(found)


_WHERE_SEEN: dict[str, tuple[tuple[str, str, Kind], ...]] = {
    "noise off by 1 %": (
        ("reverse_sde", "gaussian", Kind.EXACT),
        ("reverse_sde", "gaussian", Kind.STRONG),
        ("reverse_sde", "overlapping", Kind.STRONG),
        ("exp_power", "overlapping", Kind.WEAK),
    ),
    "wrong divided difference": (("ode", "gaussian", Kind.EXACT), ("ode", "overlapping", Kind.ODE)),
    "history shifted by one": (("ode", "gaussian", Kind.EXACT), ("ode", "overlapping", Kind.ODE)),
}


def _broken(entry: Scheme, fault: Fault) -> Callable[[TimeGrid, NoiseScale], Tableau]:
    return lambda grid, phi: fault(entry.build(grid, phi))


def run_twin(number: int) -> Measurement:
    """Return the measurement of a broken twin at the default settings.

    Parameters
    ----------
    number : int
        Index into :func:`twins`.

    Returns
    -------
    Measurement

    Examples
    --------
    >>> run_twin(0).contradicts
    True
    """
    twin = twins()[number]
    return measure(twin.scheme, twin.noise_scale, twin.problem, twin.kind.value, steps=twin.steps)


def study(
    trials: int = TRIALS, workers: int = 2, advance: Callable[[], None] | None = None, *, first: int = 0
) -> Record:
    """Return the verdicts of random trials and of the broken twins.

    Parameters
    ----------
    trials : int
        Number of random trials.
    workers : int
        Processes.
    advance : callable, optional
        Called after each.
    first : int
        Number of the first trial.

    Returns
    -------
    Record
        Named ``order-trials``; its settings count the wrong, the undecided and the missed.

    Raises
    ------
    TypeError, ValueError
        If the number of processes is no integer above 0.

    Examples
    --------
    >>> study(trials=1, workers=0)
    Traceback (most recent call last):
        ...
    ValueError: workers: expected an integer >= 1, got 0
    """
    begin = time.perf_counter()
    _checks.integer(workers, "workers", minimum=1)
    tell = advance or (lambda: None)
    numbers = range(first, first + trials)
    found: list[Measurement] = []
    broken: list[Measurement] = []
    with ProcessPoolExecutor(workers) as pool:
        for target, results in (
            (broken, pool.map(run_twin, range(len(twins())))),
            (found, pool.map(run_trial, numbers)),
        ):
            for result in results:
                target.append(result)
                tell()
    settings = {
        "trials": trials,
        "first": first,
        "wrong": sum(item.contradicts for item in found),
        "undecided": sum(not item.contradicts and not item.agrees for item in found),
        "twins": len(broken),
        "twins_missed": sum(not item.contradicts for item in broken),
    }
    arrays = _columns("trial", found, [str(n) for n in numbers])
    arrays |= _columns("twin", broken, [twin.name for twin in twins()])
    return Record("order-trials", settings, arrays, ("order-ode", "order-weak"), seconds=time.perf_counter() - begin)


def _columns(dim: str, found: list[Measurement], names: list[str]) -> dict[str, LabelledArray]:
    """Return a table of measurements, one column an array."""
    columns = {
        "": names,
        "_scheme": [item.scheme for item in found],
        "_noise_scale": [item.noise_scale for item in found],
        "_problem": [item.problem for item in found],
        "_kind": [item.kind.value for item in found],
        "_declared": [np.nan if item.declared is None else item.declared for item in found],
        "_order": [item.verdict.order for item in found],
        "_half_width": [item.verdict.half_width for item in found],
        "_said": [str(item.verdict) for item in found],
        "_outcome": ["wrong" if m.contradicts else "right" if m.agrees else "undecided" for m in found],
        "_seconds": [item.seconds for item in found],
    }
    return {
        dim + name: LabelledArray((dim,), np.array(values, dtype=None if values else float))
        for name, values in columns.items()
    }
