"""The shipped networks are what the record of their quality says, and what their names promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from analytic.data import digits_law, handwritten_digits  # noqa: E402
from ersde_theory import NoiseScale, TimeGrid, sample, schemes  # noqa: E402
from ersde_theory.models import edm_denoiser  # noqa: E402
from ersde_theory.models._digits_tasks import classifier_split, sigma_data  # noqa: E402
from ersde_theory.models.digits import SHAPE, digits_classifier, digits_denoiser  # noqa: E402
from ersde_theory.models.digits_quality import LEVELS, SUBSET, root_mean_square, squared_errors, table  # noqa: E402
from ersde_theory.models.training import weights_name  # noqa: E402
from ersde_theory.random_numbers import start_state  # noqa: E402
from ersde_theory.records import Record  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "ersde_theory" / "models" / "weights"
RECORD = Record.load(ROOT / "docs" / "records" / "digits-networks.json")
LARGEST = 2_000_000  # bytes
CHECKED = (0, 6, 12, 15, 18, 23)  # indices of levels


def subset_error(denoiser, index):
    """Return the error on the rows that the record has a number of its own for."""
    squares = squared_errors(denoiser, digits_law(0.1), float(LEVELS[index]), SUBSET, 0)
    return root_mean_square(squares)[0]


@pytest.mark.parametrize("kind", ["edm", "flow"])
def test_recorded_error_is_reproduced(kind):
    """Assert that the shipped weights have the recorded error at each level, to 1e-6."""
    denoiser = digits_denoiser(kind).to(dtype=torch.float64)
    row = RECORD["network"].tolist().index(kind)
    found = [subset_error(denoiser, k) for k in CHECKED]
    assert found == pytest.approx(RECORD["error_of_subset"][row, list(CHECKED)], rel=1e-6)


def noisy(denoiser, share):
    """Return the denoiser with noise of a share of each weight's size in its weights."""
    broken = denoiser.to(dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in broken.network.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.mul_(1.0 + share * noise)
    return broken


@pytest.mark.parametrize(
    "break_it",
    [
        lambda: noisy(digits_denoiser(), 0.01),
        lambda: edm_denoiser(digits_denoiser().network.double(), shape=SHAPE, sigma_data=0.5),
        lambda: digits_denoiser(label=3).to(dtype=torch.float64),
    ],
    ids=["weights with 1 % of noise", "sigma_data of another data set", "a label that is not asked for"],
)
def test_broken_twin_has_a_larger_error(break_it):
    """Assert that a network which is not quite the shipped one is above the record at every level."""
    broken = break_it()
    found = np.array([subset_error(broken, k) for k in CHECKED])
    assert (found > RECORD["error_of_subset"][0, list(CHECKED)] * (1.0 + 1e-4)).all()


def test_networks_beat_what_needs_no_training_where_the_image_is_decided():
    """Assert that from 0.02 to 3 both networks beat the best trivial denoiser, and that at 80 they do not."""
    best, levels = RECORD["trivial_error"].min(axis=0), RECORD["noise_level"]
    inside = (levels > 0.02) & (levels < 3.0)
    better = RECORD["error"] + 3.0 * RECORD["error_se"] < best
    assert better[:, inside].all()
    assert not better[:, -1].any()


def test_card_has_the_recorded_table():
    """Assert that the numbers of the card are those of the record."""
    assert table(RECORD) in (ROOT / "docs" / "digits_networks.md").read_text("utf-8")


@pytest.mark.parametrize("kind", ["edm", "flow", "classifier"])
def test_weights_are_small_finite_and_say_where_they_come_from(kind):
    """Assert that each file is at most 2 MB, has finite float32 numbers, and describes its training."""
    from safetensors import safe_open

    path = WEIGHTS / weights_name(kind)
    assert path.stat().st_size <= LARGEST
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        assert f'"kind": "{kind}"' in file.metadata()["ersde"]
    assert all(t.dtype == torch.float32 and bool(torch.isfinite(t).all()) for t in tensors.values())


def test_labels_and_guidance_change_what_is_drawn():
    """Assert that the label moves the denoiser towards its digit, and guidance of scale 1 is the label alone."""
    y = torch.from_numpy(start_state(0, (4, *SHAPE), 10.0))
    free, three = (digits_denoiser(label=label)(y, 10.0) for label in (None, 3))
    digits = handwritten_digits()
    mean = torch.tensor(digits.pixels[digits.labels == 3].mean(axis=0)).reshape(1, *SHAPE)
    assert ((three - mean) ** 2).mean() < 0.5 * ((free - mean) ** 2).mean()
    guided = digits_denoiser(label=3, guidance=1.0)(y, 10.0)
    assert torch.allclose(guided, three, atol=1e-5)


@pytest.mark.parametrize("kind", ["edm", "flow"])
def test_classifier_reads_the_digit_that_was_asked_for(kind):
    """Assert that of 30 digits drawn on request at most 3 are read as others."""
    labels = torch.arange(30) % 10
    denoiser = digits_denoiser(kind).with_condition(label=labels)
    table = schemes.variable_order_pec(TimeGrid.karras(20, 80.0, 0.002), NoiseScale.exp_power())
    start = torch.from_numpy(start_state(1, (30, *SHAPE), 80.0)).float()
    _, scores = digits_classifier()(sample(table, denoiser, start, 1))
    assert int((scores.argmax(dim=1) != labels).sum()) <= 3


def test_recorded_accuracy_is_reproduced():
    """Assert that the classifier is right on the recorded share of images, and that the splits do not meet."""
    digits, network = handwritten_digits(), digits_classifier()
    training, test = classifier_split()
    assert not set(training) & set(test)
    assert len(training) + len(test) == len(digits.labels)
    for k, indices in enumerate((training, test)):
        _, scores = network(torch.tensor(digits.pixels[indices]).float())
        right = (scores.argmax(dim=1).numpy() == digits.labels[indices]).mean()
        assert right == pytest.approx(RECORD["accuracy"][k], abs=1e-12)


def test_sigma_data_is_that_of_the_law():
    """Assert that the preconditioning's scale is the root of the law's mean variance and of its means' spread."""
    law = digits_law(0.1)
    total = np.trace(law.covariance()) / 64 + law.mean.var()
    assert sigma_data() ** 2 == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "emd"}, "did you mean 'edm'"),
        ({"label": 10}, "label: expected an integer >= 0 and <= 9, got 10"),
        ({"guidance": 2.0}, "label: expected a digit 0 … 9, since guidance is 2.0, got none"),
        ({"kind": "edm", "weights": WEIGHTS / weights_name("flow")}, "expected the weights of kind 'edm', got kind 'f"),
        ({"weights": WEIGHTS / weights_name("classifier")}, "expected the weights of a UNet"),
    ],
)
def test_wrong_argument_is_refused(arguments, message):
    """Assert that a wrong argument or another network's weights are named."""
    with pytest.raises(ValueError, match=message):
        digits_denoiser(**arguments)
