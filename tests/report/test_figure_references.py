"""Every figure's small version against the committed reference: its numbers, and its picture (pytest-mpl).

After a change that is meant:

    python tests/report/write_figure_references.py
    python -m pytest tests/report/test_figure_references.py --mpl-generate-path=tests/report/data/pictures
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ersde_theory.records import Record
from paper_figures import draw, figure, names
from tests.report._figure_numbers import NAMES, numbers, quick_record

DATA = Path(__file__).parent / "data"
REFERENCES = json.loads((DATA / "figure_numbers.json").read_text("utf-8"))
# Sums of squares of float64 numbers on other processors: `exp` and matrix products differ in the last digits, and
# errors near round-off more.
RTOL, ATOL = 1e-6, 1e-12
TIMED = {"work-precision"}


def test_every_figure_that_computes_has_a_reference():
    """Assert that no figure is left out but those whose numbers a claim computes."""
    assert set(REFERENCES) == set(NAMES)
    assert {name for name in names() if not figure(name).from_claim} == set(NAMES)


def test_a_changed_number_would_be_noticed():
    """Assert that one entry off by one part in a thousand is not the reference any more."""
    exact = quick_record("fei")
    label = next(name for name, array in exact.arrays.items() if array.values.dtype.kind == "f")
    values = exact[label].copy()
    values.flat[int(np.abs(values).argmax())] *= 1.001
    changed = numbers(Record("fei", {}, {label: type(exact.arrays[label])(exact.arrays[label].dims, values)}))
    assert changed[label]["rms"] != pytest.approx(REFERENCES["fei"][label]["rms"], rel=RTOL, abs=ATOL)


@pytest.mark.parametrize("name", sorted(set(NAMES) - TIMED))
@pytest.mark.mpl_image_compare(baseline_dir="data/pictures", style="default", tolerance=4, savefig_kwargs={"dpi": 50})
def test_small_figure_is_the_reference(name):
    """Assert that sizes, sums and extremes of every array, and then the picture, are those that were committed."""
    return draw(checked(name))


@pytest.mark.parametrize("name", sorted(TIMED))
def test_numbers_of_a_figure_with_times_in_it_are_the_reference(name):
    """Assert the same of a figure whose picture shows seconds: its other numbers."""
    checked(name)


def checked(name: str) -> Record:
    """Return a small record, after comparing its numbers with the reference."""
    record = quick_record(name)
    found, wanted = numbers(record), REFERENCES[name]
    assert found.keys() == wanted.keys()
    for label, values in wanted.items():
        assert found[label]["shape"] == values["shape"], label
        for kind in ("rms", "smallest", "largest", "mean"):
            if kind in values:
                assert found[label][kind] == pytest.approx(values[kind], rel=RTOL, abs=ATOL, nan_ok=True), (label, kind)
    return record
