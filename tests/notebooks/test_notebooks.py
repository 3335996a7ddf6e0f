"""The textbook: every notebook is prose and calls, was run from top to bottom, and runs again from a clean kernel."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.project._source import ROOT

PATHS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
LARGEST = 10**6
CODE_LINES = 90
SECONDS = 120
pytestmark = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    """Return a notebook as it is kept."""
    return json.loads(path.read_text("utf-8"))


def code_cells(notebook: dict) -> list[dict]:
    """Return its code cells."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    """Return the text of a cell without its magic lines."""
    return "\n".join(line for line in "".join(cell["source"]).splitlines() if not line.startswith("%"))


def said(cell: dict) -> list[str]:
    """Return what a code cell says in words: pictures and the machine's representations are left out."""
    found = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            found.append("".join(output["text"]))
        elif "text/markdown" in output.get("data", {}):
            found.append("".join(output["data"]["text/markdown"]))
    return found


def test_notebook_defines_nothing(path):
    """Assert that a notebook holds calls only: no function, class or lambda."""
    trees = [ast.parse(source(cell)) for cell in code_cells(read(path))]
    defined = [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)
    ]
    assert not defined


def test_notebook_asserts_numbers(path):
    """Assert that a notebook fails if its numbers are not what its prose says."""
    trees = [ast.parse(source(cell)) for cell in code_cells(read(path))]
    assert sum(isinstance(node, ast.Assert) for tree in trees for node in ast.walk(tree)) >= 2


def test_notebook_is_small_and_was_run_in_order(path):
    """Assert that a notebook is a sitting long, under 1 MB, and kept with the outputs of one run."""
    notebook = read(path)
    cells = code_cells(notebook)
    assert path.stat().st_size < LARGEST
    assert sum(len(source(cell).splitlines()) for cell in cells) <= CODE_LINES
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"]
    assert not [o for cell in cells for o in cell["outputs"] if o.get("name") == "stderr"]


def test_links_between_notebooks_lead_somewhere(path):
    """Assert that every file that the prose names beside it exists."""
    prose = "".join("".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    names = [part.partition(")")[0] for part in prose.split("](")[1:]]
    missing = [name for name in names if "://" not in name and not (path.parent / name.partition("#")[0]).exists()]
    assert not missing


def test_notebook_runs_from_a_clean_kernel_and_says_what_was_committed(path):
    """Assert that a new kernel runs every cell, and that the words and numbers that are kept come out."""
    nbformat = pytest.importorskip("nbformat", reason="comes with the extra `test`")
    nbclient = pytest.importorskip("nbclient", reason="comes with the extra `test`")
    fresh = nbformat.read(path, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    place = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(
        fresh, timeout=SECONDS, kernel_name="python3", coalesce_streams=True, resources=place
    ).execute()
    for kept, run in zip(code_cells(read(path)), code_cells(fresh), strict=True):
        assert said(run) == said(kept)
