"""The notebook of derivations: runs from a clean kernel, and shows what was committed."""

from __future__ import annotations

import json

import pytest

from ersde_theory import derivations
from tests.project._source import ROOT

PATH = ROOT / "notebooks" / "derivations.ipynb"
LARGEST = 10**6
SECONDS = 120


@pytest.fixture(scope="module")
def committed():
    """Return the notebook as it is kept."""
    return json.loads(PATH.read_text("utf-8"))


def sources(notebook) -> list[str]:
    """Return the text of the code cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shown(cell) -> list[dict[str, str]]:
    """Return what a code cell shows, by kind of content."""
    assert all(output["output_type"] == "execute_result" for output in cell["outputs"])
    return [{kind: "".join(text) for kind, text in output["data"].items()} for output in cell["outputs"]]


def test_notebook_is_prose_and_pages(committed):
    """Assert that it defines nothing of its own, was run from top to bottom and is small."""
    assert PATH.stat().st_size < LARGEST
    code = sources(committed)
    assert not [text for text in code if "def " in text or "class " in text or "lambda " in text]
    assert sum(cell["cell_type"] == "markdown" for cell in committed["cells"]) >= len(code) - 1
    counts = [cell["execution_count"] for cell in committed["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_notebook_shows_today_s_pages(committed):
    """Assert that each page kept in it is the one of the body, every step proved."""
    cells = [cell for cell in committed["cells"] if cell["cell_type"] == "code"]
    pages = {"".join(cell["source"]): shown(cell) for cell in cells if cell["source"][0].startswith("derivations.")}
    assert len(pages) >= 6
    for source, (page,) in pages.items():
        item = derivations.by_name(source.split('"')[1])
        assert page["text/markdown"] == item.check()._repr_markdown_()
        assert page["text/markdown"].count("*(proved)*") == len(item.steps)


@pytest.mark.slow
def test_notebook_runs_from_a_clean_kernel_and_shows_what_was_committed(committed):
    """Assert that a new kernel runs every cell and gives the outputs that are kept."""
    nbformat = pytest.importorskip("nbformat", reason="comes with the extra `unit`")
    nbclient = pytest.importorskip("nbclient", reason="comes with the extra `unit`")
    fresh = nbformat.read(PATH, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    place = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(fresh, timeout=SECONDS, kernel_name="python3", resources=place).execute()
    for kept, run in zip(committed["cells"], fresh.cells, strict=True):
        if kept["cell_type"] == "code":
            assert shown(run) == shown(kept)
