"""Lines of the headline study: errors of one quantity on a ladder with a verdict, and their tables in a Record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ersde_theory.errors import FLOOR_FACTOR, OBSERVABLES, OrderVerdict
from ersde_theory.laboratory._cost import Cost
from ersde_theory.laboratory._measurement import Measurement
from ersde_theory.records import LabelledArray

SHOWN = float("nan")  # tolerance of lines that are shown and asked nothing
LAW, CONTROL, LEVELS, PATHS, EXACT = (
    "propagated law",
    "difference from a propagated law",
    "coupled levels",
    "coupled paths",
    "exact",
)
_TEXTS = ("panel", "scheme", "noise_scale", "problem", "quantity", "method")


class Line(NamedTuple):
    """Errors of one quantity on a ladder, and what they say; the order's interval may be as wide as the tolerance."""

    panel: str
    scheme: str
    noise_scale: str
    problem: str
    quantity: str
    method: str
    steps: Sequence[int]
    errors: np.ndarray
    standard_errors: np.ndarray
    verdict: OrderVerdict
    declared: float | None
    tolerance: float = SHOWN

    @property
    def asked(self) -> bool:
        """Whether a tolerance was asked."""
        return self.declared is not None and self.tolerance == self.tolerance

    @property
    def meets(self) -> bool:
        """Whether the 95 % interval of the order has the declared one in it and is no wider than the tolerance."""
        if self.declared is None:
            return False
        return self.verdict.confirms(self.declared) and self.verdict.half_width <= self.tolerance


def lines_of(result: Measurement, panel: str, method: str, tolerance: float) -> list[Line]:
    """Return the lines of a measurement; of quantities that are exact up to round-off nothing is asked."""
    head = (panel, result.scheme, result.noise_scale, result.problem)
    exact = (np.abs(result.errors) <= FLOOR_FACTOR * result.floors).all(axis=1)
    asked = np.where(exact, SHOWN, tolerance).tolist()
    rest = zip(result.quantities, result.errors, result.standard_errors, result.verdicts, asked, strict=True)
    steps, declared = result.steps.tolist(), result.declared
    return [Line(*head, name, method, steps, e, s, said, declared, wanted) for name, e, s, said, wanted in rest]


def line_arrays(lines: Sequence[Line]) -> dict[str, LabelledArray]:
    """Return the table of lines; errors are nan where a ladder has no rung."""
    rungs = np.array(sorted({n for line in lines for n in line.steps}))
    errors, spread = np.full((2, len(lines), rungs.size), np.nan)
    for i, line in enumerate(lines):
        columns = np.searchsorted(rungs, line.steps)
        errors[i, columns], spread[i, columns] = line.errors, line.standard_errors
    one = ("line",)
    return {
        "steps": LabelledArray(("steps",), rungs),
        "error": LabelledArray(("line", "steps"), errors),
        "standard_error": LabelledArray(("line", "steps"), spread),
        **{name: LabelledArray(one, np.array([getattr(line, name) for line in lines])) for name in _TEXTS},
        "declared": LabelledArray(one, np.array([np.nan if x.declared is None else x.declared for x in lines])),
        "tolerance": LabelledArray(one, np.array([line.tolerance for line in lines])),
        "order": LabelledArray(one, np.array([line.verdict.order for line in lines])),
        "half_width": LabelledArray(one, np.array([line.verdict.half_width for line in lines])),
        "said": LabelledArray(one, np.array([str(line.verdict) for line in lines])),
        "asked": LabelledArray(one, np.array([line.asked for line in lines])),
        "meets": LabelledArray(one, np.array([line.meets for line in lines])),
    }


def cost_arrays(
    cases: Sequence[tuple[str, str]], costs: Sequence[Cost], lines: Sequence[Line]
) -> dict[str, LabelledArray]:
    """Return what plain Monte Carlo costs over the coupled levels, case by case, and whether they agree."""
    table, values = ("case", "observable"), list(zip(cases, costs, strict=True))
    spent = [int(cost.ladder.path_steps.sum()) + cost.ladder.pilot_path_steps for cost in costs]
    deviation = [
        [_deviation(lines, scheme, noise_scale, name) for name in OBSERVABLES] for (scheme, noise_scale), _ in values
    ]
    return {
        "case": LabelledArray(("case",), np.array([", ".join(case) for case in cases])),
        "observable": LabelledArray(("observable",), np.array(list(OBSERVABLES))),
        "path_steps": LabelledArray(("case",), np.array(spent), "evaluations"),
        "gain_from_variances": LabelledArray(table, np.array([cost.gain_from_variances for cost in costs])),
        "gain_measured": LabelledArray(table, np.array([cost.gain_measured for cost in costs])),
        "gain_in_core_seconds": LabelledArray(table, np.array([cost.gain_in_core_seconds for cost in costs])),
        "plain_deviation": LabelledArray(
            table, np.array([np.abs(cost.plain_deviation).max(axis=1) for cost in costs]), "standard errors"
        ),
        "law_deviation": LabelledArray(table, np.array(deviation), "standard errors"),
    }


def _deviation(lines: Sequence[Line], scheme: str, noise_scale: str, quantity: str) -> float:
    """Return the most standard errors by which the coupled levels differ from the propagated law, over all rungs."""
    found = {
        line.method: line
        for line in lines
        if (line.panel, line.scheme, line.noise_scale, line.quantity) == ("weak", scheme, noise_scale, quantity)
        and line.method in (LAW, CONTROL, LEVELS)
    }
    sampled = found.pop(LEVELS)
    (known,) = found.values()
    both = sorted(set(sampled.steps) & set(known.steps))
    here, there = (np.searchsorted(line.steps, both) for line in (sampled, known))
    spread = np.hypot(sampled.standard_errors[here], known.standard_errors[there])
    return float(np.abs((sampled.errors[here] - known.errors[there]) / spread).max())
