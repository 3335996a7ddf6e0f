"""A perfect network passes under its own convention and no other; what goes unseen is said beforehand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from analytic.data import handwritten_digits
from ersde_theory import ForwardProcess
from ersde_theory.models import (
    ContinuousLevels,
    DiscreteLevels,
    EdmLevels,
    NetworkDenoiser,
    Prediction,
    SigmaLevels,
    Tolerance,
    check_consistency,
    load_denoiser,
)
from ersde_theory.sampling import NonFiniteError
from tests.models._exact_networks import DIM, ExactNetwork, Faulty, cosine_table, mixture, vp_table

torch = pytest.importorskip("torch")

LAW = mixture()
FINE = mixture(spread=1e-5)
EXACT, TRAINED = Tolerance.exact(), Tolerance()
NAMES = ("x0", "epsilon", "v", "score", "flow")
VP = DiscreteLevels(vp_table())
FLOW = ContinuousLevels(ForwardProcess.rectified_flow())
EDM = EdmLevels(sigma_data=1.0)
SIGMA = SigmaLevels((0.002, 80.0))
MAPS = {"vp": VP, "flow": FLOW, "edm": EDM, "sigma": SIGMA}


def denoiser(convention, prediction, *, told_as=None, levels=None, law=LAW):
    """Return an exact network of one convention, adapted as if it had another."""
    edm = Prediction.edm(sigma_data=1.0)
    as_said = prediction if told_as is None else told_as
    return NetworkDenoiser(
        ExactNetwork(law, convention, prediction),
        edm if as_said == "edm" else as_said,
        MAPS[convention] if levels is None else levels,
        shape=(DIM,),
    )


def report(denoise, *, n=500, law=LAW, tolerance=EXACT, levels=None, seed=1):
    """Return the report on data of the law; tolerance 0 by default, since the networks are exact."""
    lam = np.geomspace(0.02, 60.0, 8) if levels is None else levels
    return check_consistency(denoise, law.sample(n, seed=5), levels=lam, seed=seed, tolerance=tolerance)


CONVENTIONS = [("vp", "epsilon"), ("vp", "v"), ("flow", "flow"), ("edm", "edm"), ("sigma", "x0")]


@pytest.mark.parametrize(("convention", "prediction"), CONVENTIONS)
def test_exact_network_is_consistent_with_its_own_convention(convention, prediction):
    """Assert that no check fails with tolerance 0, and that the residual falls in proportion to the level."""
    found = report(denoiser(convention, prediction))
    assert found.consistent, str(found)
    ratio = found.rms_residual / found.noise_level
    assert bool(np.all(ratio <= 1.0 + 5.0 / math.sqrt(500 * DIM)))
    assert ratio[0] > 0.9  # the datum is not guessed below the spread of a cluster
    assert "consistent with the data" in str(found)


def test_no_false_alarm_in_forty_reports():
    """Assert that an exact network passes at every seed, with tolerance 0."""
    exact = denoiser("sigma", "x0")
    lam = np.geomspace(0.05, 20.0, 4)
    assert all(report(exact, n=200, levels=lam, seed=seed).consistent for seed in range(40))


@pytest.mark.parametrize("true", NAMES)
@pytest.mark.parametrize("said", NAMES)
def test_every_wrong_prediction_type_is_detected(true, said):
    """Assert that of the 25 pairs the 5 right ones pass, the 20 wrong ones fail by far, and the right one is named."""
    found = report(denoiser("vp", true, told_as=said), tolerance=TRAINED, n=200)
    assert found.consistent == (true == said), str(found)
    assert found.hint == ("" if true == said else f"as the prediction {true!r} the output is consistent")


WRONG_SCHEDULES = {
    "cosine for linear": ("vp", "epsilon", DiscreteLevels(cosine_table())),
    "time / 1000": ("vp", "epsilon", dataclasses.replace(VP, time_scale=1e-3)),
    "timesteps 5 % too large": ("vp", "epsilon", dataclasses.replace(VP, time_scale=1.05)),
    "forgotten alpha": ("vp", "epsilon", Faulty(VP.noise_range, VP, "forgotten alpha")),
    "sigma for its logarithm": ("edm", "edm", Faulty(EDM.noise_range, EDM, "sigma for its logarithm")),
    "forgotten c_in": ("edm", "edm", Faulty(EDM.noise_range, EDM, "forgotten c_in")),
    "logarithm for sigma": ("sigma", "x0", Faulty(SIGMA.noise_range, SIGMA, "logarithm for sigma")),
    "flow time turned round": ("flow", "flow", Faulty(FLOW.noise_range, FLOW, "time turned round")),
    "flow time times 1000": ("flow", "flow", Faulty(FLOW.noise_range, FLOW, "time times 1000")),
}


@pytest.mark.parametrize("fault", WRONG_SCHEDULES)
def test_every_wrong_schedule_is_detected(fault):
    """Assert that a network adapted with another schedule fails, beyond what training would excuse."""
    convention, prediction, levels = WRONG_SCHEDULES[fault]
    lam = np.geomspace(max(0.02, levels.noise_range[0] * 1.2), 60.0, 8)
    # one fault is smaller than what training is excused for: only a network that claims to be exact can be held to it
    tolerance = EXACT if fault == "timesteps 5 % too large" else TRAINED
    assert report(denoiser(convention, prediction), levels=lam, tolerance=tolerance).consistent
    found = report(denoiser(convention, prediction, levels=levels), levels=lam, tolerance=tolerance)
    assert not found.consistent, str(found)


def test_wrong_sigma_data_and_reversed_sign_are_detected():
    """Assert that EDM's weights of another data scale, and a flow that points the other way, fail."""
    network = denoiser("edm", "edm").network
    wrong_scale = NetworkDenoiser(network, Prediction.edm(0.5), EDM, shape=(DIM,))
    wrong_sign = dataclasses.replace(denoiser("flow", "flow"), prediction=Prediction.from_name("flow").negated())
    assert not report(wrong_scale, tolerance=TRAINED).consistent
    assert not report(wrong_sign, tolerance=TRAINED).consistent


@pytest.mark.parametrize("offset", [1.0, -1.0])
def test_timesteps_off_by_one_are_detected_on_fine_data(offset):
    """Assert that timesteps that start at 1 instead of 0 fail where the data show the noise at low levels."""
    levels = dataclasses.replace(VP, time_offset=offset)
    lam = np.geomspace(0.015, 1.0, 6)
    assert report(denoiser("vp", "epsilon", law=FINE), law=FINE, levels=lam).consistent
    found = report(denoiser("vp", "epsilon", law=FINE, levels=levels), law=FINE, levels=lam)
    assert any("level_shift" in problem for problem in found.problems), str(found)
    # the fault's size: told one timestep too high, it should be told less
    lower, upper = VP.noise_level(VP.at(lam[0]).conditioning), VP.noise_level(VP.at(lam[0]).conditioning + 1.0)
    assert np.sign(found.pooled_shift[0]) == -np.sign(offset)
    assert abs(found.pooled_shift[0]) < math.log(upper / lower)


def test_what_goes_unseen_is_what_the_resolution_says():
    """Assert that a shift below the resolution passes, on data that cannot tell, and one well above it fails."""
    lam = np.geomspace(0.3, 3.0, 4)
    resolution = report(denoiser("sigma", "x0"), levels=lam).resolution

    def shifted(shift):
        network = ExactNetwork(LAW, "sigma", "x0")
        return NetworkDenoiser(lambda x, told: network(x, told * math.exp(shift)), "x0", SIGMA, shape=(DIM,))

    assert report(shifted(0.05 * resolution), levels=lam).consistent
    assert not report(shifted(3.0 * resolution), levels=lam).consistent


def test_data_of_the_noise_seed_do_not_look_like_noise():
    """Assert that data drawn with NumPy's generator at the seed of the check are not its noise."""
    exact = NetworkDenoiser(lambda x, s: x / (1.0 + s[:, None] ** 2), "x0", SIGMA, shape=(4,))
    data = np.random.default_rng(0).normal(size=(500, 4))
    assert check_consistency(exact, data, seed=0, tolerance=EXACT).consistent


def test_guided_non_finite_and_unfit_input_is_refused():
    """Assert that each misuse gets an error that says what was expected."""
    exact = denoiser("sigma", "x0")
    data = LAW.sample(100, seed=0)
    guided = dataclasses.replace(exact, guidance=2.0, unconditional={"label": 0})
    with pytest.raises(ValueError, match="expected one without guidance"):
        check_consistency(guided, data)
    with pytest.raises(ValueError, match="n >= 32"):
        check_consistency(exact, data[:10])
    with pytest.raises(ValueError, match="a little inside the trained range"):
        check_consistency(exact, data, levels=[100.0])
    with pytest.raises(TypeError, match="tolerance: expected a Tolerance"):
        check_consistency(exact, data, tolerance=0.0)
    with pytest.raises(ValueError, match="share: expected a number >= 0"):
        Tolerance(share=-1.0)
    with pytest.raises(TypeError, match="expected a NetworkDenoiser"):
        check_consistency(LAW.denoise, data)
    with pytest.raises(TypeError, match="expected an array or tensor"):
        check_consistency(exact, [[0.0] * DIM])
    broken = dataclasses.replace(exact, network=lambda x, *_: x * torch.nan)
    with pytest.raises(NonFiniteError, match="nan or inf at noise level"):
        check_consistency(broken, data)


@dataclasses.dataclass(frozen=True)
class Shifted:
    """A level map that tells a level too high by a factor."""

    right: object
    factor: float
    noise_range: tuple[float, float] = (0.01, 20.0)

    def at(self, noise_level):
        """Return the right level, with what is told for another."""
        told = self.right.at(noise_level * self.factor).conditioning
        return dataclasses.replace(self.right.at(noise_level), conditioning=told)


def digits_faults(edm, flow):
    """Return the shipped networks adapted with one thing wrong each."""
    return {
        "edm as v": dataclasses.replace(edm, prediction="v"),
        "sigma for its logarithm": dataclasses.replace(
            edm, levels=Faulty(edm.noise_range, edm.levels, "sigma for its logarithm")
        ),
        "sigma_data doubled": dataclasses.replace(edm, prediction=Prediction.edm(2.0 * edm.levels.sigma_data)),
        "told twice the level": dataclasses.replace(edm, levels=Shifted(edm.levels, 2.0), noise_range=(0.01, 20.0)),
        "flow turned round": dataclasses.replace(
            flow, levels=Faulty(flow.noise_range, flow.levels, "time turned round")
        ),
    }


def test_trained_networks_pass_and_their_faulty_adapters_fail():
    """Assert that the shipped networks are consistent with the digits by default, and five wrong adapters are not."""
    images = handwritten_digits().pixels.reshape(-1, 1, 8, 8).astype(np.float32)
    images = images[np.random.default_rng(0).permutation(len(images))[:48]]
    edm, flow = load_denoiser("digits"), load_denoiser("digits-flow")
    lam = [0.05, 0.4, 3.0]
    for right in (edm, flow):
        found = check_consistency(right, images, levels=lam)
        assert found.consistent, str(found)
    for fault, wrong in digits_faults(edm, flow).items():
        found = check_consistency(wrong, images, levels=lam)
        assert not found.consistent, f"{fault}\n{found}"
