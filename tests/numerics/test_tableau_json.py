"""Tableaus as JSON: bit for bit, infinity included, and wrong text is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings

from ersde_theory import ForwardProcess, NoiseScale, Tableau, TimeGrid, schemes
from tests.numerics._strategies import NAMES, noise_scale, tableaus
from tests.numerics.test_tableau import ARRAYS, heun_pec

GRIDS = {
    "karras": TimeGrid.karras(7, 80.0, 0.002, final_zero=True),
    "from infinity": TimeGrid.uniform_in_time(ForwardProcess.rectified_flow(), 5, 1.0, 0.1),
    "one step": TimeGrid([2.0, 1.0]),
}


def assert_same_bits(a: Tableau, b: Tableau) -> None:
    """Assert that two tableaus agree in every array's bytes and dtypes, in draws and in name."""
    for name in ARRAYS:
        one, two = getattr(a, name), getattr(b, name)
        assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes()), name
    assert (a.name, a.draws, a.draw_covariance) == (b.name, b.draws, b.draw_covariance)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("name", [n for n in NAMES if n != "log_power"])
def test_json_round_trip_is_bit_for_bit_for_schemes(grid, name):
    """Assert that every float comes back exactly, a start at level infinity and its draw included."""
    tab = schemes.er_sde(grid, noise_scale(name), 3)
    assert_same_bits(tab, Tableau.from_json(tab.to_json()))


@settings(max_examples=60)
@given(tab=tableaus())
def test_json_round_trip_is_bit_for_bit_for_any_structure(tab):
    """Assert the same for random tables: no columns at all, correlated draws, PEC."""
    assert_same_bits(tab, Tableau.from_json(tab.to_json()))
    assert_same_bits(heun_pec(), Tableau.from_json(heun_pec().to_json()))


def test_json_is_plain_and_states_its_schema():
    """Assert strict JSON: no bare Infinity or NaN, a schema version, infinity as text."""
    text = schemes.ddim(GRIDS["from infinity"]).to_json()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(text, parse_constant=refuse)
    assert document["schema"] == "ersde-theory/tableau/1"
    assert document["draws"][0][0] == "inf"


def test_round_trip_check_catches_its_broken_twin():
    """Assert that one bit less in one number is seen."""
    tab = schemes.er_sde(GRIDS["karras"], NoiseScale.exp_power(), 3)
    document = json.loads(tab.to_json())
    document["data"][3][1] = float(np.nextafter(document["data"][3][1], 9.0))
    twin = Tableau.from_json(json.dumps(document))
    with pytest.raises(AssertionError, match="data"):
        assert_same_bits(tab, twin)
    assert twin != tab
    assert tab.first_difference(twin).column == "data[1]"
