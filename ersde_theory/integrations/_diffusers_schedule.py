"""Timesteps and sigmas of a scheduler from its configuration, the same as those of diffusers' own schedulers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

from ersde_theory import _checks

# What diffusers' own multistep scheduler takes its grid from.
VP_OPTIONS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
    "final_sigmas_type",
    "lambda_min_clipped",
    "timestep_spacing",
    "steps_offset",
    "rescale_betas_zero_snr",
)


@dataclass(frozen=True)
class Schedule:
    """A run's grid.

    Attributes
    ----------
    timesteps : Tensor of shape (steps,)
        What the network is told.
    sigmas : float32 Tensor of shape (steps + 1,)
        On the host.
    """

    timesteps: torch.Tensor
    sigmas: torch.Tensor


def vp_reference(config: Any) -> DPMSolverMultistepScheduler:
    """Return diffusers' own multistep scheduler of a configuration, for its betas and its grid.

    Parameters
    ----------
    config : mapping
        With the :data:`VP_OPTIONS`.

    Returns
    -------
    DPMSolverMultistepScheduler

    Examples
    --------
    >>> float(vp_reference(DPMSolverMultistepScheduler().config).betas[-1]) == float(np.float32(0.02))
    True
    """
    return DPMSolverMultistepScheduler(**{name: config[name] for name in VP_OPTIONS})


def vp_schedule(
    reference: DPMSolverMultistepScheduler,
    steps: int | None,
    timesteps: Sequence[int] | None,
    sigmas: Sequence[float] | None,
) -> Schedule:
    """Return the grid of a variance-preserving run, from one of three arguments.

    Parameters
    ----------
    reference : DPMSolverMultistepScheduler
        Of :func:`vp_reference`.
    steps : int or None
        How many: the grid of the configuration.
    timesteps : sequence of int or None
        Falling.
    sigmas : sequence of float or None
        Noise levels sigma/alpha. If the last is not 0, the final one of the configuration follows.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> reference = DPMSolverMultistepScheduler()
    >>> vp_schedule(reference, None, None, [10.0, 1.0, 0.0]).timesteps.tolist()
    [674, 258]
    """
    if sigmas is None:
        with warnings.catch_warnings():  # how diffusers makes arrays of tensors
            warnings.simplefilter("ignore", DeprecationWarning)
            arguments = {"num_inference_steps": steps} if timesteps is None else {"timesteps": list(timesteps)}
            reference.set_timesteps(**arguments)
        return Schedule(reference.timesteps, reference.sigmas)
    given = _checks.float64_array(sigmas, "sigmas", ndim=1)
    table = np.sqrt((1.0 - reference.alphas_cumprod.numpy()) / reference.alphas_cumprod.numpy()).astype(float)
    last = 0.0 if reference.config["final_sigmas_type"] == "zero" else table[0]
    levels = _with_last(given, last)
    inner = np.log(np.maximum(levels[:-1], 1e-10))
    times = np.interp(inner, np.log(table), np.arange(table.size))
    return Schedule(torch.from_numpy(times.round().astype(np.int64)), _float32(levels))


def flow_schedule(
    config: Any,
    steps: int | None,
    timesteps: Sequence[float] | None,
    sigmas: Sequence[float] | None,
    shift: float,
) -> Schedule:
    """Return the grid of a flow run, shifted; timesteps are sigma times the number of training steps.

    Parameters
    ----------
    config : mapping
        With ``num_train_timesteps`` and ``final_sigmas_type``.
    steps : int or None
        How many, uniform before the shift, from just below 1.
    timesteps : sequence of float or None
        As they are, not shifted.
    sigmas : sequence of float or None
        Before the shift, at most 1. If the last is not 0, the final one of the configuration follows.
    shift : float
        s in s sigma / (1 + (s - 1) sigma).

    Returns
    -------
    Schedule

    Examples
    --------
    >>> config = {"num_train_timesteps": 1000, "final_sigmas_type": "zero"}
    >>> flow_schedule(config, None, None, [1.0, 0.5], 3.0).timesteps.tolist()
    [1000.0, 750.0]
    """
    n = config["num_train_timesteps"]

    def shifted(sigma: np.ndarray) -> np.ndarray:
        return shift * sigma / (1.0 + (shift - 1.0) * sigma)

    if timesteps is not None:
        levels = _checks.float64_array(timesteps, "timesteps", ndim=1) / n
    elif sigmas is not None:
        levels = shifted(_checks.float64_array(sigmas, "sigmas", ndim=1))
    else:
        assert steps is not None
        levels = shifted(np.linspace(1.0 - 1.0 / n, 0.0, steps + 1)[:-1])
    last = 0.0 if config["final_sigmas_type"] == "zero" else float(shifted(np.asarray(1.0 / n)))
    tensor = _float32(_with_last(levels, last))
    return Schedule(tensor[:-1] * n, tensor)


def _with_last(levels: np.ndarray, last: float) -> np.ndarray:
    """Return levels that end with 0, or else with the one given."""
    return levels if levels.size and levels[-1] == 0.0 else np.append(levels, last)


def _float32(values: np.ndarray) -> torch.Tensor:
    """Return the sigmas of a schedule as diffusers keeps them."""
    return torch.from_numpy(values.astype(np.float32))
