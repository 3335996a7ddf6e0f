"""What a study measures: functions by name, or anybody's own by ``package.module:function``."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ersde_theory import _checks

Function = Callable[[Mapping[str, Any], int], Mapping[str, float]]


@dataclass(frozen=True)
class Measurement:
    """A pure function of parameters and a seed.

    Attributes
    ----------
    name : str
        In a study's description.
    function : callable
        ``function(parameters, seed)`` to a mapping of quantity to float. It must depend on nothing else.
    sampled : bool
        Whether it uses the seed. Then a cell is the mean over blocks, its standard error that of their spread; else
        one block is all there is.
    version : int
        To be raised when the function changes what it computes.
    required, optional : tuple of str
        Names of parameters.
    applies : callable, optional
        ``applies(parameters)``: whether the cell exists, as where a scheme cannot be built with a noise scale.

    Examples
    --------
    >>> measurement("exact-error").sampled
    False
    """

    name: str
    function: Function
    sampled: bool = False
    version: int = 1
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    applies: Callable[[Mapping[str, Any]], bool] | None = None

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Refuse parameters that it does not know, or that it lacks.

        Parameters
        ----------
        parameters : mapping
            Of one cell.

        Raises
        ------
        ValueError
            With the nearest name.

        Examples
        --------
        >>> measurement("exact-order").check({"scheme": "er_sde-2", "problem": "gaussian"})
        Traceback (most recent call last):
            ...
        ValueError: measurement exact-order: expected the parameters noise_scale, problem, scheme, got no noise_scale
        """
        if not self.required and not self.optional:
            return
        for name in parameters:
            _checks.one_of(name, f"parameter of {self.name}", (*self.required, *self.optional))
        missing = [name for name in sorted(self.required) if name not in parameters]
        if missing:
            wanted = ", ".join(sorted(self.required))
            msg = f"measurement {self.name}: expected the parameters {wanted}, got no {missing[0]}"
            raise ValueError(msg)


def measurement(name: str) -> Measurement:
    """Return a measurement by its name.

    Parameters
    ----------
    name : str
        One of :func:`measurement_names`, or ``package.module:function``; a function of one's own may have attributes
        ``sampled``, ``version``, ``applies``.

    Returns
    -------
    Measurement

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> measurement("math:hypot").name
    'math:hypot'
    """
    from ersde_theory.studies import measurements

    if ":" not in name:
        return measurements.ALL[_checks.one_of(name, "measurement", measurements.ALL)]
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        msg = f"measurement: expected package.module:function, got {name!r} ({error})"
        raise ValueError(msg) from None
    if not callable(function):
        msg = f"measurement: expected a function, got {name!r}, which is {_checks.describe(function)}"
        raise ValueError(msg)
    return Measurement(
        name,
        function,
        bool(getattr(function, "sampled", False)),
        int(getattr(function, "version", 1)),
        applies=getattr(function, "applies", None),
    )


def measurement_names() -> tuple[str, ...]:
    """Return the names of the measurements that come with the project.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "exact-error" in measurement_names()
    True
    """
    from ersde_theory.studies import measurements

    return tuple(measurements.ALL)


def checked_values(values: Any) -> dict[str, float]:
    """Return what a measurement gave, if it is finite numbers by name.

    Parameters
    ----------
    values : mapping
        Of quantity to number.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> checked_values({"error": 1})
    {'error': 1.0}
    """
    if not isinstance(values, Mapping) or not values:
        msg = f"expected a mapping of quantity to number, got {_checks.describe(values)}"
        raise ValueError(msg)
    found = {str(name): float(value) for name, value in values.items()}
    wrong = next((name for name, value in found.items() if not math.isfinite(value)), None)
    if wrong is not None:
        msg = f"expected finite numbers, got {wrong} = {found[wrong]}"
        raise ValueError(msg)
    return found
