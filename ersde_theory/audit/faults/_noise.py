"""Faults of the noise: missing, clipped, of the wrong size, or where none should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ersde_theory.audit.faults._fault import Fault, Parameters, fitted
from ersde_theory.audit.matching import Tolerance, agreement
from ersde_theory.audit.members import Certified
from ersde_theory.audit.observed import Observed

FLOAT32 = float(np.finfo(np.float32).eps)
_ABOVE_ROUND_OFF = 1e2  # tolerances
_FEW = 10  # in one step of so many, noise counts as added there
_ROUND_OFF = 64.0 * FLOAT32  # of the level's square, what differences of squares leave in float32


def with_variance(certified: Certified, variance: np.ndarray) -> Certified:
    """Return a scheme with the variances of its noises replaced; correlations stay."""
    if certified.recipe is not None:
        return certified.with_ingredients(noise=variance * certified.recipe.unit("noise") ** 2)
    old = certified.steps.noise_variance
    scale = np.sqrt(np.where(old > 0.0, variance / np.where(old > 0.0, old, 1.0), 0.0))
    noise = certified.steps.noise * np.outer(scale, scale)
    noise[np.diag_indices_from(noise)] = variance
    return certified.with_steps(noise=noise)


def _due(certified: Certified, tolerance: Tolerance) -> np.ndarray:
    """Return the steps that should have a noise which can be seen."""
    steps = certified.steps
    return np.asarray(steps.noise_variance > 2.0 * tolerance.noise * steps.noise_scale**2)


def _silenced(seen: Observed, certified: Certified, tolerance: Tolerance) -> np.ndarray:
    """Return the steps without the noise that they should have."""
    silent = seen.noise_variance <= tolerance.silent * seen.noise_scale**2
    return np.asarray(_due(certified, tolerance) & silent)


# ---------------------------------------------------------------------- no noise


def _propose_off(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    due = _due(certified, tolerance)
    if due.any() and _silenced(seen, certified, tolerance)[due].all():
        yield {}


NOISE_OFF = Fault(
    "noise-off",
    "no noise at all, though the state is scaled with phi",
    _propose_off,
    lambda certified: with_variance(certified, np.zeros(certified.steps.n_steps)),
    lambda _: (
        "no noise at all, though state and data are weighted with φ: the variance collapses (a “deterministic” "
        "mode needs φ = x)"
    ),
)


def _propose_clip(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    silenced = _silenced(seen, certified, tolerance)
    kept = _due(certified, tolerance) & ~silenced
    if silenced.sum() < 2 or not kept.any():
        return
    brackets = []
    for coordinates, scale in (("y", np.ones(seen.n_steps)), ("x", seen.alpha[1:])):
        variance = certified.steps.noise_variance * scale**2
        low, high = float(variance[silenced].max()), float(variance[kept].min())
        if low < high:
            decade = 10.0 ** np.floor(np.log10(high))
            brackets.append((not low < decade < high, coordinates, low, high))
    for _, coordinates, low, high in sorted(brackets, key=lambda b: b[0])[: 1 if (seen.alpha == 1.0).all() else 2]:
        yield {"low": low, "high": high, "coordinates": coordinates}


def _plant_clip(certified: Certified, low: float, high: float, coordinates: str = "y") -> Certified:
    scale = certified.steps.alpha[1:] if coordinates == "x" else np.ones(certified.steps.n_steps)
    variance = certified.steps.noise_variance
    return with_variance(certified, np.where(variance * scale**2 < np.sqrt(low * high), 0.0, variance))


def _describe_clip(parameters: Parameters) -> str:
    low, high = parameters["low"], parameters["high"]
    decade = 10.0 ** np.floor(np.log10(high))
    likely = f", {decade:.0e} for one" if low < decade < high else ""
    return (
        f"noise variances (of {parameters['coordinates']}) below an absolute threshold are set to 0: it lies between "
        f"{low:.2g} and {high:.2g}{likely}"
    )


NOISE_CLIP = Fault("noise-clip", "absolute clip of the noise variance", _propose_clip, _plant_clip, _describe_clip)


def _propose_missing(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    silenced = _silenced(seen, certified, tolerance)
    kept = _due(certified, tolerance) & ~silenced
    if not silenced.any() or not kept.any():
        return
    variance = certified.steps.noise_variance * seen.alpha[1:] ** 2
    bracket = (float(variance[silenced].max()), float(variance[kept].min()))
    yield {"steps": tuple(np.flatnonzero(silenced).tolist()), "bracket": bracket}


def _plant_missing(
    certified: Certified, steps: tuple[int, ...], bracket: tuple[float, float] = (1.0, 0.0)
) -> Certified:
    del bracket  # it only says what else it may be
    variance = certified.steps.noise_variance.copy()
    variance[list(steps)] = 0.0
    return with_variance(certified, variance)


def _describe_missing(parameters: Parameters) -> str:
    steps, (low, high) = parameters["steps"], parameters.get("bracket", (1.0, 0.0))
    text = f"the noise of step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))} is missing"
    return text + (f" (or variances below a threshold between {low:.2g} and {high:.2g} are)" if low < high else "")


NOISE_MISSING = Fault(
    "noise-missing",
    "missing noise term",
    _propose_missing,
    _plant_missing,
    _describe_missing,
)


def _propose_extra(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    surplus = seen.noise_variance - certified.steps.noise_variance
    steps = np.flatnonzero(surplus > _ABOVE_ROUND_OFF * tolerance.noise * seen.noise_scale**2)
    kept = agreement(seen, certified.steps, tolerance).ratio[steps].all()  # or the step is another one altogether
    if 0 < steps.size <= max(1, seen.n_steps // _FEW) and kept:
        yield {"steps": tuple(steps.tolist()), "variance": tuple(surplus[steps].tolist())}


def _plant_extra(certified: Certified, steps: tuple[int, ...], variance: tuple[float, ...]) -> Certified:
    whole = certified.steps.noise_variance.copy()
    whole[list(steps)] += variance
    return with_variance(certified, whole)


NOISE_EXTRA = Fault(
    "noise-extra",
    "noise added in single steps",
    _propose_extra,
    _plant_extra,
    lambda p: (
        f"noise of standard deviation {', '.join(f'{value**0.5:.3g}' for value in p['variance'])} is added in "
        f"step{'s' if len(p['steps']) > 1 else ''} {', '.join(map(str, p['steps']))}, where it does not belong"
    ),
)

# ---------------------------------------------------------------------- noise of the wrong size


def _propose_factor(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    due = _due(certified, tolerance) & ~_silenced(seen, certified, tolerance)
    if due.any():
        factor = fitted(np.sqrt(seen.noise_variance[due] / certified.steps.noise_variance[due]), tolerance)
        if factor is not None:
            yield {"factor": factor}


NOISE_FACTOR = Fault(
    "noise-factor",
    "noise multiplied by a constant",
    _propose_factor,
    lambda certified, factor: with_variance(certified, factor**2 * certified.steps.noise_variance),
    lambda p: (
        f"the noise is multiplied by {p['factor']:.6g} (s_noise, or η on the noise alone), the ratio is not "
        "changed accordingly"
    ),
)


def _growth(steps: Observed) -> np.ndarray:
    """Return the growth of S that belongs to each step's noise variance; inf where there is no bound."""
    share = steps.noise_variance / steps.noise_scale**2
    below = share < 1.0
    return np.where(below, -0.5 * np.log1p(-np.where(below, share, 0.0)), np.inf)


def _propose_eta(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    due = _due(certified, tolerance) & ~_silenced(seen, certified, tolerance) & (seen.level[1:] > 0.0)
    mine, right = _growth(seen), _growth(certified.steps)
    due &= np.isfinite(mine) & np.isfinite(right)
    if due.any():
        eta = fitted(mine[due] / right[due], tolerance)
        if eta is not None:
            yield {"eta": eta}


def _plant_eta(certified: Certified, eta: float) -> Certified:
    share = -np.expm1(-2.0 * eta * _growth(certified.steps))
    variance = np.where(certified.steps.level[1:] > 0.0, certified.steps.level[1:] ** 2 * share, 0.0)
    return with_variance(certified, variance)


NOISE_ETA = Fault(
    "noise-eta",
    "noise of another h² than the ratio",
    _propose_eta,
    _plant_eta,
    lambda p: (
        f"the noise is that of x^(1−k) φ^k with k = {p['eta']:.6g} (η scales h where it should scale h², or "
        "the noise without the state)"
    ),
)


def _propose_alpha(seen: Observed, _certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    if not (seen.alpha == 1.0).all():
        yield from ({"instead": instead} for instead in _ALPHA)


_ALPHA: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "1": lambda _s, t: 1.0 / t,
    "alpha_s": lambda s, t: s / t,
    "alpha_t^2": lambda _s, t: t,
    "1/alpha_t": lambda _s, t: 1.0 / t**2,
}


def _plant_alpha(certified: Certified, instead: str) -> Certified:
    alpha = certified.steps.alpha
    return with_variance(certified, _ALPHA[instead](alpha[:-1], alpha[1:]) ** 2 * certified.steps.noise_variance)


NOISE_ALPHA = Fault(
    "noise-alpha",
    "noise not scaled with alpha",
    _propose_alpha,
    _plant_alpha,
    lambda p: f"the noise in x is scaled with {p['instead']}, not with α_t: α is forgotten on a schedule with α ≠ 1",
)

_LEVELS = ("the step before", "the step after", "the start of the step")


def _plant_level(certified: Certified, of: str) -> Certified:
    variance, level = certified.steps.noise_variance.copy(), certified.steps.level
    if of == "the step before":
        variance[1:] = variance[:-1]
    elif of == "the step after":
        variance[:-1] = variance[1:]
    else:
        inner = np.isfinite(level[:-1]) & (level[1:] > 0.0)
        variance[inner] *= (level[:-1][inner] / level[1:][inner]) ** 2
    return with_variance(certified, variance)


NOISE_LEVEL = Fault(
    "noise-level",
    "noise of the wrong level",
    lambda *_: ({"of": of} for of in _LEVELS),
    _plant_level,
    lambda p: f"the noise has the size that belongs to {p['of']}",
)

# ---------------------------------------------------------------------- noise where none should be


def _propose_at_zero(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    if seen.level[-1] == 0.0 and certified.steps.noise_variance[-1] == 0.0:
        found = float(seen.noise_variance[-1])
        if found > tolerance.silent * seen.noise_scale[-1] ** 2:
            yield {"variance": found}


def _plant_at_zero(certified: Certified, variance: float) -> Certified:
    return with_variance(certified, np.append(certified.steps.noise_variance[:-1], variance))


NOISE_AT_ZERO = Fault(
    "noise-at-zero",
    "noise in the last step to level 0",
    _propose_at_zero,
    _plant_at_zero,
    lambda p: f"the last step, to level 0, adds noise of standard deviation {p['variance'] ** 0.5:.3g}",
)


def _propose_round_off(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    should_be_silent = certified.steps.noise_variance == 0.0
    share = seen.noise_variance / seen.noise_scale**2
    loud = should_be_silent & (share > tolerance.silent)
    if loud.any() and (share[loud] <= _ROUND_OFF).all():
        yield {"share": float(share[loud].max())}


def _plant_round_off(certified: Certified, share: float) -> Certified:
    steps = certified.steps
    variance = np.where(steps.noise_variance == 0.0, share * steps.noise_scale**2, steps.noise_variance)
    return with_variance(certified, variance)


NOISE_ROUND_OFF = Fault(
    "noise-round-off",
    "round-off of float32 as noise",
    _propose_round_off,
    _plant_round_off,
    lambda p: (
        "noise where there should be none: a difference of squares in float32 leaves a standard deviation of up "
        f"to {p['share'] ** 0.5:.2g} of the noise level"
    ),
    approximates=True,
)

__all__ = ["FLOAT32", "with_variance"]
