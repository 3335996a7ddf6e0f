"""Strong errors on Gaussian data without sampling."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ersde_theory import _checks
from ersde_theory.tableau import Tableau


@dataclass(frozen=True)
class StepTransition:
    r"""The exact solution over the steps of a grid, :math:`X_t = A X_s + \eta Z + \zeta W` about the mean.

    Attributes
    ----------
    factor : float64 array of shape (N,)
        A.
    seen : float64 array of shape (N,)
        eta, the coefficient of the step's own draw Z (the increment of the Brownian path).
    unseen : float64 array of shape (N,)
        zeta, the coefficient of what the path does inside the step, independent of Z.

    Examples
    --------
    >>> StepTransition(np.ones(1), np.zeros(1), np.zeros(1)).factor.shape
    (1,)
    """

    factor: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray


def exact_strong_error(tab: Tableau, variance: float, transition: StepTransition) -> np.ndarray:
    r"""Return :math:`\sqrt{E|Y_r - X_r|^2}` of every row on Gaussian data, exactly.

    Scheme and solution run on the same Brownian path from the same start. The error itself is carried along as
    a combination of the start and all draws, so nothing is lost to the difference of two near-equal
    covariances.

    Parameters
    ----------
    tab : Tableau
        A scheme in y whose rows are the grid's nodes, one draw a step.
    variance : float
        Of the data, >= 0. Means play no part: errors of the mean are deterministic.
    transition : StepTransition
        The exact solution over the steps, from an independent source.

    Returns
    -------
    float64 array of shape (rows,)

    Raises
    ------
    ValueError
        If the tableau has other rows than its nodes, or not one draw a step.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), order=1)
    >>> exact = StepTransition(np.array([(1.25 / 4.25) ** 0.5]), np.zeros(1), np.zeros(1))
    >>> round(float(exact_strong_error(tab, 0.25, exact)[-1]), 4)
    0.0266

    References
    ----------
    ``math.md`` section 6.
    """
    n = tab.n_rows - 1
    v = _checks.nonnegative_number(variance, "variance")
    if not np.array_equal(tab.node, np.arange(n + 1)) or tab.n_draws != n or tab.noise.shape[1] != 1:
        msg = "tab: expected one row and one draw per grid step, got another structure"
        raise ValueError(msg)
    if not (
        np.array_equal(tab.evaluation[:-1], np.arange(n)) and np.array_equal(tab.noise_columns[1:, 0], np.arange(n))
    ):
        message = "tab: expected row i to feed evaluation i and step i to use draw i, got another structure"
        raise ValueError(message)
    if (tab.alpha != 1.0).any():
        msg = "tab: expected a tableau in y (alpha = 1), got another alpha"
        raise ValueError(msg)
    for name in ("factor", "seen", "unseen"):
        if getattr(transition, name).shape != (n,):
            msg = f"transition.{name}: expected shape ({n},), got {getattr(transition, name).shape}"
            raise ValueError(msg)
        if not np.isfinite(getattr(transition, name)).all():
            msg = f"transition.{name}: expected finite numbers, got nan or inf"
            raise ValueError(msg)
    gain = v / (v + tab.sigma**2) if v > 0.0 else np.zeros(n + 1)
    solution, error = np.zeros(2 * n + 1), np.zeros(2 * n + 1)
    solution[0] = (v + tab.sigma[0] ** 2) ** 0.5
    history: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=max(1, tab.data.shape[1]))
    result = np.zeros(n + 1)
    for r in range(1, n + 1):
        history.appendleft((gain[r - 1] * solution, gain[r - 1] * error))
        new = tab.previous[r] * error + (tab.previous[r] - transition.factor[r - 1]) * solution
        for column, weight in zip(tab.data_columns[r], tab.data[r], strict=True):
            if column >= 0:
                of_solution, of_error = history[r - 1 - column]
                new = new + weight * (of_solution + of_error)
        solution = transition.factor[r - 1] * solution
        solution[r], solution[n + r] = transition.seen[r - 1], transition.unseen[r - 1]
        new[r] += tab.noise[r, 0] - transition.seen[r - 1]
        new[n + r] -= transition.unseen[r - 1]
        error = new
        result[r] = float(np.sqrt((error**2).sum()))
    return result
