"""The U-Net: shapes, labels, and smoothness in everything that a sampler varies."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from ersde_theory.models.classifier import Classifier  # noqa: E402
from ersde_theory.models.unet import UNet  # noqa: E402


def small(seed=0):
    """Return a small network in float64 whose weights are nowhere zero."""
    torch.manual_seed(seed)
    network = UNet((8, 8, 8), width=8).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval()


def second_difference(f, step):
    """Return central second differences of f over a range of places, divided by the squared step."""
    places = torch.linspace(-1.0, 1.0, 41, dtype=torch.float64)
    return torch.stack([f(s + step) - 2.0 * f(s) + f(s - step) for s in places]) / step**2


def roughness(f):
    """Return how far second differences of two steps are apart, relative to their size: O(step^2) if f is smooth."""
    coarse, fine = second_difference(f, 2e-4), second_difference(f, 1e-4)
    return float((coarse - fine).abs().max() / fine.abs().max())


def along_image(network):
    """Return the network along a line of images."""
    start, direction = torch.randn(2, 1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    signal = torch.tensor([0.3], dtype=torch.float64)
    return lambda s: network(start + s * direction, signal)


def along_noise(network):
    """Return the network along the noise signal, over the levels that EDM's covers."""
    image = torch.randn(1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return lambda s: network(image, 1.3 * s.reshape(1) - 0.2)


@pytest.mark.parametrize("line", [along_image, along_noise])
@torch.no_grad()
def test_network_is_smooth(line):
    """Assert that second differences converge along images and along the noise signal."""
    assert roughness(line(small())) < 1e-3


@torch.no_grad()
def test_kinks_would_be_noticed():
    """Assert that the same network with ReLU fails the test of smoothness."""
    network = small()
    smooth = torch.nn.functional.silu
    try:
        torch.nn.functional.silu = torch.nn.functional.relu
        assert roughness(along_image(network)) > 0.1
    finally:
        torch.nn.functional.silu = smooth


@torch.no_grad()
def test_missing_label_is_the_null_label_and_labels_matter():
    """Assert that no label is the same as label 10, and that another label gives another image."""
    network = small()
    x, signal = torch.ones(2, 1, 8, 8, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    free = network(x, signal)
    assert torch.equal(free, network(x, signal, torch.tensor([10, 10])))
    mixed = network(x, signal, torch.tensor([10, 3]))
    assert torch.allclose(mixed[0], free[0], rtol=1e-12)
    assert not torch.allclose(mixed[1], free[1], rtol=1e-3)


@torch.no_grad()
def test_rows_are_independent_and_one_signal_serves_all():
    """Assert that a batch gives each row what it gets alone, with a signal per row or a common one."""
    network = small()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    signal = torch.tensor([0.1, -0.4, 0.1], dtype=torch.float64)
    whole = network(x, signal)
    for k in range(3):
        assert torch.allclose(whole[k : k + 1], network(x[k : k + 1], signal[k]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": (8, 12, 8)}, "channels: expected multiples of 8, got 12"),
        ({"channels": (0, 8, 8)}, "channels: expected an integer >= 8, got 0"),
        ({"n_labels": 0}, "n_labels: expected an integer >= 1, got 0"),
        ({"width": -1}, "width: expected an integer >= 1, got -1"),
    ],
)
def test_wrong_size_is_refused(arguments, message):
    """Assert that a size which the network cannot have is named."""
    with pytest.raises(ValueError, match=message):
        UNet(**arguments)


@torch.no_grad()
def test_half_precision_weights_keep_neighbouring_levels_apart():
    """Assert that bfloat16 weights see the noise signal in the precision that it comes in."""
    network = small().to(torch.bfloat16)
    near, far = (network.embedding(torch.tensor([s], dtype=torch.float64), None) for s in (0.5, 0.5 + 0.05))
    assert near.dtype == torch.bfloat16
    assert not torch.equal(near, far)


def test_classifier_takes_rows_or_images():
    """Assert that rows of 64 pixels and images of 8 by 8 are the same to the classifier."""
    network, x = Classifier(), torch.rand(4, 64)
    (a, b), (c, d) = network(x), network(x.reshape(4, 1, 8, 8))
    assert torch.equal(a, c)
    assert torch.equal(b, d)
