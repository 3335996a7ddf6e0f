r"""What a sampler is compared with: members of the family from their ingredients, and schemes of the catalogue.

A member's step has :math:`r\,y + \sum_m F_m \delta_m + \xi`, with divided differences :math:`\delta_m` of the data
predictions and one factor for each: the moments :math:`G_m` of the published scheme, or those of the Newton basis of
exponential Adams. Faults change single ingredients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ersde_theory.audit.observed import Observed
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.quadrature import divided_difference_weights, moments, newton_moments
from ersde_theory.schemes._assembly import exponential_ratio
from ersde_theory.time_grid import TimeGrid

KINDS = ("published", "adams")
_MOST = {"published": 3, "adams": 4}


@dataclass(frozen=True, eq=False)
class Recipe:
    """The ingredients of a member of the family on given levels.

    Attributes
    ----------
    kind : str
        published or adams.
    noise_scale : NoiseScale
        phi.
    level, alpha : float64 arrays of shape (steps + 1,)
    order : int array of shape (steps,)
        Evaluations that each step uses.
    ratio, noise : float64 arrays of shape (steps,)
        Coefficient of the state, variance of the noise.
    factor : float64 array of shape (k, steps)
        Of the divided differences.
    difference : float64 array of shape (steps, k, k)
        Weight of the evaluation of age j in the divided difference of order m.
    unscaled : tuple of str
        Which of ``state``, ``data`` and ``noise`` have their coefficients used for x as if it were y: a fault.
    shown_level : float64 array of shape (steps + 1,), optional
        The true levels, if `level` are others: a fault.

    Examples
    --------
    >>> level = np.array([4.0, 2.0, 1.0])
    >>> found = recipe("published", NoiseScale.ode(), level, np.ones(3), standard_orders(level, 2))
    >>> found.order.tolist(), found.observed().ratio.tolist()
    ([1, 2], [0.5, 0.5])
    """

    kind: str
    noise_scale: NoiseScale
    level: np.ndarray
    alpha: np.ndarray
    order: np.ndarray
    ratio: np.ndarray
    noise: np.ndarray
    factor: np.ndarray
    difference: np.ndarray
    unscaled: tuple[str, ...] = ()
    shown_level: np.ndarray | None = None

    def unit(self, what: str) -> np.ndarray:
        """Return alpha at the end of each step if the coefficients of something lack it, else 1.

        Parameters
        ----------
        what : {"state", "data", "noise"}

        Returns
        -------
        float64 array of shape (steps,)

        Examples
        --------
        >>> level = np.array([4.0, 2.0, 1.0])
        >>> recipe("adams", NoiseScale.ode(), level, np.ones(3), np.array([1, 1])).unit("data").tolist()
        [1.0, 1.0]
        """
        return self.alpha[1:] if what in self.unscaled else np.ones(self.ratio.size)

    def observed(self) -> Observed:
        """Return the steps that follow from the ingredients.

        Returns
        -------
        Observed

        Examples
        --------
        >>> level = np.array([4.0, 2.0, 1.0])
        >>> recipe("adams", NoiseScale.ode(), level, np.ones(3), np.array([1, 1])).observed().data.tolist()
        [[0.5, 0.0], [0.0, 0.5]]
        """
        n, k = self.ratio.size, self.factor.shape[0]
        used = np.arange(k)[:, None] < self.order
        weights = np.einsum("mi,imj->ji", np.where(used, self.factor, 0.0), self.difference)  # by age
        data = np.zeros((n, n))
        for age in range(k):
            data[np.arange(age, n), np.arange(n - age)] = weights[age, age:]
        start = np.where(self.alpha[:-1] == 0.0, 1.0, self.alpha[:-1]) if "state" in self.unscaled else np.ones(n)
        steps = Observed(
            level=self.level if self.shown_level is None else self.shown_level,
            alpha=self.alpha,
            row=np.arange(n + 1),
            ratio=self.ratio * start / self.unit("state"),
            data=data / self.unit("data")[:, None],
            noise=np.diag(self.noise / self.unit("noise") ** 2),
        )
        return steps.in_sight()


def standard_orders(level: np.ndarray, order: int) -> np.ndarray:
    """Return the usual orders of the steps: 1, 2, ... up to `order`; 1 from infinity and to 0.

    Parameters
    ----------
    level : float64 array of shape (steps + 1,)
        Of the grid.
    order : int
        The highest.

    Returns
    -------
    int array of shape (steps,)

    Examples
    --------
    >>> standard_orders(np.array([3.0, 2.0, 1.0, 0.5, 0.0]), 3).tolist()
    [1, 2, 3, 1]
    """
    found = np.minimum(np.arange(level.size - 1) + 1 - int(np.isinf(level[0])), order)
    return np.where(level[1:] > 0.0, np.maximum(found, 1), 1)


def recipe(kind: str, noise_scale: NoiseScale, level: np.ndarray, alpha: np.ndarray, order: np.ndarray) -> Recipe:
    """Return the exact ingredients.

    Parameters
    ----------
    kind : {"published", "adams"}
        Which divided differences are taken for derivatives.
    noise_scale : NoiseScale
        phi, admissible.
    level, alpha : float64 arrays of shape (steps + 1,)
        Strictly falling levels, and alpha there.
    order : int array of shape (steps,)
        Evaluations that each step uses, at most its number plus one.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> level = np.array([4.0, 2.0, 1.0])
    >>> recipe("adams", NoiseScale.reverse_sde(), level, np.ones(3), np.array([1, 2])).noise.tolist()
    [3.0, 0.75]
    """
    grid = TimeGrid(level)
    start, end = level[:-1], level[1:]
    k = min(max(int(order.max()), 3), _MOST[kind], start.size)
    factor, difference = np.zeros((k, start.size)), np.zeros((start.size, k, k))
    factor[0], difference[:, 0, 0] = noise_scale.fei(start, end), 1.0
    inner = np.isfinite(start)
    powers = moments(noise_scale, start[inner], end[inner], k - 1)
    for m in range(1, k):
        steps = np.flatnonzero(np.isfinite(start[: start.size - m])) + m  # those with m older finite levels
        nodes = level[steps[:, None] - np.arange(m + 1)]
        difference[steps, m, : m + 1] = divided_difference_weights(nodes)[:, m]
        mine = powers[:, np.searchsorted(np.flatnonzero(inner), steps)]
        factor[m, steps] = newton_moments(mine[: m + 1], nodes)[m] if kind == "adams" else mine[m]
    return Recipe(
        kind,
        noise_scale,
        level,
        alpha,
        order,
        exponential_ratio(noise_scale, grid),
        noise_scale.noise_variance(start, end),
        factor,
        difference,
    )


@dataclass(frozen=True, eq=False)
class Certified:
    """A sampler known to be right, to compare another one with; or one with a known fault.

    Attributes
    ----------
    name : str
        Of the scheme.
    noise_scale : NoiseScale or None
        phi; None for a scheme whose noise is of no phi.
    steps : Observed
        What it looks like from outside.
    recipe : Recipe or None
        Its ingredients, of a member of the family.
    is_member : bool
        Whether it is a member: exponential with exact noise and data weights of one evaluation a step.

    Examples
    --------
    >>> level = np.array([4.0, 2.0, 1.0])
    >>> member("published", NoiseScale.ode(), level, np.ones(3), 2).name
    'ER-SDE-2 (published)'
    """

    name: str
    noise_scale: NoiseScale | None
    steps: Observed
    recipe: Recipe | None = None
    is_member: bool = True

    def with_ingredients(self, **changes: Any) -> Certified:
        """Return the same with ingredients exchanged.

        Parameters
        ----------
        **changes
            Fields of the recipe.

        Returns
        -------
        Certified

        Examples
        --------
        >>> level = np.array([4.0, 2.0, 1.0])
        >>> good = member("published", NoiseScale.reverse_sde(), level, np.ones(3), 1)
        >>> good.with_ingredients(noise=np.zeros(2)).steps.noise_variance.tolist()
        [0.0, 0.0]
        """
        assert self.recipe is not None
        changed = replace(self.recipe, **changes)
        return replace(self, recipe=changed, steps=changed.observed())

    def with_steps(self, **changes: np.ndarray) -> Certified:
        """Return the same with coefficients of its steps exchanged; its ingredients are then lost.

        Parameters
        ----------
        **changes
            Fields of the steps.

        Returns
        -------
        Certified

        Examples
        --------
        >>> level = np.array([4.0, 2.0, 1.0])
        >>> good = member("published", NoiseScale.ode(), level, np.ones(3), 1)
        >>> good.with_steps(ratio=np.ones(2)).steps.ratio.tolist()
        [1.0, 1.0]
        """
        return replace(self, recipe=None, steps=replace(self.steps, **changes))


def member(
    kind: str, noise_scale: NoiseScale, level: np.ndarray, alpha: np.ndarray, order: int | np.ndarray
) -> Certified:
    """Return a member of the family.

    Parameters
    ----------
    kind : {"published", "adams"}
        Which divided differences are taken for derivatives.
    noise_scale : NoiseScale
        phi, admissible.
    level, alpha : float64 arrays of shape (steps + 1,)
        Strictly falling levels, and alpha there.
    order : int or int array of shape (steps,)
        Of the method, with the usual start and end; or of each step.

    Returns
    -------
    Certified

    Examples
    --------
    >>> member("adams", NoiseScale.ode(), np.array([4.0, 2.0, 1.0, 0.5]), np.ones(4), 3).name
    'exponential Adams-3'
    """
    orders = standard_orders(level, order) if isinstance(order, int) else order
    highest = int(orders.max())
    title = f"ER-SDE-{highest} (published)" if kind == "published" else f"exponential Adams-{highest}"
    found = recipe(kind, noise_scale, level, alpha, orders)
    return Certified(title, noise_scale, found.observed(), found)


__all__ = ["KINDS", "Certified", "Recipe", "member", "recipe", "standard_orders"]
