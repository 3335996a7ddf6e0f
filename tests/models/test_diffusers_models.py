"""Folders of diffusers give the denoiser that their own schedulers give, offline; its configurations are understood."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from ersde_theory.models import Tolerance, check_consistency, diffusers_denoiser, load_denoiser, snapping_error
from ersde_theory.models._schedulers import conventions
from tests.models._exact_networks import DIM, ExactNetwork, mixture

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
# its schedulers hand tensors to np.array
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("no_network"),
]

BLOCKS = {"layers_per_block": 1, "block_out_channels": (8, 16), "norm_num_groups": 4, "attention_head_dim": 4}


def unet():
    """Return a small unconditional U-Net."""
    return diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        **BLOCKS,
    )


def labelled_unet():
    """Return a small U-Net with class labels."""
    return diffusers.UNet2DModel(
        sample_size=(8, 4),
        in_channels=2,
        out_channels=2,
        num_class_embeds=3,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        **BLOCKS,
    )


def transformer():
    """Return a small DiT with learned variance and classes."""
    return diffusers.DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=2,
        out_channels=4,
        num_layers=1,
        sample_size=8,
        patch_size=2,
        num_embeds_ada_norm=5,
    )


def text_unet():
    """Return a small U-Net that attends to text."""
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=2,
        out_channels=2,
        cross_attention_dim=6,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **BLOCKS,
    )


TEXT = torch.linspace(-1.0, 1.0, 18).reshape(1, 3, 6)
MODELS = {
    "unet": (unet, {}),
    "labels": (labelled_unet, {"class_labels": torch.tensor([2])}),
    "dit": (transformer, {"class_labels": torch.tensor([3])}),
    "text": (text_unet, {"encoder_hidden_states": TEXT}),
}
SCHEDULERS = {
    "ddim": lambda: diffusers.DDIMScheduler(clip_sample=False),
    "ddim v": lambda: diffusers.DDIMScheduler(
        clip_sample=False, prediction_type="v_prediction", beta_schedule="scaled_linear"
    ),
    "ddpm x0": lambda: diffusers.DDPMScheduler(
        clip_sample=False, prediction_type="sample", beta_schedule="squaredcos_cap_v2"
    ),
    "euler": lambda: diffusers.EulerDiscreteScheduler(),
    "euler v": lambda: diffusers.EulerDiscreteScheduler(prediction_type="v_prediction"),
    "edm": lambda: diffusers.EDMEulerScheduler(sigma_data=0.7),
    "edm v": lambda: diffusers.EDMEulerScheduler(sigma_data=0.7, prediction_type="v_prediction"),
    "flow": lambda: diffusers.FlowMatchEulerDiscreteScheduler(),
    "flow shifted": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
}


def saved(folder, model, scheduler, *, layout="beside"):
    """Save a random model with its scheduler; return the network in memory."""
    torch.manual_seed(0)
    network = model()
    for weight in network.parameters():  # a DiT starts at 0, where every mistake looks right
        if not bool(weight.any()):
            torch.nn.init.normal_(weight, std=0.1)
    network.save_pretrained(folder / "unet" if layout == "beside" else folder)
    scheduler.save_pretrained(folder / "scheduler" if layout == "beside" else folder)
    return network.eval()


def their_x0(scheduler, network, y, condition):
    """Return levels and x0 at one of the scheduler's own steps, by the scheduler's own loop."""
    scheduler.set_timesteps(10)
    place = 4
    t = scheduler.timesteps[place]
    name = type(scheduler).__name__
    if hasattr(scheduler, "sigmas") and scheduler.sigmas is not None and "DD" not in name:
        sigma = float(scheduler.sigmas[place])
        lam = sigma / (1.0 - sigma) if name.startswith("Flow") else sigma
        state = y * (1.0 - sigma) if name.startswith("Flow") else y
    else:
        signal = float(scheduler.alphas_cumprod[int(t)])
        lam, state = math.sqrt((1.0 - signal) / signal), y * math.sqrt(signal)
    fed = state if name.startswith("Flow") else scheduler.scale_model_input(state, t)
    told = t.expand(len(y)) if t.ndim == 0 else t
    with torch.no_grad():
        output = network(fed, told, **{k: v.expand(len(y), *v.shape[1:]) for k, v in condition.items()}).sample
    output = output[:, : y.shape[1]]
    if name.startswith("Flow"):  # it returns the next state alone: x' = x + (s' - s) u, so x0 = x - s u
        sigmas = scheduler.sigmas
        after = scheduler.step(output, t, state).prev_sample
        velocity = (after - state) / (float(sigmas[place + 1]) - float(sigmas[place]))
        return lam, state - float(sigmas[place]) * velocity
    return lam, scheduler.step(output, t, state).pred_original_sample


@pytest.mark.parametrize("name", SCHEDULERS)
def test_denoiser_is_what_the_scheduler_predicts_as_original_sample(name, tmp_path, rng):
    """Assert D against diffusers' own step from the same network: a second oracle, at a level that it visits."""
    scheduler = SCHEDULERS[name]()
    network = saved(tmp_path, unet, scheduler)
    denoise = diffusers_denoiser(tmp_path / "unet")
    y = torch.tensor(rng.normal(size=(2, 1, 8, 8)), dtype=torch.float32)
    lam, expected = their_x0(scheduler, network, y, {})
    value = denoise(y, lam)
    # float32 on both sides; their sigma, a float32, moves the told time by a relative 1e-7
    scale = float(max(expected.abs().max(), y.abs().max()))
    assert torch.allclose(value, expected, rtol=0.0, atol=2e-5 * scale)
    assert not torch.allclose(denoise(y, 1.02 * lam), expected, rtol=0.0, atol=2e-5 * scale)


@pytest.mark.parametrize("name", MODELS)
def test_saved_model_gives_its_own_formula(name, tmp_path, rng):
    """Assert that each kind of model, written and read again, gives (x - sigma eps) / alpha of the one in memory."""
    model, condition = MODELS[name]
    network = saved(tmp_path, model, diffusers.DDPMScheduler())
    denoise = diffusers_denoiser(tmp_path / "unet", condition=condition)
    assert denoise.shape == (network.config.in_channels, 8, 4 if name == "labels" else 8)
    k = 400
    signal = float(diffusers.DDPMScheduler().alphas_cumprod[k])
    alpha, sigma = math.sqrt(signal), math.sqrt(1.0 - signal)
    y = torch.tensor(rng.normal(size=(3, *denoise.shape)), dtype=torch.float32)
    rows = {key: value.expand(3, *value.shape[1:]) for key, value in condition.items()}
    with torch.no_grad():
        output = network(alpha * y, torch.full((3,), k), **rows).sample[:, : denoise.shape[0]]
    expected = (alpha * y - sigma * output) / alpha
    assert torch.allclose(denoise(y, sigma / alpha), expected, rtol=0.0, atol=1e-5 * float(expected.abs().max()))


def test_model_runs_in_double_precision_to_its_round_off(tmp_path, rng):
    """Assert that a float64 copy of the same network differs from the float32 one by float32's round-off alone."""
    saved(tmp_path, unet, diffusers.DDPMScheduler())
    denoise = diffusers_denoiser(tmp_path / "unet")
    y = torch.tensor(rng.normal(size=(2, 1, 8, 8)))
    difference = (denoise.to(dtype=torch.float64)(y, 1.0) - denoise(y, 1.0)).abs().max()
    assert 0.0 < float(difference) < 1e-5


def test_guidance_of_a_dit_uses_the_class_that_it_was_trained_to_drop(tmp_path, rng):
    """Assert D_u + w (D_c - D_u) with the label beyond the last class as the unconditional one."""
    saved(tmp_path, transformer, diffusers.DDIMScheduler())
    label = {"class_labels": torch.tensor([3])}
    guided = diffusers_denoiser(tmp_path / "unet", condition=label, guidance=3.0)
    plain = diffusers_denoiser(tmp_path / "unet", condition=label)
    y = torch.tensor(rng.normal(size=(2, 2, 8, 8)), dtype=torch.float32)
    conditional, nothing = plain(y, 1.0), plain.with_condition(class_labels=torch.tensor([5]))(y, 1.0)
    assert not torch.allclose(conditional, nothing, atol=1e-4)
    assert torch.allclose(guided(y, 1.0), nothing + 3.0 * (conditional - nothing), rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("layout", ["pipeline", "beside", "inside", "elsewhere"])
def test_every_layout_of_a_folder_is_understood(layout, tmp_path, rng):
    """Assert that a pipeline, a model with its scheduler beside or inside, and a scheduler named apart are one."""
    network = saved(tmp_path, unet, diffusers.DDPMScheduler(), layout="inside" if layout == "inside" else "beside")
    target, settings = {
        "pipeline": (tmp_path, {}),
        "beside": (tmp_path / "unet", {}),
        "inside": (tmp_path, {}),
        "elsewhere": (tmp_path / "unet", {"scheduler": tmp_path / "other"}),
    }[layout]
    if layout == "pipeline":
        diffusers.DDPMPipeline(network, diffusers.DDPMScheduler()).save_pretrained(tmp_path)
    if layout == "elsewhere":
        (tmp_path / "scheduler").rename(tmp_path / "other")
    y = torch.tensor(rng.normal(size=(2, 1, 8, 8)), dtype=torch.float32)
    value = diffusers_denoiser(target, **settings)(y, 1.0)
    if layout != "elsewhere":
        assert torch.equal(load_denoiser(str(target))(y, 1.0), value)
    with torch.no_grad():
        t = diffusers_denoiser(target, **settings).levels.at(1.0).conditioning
        output = network(y / math.sqrt(2.0), torch.full((2,), t)).sample
    assert torch.allclose(value, y - output, rtol=0.0, atol=1e-5)


def test_old_name_of_dit_is_understood(tmp_path):
    """Assert that the folder of a DiT from before its class had a name of its own loads."""
    saved(tmp_path, transformer, diffusers.DDIMScheduler())
    path = tmp_path / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "_class_name": "Transformer2DModel", "norm_type": "ada_norm_zero"}))
    denoise = diffusers_denoiser(tmp_path / "unet", condition={"class_labels": torch.tensor([0])})
    assert denoise.learned_variance


def test_snapping_moves_the_denoiser_by_what_the_moved_level_moves_it(tmp_path):
    """Assert that the measured error of snapping is that of the shifted level, and 0 at the timesteps themselves."""
    saved(tmp_path, unet, diffusers.DDPMScheduler())
    denoise = diffusers_denoiser(tmp_path / "unet")
    known = denoise.levels.known_levels
    between = np.sqrt(known[[3, 100, 500]] * known[[4, 101, 501]])
    data = torch.zeros(16, 1, 8, 8)
    found = snapping_error(denoise, data, np.concatenate([between, known[[3, 100, 500]]]))
    half_step = 0.5 * np.log(known[[4, 101, 501]] / known[[3, 100, 500]])
    np.testing.assert_allclose(np.abs(found.level_shift[:3]), half_step, rtol=1e-6)
    assert bool(np.all(found.difference[:3, 0] > 0.0))
    np.testing.assert_allclose(found.level_shift[3:], 0.0, atol=1e-12)
    # at a timestep the cubic is that timestep to round-off, which float32 rounds away
    assert bool(np.all(found.difference[3:, 0] <= 1e-5 * found.noise_level[3:]))


EXPECTED = {
    "PNDMScheduler": ({}, "epsilon"),
    "HeunDiscreteScheduler": ({"beta_schedule": "linear"}, "epsilon"),
    "DPMSolverMultistepScheduler": ({"prediction_type": "v_prediction"}, "v"),
    "UniPCMultistepScheduler": ({"prediction_type": "flow_prediction", "use_flow_sigmas": True}, "flow"),
    "ScoreSdeVeScheduler": ({}, "score"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_scheduler_says_its_convention(name):
    """Assert prediction type and a usable level map for the schedulers that are common in folders."""
    settings, prediction = EXPECTED[name]
    found, levels = conventions(getattr(diffusers, name)(**settings))
    assert found.name == prediction
    low, high = levels.noise_range
    assert levels.at(math.sqrt(low * high)).conditioning > 0.0


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler"])
def test_zero_terminal_signal_is_level_infinity(name):
    """Assert that rescaled betas end at inf, also where a scheduler writes a small number instead of 0."""
    scheduler = getattr(diffusers, name)(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    _, levels = conventions(scheduler)
    assert levels.at(math.inf).conditioning == 999.0
    assert math.isclose(levels.noise_range[1], 15406.0, rel_tol=1e-3)


def test_shift_of_flow_matching_moves_the_range_and_not_the_map():
    """Assert that with a shift the network is told the same number at the same level, on a range from 1/T shifted."""
    maps = [conventions(diffusers.FlowMatchEulerDiscreteScheduler(shift=shift))[1] for shift in (1.0, 3.0)]
    assert maps[0].at(2.0) == maps[1].at(2.0)
    assert maps[0].noise_range[0] < maps[1].noise_range[0]


def test_consistency_check_runs_on_a_schedule_of_diffusers():
    """Assert that an exact network told the timesteps of a diffusers schedule is consistent, and off by 100 is not."""
    betas = diffusers.DDPMScheduler(beta_start=1e-4, beta_end=2e-2)
    _, levels = conventions(betas)
    law = mixture()
    exact = ExactNetwork(law, "sigma", "epsilon")

    def network(x, told):
        lam = levels.noise_level(min(max(float(told[0]), 0.0), 999.0))
        return exact(x * math.hypot(1.0, lam), torch.full((len(x),), lam))

    from ersde_theory.models import NetworkDenoiser

    denoise = NetworkDenoiser(network, "epsilon", levels, shape=(DIM,))
    lam = np.geomspace(0.05, 50.0, 5)
    data = law.sample(400, seed=1)
    assert check_consistency(denoise, data, levels=lam, tolerance=Tolerance.exact()).consistent
    late = dataclasses.replace(levels, time_offset=-20.0)
    assert not check_consistency(
        dataclasses.replace(denoise, levels=late), data, levels=lam, tolerance=Tolerance.exact()
    ).consistent


def broken_folder(tmp_path, name, *, config=None, scheduler=None, index=None):
    """Return a saved folder with one of its files changed."""
    folder = tmp_path / name
    saved(folder, unet, diffusers.DDPMScheduler())
    for file, change in {
        "unet/config.json": config,
        "scheduler/scheduler_config.json": scheduler,
        "model_index.json": index,
    }.items():
        if change is not None:
            before = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
            (folder / file).write_text(json.dumps({**before, **change}))
    return folder


def test_unsupported_and_damaged_folders_say_what_was_expected(tmp_path):
    """Assert that every part of a folder that is missing or foreign is named."""

    def refused(kind, words, target, **settings):
        with pytest.raises(kind, match=words):
            diffusers_denoiser(target, **settings)

    refused(FileNotFoundError, "expected a folder of diffusers' layout, got no such folder", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    refused(
        FileNotFoundError,
        r"model_index.json \(a pipeline\) or config.json \(a model\), got nothing",
        tmp_path / "empty",
    )
    folder = broken_folder(tmp_path, "vae", config={"_class_name": "AutoencoderKL"})
    refused(ValueError, "_class_name: expected one of UNet2DModel", folder / "unet")
    folder = broken_folder(tmp_path, "sched", scheduler={"_class_name": "DDPMSheduler"})
    refused(ValueError, "expected the _class_name of a diffusers scheduler, got 'DDPMSheduler'", folder / "unet")
    folder = broken_folder(tmp_path, "type", scheduler={"prediction_type": "noise"})
    refused(ValueError, "prediction_type: expected one of epsilon", folder / "unet")
    folder = broken_folder(tmp_path, "kind", scheduler={"_class_name": "VQDiffusionScheduler"})
    refused(ValueError, "the configuration of a VQDiffusionScheduler, got one that it refuses", folder / "unet")
    folder = broken_folder(tmp_path, "retired", scheduler={"_class_name": "KarrasVeScheduler"})
    refused(ValueError, "expected the _class_name of a diffusers scheduler, got 'KarrasVe", folder / "unet")
    continuous = {"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}
    folder = broken_folder(tmp_path, "foreign", scheduler={**continuous, "prediction_type": "v_prediction"})
    refused(ValueError, "expected a beta schedule, flow matching, EDM", folder / "unet")
    folder = broken_folder(tmp_path, "blocks", config={"down_block_types": ["NoBlock", "DownBlock2D"]})
    refused(ValueError, "expected the configuration of a UNet2DModel, got one that it refuses", folder / "unet")
    folder = broken_folder(tmp_path, "index", index={"prior": ["diffusers", "PriorTransformer"]})
    refused(ValueError, "expected a pipeline with one of unet, transformer", folder)
    folder = broken_folder(tmp_path, "size", config={"sample_size": None})
    refused(ValueError, "shape: expected the shape of a sample", folder / "unet")
    assert diffusers_denoiser(folder / "unet", shape=(1, 16, 16)).shape == (1, 16, 16)
    folder = broken_folder(tmp_path, "width", config={"block_out_channels": [8, 24]})
    refused(ValueError, r"expected the weights of a UNet2DModel, got .* wrong shapes \(first", folder / "unet")
    (folder / "unet" / "config.json").write_text("{")
    refused(ValueError, "expected JSON, got something else", folder / "unet")
    folder = broken_folder(tmp_path, "alone")
    (folder / "scheduler" / "scheduler_config.json").unlink()
    refused(FileNotFoundError, "scheduler_config.json: expected", folder / "unet")


def test_missing_and_unknown_conditions_are_named_before_the_first_call(tmp_path):
    """Assert that a network that needs labels or text says so, and that a misspelt keyword is answered."""
    saved(tmp_path / "a", text_unet, diffusers.DDPMScheduler())
    with pytest.raises(ValueError, match=r"expected encoder_hidden_states .* shape \(1, tokens, 6\), got nothing"):
        diffusers_denoiser(tmp_path / "a" / "unet")
    with pytest.raises(ValueError, match="did you mean 'encoder_hidden_states'"):
        diffusers_denoiser(tmp_path / "a" / "unet", condition={"encoder_hidden_state": TEXT})
    saved(tmp_path / "b", labelled_unet, diffusers.DDPMScheduler())
    with pytest.raises(ValueError, match=r"expected class_labels .* below 3"):
        diffusers_denoiser(tmp_path / "b" / "unet")


def test_pickled_weights_of_a_folder_are_data_or_refused(tmp_path, rng):
    """Assert that an old .bin file of tensors loads, and one that runs code does not."""
    network = saved(tmp_path, unet, diffusers.DDPMScheduler())
    folder = tmp_path / "unet"
    expected = diffusers_denoiser(folder)(torch.ones(1, 1, 8, 8), 1.0)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(network.state_dict(), folder / "diffusion_pytorch_model.bin")
    assert torch.equal(diffusers_denoiser(folder)(torch.ones(1, 1, 8, 8), 1.0), expected)
    torch.save(network, folder / "diffusion_pytorch_model.bin")
    with pytest.raises(ValueError, match="a pickle that can run code"):
        diffusers_denoiser(folder)
