r"""What it costs to tell a discrete-time network the nearest timestep instead of the one between."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ersde_theory import _checks
from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models.consistency import NOISE_STREAM


@dataclass(frozen=True)
class SnappingError:
    r"""The error of snapping, level by level.

    Attributes
    ----------
    noise_level : float64 array of shape (L,)
    level_shift : float64 array of shape (L,)
        :math:`\ln(\lambda'/\lambda)` of the timestep that the network is told.
    difference : float64 array of shape (L, 2)
        RMS of :math:`D_{snapped} - D` per coordinate, with its standard error.

    Examples
    --------
    >>> SnappingError(np.ones(1), np.zeros(1), np.zeros((1, 2))).difference.shape
    (1, 2)
    """

    noise_level: np.ndarray
    level_shift: np.ndarray
    difference: np.ndarray


def snapping_error(denoiser: NetworkDenoiser, data: Any, levels: Any, *, seed: int = 0) -> SnappingError:
    r"""Measure what snapping to the nearest timestep changes in the denoiser.

    Parameters
    ----------
    denoiser : NetworkDenoiser
        With :class:`DiscreteLevels`.
    data : tensor of shape (n, *shape)
        Clean samples, n >= 2; noised at each level.
    levels : sequence of float
        Noise levels in the trained range.
    seed : int
        Of the noise.

    Returns
    -------
    SnappingError

    Raises
    ------
    TypeError
        If the network has no timesteps to snap to.

    Examples
    --------
    >>> import torch
    >>> levels = DiscreteLevels(np.array([0.9, 0.5, 0.1]))
    >>> D = NetworkDenoiser(lambda x, t: x * t[:, None], "x0", levels, shape=(2,))
    >>> snapping_error(D, torch.ones(3, 2), [0.5, 1.0]).level_shift.round(3).tolist()
    [-0.405, 0.0]
    """
    _checks.instance(denoiser, "denoiser", NetworkDenoiser)
    if not isinstance(denoiser.levels, DiscreteLevels):
        msg = f"denoiser: expected one with DiscreteLevels, got {type(denoiser.levels).__name__}"
        raise TypeError(msg)
    lam = _checks.float64_array(levels, "levels", ndim=1)
    between, snapped = (
        dataclasses.replace(denoiser, levels=dataclasses.replace(denoiser.levels, snap=snap)) for snap in (False, True)
    )
    rng = np.random.default_rng([NOISE_STREAM, _checks.integer(seed, "seed", minimum=0)])
    shifts, differences = [], []
    for level in lam.tolist():
        told = snapped.levels.at(level).conditioning
        shifts.append(math.log(denoiser.levels.noise_level(told) / level))
        noisy = data + level * torch.as_tensor(rng.normal(size=tuple(data.shape)), dtype=data.dtype)
        squares = ((snapped(noisy, level) - between(noisy, level)).double() ** 2).reshape(len(data), -1).mean(1)
        rms = math.sqrt(float(squares.mean()))
        spread = float(squares.std()) / math.sqrt(len(data))
        differences.append((rms, spread / (2.0 * rms) if rms > 0.0 else 0.0))
    return SnappingError(lam, np.array(shifts), np.array(differences))


__all__ = ["SnappingError", "snapping_error"]
