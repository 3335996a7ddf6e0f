"""Which sampler a drop-in runs: names and levels to a tableau."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from ersde_theory import _checks, schemes
from ersde_theory._tableau_join import join
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

DEFAULT_ORDER = 3
_Ordered = Callable[[TimeGrid, NoiseScale, int], Tableau]
_ORDERED: dict[str, _Ordered] = {
    "adams": schemes.exponential_adams,
    "published": schemes.er_sde,
    "released": lambda grid, phi, order: schemes.er_sde(grid, phi, order, variant="released"),
}
SCHEMES = ("best", *_ORDERED)
# x = alpha y depends on the level alone, so one process of a kind stands for all of them
_VARIANCE_PRESERVING, _FLOW = ForwardProcess.vp_cosine(), ForwardProcess.rectified_flow()
PROCESSES = {"ve": None, "vp": _VARIANCE_PRESERVING, "flow": _FLOW}  # None: x = y


@functools.lru_cache(maxsize=64)
def chosen_tableau(
    levels: tuple[float, ...], process: str, scheme: str, order: int | None, noise_scale: NoiseScale
) -> Tableau:
    """Return the sampler of these names on these levels, in the coordinates of the process.

    Parameters
    ----------
    levels : tuple of float
        Noise levels sigma/alpha, strictly falling; the first may be inf, the last 0.
    process : {"ve", "vp", "flow"}
        alpha = 1, alpha^2 + sigma^2 = 1 or alpha + sigma = 1.
    scheme : {"best", "adams", "published", "released"}
        ``best`` is :func:`~ersde_theory.schemes.variable_order_pec`, ``adams``
        :func:`~ersde_theory.schemes.exponential_adams`, the others are :func:`~ersde_theory.schemes.er_sde`.
    order : int or None
        Of the scheme: 1 to 4 for ``adams``, 1 to 3 for the others, 3 if it is None. ``best`` chooses its own.
    noise_scale : NoiseScale
        phi, which says how much noise is injected.

    Returns
    -------
    Tableau

    Raises
    ------
    TypeError, ValueError
        If a name is unknown (the nearest is suggested), an order is out of range or the levels do not fall.
    NotAdmissible
        If phi is not admissible on the levels.

    Examples
    --------
    >>> chosen_tableau((float("inf"), 1.0, 0.0), "flow", "best", None, NoiseScale.ode()).previous.tolist()
    [1.0, 0.5, 0.0]
    """
    name = _checks.one_of(scheme, "scheme", SCHEMES)
    coordinates = PROCESSES[_checks.one_of(process, "process", PROCESSES)]
    grid = TimeGrid(levels)
    if name != "best":
        tab = _ORDERED[name](grid, noise_scale, DEFAULT_ORDER if order is None else order)
    elif order is not None:
        msg = f"order: expected None for the scheme 'best', whose order falls with the length of a step, got {order!r}"
        raise ValueError(msg)
    else:
        tab = best_tableau(grid, noise_scale)
    return tab if coordinates is None else tab.in_process(coordinates)


def best_tableau(grid: TimeGrid, noise_scale: NoiseScale) -> Tableau:
    """Return the variable-order scheme; from infinity, after one exact step of first order, which is all there is.

    Parameters
    ----------
    grid : TimeGrid
        The first level may be inf.
    noise_scale : NoiseScale
        phi.

    Returns
    -------
    Tableau
        Without alpha.

    Raises
    ------
    NotAdmissible
        If phi is not admissible on the levels.

    Examples
    --------
    >>> best_tableau(TimeGrid([math.inf, 4.0, 2.0, 1.0]), NoiseScale.ode()).n_steps
    3
    """
    if not math.isinf(grid.levels[0]):
        return schemes.variable_order_pec(grid, noise_scale)
    noise_scale.check_admissible(grid.levels)
    first = schemes.er_sde(TimeGrid(grid.levels[:2]), noise_scale, 1)
    if grid.n_steps == 1:
        return first
    return join(first, schemes.variable_order_pec(TimeGrid(grid.levels[1:]), noise_scale))


def chosen_noise_scale(noise_scale: NoiseScale | str, eta: float) -> NoiseScale:
    """Return phi by its name or itself, its noise multiplied by eta.

    Parameters
    ----------
    noise_scale : NoiseScale or str
        phi, or its name as :meth:`~ersde_theory.NoiseScale.from_name` takes it.
    eta : float
        >= 0; scales h^2, not h.

    Returns
    -------
    NoiseScale

    Raises
    ------
    TypeError, ValueError
        If the name is unknown (the nearest is suggested) or eta is out of range.

    Examples
    --------
    >>> chosen_noise_scale("reverse_sde", 0.5).name
    'power(1.5)'
    """
    if isinstance(noise_scale, str):
        return _named(noise_scale, _checks.nonnegative_number(eta, "eta"))
    return _checks.instance(noise_scale, "noise_scale", NoiseScale).scaled(eta)


@functools.lru_cache(maxsize=64)
def _named(name: str, eta: float) -> NoiseScale:
    """Return the same object for the same name, so that its tableaus are found again."""
    return NoiseScale.from_name(name).scaled(eta)


def level_of_sigma(sigma: float, *, flow: bool) -> float:
    """Return the noise level of a sigma of a schedule: itself, or sigma/(1 - sigma) for a flow.

    Parameters
    ----------
    sigma : float
        >= 0, at most 1 for a flow.
    flow : bool
        Whether alpha = 1 - sigma.

    Returns
    -------
    float
        inf where alpha is 0.

    Examples
    --------
    >>> level_of_sigma(0.75, flow=True), level_of_sigma(1.0, flow=True)
    (3.0, inf)
    """
    if not flow:
        return sigma
    return math.inf if sigma == 1.0 else sigma / (1.0 - sigma)


def unit_of_sigma(sigma: float, *, flow: bool) -> tuple[float, float]:
    """Return alpha and sigma of a level of a diffusers schedule, variance preserving or a flow.

    Parameters
    ----------
    sigma : float
        As :func:`level_of_sigma` takes it.
    flow : bool
        Whether alpha = 1 - sigma.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> unit_of_sigma(0.75, flow=True)
    (0.25, 0.75)
    """
    level = level_of_sigma(sigma, flow=flow)
    process = _VARIANCE_PRESERVING if not flow else _FLOW
    return float(process.alpha_at_level(level)), float(process.sigma_at_level(level))


def checked_sigmas(sigmas: list[float], *, flow: bool) -> tuple[float, ...]:
    """Return the levels of a schedule of sigmas that falls strictly, at least two.

    Parameters
    ----------
    sigmas : list of float
        From the start to the end.
    flow : bool
        Whether alpha = 1 - sigma.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        With the first sigma that is out of place.

    Examples
    --------
    >>> checked_sigmas([0.75, 0.5, 0.0], flow=True)
    (3.0, 1.0, 0.0)
    """
    highest = 1.0 if flow else math.inf
    if len(sigmas) < 2:
        msg = f"sigmas: expected at least 2, got {len(sigmas)}"
        raise ValueError(msg)
    for i, sigma in enumerate(sigmas):
        if not 0.0 <= sigma <= highest or math.isinf(sigma):
            where = "in [0, 1] for a flow model" if flow else ">= 0 and finite"
            msg = f"sigmas: expected numbers {where}, got {sigma} at index {i}"
            raise ValueError(msg)
        if i > 0 and sigma >= sigmas[i - 1]:
            msg = f"sigmas: expected strictly falling numbers, got {sigmas[i - 1]:g} then {sigma:g} at index {i}"
            raise ValueError(msg)
    return tuple(level_of_sigma(sigma, flow=flow) for sigma in sigmas)
