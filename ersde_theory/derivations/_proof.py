"""What a derivation is: a statement, assumptions and ordered steps, each of which a machine checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ersde_theory.derivations._ladder import Rule
from ersde_theory.derivations._step import NonElementary as NonElementary
from ersde_theory.derivations._step import Outcome as Outcome
from ersde_theory.derivations._step import Status as Status
from ersde_theory.derivations._step import Step as Step
from ersde_theory.derivations._step import named as named
from ersde_theory.derivations._step import shown as shown

_TYPOGRAPHY = (("``", "\u201c"), ("''", "\u201d"), ("--", "\u2013"))


def _typeset(text: str) -> str:
    """Return a text with LaTeX's quotes and dashes as characters, formulas between dollars as they are."""
    parts = text.split("$")
    for written, character in _TYPOGRAPHY:
        parts[::2] = [part.replace(written, character) for part in parts[::2]]
    return "$".join(parts)


@dataclass(frozen=True)
class Verification:
    """A derivation with the outcomes of its steps, in order.

    Attributes
    ----------
    derivation : Derivation
        What was checked.
    outcomes : tuple of Outcome
        One per step.

    Examples
    --------
    >>> Verification(Derivation("none", "", "", (), (), ""), ()).holds
    True
    """

    derivation: Derivation
    outcomes: tuple[Outcome, ...]

    @property
    def holds(self) -> bool:
        """Whether no step fails."""
        return all(outcome.holds for outcome in self.outcomes)

    def count(self, status: Status) -> int:
        """Return how many steps came out so.

        Parameters
        ----------
        status : Status
            One of the three.

        Returns
        -------
        int

        Examples
        --------
        >>> Verification(Derivation("none", "", "", (), (), ""), ()).count(Status.PROVED)
        0
        """
        return sum(outcome.status is status for outcome in self.outcomes)

    def _repr_markdown_(self) -> str:
        """Return the page for a notebook, with the status of every step."""
        return self.derivation.markdown([f" *({outcome.status.value})*" for outcome in self.outcomes])


@dataclass(frozen=True)
class Derivation:
    """A page of mathematics: what is shown, under which assumptions, by which steps.

    Attributes
    ----------
    name : str
        For :func:`ersde_theory.derivations.by_name`.
    title, statement : str
        For a reader; mathematics between dollars.
    assumptions : tuple of str
        What is taken for granted.
    steps : tuple of Step or NonElementary
        In order.
    result : str
        What has been shown, with its limits.
    source : str
        Where the statement is claimed, or a book for the tools.
    claims : tuple of str
        Ids of the ledger's claims that it supports.
    shorthand : tuple of (expression, name)
        Expressions that the page shows by a name, from :func:`named`; the check does not see the names.

    Examples
    --------
    >>> import sympy
    >>> from ersde_theory.derivations import _symbols as sym
    >>> steps = (Step(sympy.exp(sym.x) ** 2, sympy.exp(2 * sym.x), "Powers of e"),)
    >>> derivation = Derivation("powers", "Powers", "$(e^x)^2 = e^{2x}$", (), steps, "Done.")
    >>> derivation.check().holds
    True
    >>> "Powers of e" in derivation.latex()
    True
    """

    name: str
    title: str
    statement: str
    assumptions: tuple[str, ...]
    steps: tuple[Step | NonElementary, ...]
    result: str
    source: str = "ours"
    claims: tuple[str, ...] = ()
    shorthand: tuple[Rule, ...] = ()

    def check(self, advance: Callable[[], None] | None = None, *, cached: bool = True) -> Verification:
        """Check every step.

        Parameters
        ----------
        advance : callable, optional
            Called after each step.
        cached : bool
            Whether outcomes of earlier runs may be used.

        Returns
        -------
        Verification
        """
        outcomes = []
        for step in self.steps:
            outcomes.append(step.check(cached=cached))
            if advance is not None:
                advance()
        return Verification(self, tuple(outcomes))

    def shorthand_latex(self) -> tuple[str, ...]:
        """Return the definitions of the names that the page uses, in LaTeX.

        Returns
        -------
        tuple of str
        """
        return tuple(f"{shown(name)} := {shown(meant)}" for meant, name in self.shorthand)

    def latex(self) -> str:
        """Return the page as LaTeX: statement, assumptions, numbered steps with reasons, result.

        Returns
        -------
        str
        """
        lines = [rf"\section*{{{self.title}}}", self.statement, ""]
        if self.assumptions:
            lines += [r"\begin{itemize}", *(rf"\item {line}" for line in self.assumptions), r"\end{itemize}"]
        lines += [f"\\[ {line} \\]" for line in self.shorthand_latex()]
        if self.steps:
            lines += [r"\begin{enumerate}"]
            lines += [f"\\item {step.reason}\n\\[ {step.latex(self.shorthand)} \\]" for step in self.steps]
            lines += [r"\end{enumerate}"]
        return "\n".join([*lines, self.result, "", self._provenance(r"\texttt{{{}}}")])

    def _provenance(self, code: str) -> str:
        """Return name, source and claims in a line; `code` is how a name is set."""
        claims = ", ".join(code.format(claim) for claim in self.claims) or "none"
        return f"Derivation {code.format(self.name)}. Source: {self.source}. Claims of the ledger: {claims}."

    def markdown(self, remarks: Sequence[str] = ()) -> str:
        """Return the page as Markdown with formulas between dollars, as notebooks show it.

        Parameters
        ----------
        remarks : sequence of str
            One for each step, set after its reason; none by default.

        Returns
        -------
        str
        """
        lines = [f"### {_typeset(self.title)}", f"**Statement.** {_typeset(self.statement)}"]
        if self.assumptions:
            lines += ["**Assumptions.**", "\n".join(f"- {_typeset(line)}" for line in self.assumptions)]
        lines += [f"$${line}$$" for line in self.shorthand_latex()]
        for number, step in enumerate(self.steps):
            remark = remarks[number] if remarks else ""
            lines.append(f"{number + 1}. {_typeset(step.reason)}{remark}\n\n   $${step.latex(self.shorthand)}$$")
        return "\n\n".join([*lines, f"**Result.** {_typeset(self.result)}", f"*{self._provenance('`{}`')}*"])

    def _repr_markdown_(self) -> str:
        """Return the page for a notebook."""
        return self.markdown()
