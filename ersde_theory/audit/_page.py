"""The report of an audit: one web page that needs nothing from outside."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from ersde_theory.audit.verdict import Verdict, Word, described_bias

if TYPE_CHECKING:
    from ersde_theory.records import Record

_CLASSES = {
    Word.CORRECT: "confirmed",
    Word.OTHER: "confirmed",
    Word.FAULTY: "refuted",
    Word.NOT_LINEAR: "undecided",
    Word.UNDECIDED: "undecided",
}
_SHAPES = {"confirmed": "●", "refuted": "✕", "undecided": "○"}
_MANY = 20  # rows of a table that may be long


def page(verdict: Verdict, record: Record, picture: str = "") -> str:
    """Return a verdict as one web page.

    Parameters
    ----------
    verdict : Verdict
        To report.
    record : Record
        Its numbers.
    picture : str
        Address of the figure, as data.

    Returns
    -------
    str
        HTML with style and picture inside; every text is escaped.

    Examples
    --------
    >>> from ersde_theory.audit._record import record
    >>> from ersde_theory.audit.readout import Readout
    >>> import numpy as np
    >>> read = Readout("f", "step", None, np.ones(1), np.ones(2), "float64", False, ("it clips",), np.nan)
    >>> verdict = Verdict(Word.NOT_LINEAR, "it clips", read)
    >>> "it clips" in page(verdict, record(verdict))
    True
    """
    import jinja2
    from markupsafe import Markup

    kind = _CLASSES[verdict.word]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    found = verdict.diagnosis
    return environment.from_string(_resource("ersde_theory.audit", "page.html")).render(
        verdict=verdict,
        kind=kind,
        shape=_SHAPES[kind],
        read=verdict.readout,
        departure=found.departure if found else None,
        faults=found.faults if found else (),
        unexplained=found.unexplained.count if found else 0,
        steps=_steps(record),
        ladder=_ladder(record),
        bias=described_bias(verdict.bias),
        defects=verdict.defects[:_MANY],
        picture=Markup(picture),
        style=Markup(_resource("ersde_theory.report", "page.css")),
        provenance=dict(record.provenance),
    )


def _steps(record: Record) -> list[list[str]]:
    """Return the table of steps as text."""
    if "ratio" not in record.arrays:
        return []
    names = (
        "level_from",
        "level_to",
        "ratio",
        "tau_squared_of_ratio",
        "tau_squared_of_noise",
        "off_ratio",
        "off_data",
        "off_noise",
    )
    columns = [record[name] for name in names]
    return [[str(i), *(_number(float(c[i])) for c in columns)] for i in range(columns[0].size)]


def _ladder(record: Record) -> list[list[str]]:
    """Return the table of errors as text."""
    if "variance_error" not in record.arrays:
        return []
    columns: list[Any] = [record[name] for name in ("mean_error", "variance_error", "variance_wanted", "distance")]
    return [[str(n), *(_number(float(c[i])) for c in columns)] for i, n in enumerate(record["n_steps"].tolist())]


def _number(value: float) -> str:
    """Return a number in short; nothing for one that does not exist."""
    return "" if value != value else f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def _resource(package: str, name: str) -> str:
    """Return a text file of a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


__all__ = ["page"]
