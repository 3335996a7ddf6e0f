"""Networks as denoisers: prediction types, level maps, adapters, checkpoints, consistency."""

from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._level_map import ContinuousLevels, EdmLevels, Level, LevelMap, SigmaLevels
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models._prediction import Prediction

__all__ = [
    "ContinuousLevels",
    "DiscreteLevels",
    "EdmLevels",
    "Level",
    "LevelMap",
    "NetworkDenoiser",
    "Prediction",
    "SigmaLevels",
]
