"""Local errors on Gaussian data without sampling: one step from the exact law."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors._linear_run import LinearRun, StepTransition
from ersde_theory.tableau import Tableau


class LocalErrors(NamedTuple):
    """Root mean squares of the errors that each step of a grid makes.

    Attributes
    ----------
    error : float64 array of shape (N,)
        Of the state at the step's end, in data units.
    mean_error : float64 array of shape (N,)
        Of its mean given all that happened before the step.

    Examples
    --------
    >>> LocalErrors(np.ones(1), np.zeros(1)).mean_error.tolist()
    [0.0]
    """

    error: np.ndarray
    mean_error: np.ndarray


def exact_local_error(
    tab: Tableau,
    variance: float,
    transition: StepTransition,
    *,
    mean: float = 0.0,
    start_mean: float | None = None,
    path: BrownianPath | None = None,
) -> LocalErrors:
    r"""Return the error of every single step that starts on the exact path, on Gaussian data, exactly.

    A step starts from the exact solution, and older evaluations that it uses are those at the exact solution's
    states at the nodes (an evaluation at a predicted state counts as one at its node, once its step is over). What
    lies inside the step, stages and predictions, the scheme computes itself. An evaluation at an older step's
    stage is the one that this step computed from its own exact start.

    With local errors :math:`h^{p+1/2}` and local mean errors :math:`h^{p+1}` the strong order is p.

    Parameters
    ----------
    tab, variance, transition, mean, start_mean, path
        As :func:`exact_strong_error`.

    Returns
    -------
    LocalErrors

    Raises
    ------
    TypeError, ValueError
        As :func:`exact_strong_error`.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), order=1)
    >>> exact = StepTransition(np.array([(1.25 / 4.25) ** 0.5]), np.zeros(1), np.zeros(1))
    >>> [round(float(e[0]), 4) for e in exact_local_error(tab, 0.25, exact)]
    [0.0266, 0.0266]

    References
    ----------
    Milstein & Tretyakov 2004, fundamental theorem of mean-square convergence.
    """
    run = LinearRun(tab, variance, transition, mean, start_mean, path)
    errors, mean_errors = [], []
    run.evaluate(0, run.exact)
    first = 1
    for node, last in enumerate(run.node_rows.tolist()[1:], start=1):
        state = run.exact
        for r in range(first, last + 1):
            state = run.row(r, state)
            run.evaluate(r, state)
        run.advance(node)
        error = state - run.exact
        errors.append(float(np.linalg.norm(error)))
        mean_errors.append(float(np.linalg.norm(error[run.before(node - 1)])))
        for r in range(first, last + 1):
            if tab.sigma[r] == tab.sigma[last]:
                run.evaluate(r, run.exact)
        first = last + 1
    return LocalErrors(np.array(errors), np.array(mean_errors))
