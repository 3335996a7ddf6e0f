"""Every scheme by name with its declared orders: the table of ``declared_orders.toml``, and how a name is built.

An order is declared for the formula of a scheme and smooth data. Without noise it is that of the ODE; with noise
strong and weak orders differ.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ersde_theory import _checks
from ersde_theory._scheme_builders import BUILDERS, Build
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid


@dataclass(frozen=True)
class Orders:
    """Declared orders; None where there is none.

    Attributes
    ----------
    ode : float or None
        Without noise.
    strong, weak : float or None
        With noise: along the path, and in law.
    local_ode, local_strong : float or None
        Of one step from the right law, without noise and with noise (root mean square).

    Examples
    --------
    >>> scheme("er_sde-3").orders.ode
    2.0
    """

    ode: float | None = None
    strong: float | None = None
    weak: float | None = None
    local_ode: float | None = None
    local_strong: float | None = None


@dataclass(frozen=True)
class Scheme:
    """A scheme, and what is declared of it.

    Attributes
    ----------
    name : str
        On the command line and in tables.
    build : callable
        ``build(grid, noise_scale)`` to a Tableau in y.
    orders, gaussian : Orders
        In general, and on Gaussian data, where the denoiser is linear and some are higher.
    evaluations : int
        Of the denoiser, per step.
    basis : str
        Where the orders come from: ``derived: <derivations>`` or ``literature: <source>``.
    noise_scales : tuple of str
        The only noise scale functions that it can be built with, empty if any will do; ``power(p)`` is every power.
    graded : bool
        Whether the order without noise needs :meth:`TimeGrid.with_graded_start`.
    at_least : tuple of str
        Which of ``ode``, ``strong``, ``weak`` are lower bounds, because the term that limits them can be very small.
    own_noise : bool
        Whether it brings noise of its own, of no phi: then only its output's variance has an exact counterpart.

    Examples
    --------
    >>> entry = scheme("exponential_sra")
    >>> entry.orders.strong, entry.gaussian.strong, entry.evaluations
    (1.5, 2.0, 2)
    """

    name: str
    build: Build
    orders: Orders
    gaussian: Orders
    evaluations: int
    basis: str
    noise_scales: tuple[str, ...] = ()
    graded: bool = False
    at_least: tuple[str, ...] = ()
    own_noise: bool = False

    def accepts(self, noise_scale: NoiseScale) -> bool:
        """Return whether the scheme can be built with a noise scale function.

        Parameters
        ----------
        noise_scale : NoiseScale
            phi.

        Returns
        -------
        bool

        Examples
        --------
        >>> scheme("ddpm").accepts(NoiseScale.ode()), scheme("ddpm").accepts(NoiseScale.reverse_sde())
        (False, True)
        """
        _checks.instance(noise_scale, "noise_scale", NoiseScale)
        if not self.noise_scales or noise_scale.name in self.noise_scales:
            return True
        return "power(p)" in self.noise_scales and noise_scale.power_exponent is not None

    def tableau(self, grid: TimeGrid, noise_scale: NoiseScale) -> Tableau:
        """Return the scheme's table; without noise on the graded grid, if its declared order needs that.

        Parameters
        ----------
        grid : TimeGrid
            N steps.
        noise_scale : NoiseScale
            phi.

        Returns
        -------
        Tableau

        Raises
        ------
        TypeError, ValueError
            If the scheme cannot be built with this phi, or as its own function does.

        Examples
        --------
        >>> grid = TimeGrid.karras(10, 5.0, 0.05)
        >>> scheme("sa_solver-3").tableau(grid, NoiseScale.ode()).n_evaluations
        34
        """
        if not self.accepts(noise_scale):
            msg = f"noise_scale: expected {' or '.join(self.noise_scales)} for {self.name}, got {noise_scale.name}"
            raise ValueError(msg)
        graded = self.graded and noise_scale.name == "ode"
        return self.build(grid.with_graded_start() if graded else grid, noise_scale)


def scheme(name: str) -> Scheme:
    """Return a scheme by its name.

    Parameters
    ----------
    name : str
        One of :func:`scheme_names`.

    Returns
    -------
    Scheme

    Raises
    ------
    TypeError, ValueError
        If the name is unknown; the nearest is suggested.

    Examples
    --------
    >>> scheme("adams-3").orders.ode
    3.0
    """
    return _catalogue()[_checks.one_of(name, "scheme", _catalogue())]


def scheme_names() -> tuple[str, ...]:
    """Return the names of all schemes, in the order of the table.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "ddim" in scheme_names()
    True
    """
    return tuple(_catalogue())


@functools.cache
def _catalogue() -> dict[str, Scheme]:
    """Return all schemes, read from the table."""
    text = resources.files("ersde_theory").joinpath("declared_orders.toml").read_text(encoding="utf-8")
    return {name: _entry(name, row) for name, row in tomllib.loads(text).items()}


def _entry(name: str, row: Mapping[str, Any]) -> Scheme:
    """Return the scheme of one line of the table."""
    return Scheme(
        name=name,
        build=BUILDERS[name],
        orders=_orders(row),
        gaussian=_orders({**row, **row.get("gaussian", {})}),
        evaluations=row["evaluations"],
        basis=row["basis"],
        noise_scales=tuple(row.get("phi", ())),
        graded=row.get("graded", False),
        at_least=tuple(row.get("at_least", ())),
        own_noise=row.get("own_noise", False),
    )


def _orders(row: Mapping[str, Any]) -> Orders:
    """Return the orders of a line; a local order 0 stands for none."""
    local = (*row.get("local", ()), 0.0, 0.0)[:2]
    numbers = (row.get("ode"), row.get("strong"), row.get("weak"), *local)
    return Orders(*(float(number) if number else None for number in numbers))
