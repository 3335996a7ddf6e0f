"""Networks as denoisers: prediction types, level maps, adapters, checkpoints, consistency."""

from ersde_theory.models._adapters import edm_denoiser, guided_diffusion_denoiser, k_diffusion_denoiser
from ersde_theory.models._checkpoints import load_into, load_weights
from ersde_theory.models._diffusers import diffusers_denoiser
from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._level_map import ContinuousLevels, EdmLevels, Level, LevelMap, SigmaLevels
from ersde_theory.models._loading import load_denoiser
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models._prediction import Prediction
from ersde_theory.models._snapping import SnappingError, snapping_error
from ersde_theory.models.consistency import ConsistencyReport, check_consistency

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
