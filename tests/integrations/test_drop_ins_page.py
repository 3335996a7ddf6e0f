"""The page's code runs as it stands, and its names are those of the code."""
# ruff: noqa: E402 - skipped before anything that needs torch is imported

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from ersde_theory.integrations.choice import SCHEMES

PAGE = Path(__file__).parents[2] / "docs" / "drop_ins.md"


@pytest.mark.filterwarnings("ignore:.*__array__ implementation.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_code_of_the_page_runs():
    """Assert that the blocks run in order and give finite results of the right shape."""
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "drop_ins.md", "exec"), names)
    assert torch.isfinite(names["latents"]).all()
    assert names["images"].shape == (1, 8, 8, 3)
    assert names["flow"].sigmas[0] == 1.0
    # standard normal data: the deterministic result has about the variance of the data
    assert 0.7 < float(names["deterministic"].var()) < 1.3


def test_page_names_every_scheme():
    """Assert that the table of the page lists the schemes that the drop-ins take."""
    text = PAGE.read_text("utf-8")
    assert all(f"| `{scheme}` |" in text for scheme in SCHEMES)
