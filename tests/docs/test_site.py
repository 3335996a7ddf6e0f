"""The documentation: every code block runs, the site builds without a warning and asks nobody for anything."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.project._source import ROOT

DOCS = ROOT / "docs"
# Their own tests run their code, with what it needs beside it.
TESTED_ELSEWHERE = ("claims", "conformance_vectors", "drop_ins", "networks")
PAGES = sorted(
    [path for path in DOCS.glob("*.md") if path.stem not in TESTED_ELSEWHERE] + list(DOCS.glob("howto/*.md"))
)
WITH_CODE = [path for path in PAGES if "```python" in path.read_text("utf-8")]
_OUTSIDE = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=["'](?:https?:)?//[^"']+""")


def blocks(text: str) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)


# What a page's code needs besides the core, told by what it names.
NEEDS = {"torch": ("torch", "ersde_theory.models", "ersde_theory.audit"), "diffusers": ("diffusers",)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of libraries that a page uses
@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: path.stem)
def test_code_of_a_page_runs_from_top_to_bottom(path, tmp_path, monkeypatch, capsys):
    """Assert that the blocks of a page run in order, as a reader would paste them."""
    code = "\n".join(blocks(path.read_text("utf-8")))
    for library, names in NEEDS.items():
        if any(name in code for name in names):
            pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    space: dict = {"__name__": "__page__"}
    for number, block in enumerate(blocks(path.read_text("utf-8")), 1):
        exec(compile(block, f"{path.name}, block {number}", "exec"), space)
    capsys.readouterr()


def test_blocks_are_found_and_a_wrong_one_would_raise():
    """Assert that the finder sees a block between others, and that running it is running it."""
    text = "a\n```python\nx = 1\n```\n```\nnot this\n```\n```python\nassert x == 2\n```\n"
    first, second = blocks(text)
    names: dict = {}
    exec(first, names)
    with pytest.raises(AssertionError):
        exec(second, names)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site, warnings as errors."""
    pytest.importorskip("sphinx", reason="comes with the extra `docs`")
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "docs", str(target)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    return target


def test_site_has_a_page_for_every_derivation_claim_and_notebook(site):
    """Assert that what is generated is there."""
    from ersde_theory import derivations
    from ersde_theory.claims import ledger

    assert all((site / "theory" / f"{item.name}.html").exists() for item in derivations.all())
    claims = (site / "claims.html").read_text("utf-8")
    assert all(f'id="{claim.id}"' in claims for claim in ledger())
    assert all((site / "notebooks" / f"{p.stem}.html").exists() for p in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


def test_site_shows_formulas_and_requests_nothing(site):
    """Assert that formulas are MathML and that no page loads anything from elsewhere."""
    pages = sorted(site.rglob("*.html"))
    texts = {page: page.read_text("utf-8") for page in pages}
    assert not [f"{page.name}: {found}" for page, text in texts.items() for found in _OUTSIDE.findall(text)]
    assert "<math" in texts[site / "theory" / "marginals.html"]
    assert "MathJax" not in "".join(texts.values())


def test_a_request_would_be_noticed():
    """Assert that the rule catches its broken twin, and lets a link pass."""
    assert _OUTSIDE.findall('<script defer src="https://cdn.example/x.js"></script>')
    assert _OUTSIDE.findall("<link rel='stylesheet' href='//cdn.example/x.css'>")
    assert not _OUTSIDE.findall('<a href="https://example.org">there</a>')
