"""What a diffusers scheduler's state and model output mean: four families of levels, and the kinds of prediction.

Told by what a scheduler has, not by its name, so that schedulers from elsewhere work too.
"""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np

from ersde_theory import _checks

FAMILIES = ("flow", "sigma", "sigma-vp", "timestep", "edm", "consistency", "angle")
PREDICTIONS = ("epsilon", "sample", "v_prediction", "flow_prediction")

Level = tuple[float, float]
_FLOAT32 = 1e-6
_TO_THE_DATA = ("MiniMaxH3Scheduler",)  # flows whose velocity points from the noise to the data


def family_of(scheduler: Any) -> str:
    """Return the family of a scheduler on which ``set_timesteps`` has been called.

    ``flow``: sigmas of a flow, x = (1 - sigma) x0 + sigma eps. ``sigma``: sigmas, alpha = 1, the network's input is
    scaled. ``sigma-vp``: sigmas sigma/alpha, but the state is variance preserving. ``timestep``: ``alphas_cumprod`` at
    the timestep. ``edm``: sigmas, alpha = 1, EDM's preconditioning. ``consistency``: the same with a boundary
    condition. ``angle``: lists of alpha and sigma (IPNDM).
    """
    config = scheduler.config
    if hasattr(scheduler, "precondition_outputs"):
        return "edm"
    if hasattr(scheduler, "get_scalings_for_boundary_condition"):
        return "consistency"
    if hasattr(scheduler, "sigmas"):
        if config.get("use_flow_sigmas") or not (hasattr(scheduler, "alphas_cumprod") or hasattr(scheduler, "betas")):
            return "flow"
        preserving = hasattr(scheduler, "_sigma_to_alpha_sigma_t") or _leaves_input(scheduler)
        return "sigma-vp" if preserving else "sigma"
    if hasattr(scheduler, "alphas_cumprod"):
        return "timestep"
    if hasattr(scheduler, "ets") and hasattr(scheduler, "betas"):
        return "angle"
    msg = f"scheduler: expected sigmas or alphas_cumprod, got {type(scheduler).__name__} with neither"
    raise ValueError(msg)


def _leaves_input(scheduler: Any) -> bool:
    """Return whether the network gets the state as it is, so that the state must be variance preserving."""
    if not hasattr(scheduler, "scale_model_input") or not len(scheduler.timesteps):
        return False
    other = copy.deepcopy(scheduler)  # asking may change a scheduler
    return float(other.scale_model_input(np.float64(1.0), other.timesteps[0])) == 1.0


def prediction_of(scheduler: Any, family: str) -> str:
    """Return what the network of a scheduler predicts."""
    stated = scheduler.config.get("prediction_type")
    if family == "flow" and stated in (None, "flow_prediction"):
        return "flow_prediction"
    if family == "angle":
        return "v_prediction"
    return _checks.one_of(stated or "epsilon", "prediction_type", PREDICTIONS)


def index_of(scheduler: Any, t: Any, step: int) -> int:
    """Return the index at which a scheduler stands before its step, in the way it finds it itself."""
    if getattr(scheduler, "step_index", None) is not None:
        return int(scheduler.step_index)
    if getattr(scheduler, "begin_index", None) is not None:
        return int(scheduler.begin_index)
    if step == 0 and hasattr(scheduler, "index_for_timestep"):
        return int(scheduler.index_for_timestep(t))
    return step


def level_of(scheduler: Any, family: str, t: Any, index: int) -> Level:
    """Return (alpha, sigma) of the state that a scheduler has before its step."""
    if family == "timestep":
        return _preserving(scheduler.alphas_cumprod[int(t)])
    if family == "angle":
        return float(scheduler.alphas[index]), float(scheduler.betas[index])
    return _from_sigma(scheduler, family, _current_sigma(scheduler, t, index))


def _from_sigma(scheduler: Any, family: str, sigma: Any) -> Level:
    """Return (alpha, sigma) of a state from a scheduler's sigma, in the scheduler's own arithmetic."""
    if family == "flow":
        return float(1.0 - sigma), float(sigma)
    if family == "sigma-vp":
        if not hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
            return 1.0 / math.hypot(1.0, float(sigma)), float(sigma) / math.hypot(1.0, float(sigma))
        alpha, own = scheduler._sigma_to_alpha_sigma_t(sigma)
        return float(alpha), float(own)
    return 1.0, float(sigma)


def _current_sigma(scheduler: Any, t: Any, index: int) -> Any:
    """Return the sigma that a scheduler scales its input by, stages included."""
    if not getattr(scheduler, "state_in_first_order", True):
        if getattr(scheduler, "mid_point_sigma", None) is not None:
            return scheduler.mid_point_sigma
        between = getattr(scheduler, "sigmas_interpol", None)
        if between is not None:
            # schedulers disagree on the index of a stage; the scale of the input tells
            unit = 1.0 / float(scheduler.scale_model_input(np.float64(1.0), t))
            known = [s for s in between[max(index - 1, 0) : index + 1] if bool(s > 0.0)]
            return min(known, key=lambda s: abs(math.hypot(1.0, float(s)) - unit))
    return scheduler.sigmas[index]


def _preserving(alpha_squared: Any) -> Level:
    """Return (alpha, sigma) of a variance preserving state, in the scheduler's own arithmetic."""
    return float(alpha_squared**0.5), float((1.0 - alpha_squared) ** 0.5)


def grid_of(scheduler: Any, family: str) -> tuple[Level, ...]:
    """Return the levels of a scheduler's grid, each once, with that of its result."""
    if family == "angle":
        pairs = list(zip(scheduler.alphas.tolist(), scheduler.betas.tolist(), strict=True))
    elif family == "timestep":
        pairs = [level_of(scheduler, family, t, i) for i, t in enumerate(scheduler.timesteps)]
        pairs.append(_result_level(scheduler))
    else:
        steps = len(scheduler.timesteps)
        pairs = [_from_sigma(scheduler, family, s) for s in scheduler.sigmas[: steps + 1]]
        if family == "consistency":
            pairs = pairs[:steps]
            pairs.append((1.0, 0.0))
    once = [pairs[0]]
    once += [b for a, b in itertools.pairwise(pairs) if b != a]
    return tuple(once) if len(once) > 1 else (*once, pairs[-1])


def _result_level(scheduler: Any) -> Level:
    """Return (alpha, sigma) of the result of a scheduler that steps in timesteps."""
    final = getattr(scheduler, "final_alpha_cumprod", None)
    if hasattr(scheduler, "get_scalings_for_boundary_condition_discrete"):
        return 1.0, 0.0
    return (1.0, 0.0) if final is None else _preserving(final)


def output_for(
    scheduler: Any, family: str, prediction: str, x: np.ndarray, data: np.ndarray, level: Level
) -> np.ndarray:
    """Return what the network would have to predict at the state x for this data prediction."""
    alpha, sigma = level
    if family in ("edm", "consistency"):
        return _preconditioned(scheduler, family, x, data, sigma)
    if prediction == "sample":
        return data
    if prediction == "v_prediction" and abs(math.hypot(alpha, sigma) - 1.0) < _FLOAT32:
        return (alpha * x - data) / sigma  # for alpha^2 + sigma^2 = 1, which holds to float32 only
    eps = (x - alpha * data) / sigma
    if prediction == "epsilon":
        return eps
    if prediction == "flow_prediction":
        return (eps - data) * (-1.0 if type(scheduler).__name__ in _TO_THE_DATA else 1.0)
    norm = math.hypot(alpha, sigma)  # the state is not variance preserving, but the network is
    return np.asarray(alpha / norm * eps - sigma / norm * data)


def _preconditioned(scheduler: Any, family: str, x: np.ndarray, data: np.ndarray, sigma: float) -> np.ndarray:
    """Return the output F of D = c_skip x + c_out F; 0 where c_out is 0."""
    import torch

    level = torch.tensor(sigma, dtype=torch.float32)
    if family == "consistency":
        c_skip, c_out = map(float, scheduler.get_scalings_for_boundary_condition(level))
    else:
        c_skip, c_out = (float(scheduler.precondition_outputs(*pair, level)) for pair in ((1.0, 0.0), (0.0, 1.0)))
    return (data - c_skip * x) / c_out if c_out != 0.0 else np.zeros_like(data)


def told_levels(scheduler: Any, timesteps: Any) -> np.ndarray | None:
    """Return the levels for which the network was trained at these timesteps; None if they are unknown."""
    trained = getattr(scheduler, "alphas_cumprod", None)
    if trained is None:
        return None
    squared = np.asarray(trained, dtype=np.float64)
    with np.errstate(divide="ignore"):
        log_level = 0.5 * (np.log1p(-squared) - np.log(squared))
    times = np.asarray(timesteps, dtype=np.float64)
    return np.asarray(np.exp(np.interp(times, np.arange(squared.size), log_level)))
