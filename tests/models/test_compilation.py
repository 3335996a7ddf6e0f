"""A compiled network is the same denoiser to round-off, and nothing is compiled unasked."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from ersde_theory import NoiseScale, TimeGrid, sample, schemes  # noqa: E402
from ersde_theory.models import NetworkDenoiser, Prediction, SigmaLevels  # noqa: E402
from ersde_theory.models.compilation import compiled  # noqa: E402
from tests.models._processes_script import SHAPE, denoiser  # noqa: E402


def test_compiled_denoiser_gives_the_samples_of_the_plain_one():
    """Assert agreement in float32 through a run; the weights are shared, the settings kept."""
    plain = denoiser()
    fast = compiled(plain, backend="eager")
    assert (fast.shape, fast.noise_range, fast.prediction) == (plain.shape, plain.noise_range, plain.prediction)
    assert next(fast.network.parameters()) is next(plain.network.parameters())
    tab = schemes.er_sde(TimeGrid.karras(5, 80.0, 0.02), NoiseScale.exp_power(), 3)
    start = 80.0 * torch.randn((3, *SHAPE), generator=torch.Generator().manual_seed(0))
    wanted = sample(tab, plain, start, 1)
    assert float((sample(tab, fast, start, 1) - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())
    with torch.no_grad():
        next(plain.network.parameters()).mul_(1.01)
    assert float((sample(tab, fast, start, 1) - wanted).abs().max()) > 1e-3 * float(wanted.abs().max())


def test_compiling_is_asked_for_and_asked_rightly(monkeypatch):
    """Assert errors for what cannot be compiled, and that a plain denoiser never reaches torch.compile."""
    with pytest.raises(TypeError, match="denoiser: expected a NetworkDenoiser"):
        compiled(lambda y, _: y)
    function = NetworkDenoiser(lambda x, _: x, Prediction.edm(0.5), SigmaLevels((0.01, 100.0)), shape=(2,))
    with pytest.raises(TypeError, match=r"expected one whose network is a torch\.nn\.Module"):
        compiled(function)
    with pytest.raises(ValueError, match="cuda_graphs: expected a network on a GPU, got one on 'cpu'"):
        compiled(denoiser(), cuda_graphs=True)
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    denoiser()(torch.ones(1, *SHAPE), 1.0)
