"""What a run of a tableau needs to know when the network is called from outside, found once.

Between two values of the network a stepper makes one linear combination, into which all rows of the tableau in between
(a correction and the prediction after it, say) are merged.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from ersde_theory.integrations.choice import chosen_tableau
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau


@dataclass(frozen=True)
class Step:
    """What leads from the state of one evaluation to that of the next, or to the last row.

    Attributes
    ----------
    factor : float
        Of the state.
    data : tuple of (int, float)
        Evaluations with their weights, the newest first; never a weight 0.
    noise : tuple of (int, float)
        Draws with their weights.
    """

    factor: float
    data: tuple[tuple[int, float], ...]
    noise: tuple[tuple[int, float], ...]


def steps_of(tab: Tableau) -> tuple[Step, ...]:
    """Return the merged steps of a tableau whose row 0 feeds its first evaluation, one for each evaluation.

    Parameters
    ----------
    tab : Tableau
        The sampler.

    Returns
    -------
    tuple of Step

    Raises
    ------
    ValueError
        If rows come before the first evaluation.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> steps_of(schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), 1))[1]
    Step(factor=0.0, data=((1, 1.0),), noise=())
    """
    if tab.evaluation[0] != 0:
        msg = f"tab: expected a sampler that evaluates at its start, got {tab.name}"
        raise ValueError(msg)
    found: list[Step] = []
    factor, data, noise = 1.0, dict[int, float](), dict[int, float]()
    tables = [
        list(zip(columns.tolist(), values.tolist(), strict=True))
        for columns, values in ((tab.data_columns, tab.data), (tab.noise_columns, tab.noise))
    ]
    rows = zip(tab.previous.tolist(), tab.evaluation.tolist(), *tables, strict=True)
    for r, (previous, evaluation, *entries) in enumerate(rows):
        if r == 0:
            continue
        factor *= previous
        for sums, (columns, values) in zip((data, noise), entries, strict=True):
            if previous != 1.0:
                for column in sums:
                    sums[column] *= previous
            for column, value in zip(columns, values, strict=True):
                if column >= 0:
                    sums[column] = sums.get(column, 0.0) + value
        if evaluation >= 0 or r == tab.n_rows - 1:
            found.append(Step(factor, _used(data), _used(noise)))
            factor, data, noise = 1.0, {}, {}
    return tuple(found)


@dataclass(frozen=True)
class Plan:
    """All that a run of a tableau needs to know, found once.

    Attributes
    ----------
    tab : Tableau
        The sampler.
    steps : tuple of Step
        One for each evaluation.
    units : tuple of (float, float)
        The alpha and sigma of each evaluation.
    last_used : tuple of tuple of int
        For each step the evaluations that no later one uses, the oldest first.

    Examples
    --------
    >>> from ersde_theory import NoiseScale
    >>> chosen_plan((4.0, 2.0, 1.0), "ve", "adams", 2, NoiseScale.ode()).last_used
    ((), (0, 1))
    """

    tab: Tableau
    steps: tuple[Step, ...]
    units: tuple[tuple[float, float], ...]
    last_used: tuple[tuple[int, ...], ...]


def plan_of(tab: Tableau) -> Plan:
    """Return the plan of a tableau.

    Parameters
    ----------
    tab : Tableau
        The sampler; its row 0 feeds its first evaluation.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If rows come before the first evaluation.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> plan_of(schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), 1)).units
    ((1.0, 4.0), (1.0, 1.0))
    """
    steps = steps_of(tab)
    last = {k: max(k, i) for i, step in enumerate(steps) for k, _ in step.data}
    last_used = tuple(tuple(k for k in range(i + 1) if last.get(k, k) == i) for i in range(len(steps)))
    fed = tab.evaluation >= 0
    return Plan(tab, steps, tuple(zip(tab.alpha[fed].tolist(), tab.sigma[fed].tolist(), strict=True)), last_used)


@functools.lru_cache(maxsize=64)
def chosen_plan(
    levels: tuple[float, ...], process: str, scheme: str, order: int | None, noise_scale: NoiseScale
) -> Plan:
    """Return the plan of :func:`~ersde_theory.integrations.choice.chosen_tableau`, whose arguments these are.

    Parameters
    ----------
    levels : tuple of float
        Noise levels.
    process : str
        Kind of coordinates.
    scheme : str
        Name of the scheme.
    order : int or None
        Of the scheme.
    noise_scale : NoiseScale
        phi.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        As there.
    NotAdmissible
        If phi is not admissible on the levels.

    Examples
    --------
    >>> from ersde_theory import NoiseScale
    >>> len(chosen_plan((4.0, 2.0, 1.0), "ve", "adams", 2, NoiseScale.ode()).steps)
    2
    """
    return plan_of(chosen_tableau(levels, process, scheme, order, noise_scale))


def _used(sums: dict[int, float]) -> tuple[tuple[int, float], ...]:
    """Return the columns with a weight, the newest first."""
    return tuple((k, sums[k]) for k in sorted(sums, reverse=True) if sums[k] != 0.0)


__all__ = ["Plan", "Step", "chosen_plan", "plan_of", "steps_of"]
