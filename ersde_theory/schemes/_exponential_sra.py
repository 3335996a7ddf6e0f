"""Strong order 1.5 with noise: one stage, and the area of the Brownian path besides its increment."""

from __future__ import annotations

import itertools

import numpy as np

from ersde_theory import _checks
from ersde_theory.clock import level_at_share, step_clock
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Draw, Tableau
from ersde_theory.time_grid import TimeGrid

_STAGE = 3.0 / 4.0  # share of the step in A at which the stage lies
_WEIGHT = 2.0 / 3.0  # of the stage's evaluation: 1/(2 _STAGE) for order 2


def exponential_sra(grid: TimeGrid, noise_scale: NoiseScale) -> Tableau:
    r"""Return the exponential SRA scheme: strong order 1.5 for any smooth denoiser, derivative-free.

    .. math:: Y_m &= \frac{\varphi_m}{\varphi_s} Y_s + \Big(1 - \frac{\varphi_m}{\varphi_s}\Big) D_s
                     + \sqrt{\lambda_m^2 - \lambda_s^2\varphi_m^2/\varphi_s^2}\;Z' \\
              Y_t &= \frac{\varphi_t}{\varphi_s} Y_s
                     + \Big(1 - \frac{\varphi_t}{\varphi_s}\Big) \big(\tfrac13 D_s + \tfrac23 D(Y_m, \lambda_m)\big)
                     + \sqrt{\lambda_t^2 - \lambda_s^2\varphi_t^2/\varphi_s^2}\;Z

    The stage lies at 3/4 of the step in :math:`A = 1/\varphi`. Z is the step's increment of the Brownian path
    and Z' its area :math:`J = \int (A_t - A)\,dB`, both standardised; their correlation is exact. In
    :math:`u = Y/\varphi` this is SRA1 in the time A, with the stage's noise scaled to the variance that the
    solution has at the stage's level; both agree to the order. Strong order 1.5 (2 on Gaussian data), weak
    order 2; without noise Ralston's method, order 2. Two evaluations and two draws a step; a last step to
    level 0 is first order.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level.
    noise_scale : NoiseScale
        phi, admissible on the grid; the orders ask for a smooth phi.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the first level is infinite: A has no smooth path from there.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = exponential_sra(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.reverse_sde())
    >>> tab.n_evaluations, [d.kind for d in tab.draws], round(tab.draw_covariance[0, 1] ** 2, 12)
    (4, ['increment', 'area', 'increment', 'area'], 0.75)
    >>> tab.defects()
    []

    References
    ----------
    Roessler 2010, Runge-Kutta methods for the strong approximation of solutions of SDEs, SIAM J. Numer. Anal.
    48 (SRA1); ``math.md`` section 7.
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level, got inf"
        raise ValueError(msg)
    noise_scale.check_admissible(grid.levels)
    n_full = grid.n_steps - int(grid.ends_at_zero)
    start, end = grid.levels[:n_full], grid.levels[1 : n_full + 1]
    stage = level_at_share(noise_scale, start, end, _STAGE)
    to_stage, from_stage = _ratio(noise_scale, start, stage), _ratio(noise_scale, stage, end)
    stage_fei, fei = noise_scale.fei(start, stage), noise_scale.fei(start, end)
    stage_noise, noise = (np.sqrt(noise_scale.noise_variance(start, level)) for level in (stage, end))
    of_start = (1.0 - _WEIGHT) * fei - from_stage * stage_fei  # the node's row starts from the stage
    nothing, index = np.zeros(n_full), np.arange(n_full)
    n_rows = grid.n_steps + n_full + 1

    def table(first: list[float], per_step: tuple[np.ndarray, ...], to_zero: list[float]) -> np.ndarray:
        """Stack the start's row, stage and node of each step, and the row of a step to 0 if there is one."""
        of_steps = np.stack(per_step, axis=1).reshape(-1, len(first))
        return np.concatenate([[first], of_steps, [to_zero]])[:n_rows]

    data = table([0.0, 0.0], (stage_fei, nothing, of_start, _WEIGHT * fei), [1.0, 0.0])
    draws = table([0.0, 0.0], (nothing, stage_noise, noise, -from_stage * stage_noise), [0.0, 0.0])
    pair = (2 * index, 2 * index + 1)
    evaluations = table([-1, -1], (*pair, *pair), [2 * n_full, -1])
    evaluations[1 : 2 * n_full : 2, 1] = -1
    return Tableau(
        name=f"exponential_sra, {noise_scale.name}",
        alpha=np.ones(n_rows),
        sigma=table([grid.levels[0]], (stage, end), [0.0])[:, 0],
        node=table([0], (np.full(n_full, -1), index + 1), [grid.n_steps])[:, 0],
        evaluation=np.append(np.arange(n_rows - 1), -1),
        previous=table([1.0], (to_stage, from_stage), [0.0])[:, 0],
        data_columns=evaluations,
        data=data,
        noise_columns=table([-1, -1], (*pair, *pair), [2 * n_full, -1]),
        noise=draws,
        draws=tuple(
            Draw(float(a), float(b), kind)
            for a, b in itertools.pairwise(grid.levels)
            for kind in (("increment", "area") if b > 0.0 else ("increment",))
        ),
        draw_covariance={
            (2 * i, 2 * i + 1): float(value) for i, value in enumerate(step_clock(noise_scale, start, end).correlation)
        },
    )


def _ratio(noise_scale: NoiseScale, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return phi(low)/phi(high) of steps between levels > 0."""
    return np.asarray(low / high * np.exp(-noise_scale.log_excess_difference(high, low)))
