"""Networks of every convention give the denoiser that their own formula gives, in their precision, on their device."""

from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, sample, schemes
from ersde_theory.models import (
    ContinuousLevels,
    DiscreteLevels,
    NetworkDenoiser,
    SigmaLevels,
    edm_denoiser,
    guided_diffusion_denoiser,
    k_diffusion_denoiser,
)
from tests.models._exact_networks import DIM, ExactNetwork, mixture, vp_table

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
FLOW_UNIT = ContinuousLevels(ForwardProcess.rectified_flow())
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


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_edm_denoiser_equals_the_formula_of_the_paper(dtype, tolerance, rng):
    """Assert D = c_skip x + c_out F(c_in x, ln(sigma)/4) with the four functions as printed in EDM's table 1."""
    seen: list = []
    sd = 0.7
    denoise = edm_denoiser(recording_network(seen), shape=SHAPE, sigma_data=sd)
    for sigma in (0.002, 0.3, 80.0):
        y = torch.tensor(rng.normal(size=(5, *SHAPE)) * math.hypot(sd, sigma), dtype=getattr(torch, dtype))
        value = denoise(y, sigma).double()
        x, told, _ = seen[-1]
        assert torch.allclose(x.double(), y.double() / math.sqrt(sigma**2 + sd**2), rtol=tolerance, atol=0.0)
        assert torch.allclose(told.double(), torch.tensor(math.log(sigma) / 4.0, dtype=torch.float64), rtol=1e-7)
        output = torch.tanh(x.double()) + 0.1 * torch.sin(told.double()).reshape(-1, 1, 1)
        c_skip = sd**2 / (sigma**2 + sd**2)
        c_out = sigma * sd / math.sqrt(sd**2 + sigma**2)
        expected = c_skip * y.double() + c_out * output
        assert torch.allclose(value, expected, rtol=0.0, atol=tolerance * float(expected.abs().max() + 1.0))


def test_denoiser_of_a_preconditioned_network_is_its_own_answer(rng):
    """Assert that an EDM network with its preconditioning inside, and k-diffusion callables, are called as they are."""

    def net(x, sigma, class_labels=None, strength=1.0):
        assert sigma.shape == (len(x),)
        return x / (1.0 + strength * sigma.reshape(-1, 1, 1) ** 2)

    denoise = k_diffusion_denoiser(net, shape=SHAPE, noise_range=(0.002, 80.0), condition={"strength": 2.0})
    y = torch.tensor(rng.normal(size=(2, *SHAPE)))
    assert torch.equal(denoise(y, 3.0), net(y, torch.full((2,), 3.0, dtype=torch.float64), strength=2.0))


def test_learned_variance_is_left_out(rng):
    """Assert that of a guided-diffusion output the first half of the channels is epsilon, and that labels arrive."""
    table = vp_table()

    def model(x, timesteps, y):
        return torch.cat([torch.tanh(x) + y.reshape(-1, 1, 1, 1), torch.full_like(x, math.nan)], dim=1)

    denoise = guided_diffusion_denoiser(model, table, shape=(3, 4, 4), condition={"y": torch.tensor([2])})
    state = torch.tensor(rng.normal(size=(5, 3, 4, 4)))
    k = 300
    alpha, sigma = math.sqrt(table[k]), math.sqrt(1.0 - table[k])
    x = alpha * state
    expected = (x - sigma * (torch.tanh(x) + 2.0)) / alpha
    assert torch.allclose(denoise(state, sigma / alpha), expected, rtol=0.0, atol=1e-12 * float(expected.abs().max()))


def test_missing_learned_variance_is_explained():
    """Assert that twice the channels without learned_variance is an error that says what to do, and the reverse too."""
    denoise = NetworkDenoiser(lambda x, *_: torch.cat([x, x], dim=1), "epsilon", VP, shape=SHAPE)
    with pytest.raises(ValueError, match=r"got \(2, 6, 4\); does it predict a variance too\?"):
        denoise(torch.zeros(2, *SHAPE), 1.0)
    plain = NetworkDenoiser(lambda x, *_: x, "epsilon", VP, shape=SHAPE, learned_variance=True)
    with pytest.raises(ValueError, match=r"expected an output of shape \(2, 6, 4\) \(learned_variance\)"):
        plain(torch.zeros(2, *SHAPE), 1.0)


class Labelled(torch.nn.Module):
    """A network with a weight, a label and dropout."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(0.5, 1.5, SHAPE[-1], dtype=dtype))
        self.dropout = torch.nn.Dropout(0.5)
        self.seen: list = []

    def forward(self, x, told, label=None, text=None):
        """Return something that depends on every argument, and note the types."""
        self.seen.append((x.dtype, told.dtype, x.device.type, tuple(x.shape), torch.is_autocast_enabled("cpu")))
        shift = 0.0 if label is None else 0.1 * label.reshape(-1, 1, 1).to(x.dtype)
        shift = shift if text is None else shift + text.mean(dim=(1, 2)).reshape(-1, 1, 1)
        return self.dropout(torch.tanh(self.weight * x)) + shift


def labelled(**settings):
    """Return a denoiser of such a network."""
    return NetworkDenoiser(Labelled(), "epsilon", VP, shape=SHAPE, **settings)


def test_guidance_is_one_doubled_batch_and_the_combination_of_two_denoisers(rng):
    """Assert D_u + w (D_c - D_u) against the two denoisers evaluated apart, in one call of 2n rows."""
    y = torch.tensor(rng.normal(size=(4, *SHAPE)))
    given, none = {"label": torch.tensor([3])}, {"label": torch.tensor([0])}
    apart = labelled(condition=given)
    conditional, unconditional = apart(y, 0.8), apart.with_condition(**none)(y, 0.8)
    for w in (0.0, 1.0, 2.5):
        guided = dataclasses.replace(apart, guidance=w, unconditional=none)
        value = guided(y, 0.8)
        expected = unconditional + w * (conditional - unconditional)
        assert torch.allclose(value, expected, rtol=0.0, atol=4e-6)  # a float32 network
        assert guided.network.seen[-1][3] == (8, *SHAPE)


def test_guidance_joins_texts_and_labels_of_every_row(rng):
    """Assert that conditions with one row are spread, conditions of n rows kept, and that D of a row is its own."""
    y = torch.tensor(rng.normal(size=(3, *SHAPE)))
    text = torch.tensor(rng.normal(size=(3, 2, 5)), dtype=torch.float32)
    settings = {
        "condition": {"text": text, "label": torch.tensor([1, 2, 3])},
        "unconditional": {"text": torch.zeros(1, 2, 5)},
        "guidance": 1.5,
    }
    whole = labelled(**settings)(y, 0.8)
    for i in range(3):
        settings["condition"] = {"text": text[i : i + 1], "label": torch.tensor([i + 1])}
        assert torch.allclose(labelled(**settings)(y[i : i + 1], 0.8), whole[i : i + 1], rtol=0.0, atol=1e-6)


def test_nested_conditions_are_spread_joined_and_moved(rng):
    """Assert that a keyword that is itself a mapping of tensors, as SDXL's, is treated as the others."""

    class Nested(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, x, _, added):
            assert added["text"].shape == (len(x), 2)
            return self.weight * x + added["text"].mean(dim=1).reshape(-1, 1, 1)

    y = torch.tensor(rng.normal(size=(3, *SHAPE)))
    settings = {
        "condition": {"added": {"text": torch.ones(1, 2)}},
        "unconditional": {"added": {"text": torch.zeros(1, 2)}},
        "guidance": 3.0,
    }
    guided = NetworkDenoiser(Nested(), "x0", SigmaLevels((0.1, 10.0)), shape=SHAPE, **settings)
    for denoise in (guided, guided.to(dtype=torch.float64)):
        assert torch.allclose(denoise(y, 1.0), y + 3.0, rtol=0.0, atol=1e-6)


def test_denoiser_shows_itself_in_one_line():
    """Assert that the weights of a network are not what one sees of it."""
    shown = repr(edm_denoiser(Labelled(), shape=SHAPE, name="small"))
    assert shown == "NetworkDenoiser('small': Labelled, edm, EdmLevels, shape (3, 4), levels [0.002, 80])"


def test_denoiser_survives_a_pickle(rng):
    """Assert that a denoiser can be sent to another process."""
    denoise = edm_denoiser(Labelled(), shape=SHAPE)
    y = torch.tensor(rng.normal(size=(2, *SHAPE)))
    assert torch.equal(pickle.loads(pickle.dumps(denoise))(y, 1.0), denoise(y, 1.0))


def test_network_runs_in_its_own_precision_and_the_state_keeps_its_own(rng):
    """Assert the dtypes that the network sees and that come back, and how far each precision is from float64."""
    y = torch.tensor(rng.normal(size=(4, *SHAPE)))
    denoise = labelled()
    reference = denoise.to(dtype=torch.float64)(y, 0.5)
    errors = {}
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        moved = denoise.to(dtype=dtype)
        value = moved(y, 0.5)
        told = torch.float64 if dtype == torch.float64 else torch.float32
        assert moved.network.seen[-1][:2] == (dtype, told)
        assert value.dtype == torch.float64
        assert moved(y.float(), 0.5).dtype == torch.float32
        errors[dtype] = float((value - reference).abs().max())
    eps = {d: torch.finfo(d).eps for d in errors}
    assert all(errors[d] <= 4.0 * eps[d] for d in errors)
    assert errors[torch.bfloat16] > errors[torch.float16] > errors[torch.float32] > 0.0
    assert denoise.network.weight.dtype == torch.float32


def test_timesteps_keep_their_digits_in_half_precision():
    """Assert that a bfloat16 network is still told 998.6, which bfloat16 itself would round to 1000."""
    moved = labelled().to(dtype=torch.bfloat16)
    seen = []
    network = moved.network
    network.forward = lambda x, told: seen.append(told) or x
    lam = VP.noise_level(998.6)
    moved(torch.zeros(1, *SHAPE), lam)
    assert abs(float(seen[0]) - 998.6) < 1e-4
    assert float(torch.tensor(998.6).bfloat16()) == 1000.0


def test_autocast_around_the_call_does_not_lower_the_precision(rng):
    """Assert that a context that somebody else left open changes nothing."""
    y = torch.tensor(rng.normal(size=(2, *SHAPE)), dtype=torch.float32)
    denoise = labelled()
    expected = denoise(y, 0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = denoise(y, 0.5)
    assert denoise.network.seen[-1][4] is False
    assert torch.equal(inside, expected)


def test_network_is_evaluated_without_dropout_and_without_gradients(rng):
    """Assert that a network in training mode is put to evaluation, and that the result is an ordinary tensor."""
    network = Labelled().train()
    denoise = NetworkDenoiser(network, "x0", VP, shape=SHAPE)
    y = torch.tensor(rng.normal(size=(2, *SHAPE)), dtype=torch.float32, requires_grad=True)
    value = denoise(y, 0.5)
    assert torch.equal(value, denoise(y, 0.5))
    assert not value.requires_grad
    assert not value.is_inference()
    value += 1.0  # as the loop does, in place


def test_the_loop_runs_a_network_as_it_runs_the_law():
    """Assert that sampling through the adapter of an exact network equals sampling through the law itself."""
    law = mixture()
    tab = schemes.er_sde(TimeGrid.karras(12, 60.0, 0.02), NoiseScale.exp_power(), order=3)
    start = torch.tensor(law.sample(40, noise_level=60.0, seed=2))
    expected = sample(tab, law.denoise, start, 7)
    for convention, prediction, levels in (("vp", "epsilon", DiscreteLevels(vp_table())), ("flow", "flow", FLOW_UNIT)):
        denoise = NetworkDenoiser(ExactNetwork(law, convention, prediction), prediction, levels, shape=(DIM,))
        difference = float((sample(tab, denoise, start, 7) - expected).abs().max())
        # the table's levels are those of the closed form at whole timesteps only (about 1e-6 of a level between)
        assert difference < (1e-11 if convention == "flow" else 2e-4)


def test_flow_is_evaluated_at_infinite_noise_and_epsilon_is_not():
    """Assert that at alpha = 0 a flow network answers x - F, and that epsilon's lack of an answer is explained."""
    y = torch.ones(2, *SHAPE, dtype=torch.float64)
    flow = NetworkDenoiser(lambda x, *_: 0.25 * x, "flow", FLOW, shape=SHAPE)
    assert torch.equal(flow(y, math.inf), 0.75 * y)
    epsilon = NetworkDenoiser(lambda x, *_: x, "epsilon", FLOW, shape=SHAPE)
    with pytest.raises(ValueError, match="epsilon does not determine x0 at alpha = 0"):
        epsilon(y, math.inf)


def test_levels_outside_the_trained_range_are_refused_unless_asked_for():
    """Assert that extrapolation is an option, never silent, and that the ends belong to the range."""
    denoise = NetworkDenoiser(lambda x, *_: x, "x0", SigmaLevels((0.002, 80.0)), shape=SHAPE)
    y = torch.ones(1, *SHAPE)
    for lam in (0.002, 80.0, 80.0 * (1.0 + 1e-12)):
        denoise(y, lam)
    for lam in (0.001, 81.0, 0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"expected a level in \[0.002, 80\]"):
            denoise(y, lam)
    dataclasses.replace(denoise, extrapolate=True)(y, 100.0)
    narrow = dataclasses.replace(denoise, noise_range=(0.1, 1.0))
    with pytest.raises(ValueError, match=r"expected a level in \[0.1, 1\]"):
        narrow(y, 2.0)


def good(**changed):
    """Return a plain denoiser with some settings changed."""
    settings = {"network": lambda x, *_, **__: x, "prediction": "x0", "levels": VP, "shape": SHAPE} | changed
    return NetworkDenoiser(settings.pop("network"), settings.pop("prediction"), settings.pop("levels"), **settings)


ZEROS = torch.zeros(2, *SHAPE)
BAD = {
    "prediction unknown": (lambda: good(prediction="noise"), ValueError, "expected one of x0, epsilon, v, score, flow"),
    "prediction misspelt": (lambda: good(prediction="epsilom"), ValueError, "did you mean 'epsilon'"),
    "prediction kind": (lambda: good(prediction=3), TypeError, "expected one of"),
    "no network": (lambda: good(network=None), TypeError, "expected a module or another callable"),
    "shape": (lambda: good(shape=(3, 0)), ValueError, "shape: expected an integer >= 1"),
    "guidance alone": (lambda: good(guidance=2.0), ValueError, "unconditional: expected the keywords of"),
    "numpy": (lambda: good()(np.zeros((2, *SHAPE)), 1.0), TypeError, "expected a torch tensor of floats"),
    "integers": (lambda: good()(ZEROS.long(), 1.0), TypeError, "expected a torch tensor of floats, got torch.int64"),
    "wrong shape": (
        lambda: good()(torch.zeros(2, 4, 3), 1.0),
        ValueError,
        r"expected shape \(n, 3, 4\), got \(2, 4, 3",
    ),
    "output shape": (
        lambda: good(network=lambda x, *_: x[:, :1])(ZEROS, 1.0),
        ValueError,
        r"expected an output of shape \(2, 3, 4\), got \(2, 1, 4\)",
    ),
    "output kind": (
        lambda: good(network=lambda x, *_: {"a": x})(ZEROS, 1.0),
        TypeError,
        "tensor, a tuple or an object",
    ),
    "rows of a condition": (
        lambda: good(condition={"y": torch.zeros(3)})(ZEROS, 1.0),
        ValueError,
        r"condition\['y'\]: expected a first axis of 1 or 2 rows",
    ),
    "labels as numbers under guidance": (
        lambda: good(condition={"y": 1}, unconditional={"y": 0}, guidance=2.0)(ZEROS, 1.0),
        TypeError,
        "expected tensors, since guidance puts both halves in one batch",
    ),
    "moving a function": (lambda: good().to(dtype=torch.float64), TypeError, "expected a torch.nn.Module to move"),
}


@pytest.mark.parametrize("case", BAD)
def test_misuse_says_what_was_expected(case):
    """Assert that each misuse raises an error of the right kind that names what was expected."""
    call, kind, words = BAD[case]
    with pytest.raises(kind, match=words):
        call()


def test_denoiser_leaves_y_alone_and_returns_new_memory(rng):
    """Assert what `pure` promises the loop, for a network that hands back its own input."""
    for prediction in ("x0", "flow"):
        denoise = NetworkDenoiser(lambda x, *_: x, prediction, FLOW_UNIT, shape=SHAPE)
        assert denoise.pure
        y = torch.tensor(rng.normal(size=(2, *SHAPE)))
        before = y.clone()
        value = denoise(y, 0.5)
        value += 1.0
        assert torch.equal(y, before)
