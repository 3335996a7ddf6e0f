"""Faults of scaling: alpha forgotten, sigma in place of lambda, phi at the wrong level, coefficients in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ersde_theory.audit.faults._fault import Fault, Parameters
from ersde_theory.audit.faults._noise import FLOAT32
from ersde_theory.audit.matching import Tolerance
from ersde_theory.audit.members import Certified, recipe, standard_orders
from ersde_theory.audit.observed import Observed

_WHAT = (("state",), ("data",), ("state", "data"), ("state", "data", "noise"))


def _unscaled(certified: Certified, what: tuple[str, ...]) -> Certified:
    """Return the scheme with coefficients of y used for x."""
    if certified.recipe is not None:
        return certified.with_ingredients(unscaled=what)
    steps, alpha = certified.steps, certified.steps.alpha
    start = np.where(alpha[:-1] == 0.0, 1.0, alpha[:-1])
    changes = {}
    if "state" in what:
        changes["ratio"] = steps.ratio * start / alpha[1:]
    if "data" in what:
        changes["data"] = steps.data / alpha[1:, None]
    if "noise" in what:
        changes["noise"] = steps.noise / np.outer(alpha[1:], alpha[1:])
    return certified.with_steps(**changes)


def _has_alpha(steps: Observed) -> bool:
    """Return whether there is an alpha that can be forgotten."""
    return not bool((steps.alpha == 1.0).all()) and bool((steps.alpha[1:] > 0.0).all())


def _propose_alpha(seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    if _has_alpha(seen) and not (certified.recipe and certified.recipe.unscaled):
        yield from ({"what": what} for what in _WHAT)


STATE_ALPHA = Fault(
    "state-alpha",
    "state or data not scaled with alpha",
    _propose_alpha,
    lambda certified, what: _unscaled(certified, tuple(what)),
    lambda p: (
        f"the coefficients of {' and '.join(p['what'])} are those of y = x/α, used for x: α is forgotten on a "
        "schedule with α ≠ 1"
    ),
)


def _sigma(certified: Certified) -> np.ndarray:
    """Return sigma of the states; a start at alpha = 0 has sigma = 1."""
    steps = certified.steps
    level = np.where(np.isfinite(steps.level), steps.level, 0.0)
    return np.where(steps.alpha == 0.0, 1.0, level * steps.alpha)


def _propose_sigma(seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    made = certified.recipe
    if made is None or made.noise_scale.name == "own" or not _has_alpha(seen) or made.unscaled:
        return
    if (np.diff(_sigma(certified)) < 0.0).all():
        yield {}


def _plant_sigma(certified: Certified) -> Certified:
    made = certified.recipe
    assert made is not None
    sigma = _sigma(certified)
    order = standard_orders(sigma, int(made.order.max())) if np.isinf(made.level[0]) else made.order
    wrong = recipe(made.kind, made.noise_scale, sigma, made.alpha, order)
    wrong = replace(wrong, unscaled=("state", "data", "noise"), shown_level=made.level)
    return replace(certified, recipe=wrong, steps=wrong.observed())


SIGMA = Fault(
    "sigma-for-lambda",
    "sigma in place of lambda",
    _propose_sigma,
    _plant_sigma,
    lambda _: "σ is taken for λ = σ/α: right where α = 1, wrong on this schedule",
)

_SHIFTS = ("the step before", "the step after")


def _propose_level(seen: Observed, _certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    told = seen.ratio[seen.level[1:] > 0.0].any()  # a state that has forgotten its start says nothing about φ
    if seen.n_steps > 2 and seen.is_multistep and told:
        yield from ({"of": of, "data": data} for of in _SHIFTS for data in (True, False))


def _plant_level(certified: Certified, of: str, data: bool = True) -> Certified:
    ratio, inner = certified.steps.ratio.copy(), int((certified.steps.level[1:] > 0.0).sum())
    if of == "the step before":
        ratio[1:inner] = ratio[: inner - 1]
    else:
        ratio[: inner - 1] = ratio[1:inner]
    if not data:
        return certified.with_steps(ratio=ratio)
    weights = certified.steps.data.copy()
    weights[np.diag_indices_from(weights)] += certified.steps.ratio - ratio
    return certified.with_steps(ratio=ratio, data=weights)


PHI_LEVEL = Fault(
    "phi-level",
    "phi at the wrong levels",
    _propose_level,
    _plant_level,
    lambda p: (
        f"φ is taken at the levels of {p['of']}"
        + (", in the coefficients of state and data" if p["data"] else ", in the coefficient of the state alone")
    ),
)


def _propose_cancellation(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    off = (seen.noise_variance - certified.steps.noise_variance) / seen.noise_scale**2
    share = float(np.abs(off).max(initial=0.0))
    if tolerance.noise < share <= _CANCELLED_NOISE and (seen.n_steps < 4 or off.min() < 0.0 < off.max()):
        yield {"of": "noise", "share": share}
    newest = np.abs(seen.data - certified.steps.data).max(axis=1, initial=0.0)
    size = np.maximum(newest, np.abs(seen.ratio - certified.steps.ratio))
    if tolerance.coefficient < size.max(initial=0.0) <= _cancelled_data(seen):
        signs = np.sign(np.diagonal(seen.data - certified.steps.data)[size > 0.0])
        if seen.n_steps < 4 or ((signs > 0.0).any() and (signs < 0.0).any()):
            yield {"of": "data", "share": float(size.max())}


_CANCELLED_NOISE = 16.0 * FLOAT32  # of the level's square


def _cancelled_data(seen: Observed) -> float:
    """Return what divided differences lose in float32: round-off over the shortest relative step, squared."""
    start, end = seen.level[:-1], seen.level[1:]
    inner = np.isfinite(start) & (end > 0.0)
    shortest = float((1.0 - end[inner] / start[inner]).min(initial=1.0))
    return 16.0 * FLOAT32 / shortest**2


def _plant_cancellation(certified: Certified, of: str, share: float) -> Certified:
    steps = certified.steps
    if of == "noise":
        noise = steps.noise.copy()
        noise[np.diag_indices_from(noise)] += share * steps.noise_scale**2
        return certified.with_steps(noise=noise)
    return certified.with_steps(ratio=steps.ratio + share, data=steps.data + share)


CANCELLATION = Fault(
    "cancellation",
    "digits lost by cancellation",
    _propose_cancellation,
    _plant_cancellation,
    lambda p: (
        (
            f"noise variances are off by up to {p['share']:.2g} of the level's square"
            if p["of"] == "noise"
            else f"coefficients of state and data are off by up to {p['share']:.2g}"
        )
        + ", to both sides: differences of near numbers in float32"
    ),
    approximates=True,
)

__all__ = ["CANCELLATION", "PHI_LEVEL", "SIGMA", "STATE_ALPHA"]
