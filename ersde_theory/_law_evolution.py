"""One pass of a law on the line through a tableau: nodes, weights, and sums of Gaussians on a lattice.

Where a row has noise its law is smooth at the scale of that noise, so the trapezoidal rule on a lattice a little
finer than the noise converges faster than any power. A two-step scheme needs the joint law of a state and of the
evaluation before it: pairs (node, source node), of which only a band has mass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ersde_theory import _checks
from ersde_theory.tableau import Tableau

Density = Callable[[np.ndarray], Any]
TAIL = 8.5  # standard deviations of a row's noise that are kept: 2e-17 of its mass is not
LEAST_WEIGHT = 1e-19  # of the greatest weight; pairs and ends below are dropped
LEAST_LOG_DENSITY = 44.0  # nats below the peak at which the start law ends
START_FINENESS, OUTPUT_FINENESS = 32.0, 2.0  # where no noise follows and a map or a density is interpolated
PAIRS_PER_NODE = 64  # the most that memory is meant for
_MAX_DOUBLINGS = 60


class ResolutionError(ArithmeticError):
    """A law needs more nodes than allowed; the message says how many."""


@dataclass(frozen=True)
class Plan:
    """What the pass needs of a tableau: per row the noise, the data, and what must be remembered."""

    tab: Tableau
    noise: list[float]
    data: list[list[tuple[int, float]]]
    last_use: list[int]

    @property
    def last_noisy_row(self) -> int:
        """The last row with noise; 0, the start, if there is none."""
        return max((r for r, c in enumerate(self.noise) if c > 0.0), default=0)


@dataclass(frozen=True)
class Nodes:
    """The law of the last row: mass ``weight`` at ``x(s)``, s on a uniform grid; `moved` unless x(s) = s."""

    spacing: float
    x: np.ndarray
    weight: np.ndarray
    moved: bool


def read_plan(tab: Tableau) -> Plan:
    """Return the plan of a tableau that can be propagated; say what is supported if it cannot."""
    data = [
        [(k, b) for k, b in zip(columns, row, strict=True) if k >= 0 and b != 0.0]
        for columns, row in zip(tab.data_columns.tolist(), tab.data.tolist(), strict=True)
    ]
    last_use = [0] * tab.n_evaluations
    for r, terms in enumerate(data):
        for k, _ in terms:
            last_use[k] = r
    plan = Plan(tab, _row_noise(tab), data, last_use)
    _check_memory(plan)
    return plan


def _row_noise(tab: Tableau) -> list[float]:
    """Return the standard deviation of each row's own noise; every draw must be used in one row alone."""
    row_of: dict[int, int] = {}
    variance = np.zeros(tab.n_rows)
    for r, (columns, row) in enumerate(zip(tab.noise_columns.tolist(), tab.noise.tolist(), strict=True)):
        for m, c in zip(columns, row, strict=True):
            if m >= 0 and c != 0.0:
                if row_of.setdefault(m, r) != r:
                    _refuse(f"draw {m} in rows {row_of[m]} and {r}")
                variance[r] += c * c
    weight = {m: float(tab.noise[r][tab.noise_columns[r] == m].sum()) for m, r in row_of.items()}
    for (i, j), covariance in tab.draw_covariance.items():
        if covariance != 0.0 and i in row_of and j in row_of:
            if row_of[i] != row_of[j]:
                _refuse(f"correlated draws {i} and {j} in rows {row_of[i]} and {row_of[j]}")
            variance[row_of[i]] += 2.0 * covariance * weight[i] * weight[j]
    return np.sqrt(np.maximum(variance, 0.0)).tolist()


def _check_memory(plan: Plan) -> None:
    """Raise unless a row's law rests on the newest state and, where noise was added, one evaluation before."""
    noisy, paired = 0, False
    evaluated = {k: r for r, k in enumerate(plan.tab.evaluation.tolist()) if k >= 0}
    for r in range(1, plan.tab.n_rows):
        if plan.noise[r] == 0.0:
            if paired:
                _refuse(f"no noise in row {r}, which rests on evaluations from before row {noisy}")
            continue
        carried = [k for k, born in evaluated.items() if born < r < plan.last_use[k]]
        late = [k for k in carried if evaluated[k] < noisy]
        if late:
            _refuse(f"evaluation {late[0]} in use after the noise of rows {noisy} and {r}")
        noisy, paired = r, bool(carried)


def _refuse(what: str) -> NoReturn:
    """Say that a tableau is outside the method."""
    supported = "a scheme without noise, or a one- or two-step scheme whose rows have noise of their own"
    msg = f"tab: expected {supported}, got {what}"
    raise ValueError(msg)


class Evolution:
    """A law on its way through the rows of a tableau.

    ``weight[p]`` is the mass of pair p: node ``at[p]`` with older evaluations ``paired[k][p]``. The newest
    evaluations are functions of the node alone, ``on_node[k]``.
    """

    def __init__(self, plan: Plan, denoise: Callable[[Any, float], Any], max_nodes: int, resolution: float) -> None:
        self.plan, self.denoise, self.max_nodes, self.resolution = plan, denoise, max_nodes, resolution

    def run(self, start_log_density: Density, support: tuple[float, float]) -> Nodes:
        """Return the law of the last row."""
        self._start(start_log_density, support)
        for r in range(1, self.plan.tab.n_rows):
            self._evaluate(r - 1)
            mean = self._mean(r)
            if self.plan.noise[r] > 0.0:
                self._add_noise(r, mean)
            else:
                self.x = mean
        moved = self.plan.last_noisy_row < self.plan.tab.n_rows - 1
        return Nodes(self.spacing, self.x, self.weight, moved)

    def _start(self, log_density: Density, support: tuple[float, float]) -> None:
        """Place nodes on the start law."""
        self.spacing = self._spacing(0, float(self.plan.tab.sigma[0]))
        first, last = math.floor(support[0] / self.spacing), math.ceil(support[1] / self.spacing)
        self._require(last - first + 1, 0)
        self._place(first, last - first + 1)
        self.weight = self.spacing * np.exp(log_values(log_density, self.x, "start_log_density"))
        self.at = np.arange(self.x.size)
        self.on_node: dict[int, np.ndarray] = {}
        self.paired: dict[int, np.ndarray] = {}

    def _place(self, first: int, size: int) -> None:
        """Put the nodes on lattice points."""
        self.x = self.spacing * np.arange(first, first + size)

    def _spacing(self, row: int, width: float) -> float:
        """Return the distance of nodes that resolves a row of noise `width` and what the next row does."""
        following = self.plan.noise[row + 1] if row + 1 < self.plan.tab.n_rows else 0.0
        if following > 0.0:
            return width * following / math.hypot(width, following) / self.resolution
        return width / (OUTPUT_FINENESS if row > 0 else START_FINENESS) / self.resolution

    def _require(self, needed: int, row: int) -> None:
        """Raise if a row needs more nodes than allowed."""
        if needed > self.max_nodes:
            msg = (
                f"max_nodes: expected at least {needed} for row {row}, whose law is wide against the noise of "
                f"it or the next row (nodes {self.spacing:.3g} apart), got {self.max_nodes}"
            )
            raise ResolutionError(msg)

    def _evaluate(self, row: int) -> None:
        """Evaluate the denoiser at the nodes if the row feeds an evaluation that is used."""
        tab = self.plan.tab
        k = int(tab.evaluation[row])
        if k < 0 or self.plan.last_use[k] <= row:
            return
        unit = float(tab.alpha[row]) or float(tab.sigma[row])
        value = np.asarray(self.denoise((self.x / unit)[:, None], float(tab.noise_level[row])))
        if value.shape != (self.x.size, 1) or value.dtype != np.float64:
            msg = (
                f"denoise: expected a float64 array of shape {(self.x.size, 1)}, got shape {value.shape}, {value.dtype}"
            )
            raise ValueError(msg)
        if not np.isfinite(value).all():
            where = self.x[np.argmin(np.isfinite(value[:, 0]))]
            msg = f"denoise: expected finite values, got nan or inf at row {row} of the tableau, state {where:g}"
            raise ValueError(msg)
        self.on_node[k] = value[:, 0]

    def _mean(self, row: int) -> np.ndarray:
        """Return the mean of a row given each pair."""
        mean = float(self.plan.tab.previous[row]) * self.x
        for k, b in self.plan.data[row]:
            if k in self.on_node:
                mean = mean + b * self.on_node[k]
        mean = mean[self.at]
        for k, b in self.plan.data[row]:
            if k in self.paired:
                mean = mean + b * self.paired[k]
        return mean

    def _add_noise(self, row: int, mean: np.ndarray) -> None:
        """Replace the law by that of mean + noise Z on a new lattice; remember the source where it is needed."""
        noise = self.plan.noise[row]
        self.spacing = self._spacing(row, noise)
        reach = math.ceil(TAIL * noise / self.spacing)
        self._require(math.ceil(np.ptp(mean) / self.spacing) + 2 * reach + 2, row)
        nearest = np.rint(mean / self.spacing).astype(np.int64)
        carried = [k for k in self.on_node if self.plan.last_use[k] > row]
        source = self.at if carried else np.zeros_like(self.at)
        lowest = np.full(int(source.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(lowest, source, nearest)
        lowest[lowest == np.iinfo(np.int64).max] = 0  # sources without mass
        width = int((nearest - lowest[source]).max()) + 2 * reach + 1
        pairs = lowest.size * width
        if pairs > PAIRS_PER_NODE * self.max_nodes:
            needed = math.ceil(pairs / PAIRS_PER_NODE)
            msg = f"max_nodes: expected at least {needed} for the {pairs} pairs of row {row}, got {self.max_nodes}"
            raise ResolutionError(msg)
        key = source * width + (nearest - lowest[source])
        offset = mean - self.spacing * nearest
        mass = spread(key, pairs, self.weight, offset, self.spacing, noise, reach)
        kept = np.flatnonzero(mass > LEAST_WEIGHT * mass.max())
        of, column = np.divmod(kept, width)
        node = lowest[of] - reach + column
        first = int(node.min())
        self._place(first, int(node.max()) - first + 1)
        self.paired = {k: self.on_node[k][of] for k in carried}
        self.on_node = {}
        self.at, self.weight = node - first, mass[kept]


def spread(
    key: np.ndarray, size: int, weight: np.ndarray, offset: np.ndarray, spacing: float, noise: float, reach: int
) -> np.ndarray:
    """Return the sum of Gaussians of masses `weight`, centred `offset` off the lattice point key + reach.

    On neighbouring lattice points a Gaussian changes by a factor that itself changes by a constant, so its
    values come from products: exp(-(bh - d)²/2c²) = exp(-d²/2c²) exp(dh/c²)^b exp(-b²h²/2c²).
    """
    centre = weight * np.exp(-0.5 * (offset / noise) ** 2) * (spacing / (noise * math.sqrt(2.0 * math.pi)))
    growth = np.exp(offset * spacing / noise**2)
    total = np.zeros(size)
    for side, factor in ((1, growth), (-1, 1.0 / growth)):
        value = centre
        for b in range(reach + 1):
            if b > 0:
                value = value * factor
            if b > 0 or side > 0:
                fall = math.exp(-0.5 * (b * spacing / noise) ** 2)
                total += fall * np.bincount(key + (reach + side * b), weights=value, minlength=size)
    return total


def start_support(log_density: Density, scale: float) -> tuple[float, float]:
    """Return an interval outside which a law is below exp(-44) of its peak, searched outwards from 0."""
    reach = scale
    for _ in range(_MAX_DOUBLINGS):
        n = 2 * math.ceil(min(reach / scale, 2.0**16)) * 4 + 1
        x = np.linspace(-reach, reach, n)
        value = log_values(log_density, x, "start_log_density")
        inside = np.flatnonzero(value > value.max() - LEAST_LOG_DENSITY)
        if inside.size and inside[0] > 0 and inside[-1] < n - 1:
            return float(x[inside[0] - 1]), float(x[inside[-1] + 1])
        reach *= 2.0
    limit = f"exp(-{LEAST_LOG_DENSITY:g}) of its peak"
    msg = f"start_log_density: expected a density below {limit} far out, got one that is not within {reach:.0e}"
    raise ValueError(msg)


def log_values(log_density: Density, x: np.ndarray, name: str) -> np.ndarray:
    """Return a log density at points on the line, checked; -inf is a density of 0."""
    value = np.asarray(log_density(x[:, None]))
    if value.shape != x.shape or value.dtype.kind != "f":
        expected = f"real numbers of shape {x.shape} at points of shape {(x.size, 1)}"
        msg = f"{name}: expected {expected}, got {_checks.describe(value)}"
        raise ValueError(msg)
    if np.isnan(value).any() or (value == np.inf).any():
        where = x[np.argmax(np.isnan(value) | (value == np.inf))]
        msg = f"{name}: expected finite numbers or -inf, got nan or inf at {where:g}"
        raise ValueError(msg)
    return value.astype(np.float64)
