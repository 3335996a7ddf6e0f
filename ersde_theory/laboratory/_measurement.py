"""What a measurement of an order is: error ladders of several quantities, and a verdict on each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.errors import FLOOR_FACTOR, OrderVerdict, Outcome

if TYPE_CHECKING:
    from ersde_theory.records import Record


class Kind(StrEnum):
    """The kinds of error, a closed vocabulary.

    ``exact``: mean and variance of the output on Gaussian data, no sampling. ``law``: the output's density on the
    line, propagated without sampling. ``strong``: along the coupled path. ``weak``: of expectations. ``local``: of
    one step from the right law. ``ode``: without noise, the limit phi = x.

    Examples
    --------
    >>> Kind("weak").value
    'weak'
    """

    EXACT = "exact"
    LAW = "law"
    STRONG = "strong"
    WEAK = "weak"
    LOCAL = "local"
    ODE = "ode"


@dataclass(frozen=True)
class Measurement:
    """Errors of a scheme against the number of steps, and what they say about its order.

    Attributes
    ----------
    scheme, noise_scale, problem : str
        What was measured.
    kind : Kind
        Of error.
    steps, evaluations : int arrays of shape (L,)
        The ladder, and what each rung costs per sample.
    quantities : tuple of str
        Names of the Q errors.
    errors : float64 array of shape (Q, L)
        Signed where the quantity has a sign; in data units, or those of the observable.
    standard_errors, floors : float64 arrays of shape (Q, L)
        Of sampling (0 where there is none), and of round-off or of the rule.
    verdicts : tuple of OrderVerdict
        One per quantity.
    declared : float or None
        The order that the catalogue declares; None if none.
    sharp : bool
        Whether more than the declared order would contradict it too.
    path_steps : int
        Evaluations spent on sampling; 0 without sampling.
    seconds : float
        How long it took.

    Examples
    --------
    >>> from ersde_theory.laboratory import measure
    >>> str(measure("er_sde-2", "reverse_sde", "gaussian", "exact").verdict)[:9]
    'order 2.0'
    """

    scheme: str
    noise_scale: str
    problem: str
    kind: Kind
    steps: np.ndarray
    evaluations: np.ndarray
    quantities: tuple[str, ...]
    errors: np.ndarray
    standard_errors: np.ndarray
    floors: np.ndarray
    verdicts: tuple[OrderVerdict, ...]
    declared: float | None
    sharp: bool = True
    path_steps: int = 0
    seconds: float = 0.0

    @property
    def verdict(self) -> OrderVerdict:
        """Verdict on the scheme: that of its slowest quantity.

        Quantities that are exact up to round-off have no say. Where all that is decided or bounded is faster than
        declared, one that is not decided rules, for it may be the slow one.
        """
        exact = (np.abs(self.errors) <= FLOOR_FACTOR * self.floors).all(axis=1)
        inexact = [v for v, is_exact in zip(self.verdicts, exact, strict=True) if not is_exact]
        decided = sorted((v for v in inexact if v.outcome is Outcome.ORDER), key=lambda v: v.order)
        bounds = sorted((v for v in inexact if v.outcome is Outcome.AT_LEAST), key=lambda v: v.order)
        open_ones = [v for v in inexact if v.outcome is Outcome.UNDECIDED]
        known = [*decided, *bounds]
        if not known:
            return (open_ones or self.verdicts)[0]
        slowest = known[0]
        declared = self.declared
        if open_ones and declared is not None and slowest.contradicts(declared) and slowest.order > declared:
            return open_ones[0]
        return slowest

    @property
    def decided(self) -> bool:
        """Whether the verdict is an order."""
        return self.verdict.outcome is Outcome.ORDER

    @property
    def agrees(self) -> bool:
        """Whether the verdict confirms the declared order; a lower bound that reaches it does too."""
        verdict = self.verdict
        if self.declared is None:
            return False
        if verdict.outcome is Outcome.AT_LEAST:
            return not verdict.contradicts(self.declared) and verdict.order + verdict.half_width >= self.declared - 0.5
        nearest = verdict.outcome is Outcome.ORDER and verdict.nearest == self.declared and not self.contradicts
        return nearest or (self._exceeds and not self.sharp)

    @property
    def contradicts(self) -> bool:
        """Whether the verdict excludes the declared order."""
        if self.declared is None or (self._exceeds and not self.sharp):
            return False
        return self.verdict.contradicts(self.declared)

    @property
    def _exceeds(self) -> bool:
        """Whether the verdict is an order above the declared one."""
        found = self.verdict
        return self.declared is not None and found.outcome is Outcome.ORDER and found.order > self.declared

    def record(self) -> Record:
        """Return the measurement as a Record named ``order-ladder``.

        Returns
        -------
        Record

        Examples
        --------
        >>> from ersde_theory.laboratory import measure
        >>> measure("er_sde-2", "reverse_sde", "gaussian", "exact").record().name
        'order-ladder'
        """
        from ersde_theory.records import LabelledArray, Record

        table = ("quantity", "steps")
        settings = {
            "scheme": self.scheme,
            "noise_scale": self.noise_scale,
            "problem": self.problem,
            "kind": self.kind.value,
            "declared": self.declared,
            "verdict": str(self.verdict),
            "path_steps": self.path_steps,
        }
        arrays = {
            "steps": LabelledArray(("steps",), self.steps),
            "evaluations": LabelledArray(("steps",), self.evaluations),
            "quantity": LabelledArray(("quantity",), np.array(self.quantities)),
            "error": LabelledArray(table, self.errors),
            "standard_error": LabelledArray(table, self.standard_errors),
            "floor": LabelledArray(table, self.floors),
            "order": LabelledArray(("quantity",), np.array([v.order for v in self.verdicts])),
            "half_width": LabelledArray(("quantity",), np.array([v.half_width for v in self.verdicts])),
            "said": LabelledArray(("quantity",), np.array([str(v) for v in self.verdicts])),
        }
        return Record("order-ladder", settings, arrays, seconds=self.seconds)
