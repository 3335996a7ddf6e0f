"""Strong errors on Gaussian data without sampling."""

from __future__ import annotations

import numpy as np

from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors._linear_run import LinearRun
from ersde_theory.errors._linear_run import StepTransition as StepTransition
from ersde_theory.tableau import Tableau


def exact_strong_error(
    tab: Tableau,
    variance: float,
    transition: StepTransition,
    *,
    mean: float = 0.0,
    start_mean: float | None = None,
    path: BrownianPath | None = None,
) -> np.ndarray:
    r"""Return :math:`\sqrt{E|Y_i - X_i|^2}` at every node of the grid on Gaussian data, exactly.

    Scheme and solution run on the same Brownian path from the same start. Both are carried along as
    combinations of the start and all normals of the path, so nothing is lost to the difference of two near-equal
    covariances. Any tableau in y will do: stages, correctors, several draws a step. The last number is the error at
    the end, the largest that over the path.

    Parameters
    ----------
    tab : Tableau
        A scheme in y whose draws are increments and areas of the Brownian path.
    variance : float
        Of the data, >= 0.
    transition : StepTransition
        The exact solution over the grid's steps (over the path's intervals if one is given), from an
        independent source.
    mean : float
        Of the data.
    start_mean : float, optional
        Of the start. Default: the data's, and then errors of the mean are 0 for a scheme that keeps constants.
    path : BrownianPath, optional
        On a grid that has all levels of the tableau's nodes and draws, in the clock of the scheme's phi; its seed plays
        no part. Needed for draws over other intervals than the grid's steps.

    Returns
    -------
    float64 array of shape (N + 1,)

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the tableau is not in y, lacks a node or has independent draws; if it has draws over other intervals than
        steps and no path; if the transition does not fit.

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
    run = LinearRun(tab, variance, transition, mean, start_mean, path)
    state = run.exact
    errors = [0.0]
    run.evaluate(0, state)
    for r in range(1, int(run.node_rows[-1]) + 1):
        state = run.row(r, state)
        run.evaluate(r, state)
        if r == run.node_rows[len(errors)]:
            run.advance(len(errors))
            errors.append(float(np.linalg.norm(state - run.exact)))
    return np.array(errors)
