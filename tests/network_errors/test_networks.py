"""On a small smooth network: orders are seen, precision has a floor, batches shrink when memory runs out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ersde_theory.network_errors import Journal, observed_orders
from ersde_theory.network_errors._effort import QUICK
from ersde_theory.network_errors._measurement import Memo
from ersde_theory.network_errors.observed_orders import measure_orders
from ersde_theory.network_errors.precision import measure_precision
from ersde_theory.sampling import NonFiniteError

torch = pytest.importorskip("torch")

NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB."  # as torch words it
EFFORT = dataclasses.replace(
    QUICK, order_paths=12, order_steps=(10, 20, 40, 80, 160), evaluations=(10, 20, 50, 100), reference_steps=200
)


class Smooth(torch.nn.Module):
    """A random network of one hidden layer, EDM's F."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.inner = torch.nn.Parameter(torch.randn(5, 16, generator=generator) / 2.0)
        self.outer = torch.nn.Parameter(torch.randn(16, 4, generator=generator) / 4.0)

    def forward(self, x, c_noise):
        """Return F."""
        told = c_noise.reshape(-1, 1).to(x.dtype).expand(len(x), 1)
        return torch.tanh(torch.cat([x, told], dim=1) @ self.inner) @ self.outer


@pytest.fixture(scope="module")
def subject():
    """Give the network as a subject, with data of unit variance."""
    from ersde_theory.models import edm_denoiser
    from ersde_theory.network_errors._models import network_subject

    data = np.random.default_rng(0).standard_normal((256, 4))
    return network_subject(edm_denoiser(Smooth(), shape=(4,), sigma_data=1.0), data)


@pytest.fixture
def without_noise(monkeypatch):
    """Leave out the noise scales that are not looked at."""
    monkeypatch.setattr(observed_orders, "NOISE_SCALES", ("ode",))


def memo():
    """Return a memo that keeps nothing."""
    return Memo(Journal(None), {}, lambda: None)


@pytest.mark.usefixtures("without_noise")
def test_orders_of_the_ode_are_seen_on_a_smooth_network(subject):
    """Assert 2 for the published solver and 3 for Adams-3 on the network in float64."""
    record = measure_orders(subject, EFFORT, memo(), 0)
    schemes, order, width = record["scheme"].tolist(), record["order"], record["half_width"]
    for scheme, expected in (("er_sde-3", 2.0), ("adams-3", 3.0)):
        s = schemes.index(scheme)
        assert record["outcome"][0, s, 1] == "order"
        assert abs(order[0, s, 1] - expected) < max(0.1, width[0, s, 1])
    assert record["error"][0, schemes.index("adams-3"), 0, -1] < record["error"][0, schemes.index("er_sde-3"), 0, -1]


@pytest.mark.usefixtures("without_noise")
def test_no_order_is_found_on_a_rounded_network(subject):
    """Assert that the broken twin, the same network in half precision, is not given order 3."""
    rounded = dataclasses.replace(subject, precisions=("float16",))
    record = measure_orders(rounded, EFFORT, memo(), 0)
    s = record["scheme"].tolist().index("adams-3")
    assert record["outcome"][0, s, 0] != "order"


def test_lower_precision_adds_an_error_of_its_rounding(subject):
    """Assert that the floors are ordered like the roundings, and near them."""
    record = measure_precision(subject, EFFORT, memo(), 0)
    names = record["network"].tolist()
    floor = dict(zip(names, record["added"][:, 0, -1, -1], strict=True))
    assert floor["float64"] == 0.0
    assert 1e-9 < floor["float32"] < 1e-5
    assert floor["float32"] < 0.01 * floor["float16"] < 0.01 * floor["bfloat16"]
    assert record["added"][0, 1].max() < 1e-4


def test_halved_batches_give_the_same_and_are_said():
    """Assert that running out of memory halves the batch, says so, and changes nothing else."""
    from ersde_theory.network_errors._host import HostDenoiser

    said: list[str] = []

    def small(y, _level):
        if len(y) > 100:
            raise torch.cuda.OutOfMemoryError(NO_MEMORY)
        return 2.0 * y

    y = np.random.default_rng(0).standard_normal((300, 4))
    denoise = HostDenoiser(small, (2, 2), "cpu", said.append)
    np.testing.assert_array_equal(denoise(y, 1.0), 2.0 * y)
    assert [text.split(":")[0] for text in said] == [f"out of memory with {n} rows at once" for n in (300, 150)]
    denoise(y, 1.0)
    assert len(said) == 2  # it remembers


def test_memory_that_does_not_hold_one_sample_is_an_error_and_others_pass():
    """Assert the message, and that an error of another kind is not taken for memory."""
    from ersde_theory.network_errors._host import HostDenoiser

    def never(_y, _level):
        raise torch.cuda.OutOfMemoryError(NO_MEMORY)

    def wrong(_y, _level):
        message = "mat1 and mat2 shapes cannot be multiplied"
        raise RuntimeError(message)

    with pytest.raises(MemoryError, match="with a single row"):
        HostDenoiser(never, (2,), "cpu", lambda _: None)(np.ones((3, 2)), 1.0)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        HostDenoiser(wrong, (2,), "cpu", lambda _: None)(np.ones((3, 2)), 1.0)


def test_fingerprint_follows_the_weights(subject):
    """Assert that a weight, the data and the device's kind are in the hash, and that it is stable."""
    from ersde_theory.models import edm_denoiser
    from ersde_theory.network_errors._models import network_subject

    same = network_subject(edm_denoiser(Smooth(), shape=(4,), sigma_data=1.0), subject.data)
    changed = Smooth()
    with torch.no_grad():
        changed.outer[0, 0] += 1e-3
    other = network_subject(edm_denoiser(changed, shape=(4,), sigma_data=1.0), subject.data)
    assert same.fingerprint == subject.fingerprint != other.fingerprint


def test_reference_stops_at_the_first_value_that_is_not_finite(subject):
    """Assert that the reference says evaluation, level and sample."""
    from ersde_theory.network_errors._host import watched

    def broken(y, _level):
        value = np.zeros_like(y)
        value[2, 1] = np.inf
        return value

    with pytest.raises(NonFiniteError, match=r"in the reference, evaluation 1 \(noise level 0.5\), first in sample 2"):
        watched(broken, "the reference")(np.ones((4, 2)), 0.5)
