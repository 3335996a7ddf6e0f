"""Which figures there are. Reading this list imports nothing slow; a figure's module comes when it is used."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ersde_theory.records import Record

# In the order in which they are made and listed, each with the module of this package that has it in FIGURES.
_MODULES = {
    "fei": "fei",
    "one_step_error": "one_step_error",
    "orders": "orders",
    "order-ode": "convergence",
    "order-strong": "convergence",
    "order-weak": "convergence",
    "quadrature": "convergence",
    "vp-ve-parity": "parity",
    "digits": "digits",
    "order-ladder": "order_ladder",
    "work-precision": "work_precision",
    "comparison": "better_schemes",
    "headline-orders": "headline_orders",
    "audit": "audit",
    "atlas": "atlas",
    "crossing": "crossing",
    "solution-space": "solution_space",
    "trajectories": "trajectories",
    "samples": "trajectories",
    "design": "design",
    "digits-networks": "digits_network_error",
    "digits-training": "digits_training",
    "study-weak-order": "study_weak_order",
    "one-step-laws": "one_step_laws",
    "forgetting": "forgetting",
    "network-one-step": "network_one_step",
    "network-global-error": "network_errors",
    "network-orders": "network_errors",
    "network-score-error": "network_samples",
    "network-precision": "network_errors",
    "network-quality": "network_samples",
}


@dataclass(frozen=True)
class Settings:
    """How a figure is computed.

    Attributes
    ----------
    quick : bool
        Fewer steps: for tests and continuous integration, not for reading.
    seed : int
        Of everything random; most figures are exact and have nothing.

    Examples
    --------
    >>> Settings().quick
    False
    """

    quick: bool = False
    seed: int = 0


@dataclass(frozen=True)
class PaperFigure:
    """A figure: what it shows, how its numbers are computed, how they are drawn.

    Attributes
    ----------
    name : str
        Name on the command line, and of its Record.
    title : str
        What it shows, in a few words.
    description : str
        What is to be seen, for a caption and for readers who do not see the picture.
    claims : tuple of str
        Ids of the claims that it illustrates.
    compute : callable
        From Settings to a Record; draws nothing.
    draw : callable
        From that Record to a Matplotlib figure; computes nothing.
    from_claim : str
        The claim whose examination makes the Record, or "" if `compute` makes it by itself.

    Examples
    --------
    >>> figure("fei").claims
    ('fei-order',)
    """

    name: str
    title: str
    description: str
    claims: tuple[str, ...]
    compute: Callable[[Settings], Record]
    draw: Callable[[Record], Figure]
    from_claim: str = ""


def names() -> tuple[str, ...]:
    """Return the names of all figures.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> names()[0]
    'fei'
    """
    return tuple(_MODULES)


def figure(name: str) -> PaperFigure:
    """Return a figure by its name.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    PaperFigure

    Raises
    ------
    ValueError
        If there is none of that name; the nearest is suggested.

    Examples
    --------
    >>> figure("order").title  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: figure: expected one of fei, ..., got 'order'; did you mean 'orders'?
    """
    if name not in _MODULES:
        near = difflib.get_close_matches(name, _MODULES, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        message = f"figure: expected one of {', '.join(_MODULES)}, got {name!r}{hint}"
        raise ValueError(message)
    found: PaperFigure = import_module(f"paper_figures.{_MODULES[name]}").FIGURES[name]
    return found


def figures() -> tuple[PaperFigure, ...]:
    """Return all figures in order.

    Returns
    -------
    tuple of PaperFigure

    Examples
    --------
    >>> [f.name for f in figures()] == list(names())
    True
    """
    return tuple(figure(name) for name in _MODULES)


def drawable(record: Record) -> bool:
    """Return whether there is a figure for a record.

    Parameters
    ----------
    record : Record
        Of any computation.

    Returns
    -------
    bool

    Examples
    --------
    >>> from ersde_theory.records import Record
    >>> drawable(Record("orders", {}, {})), drawable(Record("other", {}, {}))
    (True, False)
    """
    return record.name in _MODULES


def draw(record: Record) -> Figure:
    """Return the picture of a record; its name says which figure it belongs to.

    Parameters
    ----------
    record : Record
        Made by the `compute` of a figure, or by the claim that makes it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no figure for it.

    Examples
    --------
    >>> picture = draw(figure("fei").compute(Settings(quick=True)))
    >>> len(picture.axes)
    8
    """
    return figure(record.name).draw(record)
