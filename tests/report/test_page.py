"""The page: well-formed, self-contained, escaped, accessible; the JSON beside it complete."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from ersde_theory.claims import Verdict, judge, ledger
from ersde_theory.records import LabelledArray, Record
from ersde_theory.report import VerifyRun, document, page, summary
from paper_figures import Settings, figure

VOID = {"meta", "img", "br", "input"}


class Reader(HTMLParser):
    """Collects tags, ids, links and text of a page, and faults in its nesting."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Note a tag that opens."""
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"repeated attribute in <{tag}>")
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "data", "action")]
        if tag == "img":
            self.images.append(values)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note a tag that opens and closes."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        """Note a tag that closes."""
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")


def read(text):
    """Return a reader of the page, after checking that tags are nested."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.faults == []
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def figures():
    """Give the records of the figures that compute themselves, quickly."""
    return tuple(figure(name).compute(Settings(quick=True)) for name in ("orders",))


@pytest.fixture(scope="module")
def whole(made_up, figures):
    """Give the page of a run that holds every kind of judgement, and a figure."""
    return page(all_kinds(made_up, figures))


def all_kinds(made_up, figures=()):
    """Return a run that holds every kind of judgement."""
    array = LabelledArray(("x",), np.array([1.0, np.nan]))
    other = Record("other", {"<k>": "<v>"}, {"<x>": array})
    found = [
        made_up.judgement("agrees", records=(other,)),
        made_up.judgement("differs", Verdict.REFUTED),
        made_up.judgement("missed", caught=False),
        made_up.judgement("raises", error="Traceback\nValueError: <oops>"),
    ]
    linked = tuple(Record(r.name, r.settings, r.arrays, ("agrees", "differs"), r.provenance) for r in figures)
    return VerifyRun(tuple(found), 4, linked, ("a <problem>",))


def test_page_is_nested_and_its_ids_and_links_fit(whole):
    """Assert that tags close in order, ids are unique and links within the page have a target."""
    reader = read(whole)
    assert len(reader.ids) == len(set(reader.ids))
    targets = {a[1:] for a in reader.addresses if a.startswith("#")}
    assert targets <= set(reader.ids)
    assert targets >= {"claim-agrees", "claim-raises", "figure-orders"}


def test_unclosed_tag_is_caught_in_broken_twin(made_up):
    """Assert that the check of nesting sees a tag that is not closed."""
    broken = page(all_kinds(made_up)).replace("</dl>", "", 1)
    reader = Reader()
    reader.feed(broken)
    assert reader.faults


def loads(text):
    """Return what a browser would fetch for a page from elsewhere."""
    outside = [a for a in read(text).addresses if not a.startswith(("#", "data:"))]
    return outside + re.findall(r"@import|url\((?!['\"]?data:)", text)


def test_page_needs_nothing_from_outside(whole):
    """Assert that no style, script, picture or font comes from another file."""
    assert loads(whole) == []
    assert not {"script", "link", "iframe", "object", "base"} & set(read(whole).tags)


def test_outside_address_is_caught_in_broken_twin(made_up):
    """Assert that a picture from another machine is seen."""
    broken = page(all_kinds(made_up)).replace("<h3>", '<img src="https://example.org/a.png"><h3>', 1)
    assert loads(broken) == ["https://example.org/a.png"]


def test_texts_of_claims_are_escaped(made_up):
    """Assert that no text of a claim, record, problem or traceback becomes markup."""
    text = page(all_kinds(made_up))
    for raw in ("<script", "<b>it", "<difference>", "<flipped>", "<oops>", "<problem>", "<k>", "<v>"):
        assert raw not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is text &amp; nothing else." in text


def test_pictures_are_described_and_shown_once(whole):
    """Assert that each figure is there once, with an alternative text, and linked elsewhere."""
    images = read(whole).images
    assert len(images) == 1
    assert all(len(image["alt"]) > 80 for image in images)
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in images)
    assert whole.count("See also the figure") == 1


def test_verdicts_are_told_by_word_and_shape(made_up):
    """Assert that the shortfalls and verdicts are in words, with a shape of their own each."""
    from ersde_theory.report._wording import SHAPES

    text = page(all_kinds(made_up))
    assert len(set(SHAPES.values())) == len(SHAPES) == len(Verdict) + 1
    for words in ("■</span> proved", "✕</span> refuted", "!</span> error", "✓ yes", "✗ no"):
        assert words in text
    assert "Not as the ledger states: broken twin not noticed: sign &lt;flipped&gt;." in text


def test_formula_is_mathml_and_unreadable_one_is_shown_as_written(made_up):
    """Assert that formulas become MathML, and that a broken one does not cost the page."""
    from ersde_theory.claims import Judgement

    broken = Judgement(made_up.claim(formula=r"\left( <"), made_up.finding(), 0.0)
    text = page(VerifyRun((made_up.judgement(), broken), 2))
    assert "<mfrac>" in text.replace("\n", "")
    assert r"<code>\left( &lt;</code>" in text


def test_formulas_of_the_ledger_are_all_readable():
    """Assert that every formula of the ledger becomes MathML."""
    from ersde_theory.report._page import mathml

    assert [c.id for c in ledger() if not mathml(c.formula).startswith("<math")] == []


def test_record_that_cannot_be_drawn_becomes_a_problem(made_up):
    """Assert that a damaged record of a figure is told and does not cost the page."""
    damaged = Record("fei", {}, {}, ("made-up",))
    text = page(VerifyRun((made_up.judgement(),), 1, (damaged,)))
    assert "figure fei could not be drawn" in text


def test_page_and_json_are_the_same_for_the_same_run(made_up, figures, whole):
    """Assert that nothing in the report depends on when or how often it is made."""
    run = all_kinds(made_up, figures)
    assert document(run) == document(run)
    stamp = r"\d{4}-\d\d-\d\dT[\d:]+Z"
    assert re.sub(stamp, "", page(run)) == re.sub(stamp, "", whole)


def test_colours_of_the_page_have_contrast_enough():
    """Assert that text colours have a contrast of at least 4.5 with the page, light and dark."""
    from importlib import resources

    from paper_figures.colours import luminance

    style = resources.files("ersde_theory.report").joinpath("page.css").read_text("utf-8")
    for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for name in ("ink", "soft", "link", "proved", "confirmed", "qualified", "refuted", "bad"):
            for ground in ("paper", "wash", "bad-wash") if name == "bad" else ("paper",):
                pair = sorted((luminance(colours[name]), luminance(colours[ground])))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, ground)


def test_json_holds_every_judgement_with_evidence_and_twins(made_up):
    """Assert that the document is strict JSON and complete, infinite numbers included."""
    content = json.loads(document(all_kinds(made_up)), parse_constant=pytest.fail)
    assert content["schema"] == "ersde-theory/verify/1"
    assert [j["computed"] for j in content["judgements"]] == ["proved", "refuted", "proved", "error"]
    assert [j["agrees"] for j in content["judgements"]] == [True, False, False, False]
    first = content["judgements"][0]
    assert first["evidence"][0]["value"] == 1.5e-13
    assert first["twins"] == [{"name": "sign <flipped>", "value": 1.0, "caught": True}]
    assert Record.from_json(json.dumps(first["records"][0])).name == "other"
    assert content["judgements"][3]["error"].endswith("<oops>")


def test_record_of_the_table_survives_its_json(made_up):
    """Assert that the Record of a run can be stored and read."""
    record = Record.from_json(summary(all_kinds(made_up)).to_json())
    assert record["agrees"].tolist() == [True, False, False, False]
    assert np.isnan(record["evidence"][3])
    assert record["twins_caught"].tolist() == [1, 1, 0, 0]


def test_real_judgement_makes_a_page():
    """Assert that a claim of the ledger goes through all of it."""
    run = VerifyRun((judge(ledger()[0]),), 1)
    assert run.succeeded
    assert "1 of 1 claims" in page(run)
    read(page(run))
