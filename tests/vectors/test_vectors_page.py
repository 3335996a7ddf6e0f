"""The page's code runs as it stands, and finds what it says it finds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page(monkeypatch, capsys):
    """Run the blocks of the page in order, from the repository's root, and give the names they define."""
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    text = (ROOT / "docs" / "conformance_vectors.md").read_text("utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        assert "ersde_theory" not in block  # a checker for those who do not have us
        exec(compile(block, "conformance_vectors.md", "exec"), names)
    printed = capsys.readouterr().out
    assert f"# {printed.strip()}" in text
    return names


@pytest.mark.slow
def test_checker_is_short_and_finds_a_twelfth_digit(page, tmp_path):
    """Assert that the checker has about thirty lines and sees a change of 1e-11 in any kind of coefficient."""
    text = (ROOT / "docs" / "conformance_vectors.md").read_text("utf-8")
    checker = re.search(r"def check\(.*?return None\n", text, re.DOTALL)
    assert checker is not None
    assert checker.group().count("\n") <= 30
    name = "docs/vectors/ve-karras-10.json"
    for kind in ("data", "noise"):
        content = json.loads(Path(name).read_text("utf-8"))
        table = next(t for t in content["tableaus"] if (t["scheme"], t["noise_scale"]) == ("er_sde-2", "reverse_sde"))
        table[kind][4][0][1] *= 1.0 + 2e-12
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(content))
        found = page["check"](path, "er_sde-2", "reverse_sde", page["port"])
        assert found.startswith("step 3, D[3]" if kind == "data" else "step 3, noise")


def test_shifted_history_of_a_port_is_found(page):
    """Assert that a port which takes the value before the last is refused with step and name."""

    def late(levels, alpha, i):
        ratio, data, noise = page["port"](levels, alpha, i)
        return ratio, {max(0, k - 1): weight for k, weight in data.items()}, noise

    found = page["check"]("docs/vectors/ve-karras-10.json", "er_sde-2", "reverse_sde", late)
    assert found.startswith("step 1, D[1]")
