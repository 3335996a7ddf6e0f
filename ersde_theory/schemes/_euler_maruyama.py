"""Euler-Maruyama for the extended reverse-time SDE."""

from __future__ import annotations

import numpy as np

from ersde_theory import _checks
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.schemes._assembly import multistep_tableau
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


def euler_maruyama(grid: TimeGrid, noise_scale: NoiseScale, *, process: ForwardProcess | None = None) -> Tableau:
    r"""Return Euler-Maruyama for :math:`dx = [fx - \tfrac12(g^2+h^2)\nabla\log p_t]\,dt + h\,d\bar w`.

    Without a process the time is the noise level itself (the EDM process), a step being

    .. math:: Y_t = Y_s - (\lambda_s-\lambda_t)\frac{1+\tau^2}{\lambda_s}(Y_s - D)
              + \sqrt{2\lambda_s\tau^2(\lambda_s-\lambda_t)}\;Z .

    With one, the step is taken in x over the process's own t. Strong and weak order 1, one evaluation a step;
    it keeps neither constants (in x) nor the variance, as `Tableau.defects` shows.

    Parameters
    ----------
    grid : TimeGrid
        N steps, first level finite.
    noise_scale : NoiseScale
        phi, admissible on the grid; h^2 = tau^2 g^2.
    process : ForwardProcess, optional
        Whose (x, t) the step is taken in.

    Returns
    -------
    Tableau
        In y (alpha = 1), or in x of the process.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or the grid starts at infinity or leaves the process.
    NotAdmissible
        If phi is not admissible on the grid.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.euler_maruyama(TimeGrid([2.0, 1.0]), NoiseScale.reverse_sde())
    >>> tab.previous.tolist(), tab.noise[1].tolist()
    ([1.0, 0.0], [2.0])

    References
    ----------
    Kloeden & Platen 1992, section 10.2; ``math.md`` section 1.
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    if np.isinf(grid.levels[0]):
        msg = "grid: expected a finite first level, got inf: f is infinite at alpha = 0"
        raise ValueError(msg)
    noise_scale.check_admissible(grid.levels)
    start, end = grid.levels[:-1], grid.levels[1:]
    tau_squared = noise_scale.tau_squared(start)
    label = f"euler_maruyama, {noise_scale.name}"
    if process is None:
        step = (start - end) / start * (1.0 + tau_squared)
        noise = np.sqrt(2.0 * start * tau_squared * (start - end))
        return multistep_tableau(label, grid, 1.0 - step, step[:, None], noise)
    _checks.instance(process, "process", ForwardProcess)
    time = process.time(grid.levels)
    span = time[:-1] - time[1:]
    alpha, sigma = process.alpha_at_level(start), process.sigma_at_level(start)
    g_squared = process.diffusion_squared(time[:-1])
    pull = 0.5 * (1.0 + tau_squared) * g_squared * span / sigma**2
    in_y = multistep_tableau(
        f"{label}, {process.name}",
        grid,
        1.0 - span * process.drift(time[:-1]) - pull,
        (pull * alpha)[:, None],
        np.sqrt(tau_squared * g_squared * span),
    )
    return _labelled(in_y, process, grid)


def _labelled(tableau: Tableau, process: ForwardProcess, grid: TimeGrid) -> Tableau:
    """Return the tableau, whose coefficients act on x already, with alpha and sigma of its process."""
    from dataclasses import replace

    return replace(
        tableau,
        alpha=process.alpha_at_level(grid.levels),
        sigma=process.sigma_at_level(grid.levels),
    )
