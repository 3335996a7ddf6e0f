"""A target on the command line, made into black boxes on grids of any number of steps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit.bias import STEPS
from ersde_theory.audit.conventions import bare_step, diffusers_scheduler, k_diffusion, released_er_sde
from ersde_theory.audit.readout import BlackBox, read_out, read_table
from ersde_theory.audit.verdict import Verdict, judge
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.time_grid import TimeGrid

CONVENTIONS = ("k-diffusion", "diffusers", "released", "step")
SCHEDULES = ("ve-karras", "vp-linear", "vp-cosine", "flow", "flow-shift")
_SHIFT = 3.0  # of flow-shift, as large image models have it
_FIRST = {"vp-linear": 1.0, "vp-cosine": 0.99, "flow": 1.0, "flow-shift": 1.0}  # time of the start
_LAST_VP = 1e-3  # time of the last level before 0
_AUTO = "auto"
_UNTOLD = "use --convention to say which"


def grid_of(schedule: str, n_steps: int, *, to_zero: bool = True) -> TimeGrid:
    """Return a usual grid of noise levels.

    Parameters
    ----------
    schedule : str
        ``ve-karras`` (80 to 0.002), ``vp-linear`` and ``vp-cosine`` (uniform in time), ``flow`` (uniform in sigma from
        1, which is level infinity) or ``flow-shift`` (the same, shifted by 3).
    n_steps : int
        At least 2.
    to_zero : bool
        Whether the last step goes to level 0; if not, that step is left out.

    Returns
    -------
    TimeGrid

    Raises
    ------
    ValueError
        If the schedule is unknown or there are fewer than two steps.

    Examples
    --------
    >>> grid_of("flow", 4).levels.tolist()
    [inf, 3.0, 1.0, 0.3333333333333333, 0.0]
    """
    _checks.one_of(schedule, "schedule", SCHEDULES)
    n = _checks.integer(n_steps, "n_steps", minimum=2) + int(not to_zero)
    found = _to_zero(schedule, n)
    return found if to_zero else TimeGrid(found.levels[:-1])


def _to_zero(schedule: str, n: int) -> TimeGrid:
    """Return the grid of n steps, the last to 0."""
    if schedule == "ve-karras":
        return TimeGrid.karras(n - 1, 80.0, 0.002, final_zero=True)
    if schedule.startswith("vp"):
        process = ForwardProcess.vp_linear() if schedule == "vp-linear" else ForwardProcess.vp_cosine()
        return TimeGrid.uniform_in_time(process, n - 1, _FIRST[schedule], _LAST_VP, final_zero=True)
    sigma = 1.0 - np.arange(n + 1) / n
    if schedule == "flow-shift":
        sigma = _SHIFT * sigma / (1.0 + (_SHIFT - 1.0) * sigma)
    with np.errstate(divide="ignore"):
        return TimeGrid(sigma / (1.0 - sigma))


@dataclass(frozen=True)
class Calling:
    """How a target is called.

    Attributes
    ----------
    convention : str
        Of :data:`CONVENTIONS`, or ``auto``: told from the target by :func:`audit_sampler`.
    parametrisation : str
        Of a k-diffusion sampler's network, or the release's: ``x_start``, ``noise`` or ``score``; empty for the usual.
    schedule : str
        Of :data:`SCHEDULES`; empty for the usual.
    noise : str
        Of a k-diffusion sampler: ``own``, ``independent`` or ``tree``.
    arguments : mapping
        Of the sampler, of a scheduler's constructor, or of the release's method: ``order``, ``noise_scale``.
    to_zero : bool
        Whether the last step goes to level 0.

    Examples
    --------
    >>> Calling("k-diffusion").schedule_used
    've-karras'
    """

    convention: str = _AUTO
    parametrisation: str = ""
    schedule: str = ""
    noise: str = "own"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    to_zero: bool = True

    @property
    def schedule_used(self) -> str:
        """The schedule, the usual one if none is given; empty where a scheduler brings its own."""
        if self.convention == "diffusers":
            return ""
        return self.schedule or ("flow" if self.parametrisation == "const" else "ve-karras")


def convention_of(target: Callable[..., Any]) -> str:
    """Return the convention that a target seems to follow, from its methods or its arguments.

    Parameters
    ----------
    target : callable
        A class or a function.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it looks like none.

    Examples
    --------
    >>> def sample_mine(model, x, sigmas, extra_args=None): ...
    >>> convention_of(sample_mine)
    'k-diffusion'
    """
    if hasattr(target, "set_timesteps") and (hasattr(target, "step") or hasattr(target, "step_pred")):
        return "diffusers"
    if hasattr(target, "ve_1_order") or hasattr(target, "vp_1_order"):
        return "released"
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        names = []
    if names[:3] == ["model", "x", "sigmas"]:
        return "k-diffusion"
    if len(names) in (4, 5) and not inspect.isclass(target):
        return "step"
    msg = f"target: expected one of the conventions {', '.join(CONVENTIONS)}, got arguments {names}; {_UNTOLD}"
    raise ValueError(msg)


def boxes(target: Callable[..., Any], calling: Calling) -> Callable[[int], BlackBox]:
    """Return black boxes of a target by number of steps.

    Parameters
    ----------
    target : callable
        What is audited.
    calling : Calling
        How it is called.

    Returns
    -------
    callable
        ``(n_steps)`` to a BlackBox.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit the convention; also when a box is made.

    Examples
    --------
    >>> def euler(x, d, sigma, sigma_next):
    ...     return d + (x - d) * (sigma_next / sigma)
    >>> boxes(euler, Calling("step"))(2).levels
    (80.0, 0.002, 0.0)
    """
    kind = _checks.one_of(calling.convention, "convention", CONVENTIONS)
    if kind == "diffusers":
        return lambda n: diffusers_scheduler(_scheduler(target, calling), n)
    if kind == "step":
        if calling.arguments or calling.parametrisation:
            msg = "arguments: expected none for a bare step, which gets data predictions, got some"
            raise ValueError(msg)
        return lambda n: bare_step(target, grid_of(calling.schedule_used, n, to_zero=calling.to_zero))
    if kind == "released":
        return lambda n: _released(target, calling, n)
    given = calling.parametrisation or "x0"
    if calling.schedule_used.startswith("flow") and given != "const":
        msg = f"schedule: expected --parametrisation const with {calling.schedule_used}, from σ = 1, got {given!r}"
        raise ValueError(msg)
    return lambda n: k_diffusion(
        target,
        grid_of(calling.schedule_used, n, to_zero=calling.to_zero),
        parametrisation=given,
        noise=calling.noise,
        **calling.arguments,
    )


def audit_sampler(
    target: Callable[..., Any],
    calling: Calling | None = None,
    steps: Sequence[int] = (10, 20, 50),
    ladder: Sequence[int] = STEPS,
    *,
    dtype: str = "float64",
    against: str = "any",
    advance: Callable[[float], None] | None = None,
) -> Verdict:
    """Return the verdict on a callable: what ``ersde audit`` does.

    Parameters
    ----------
    target : callable
        A class or a function.
    calling : Calling, optional
        How it is called; told from the target unless given.
    steps, ladder : sequence of int
        As for :func:`~ersde_theory.audit.judge`.
    dtype : str
        Of the state.
    against : {"any", "published", "adams"}
        What it should be.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or the target looks like no convention. What the target raises is passed on.

    Examples
    --------
    >>> def euler(x, d, sigma, sigma_next):
    ...     return d + (x - d) * (sigma_next / sigma)
    >>> print(audit_sampler(euler, steps=(10,), ladder=()))
    correct: ER-SDE-1 (published) with φ = ode
    """
    given = calling or Calling()
    if given.convention == _AUTO:
        given = replace(given, convention=convention_of(target))
    box_at = boxes(target, given)
    return judge(
        lambda n: read_out(box_at(n), dtype=dtype),
        steps,
        ladder=ladder,
        read_ladder_at=lambda n: read_table(box_at(n), dtype=dtype),
        against=against,
        advance=advance,
    )


def _scheduler(target: Callable[..., Any], calling: Calling) -> Any:
    """Return a new scheduler."""
    config = dict(calling.arguments)
    if calling.parametrisation:
        config["prediction_type"] = calling.parametrisation
    if calling.schedule:
        msg = f"schedule: expected none for a scheduler, which brings its own (--kwargs), got {calling.schedule!r}"
        raise ValueError(msg)
    return target(**config)


def _released(target: Callable[..., Any], calling: Calling, n_steps: int) -> BlackBox:
    """Return the released class on a grid."""
    options = dict(calling.arguments)
    schedule = calling.schedule_used
    if schedule.startswith("flow"):
        msg = f"schedule: expected ve-karras, vp-linear or vp-cosine for the release, got {schedule!r}"
        raise ValueError(msg)
    if schedule.startswith("vp"):
        options["process"] = ForwardProcess.vp_linear() if schedule == "vp-linear" else ForwardProcess.vp_cosine()
    if "noise_scale" in options:
        options["noise_scale"] = _function(NoiseScale.from_name(options["noise_scale"]))
    if calling.parametrisation:
        options["prediction"] = calling.parametrisation
    return released_er_sde(target, grid_of(schedule, n_steps, to_zero=calling.to_zero), **options)


def _function(noise_scale: NoiseScale) -> Callable[[Any], Any]:
    """Return phi of tensors."""

    def phi(x: Any) -> Any:
        import torch

        level = torch.as_tensor(x, dtype=torch.float64)
        excess = noise_scale.log_excess(level.numpy())
        return torch.as_tensor(x) * torch.exp(torch.from_numpy(np.asarray(excess))).to(torch.as_tensor(x).dtype)

    return phi


__all__ = ["CONVENTIONS", "SCHEDULES", "Calling", "audit_sampler", "boxes", "convention_of", "grid_of"]
