"""DPM-Solver++ with stages, for the ODE or with ancestral noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.schemes._dpm_solver_pp import SOLVER_TYPES, exponential_moments
from ersde_theory.schemes._staged import State, Step, staged_tableau, step_to_zero
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid

_STAGES = {1: (), 2: (1 / 2,), 3: (1 / 3, 2 / 3)}


def dpm_solver_pp_singlestep(
    grid: TimeGrid, order: int = 2, *, eta: float = 0.0, solver_type: str = "midpoint"
) -> Tableau:
    r"""Return DPM-Solver++(kS): k evaluations a step, the stages at equal parts of the step in :math:`\ln\lambda`.

    With :math:`h = \ln(\lambda_s/\lambda_t)` and :math:`b_n(h) = h\int_0^1 e^{-h(1-s)} s^n ds` the stages
    :math:`r_1 = \tfrac13, r_2 = \tfrac23` of order 3 are

    .. math:: y_1 = e^{-r_1h} y_s + b_0(r_1h) D_s, \qquad
              y_2 = e^{-r_2h} y_s + b_0(r_2h) D_s + \tfrac{r_2}{r_1} b_1(r_2h) (D_1 - D_s)

    and the end is :math:`e^{-h}y_s + b_0D_s + \tfrac1{r_2} b_1 (D_2-D_s)` (midpoint) or the exact integral of the
    parabola (heun). Order 2 has the first stage at :math:`\tfrac12`, and :math:`\tfrac12 b_0` (midpoint) or
    :math:`b_1` (heun) times :math:`2(D_1-D_s)`. ODE order k.

    With eta > 0 each step solves the ODE down to :math:`\lambda_{down}`, and adds noise:

    .. math:: \lambda_{up}^2 = \eta^2\lambda_t^2(1-\lambda_t^2/\lambda_s^2), \qquad
              \lambda_{down}^2 = \lambda_t^2 - \lambda_{up}^2 .

    Both halves keep the forward marginals, so from the right start law the weak error has the ODE's order k; from
    another one order 1 is what is left. No member of the family for k > 1; for k = 1 it is DDIM with that eta.
    The rows have no defects: ratio, sum of weights and noise are exact.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0, that step is first order.
    order : int
        1, 2 or 3.
    eta : float
        Share of the ancestral noise, 0 to 1.
    solver_type : {"midpoint", "heun"}
        How the end is made; the authors call them ``dpmsolver`` and ``taylor``.

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
    >>> from ersde_theory import TimeGrid, schemes
    >>> tab = schemes.dpm_solver_pp_singlestep(TimeGrid.karras(10, 80.0, 0.002), 3)
    >>> tab.n_evaluations, tab.defects()
    (30, [])

    References
    ----------
    Lu et al. 2022, *DPM-Solver++* (arXiv 2211.01095), algorithm 1; the authors' code; k-diffusion
    (``sample_dpmpp_2s_ancestral``).
    """
    _checks.instance(grid, "grid", TimeGrid)
    k = _checks.integer(order, "order", minimum=1, maximum=3)
    share = _checks.real_number(eta, "eta")
    if not 0.0 <= share <= 1.0:
        msg = f"eta: expected a number in [0, 1], got {share}"
        raise ValueError(msg)
    _checks.one_of(solver_type, "solver_type", SOLVER_TYPES)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level for stages in ln(lambda), got inf"
        raise ValueError(msg)
    inner = grid.n_steps - int(grid.ends_at_zero)
    start, end = grid.levels[:inner], grid.levels[1 : inner + 1]
    h, noise = ancestral_step(end, log_ratio(start, end), share)
    weights = [*_stage_weights(h, _STAGES[k]), _end_weights(h, _STAGES[k], solver_type)]
    steps = []
    for i in range(inner):
        states = []
        for r, weight in zip((*_STAGES[k], 1.0), weights, strict=True):
            ratio = float(np.exp(-r * h[i]))
            states.append(State(float(start[i]) * ratio, ratio, tuple(weight[:, i].tolist())))
        states[-1] = replace(states[-1], level=float(end[i]), noise=(float(noise[i]),))
        steps.append(Step(tuple(states), (Draw(float(start[i]), float(end[i])),)))
    if grid.ends_at_zero:
        steps.append(step_to_zero(float(grid.levels[-2])))
    return staged_tableau(f"dpm_solver_pp_singlestep-{k} {solver_type} eta={share:g}", grid, steps)


def ancestral_step(end: np.ndarray, length: np.ndarray, eta: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return :math:`\ln(\lambda_s/\lambda_{down})` and :math:`\lambda_{up}` of steps of a logarithmic length, > 0."""
    shrink = -np.expm1(-2.0 * length)
    short = np.log1p(-(eta**2) * np.minimum(shrink, 0.5))
    long = np.log((1.0 - eta) * (1.0 + eta) + eta**2 * np.exp(-2.0 * length))
    return length - 0.5 * np.where(shrink < 0.5, short, long), eta * end * np.sqrt(shrink)


def _stage_weights(h: np.ndarray, parts: tuple[float, ...]) -> list[np.ndarray]:
    """Return the weights of the evaluations in each stage, shape (evaluations, steps): a line through two."""
    rows = []
    for m, r in enumerate(parts):
        b0, b1, _ = exponential_moments(r * h)
        late = [r / parts[0] * b1] if m > 0 else []
        rows.append(np.stack([b0 - sum(late), *late]))
    return rows


def _end_weights(h: np.ndarray, parts: tuple[float, ...], solver_type: str) -> np.ndarray:
    """Return the weights of the evaluations in the end state, shape (evaluations, steps)."""
    b0, b1, b2 = exponential_moments(h)
    late: list[np.ndarray] = []
    if len(parts) == 1:
        late = [(0.5 * b0 if solver_type == "midpoint" else b1) / parts[0]]
    elif parts and solver_type == "midpoint":
        late = [np.zeros_like(b1), b1 / parts[1]]
    elif parts:
        r1, r2 = parts
        late = [(r2 * b1 - b2) / (r1 * (r2 - r1)), (b2 - r1 * b1) / (r2 * (r2 - r1))]
    return np.stack([b0 - sum(late), *late])
