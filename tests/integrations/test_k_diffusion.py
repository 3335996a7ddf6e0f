"""``sample_er_sde`` behaves as k-diffusion's samplers do and is the tableau it says."""
# ruff: noqa: E402 - skipped before anything that needs torch is imported

from __future__ import annotations

import inspect
import math
from types import SimpleNamespace

import pytest

from ersde_theory import NoiseScale, TimeGrid, sample
from ersde_theory.sampling import NonFiniteError

torch = pytest.importorskip("torch")

from ersde_theory.integrations.choice import SCHEMES, chosen_tableau
from ersde_theory.integrations.k_diffusion import is_flow_model, sample_er_sde

SIGMAS = {
    "ve": torch.tensor([80.0, 20.0, 5.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.0], dtype=torch.float64),
    "flow": torch.tensor([1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.15, 0.05, 0.0], dtype=torch.float64),
}


def model(x, sigma, **_kwargs):
    """Return denoised values that depend on x and on sigma; x may be in any coordinates."""
    return torch.tanh(x / (1.0 + sigma.reshape(-1, *[1] * (x.ndim - 1))))


def start(dtype=torch.float64):
    """Return a start of three samples."""
    return torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).to(dtype)


def levels_of(kind):
    """Return noise levels of the sigmas, by another formula than the code's."""
    sigmas = SIGMAS[kind].tolist()
    return (
        tuple(sigmas)
        if kind == "ve"
        else tuple(math.inf if s == 1.0 else 1.0 / (1.0 / s - 1.0) if s else 0.0 for s in sigmas)
    )


def same_model(kind):
    """Return the model as a denoiser of y for :func:`ersde_theory.sample`."""

    def denoise(y, level):
        if kind == "ve":
            return model(y, torch.full((len(y),), level, dtype=y.dtype))
        sigma = 1.0 if math.isinf(level) else level / (1.0 + level)
        x = y if sigma == 1.0 else (1.0 - sigma) * y
        return model(x, torch.full((len(y),), sigma, dtype=y.dtype))

    return denoise


@pytest.mark.parametrize("noise_scale", ["ode", "exp_power"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", SIGMAS)
def test_function_equals_sample_with_the_same_tableau_and_noise(kind, scheme, noise_scale):
    """Assert equality to round-off, draw for draw, for models of noise and of flow."""
    tab = chosen_tableau(levels_of(kind), kind, scheme, None, NoiseScale.from_name(noise_scale))
    noise = torch.randn(8, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    asked = []

    def noise_sampler(sigma, sigma_next):
        asked.append((float(sigma), float(sigma_next)))
        return noise[SIGMAS[kind].tolist().index(float(sigma))]

    x = start() * SIGMAS[kind][0]
    got = sample_er_sde(
        model, x, SIGMAS[kind], noise_sampler=noise_sampler, scheme=scheme, noise_scale=noise_scale, flow=kind == "flow"
    )
    want = sample(tab, same_model(kind), x, noise)
    assert float((got - want).abs().max()) < 1e-13
    pairs = list(zip(SIGMAS[kind].tolist()[:-1], SIGMAS[kind].tolist()[1:], strict=True))
    wanted = [pair for pair, weight in zip(pairs, tab.noise[tab.noise_columns >= 0], strict=True) if weight != 0.0]
    assert asked == wanted


def test_callback_gets_what_k_diffusion_gives():
    """Assert the keys, their order of steps, and that x is the state at which the model was asked."""
    seen, asked = [], []

    def watched(x, sigma, **kwargs):
        asked.append((x.clone(), sigma, kwargs))
        return model(x, sigma)

    x = start(torch.float32)
    sigmas = SIGMAS["ve"].float()
    sample_er_sde(watched, x, sigmas, {"cond": 1}, seen.append, True, noise_scale="ode")
    assert [set(entry) for entry in seen] == [{"x", "i", "sigma", "sigma_hat", "denoised"}] * 8
    assert [entry["i"] for entry in seen] == list(range(8))
    for entry, (state, sigma, kwargs) in zip(seen, asked, strict=True):
        assert torch.equal(entry["x"], state)
        assert entry["sigma"] == entry["sigma_hat"] == sigmas[entry["i"]]
        assert torch.equal(sigma, entry["sigma"] * torch.ones(3))
        assert kwargs == {"cond": 1}
        assert torch.equal(entry["denoised"], model(state, sigma))


def test_signature_begins_as_every_sampler_of_k_diffusion_does():
    """Assert that programs which pass arguments by place or by name can call it."""
    names = list(inspect.signature(sample_er_sde).parameters)
    assert names[:6] == ["model", "x", "sigmas", "extra_args", "callback", "disable"]
    assert {"s_noise", "noise_sampler"} <= set(names)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_lower_precision_stays_near_double(dtype):
    """Assert that dtype and start are kept, and the error is a few roundings of the dtype."""
    x = (start() * 80.0).to(dtype)
    before = x.clone()
    got = sample_er_sde(model, x, SIGMAS["ve"].float(), noise_scale="ode")
    want = sample_er_sde(model, x.double(), SIGMAS["ve"].float().double(), noise_scale="ode")
    assert got.dtype == dtype
    assert torch.equal(x, before)
    assert float((got.double() - want).abs().max()) < 16 * torch.finfo(dtype).eps


def test_s_noise_eta_and_seed_have_their_meanings():
    """Assert that no noise is the ODE's table's noise left out, eta = 0 is the ODE, a seed repeats a run."""
    x, sigmas = start() * 80.0, SIGMAS["ve"]
    ode = sample_er_sde(model, x, sigmas, noise_scale="ode")
    assert torch.equal(sample_er_sde(model, x, sigmas, noise_scale="exp_power", eta=0.0), ode)
    quiet = sample_er_sde(model, x, sigmas, noise_scale="exp_power", s_noise=0.0)
    assert float((quiet - ode).abs().max()) > 1e-3  # phi shapes more than the noise
    first, again, other = (sample_er_sde(model, x, sigmas, {"seed": s}) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_model_that_uses_its_memory_again_gives_the_same_result():
    """Assert that values kept for later steps are kept by copy."""
    buffer = torch.empty(3, 5, dtype=torch.float64)

    def reusing(x, sigma):
        return buffer.copy_(model(x, sigma))

    x = start() * 80.0
    got = sample_er_sde(reusing, x, SIGMAS["ve"], noise_scale="ode")
    assert torch.equal(got, sample_er_sde(model, x, SIGMAS["ve"], noise_scale="ode"))


def test_flow_models_of_comfyui_are_recognised():
    """Assert that CONST is found through wrappers, anything else is not, and a flag overrules."""

    class CONST:
        pass

    class Sampling(CONST):
        pass

    class Wrapper:
        def __init__(self, inner):
            self.inner_model = inner

        def __call__(self, x, sigma):
            return model(x, sigma)

    wrapped = Wrapper(Wrapper(SimpleNamespace(model_sampling=Sampling())))
    assert is_flow_model(wrapped)
    assert not is_flow_model(Wrapper(SimpleNamespace(model_sampling=object())))
    assert not is_flow_model(model)
    loop = SimpleNamespace()
    loop.inner_model = loop
    assert not is_flow_model(loop)
    x, sigmas = start(), SIGMAS["flow"]
    flow = sample_er_sde(model, x, sigmas, noise_scale="ode", flow=True)
    assert torch.equal(sample_er_sde(wrapped, x, sigmas, noise_scale="ode"), flow)
    assert not torch.equal(sample_er_sde(wrapped, x, sigmas, noise_scale="ode", flow=False), flow)


def test_gaussian_data_keep_their_variance_under_a_flow_with_noise():
    """Assert the right law from pure noise on: a flow treated with alpha left out would fail.

    Data N(0, 1/4), 50 steps, 100,000 samples: the variance is 0.25 within 4.5 standard errors and the bias of 50 steps.
    """

    def gaussian(x, sigma):
        s = sigma[:, None]
        return 0.25 * (1.0 - s) / (0.25 * (1.0 - s) ** 2 + s**2) * x

    sigmas = torch.linspace(1.0, 0.0, 51, dtype=torch.float64)
    x = torch.randn(100_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    got = _run_with_seed(gaussian, x, sigmas)
    bound = 4.5 * 0.25 * (2.0 / 100_000) ** 0.5 + 2e-4
    assert abs(float(got.var()) - 0.25) < bound
    forgotten = _run_with_seed(gaussian, x, sigmas, flow=False)  # the twin: alpha forgotten
    assert abs(float(forgotten.var()) - 0.25) > bound


def test_default_noise_is_what_torch_randn_draws():
    """Assert that drawing into memory used again gives the bits of fresh normals of the generator with the seed."""
    sigmas, x = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.0]), start(torch.float32)
    results = [sample_er_sde(lambda x, _s, **_: 0.5 * x, x, sigmas, {"seed": 3})]
    for seed in (3, 4):
        fresh = torch.Generator().manual_seed(seed)
        given = lambda *_, g=fresh: torch.randn(x.shape, generator=g)  # noqa: E731
        results.append(sample_er_sde(lambda x, _s: 0.5 * x, x, sigmas, noise_sampler=given))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def _run_with_seed(gaussian, x, sigmas, *, flow=True):
    generator = torch.Generator().manual_seed(2)
    return sample_er_sde(
        gaussian,
        x,
        sigmas,
        noise_sampler=lambda *_: torch.randn(x.shape, dtype=x.dtype, generator=generator),
        flow=flow,
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"noise_scale": "exp_powr"}, ValueError, "did you mean 'exp_power'"),
        ({"scheme": "adam"}, ValueError, "did you mean 'adams'"),
        ({"eta": -1.0}, ValueError, "eta: expected a number >= 0"),
        ({"s_noise": float("nan")}, ValueError, "s_noise: expected a finite number"),
        ({"sigmas": [1.0, 0.0]}, TypeError, "sigmas: expected a tensor"),
        ({"sigmas": torch.ones(2, 2)}, ValueError, "sigmas: expected one axis"),
        ({"sigmas": torch.tensor([1.0, 2.0, 0.0])}, ValueError, "expected strictly falling numbers, got 1 then 2"),
        ({"x": torch.ones(2, dtype=torch.int64)}, TypeError, "floating dtype"),
        ({"x": torch.tensor(1.0)}, ValueError, r"expected shape \(n, ...\)"),
        ({"model": lambda x, _: x[:1]}, ValueError, r"model: expected a tensor of shape \(3, 5\), got shape \(1, 5\)"),
        ({"model": lambda *_: None}, TypeError, "model: expected a tensor"),
        ({"noise_sampler": lambda *_: torch.ones(2)}, ValueError, "noise_sampler: expected a tensor of shape"),
        ({"noise_scale": "log_power", "sigmas": torch.tensor([2e3, 1.0, 0.0])}, ValueError, "tau\\^2 >= 0"),
        ({"flow": True}, ValueError, r"in \[0, 1\] for a flow model, got 80"),
    ],
)
def test_bad_input_says_what_was_expected(change, error, message):
    """Assert that each argument is checked with the words of the house."""
    arguments = {"model": model, "x": start(), "sigmas": SIGMAS["ve"], **change}
    with pytest.raises(error, match=message):
        sample_er_sde(**arguments)


def test_nan_of_the_model_is_reported_with_step_and_sigma():
    """Assert that the first value that is not finite is named."""

    def broken(x, sigma):
        return model(x, sigma) * (float("nan") if float(sigma[0]) == 1.0 else 1.0)

    with pytest.raises(NonFiniteError, match="at step 3, sigma 1"):
        sample_er_sde(broken, start(), SIGMAS["ve"])


def test_levels_of_a_karras_grid_survive_as_float32():
    """Assert that the levels are those of the given numbers, not of a grid that they came from."""
    sigmas = torch.tensor(TimeGrid.karras(10, 80.0, 0.002).levels.copy(), dtype=torch.float32)
    tab = chosen_tableau(tuple(map(float, sigmas)), "ve", "best", None, NoiseScale.ode())
    x = start(torch.float64) * 80.0
    got = sample_er_sde(model, x, sigmas, noise_scale="ode")
    assert float((got - sample(tab, same_model("ve"), x)).abs().max()) < 1e-13
