"""The digits run in small: coupled paths, references, switches."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory.claims import _digits as digits
from ersde_theory.errors import coupled_errors


@pytest.fixture(scope="module")
def setting():
    """Return the shared setting of the run."""
    return digits._setting(seed=3)


def test_grids_are_nested_bit_for_bit():
    """Assert that every level of a coarse grid is a level of the finest one."""
    fine = set(digits.make_grid(2 * digits.REFERENCE_STEPS).levels.tolist())
    for n in digits.STEPS:
        assert set(digits.make_grid(n).levels.tolist()) <= fine


def test_coarse_noise_is_the_fine_noise_added_up(setting):
    """Assert that 10- and 20-step noise describe one Brownian path: increments of the clock add."""
    member = "exp_power"
    phi = digits.NoiseScale.from_name(member)
    ten, twenty = digits._noise(setting, member, 10), digits._noise(setting, member, 20)

    def increments(normals: np.ndarray, n: int) -> np.ndarray:
        clock = phi.clock(digits.make_grid(n).levels)
        return np.sqrt(np.diff(clock))[:, None, None] * normals

    added = increments(twenty, 20).reshape(10, 2, *setting.start.shape).sum(axis=1)
    whole = increments(ten, 10)
    assert np.abs(added - whole).max() < 1e-12 * np.abs(whole).max() * 100


def test_reference_converges_and_its_twin_with_louder_noise_does_not(setting, monkeypatch):
    """Assert that doubling the reference's steps changes little, and that noise off by 1 % changes much."""
    rows = 6
    rough = digits._reference(setting, "exp_power", 100, rows)
    fine = digits._reference(setting, "exp_power", 200, rows)
    change = coupled_errors(rough, fine).median
    original = digits._brownian

    def louder(*arguments):
        increments, areas = original(*arguments)
        return 1.01 * increments, 1.01 * areas

    monkeypatch.setattr(digits, "_brownian", louder)
    broken = coupled_errors(digits._reference(setting, "exp_power", 200, rows), fine).median
    assert change < 1e-3
    assert broken > 3.0 * change


def test_solver_error_falls_with_the_number_of_steps_on_the_coupled_path(setting):
    """Assert that Adams-3 with noise comes closer to the reference on the same path as steps are added."""
    member, phi = "exp_power", digits.NoiseScale.exp_power()
    reference = digits._reference(setting, member, 100)
    medians = []
    for n in (20, 50):
        tab = digits.SCHEMES["Adams-3"](digits.make_grid(n), phi)
        output = digits._outputs(setting, tab, digits._noise(setting, member, n))
        medians.append(coupled_errors(output, reference).median)
    assert medians[1] < 0.6 * medians[0]


def test_nearest_image_of_an_image_is_itself(setting):
    """Assert that the switch count compares with the right training image."""
    wanted = np.arange(0, 1797, 97)
    assert setting.nearest(setting.images[wanted]).tolist() == wanted.tolist()
