"""docs/networks.md says what the code does: its example file runs, its tables are the code's."""

from __future__ import annotations

import math
import re
import sys

import pytest

from ersde_theory.models import Prediction, load_denoiser
from ersde_theory.records import Record
from tests.project._source import ROOT

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
snapping_study = pytest.importorskip("ersde_theory.models.snapping_study")

PAGE = (ROOT / "docs" / "networks.md").read_text("utf-8")

PROJECT = """
import torch

class MyNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.zeros(1))

    def forward(self, t, x):
        return {"velocity": self.scale * x + t.reshape(-1, 1, 1, 1) / 1000.0}
"""


def example() -> str:
    """Return the file that the page shows."""
    found = re.search(r"```python title=my_model.py\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_example_of_the_page_is_a_model(tmp_path, monkeypatch, rng):
    """Assert that the file, beside a network of ours, is a denoiser that gives x - sigma u."""
    (tmp_path / "my_model.py").write_text(example())
    (tmp_path / "my_project.py").write_text(PROJECT)
    safetensors_torch.save_file({"scale": torch.tensor([0.3])}, tmp_path / "my_weights.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "my_project", None)  # forget it afterwards
    del sys.modules["my_project"]
    denoise = load_denoiser("my_model.py:make")
    y = torch.tensor(rng.normal(size=(2, 1, 8, 8)))
    lam = 3.0
    x, sigma = y / (1.0 + lam), lam / (1.0 + lam)
    expected = x - sigma * (0.3 * x + sigma)
    assert torch.allclose(denoise(y, lam), expected, rtol=0.0, atol=1e-6)
    assert denoise.name == "mine"
    assert str(tmp_path) not in sys.path


def test_adapter_of_the_page_has_ten_lines_or_so():
    """Assert that what a user writes, imports and blank lines apart, is about ten lines."""
    lines = [line for line in example().splitlines() if line.strip() and not re.match(r"(import|from) ", line)]
    assert len(lines) <= 12


WEIGHTS = {
    "0": lambda *_: 0.0,
    "1": lambda *_: 1.0,
    r"1/\alpha": lambda a, _: 1 / a,
    r"-\sigma/\alpha": lambda a, s: -s / a,
    r"\alpha/(\alpha^2+\sigma^2)": lambda a, s: a / (a**2 + s**2),
    r"-\sigma/(\alpha^2+\sigma^2)": lambda a, s: -s / (a**2 + s**2),
    r"\sigma^2/\alpha": lambda a, s: s**2 / a,
    r"1/(\alpha+\sigma)": lambda a, s: 1 / (a + s),
    r"-\sigma/(\alpha+\sigma)": lambda a, s: -s / (a + s),
}


def test_table_of_predictions_is_that_of_the_code():
    """Assert that every row of the page's table of weights is what the code computes."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| (\S+) \| (\S+) \|$", PAGE, re.MULTILINE)
    assert [name for name, _, _ in rows] == ["x0", "epsilon", "v", "score", "flow"]
    for name, state, output in rows:
        expected = tuple(WEIGHTS[text.strip("$")](0.3, 0.8) for text in (state, output))
        found = Prediction.from_name(name).weights(0.3, 0.8)
        assert all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(found, expected, strict=True))


def test_table_of_snapping_is_that_of_the_record():
    """Assert that the page quotes the Record, and that the Record shows what the page concludes."""
    record = Record.load(ROOT / "docs" / "records" / "snapping.json")
    rows = re.findall(r"^\| (?:the|a) [^|]* \|((?: \d\.\de-\d\d \|){7})$", PAGE, re.MULTILINE)
    quoted = [[text.strip() for text in row.strip("|").split("|")] for row in rows]
    assert quoted == [[f"{value:.1e}" for value in row] for row in record["error"]]
    exact, cubic, _, nearest = record["error"]
    assert max(abs(cubic / exact - 1.0)) < 1e-2
    assert nearest[-1] > 10.0 * exact[-1]


def test_snapping_puts_a_floor_under_the_error_and_the_cubic_map_does_not():
    """Assert the study's finding on fewer paths and steps."""
    record = snapping_study.study(samples=4, steps=(320,))
    exact, cubic, straight, nearest = record["error"][:, -1]
    assert abs(cubic / exact - 1.0) < 1e-2
    assert nearest > 3.0 * exact
    assert nearest > straight
