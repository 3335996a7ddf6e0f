"""What a fault is: a way in which samplers go wrong that can be recognised, and planted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory.audit.matching import Parts, Tolerance, agreement
from ersde_theory.audit.members import Certified
from ersde_theory.audit.observed import Observed

Parameters = Mapping[str, Any]
Propose = Callable[[Observed, Certified, Tolerance], Iterable[Parameters]]
Plant = Callable[..., Certified]
_ONE_NUMBER = 1e-5  # relative spread of values that count as one number


@dataclass(frozen=True)
class Fault:
    """A way in which samplers go wrong.

    It is found by planting it: parameters are fitted to the sampler, the fault is put into the certified scheme, and
    what then agrees is explained.

    Attributes
    ----------
    name : str
        In reports and tests.
    title : str
        What is wrong, in a few words.
    propose : callable
        ``(seen, certified, tolerance)`` to parameters worth trying.
    plant : callable
        ``(certified, **parameters)`` to the certified scheme with this fault.
    describe : callable
        ``(parameters)`` to a sentence.
    is_convention : bool
        Whether it is a choice rather than a fault: the sampler stays right.
    approximates : bool
        Whether the plant shows the size of an error, not its value: round-off.

    Examples
    --------
    >>> from ersde_theory.audit.faults import fault
    >>> fault("noise-off").title
    'no noise at all, though the state is scaled with phi'
    """

    name: str
    title: str
    propose: Propose
    plant: Plant
    describe: Callable[[Parameters], str]
    is_convention: bool = False
    approximates: bool = False


@dataclass(frozen=True, eq=False)
class Explanation:
    """A fault, and the coefficients that it explains.

    Attributes
    ----------
    fault : Fault
    parameters : mapping
        As fitted.
    explained : Parts
        Coefficients that are off without it and agree with it.

    Examples
    --------
    >>> from ersde_theory.audit.faults import fault
    >>> none = np.zeros(2, bool)
    >>> Explanation(fault("noise-off"), {}, Parts(none, none, ~none)).first_step
    0
    """

    fault: Fault
    parameters: Parameters
    explained: Parts

    @property
    def first_step(self) -> int:
        """The first step that it explains."""
        return int(self.explained.steps[0])

    def __str__(self) -> str:
        return self.fault.describe(self.parameters)


def explanations_by(
    fault: Fault, seen: Observed, certified: Certified, wrong: Parts, tolerance: Tolerance
) -> list[Explanation]:
    """Return what a fault explains, for each of its proposals that explains something and breaks nothing.

    Parameters
    ----------
    fault : Fault
        To try.
    seen : Observed
        The sampler.
    certified : Certified
        What it should be.
    wrong : Parts
        Where they differ.
    tolerance : Tolerance
        What counts as round-off.

    Returns
    -------
    list of Explanation

    Examples
    --------
    >>> from ersde_theory import NoiseScale
    >>> from ersde_theory.audit.faults import fault
    >>> from ersde_theory.audit.members import member
    >>> good = member("published", NoiseScale.reverse_sde(), np.array([4.0, 2.0, 1.0]), np.ones(3), 1)
    >>> bad = fault("noise-off").plant(good)
    >>> wrong = ~agreement(bad.steps, good.steps, Tolerance())
    >>> len(explanations_by(fault("noise-off"), bad.steps, good, wrong, Tolerance()))
    1
    """
    found = []
    for parameters in fault.propose(seen, certified, tolerance):
        planted = fault.plant(certified, **parameters)
        agrees = agreement(seen, planted.steps, tolerance)
        if fault.approximates:
            agrees = ~wrong | _as_large(seen, planted.steps, certified)
        explained, broken = wrong & agrees, ~wrong & ~agrees
        if explained.count and not broken.count:
            found.append(Explanation(fault, parameters, explained))
    return found


def _as_large(seen: Observed, planted: Observed, certified: Certified) -> Parts:
    """Return where the sampler is off by no more than the planted size."""
    good, room = certified.steps, 1.0 + 1e-9
    ratio = np.abs(seen.ratio - good.ratio) <= room * np.abs(planted.ratio - good.ratio)
    data = (np.abs(seen.data - good.data) <= room * np.abs(planted.data - good.data)).all(axis=1)
    size = np.abs(planted.noise_variance - good.noise_variance)
    noise = np.abs(seen.noise_variance - good.noise_variance) <= room * size
    return Parts(ratio, data, noise)


def fitted(values: np.ndarray, tolerance: Tolerance) -> float | None:
    """Return what most of the values are, short where that makes no difference; None if that is 1 or they differ."""
    found = float(np.median(values))
    near = np.abs(values - found) <= max(_ONE_NUMBER, 10.0 * tolerance.coefficient) * abs(found)
    if found == 0.0 or near.sum() < 0.5 * (values.size + 1) or abs(found - 1.0) <= _ONE_NUMBER:
        return None
    short = round(found, 6)
    return short if abs(found - short) <= 1e-9 * max(1.0, abs(found)) else found


__all__ = ["Explanation", "Fault", "explanations_by", "fitted"]
