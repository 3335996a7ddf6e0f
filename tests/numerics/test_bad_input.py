"""Every misuse gets an error of the right type that names the argument, what was expected and what came."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from tests.numerics._misuses import MISUSES_OF_PARTS
from tests.numerics._misuses_of_runs import MISUSES_OF_RUNS, START, TAB, denoise

MISUSES = (*MISUSES_OF_PARTS, *MISUSES_OF_RUNS)


@pytest.mark.parametrize("misuse", MISUSES, ids=lambda m: m.label)
def test_misuse_is_refused_saying_expected_and_got(misuse):
    """Assert the type of the exception, and that its message has "expected", "got" and the details."""
    with pytest.raises(misuse.error) as caught:
        misuse.call()
    message = str(caught.value)
    assert type(caught.value) is misuse.error
    missing = [word for word in ("expected", "got", *misuse.words) if word not in message]
    assert not missing, f"{missing} not in: {message}"


def test_misuses_are_many_and_distinct():
    """Assert that the table holds at least 40 misuses, no two of one name."""
    assert len(MISUSES) >= 40
    assert len({m.label for m in MISUSES}) == len(MISUSES)


def test_right_use_is_not_refused():
    """Assert that the calls next to the misuses work: the table's negative control."""
    assert TimeGrid([np.inf, 1.0, 0.0]).n_steps == 2
    assert NoiseScale.power(1).name == "power(1)"
    assert schemes.er_sde(TimeGrid([2, 1]), NoiseScale.ode(), np.int64(1)).n_steps == 1
    assert np.isfinite(sample(TAB, denoise, START, np.uint64(3))).all()
