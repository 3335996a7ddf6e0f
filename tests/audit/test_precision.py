"""States of lower precision: what of the coefficients is lost, and where float32 hides in a float64 run."""

# ruff: noqa: ARG005 -- hooks of one line

from __future__ import annotations

import functools

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.audit import read_out
from ersde_theory.audit.conventions import bare_step, k_diffusion, own_scheme
from tests.audit import _samplers

torch = pytest.importorskip("torch")

TAB = schemes.er_sde(TimeGrid.karras(12, 20.0, 0.02), NoiseScale.exp_power(), order=3)
LEVELS = TAB.noise_level
UNIT = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@pytest.mark.parametrize("dtype", UNIT)
def test_lower_precision_loses_a_few_units_of_the_coefficients(dtype):
    """Assert that the loss is at least a fifth of the dtype's unit, and at most the roundings of all steps."""
    read = read_out(k_diffusion(_samplers.as_function(TAB), LEVELS), dtype=dtype)
    assert read.dtype == dtype
    assert read.coefficient_dtype == dtype
    assert read.linear
    assert 0.2 * UNIT[dtype] < read.precision < 6.0 * TAB.n_steps * UNIT[dtype]


@pytest.mark.parametrize("dtype", UNIT)
def test_levels_that_the_dtype_rounds_still_find_their_nodes(dtype):
    """Assert that a flow whose sigmas are rounded to the state's dtype has the nodes of the float64 read-out."""

    def euler(model, x, sigmas, **_):
        for i in range(len(sigmas) - 1):
            d = model(x, sigmas[i] * x.new_ones(1))
            x = d + (x - d) * (sigmas[i + 1] / sigmas[i])
        return x

    sigmas = [0.99991, 0.9837, 0.912, 0.5, 0.1, 0.0]
    box = k_diffusion(euler, sigmas, parametrisation="const")
    read, exact = read_out(box, dtype=dtype), read_out(box)
    assert read.linear
    at = read.tableau.evaluation >= 0
    assert read.tableau.node[at].tolist()[1:] == exact.tableau.node[exact.tableau.evaluation >= 0].tolist()[1:]
    assert read.tableau.node[0] == 0
    assert read.tableau.node[-1] == 5


def test_noise_prediction_loses_more_than_data_prediction_where_the_level_is_high():
    """Assert that x - sigma eps in float32 is less precise at level 1000 than the data prediction itself."""
    grid = TimeGrid([1000.0, 500.0, 1.0])
    tab = schemes.er_sde(grid, NoiseScale.ode(), order=1)
    lost = {
        kind: read_out(k_diffusion(_samplers.as_function(tab), grid, parametrisation=kind), dtype="float32")
        for kind in ("x0", "eps")
    }
    entries = {kind: read.tableau.dense().data for kind, read in lost.items()}
    wanted = tab.dense().data
    errors = {kind: np.abs(entry - wanted)[1, 0] / wanted[1, 0] for kind, entry in entries.items()}
    assert errors["x0"] <= UNIT["float32"] * 2
    assert lost["eps"].linear


def test_cast_inside_a_float64_run_is_noted_and_sets_the_precision():
    """Assert that a state that goes through float32 is reported as such, and still proved linear."""

    def change(i, x, d):
        return x.float().double(), d

    read = read_out(k_diffusion(functools.partial(_samplers.euler, change=change), LEVELS))
    assert read.linear
    assert "the state is cast to float32 inside" in read.notes
    assert read.precision >= 2.0**-23
    assert 1e-10 < read.reproduction < 1e-6


def test_float32_coefficient_of_a_float64_state_is_noted_and_reproduced_exactly():
    """Assert that scalars held in float32 are told from a state in float32: the table holds their values."""
    factor = torch.tensor(0.1, dtype=torch.float32)
    read = read_out(
        k_diffusion(functools.partial(_samplers.euler, change=lambda i, x, d: (x, d * (10.0 * factor))), LEVELS)
    )
    assert "coefficients in float32" in read.notes
    assert read.coefficient_dtype == "float32"
    assert read.reproduction < 1e-13
    assert read.precision >= 2.0**-23


def test_float64_run_without_float32_is_not_accused():
    """Assert that a pure float64 sampler has no such note, as the negative control."""
    read = read_out(k_diffusion(_samplers.as_function(TAB), LEVELS))
    assert read.notes == ()
    assert read.coefficient_dtype == "float64"
    assert read.precision < 1e-14


def test_numpy_samplers_are_read_in_float32():
    """Assert that a NumPy step on float32 arrays loses float32's precision."""
    read = read_out(bare_step(_samplers.numpy_step, TimeGrid([8.0, 3.0, 0.7]), library="numpy"), dtype="float32")
    assert read.linear
    assert 0.0 < read.precision < 1e-6


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"dtype": "float46"}, ValueError, "did you mean 'float64'"),
        ({"dtype": "bfloat16"}, ValueError, "expected a dtype of NumPy"),
        ({"seed": -1}, ValueError, "expected an integer >= 0"),
        ({"seed": 1.5}, TypeError, "expected an integer"),
    ],
)
def test_wrong_arguments_are_explained(arguments, error, said):
    """Assert that a bad dtype or seed gets a message with what was expected."""
    with pytest.raises(error, match=said):
        read_out(own_scheme(TAB), **arguments)
