"""What a diffusers scheduler says about the network: its prediction type and its levels."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._level_map import ContinuousLevels, EdmLevels, LevelMap, SigmaLevels
from ersde_theory.models._prediction import Prediction

# their prediction_type: ours
PREDICTIONS = {"epsilon": "epsilon", "sample": "x0", "v_prediction": "v", "flow_prediction": "flow"}


def conventions(scheduler: Any, *, snap: bool = False) -> tuple[Prediction, LevelMap]:
    """Return prediction type and level map of a diffusers scheduler.

    Parameters
    ----------
    scheduler : diffusers scheduler
        One with a beta schedule, a flow-matching one, EDM's, or score-SDE's VE.
    snap : bool
        Tell a discrete-time network whole timesteps only.

    Returns
    -------
    prediction : Prediction
    levels : LevelMap

    Raises
    ------
    ValueError
        If the scheduler has another convention.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> config = {"prediction_type": "v_prediction"}
    >>> prediction, levels = conventions(SimpleNamespace(config=config, alphas_cumprod=np.array([0.9, 0.5, 0.1])))
    >>> prediction.name, levels.at(1.0).conditioning
    ('v', 1.0)
    """
    name, config = type(scheduler).__name__, dict(scheduler.config)
    kind = config.get("prediction_type", "epsilon")
    if name.startswith("EDM"):
        levels = EdmLevels(config["sigma_data"], (config["sigma_min"], config["sigma_max"]))
        prediction = Prediction.edm(config["sigma_data"])
        return (prediction.negated() if kind == "v_prediction" else prediction), levels
    if name == "ScoreSdeVeScheduler":
        return Prediction.from_name("score"), SigmaLevels((config["sigma_min"], config["sigma_max"]))
    if name.startswith("FlowMatch") or kind == "flow_prediction":
        return Prediction.from_name("flow"), _flow_levels(config)
    if not hasattr(scheduler, "alphas_cumprod") or config.get("timestep_type") == "continuous":
        msg = f"scheduler: expected a beta schedule, flow matching, EDM or ScoreSdeVeScheduler, got {name}"
        raise ValueError(msg)
    known = np.asarray(scheduler.alphas_cumprod).astype(np.float64)
    if config.get("rescale_betas_zero_snr"):
        known[-1] = 0.0  # EulerDiscreteScheduler writes 2^-24 there, with linear betas above the entry before it
    ours = PREDICTIONS[_checks.one_of(kind, "prediction_type", PREDICTIONS)]
    return Prediction.from_name(ours), DiscreteLevels(known, snap=snap)


def _flow_levels(config: dict[str, Any]) -> ContinuousLevels:
    """Return rectified flow on the levels that the scheduler visits; its network is told sigma times T."""
    if config.get("invert_sigmas"):
        msg = "scheduler: expected sigma = 1 at the noise, got invert_sigmas, which turns the time round"
        raise ValueError(msg)
    steps = config["num_train_timesteps"]
    shift = config.get("shift", config.get("flow_shift")) or 1.0
    ends = np.array([1.0, steps - 1.0]) / steps
    low, high = (shift * ends / (1.0 + (shift - 1.0) * ends)).tolist()
    return ContinuousLevels(ForwardProcess.rectified_flow(), (low, high), time_scale=float(steps))


def load_scheduler(folder: Path) -> Any:
    """Return the scheduler of a folder with ``scheduler_config.json``, built from that file alone.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    diffusers scheduler

    Raises
    ------
    ValueError
        If the file names no scheduler of the installed diffusers.

    Examples
    --------
    >>> load_scheduler(Path("no/such/folder"))
    Traceback (most recent call last):
    FileNotFoundError: no/such/folder/scheduler_config.json: expected a file of diffusers' layout, got no such file
    """
    path = folder / "scheduler_config.json"
    config = read_json(path)
    import diffusers

    name = str(config.get("_class_name"))
    kind: Any = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    # unknown, or retired: then diffusers has a stand-in of another family
    known = isinstance(kind, type) and issubclass(kind, diffusers.SchedulerMixin)
    if not known:
        near = difflib.get_close_matches(name, [n for n in dir(diffusers) if n.endswith("Scheduler")], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"{path}: expected the _class_name of a diffusers scheduler, got {name!r}{hint}"
        raise ValueError(msg)
    try:
        return kind.from_config(config)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        msg = f"{path}: expected the configuration of a {name}, got one that it refuses ({error})"
        raise ValueError(msg) from None


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a JSON object.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.json").write_text('{"a": 1}')
    ...     read_json(Path(folder, "a.json"))
    {'a': 1}
    """
    if not path.is_file():
        msg = f"{path}: expected a file of diffusers' layout, got no such file"
        raise FileNotFoundError(msg)
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        msg = f"{path}: expected JSON, got something else ({error})"
        raise ValueError(msg) from None
    if not isinstance(value, dict):
        msg = f"{path}: expected a JSON object, got {_checks.describe(value)}"
        raise ValueError(msg)
    return value


__all__ = ["conventions", "load_scheduler", "read_json"]
