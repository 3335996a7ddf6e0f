"""One call from names to a verdict: which error, how it is measured on that problem, what the catalogue declares."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import numpy as np

from ersde_theory import _checks
from ersde_theory.catalogue import Scheme, scheme
from ersde_theory.errors import FLOOR_FACTOR, MIN_POINTS, Outcome
from ersde_theory.laboratory import _gaussian, _law, _simulated
from ersde_theory.laboratory._measurement import Kind, Measurement
from ersde_theory.laboratory._task import Advance, Ladders, Task, silent
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem, problem

DEFAULT_TARGET = 0.05
FINEST = 40960  # steps to which an exact ladder that is undecided moves on
_FINEST_ELSEWHERE = {Kind.LAW: 640, Kind.ODE: 2560, Kind.WEAK: 256}  # on other problems
# Of each kind: the default ladder on Gaussian problems, and on others.
_LADDERS: dict[Kind, tuple[Sequence[int], Sequence[int]]] = {
    Kind.EXACT: ((20, 40, 80, 160, 320, 640), (20, 40, 80, 160, 320, 640)),
    Kind.ODE: ((20, 40, 80, 160, 320, 640), (20, 40, 80, 160, 320)),
    Kind.STRONG: ((20, 40, 80, 160, 320), (20, 40, 80, 160, 320)),
    Kind.WEAK: ((20, 40, 80, 160, 320, 640), (8, 16, 32, 64, 128)),
    Kind.LOCAL: ((10, 20, 40, 80, 160, 320), (10, 20, 40, 80, 160, 320)),
    Kind.LAW: ((10, 20, 40, 80, 160), (10, 20, 40, 80, 160)),
}


def measure(
    scheme_name: str | Scheme,
    noise_scale: str | NoiseScale,
    problem_name: str | Problem,
    kind: str,
    *,
    steps: Sequence[int] | None = None,
    target: float | None = None,
    seed: int = 0,
    advance: Advance | None = None,
) -> Measurement:
    """Measure the order of a scheme.

    On Gaussian problems every kind but ``law`` is exact, without sampling. On others ``strong`` and ``ode`` follow
    coupled paths, ``law`` (on the line) propagates the density, and ``weak`` takes expectations from that density, or
    from differences of a scheme whose density is propagated, or elsewhere from differences of coupled levels.

    Parameters
    ----------
    scheme_name : str or Scheme
        Of the catalogue, or one's own.
    noise_scale : str or NoiseScale
        phi. Kind ``ode`` takes phi = x whatever is given.
    problem_name : str or Problem
        Law and grids.
    kind : {"exact", "law", "strong", "weak", "local", "ode"}
        Of error.
    steps : sequence of int, optional
        The ladder; each a multiple of the one before. Default: what suits the kind; it moves on to finer grids while
        it is undecided for want of these, unless it follows paths of the SDE.
    target : float, optional
        Standard error of a rung relative to its error, where there is sampling. Default 0.05.
    seed : int
        Of everything random.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Measurement

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, the ladder does not nest, or the kind cannot be measured on the problem.

    Examples
    --------
    >>> result = measure("er_sde-3", "ode", "gaussian", "exact")
    >>> result.declared, result.agrees
    (2.0, True)
    """
    begin = time.perf_counter()
    entry = scheme_name if isinstance(scheme_name, Scheme) else scheme(scheme_name)
    chosen = problem_name if isinstance(problem_name, Problem) else problem(problem_name)
    what = Kind(_checks.one_of(kind, "kind", [item.value for item in Kind]))
    phi = noise_scale if isinstance(noise_scale, NoiseScale) else NoiseScale.from_name(noise_scale)
    if what is Kind.ODE:
        phi = NoiseScale.ode()
    gaussian = chosen.spectrum is not None
    relative = DEFAULT_TARGET if target is None else _checks.positive_number(target, "target")
    if relative >= 1.0:
        msg = f"target: expected a relative standard error below 1, got {relative}"
        raise ValueError(msg)
    root = _checks.integer(seed, "seed", minimum=0)
    ladder = _checked_ladder(steps, _LADDERS[what][0 if gaussian else 1])

    def judged(rungs: tuple[int, ...]) -> Measurement:
        tableaus = tuple(entry.tableau(chosen.make_grid(n), phi) for n in rungs)
        task = Task(entry, phi, chosen, rungs, tableaus, relative, root, advance or silent)
        return _judged(task, what, begin)

    result = judged(ladder)
    finest = FINEST if gaussian else _FINEST_ELSEWHERE.get(what, 0)
    while steps is None and _may_settle(result, finest):
        ladder = (*ladder[1:], 2 * ladder[-1])
        result = judged(ladder)
    return result


def _may_settle(result: Measurement, finest: int) -> bool:
    """Return whether a ladder is undecided for want of finer grids, not of paths."""
    return (
        result.verdict.outcome is Outcome.UNDECIDED
        and result.verdict.more_paths == 0
        and int(result.steps[-1]) < finest
        and bool((np.abs(result.errors[:, -1]) > FLOOR_FACTOR * result.floors[:, -1]).any())
    )


def declared_order(entry: Scheme, noise_scale: NoiseScale, kind: Kind, *, gaussian: bool) -> float | None:
    """Return the order that the catalogue declares for a kind of error, None if none.

    Parameters
    ----------
    entry : Scheme
        Of the catalogue.
    noise_scale : NoiseScale
        phi.
    kind : Kind
        Of error.
    gaussian : bool
        Whether the data are Gaussian, where the denoiser is linear and some orders are higher.

    Returns
    -------
    float or None

    Examples
    --------
    >>> declared_order(scheme("er_sde-3"), NoiseScale.reverse_sde(), Kind.LOCAL, gaussian=True)
    1.5
    """
    noiseless = noise_scale.name == "ode"
    orders = entry.gaussian if gaussian else entry.orders
    if kind is Kind.LOCAL:
        return orders.local_ode if noiseless else orders.local_strong
    if noiseless:
        return orders.ode
    return orders.strong if kind is Kind.STRONG else orders.weak


def _judged(task: Task, kind: Kind, begin: float) -> Measurement:
    """Return the measurement: errors of every quantity, each with its verdict."""
    return measurement(task, kind, _errors(task, kind), time.perf_counter() - begin)


def measurement(task: Task, kind: Kind, found: Ladders, seconds: float) -> Measurement:
    """Return what was found as a measurement.

    Parameters
    ----------
    task : Task
        What was to be measured.
    kind : Kind
        Of error.
    found : Ladders
        The errors.
    seconds : float
        How long it took.

    Returns
    -------
    Measurement

    Examples
    --------
    See :func:`measure`.
    """
    gaussian = task.problem.spectrum is not None
    return Measurement(
        scheme=task.entry.name,
        noise_scale=task.noise_scale.name,
        problem=task.problem.name,
        kind=kind,
        steps=np.array(task.steps),
        evaluations=np.array([tab.n_evaluations for tab in task.tableaus]),
        quantities=found.names,
        errors=found.errors,
        standard_errors=found.standard_errors,
        floors=found.floors,
        verdicts=found.verdicts,
        declared=declared_order(task.entry, task.noise_scale, kind, gaussian=gaussian),
        sharp=gaussian or kind.value not in task.entry.at_least,
        path_steps=found.path_steps,
        seconds=seconds,
    )


def _errors(task: Task, kind: Kind) -> Ladders:
    """Return the errors by whatever measures this kind on this problem."""
    if kind is Kind.LAW:
        return _law.law_errors(task)
    if task.problem.spectrum is not None:
        return _gaussian.exact_errors(task, kind)
    if kind in (Kind.EXACT, Kind.LOCAL):
        msg = f"problem: expected a Gaussian one for kind {kind.value!r}, got {task.problem.name!r}"
        raise ValueError(msg)
    return _simulated.weak_errors(task) if kind is Kind.WEAK else _simulated.path_errors(task)


def _checked_ladder(steps: Sequence[int] | None, default: Sequence[int]) -> tuple[int, ...]:
    """Return the ladder, or say what is wrong with it."""
    if steps is None:
        return tuple(default)
    ladder = tuple(_checks.integer(n, "steps", minimum=1) for n in steps)
    if len(ladder) < MIN_POINTS or any(b <= a or b % a for a, b in itertools.pairwise(ladder)):
        msg = f"steps: expected at least {MIN_POINTS} numbers, each a multiple of the one before, got {ladder}"
        raise ValueError(msg)
    return ladder
