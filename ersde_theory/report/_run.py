"""One run of the ledger, and writing its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ersde_theory.records import Record, provenance, write_atomically

if TYPE_CHECKING:
    from ersde_theory.claims import Judgement
    from ersde_theory.derivations import Verification


@dataclass(frozen=True)
class VerifyRun:
    """What a run of ``ersde verify`` found.

    Attributes
    ----------
    judgements : tuple of Judgement
        In the order of the ledger.
    planned : int
        How many claims were to be judged; more than there are judgements if the run was interrupted.
    figures : tuple of Record
        Of figures that illustrate the claims besides the claims' own records.
    problems : tuple of str
        What went wrong besides the claims, a line each: figures that could not be made.
    seed : int
        Of everything random in the examinations.
    provenance : mapping of str to str
        Versions, machine type, command, time.
    seconds : float
        Of the whole run.
    derivations : tuple of Verification
        The checked derivations, in the order of the book.
    derivations_planned : int
        How many were to be checked.

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> run = VerifyRun((judge(ledger()[0]),), 1)
    >>> run.succeeded, run.interrupted
    (True, False)
    """

    judgements: tuple[Judgement, ...]
    planned: int
    figures: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()
    seed: int = 0
    provenance: Mapping[str, str] = field(default_factory=provenance)
    seconds: float = 0.0
    derivations: tuple[Verification, ...] = ()
    derivations_planned: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether claims or derivations are missing because the run was stopped."""
        return len(self.judgements) < self.planned or len(self.derivations) < self.derivations_planned

    @property
    def n_agree(self) -> int:
        """Number of claims with the stated verdict and every broken twin caught."""
        return sum(judgement.agrees for judgement in self.judgements)

    @property
    def succeeded(self) -> bool:
        """Whether every planned claim was judged and agrees, and no step of a derivation fails."""
        return self.n_agree == self.planned and not self.interrupted and all(v.holds for v in self.derivations)


def write(run: VerifyRun, folder: Path) -> Path:
    """Write ``index.html`` and ``verify.json``.

    Parameters
    ----------
    run : VerifyRun
        To report.
    folder : Path
        Made if it does not exist.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    OSError
        If a file cannot be written; old files stay whole.

    Examples
    --------
    >>> import tempfile
    >>> from ersde_theory.claims import judge, ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(VerifyRun((judge(ledger()[0]),), 1), Path(folder)).name
    'index.html'
    """
    from ersde_theory.report._document import document
    from ersde_theory.report._page import page

    write_atomically(folder / "verify.json", document(run))
    write_atomically(folder / "index.html", page(run))
    return folder / "index.html"
