"""SEEDS: exponential single-step solvers of the reverse SDE."""

from __future__ import annotations

import itertools

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._dpm_solver_pp import exponential_moments
from ersde_theory.schemes._staged import State, Step, staged_tableau, step_to_zero
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid

_STAGES = {1: (), 2: (1 / 2,), 3: (1 / 3, 2 / 3)}


def seeds(grid: TimeGrid, order: int = 3, *, variant: str = "published") -> Tableau:
    r"""Return SEEDS-k in its data-prediction form: k evaluations and k draws a step.

    With :math:`z = 2\ln(\lambda_s/\lambda_t)` and :math:`b_n(z) = z\int_0^1 e^{-z(1-s)} s^n ds` the data parts of
    SEEDS-3, stages at :math:`c_2 = \tfrac13, c_3 = \tfrac23` of the step in :math:`\ln\lambda`, are

    .. math:: b_0(c_2z) D_s, \qquad b_0(c_3z) D_s + \tfrac{c_3}{c_2} b_1(c_3z)(D_2-D_s), \qquad
              b_0 D_s + \tfrac1{c_3} b_1 (D_3-D_s)

    and of SEEDS-2, :math:`c_2 = \tfrac12`, the end's is :math:`b_0 D_s + \tfrac1{2c_2} b_0(D_2-D_s)`. Every state is
    reached by the exact noise of the reverse SDE, a new independent draw for each part of the step, and
    carries on the noise of the states before it: the stages lie on one Brownian path.

    Weak order 1, 2, 2 and strong order 1. Exact ratio and noise of the family's phi = x^2, so no defects; SEEDS-1 is
    its ER-SDE-Solver-1, the others are no members, as they have stages.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0, that step is first order.
    order : int
        1, 2 or 3: the evaluations a step.
    variant : {"published", "released"}
        ``released``: the second stage of SEEDS-3 has :math:`1 - 2b_0(c_2z)/(c_2z)` for :math:`b_1(c_3z)`, as the
        authors' code does. It tends to -1 instead of 0, which leaves weak order 1. Orders 1 and 2 are the same.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> grid = TimeGrid.karras(10, 80.0, 0.002)
    >>> first = schemes.er_sde(grid, NoiseScale.reverse_sde(), order=1)
    >>> schemes.seeds(grid, 1).first_difference(first, rtol=1e-13) is None
    True
    >>> schemes.seeds(grid, 3).n_evaluations
    30

    References
    ----------
    Gonzalez et al. 2023, *SEEDS* (arXiv 2305.14267), the data-prediction forms; the authors' code (``ETD_SERK_SOLVER``
    with ``noise_pred=False``, tables 2a and 3a).
    """
    _checks.instance(grid, "grid", TimeGrid)
    k = _checks.integer(order, "order", minimum=1, maximum=3)
    released = _checks.one_of(variant, "variant", ("published", "released")) == "released"
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level for stages in ln(lambda), got inf"
        raise ValueError(msg)
    levels, parts = grid.levels, _STAGES[k]
    inner = grid.n_steps - int(grid.ends_at_zero)
    start, end = levels[:inner], levels[1 : inner + 1]
    h = log_ratio(start, end)
    at = np.stack([start, *(start * np.exp(-c * h) for c in parts), end])
    noise = np.sqrt(NoiseScale.reverse_sde().noise_variance(at[:-1], at[1:]))
    weights = _weights(2.0 * h, k, released)
    steps = []
    for i in range(inner):
        nodes = at[:, i].tolist()
        states = tuple(
            State(
                nodes[m + 1], float(np.exp(-2.0 * c * h[i])), tuple(w[:, i].tolist()), (*[0.0] * m, float(noise[m, i]))
            )
            for m, (c, w) in enumerate(zip((*parts, 1.0), weights, strict=True))
        )
        steps.append(Step(states, tuple(Draw(a, b) for a, b in itertools.pairwise(nodes))))
    if grid.ends_at_zero:
        steps.append(step_to_zero(float(levels[-2])))
    return staged_tableau(f"seeds-{k} {variant}", grid, steps)


def _weights(z: np.ndarray, order: int, released: bool) -> list[np.ndarray]:
    """Return the weights of the evaluations in each state, shape (evaluations, steps)."""
    b0, b1, _ = exponential_moments(z)
    if order == 1:
        return [b0[None]]
    first = -np.expm1(-_STAGES[order][0] * z)
    none = np.zeros_like(z)
    if order == 2:
        return [first[None], np.stack([none, b0])]
    c2, c3 = _STAGES[3]
    second, slope, _ = exponential_moments(c3 * z)
    if released:
        slope = 1.0 - 2.0 * first / (c2 * z)
    late = c3 / c2 * slope
    return [first[None], np.stack([second - late, late]), np.stack([b0 - b1 / c3, none, b1 / c3])]
