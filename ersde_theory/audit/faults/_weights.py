"""Faults of the data weights: quadrature, factors of the differences, spacing, history, orders of single steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ersde_theory._levels import log_ratio
from ersde_theory.audit.faults._fault import Fault, Parameters, Plant, Propose, fitted
from ersde_theory.audit.matching import Tolerance
from ersde_theory.audit.members import Certified, Recipe, recipe, standard_orders
from ersde_theory.audit.observed import Observed
from ersde_theory.quadrature import newton_moments

_SIDES = {"left": 0.0, "midpoint": 0.5, "right": 1.0}
_FEW, _MOST = 12, 100_000  # node counts that are tried one by one, and the largest that is looked for


def _factors(seen: Observed, made: Recipe) -> np.ndarray:
    """Return the factors of the divided differences that give the sampler's weights, nan where it has none."""
    lags = seen.lags() * made.unit("data")[:, None]
    found = np.full((made.factor.shape[0], made.ratio.size), np.nan)
    for m in range(found.shape[0] - 1, 0, -1):
        steps = np.flatnonzero(made.order > m)
        found[m, steps] = lags[steps, m] / made.difference[steps, m, m]
        lags[steps, : m + 1] -= found[m, steps, None] * made.difference[steps, m, : m + 1]
    return found


# ---------------------------------------------------------------------- quadrature


def _riemann(made: Recipe, steps: np.ndarray, nodes: int, side: str, n_max: int) -> np.ndarray:
    """Return the moments of steps, by parts, their integral by a sum of nodes; shape (n_max + 1, steps)."""
    start, end = made.level[steps][:, None], made.level[steps + 1][:, None]
    share = (np.arange(nodes) + _SIDES[side]) / nodes
    at = end + share * (start - end)
    fall = log_ratio(at, end) + made.noise_scale.log_excess_difference(at, end)
    rows = [made.factor[0, steps]]
    for n in range(1, n_max + 1):
        terms = np.exp(-fall) * (at - start) ** (n - 1) * (start - end) / nodes
        rows.append((end - start)[:, 0] ** n + n * terms.sum(axis=1))
    return np.stack(rows)


def _first_moments(made: Recipe, step: int, counts: Sequence[int], side: str) -> np.ndarray:
    """Return the first moment of a step by sums of so many nodes, for all the counts at once."""
    start, end, nodes = made.level[step], made.level[step + 1], np.array(counts)
    first = np.append(0, np.cumsum(nodes)[:-1])  # of each sum, in one row of all nodes
    share = (np.arange(nodes.sum()) - np.repeat(first, nodes) + _SIDES[side]) / np.repeat(nodes, nodes)
    at = end + share * (start - end)
    fall = log_ratio(at, end) + made.noise_scale.log_excess_difference(at, end)
    return np.asarray(end - start + np.add.reduceat(np.exp(-fall), first) * (start - end) / nodes)


def _integrated(made: Recipe) -> np.ndarray:
    """Return the steps that have an integral: order 2 or more, to a level above 0."""
    return np.flatnonzero((made.order > 1) & (made.level[1:] > 0.0))


def _propose_riemann(seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    made = certified.recipe
    if made is None or _integrated(made).size == 0:
        return
    mine = _factors(seen, made)[1]
    steps = _integrated(made)
    longest = int(steps[np.argmax(made.level[steps] / made.level[steps + 1])])  # it says most
    right, got = float(made.factor[1, longest]), float(mine[longest])
    if not np.isfinite(got) or abs(got - right) <= 1e-12 * abs(right):
        return
    for side, power in (("left", 1.0), ("right", 1.0), ("midpoint", 2.0)):
        at_hundred = float(_first_moments(made, longest, [100], side)[0]) - right
        guess = 100.0 * abs(at_hundred / (got - right)) ** (1.0 / power)
        if not guess <= _MOST:
            continue
        tried = sorted({*range(1, _FEW), *range(max(1, round(guess) - 4), round(guess) + 5)})
        off = np.abs(_first_moments(made, longest, tried, side) - got)
        yield {"nodes": tried[int(np.argmin(off))], "side": side}


def _plant_riemann(certified: Certified, nodes: int, side: str) -> Certified:
    made = certified.recipe
    assert made is not None
    steps, k = _integrated(made), made.factor.shape[0]
    factor = made.factor.copy()
    found = _riemann(made, steps, nodes, side, k - 1)
    for m in range(1, k):
        if made.kind == "published":
            factor[m, steps] = found[m]
        else:
            at = steps[steps >= m]
            at = at[np.isfinite(made.level[at - m])]
            levels = made.level[at[:, None] - np.arange(m + 1)]
            factor[m, at] = newton_moments(found[: m + 1, np.searchsorted(steps, at)], levels)[m]
    return certified.with_ingredients(factor=factor)


RIEMANN = Fault(
    "riemann-sum",
    "integrals by a Riemann sum",
    _propose_riemann,
    _plant_riemann,
    lambda p: (
        f"the integrals of the data weights are Riemann sums of {p['nodes']} "
        + {
            "left": "nodes at the lower (left) ends of their intervals",
            "right": "nodes at the upper (right) ends of their intervals",
            "midpoint": "midpoints",
        }[p["side"]]
        + ", not exact: a floor under the order"
    ),
)

# ---------------------------------------------------------------------- factors


def _propose_factor(m: int) -> Propose:
    def propose(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
        made = certified.recipe
        if made is None or made.factor.shape[0] <= m or not (made.order > m).any():
            return
        share = _factors(seen, made)[m] / np.where(made.factor[m] == 0.0, np.nan, made.factor[m])
        known = np.isfinite(share)
        factor = fitted(share[known], tolerance) if known.any() else None
        if factor is not None:
            yield {"factor": factor}

    return propose


def _plant_factor(m: int) -> Plant:
    def plant(certified: Certified, factor: float) -> Certified:
        assert certified.recipe is not None
        changed = certified.recipe.factor.copy()
        changed[m] *= factor
        return certified.with_ingredients(factor=changed)

    return plant


def _describe_factor(what: str) -> Callable[[Parameters], str]:
    def describe(parameters: Parameters) -> str:
        f = parameters["factor"]
        size = {-1.0: "has the wrong sign", 0.5: "is half of what it should be", 2.0: "is twice what it should be"}
        return f"the weight of the {what} {size.get(f, f'is {f:.6g} times what it should be')}"

    return describe


SLOPE = Fault(
    "slope-weight", "wrong weight of the slope", _propose_factor(1), _plant_factor(1), _describe_factor("slope")
)
CURVATURE = Fault(
    "curvature-weight",
    "wrong weight of the curvature",
    _propose_factor(2),
    _plant_factor(2),
    _describe_factor("curvature"),
)


def _propose_plain(_seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    made = certified.recipe
    if made is not None and made.kind == "adams" and (made.order > 2).any():
        yield {}


def _plant_plain(certified: Certified) -> Certified:
    made = certified.recipe
    assert made is not None
    plain = recipe("published", made.noise_scale, made.level, made.alpha, np.minimum(made.order, 3))
    return certified.with_ingredients(factor=plain.factor, difference=plain.difference, order=plain.order)


PLAIN = Fault(
    "plain-differences",
    "order 3 by plain divided differences",
    _propose_plain,
    _plant_plain,
    lambda _: (
        "divided differences stand for the derivatives at the node: as published, but second order even for the ODE"
    ),
)

# ---------------------------------------------------------------------- spacing

_SPACINGS = {
    "step": "the slope is divided by the length of the step ahead, not of the one behind",
    "second": "the second difference is divided by one interval, not by the two that it spans",
    "log-SNR": "differences are divided by intervals of ln λ (log-SNR), though the weights are those for λ",
}


def _propose_spacing(seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    made = certified.recipe
    if made is not None and (made.order > 1).any() and made.factor.shape[0] <= 3 and np.isfinite(seen.level).all():
        yield from ({"by": by} for by in _SPACINGS)


def _plant_spacing(certified: Certified, by: str) -> Certified:
    made = certified.recipe
    assert made is not None
    level = made.level
    n, k = made.difference.shape[:2]
    first, second = np.ones(n), np.ones(n)  # divisors of the first and the second difference at each node
    position = np.log(level[:-1]) if by == "log-SNR" else level[:-1]
    first[1:], second[2:] = np.diff(position), position[2:] - position[:-2]
    if by == "step":
        first[1:] = np.diff(level)[1:]
    if by == "second":
        second[2:] = np.diff(level[:-1])[1:]
    difference = made.difference.copy()
    difference[1:, 1, :2] = np.stack([1.0 / first[1:], -1.0 / first[1:]], axis=1)
    if k > 2:
        new, old = 1.0 / (first[2:] * second[2:]), 1.0 / (first[1:-1] * second[2:])
        difference[2:, 2, :3] = np.stack([new, -new - old, old], axis=1)
    return certified.with_ingredients(difference=difference)


SPACING = Fault(
    "difference-spacing",
    "wrong divided difference",
    _propose_spacing,
    _plant_spacing,
    lambda p: _SPACINGS[p["by"]],
)

# ---------------------------------------------------------------------- history


def _propose_history(_seen: Observed, certified: Certified, _tolerance: Tolerance) -> Iterator[Parameters]:
    if certified.steps.is_multistep:
        yield from ({"which": which} for which in ("all", "older"))


def _plant_history(certified: Certified, which: str) -> Certified:
    weights = certified.steps.data
    kept = np.diag(np.diagonal(weights)) if which == "older" else np.zeros_like(weights)
    data, moved = kept, weights - kept
    data[:, :-1] += moved[:, 1:]
    data[:, 0] += moved[:, 0]
    return certified.with_steps(data=data)


HISTORY = Fault(
    "history-shift",
    "history of data predictions off by one",
    _propose_history,
    _plant_history,
    lambda p: {
        "all": "every data prediction is one step old",
        "older": "the older data predictions are one step older than their weights",
    }[p["which"]],
)

# ---------------------------------------------------------------------- orders of single steps


def _orders(seen: Observed, certified: Certified, tolerance: Tolerance) -> np.ndarray | None:
    """Return the orders of the sampler's steps, if they are other ones than the scheme's and can be had."""
    made = certified.recipe
    if made is None or not seen.is_multistep:
        return None
    found = np.maximum(seen.orders(tolerance.coefficient), 1)
    if np.array_equal(found, made.order) or found.max() > made.factor.shape[0]:
        return None
    return found


def _propose_last(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    found = _orders(seen, certified, tolerance)
    if found is not None and seen.level[-1] == 0.0 and found[-1] > 1:
        yield {"order": int(found[-1])}


def _plant_last(certified: Certified, order: int) -> Certified:
    assert certified.recipe is not None
    return certified.with_ingredients(order=np.append(certified.recipe.order[:-1], order))


LAST_ORDER = Fault(
    "last-step-order",
    "last step to level 0 not first order",
    _propose_last,
    _plant_last,
    lambda p: f"the last step, to level 0, extrapolates with order {p['order']}; it should be first order",
)


def _propose_orders(seen: Observed, certified: Certified, tolerance: Tolerance) -> Iterator[Parameters]:
    found = _orders(seen, certified, tolerance)
    if found is None or (found > standard_orders(seen.level, int(found.max()))).any():
        return
    full = np.flatnonzero(found == found.max())
    if (np.diff(found[: full[0] + 1]) < 0).any() or (np.diff(found[full[0] :]) > 0).any():
        return  # lower orders belong to the start and the end
    yield {"orders": tuple(found.tolist())}


def _plant_orders(certified: Certified, orders: tuple[int, ...]) -> Certified:
    return certified.with_ingredients(order=np.array(orders))


STEP_ORDERS = Fault(
    "step-orders",
    "other orders at start or end",
    _propose_orders,
    _plant_orders,
    lambda p: f"the steps have the orders {_runs(p['orders'])}",
    is_convention=True,
)


def _runs(orders: tuple[int, ...]) -> str:
    """Return a sequence in short, as in 1, 2, 3 (17 times), 1."""
    parts: list[tuple[int, int]] = []
    for order in orders:
        if parts and parts[-1][0] == order:
            parts[-1] = (order, parts[-1][1] + 1)
        else:
            parts.append((order, 1))
    return ", ".join(f"{order} ({times} times)" if times > 1 else str(order) for order, times in parts)


__all__ = ["CURVATURE", "HISTORY", "LAST_ORDER", "PLAIN", "RIEMANN", "SLOPE", "SPACING", "STEP_ORDERS"]
