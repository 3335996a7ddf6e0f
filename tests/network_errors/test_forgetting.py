"""What is left of an error at high levels: the study's parts against what is known, and its committed Record."""

from __future__ import annotations

import numpy as np
import pytest

from analytic import digits_law
from ersde_theory.network_errors import forgetting
from ersde_theory.network_errors._runs import NOISE_SCALES
from ersde_theory.network_errors.forgetting import left_on_gaussian_data, study, tilted
from ersde_theory.records import Record
from tests.project._source import ROOT

FORMULAS = {
    "ode": lambda s, lam: s / np.hypot(s, lam),
    "reverse_sde": lambda s, lam: s**2 / (s**2 + lam**2),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("deviation", "level"), [(0.5, 0.3), (1.7, 3.3), (1.0, 20.0)])
def test_what_is_left_on_gaussian_data_is_known(name, deviation, level):
    """Assert the closed forms; the other one's does not fit."""
    found = left_on_gaussian_data(deviation, level, name)
    (other,) = (formula for key, formula in FORMULAS.items() if key != name)
    assert found == pytest.approx(FORMULAS[name](deviation, level), rel=2e-4)
    assert found != pytest.approx(other(deviation, level), rel=2e-2)


@pytest.mark.parametrize("name", ["ode", "exp_power", "reverse_sde"])
def test_runs_leave_on_gaussian_data_what_is_said(name):
    """Assert the prediction for the study's own runs; what a shift at the start would leave must be taken off.

    Denoisers are affine here, so a run with the error and one without differ by one number, whatever the noise.
    """
    deviation, level, shift = 1.7, 6.8, 0.5

    def gaussian(mean):
        return lambda y, lam: (deviation**2 * y + lam**2 * mean) / (deviation**2 + lam**2)

    run = forgetting._Runs(np.array([[30.0], [-80.0]]), level, name, 400, 3)
    left = (run.end(gaussian(shift), gaussian(0.0)) - run.end(gaussian(0.0), gaussian(0.0))) / shift
    expected = forgetting._expected(deviation, [level])["predicted"].values[0]
    assert left == pytest.approx(expected[NOISE_SCALES.index(name)], rel=1e-3)
    if name == "ode":
        assert left != pytest.approx(left_on_gaussian_data(deviation, level, name), rel=1e-2)


def test_exp_power_forgets_between_the_two():
    """Assert that a noise scale between the two leaves a share between theirs."""
    left = {name: left_on_gaussian_data(1.7, 3.3, name) for name in (*FORMULAS, "exp_power")}
    assert left["reverse_sde"] < left["exp_power"] < left["ode"]


def test_tilt_moves_the_mean_along_its_axis_and_keeps_the_points():
    """Assert the shift, that the axis is the one of most variance, and that most weight is on one side."""
    law = digits_law(0.1)
    tilt = tilted(law)
    assert np.linalg.norm(tilt.axis) == pytest.approx(1.0)
    assert (tilt.wrong.mean - law.mean) @ tilt.axis == pytest.approx(tilt.shift)
    assert tilt.axis @ law.covariance() @ tilt.axis == pytest.approx(np.linalg.norm(law.covariance(), 2))
    assert np.array_equal(tilt.wrong.points, law.points)
    assert 0.3 * tilt.deviation < tilt.shift < 0.9 * tilt.deviation


def test_all_is_left_of_an_error_that_never_ends_and_hardly_anything_of_one_that_ends_at_once(monkeypatch):
    """Assert both ends, each of which is the other's twin: an error at the wrong levels would be noticed.

    0.1 is for ten evaluations on the errors' side, 0.04 for the 0.025 that is known to be left.
    """
    monkeypatch.setattr(forgetting, "_DATA", 64)
    record = study({"exact": digits_law(0.1).denoise}, {"exact": 100}, (20,), (0.02, 40.0))
    (everything, little), (wide, narrow) = record["left"][0, ..., 0], 4.5 * record["left_se"][0, ..., 0]
    assert np.all(np.abs(everything - 1.0) < wide + 0.1)
    assert np.all(np.abs(little) < narrow + 0.04)
    assert np.all(np.abs(little - 1.0) > wide + 0.1)
    assert np.all(np.abs(everything) > narrow + 0.04)


def test_odd_evaluations_and_missing_numbers_of_samples_are_refused():
    """Assert that neither is taken for something else."""
    denoisers = {"exact": digits_law(0.1).denoise}
    with pytest.raises(ValueError, match="expected even numbers"):
        study(denoisers, {"exact": 4}, (11,), (2.0,))
    with pytest.raises(ValueError, match="expected numbers for exact, got"):
        study(denoisers, {"digits": 4}, (10,), (2.0,))


def test_record_shows_that_noise_forgets():
    """Assert what docs/network_measurements.md concludes: less is left with the reverse SDE than with the ODE.

    At the lowest level, where the images are half decided, the network's samples are too few to see it.
    """
    record = Record.load(ROOT / "docs" / "records" / "forgetting.json")
    left, spread = record["left"][..., -1], record["left_se"][..., -1]
    ode, reverse = (record["noise_scale"].tolist().index(name) for name in ("ode", "reverse_sde"))
    gain = left[..., ode] - left[..., reverse]
    assert np.all(gain[:, 1:] > 3.0 * np.hypot(spread[..., ode], spread[..., reverse])[:, 1:])
