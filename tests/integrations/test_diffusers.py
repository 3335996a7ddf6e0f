"""``ERSDEScheduler`` steps the tableau it says, and lives in real pipelines."""
# ruff: noqa: E402 - skipped before anything that needs torch is imported

from __future__ import annotations

import copy
import json
import math

import pytest

from ersde_theory import NoiseScale, TimeGrid, sample
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.sampling import NonFiniteError

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from ersde_theory.integrations.choice import SCHEMES, chosen_tableau
from ersde_theory.integrations.diffusers import ERSDEScheduler

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*__array__ implementation.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
EPSILON = 1e-13  # sums of a few terms of size 1 in float64


def denoise(y, level):
    """Return a nonlinear data prediction from y (or x, where alpha is 0) and the noise level."""
    return torch.tanh(y / (1.0 + level)) if math.isfinite(level) else torch.tanh(y)


def units(scheduler):
    """Return alpha, sigma, level of every step, by formulas of their own."""
    for s in scheduler.sigmas.tolist()[:-1]:
        if scheduler.config["use_flow_sigmas"]:
            yield 1.0 - s, s, math.inf if s == 1.0 else s / (1.0 - s)
        else:
            yield 1.0 / math.hypot(1.0, s), s / math.hypot(1.0, s), s


def network_output(kind, x, x0, alpha, sigma):
    """Return what a network of a prediction type would have returned for the data prediction x0."""
    noise = (x - alpha * x0) / sigma
    return {"sample": x0, "epsilon": noise, "v_prediction": alpha * noise - sigma * x0, "flow_prediction": noise - x0}[
        kind
    ]


def run(scheduler, x, noise=None, **options):
    """Return the result of all steps with the denoiser above."""
    kind = scheduler.config["prediction_type"]
    for i, (t, (alpha, sigma, level)) in enumerate(zip(scheduler.timesteps, units(scheduler), strict=True)):
        x0 = denoise(x / (alpha or 1.0), level)
        given = {} if noise is None else {"variance_noise": noise[i]}
        x = scheduler.step(network_output(kind, x, x0, alpha, sigma), t, x, **given, **options).prev_sample
    return x


def start(shape=(2, 3, 4, 4), seed=1, dtype=torch.float64):
    """Return standard normals."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def levels_of(scheduler):
    """Return the noise levels of a run."""
    last = scheduler.sigmas.tolist()[-1]
    end = last / (1.0 - last) if scheduler.config["use_flow_sigmas"] else last
    return (*[level for _, _, level in units(scheduler)], end)


CASES = [
    *[("vp", kind, {"prediction_type": kind}) for kind in ("epsilon", "sample", "v_prediction")],
    *[
        ("flow", kind, {"prediction_type": kind, "use_flow_sigmas": True, "flow_shift": 3.0})
        for kind in ("flow_prediction", "sample")
    ],
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("noise_scale", ["ode", "exp_power", "reverse_sde"])
@pytest.mark.parametrize(("process", "kind", "config"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_steps_equal_sample_with_the_same_tableau_and_noise(process, kind, config, noise_scale, scheme):
    """Assert equality to round-off, draw for draw, for every prediction type."""
    scheduler = ERSDEScheduler(scheme=scheme, noise_scale=noise_scale, **config)
    scheduler.set_timesteps(7)
    tab = chosen_tableau(levels_of(scheduler), process, scheme, None, NoiseScale.from_name(noise_scale))
    x, noise = start(), start((7, 2, 3, 4, 4), seed=2)
    want = sample(tab, denoise, x, noise)
    # where alpha is small the conversion of the network's output magnifies round-off by 1/alpha
    assert float((run(scheduler, x, noise) - want).abs().max()) < EPSILON / min(a for a, _, _ in units(scheduler))


def test_flow_from_pure_noise_takes_the_limit():
    """Assert that sigmas that begin at 1 (alpha = 0) run, and are the tableau from level infinity."""
    scheduler = ERSDEScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, noise_scale="exp_power")
    scheduler.set_timesteps(sigmas=[1.0, 0.8, 0.6, 0.4, 0.2])
    assert scheduler.timesteps.tolist() == pytest.approx([1000.0, 800.0, 600.0, 400.0, 200.0])
    tab = chosen_tableau(levels_of(scheduler), "flow", "best", None, NoiseScale.exp_power())
    assert math.isinf(tab.noise_level[0])
    x, noise = start(), start((5, 2, 3, 4, 4), seed=2)
    assert float((run(scheduler, x, noise) - sample(tab, denoise, x, noise)).abs().max()) < EPSILON


GRIDS = [
    {},
    {"timestep_spacing": "trailing"},
    {"timestep_spacing": "leading", "steps_offset": 1},
    {"use_karras_sigmas": True},
    {"use_exponential_sigmas": True},
    {"use_beta_sigmas": True},
    {"use_lu_lambdas": True},
    {"final_sigmas_type": "sigma_min"},
    {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    {"trained_betas": [0.001 * (i + 1) for i in range(20)], "num_train_timesteps": 20},
]


@pytest.mark.parametrize("options", GRIDS, ids=lambda options: " ".join(map(str, options)) or "default")
def test_grid_is_that_of_diffusers_own_multistep_scheduler(options):
    """Assert that timesteps and sigmas are taken over, and that noise is added as there."""
    ours, theirs = ERSDEScheduler(**options), diffusers.DPMSolverMultistepScheduler(**options)
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(8)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    assert torch.equal(ours.sigmas, theirs.sigmas)
    assert torch.equal(ours.betas, theirs.betas)
    x, noise, t = start(dtype=torch.float32), start(seed=3, dtype=torch.float32), ours.timesteps[[2, 5]]
    assert torch.allclose(ours.add_noise(x, noise, t), theirs.add_noise(x, noise, t), rtol=1e-5, atol=1e-6)


def test_flow_grid_is_that_of_diffusers_own_schedulers():
    """Assert the sigmas of the multistep scheduler by default, those of the Euler scheduler for given ones."""
    ours = ERSDEScheduler(use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction")
    multistep = diffusers.DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction"
    )
    for scheduler in (ours, multistep):
        scheduler.set_timesteps(9)
    assert torch.allclose(ours.sigmas, multistep.sigmas, rtol=1e-6)
    euler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    given = [1.0, 0.75, 0.5, 0.25]
    for scheduler in (ours, euler):
        scheduler.set_timesteps(sigmas=given)
    assert torch.allclose(ours.sigmas, euler.sigmas, rtol=1e-6)
    assert torch.allclose(ours.timesteps, euler.timesteps, rtol=1e-6)
    dynamic = {"use_dynamic_shifting": True}
    ours = ERSDEScheduler.from_config(diffusers.FlowMatchEulerDiscreteScheduler(**dynamic).config)
    euler = diffusers.FlowMatchEulerDiscreteScheduler(**dynamic)
    for scheduler in (ours, euler):
        scheduler.set_timesteps(sigmas=given, mu=0.9)
    assert torch.allclose(ours.sigmas, euler.sigmas, rtol=1e-6)


def test_own_timesteps_and_sigmas_are_taken():
    """Assert that lists set the grid; a list of sigmas may bring its final 0."""
    scheduler = ERSDEScheduler()
    scheduler.set_timesteps(timesteps=[900, 500, 100])
    assert scheduler.timesteps.tolist() == [900, 500, 100]
    for sigmas in ([10.0, 3.0, 1.0], [10.0, 3.0, 1.0, 0.0]):
        scheduler.set_timesteps(sigmas=sigmas)
        assert scheduler.sigmas.tolist() == [10.0, 3.0, 1.0, 0.0]
        assert len(scheduler.timesteps) == scheduler.num_inference_steps == 3
    assert torch.isfinite(run(scheduler, start(), start((3, 2, 3, 4, 4)))).all()


def test_configuration_survives_folder_and_other_schedulers(tmp_path):
    """Assert that saving and loading keep every setting, and that classes can be exchanged both ways."""
    scheduler = ERSDEScheduler(
        noise_scale="power(1.5)", eta=0.25, scheme="adams", scheme_order=4, use_karras_sigmas=True
    )
    scheduler.save_pretrained(tmp_path)
    loaded = ERSDEScheduler.from_pretrained(tmp_path)
    assert {k: v for k, v in loaded.config.items() if k[0] != "_"} == dict(
        (k, v) for k, v in scheduler.config.items() if k[0] != "_"
    )
    assert json.loads((tmp_path / "scheduler_config.json").read_text())["_class_name"] == "ERSDEScheduler"
    for name in ("DDIMScheduler", "DDPMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"):
        other = getattr(diffusers, name)(beta_schedule="scaled_linear", prediction_type="v_prediction")
        ours = ERSDEScheduler.from_config(other.config)
        assert (ours.config.beta_schedule, ours.config.prediction_type) == ("scaled_linear", "v_prediction")
        back = type(other).from_config(ours.config)
        kept = {k: v for k, v in other.config.items() if k[0] != "_"}
        assert {k: back.config[k] for k in kept} == kept
    flow = ERSDEScheduler.from_config(diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0).config, noise_scale="ode")
    config = flow.config
    assert (config.use_flow_sigmas, config.prediction_type, config.flow_shift) == (True, "flow_prediction", 3.0)
    assert config.noise_scale == "ode"


def test_noise_scale_of_ones_own_runs_but_is_not_saved(tmp_path):
    """Assert that a NoiseScale is taken as it is, and that saving one without a name fails before it is written."""
    phi = NoiseScale.from_tau_squared(lambda lam: lam / (1.0 + lam), name="mine")
    scheduler = ERSDEScheduler(noise_scale=phi)
    scheduler.set_timesteps(4)
    assert torch.isfinite(run(scheduler, start(), start((4, 2, 3, 4, 4)))).all()
    with pytest.raises(ValueError, match="noise scale: expected one of"):
        scheduler.save_pretrained(tmp_path)
    ERSDEScheduler(noise_scale=NoiseScale.reverse_sde()).save_pretrained(tmp_path)
    assert ERSDEScheduler.from_pretrained(tmp_path).config.noise_scale == "reverse_sde"


def test_image_to_image_starts_in_the_middle_with_a_fresh_history():
    """Assert that a begin index gives the sampler of the remaining levels, and add_noise fits it."""
    scheduler = ERSDEScheduler(prediction_type="sample", noise_scale="ode")
    scheduler.set_timesteps(8)
    scheduler.set_begin_index(3)
    rest = scheduler.timesteps[3:]
    x = scheduler.add_noise(start(), start(seed=4), rest[:1].repeat(2))
    alpha, sigma, _ = list(units(scheduler))[3]
    assert float((x - alpha * start() - sigma * start(seed=4)).abs().max()) < EPSILON
    y = x
    for t, (alpha, _sigma, level) in zip(rest, list(units(scheduler))[3:], strict=True):
        y = scheduler.step(denoise(y / alpha, level), t, y).prev_sample
    tab = chosen_tableau(levels_of(scheduler)[3:], "vp", "best", None, NoiseScale.ode())
    assert float((y - sample(tab, denoise, x)).abs().max()) < EPSILON / alpha
    assert scheduler.step_index == 8


def test_noise_is_that_of_the_generators():
    """Assert that a list of generators gives each sample its own noise, and one generator repeats a run."""

    def result(generator):
        scheduler = ERSDEScheduler(noise_scale="reverse_sde")
        scheduler.set_timesteps(5)
        return run(scheduler, start(dtype=torch.float32), generator=generator)

    seeded = lambda seed: torch.Generator().manual_seed(seed)  # noqa: E731
    assert torch.equal(result(seeded(1)), result(seeded(1)))
    pair, swapped = result([seeded(1), seeded(2)]), result([seeded(2), seeded(1)])
    scheduler = ERSDEScheduler(noise_scale="reverse_sde")
    scheduler.set_timesteps(5)
    alone = run(scheduler, start(dtype=torch.float32)[:1], generator=[seeded(1)])
    assert torch.allclose(pair[:1], alone, atol=1e-6)
    assert not torch.allclose(pair, swapped)


@pytest.mark.parametrize(("dtype", "of_sums"), [(torch.float64, torch.float64), (torch.float16, torch.float32)])
def test_noise_drawn_is_what_torch_randn_draws(dtype, of_sums):
    """Assert that drawing into memory used again gives the bits of fresh normals in the dtype of the sums."""
    results = []
    for seed in (1, 1, 2):
        scheduler = ERSDEScheduler(prediction_type="sample", noise_scale="reverse_sde")
        scheduler.set_timesteps(5)
        x, generator = start(dtype=dtype), torch.Generator().manual_seed(seed)
        for t in scheduler.timesteps:
            options = {"generator": generator}
            if results:
                options = {"variance_noise": torch.randn(x.shape, generator=generator, dtype=of_sums)}
            x = scheduler.step(0.5 * x, t, x, **options).prev_sample
        results.append(x)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_lower_precision_keeps_its_dtype_and_stays_near_double(dtype):
    """Assert that sums in float32 leave a few roundings of the dtype a step; inputs stay as they were."""
    scheduler = ERSDEScheduler(prediction_type="sample", noise_scale="ode", beta_schedule="scaled_linear")
    results = []
    for kind in (dtype, torch.float64):
        scheduler.set_timesteps(10)
        results.append(run(scheduler, start(dtype=dtype).to(kind)))
    assert results[0].dtype == dtype
    assert float((results[0].double() - results[1]).abs().max()) < 16 * torch.finfo(dtype).eps


def test_step_leaves_its_arguments_and_copies_of_itself_alone():
    """Assert that sample and output are not changed, tuples come on request, and a copy goes on by itself."""
    scheduler = ERSDEScheduler(noise_scale="ode")
    scheduler.set_timesteps(4)
    x, output = start(), start(seed=2)
    before = x.clone(), output.clone()
    (result,) = scheduler.step(output, scheduler.timesteps[0], x, return_dict=False)
    assert torch.equal(x, before[0])
    assert torch.equal(output, before[1])
    twin = copy.deepcopy(scheduler)
    first = scheduler.step(output, scheduler.timesteps[1], result).prev_sample
    assert torch.equal(twin.step(output, scheduler.timesteps[1], result).prev_sample, first)


def test_gradients_flow_through_steps():
    """Assert that a step can be differentiated, as guidance needs."""
    scheduler = ERSDEScheduler(noise_scale="ode")
    scheduler.set_timesteps(3)
    x = start().requires_grad_()
    y = x
    for t in scheduler.timesteps:
        y = scheduler.step(0.1 * y, t, y).prev_sample
    y.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert float(x.grad.abs().min()) > 0.0


def test_predicted_variance_is_left_out():
    """Assert that the second half of the channels is not used where a variance is predicted, and is an error else."""
    x, output = start(), start((2, 6, 4, 4), seed=2)
    learned = ERSDEScheduler(noise_scale="ode", variance_type="learned_range")
    plain = ERSDEScheduler(noise_scale="ode")
    for scheduler in (learned, plain):
        scheduler.set_timesteps(3)
    t = plain.timesteps[0]
    assert torch.equal(learned.step(output, t, x).prev_sample, plain.step(output[:, :3], t, x).prev_sample)
    plain.set_timesteps(3)
    with pytest.raises(ValueError, match=r"expected shape \(2, 3, 4, 4\), got \(2, 6, 4, 4\)"):
        plain.step(output, t, x)


def ready(**options):
    """Return a scheduler with three steps."""
    scheduler = ERSDEScheduler(**options)
    scheduler.set_timesteps(3)
    return scheduler


def test_calls_out_of_order_are_refused():
    """Assert that a step before set_timesteps, out of order, of another grid or too many is an error."""
    x = start()
    with pytest.raises(ValueError, match="expected set_timesteps to be called first"):
        ERSDEScheduler().step(x, 999, x)
    scheduler = ready(noise_scale="ode")
    with pytest.raises(ValueError, match="expected one of the grid"):
        scheduler.step(x, 998.5, x)
    scheduler.step(x, scheduler.timesteps[0], x)
    with pytest.raises(ValueError, match="timestep: expected 666 at step 1, got 333"):
        scheduler.step(x, scheduler.timesteps[2], x)
    for t in scheduler.timesteps[1:]:
        scheduler.step(x, t, x)
    with pytest.raises(ValueError, match="expected 3 steps, got another"):
        scheduler.step(x, scheduler.timesteps[2], x)
    with pytest.raises(ValueError, match="expected one number, got shape"):
        ready(noise_scale="ode").step(x, torch.tensor([999, 999]), x)
    late = ready()
    late.set_begin_index(3)
    with pytest.raises(ValueError, match="begin_index: expected an index below 3, got 3"):
        late.step(x, 999, x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ERSDEScheduler(prediction_type="eps"), "did you mean 'epsilon'"),
        (lambda: ERSDEScheduler(scheme="publishd"), "did you mean 'published'"),
        (lambda: ERSDEScheduler(noise_scale="od"), "did you mean 'ode'"),
        (lambda: ERSDEScheduler(eta=-0.5), "eta: expected a number >= 0"),
        (lambda: ERSDEScheduler(final_sigmas_type="zeros"), "did you mean 'zero'"),
        (lambda: ERSDEScheduler(prediction_type="flow_prediction"), "expected another with use_flow_sigmas=False"),
        (
            lambda: ERSDEScheduler(prediction_type="v_prediction", use_flow_sigmas=True),
            "expected another with use_flow_sigmas=True",
        ),
        (lambda: ready().set_timesteps(0), "num_inference_steps: expected an integer >= 1"),
        (lambda: ready().set_timesteps(timesteps=[5], sigmas=[1.0]), "got both"),
        (lambda: ready().set_timesteps(sigmas=[1.0, 2.0]), "expected strictly falling numbers, got 1 then 2"),
        (lambda: ready().set_timesteps(timesteps=[10, 500]), "expected strictly falling numbers"),
        (lambda: ready(use_flow_sigmas=True, prediction_type="sample").set_timesteps(3, mu=1.0), "mu: expected None"),
        (lambda: ready(scheme="adams", scheme_order=5), "order: expected an integer >= 1 and <= 4, got 5"),
        (lambda: ready(noise_scale="log_power").set_timesteps(sigmas=[2e3, 1.0]), r"tau\^2 >= 0"),
        (lambda: ready().step(start(), 999, start(), eta=1.0), "expected no DDIM option"),
        (lambda: ready().step(start(), 999, start(), variance_noise=start()[:1]), "variance_noise: expected shape"),
        (
            lambda: ERSDEScheduler(use_flow_sigmas=True, prediction_type="sample", use_karras_sigmas=True),
            "expected no Karras",
        ),
        (
            lambda: ERSDEScheduler.from_config(diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True).config),
            "expected no shift_terminal",
        ),
    ],
)
def test_bad_settings_say_what_was_expected(make, message):
    """Assert that settings are checked where they are given, and names suggest the nearest."""
    with pytest.raises(ValueError, match=message):
        make()


def test_epsilon_from_pure_noise_and_nan_are_refused_with_their_place():
    """Assert that a prediction of noise is refused where alpha is 0, and nan is reported with step and sigma."""
    flow = ERSDEScheduler(prediction_type="epsilon", use_flow_sigmas=True)
    flow.set_timesteps(sigmas=[1.0, 0.5])
    with pytest.raises(ValueError, match="expected another than 'epsilon' for a start from pure noise"):
        flow.step(start(), flow.timesteps[0], start())
    scheduler = ready(noise_scale="ode")
    x = scheduler.step(start(), scheduler.timesteps[0], start()).prev_sample
    with pytest.raises(NonFiniteError, match=r"at step 1, sigma \d"):
        scheduler.step(x * float("nan"), scheduler.timesteps[1], x)


def test_history_shifted_by_one_is_caught_as_broken_twin():
    """Assert that a scheduler that uses the value before the newest one differs from the tableau."""
    scheduler = ERSDEScheduler(prediction_type="sample", noise_scale="ode", scheme="adams")
    scheduler.set_timesteps(7)
    tab = chosen_tableau(levels_of(scheduler), "vp", "adams", None, NoiseScale.ode())
    x, old = start(), None
    want = sample(tab, denoise, x)
    for t, (alpha, _, level) in zip(scheduler.timesteps, units(scheduler), strict=True):
        new = denoise(x / alpha, level)
        x, old = scheduler.step(new if old is None else old, t, x).prev_sample, new
    assert float((x - want).abs().max()) > 1e-3


def test_gaussian_law_is_the_exact_one_of_the_tableau():
    """Assert the sampled variance against its exact value, and that too much noise would be noticed."""

    def variance(factor):
        scheduler = ERSDEScheduler(prediction_type="sample", noise_scale="reverse_sde")
        scheduler.set_timesteps(30)
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(50_000, 1, generator=generator)
        for t, (alpha, sigma, _) in zip(scheduler.timesteps, units(scheduler), strict=True):
            x0 = 0.25 * alpha / (0.25 * alpha**2 + sigma**2) * x
            normals = factor * torch.randn(x.shape, generator=generator)
            x = scheduler.step(x0, t, x, variance_noise=normals).prev_sample
        return float(x.var()), levels_of(scheduler)

    got, levels = variance(1.0)
    tab = chosen_tableau(levels, "vp", "best", None, NoiseScale.reverse_sde())
    (_, exact) = output_moments(tab, 0.0, 0.25, start_mean=0.0, start_variance=1.0)
    bound = 4.5 * float(exact) * (2.0 / 50_000) ** 0.5
    assert abs(got - float(exact)) < bound
    assert abs(variance(1.1)[0] - float(exact)) > bound


def small_unet(channels=3, **options):
    """Return a random network, small enough for a test."""
    torch.manual_seed(0)
    return diffusers.UNet2DModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
        **options,
    ).eval()


@pytest.mark.parametrize("pipeline", ["DDPMPipeline", "DDIMPipeline"])
@pytest.mark.parametrize("options", [{"noise_scale": "ode"}, {"scheme": "adams", "use_karras_sigmas": True}])
def test_unconditional_pipelines_run_with_the_scheduler_in_place_of_theirs(pipeline, options, tmp_path):
    """Assert that pixels come out, that a seed repeats them, and that the pipeline can be saved with its scheduler."""
    own = diffusers.DDIMScheduler() if pipeline == "DDIMPipeline" else diffusers.DDPMScheduler()
    pipe = getattr(diffusers, pipeline)(small_unet(), own)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = ERSDEScheduler.from_config(pipe.scheduler.config, **options)

    def images(pipe):
        seeded = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        return torch.from_numpy(pipe(batch_size=2, generator=seeded, num_inference_steps=5, output_type="np").images)

    first = images(pipe)
    assert first.shape == (2, 8, 8, 3)
    assert torch.isfinite(first).all()
    assert torch.equal(images(pipe), first)
    pipe.save_pretrained(tmp_path)
    # the class of the pipeline of DDIM makes its own scheduler out of any
    loaded = diffusers.DDPMPipeline.from_pretrained(tmp_path, low_cpu_mem_usage=False)
    loaded.set_progress_bar_config(disable=True)
    assert isinstance(loaded.scheduler, ERSDEScheduler)
    assert torch.equal(images(loaded), first)


def test_pipeline_with_ode_agrees_with_diffusers_own_solver_when_steps_are_many():
    """Assert that in a real pipeline both solvers of the same ODE tend to one image, and differ at few steps."""
    pipe = diffusers.DDPMPipeline(small_unet(), diffusers.DDPMScheduler())
    pipe.set_progress_bar_config(disable=True)
    distance = {}
    for steps in (5, 100):
        images = []
        for make in (
            lambda c: ERSDEScheduler.from_config(c, noise_scale="ode"),
            diffusers.DPMSolverMultistepScheduler.from_config,
        ):
            pipe.scheduler = make(pipe.scheduler.config)
            generator = torch.Generator().manual_seed(1)
            images.append(pipe(generator=generator, num_inference_steps=steps, output_type="np").images)
        distance[steps] = abs(images[0] - images[1]).mean()
    assert distance[100] < 0.3 * distance[5]
    assert distance[100] < 2e-3


def test_class_conditional_transformer_pipeline_runs():
    """Assert that DiTPipeline with guidance and learned variance runs on small random parts."""
    torch.manual_seed(0)
    transformer = diffusers.DiTTransformer2DModel(
        sample_size=4, num_layers=1, patch_size=2, attention_head_dim=4, num_attention_heads=2, in_channels=4,
        out_channels=8, attention_bias=True, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero", norm_elementwise_affine=False,
    ).eval()  # fmt: skip
    vae = diffusers.AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, latent_channels=4).eval()
    pipe = diffusers.DiTPipeline(transformer, vae, diffusers.DDIMScheduler())
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = ERSDEScheduler.from_config(pipe.scheduler.config, noise_scale="exp_power")
    images = [
        pipe(class_labels=[1, 2], num_inference_steps=4, generator=torch.Generator().manual_seed(1), output_type="np")
        for _ in range(2)
    ]
    assert images[0].images.shape[0] == 2


def test_unknown_levels_of_a_karras_grid_do_not_matter():
    """Assert that any falling list of sigmas is a grid, Karras levels of another range included."""
    scheduler = ERSDEScheduler(noise_scale="ode", prediction_type="sample")
    scheduler.set_timesteps(sigmas=TimeGrid.karras(6, 14.6, 0.03).levels.tolist())
    assert len(scheduler.timesteps) == 7
    assert torch.isfinite(run(scheduler, start())).all()


def test_noise_is_added_at_training_timesteps_before_a_run():
    """Assert alpha at every timestep of training; diffusers' multistep scheduler has them the wrong way round there."""
    scheduler = ERSDEScheduler()
    ones, t = torch.ones(3, 1), torch.tensor([0, 500, 999])
    alpha = scheduler.add_noise(ones, 0.0 * ones, t)[:, 0]
    assert torch.allclose(alpha, scheduler.alphas_cumprod[t].sqrt(), rtol=1e-5)
