"""What a sampler's output is worth on Gaussian data as the number of steps grows: exact errors, limit, order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ersde_theory import _checks
from ersde_theory.errors import OrderVerdict, Outcome, judge_order
from ersde_theory.exact_gaussian import output_moments, wasserstein2
from ersde_theory.tableau import Tableau

MEAN, VARIANCE = 0.7, 0.25
SPECTRUM = np.logspace(-5, 1, 25)
STEPS = (10, 20, 50, 100, 200, 400)
_UNIT = float(np.finfo(float).eps)
_NEGLIGIBLE = 1e-6  # relative error that a schedule in float32 may leave
_STAYS, _FALLS = 0.25, 0.5  # an order below the first is no convergence, above the second it is one
_SLOW = 0.5**0.5  # what the differences of an error of order 1/2 fall by when steps are doubled


@dataclass(frozen=True, eq=False)
class Limit:
    """What a sequence of errors tends to.

    Attributes
    ----------
    value, uncertainty : float
        By Aitken's extrapolation of the last three errors, and how far it moved from the three before, or from the
        last error if they settle slowly; nan if they do not settle.
    order : OrderVerdict
        Of the fall to 0.
    vanishes : bool or None
        Whether the error tends to 0; None if that is open.

    Examples
    --------
    >>> n = np.array([50, 100, 200, 400])
    >>> limit_of(n, 3.0 / n**2, 0.0).vanishes, limit_of(n, 3.0 / n**2 + 0.01, 0.0).vanishes
    (True, False)
    """

    value: float
    uncertainty: float
    order: OrderVerdict
    vanishes: bool | None


def limit_of(steps: np.ndarray, errors: np.ndarray, floor: float, negligible: float = 0.0) -> Limit:
    """Return what errors on a ladder of steps tend to.

    Parameters
    ----------
    steps : array of shape (L,)
        Strictly rising.
    errors : array of shape (L,)
        Signed.
    floor : float
        Round-off of the errors.
    negligible : float
        An error that counts as none.

    Returns
    -------
    Limit

    Examples
    --------
    >>> n = np.array([50, 100, 200, 400])
    >>> round(limit_of(n, 3.0 / n + 0.01, 0.0).value, 6)
    0.01
    """
    value, moved = _extrapolated(errors)
    if (np.abs(errors) <= max(10.0 * floor, negligible)).all():
        exact = OrderVerdict(Outcome.UNDECIDED, np.nan, np.nan, "the error is negligible on every grid")
        return Limit(0.0, floor, exact, True)
    order = judge_order(steps, errors, floors=np.full(errors.shape, max(floor, np.finfo(float).tiny)))
    vanishes: bool | None = None
    if order.outcome is Outcome.AT_LEAST or (np.abs(errors[-2:]) <= max(10.0 * floor, negligible)).all():
        vanishes = True
    elif order.outcome is Outcome.ORDER:
        vanishes = True if order.order > _FALLS else False if order.order < _STAYS else None
    elif np.isfinite(value):
        last = abs(float(errors[-1]))
        if abs(value) <= max(2.0 * moved, 0.05 * last):
            vanishes = True
        elif abs(value) > 4.0 * moved and abs(value) > 0.5 * last:
            vanishes = False
    return Limit(value, max(moved, _unsettled(errors, value)), order, vanishes)


def _extrapolated(errors: np.ndarray) -> tuple[float, float]:
    """Return Aitken's limit of the last three errors, and how far it moved from that of the three before."""
    found = []
    for e1, e2, e3 in ((errors[-3:]), (errors[-4:-1])):
        share = (e3 - e2) / (e2 - e1) if e2 != e1 else 0.0
        found.append(float(e3 + (e3 - e2) * share / (1.0 - share)) if abs(share) < 0.95 else np.nan)
    moved = abs(found[0] - found[1])
    return found[0], moved if np.isfinite(moved) else abs(float(errors[-1] - errors[-2]))


def _unsettled(errors: np.ndarray, value: float) -> float:
    """Return how far a limit is from the last error if differences fall too slowly to tell where they lead, else 0."""
    before, last = np.abs(np.diff(errors[-3:]))
    return abs(value - float(errors[-1])) if np.isfinite(value) and last > _SLOW * before else 0.0


@dataclass(frozen=True, eq=False)
class Bias:
    """Exact errors on Gaussian data, in y, before a last step to level 0.

    Attributes
    ----------
    steps : int array of shape (L,)
    mean, variance : float64 arrays of shape (L,)
        Signed errors of the output on data N(0.7, 0.25), started from the forward marginal.
    variance_wanted : float64 array of shape (L,)
        What the variance should be: 0.25 and the square of the last level.
    distance : float64 array of shape (L,)
        Wasserstein-2 distance over 25 variances from 1e-5 to 10, relative to the root of their sum.
    limit_mean, limit_variance, limit_distance : Limit

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> found = bias(lambda n: schemes.er_sde(TimeGrid.karras(n, 5.0, 0.05), NoiseScale.ode(), 2), (40, 80, 160, 320))
    >>> found.limit_variance.vanishes, str(found.limit_variance.order)[:9]
    (True, 'order 2.0')
    """

    steps: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    variance_wanted: np.ndarray
    distance: np.ndarray
    limit_mean: Limit
    limit_variance: Limit
    limit_distance: Limit

    @property
    def vanishes(self) -> bool | None:
        """Whether all errors tend to 0; None if that is open."""
        found = (self.limit_mean.vanishes, self.limit_variance.vanishes)
        if False in found:
            return False
        return None if None in found else True


def bias(
    tableau_at: Callable[[int], Tableau],
    steps: Sequence[int] = STEPS,
    *,
    precision: float = 0.0,
    advance: Callable[[float], None] | None = None,
) -> Bias:
    """Return exact errors on Gaussian data for rising numbers of steps.

    Parameters
    ----------
    tableau_at : callable
        From a number of steps to the sampler's tableau.
    steps : sequence of int
        At least four, strictly rising.
    precision : float
        Relative error of the coefficients.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Bias

    Raises
    ------
    ValueError
        If there are fewer than four numbers of steps, or they do not rise.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> def silenced(n):
    ...     tab = schemes.er_sde(TimeGrid.karras(n, 80.0, 0.002), NoiseScale.exp_power(), 1)
    ...     return replace(tab, noise=0.0 * tab.noise)
    >>> bias(silenced, (20, 40, 80, 160)).vanishes
    False
    """
    counts = rising(steps, "steps")
    rows = []
    for i, n in enumerate(counts.tolist()):
        rows.append(gaussian_errors(tableau_at(n)))
        (advance or _silent)((i + 1) / counts.size)
    mean, variance, wanted, distance = np.array(rows).T
    floor = 8.0 * max(precision, _UNIT) * float(counts[-1]) ** 0.5
    return Bias(
        counts,
        mean,
        variance,
        wanted,
        distance,
        limit_of(counts, mean, floor * MEAN, _NEGLIGIBLE * MEAN),
        limit_of(counts, variance, floor * VARIANCE, _NEGLIGIBLE * VARIANCE),
        limit_of(counts, distance, floor, _NEGLIGIBLE),
    )


def rising(steps: Sequence[int], name: str) -> np.ndarray:
    """Return numbers of steps that a limit can be told from: at least four, strictly rising.

    Parameters
    ----------
    steps : sequence of int
    name : str
        In messages.

    Returns
    -------
    int array

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers.

    Examples
    --------
    >>> rising((10, 20, 40, 80), "ladder").tolist()
    [10, 20, 40, 80]
    """
    counts = np.array([_checks.integer(n, name, minimum=1) for n in steps])
    if counts.size < 4 or (np.diff(counts) <= 0).any():
        msg = f"{name}: expected at least 4 rising numbers, got {counts.tolist()}"
        raise ValueError(msg)
    return counts


def gaussian_errors(tab: Tableau) -> tuple[float, float, float, float]:
    """Return errors of mean and variance, the variance that is wanted, and the distance over a spectrum.

    Parameters
    ----------
    tab : Tableau
        A sampler; a last step to level 0 is left out.

    Returns
    -------
    mean, variance, wanted, distance : float
        In y.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid.karras(40, 80.0, 0.002), NoiseScale.ode(), 2)
    >>> abs(gaussian_errors(tab)[1]) < 1e-2
    True
    """
    tab = before_level_zero(tab)
    alpha, level = float(tab.alpha[-1]), float(tab.noise_level[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = output_moments(tab, MEAN, VARIANCE)
        parts = wasserstein2(tab, 0.0, SPECTRUM) / alpha
    wanted = VARIANCE + level**2
    distance = float(np.sqrt((parts**2).sum() / SPECTRUM.sum()))
    return float(mean) / alpha - MEAN, float(variance) / alpha**2 - wanted, wanted, distance


def before_level_zero(tab: Tableau) -> Tableau:
    """Return the sampler without its last row, if that has level 0: denoising has a bias of its own.

    Parameters
    ----------
    tab : Tableau
        A sampler.

    Returns
    -------
    Tableau

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> before_level_zero(schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), 1)).n_rows
    2
    """
    if tab.noise_level[-1] > 0.0 or tab.n_rows < 3:
        return tab
    n = int(np.flatnonzero(tab.noise_level > 0.0)[-1]) + 1
    rows = ("alpha", "sigma", "node", "previous", "data_columns", "data", "noise_columns", "noise")
    evaluation = tab.evaluation[:n].copy()
    evaluation[-1] = -1
    return replace(tab, evaluation=evaluation, **{name: getattr(tab, name)[:n] for name in rows})


def _silent(_share: float) -> None:
    """Tell nobody."""


__all__ = [
    "MEAN",
    "SPECTRUM",
    "STEPS",
    "VARIANCE",
    "Bias",
    "Limit",
    "before_level_zero",
    "bias",
    "gaussian_errors",
    "limit_of",
    "rising",
]
