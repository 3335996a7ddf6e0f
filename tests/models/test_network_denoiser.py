"""Networks of every convention give the denoiser that their own formula gives, in their precision, on their device."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ersde_theory import ForwardProcess
from ersde_theory.models import (
    ContinuousLevels,
    DiscreteLevels,
    NetworkDenoiser,
)

torch = pytest.importorskip("torch")

SHAPE = (3, 4)
ALPHAS_CUMPROD = np.cumprod(1.0 - np.linspace(1e-4, 2e-2, 1000))


def recording_network(seen: list):
    """Return a network with a smooth output that notes what it was called with."""

    def network(x, told, **condition):
        seen.append((x.clone(), told.clone(), condition))
        return torch.tanh(x) + 0.1 * torch.sin(told).reshape(-1, 1, 1).to(x.dtype)

    return network


def as_written(name, x, alpha, sigma, output):
    """Return x0 from each target's definition, solved by hand."""
    if name == "x0":
        return output
    if name == "epsilon":  # x = alpha x0 + sigma eps
        return (x - sigma * output) / alpha
    if name == "v":  # v = alpha eps - sigma x0, alpha^2 + sigma^2 = 1
        return alpha * x - sigma * output
    if name == "score":  # score = -eps / sigma
        return (x + sigma**2 * output) / alpha
    if name == "flow":  # u = eps - x0, alpha + sigma = 1: x0 = x - sigma u
        return x - sigma * output
    raise AssertionError(name)


VP = DiscreteLevels(ALPHAS_CUMPROD)
FLOW = ContinuousLevels(ForwardProcess.rectified_flow(), time_scale=1000.0)
CONVENTIONS = [("x0", VP), ("epsilon", VP), ("v", VP), ("score", VP), ("flow", FLOW), ("x0", FLOW), ("epsilon", FLOW)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize(("name", "levels"), CONVENTIONS, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_denoiser_equals_the_definition_of_its_target(name, levels, dtype, tolerance, rng):
    """Assert that D is x0 solved from the definition of the target, to round-off relative to what is combined."""
    seen: list = []
    denoise = NetworkDenoiser(recording_network(seen), name, levels, shape=SHAPE)
    for lam in (0.02, 0.7, 5.0, 60.0):
        y = torch.tensor(rng.normal(size=(5, *SHAPE)) * math.hypot(1.0, lam), dtype=getattr(torch, dtype))
        value = denoise(y, lam)
        x, _, _ = seen[-1]
        if levels is VP:
            alpha, sigma = 1.0 / math.sqrt(1.0 + lam**2), lam / math.sqrt(1.0 + lam**2)
        else:
            alpha, sigma = 1.0 / (1.0 + lam), lam / (1.0 + lam)
        exact_x = alpha * y.double()
        assert torch.allclose(x.double(), exact_x, rtol=0.0, atol=tolerance * float(exact_x.abs().max()))
        output = torch.tanh(x) + 0.1 * torch.sin(seen[-1][1]).reshape(-1, 1, 1).to(x.dtype)
        expected = as_written(name, exact_x, alpha, sigma, output.double())
        scale = float(max(y.abs().max(), expected.abs().max()))
        assert value.dtype == y.dtype
        assert torch.allclose(value.double(), expected, rtol=0.0, atol=tolerance * scale)
