"""The convention of the released ER-SDE class: ``ER_SDE_Solver(sde_type, …).ve_3_order_taylor(model, x, …)``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit._run import Run
from ersde_theory.audit.conventions._targets import modules_of
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.time_grid import TimeGrid

_PREDICTIONS = ("x_start", "noise", "score")
_METHODS = {1: "{}_1_order", 2: "{}_2_order_taylor", 3: "{}_3_order_taylor"}


@dataclass(frozen=True)
class ReleasedSolver:
    """A solver class with its schedule; see :func:`released_er_sde`."""

    solver: Callable[..., Any]
    alphas: tuple[float, ...]
    sigmas: tuple[float, ...]
    sde: str
    order: int
    prediction: str
    noise_scale: Callable[[Any], Any] | None
    library: str = "torch"

    @property
    def name(self) -> str:
        """Name of the method that is called."""
        return _METHODS[self.order].format(self.sde)

    @property
    def convention(self) -> str:
        """Convention and prediction."""
        return f"released {self.prediction}"

    @property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid that the solver is given."""
        return tuple(zip(self.alphas, self.sigmas, strict=True))

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """The class's module."""
        return modules_of(self.solver)

    def run(self, run: Run) -> Any:
        """Call the method; times are the indices of the grid."""
        import torch

        def model(x: Any, t: Any, **_extra: Any) -> Any:
            alpha, sigma = self.nodes[int(t)]
            data = run.denoise(x, alpha, sigma)
            state = run.evaluations[-1].state
            value = data
            if self.prediction == "noise":
                value = (state - alpha * data) / sigma
            elif self.prediction == "score":
                value = (alpha * data - state) / sigma**2
            return run.model_output(x, value)

        schedule = _schedule_class()
        solver = self.solver(sde_type=self.sde, model_prediction_type=self.prediction)
        dtype = torch.float64 if run.dtype == "float64" else torch.float32
        given: list[Any] = [torch.tensor(self.sigmas, dtype=dtype).as_subclass(schedule)]
        if self.sde == "vp":
            given.insert(0, torch.tensor(self.alphas, dtype=dtype).as_subclass(schedule))
        options = (
            {} if self.noise_scale is None else {f"fn_{'sigma' if self.sde == 've' else 'lambda'}": self.noise_scale}
        )
        return getattr(solver, self.name)(model, run.begin(), *given, range(len(self.sigmas)), **options)


@functools.cache
def _schedule_class() -> type:
    """Return a tensor that mixes with NumPy arrays, as the release's order 2 and VP methods want, in any torch."""
    import torch

    class Schedule(torch.Tensor):
        __array_priority__ = -1000  # so that NumPy computes array * tensor, and does not hand it to torch

        def sum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:  # noqa: ARG002
            plain = self.as_subclass(torch.Tensor)
            return (plain.sum() if axis is None else plain.sum(dim=axis)).as_subclass(Schedule)

    return Schedule


def released_er_sde(
    solver: Callable[..., Any],
    grid: TimeGrid,
    *,
    order: int = 3,
    process: ForwardProcess | None = None,
    prediction: str = "x_start",
    noise_scale: Callable[[Any], Any] | None = None,
) -> ReleasedSolver:
    """Return a class of the ER-SDE release's shape as a black box.

    Parameters
    ----------
    solver : callable
        The class: ``solver(sde_type=…, model_prediction_type=…)`` with methods ``ve_1_order``, ``vp_3_order_taylor`` …
    grid : TimeGrid
        Finite noise levels.
    order : int
        1, 2 or 3.
    process : ForwardProcess, optional
        A process with alpha: the ``vp`` methods are called. Default: the ``ve`` methods.
    prediction : str
        ``x_start``, ``noise`` or ``score``.
    noise_scale : callable, optional
        phi; default: the release's.

    Returns
    -------
    BlackBox

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value.

    Examples
    --------
    >>> class Solver:
    ...     def __init__(self, sde_type, model_prediction_type): ...
    ...     def ve_1_order(self, model, x, sigmas, times, **_):
    ...         for i, t in enumerate(times[:-1]):
    ...             x = model(x, t) + sigmas[i + 1] / sigmas[i] * (x - model(x, t))
    ...         return x
    >>> from ersde_theory import TimeGrid
    >>> released_er_sde(Solver, TimeGrid([4.0, 1.0]), order=1).name
    've_1_order'
    """
    if not callable(solver):
        msg = f"solver: expected a class, got {_checks.describe(solver)}"
        raise TypeError(msg)
    _checks.instance(grid, "grid", TimeGrid)
    _checks.integer(order, "order", minimum=1, maximum=3)
    _checks.one_of(prediction, "prediction", _PREDICTIONS)
    levels = _checks.nonnegative_array(grid.levels, "grid")
    alphas = np.ones_like(levels)
    if process is not None:
        alphas = _checks.instance(process, "process", ForwardProcess).alpha_at_level(levels)
    sde = "ve" if process is None else "vp"
    pair = tuple(alphas.tolist()), tuple((alphas * levels).tolist())
    return ReleasedSolver(solver, *pair, sde, order, prediction, noise_scale)
