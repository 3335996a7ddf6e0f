"""The verdict on a sampler: correct or not, which member of the family, and what is wrong with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit.bias import STEPS, Bias, bias, rising
from ersde_theory.audit.diagnosis import Diagnosis, diagnose
from ersde_theory.audit.matching import Tolerance
from ersde_theory.audit.readout import Readout
from ersde_theory.tableau import Defect, Tableau

_UNITS = {"float64": 2.3e-16, "float32": 1.2e-7, "float16": 9.8e-4, "bfloat16": 7.9e-3}
_ROUGH = 1e-3  # a tolerance that a verdict does not leave unsaid
_DENSE = 400  # steps up to which a read-out can be compared coefficient by coefficient in little time


class Word(StrEnum):
    """The kinds of verdict.

    Examples
    --------
    >>> Word.FAULTY.value
    'faulty'
    """

    CORRECT = "correct"
    OTHER = "correct, but another family"
    FAULTY = "faulty"
    NOT_LINEAR = "not linear"
    UNDECIDED = "undecided"

    @property
    def is_correct(self) -> bool:
        """Whether the sampler samples what it should."""
        return self in (Word.CORRECT, Word.OTHER)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is true about a sampler.

    Attributes
    ----------
    word : Word
    reason : str
        One sentence.
    readout : Readout
        On the grid of the diagnosis.
    diagnosis : Diagnosis or None
        None where no table could be read.
    bias : Bias or None
    defects : tuple of Defect
        Rows at which an identity of exact schemes fails: marginal consistency.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit import read_out
    >>> from ersde_theory.audit.conventions import own_scheme
    >>> def at(n):
    ...     return read_out(own_scheme(schemes.er_sde(TimeGrid.karras(n, 80.0, 0.002), NoiseScale.exp_power(), 2)))
    >>> print(judge(at, (10,), ladder=(10, 20, 40, 80)))
    correct: ER-SDE-2 (published) with φ = exp_power
    """

    word: Word
    reason: str
    readout: Readout
    diagnosis: Diagnosis | None = None
    bias: Bias | None = None
    defects: tuple[Defect, ...] = ()

    def __str__(self) -> str:
        return f"{self.word.value}: {self.reason}"


def judge(
    read_at: Callable[[int], Readout],
    steps: Sequence[int] = (10, 20, 50),
    *,
    ladder: Sequence[int] = STEPS,
    against: str = "any",
    advance: Callable[[float], None] | None = None,
    read_ladder_at: Callable[[int], Readout] | None = None,
) -> Verdict:
    """Return the verdict on a sampler.

    Parameters
    ----------
    read_at : callable
        From a number of steps to a read-out of the sampler.
    steps : sequence of int
        Grids on which all coefficients are compared; the verdict is about the last one with a departure.
    ladder : sequence of int
        Numbers of steps for bias and order; empty for none.
    against : {"any", "published", "adams"}
        What it should be.
    advance : callable, optional
        Told the share that is done.
    read_ladder_at : callable, optional
        As `read_at`, for the grids of the ladder that are not in `steps`. :func:`~ersde_theory.audit.read_table` will
        do there, for on `steps` the sampler has proved to be linear.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or no table can be read on a grid of the ladder.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.audit import read_out
    >>> from ersde_theory.audit.conventions import own_scheme
    >>> def at(n):
    ...     grid = TimeGrid.karras(n, 80.0, 0.002)
    ...     return read_out(own_scheme(schemes.er_sde(grid, NoiseScale.exp_power(), 3, variant="released")))
    >>> judge(at, (20,), ladder=()).word.value
    'faulty'
    """
    counts = [_checks.integer(n, "steps", minimum=2, maximum=_DENSE) for n in steps]
    if not counts:
        msg = "steps: expected at least one number of steps, got none"
        raise ValueError(msg)
    if len(ladder):
        rising(ladder, "ladder")
    tell = advance or _silent
    read = functools.cache(lambda n: (read_at if n in counts else read_ladder_at or read_at)(n))
    reads = []
    for i, n in enumerate(counts):
        one = read(n)
        if one.tableau is None or not one.linear:
            return Verdict(Word.NOT_LINEAR, one.problems[0] if one.problems else "no table could be read", one)
        reads.append(one)
        tell(0.3 * (i + 1) / len(counts))
    errors = None
    if len(ladder):
        precision = max(map(_precision, reads))
        errors = bias(_tableaus(read), ladder, precision=precision, advance=lambda share: tell(0.3 + 0.5 * share))
    one, found = _last_departure(reads, against)
    finest = max((n for n in ladder if n <= _DENSE), default=0)
    if errors is not None and errors.vanishes is False and found.agrees and finest > max(counts):
        one, found = read(finest), _diagnosed(read(finest), against)  # a fault may show on finer grids only
    tell(1.0)
    return _decided(one, found, errors)


def _last_departure(reads: Sequence[Readout], against: str) -> tuple[Readout, Diagnosis]:
    """Return the last read-out that departs with its diagnosis, those before it unseen; the last if none departs."""
    found = []
    for one in reversed(reads):
        found.append((one, _diagnosed(one, against)))
        if not found[-1][1].agrees:
            return found[-1]
    return found[0]


def _tableaus(read: Callable[[int], Readout]) -> Callable[[int], Tableau]:
    """Return the tableau by number of steps."""

    def tableau_at(n: int) -> Tableau:
        found = read(n)
        if found.tableau is None:
            msg = f"ladder: expected a table for {n} steps, got none: {'; '.join(found.problems)}"
            raise ValueError(msg)
        return found.tableau

    return tableau_at


def _diagnosed(read: Readout, against: str) -> Diagnosis:
    """Return the diagnosis of a read-out."""
    assert read.tableau is not None
    return diagnose(read.tableau, grid_level=read.grid_levels, precision=_precision(read), against=against)


def _precision(read: Readout) -> float:
    """Return the precision that its numbers allow: noise of round-off must not count as imprecision."""
    unit = max(_UNITS.get(name, 0.0) for name in (read.dtype, read.coefficient_dtype))
    return min(read.precision, unit) if unit else read.precision


def _decided(read: Readout, found: Diagnosis, errors: Bias | None) -> Verdict:
    """Return the verdict that diagnosis and bias make together."""
    assert read.tableau is not None
    defects = tuple(read.tableau.defects(max(Tolerance.of_precision(_precision(read)).coefficient, found.agreed_to)))

    def verdict(word: Word, reason: str) -> Verdict:
        return Verdict(word, reason, read, found, errors, defects)

    vanishes = None if errors is None else errors.vanishes
    nearest = describe(found)
    if found.agrees:
        if vanishes is False:
            return verdict(Word.UNDECIDED, f"{nearest} on {found.seen.n_steps} steps, but {described_bias(errors)}")
        return verdict(Word.CORRECT if found.certified.is_member and not defects else Word.OTHER, nearest)
    if found.faults and not found.unexplained.count:
        causes = "; ".join(f"step {e.first_step}: {e}" for e in found.faults)
        return verdict(Word.FAULTY, f"{nearest}, but {causes}")
    where = f"first departure from {nearest}: {found.departure}" if found.departure else "nothing has its levels"
    if vanishes is False:
        return verdict(Word.FAULTY, f"{described_bias(errors)}; {_partly(found)}{where}")
    if vanishes:
        return verdict(Word.OTHER, f"no scheme of the catalogue, but {described_bias(errors)}; {where}")
    return verdict(Word.UNDECIDED, f"no scheme of the catalogue; {_partly(found)}{where}")


def _partly(found: Diagnosis) -> str:
    """Return what is explained where not all is."""
    return "".join(f"step {e.first_step}: {e}; " for e in found.faults)


def describe(found: Diagnosis) -> str:
    """Return the nearest certified sampler in words, with its phi and conventions.

    Parameters
    ----------
    found : Diagnosis
        Of a sampler.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory import TimeGrid, schemes
    >>> describe(diagnose(schemes.dpm_solver_pp(TimeGrid.karras(6, 80.0, 0.002), 2)))
    'DPM-Solver++(2M) midpoint with φ = ode'
    """
    phi = found.certified.noise_scale
    text = found.certified.name
    if found.rivals:
        names = ", ".join((phi.name if phi is not None else "", *found.rivals))
        how = "are equally near" if found.unexplained.count else "fit alike"
        text += f" with a φ that cannot be told from what was read: {names} {how}"
    elif phi is not None and not found.phi:
        text += " with a φ that cannot be told from what was read: no state keeps its start or noise"
    elif phi is not None:
        text += f" with φ = {phi.name}" if phi.name != "own" else " with a φ of its own, admissible"
    if found.agreed_to > _ROUGH:
        text += f" (compared to {100.0 * found.agreed_to:.1g} % only)"
    conventions = [str(e) for e in found.explanations if e.fault.is_convention]
    return text + "".join(f" ({c})" for c in conventions)


def described_bias(errors: Bias | None) -> str:
    """Return what happens to the error of the output's law, in words.

    Parameters
    ----------
    errors : Bias or None
        On rising numbers of steps.

    Returns
    -------
    str

    Examples
    --------
    >>> described_bias(None)
    'the bias was not measured'
    """
    if errors is None:
        return "the bias was not measured"
    for what, limit, size in (
        ("mean", errors.limit_mean, 0.5),
        ("variance", errors.limit_variance, float(errors.variance_wanted[-1])),
    ):
        if limit.vanishes is False:
            last = getattr(errors, what)[-1]
            value = limit.value if np.isfinite(limit.value) else last
            share = 100.0 * value / size
            unit = "%" if what == "variance" else "% of the spread"
            return (
                f"the bias of the {what} does not vanish with the number of steps: it is {last:.3g} on "
                f"{errors.steps[-1]} steps and tends to {value:.3g} ± {limit.uncertainty:.1g} ({share:+.3g} {unit})"
            )
    if errors.vanishes is None:
        return "whether the bias vanishes with the number of steps is open"
    return f"the bias vanishes with the number of steps ({errors.limit_variance.order})"


def _silent(_share: float) -> None:
    """Tell nobody."""


__all__ = ["Verdict", "Word", "describe", "described_bias", "judge"]
