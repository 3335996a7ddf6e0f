"""Which certified sampler is nearest, and what explains the differences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ersde_theory import _checks
from ersde_theory._gauss_legendre import QuadratureError
from ersde_theory.audit._departure import Departure as Departure
from ersde_theory.audit._departure import departure_of
from ersde_theory.audit.faults import FAULTS, OF_RATIO, STRUCTURAL, Explanation, Fault, explanations_by
from ersde_theory.audit.matching import PARTS, Parts, Tolerance, agreement
from ersde_theory.audit.members import KINDS, Certified, member
from ersde_theory.audit.noise_scales import NAMED, Candidate, candidates, own
from ersde_theory.audit.observed import Observed, observe
from ersde_theory.audit.others import other_schemes
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau

_HIGHEST = {"published": 3, "adams": 4}
_SINGLE = Tolerance(1e-6, 1e-6)  # where levels or coefficients were float32 on the way
_EXPLAINED = 3  # schemes of the catalogue, the nearest ones, whose differences are looked into


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The nearest certified sampler, and what explains the differences from it.

    Attributes
    ----------
    seen : Observed
        The sampler.
    certified : Certified
        The nearest one.
    wrong, unexplained : Parts
        Coefficients that differ, and those that no known fault explains.
    explanations : tuple of Explanation
        Faults and conventions, by the first step that they explain.
    agreed_to : float
        Differences of coefficients up to this count as round-off.
    rivals : tuple of str
        Other named noise scale functions with which the same scheme fits as well.

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> found = diagnose(schemes.er_sde(TimeGrid.karras(8, 80.0, 0.002), NoiseScale.exp_power()))
    >>> found.certified.name, found.certified.noise_scale.name, found.agrees
    ('ER-SDE-3 (published)', 'exp_power', True)
    """

    seen: Observed
    certified: Certified
    wrong: Parts
    unexplained: Parts
    explanations: tuple[Explanation, ...] = ()
    agreed_to: float = 0.0
    rivals: tuple[str, ...] = ()

    @property
    def phi(self) -> str:
        """Name of the noise scale function; empty if there is none, or if it cannot be told from what was read."""
        if self.certified.noise_scale is None or self.rivals or (self.unexplained.count and self.forgets):
            return ""
        return self.certified.noise_scale.name

    @property
    def forgets(self) -> bool:
        """Whether no ratio of phi can be seen: start and noise are forgotten from the first step on."""
        return bool(self.seen.is_forgotten[1:].all()) and self.seen.n_steps > 1

    @property
    def agrees(self) -> bool:
        """Whether every coefficient agrees, known conventions allowed."""
        return not self.faults and not self.unexplained.count

    @property
    def faults(self) -> tuple[Explanation, ...]:
        """The explanations that are faults."""
        return tuple(e for e in self.explanations if not e.fault.is_convention)

    @property
    def departure(self) -> Departure | None:
        """The first coefficient that departs and is no matter of convention; None without a scheme to depart from."""
        conventional = [e.explained for e in self.explanations if e.fault.is_convention]
        wrong = self.wrong
        for parts in conventional:
            wrong = wrong & ~parts
        if not wrong.count or np.isnan(self.certified.steps.data).any():
            return None
        step = int(wrong.steps[0])
        part = next(name for name in PARTS if wrong.part(name)[step])
        return departure_of(self.seen, self.certified.steps, step, part)

    @property
    def badness(self) -> tuple[int, int, int, int]:
        """What makes one diagnosis worse than another."""
        return (self.unexplained.count, len(self.faults), len(self.explanations) + _has_own_phi(self), self.wrong.count)


def diagnose(
    tab: Tableau,
    *,
    grid_level: np.ndarray | None = None,
    precision: float = 0.0,
    against: str = "any",
) -> Diagnosis:
    """Return the certified sampler that is nearest to a tableau, and what explains the differences.

    Parameters
    ----------
    tab : Tableau
        A sampler, as read from outside.
    grid_level : float64 array of shape (N + 1,), optional
        Levels of its grid; those of the rows that stand for nodes unless given.
    precision : float
        Relative error of its coefficients.
    against : {"any", "published", "adams"}
        What it should be: any scheme of the catalogue, ER-SDE as published, or exponential Adams.

    Returns
    -------
    Diagnosis

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> grid = TimeGrid.karras(20, 80.0, 0.002)
    >>> found = diagnose(schemes.er_sde(grid, NoiseScale.exp_power(), variant="released"))
    >>> [e.fault.name for e in found.explanations]
    ['riemann-sum', 'noise-clip']
    """
    _checks.instance(tab, "tab", Tableau)
    tolerance = Tolerance.of_precision(_checks.nonnegative_number(precision, "precision"))
    _checks.one_of(against, "against", ("any", *KINDS))
    seen = observe(tab)
    levels = node_levels(tab) if grid_level is None else np.asarray(grid_level, dtype=float)
    found = _nearest(seen, levels, tolerance, against)
    unsure = found.unexplained.count or any(e.fault.approximates for e in found.faults)
    if unsure and tolerance.coefficient < _SINGLE.coefficient:
        rough = _nearest(seen, levels, _SINGLE, against)  # levels may be known to float32 only
        found = rough if rough.badness[:2] < found.badness[:2] else found
    return found


def _nearest(seen: Observed, levels: np.ndarray, tolerance: Tolerance, against: str) -> Diagnosis:
    """Return the best diagnosis with a tolerance."""
    best: Diagnosis | None = None
    members: list[Diagnosis] = []
    for stage in (_hypotheses, _slow_hypotheses):
        tried = []
        for certified in stage(seen, levels, tolerance, against):
            wrong = ~agreement(seen, certified.steps, tolerance)
            if not wrong.count:
                rivals = _rivals(seen, certified, tolerance)
                return Diagnosis(seen, certified, wrong, wrong, agreed_to=tolerance.coefficient, rivals=rivals)
            tried.append((wrong.count, certified))
        tried.sort(key=lambda pair: pair[0])
        found = [explain(seen, certified, tolerance) for _, certified in tried if certified.recipe is not None]
        members += found
        others = [certified for _, certified in tried if certified.recipe is None]
        found += [explain(seen, certified, tolerance) for certified in others[:_EXPLAINED]]
        best = min((*found, *([] if best is None else [best])), key=lambda d: d.badness)
        best = replace(best, rivals=_as_good(best, members))
        if not best.unexplained.count and not _has_own_phi(best):
            return replace(best, agreed_to=tolerance.coefficient)
    assert best is not None
    if best.unexplained.ratio.any() or _has_own_phi(best):
        structural = (d for mine in members for d in _on_top(mine, STRUCTURAL, tolerance))
        best = min((best, *structural), key=lambda d: d.badness)
    if best.unexplained.count and best.certified.recipe is not None:
        best = min((best, *_on_top(best, FAULTS, tolerance)), key=lambda d: d.badness)
    return replace(best, agreed_to=tolerance.coefficient)


def _rivals(seen: Observed, certified: Certified, tolerance: Tolerance) -> tuple[str, ...]:
    """Return the other functions with which a member of the family agrees as well."""
    made = certified.recipe
    if made is None or made.noise_scale.name not in NAMED:
        return ()
    others = [c.noise_scale for c in candidates(seen, tolerance) if c.count == seen.n_steps]
    found = []
    for phi in others:
        if phi.name in NAMED and phi.name != made.noise_scale.name:
            rival = member(made.kind, phi, seen.level, seen.alpha, made.order)
            found += [] if (~agreement(seen, rival.steps, tolerance)).count else [phi.name]
    return tuple(found)


def _as_good(best: Diagnosis, others: list[Diagnosis]) -> tuple[str, ...]:
    """Return the other functions with which the same scheme is explained as well."""
    alike = [d.certified for d in others if d.certified.name == best.certified.name and d.badness == best.badness]
    names = [c.noise_scale.name for c in (best.certified, *alike) if c.noise_scale is not None]
    return tuple(dict.fromkeys(n for n in names if n != names[0] and {n, names[0]} <= set(NAMED)))


def _has_own_phi(found: Diagnosis) -> bool:
    """Return whether phi was read off the sampler, so that a fault of its ratios cannot show."""
    return found.certified.noise_scale is not None and found.certified.noise_scale.name == "own"


def explain(seen: Observed, certified: Certified, tolerance: Tolerance) -> Diagnosis:
    """Return which faults explain the differences from a certified sampler: few faults that explain much.

    Parameters
    ----------
    seen : Observed
        The sampler.
    certified : Certified
        What it may be.
    tolerance : Tolerance
        What counts as round-off.

    Returns
    -------
    Diagnosis

    Examples
    --------
    >>> from ersde_theory.audit.faults import fault
    >>> good = member("published", NoiseScale.ode(), np.array([4.0, 2.0, 1.0]), np.ones(3), 2)
    >>> explain(good.steps, good, Tolerance()).agrees
    True
    """
    wrong = ~agreement(seen, certified.steps, tolerance)
    left, chosen = wrong, []
    options = (
        [o for fault in FAULTS for o in explanations_by(fault, seen, certified, wrong, tolerance)]
        if (wrong.count)
        else []
    )
    while left.count and options:
        best = max(options, key=lambda o: (o.explained & left).count)
        gain = best.explained & left
        if not gain.count:
            break
        chosen.append(replace(best, explained=gain))
        left = left & ~gain
    chosen.sort(key=lambda e: e.first_step)
    return Diagnosis(seen, certified, wrong, left, tuple(chosen))


def node_levels(tab: Tableau) -> np.ndarray:
    """Return the levels of the grid's nodes.

    Parameters
    ----------
    tab : Tableau
        A sampler.

    Returns
    -------
    float64 array of shape (N + 1,)

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> node_levels(schemes.edm_heun(TimeGrid([4.0, 2.0, 1.0]))).tolist()
    [4.0, 2.0, 1.0]
    """
    rows = np.flatnonzero(tab.node >= 0)
    last = rows[np.append(np.diff(tab.node[rows]) > 0, True)]
    return tab.noise_level[last]


def _hypotheses(seen: Observed, grid_level: np.ndarray, tolerance: Tolerance, against: str) -> Iterator[Certified]:
    """Yield what the sampler may be: members of the family, schemes of the catalogue, members with a phi of its own."""
    if not seen.is_multistep or grid_level.size != seen.level.size:
        for noise_scale in _staged_scales(seen, tolerance):
            yield from other_schemes(seen, grid_level, noise_scale)
        if not seen.is_multistep:
            yield Certified("no scheme of the catalogue", None, _nothing(seen), None, is_member=False)
            return
    found = candidates(seen, tolerance)
    leading = found[0].count if found else 0
    likely = [c for c in found if c.count == leading] if leading == seen.n_steps else found
    kinds = KINDS if against == "any" else (against,)
    yield from _members(seen, likely, tolerance, kinds)
    if against == "any":
        for candidate in likely[: 1 if leading == seen.n_steps else 2]:
            yield from other_schemes(seen, grid_level, candidate.noise_scale)
    phi = own(seen) if leading < seen.n_steps else None
    if phi is not None:
        yield from _members(seen, [Candidate(phi, np.ones(seen.n_steps, bool), named=False)], tolerance, kinds)


def _slow_hypotheses(seen: Observed, grid_level: np.ndarray, tolerance: Tolerance, against: str) -> Iterator[Certified]:
    """Yield schemes whose coefficients take quadrature, for the likeliest phi."""
    if against == "any" and seen.is_multistep:
        for candidate in candidates(seen, tolerance)[:1]:
            yield from other_schemes(seen, grid_level, candidate.noise_scale, slow=True)


def _members(
    seen: Observed, likely: list[Candidate], tolerance: Tolerance, kinds: tuple[str, ...]
) -> Iterator[Certified]:
    """Yield members of the family, of the order that the sampler seems to have and the one below.

    A state that is a sum of all data so far does not show an order.
    """
    used, hidden = int(seen.orders(tolerance.coefficient).max()), bool(seen.is_forgotten.any())
    for candidate in likely:
        for kind in kinds:
            highest = min(max(used, 1), _HIGHEST[kind])
            for order in range(highest, 0 if hidden else highest - 2, -1):
                if order < 1 or (kind == "adams" and order < 3 and "published" in kinds):  # the same
                    continue
                with contextlib.suppress(QuadratureError):  # a phi read off a wrong sampler may be anything
                    yield member(kind, candidate.noise_scale, seen.level, seen.alpha, order)


def _staged_scales(seen: Observed, tolerance: Tolerance) -> list[NoiseScale | None]:
    """Return phi of a scheme with stages: its ratios are those of phi from each state to the next."""
    if (np.diff(seen.level) >= 0.0).any():
        return [None]
    found = [c.noise_scale for c in candidates(seen, tolerance) if c.count == seen.n_steps]
    return [*found[:1], None] if found else [None]


def _nothing(seen: Observed) -> Observed:
    """Return steps that agree with nothing but constant data, to have something to compare with."""
    return replace(seen, data=np.full_like(seen.data, np.nan), noise=np.full_like(seen.noise, np.nan))


def _on_top(start: Diagnosis, firsts: Sequence[Fault], tolerance: Tolerance) -> Iterator[Diagnosis]:
    """Yield diagnoses that explain everything by a first fault and others on top of it, in the same coefficients."""
    seen, certified, wrong = start.seen, start.certified, start.wrong
    if not start.unexplained.count:
        return
    for first in firsts:
        if first.approximates:
            continue
        for parameters in first.propose(seen, certified, tolerance):
            planted = first.plant(certified, **parameters)
            explained = wrong & ~agreement(certified.steps, planted.steps, tolerance)
            if not (explained & start.unexplained).count:
                continue
            if _has_lost_ratios(seen, planted, tolerance):
                continue
            rest = explain(seen, planted, tolerance)
            if not rest.unexplained.count:
                both = (Explanation(first, parameters, explained), *rest.explanations)
                yield Diagnosis(seen, certified, wrong, rest.unexplained, both)


def _has_lost_ratios(seen: Observed, certified: Certified, tolerance: Tolerance) -> bool:
    """Return whether a ratio is off that no fault can explain: quick to find out, compared with all explanations."""
    wrong = ~agreement(seen, certified.steps, tolerance)
    left = wrong.ratio
    for fault in OF_RATIO if left.any() else ():
        for found in explanations_by(fault, seen, certified, wrong, tolerance):
            left = left & ~found.explained.ratio
    return bool(left.any())


__all__ = ["Departure", "Diagnosis", "diagnose", "explain", "node_levels"]
