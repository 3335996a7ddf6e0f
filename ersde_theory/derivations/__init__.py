"""Derivations: the formulas of the theory, proved by machine step by step.

A :class:`Derivation` states what it shows, under which assumptions, and how: ordered equations, each with its reason.
A :class:`Step` is *proved* when the difference of its sides simplifies to exactly 0, *verified numerically* when they
only agree at exact-rational points to 60 digits (counted apart), or it *fails*. Numerics never import this package.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from ersde_theory import _checks
from ersde_theory.derivations._proof import Derivation as Derivation
from ersde_theory.derivations._proof import NonElementary as NonElementary
from ersde_theory.derivations._proof import Outcome as Outcome
from ersde_theory.derivations._proof import Status as Status
from ersde_theory.derivations._proof import Step as Step
from ersde_theory.derivations._proof import Verification as Verification

__all__ = ["Derivation", "NonElementary", "Outcome", "Status", "Step", "Verification", "all", "by_name"]


@functools.cache
def all() -> tuple[Derivation, ...]:
    """Return every derivation, in the order of a book: modules ``_NN_topic.py`` by number.

    Returns
    -------
    tuple of Derivation

    Examples
    --------
    >>> len({derivation.name for derivation in all()}) == len(all())
    True
    """
    found: list[Derivation] = []
    for module in sorted(item.name for item in pkgutil.iter_modules(__path__)):
        if module[0] == "_" and module[1:3].isdigit():
            found += importlib.import_module(f"{__name__}.{module}").DERIVATIONS
    return tuple(found)


def by_name(name: str) -> Derivation:
    """Return the derivation of a name.

    Parameters
    ----------
    name : str
        Of a derivation.

    Returns
    -------
    Derivation

    Raises
    ------
    ValueError
        If there is none; the nearest name is suggested.

    Examples
    --------
    >>> by_name("marginals").title
    'Every member of the family keeps the forward marginals'
    """
    names = {derivation.name: derivation for derivation in all()}
    return names[_checks.one_of(name, "name", names)]
