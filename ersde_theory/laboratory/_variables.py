"""Why the interpolation variable matters: its errors and its amplification, step by step, on Gaussian data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray
from ersde_theory.time_grid import TimeGrid

VARIABLES = ("linear", "arctan(8)", "arctan(2)", "arctan(0.5)", "rational(2)", "log")
SPREADS = (0.1, 0.3, 1.0, 3.0)
_COUNT = 3  # values that are interpolated


def variable_errors(make_grid: Callable[[int], TimeGrid], counts: Sequence[int]) -> dict[str, LabelledArray]:
    r"""Return what interpolation in each variable costs along the ODE of Gaussian data.

    Along the ODE the data prediction for data of standard deviation s is proportional to
    :math:`s/\sqrt{s^2+\lambda^2}`, and an error at a level is multiplied by
    :math:`\sqrt{s^2+\lambda_N^2}/\sqrt{s^2+\lambda^2}`
    until the end.

    Parameters
    ----------
    make_grid : callable
        From a number of steps.
    counts : sequence of int
        Numbers of steps, >= 2.

    Returns
    -------
    dict of str to LabelledArray
        ``one_step`` (variable, spread, part, evaluations): the sum over steps of the errors of single steps from exact
        values, carried to the end, relative to s; the parts are prediction and correction, both of 3 values.
        ``amplification`` (variable, evaluations): the largest sum of the sizes of a prediction's weights, over their
        sum; errors of the evaluations can grow by it. And the coordinates.

    Examples
    --------
    >>> found = variable_errors(lambda n: TimeGrid.karras(n, 80.0, 0.002), [20])
    >>> found["amplification"].values.shape
    (6, 1)
    """
    spreads = np.array(SPREADS)
    one_step = np.zeros((len(VARIABLES), spreads.size, 2, len(counts)))
    amplification = np.zeros((len(VARIABLES), len(counts)))
    for i, name in enumerate(VARIABLES):
        variable = InterpolationVariable.from_name(name)
        for k, n in enumerate(counts):
            levels = make_grid(n).levels
            size = np.hypot(1.0, levels[:, None] / spreads)  # of the state, and of 1/D, along the solution
            exact = size[1:] - (levels[1:] / levels[:-1])[:, None] * size[:-1]
            for ahead in (0, 1):
                for step in range(1, n):
                    nodes = step + ahead - np.arange(min(_COUNT, step + 1 + ahead))
                    weights = interpolation_weights(
                        NoiseScale.ode(), levels[step], levels[step + 1], levels[nodes], variable
                    )
                    error = weights @ (1.0 / size[nodes]) - exact[step]
                    one_step[i, :, ahead, k] += np.abs(error) * size[-1] / size[step + 1]
                    if not ahead:
                        growth = float(np.abs(weights).sum() / weights.sum())
                        amplification[i, k] = max(amplification[i, k], growth)
    return {
        "variable": LabelledArray(("variable",), np.array(VARIABLES)),
        "spread": LabelledArray(("spread",), spreads, "data units"),
        "part": LabelledArray(("part",), np.array(("prediction", "correction"))),
        "one_step": LabelledArray(("variable", "spread", "part", "evaluations"), one_step, "spread"),
        "amplification": LabelledArray(("variable", "evaluations"), amplification),
    }
