"""The convention of diffusers schedulers: ``set_timesteps``, then ``scale_model_input`` and ``step`` in a loop."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit._run import Run
from ersde_theory.audit.conventions import _diffusers_families as families
from ersde_theory.audit.conventions._diffusers_score import ScoreSdeScheduler
from ersde_theory.audit.conventions._targets import modules_of

_TOLD_WRONG = 1e-3


@dataclass(frozen=True)
class DiffusersScheduler:
    """A scheduler with its number of steps; see :func:`diffusers_scheduler`."""

    scheduler: Any
    timesteps: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    library: str = "torch"

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.scheduler.set_timesteps(**self.timesteps)

    @property
    def name(self) -> str:
        """Name of the scheduler's class."""
        return type(self.scheduler).__name__

    @property
    def family(self) -> str:
        """What the state's levels are."""
        return families.family_of(self.scheduler)

    @property
    def prediction(self) -> str:
        """What the network predicts."""
        return families.prediction_of(self.scheduler, self.family)

    @property
    def convention(self) -> str:
        """Convention, family and prediction."""
        return f"diffusers {self.family} {self.prediction}"

    @functools.cached_property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid of the scheduler."""
        self._begin()
        return families.grid_of(self.scheduler, self.family)

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """The scheduler's module."""
        return modules_of(type(self.scheduler))

    def run(self, run: Run) -> Any:
        """Sample as a pipeline does."""
        scheduler = self.scheduler
        run.suspended += 1
        self._begin()
        run.suspended -= 1
        family, prediction = self.family, self.prediction
        x = run.begin()
        told = None if family == "flow" else families.told_levels(scheduler, scheduler.timesteps)
        carried: dict[str, Any] = {}
        for i, t in enumerate(scheduler.timesteps):
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(x, t)
            run.suspended += 1
            level = families.level_of(scheduler, family, t, families.index_of(scheduler, t, i))
            run.suspended -= 1
            data = run.denoise(x, *level)
            state = run.evaluations[-1].state
            run.suspended += 1
            value = families.output_for(scheduler, family, prediction, state, data, level)
            run.suspended -= 1
            output = run.model_output(x, value)
            if told is not None:
                self._compare(run, i, float(t), float(told[i]))
            x = self._step(output, i, t, x, carried)
        return x

    def _step(self, output: Any, i: int, t: Any, x: Any, carried: dict[str, Any]) -> Any:
        """Return the next state; what the scheduler wants to be told of earlier steps is in `carried`."""
        wanted = inspect.signature(self.scheduler.step).parameters
        times, options = self.scheduler.timesteps, dict(self.options)
        if "prev_timestep" in wanted and i + 1 < len(times):
            options["prev_timestep"] = times[i + 1]
        if "old_pred_original_sample" in wanted:
            options |= {"timestep_back": times[i - 1] if i > 0 else None, "return_dict": False}
            options["old_pred_original_sample"] = carried.get("data")
        given = {"model_output": output, "timestep": t, "sample": x, **options}
        result = self.scheduler.step(**given)
        if "old_pred_original_sample" in wanted:
            carried["data"] = result[1]
        return result[0]

    def _compare(self, run: Run, i: int, t: float, told: float) -> None:
        """Note where the network is told another level than the scheduler steps from."""
        level = run.evaluations[-1].level
        if np.isfinite(level) and abs(told - level) > _TOLD_WRONG * level:
            first = not any("the network is told" in note for note in run.notes)
            if first:
                run.notes.append(
                    f"step {i}: the network is told timestep {t:g}, which is level {told:.4g}; the scheduler steps "
                    f"from {level:.4g}"
                )


def diffusers_scheduler(
    scheduler: Any,
    n_steps: int | None = None,
    *,
    set_timesteps: Mapping[str, Any] | None = None,
    **options: Any,
) -> DiffusersScheduler | ScoreSdeScheduler:
    """Return a diffusers scheduler as a black box.

    What its levels and its model's outputs mean is told from what the scheduler has: ``use_flow_sigmas`` and
    schedulers without a training schedule are flows, a ``precondition_outputs`` means EDM, and so on; all values of
    ``prediction_type`` and ``algorithm_type`` work. diffusers itself is not imported.

    Parameters
    ----------
    scheduler : object
        An instance with ``config``, ``set_timesteps`` and ``step(model_output, timestep, sample, …)``. The same object
        is used for every run, as pipelines do.
    n_steps : int, optional
        Passed to ``set_timesteps``; may be left out if `set_timesteps` has its own arguments.
    set_timesteps : mapping, optional
        Further arguments of ``set_timesteps``: ``sigmas``, ``mu`` …
    **options
        Further arguments of ``step``: ``eta``, ``generator`` …

    Returns
    -------
    BlackBox

    Raises
    ------
    TypeError
        If it is not a scheduler.
    ValueError
        If its levels cannot be told, or the number of steps is missing.

    Examples
    --------
    >>> from diffusers import DDIMScheduler
    >>> from ersde_theory.audit import read_out
    >>> box = diffusers_scheduler(DDIMScheduler(clip_sample=False), 4)
    >>> box.convention, read_out(box).linear
    ('diffusers timestep epsilon', True)
    """
    wanted = ("config", "set_timesteps", "step_pred" if hasattr(scheduler, "step_pred") else "step")
    if isinstance(scheduler, type) or not all(hasattr(scheduler, attribute) for attribute in wanted):
        got = _checks.describe(scheduler)
        msg = f"scheduler: expected an instance with {', '.join(wanted)}, got {got}"
        raise TypeError(msg)
    arguments = dict(set_timesteps or {})
    if n_steps is not None:
        arguments["num_inference_steps"] = _checks.integer(n_steps, "n_steps", minimum=1)
    if not arguments:
        msg = "n_steps: expected a number of steps or set_timesteps=…, got neither"
        raise ValueError(msg)
    if "step_pred" in wanted:
        return ScoreSdeScheduler(scheduler, arguments)
    box = DiffusersScheduler(scheduler, arguments, options)
    families.prediction_of(scheduler, families.family_of(scheduler))
    return box
