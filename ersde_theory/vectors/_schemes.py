"""The schemes as tables of balls, in y: written down from their formulas, not from the package's own builders."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flint import acb, arb

from ersde_theory.vectors._rounding import decided
from ersde_theory.vectors._steps import Steps

Ball = Any  # arb, which has no types
RIEMANN_NODES = 100


@dataclass
class Row:
    """A row of a table: a state.

    Attributes
    ----------
    level : int
        Index of its level in the grid.
    evaluation : int
        Which evaluation it feeds, or -1.
    previous : arb
        Coefficient of the row before.
    data, noise : dict of int to arb
        Coefficients of evaluations and draws.
    """

    level: int
    evaluation: int
    previous: Ball
    data: dict[int, Ball] = field(default_factory=dict)
    noise: dict[int, Ball] = field(default_factory=dict)


Weights = Callable[[Steps, int, int], list[Ball]]  # of step i with so many values, the newest first


def multistep(steps: Steps, order: int, weights: Weights) -> list[Row]:
    """Return a table with one evaluation a step, of rising order; first order from infinity and to 0.

    Parameters
    ----------
    steps : Steps
        Of the grid.
    order : int
        Number of values used.
    weights : callable
        ``weights(steps, i, k)`` for k > 1.

    Returns
    -------
    list of Row

    Examples
    --------
    >>> from ersde_theory.vectors._noise_scales import noise_scale
    >>> rows = multistep(Steps([4.0, 1.0], noise_scale("ode")), 1, adams)
    >>> float(rows[1].previous), float(rows[1].data[0])
    (0.25, 0.75)
    """
    rows = [Row(0, 0, arb(1))]
    for i in range(steps.n):
        k = max(1, min(i + 1 - int(steps.from_infinity), order))
        k = 1 if steps.ends_at_zero(i) else k
        values = [steps.fei(i)] if k == 1 else weights(steps, i, k)
        last = i == steps.n - 1
        data = {i - j: value for j, value in enumerate(values)}
        rows.append(Row(i + 1, -1 if last else i + 1, steps.ratio(i), data, _noise(i, steps.variance(i))))
    return rows


def adams(steps: Steps, i: int, k: int, variable: str = "linear") -> list[Ball]:
    """Return the weights of exponential Adams: the interpolation polynomial integrated."""
    return steps.interpolation(i, [steps.levels[i - j] for j in range(k)], variable)


def published(steps: Steps, i: int, k: int) -> list[Ball]:
    """Return the weights of ER-SDE-Solver-k: G_0 D + G_1 d + G_2/2 dd with backward differences d, dd."""
    return _taylor(steps, i, [steps.moment(i, "linear", n) for n in range(k)])


def released(steps: Steps, i: int, k: int) -> list[Ball]:
    """Return the same with a left Riemann sum of 100 nodes for the integrals by parts."""
    start, end = steps.balls[i], steps.balls[i + 1]
    gap = start - end
    nodes = [end + gap * j / RIEMANN_NODES for j in range(RIEMANN_NODES)]
    inverse = [steps.phi.value(end) / steps.phi.value(u) for u in nodes]
    moments = [steps.fei(i)]
    for n in range(1, k):
        total = sum(q * (u - start) ** (n - 1) for q, u in zip(inverse, nodes, strict=True)) * gap / RIEMANN_NODES
        moments.append((end - start) ** n + n * total)
    return _taylor(steps, i, moments)


def _taylor(steps: Steps, i: int, moments: list[Ball]) -> list[Ball]:
    """Return the weights of the values in a Taylor polynomial with backward differences."""
    lam = [steps.balls[i - j] for j in range(len(moments))]
    slope = 1 / (lam[0] - lam[1])
    weights = [moments[0] + moments[1] * slope, -moments[1] * slope]
    if len(moments) == 3:
        older, factor = 1 / (lam[1] - lam[2]), moments[2] / (lam[0] - lam[2])  # G_2/2 times 2/(lam_0 - lam_2)
        weights[0] += factor * slope
        weights[1] -= factor * (slope + older)
        weights.append(factor * older)
    return weights


def dpm_multistep(steps: Steps, i: int, k: int) -> list[Ball]:
    """Return the weights of DPM-Solver++(kM): midpoint for two values, half the parabola's curvature for three."""
    power = steps.phi.formula(acb(1), False)[1].real  # p of phi = x^p, the derivative at 1
    h = [steps.length(i - j) for j in range(k)]
    z = power * h[0]
    b0 = steps.fei(i)
    b1 = 1 - b0 / z
    r0 = h[1] / h[0]
    if k == 2:
        older = b0 / 2 / r0
        return [b0 + older, -older]
    curvature, r1 = (1 - 2 * b1 / z) / 2, h[2] / h[0]
    newer_slope = b1 * (1 + r0 / (r0 + r1)) + curvature / (r0 + r1)  # of (D_i - D_(i-1))/r0
    older_slope = -b1 * r0 / (r0 + r1) - curvature / (r0 + r1)  # of (D_(i-1) - D_(i-2))/r1
    return [b0 + newer_slope / r0, -newer_slope / r0 + older_slope / r1, -older_slope / r1]


def pec(steps: Steps, weights: Callable[[Steps, int, int], list[Ball]], first: int = 0) -> list[Row]:
    """Return a predictor-corrector table that evaluates once a step, from a finite level.

    Parameters
    ----------
    steps : Steps
        Of the grid.
    weights : callable
        ``weights(steps, i, ahead)``: of the prediction (0), the newest value being i, and of the correction (1),
        the newest being i + 1.
    first : int
        The level at which it begins to remember values.

    Returns
    -------
    list of Row
        Without its first, the start.

    Examples
    --------
    >>> from ersde_theory.vectors._noise_scales import noise_scale
    >>> steps = Steps([4.0, 2.0, 1.0], noise_scale("ode"))
    >>> [row.evaluation for row in pec(steps, pec_weights(2, 2, "linear"))]
    [1, -1, -1]
    """
    rows = []
    for i in range(first, steps.n):
        last = i == steps.n - 1
        predicted = {i - j: w for j, w in enumerate(weights(steps, i, 0))}
        noise = _noise(i, steps.variance(i))
        rows.append(Row(i + 1, -1 if last else i + 1, steps.ratio(i), predicted, noise))
        if not last:
            corrected = {i + 1 - j: w for j, w in enumerate(weights(steps, i, 1))}
            change = {k: corrected.get(k, arb(0)) - predicted.get(k, arb(0)) for k in {*corrected, *predicted}}
            rows.append(Row(i + 1, -1, arb(1), change))
    return rows


def pec_weights(
    predictor: int, corrector: int, variable: str, first: int = 0
) -> Callable[[Steps, int, int], list[Ball]]:
    """Return the weights of a predictor-corrector pair in a variable, of rising order from a level on."""

    def weights(steps: Steps, i: int, ahead: int) -> list[Ball]:
        k = min(i - first + 1 + ahead, corrector if ahead else predictor)
        if steps.ends_at_zero(i) or k == 1:
            return [steps.fei(i)]
        return steps.interpolation(i, [steps.levels[i + ahead - j] for j in range(k)], variable)

    return weights


def variable_order_weights(first: int) -> Callable[[Steps, int, int], list[Ball]]:
    """Return the blend of PEC-4-4 in lambda/(1.5 + lambda) and PEC-2-3 in lambda by the length of the step.

    Where a long step is about as long in lambda as the one before, PEC-4-4 in sqrt(c^2 + lambda^2) takes
    the place of PEC-2-3.
    """
    short, long = pec_weights(4, 4, "rational", first), pec_weights(2, 3, "linear", first)
    four = pec_weights(4, 4, "even", first)

    def weights(steps: Steps, i: int, ahead: int) -> list[Ball]:
        if steps.ends_at_zero(i):
            return [steps.fei(i)]
        share = (steps.length(i) - arb(45) / 100) / (arb(25) / 100)
        if decided(share):
            return short(steps, i, ahead)
        found = few_values(steps, i, ahead)
        return blend(share, found, short(steps, i, ahead)) if decided(share - 1) else found

    def few_values(steps: Steps, i: int, ahead: int) -> list[Ball]:
        """Return the weights of a long step."""
        if i == first:
            return long(steps, i, ahead)
        ratio = steps.growth(i)
        even = (ratio - arb(72) / 100) * 100 / 8
        if decided(even) or not decided(ratio - 3):
            return long(steps, i, ahead)
        found = four(steps, i, ahead)
        if decided(even - 1):
            return blend(even, found, long(steps, i, ahead))
        return found if decided(ratio - 2) else blend(3 - ratio, found, long(steps, i, ahead))

    return weights


def blend(share: Ball, some: list[Ball], others: list[Ball]) -> list[Ball]:
    """Return `share` of some weights and the rest of others; missing ones are 0."""
    pairs = itertools.zip_longest(some, others, fillvalue=arb(0))
    return [share * a + (1 - share) * b for a, b in pairs]


def _noise(i: int, variance: Ball) -> dict[int, Ball]:
    """Return the weight of a step's draw; none where it is exactly 0."""
    return {} if variance == 0 else {i: variance.sqrt()}


def _er_sde(order: int) -> Callable[[Steps], list[Row]]:
    return lambda steps: multistep(steps, order, published)


def _released(order: int) -> Callable[[Steps], list[Row]]:
    def build(steps: Steps) -> list[Row]:
        rows = multistep(steps, order, released)
        for i in range(steps.n):  # the absolute clip of the release
            if rows[i + 1].noise and decided(steps.variance(i) - arb(1) / 10**6):
                rows[i + 1].noise = {}
        return rows

    return build


def _adams(order: int, variable: str = "linear") -> Callable[[Steps], list[Row]]:
    return lambda steps: multistep(steps, order, lambda s, i, k: adams(s, i, k, variable))


def _pec(predictor: int, corrector: int, variable: str = "linear") -> Callable[[Steps], list[Row]]:
    return lambda steps: [Row(0, 0, arb(1)), *pec(steps, pec_weights(predictor, corrector, variable))]


def _best(steps: Steps) -> list[Row]:
    """Return the variable-order scheme; from infinity it begins anew after a first step of first order."""
    head = multistep(steps, 1, published)[: 1 + int(steps.from_infinity)]
    return [*head, *pec(steps, variable_order_weights(len(head) - 1), first=len(head) - 1)]


def _dpm(order: int) -> Callable[[Steps], list[Row]]:
    return lambda steps: multistep(steps, order, dpm_multistep)


def _ddim(eta: tuple[int, int]) -> Callable[[Steps], list[Row]]:
    """Return DDIM: y_t = D + sqrt(lambda_t^2 - c^2) (y_s - D)/lambda_s + c Z, c^2 = eta^2 lambda_t^2 (1 - q^2)."""

    def build(steps: Steps) -> list[Row]:
        rows = [Row(0, 0, arb(1))]
        for i in range(steps.n):
            infinite, end = steps.balls[i] is None, steps.balls[i + 1]
            unit = arb(1) if infinite else steps.balls[i]
            quotient = arb(0) if infinite else end / unit
            variance = (arb(eta[0]) / eta[1] * end) ** 2 * (1 - quotient**2)
            ratio = end / unit if eta[0] == 0 else (end**2 - variance).sqrt() / unit
            if steps.ends_at_zero(i) or (infinite and eta == (1, 1)):
                ratio = arb(0)
            weight = arb(1) if infinite else 1 - ratio
            noise = {} if steps.ends_at_zero(i) else _noise(i, variance)
            rows.append(Row(i + 1, -1 if i == steps.n - 1 else i + 1, ratio, {i: weight}, noise))
        return rows

    return build


NO_PHI = "none"  # its noise is that of no phi
_ANY = ("ode", "reverse_sde", "power(1.5)", "power(2.5)", "exp_reciprocal", "log_power", "exp_power")
_POWERS = _ANY[:4]
SCHEMES: Mapping[str, tuple[Callable[[Steps], list[Row]], tuple[str, ...]]] = {
    # name: (table, noise scale functions)
    **{f"er_sde-{k}": (_er_sde(k), _ANY) for k in (1, 2, 3)},
    **{f"er_sde-{k}-released": (_released(k), _ANY) for k in (1, 2, 3)},
    **{f"adams-{k}": (_adams(k), _ANY) for k in (3, 4)},
    **{f"exponential_pec-{p}-{c}": (_pec(p, c), _ANY) for p, c in ((2, 3), (3, 3), (3, 4))},
    "variable_order_pec": (_best, _ANY),
    **{f"dpm_solver_pp-{k}": (_dpm(k), _POWERS[:2]) for k in (1, 2, 3)},
    **{f"sa_solver-{k}": (_adams(k, "log"), _POWERS) for k in (2, 3)},
    "sa_solver-2-3": (_pec(2, 3, "log"), _POWERS),
    "ddim": (_ddim((0, 1)), ("ode",)),
    "ddim-eta-0.5": (_ddim((1, 2)), (NO_PHI,)),
    "ddpm": (_ddim((1, 1)), ("reverse_sde",)),
}
FROM_FINITE_LEVEL = (
    *(name for name in SCHEMES if name.startswith(("exponential_pec", "sa_solver"))),
)  # the others have a first step of first order from infinity
