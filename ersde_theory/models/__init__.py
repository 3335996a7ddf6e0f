"""Networks as denoisers: prediction types, level maps, adapters, checkpoints, consistency.

What needs torch is imported when it is asked for, so that the command line starts without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._level_map import ContinuousLevels, EdmLevels, Level, LevelMap, SigmaLevels
from ersde_theory.models._prediction import Prediction

if TYPE_CHECKING:
    from ersde_theory.models._adapters import edm_denoiser, guided_diffusion_denoiser, k_diffusion_denoiser
    from ersde_theory.models._checkpoints import load_into, load_weights
    from ersde_theory.models._diffusers import diffusers_denoiser
    from ersde_theory.models._loading import load_denoiser
    from ersde_theory.models._network_denoiser import NetworkDenoiser
    from ersde_theory.models._snapping import SnappingError, snapping_error
    from ersde_theory.models.consistency import ConsistencyReport, Tolerance, check_consistency

_WITH_TORCH = {
    "ConsistencyReport": "consistency",
    "NetworkDenoiser": "_network_denoiser",
    "SnappingError": "_snapping",
    "Tolerance": "consistency",
    "check_consistency": "consistency",
    "diffusers_denoiser": "_diffusers",
    "edm_denoiser": "_adapters",
    "guided_diffusion_denoiser": "_adapters",
    "k_diffusion_denoiser": "_adapters",
    "load_denoiser": "_loading",
    "load_into": "_checkpoints",
    "load_weights": "_checkpoints",
    "snapping_error": "_snapping",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        msg = f"{name}: expected torch and safetensors, got no {error.name}: pip install 'ersde-theory[torch]'"
        raise ModuleNotFoundError(msg, name=error.name) from None
    globals()[name] = value
    return value


__all__ = [
    "ConsistencyReport",
    "ContinuousLevels",
    "DiscreteLevels",
    "EdmLevels",
    "Level",
    "LevelMap",
    "NetworkDenoiser",
    "Prediction",
    "SigmaLevels",
    "SnappingError",
    "Tolerance",
    "check_consistency",
    "diffusers_denoiser",
    "edm_denoiser",
    "guided_diffusion_denoiser",
    "k_diffusion_denoiser",
    "load_denoiser",
    "load_into",
    "load_weights",
    "snapping_error",
]
