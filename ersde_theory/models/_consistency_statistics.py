"""The statistics of one noise level: regressions of the residual on functions of the noisy datum."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from ersde_theory.models.batches import in_batches
from ersde_theory.sampling import NonFiniteError

if TYPE_CHECKING:
    from ersde_theory.models._level_map import Level
    from ersde_theory.models._network_denoiser import NetworkDenoiser

BLOCK_ROWS = 64
# How far, in ln lambda, the told level is moved either way for a difference quotient. Any value gives a valid test.
TOLD_STEP = 0.1


def statistics_at_level(denoiser: NetworkDenoiser, clean: Any, lam: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return every statistic of one level."""
    noise = torch.as_tensor(rng.normal(size=clean.shape), dtype=clean.dtype)
    noisy = clean + lam * noise
    level = denoiser.levels.at(lam)
    told = [denoiser.levels.at(lam * math.exp(step)).conditioning for step in (TOLD_STEP, -TOLD_STEP)]
    levels = [level, *(dataclasses.replace(level, conditioning=c) for c in told)]
    value, up, down = (_in_blocks(denoiser, noisy, item) for item in levels)
    if not all(bool(array.isfinite().all()) for array in (value, up, down)):
        msg = f"{denoiser.name}: expected finite values, got nan or inf at noise level {lam:g}"
        raise NonFiniteError(msg)
    residual = _rows(clean - value)
    slope = _rows(up - down) / (2.0 * TOLD_STEP)
    squares = (residual**2).sum(1)
    affine = ((_rows(clean) - _affine_estimate(_rows(clean), _rows(noisy), lam)) ** 2).sum(1)
    return {
        "rms": math.sqrt(float((residual**2).mean())),
        "excess": _ratio(squares - affine, affine),
        # the residual of the noise is that of the data, with the other sign
        "noise_slope": _regression(-residual, _rows(noisy - value)),
        "data_slope": _regression(residual, _rows(value - value.mean(dim=0))),
        "level_shift": _regression(residual, slope),
        "shift_terms": ((residual * slope).sum(1), (slope**2).sum(1)),
    }


def _in_blocks(denoiser: NetworkDenoiser, noisy: torch.Tensor, level: Level) -> torch.Tensor:
    rows = len(noisy)
    value = in_batches(lambda a, b: denoiser.at_level(noisy[a:b], level), rows, start_batch=min(rows, BLOCK_ROWS))
    return cast("torch.Tensor", value)


def _affine_estimate(clean: np.ndarray, noisy: np.ndarray, lam: float) -> np.ndarray:
    """Return the isotropic affine estimate; each half's mean and variance are those of the other half."""
    estimate = np.empty_like(clean)
    for own, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        mean = clean[other].mean(axis=0)
        variance = float(((clean[other] - mean) ** 2).mean())
        estimate[own] = mean + (variance / (variance + lam**2)) * (noisy[own] - mean)
    return estimate


def _rows(values: Any) -> np.ndarray:
    return np.asarray(values.double().reshape(values.shape[0], -1).cpu())


def _regression(residual: np.ndarray, feature: np.ndarray) -> tuple[float, float, float]:
    """Return slope through 0 pooled over coordinates, its standard error over samples, share of the residual."""
    square = (feature**2).sum(1)
    slope, error = _ratio((residual * feature).sum(1), square)
    return slope, error, slope**2 * float(square.mean() / (residual**2).sum(1).mean())


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> tuple[float, float]:
    """Return a ratio of means and its standard error by linearisation; (0, inf) where the denominator vanishes."""
    total = float(denominator.mean())
    if total == 0.0:
        return 0.0, math.inf
    ratio = float(numerator.mean()) / total
    n = len(numerator)
    return ratio, float(np.std(numerator - ratio * denominator, ddof=1)) / (total * math.sqrt(n))


def pooled_ratio(terms: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the slope of all levels, weighted by precision; its error over samples knows their correlation."""
    weights = []
    for product, square in terms:
        spread = float(np.var(product, ddof=1))
        weights.append(float(square.mean()) / spread if spread > 0.0 else 0.0)
    numerator = sum(w * product for w, (product, _) in zip(weights, terms, strict=True))
    denominator = sum(w * square for w, (_, square) in zip(weights, terms, strict=True))
    return np.array(_ratio(np.asarray(numerator), np.asarray(denominator)))
