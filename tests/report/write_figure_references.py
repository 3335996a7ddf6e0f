"""Write the numbers that the small figures are compared with."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from paper_figures import Settings, figure  # noqa: E402
from tests.report._figure_numbers import NAMES, numbers  # noqa: E402

if __name__ == "__main__":
    found = {name: numbers(figure(name).compute(Settings(quick=True))) for name in NAMES}
    target = ROOT / "tests" / "report" / "data" / "figure_numbers.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
