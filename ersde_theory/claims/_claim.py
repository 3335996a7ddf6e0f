"""What a claim is: a statement with a source, an examination, and a verdict that is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ersde_theory.records import Record

Advance = Callable[[float], None]


class Verdict(StrEnum):
    """The verdicts of the ledger, a closed vocabulary.

    Examples
    --------
    >>> Verdict("refuted").value
    'refuted'
    """

    PROVED = "proved"
    CONFIRMED = "confirmed"
    QUALIFIED = "qualified"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Context:
    """What an examination is given.

    Attributes
    ----------
    advance : callable
        To be told the share that is done, 0 to 1.
    seed : int
        Of everything random in the examination.

    Examples
    --------
    >>> Context(lambda share: None, seed=1).seed
    1
    """

    advance: Advance
    seed: int = 0


@dataclass(frozen=True)
class Evidence:
    """One number that a verdict rests on.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
        The number.
    uncertainty : float
        Its standard error, half-width or round-off bound; 0 for an exact integer count.
    bound : str
        The condition it was held against, for a reader: ``"<= 1e-10"``.
    holds : bool
        Whether it meets that condition.

    Examples
    --------
    >>> print(Evidence("largest difference", 2e-13, 1e-15, "<= 1e-10", True))
    largest difference = 2e-13 ± 1e-15 (<= 1e-10)
    """

    what: str
    value: float
    uncertainty: float
    bound: str
    holds: bool

    def __str__(self) -> str:
        spread = f" ± {self.uncertainty:.2g}" if self.uncertainty else ""
        return f"{self.what} = {self.value:.6g}{spread} ({self.bound})"


@dataclass(frozen=True)
class Twin:
    """A deliberately broken version of what is examined; the examination must notice it.

    Attributes
    ----------
    name : str
        What is broken.
    value : float
        The number the examination saw.
    caught : bool
        Whether it would have changed the verdict.

    Examples
    --------
    >>> Twin("noise off by 1 %", 0.02, True).caught
    True
    """

    name: str
    value: float
    caught: bool


@dataclass(frozen=True)
class Finding:
    """The outcome of an examination.

    Attributes
    ----------
    verdict : Verdict
        Computed from the criterion.
    evidence : tuple of Evidence
        The headline first.
    twins : tuple of Twin
        At least one.
    records : tuple of Record
        What figures and tables of the report draw on.

    Examples
    --------
    >>> Finding(Verdict.PROVED, (), (Twin("sign flipped", 1.0, True),)).verdict.value
    'proved'
    """

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    twins: tuple[Twin, ...]
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A statement about ER-SDE solvers, and how it is decided.

    Attributes
    ----------
    id : str
        Name in the ledger.
    statement : str
        What is claimed, in one sentence.
    source : str
        Where it is claimed: ``abstract v3``, ``release README``, ``release code``, ``the paper, quoted from
        memory``, or ours.
    formula : str
        LaTeX of the formula at stake.
    criterion : str
        How the verdict follows from the evidence.
    stated : Verdict
        The verdict of the ledger; a run succeeds when it computes the same.
    explanation : str
        What the verdict means, for a reader.
    examine : callable
        Called with a Context; returns a Finding.
    derivations : tuple of str
        Names of the derivations that it rests on; a run that judges the claim checks them.
    commands : tuple of str
        Other commands that make its numbers, besides ``ersde verify <id>``.

    Examples
    --------
    >>> from ersde_theory.claims import ledger
    >>> ledger()[0].stated.value
    'proved'
    """

    id: str
    statement: str
    source: str
    formula: str
    criterion: str
    stated: Verdict
    explanation: str
    examine: Callable[[Context], Finding]
    derivations: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A claim after its examination.

    Attributes
    ----------
    claim : Claim
        What was examined.
    finding : Finding or None
        None if the examination raised.
    seconds : float
        How long it took.
    error : str
        Traceback if it raised, else "".

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> judge(ledger()[0]).agrees
    True
    """

    claim: Claim
    finding: Finding | None
    seconds: float
    error: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the computed verdict is the stated one, and every broken twin was caught."""
        if self.finding is None:
            return False
        caught = bool(self.finding.twins) and all(twin.caught for twin in self.finding.twins)
        return self.finding.verdict == self.claim.stated and caught

    def _repr_markdown_(self) -> str:
        """Show the judgement in a notebook: the verdict, what it rests on, and the twins."""
        claim, finding = self.claim, self.finding
        head = f"**Claim `{claim.id}`** ({claim.source}): {claim.statement}"
        if finding is None:
            return f"{head}\n\n**The examination raised.**\n\n```\n{self.error.strip()}\n```"
        evidence = [f"- {item}{'' if item.holds else ' (does not hold)'}" for item in finding.evidence]
        twins = [f"- {twin.name}: {'caught' if twin.caught else 'NOT caught'}" for twin in finding.twins]
        parts = [head, f"**Verdict: {finding.verdict}.** {claim.explanation}", f"*Criterion:* {claim.criterion}."]
        parts += ["*Evidence:*", "\n".join(evidence), "*Broken twins, which must be caught:*", "\n".join(twins)]
        return "\n\n".join(parts)
