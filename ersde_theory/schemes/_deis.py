"""DEIS: Adams-Bashforth for the noise prediction."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from ersde_theory import _checks
from ersde_theory._levels import log_ratio
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.quadrature import divided_difference_weights
from ersde_theory.tableau import DenseTableau, Draw, Tableau
from ersde_theory.time_grid import TimeGrid

_NODES, _PANEL = 20, 0.5  # of Gauss-Legendre in ln(lambda): exact to round-off for functions smooth in it


def deis(grid: TimeGrid, order: int = 3, *, variable: str = "t", process: ForwardProcess | None = None) -> Tableau:
    r"""Return DEIS: the noise prediction extrapolated by a polynomial and integrated exactly, no noise.

    .. math:: y_{i+1} = y_i + \int_{\lambda_i}^{\lambda_{i+1}} P(v(\lambda))\,d\lambda, \qquad
              P(v(\lambda_j)) = \varepsilon_j = \frac{y_j - D_j}{\lambda_j}, \quad j = i, \dots, i-k+1 .

    Order k on the ODE, if the low-order steps at the start are tiny; one evaluation a step. k = 1 is DDIM. The
    polynomial has degree k - 1, which is the number in the paper's names: order 3 in t is tAB2. A last step to
    level 0 is first order.

    An :math:`\varepsilon_j` holds the state :math:`y_j`. In the tableau that state is traced back to the
    evaluations behind it, so that a row uses all evaluations so far, with weights that fall by about the relative
    step from one to the next. Those at round-off are left out: the window is N for a few steps, about 20 for hundreds.

    Parameters
    ----------
    grid : TimeGrid
        N steps from a finite level; the last level may be 0.
    order : int
        k, 1 to 4.
    variable : {"t", "rho", "log_rho"}
        v: the time of `process` (tAB, the paper's main method), the level itself (rhoAB), or its logarithm (what
        Diffusers has).
    process : ForwardProcess, optional
        Needed for ``t``.

    Returns
    -------
    Tableau
        In y (alpha = 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, out of range or missing, or the process does not reach a level.

    Examples
    --------
    >>> from ersde_theory import ForwardProcess, TimeGrid, schemes
    >>> grid = TimeGrid.karras(10, 80.0, 0.002)
    >>> tab = schemes.deis(grid, 3, process=ForwardProcess.vp_linear())
    >>> tab.n_evaluations, tab.defects()
    (10, [])
    >>> schemes.deis(grid, 1, variable="rho").first_difference(schemes.ddim(grid), atol=1e-14) is None
    True

    References
    ----------
    Zhang & Chen 2023, *DEIS* (arXiv 2204.13902), section 3; the public code, whose integrals are left Riemann sums
    of 10 000 nodes (tAB, rhoAB); Diffusers (log_rho).
    """
    _checks.instance(grid, "grid", TimeGrid)
    k = _checks.integer(order, "order", minimum=1, maximum=4)
    position = _position(_checks.one_of(variable, "variable", ("t", "rho", "log_rho")), process)
    levels, n = grid.levels, grid.n_steps
    if np.isinf(levels[0]):
        msg = f"grid: expected a finite first level, at which y exists, got {levels[0]}"
        raise ValueError(msg)
    weights = _epsilon_weights(levels, k, position)
    data = np.zeros((n + 1, n))  # of the evaluations in each state
    epsilon = np.zeros((n, n))  # and in each noise prediction; the start has weight 1/lambda_0 in all of these
    for i in range(n):
        epsilon[i] = data[i] / levels[i]
        epsilon[i, i] -= 1.0 / levels[i]
        used = i - np.arange(min(i + 1, k))
        data[i + 1] = data[i] + weights[i, : used.size] @ epsilon[used]
    return Tableau.from_dense(
        f"deis-{k} in {variable}{f' of {process.name}' if variable == 't' and process else ''}",
        DenseTableau(levels / levels[0], data, np.zeros((n + 1, n))),
        alpha=np.ones(n + 1),
        sigma=levels,
        node=np.arange(n + 1),
        evaluation=np.append(np.arange(n), -1),
        draws=tuple(Draw(float(a), float(b)) for a, b in itertools.pairwise(levels)),
        tolerance=4.0 * float(np.finfo(float).eps),
    )


def _position(variable: str, process: ForwardProcess | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return v as a function of the level."""
    if process is not None:
        _checks.instance(process, "process", ForwardProcess)
    if variable == "rho":
        return np.asarray
    if variable == "log_rho":
        return np.log
    if process is None:
        msg = "process: expected a ForwardProcess for variable='t', got None"
        raise TypeError(msg)
    return process.time


def _epsilon_weights(levels: np.ndarray, order: int, position: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the weights of the noise predictions i, i - 1, ... in step i, shape (N, order)."""
    n = levels.size - 1
    weights = np.zeros((n, order))
    places = position(levels[:-1])
    usable = np.where(levels[1:] > 0.0, np.minimum(np.arange(n) + 1, order), 1)
    for k in range(2, order + 1):
        at = np.flatnonzero(usable == k)
        if at.size:
            nodes = places[at[:, None] - np.arange(k)]
            moments = _newton_moments(levels[at], levels[at + 1], nodes, position)
            weights[at, :k] = np.einsum("mi,imj->ij", moments, divided_difference_weights(nodes)[:, 1:])
    weights[:, 0] += np.diff(levels)
    return weights


def _newton_moments(
    start: np.ndarray, end: np.ndarray, nodes: np.ndarray, position: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Integrate the Newton basis of degree 1, 2, ... over the level from start to end, shape (k - 1, steps)."""
    length = log_ratio(start, end)[:, None]
    panels = int(np.ceil(length.max() / _PANEL))
    at, weight = np.polynomial.legendre.leggauss(_NODES)
    share = (np.arange(panels)[:, None] + 0.5 * (at + 1.0)).ravel() / panels
    level = start[:, None] * np.exp(-length * share)
    gaps = position(level) - nodes[:, :-1].T[:, :, None]
    density = -length * level * np.tile(0.5 * weight, panels) / panels
    return np.asarray((np.cumprod(gaps, axis=0) * density).sum(axis=-1))
