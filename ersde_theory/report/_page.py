"""The report for readers: one web page that needs nothing from outside."""

from __future__ import annotations

import base64
from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from ersde_theory.records import Record
from ersde_theory.report import _derivations, _wording
from ersde_theory.report._formulas import mathml

if TYPE_CHECKING:
    from markupsafe import Markup

    from ersde_theory.claims import Judgement
    from ersde_theory.derivations import Derivation
    from ersde_theory.report._run import VerifyRun


class Picture(NamedTuple):
    """A figure in the page: where it is, what it shows, its bytes as a data address."""

    anchor: str
    title: str
    description: str
    address: str


class Section(NamedTuple):
    """What the page says about one claim."""

    judgement: Judgement
    computed: str
    shape: str
    headline: str
    twins: str
    shortfall: str
    formula: Markup
    pictures: tuple[Picture, ...]
    elsewhere: tuple[Picture, ...]
    tables: tuple[dict[str, Any], ...]
    derivations: tuple[_derivations.Reference, ...]


def page(run: VerifyRun) -> str:
    """Return a run as one web page.

    Parameters
    ----------
    run : VerifyRun
        To report.

    Returns
    -------
    str
        HTML with style, pictures and formulas inside; every text of a claim is escaped.

    Examples
    --------
    >>> from ersde_theory.claims import judge, ledger
    >>> from ersde_theory.report import VerifyRun
    >>> page(VerifyRun((judge(ledger()[0]),), 1))[:15]
    '<!doctype html>'
    """
    import jinja2
    from markupsafe import Markup

    problems = list(run.problems)
    sections = _sections(run, problems)
    counts = Counter(section.computed for section in sections)
    known = frozenset(judgement.claim.id for judgement in run.judgements)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = _wording.number
    return environment.from_string(_resource("page.html")).render(
        run=run,
        sections=sections,
        counts=[(word, shape, counts[word]) for word, shape in _wording.SHAPES.items() if counts[word]],
        problems=problems,
        derivations=[_derivations.text_of(item, known) for item in run.derivations],
        tally=_derivations.tally(run.derivations),
        failing=[item for item in run.derivations if not item.holds],
        style=Markup(_resource("page.css")),
        provenance=dict(run.provenance),
    )


def _sections(run: VerifyRun, problems: list[str]) -> list[Section]:
    """Return the sections, each figure once; what cannot be drawn is added to the problems."""
    from paper_figures import drawable

    body: tuple[Derivation, ...] = ()
    if run.derivations:
        from ersde_theory.derivations import all as all_derivations

        body = all_derivations()
    shown: dict[str, Picture] = {}
    sections = []
    for judgement in run.judgements:
        own = judgement.finding.records if judgement.finding else ()
        about = [r for r in run.figures if judgement.claim.id in r.claims]
        pictures, elsewhere = [], []
        for record in (*own, *about):
            if not drawable(record):
                continue
            if record.name in shown:
                elsewhere.append(shown[record.name])
                continue
            picture = _picture(record, problems)
            if picture is not None:
                shown[record.name] = picture
                pictures.append(picture)
        computed = _wording.computed(judgement)
        sections.append(
            Section(
                judgement,
                computed,
                _wording.SHAPES[computed],
                _wording.headline(judgement),
                _wording.twins_caught(judgement),
                _wording.shortfall(judgement),
                mathml(judgement.claim.formula),
                tuple(pictures),
                tuple(elsewhere),
                tuple(_table(record) for record in own),
                _derivations.references(judgement.claim.id, run.derivations, body),
            )
        )
    return sections


def _picture(record: Record, problems: list[str]) -> Picture | None:
    """Return the figure of a record, or None if it cannot be drawn."""
    from paper_figures import draw, figure
    from paper_figures.style import render

    try:
        content = render(draw(record), "svg")
    except Exception as error:
        problems.append(f"figure {record.name} could not be drawn: {type(error).__name__}: {error}")
        return None
    known = figure(record.name)
    address = "data:image/svg+xml;base64," + base64.b64encode(content).decode("ascii")
    return Picture(f"figure-{record.name}", known.title, known.description, address)


def _table(record: Record) -> dict[str, Any]:
    """Return what a page says about a record: its settings, and its arrays with their ranges."""
    arrays = []
    for label, array in record.arrays.items():
        values = array.values
        spread = ""
        if values.dtype.kind in "fiu" and (known := values[values == values]).size:  # without nan
            spread = f"{known.min():.4g} to {known.max():.4g}"
        elif values.size and values.dtype.kind == "U":
            spread = ", ".join(values.ravel()[:8].tolist()) + (" …" if values.size > 8 else "")
        axes = " × ".join(f"{dim} ({size})" for dim, size in zip(array.dims, values.shape, strict=True))
        arrays.append({"label": label, "axes": axes, "unit": array.unit, "spread": spread})
    settings = [(key, str(value)) for key, value in record.settings.items()]
    return {"name": record.name, "settings": settings, "arrays": arrays}


def _resource(name: str) -> str:
    """Return a text file of this package."""
    return resources.files("ersde_theory.report").joinpath(name).read_text(encoding="utf-8")
