"""Targets by name, and conventions given the wrong things."""

from __future__ import annotations

import itertools

import pytest

from ersde_theory import ForwardProcess, TimeGrid
from ersde_theory.audit import load_target
from ersde_theory.audit.conventions import (
    bare_step,
    comfy_stand_ins,
    diffusers_scheduler,
    k_diffusion,
    released_er_sde,
)

GRID = TimeGrid([4.0, 1.0])


def test_function_of_a_module_and_of_a_class_is_found():
    """Assert that dotted names reach into classes."""
    import math

    assert load_target("math:sqrt") is math.sqrt
    assert load_target("ersde_theory:TimeGrid.karras")(2, 4.0, 1.0).n_steps == 2


def test_file_may_import_its_neighbours(tmp_path):
    """Assert that a file is loaded as part of its folder, fresh each time."""
    (tmp_path / "helper.py").write_text("VALUE = 3\n")
    (tmp_path / "sampler.py").write_text("from . import helper\n\ndef sample():\n    return helper.VALUE\n")
    assert load_target(f"{tmp_path}/sampler.py:sample")() == 3


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        ("math.sqrt", ValueError, r"expected package.module:callable or file.py:callable, got 'math.sqrt'"),
        ("math:", ValueError, "expected package.module:callable"),
        ("math:sqr", ValueError, "did you mean 'sqrt'"),
        ("math:pi", TypeError, "expected something that can be called, got 3.14"),
        ("no_such_module:f", ImportError, "expected a module that can be imported, got 'no_such_module'"),
        ("nowhere/file.py:f", FileNotFoundError, "expected an existing file"),
        (7, TypeError, "expected a str"),
    ],
)
def test_wrong_target_is_explained(target, error, said):
    """Assert that every way to mistype a target has its own message."""
    with pytest.raises(error, match=said):
        load_target(target)


def test_file_that_fails_to_load_leaves_nothing_behind(tmp_path):
    """Assert that an error in a file is passed on, and a repaired file loads."""
    path = tmp_path / "broken.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_target(f"{path}:f")
    path.write_text("def f():\n    return 'repaired'\n")
    assert load_target(f"{path}:f")() == "repaired"


def nothing(*_args, **_options):
    """Stand for a sampler that is never called."""


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: k_diffusion("euler", GRID), TypeError, "sampler: expected a callable"),
        (lambda: k_diffusion(nothing, GRID, parametrisation="epsilon"), ValueError, "did you mean 'eps'"),
        (lambda: k_diffusion(nothing, GRID, noise="trees"), ValueError, "did you mean 'tree'"),
        (lambda: k_diffusion(nothing, [1.0]), ValueError, "at least 2 numbers"),
        (lambda: k_diffusion(nothing, [2.0, 1.0], parametrisation="const"), ValueError, r"\[0, 1\]"),
        (lambda: bare_step(3, GRID), TypeError, "step: expected a callable"),
        (lambda: bare_step(nothing, [2.0, 1.0]), TypeError, "grid: expected a TimeGrid"),
        (lambda: bare_step(nothing, TimeGrid([float("inf"), 1.0])), ValueError, "finite numbers"),
        (lambda: bare_step(nothing, GRID, library="jax"), ValueError, "library"),
        (lambda: released_er_sde(nothing, GRID, order=4), ValueError, "order"),
        (lambda: released_er_sde(nothing, GRID, prediction="x0"), ValueError, "prediction"),
        (lambda: released_er_sde(nothing, GRID, process="vp"), TypeError, "ForwardProcess"),
        (lambda: diffusers_scheduler(nothing, 5), TypeError, "config, set_timesteps, step, got"),
    ],
)
def test_wrong_argument_of_a_convention_is_explained(make, error, said):
    """Assert that conventions check what they are given when they are given it."""
    with pytest.raises(error, match=said):
        make()


def test_variance_preserving_release_gets_alphas():
    """Assert that a process selects the vp methods and their levels."""
    box = released_er_sde(nothing, GRID, process=ForwardProcess.vp_linear())
    assert box.name == "vp_3_order_taylor"
    assert all(abs(a**2 + s**2 - 1.0) < 1e-12 for a, s in box.nodes)


def test_stand_ins_make_comfy_importable_within_the_block_only():
    """Assert that the classes by which flow models are recognised exist, and are gone afterwards."""
    with comfy_stand_ins():
        import comfy.model_sampling
        import comfy.utils

        assert comfy.model_sampling.CONST.__name__ == "CONST"
        assert comfy.utils.anything() is None
    with pytest.raises(ImportError):
        import comfy.samplers


def test_flow_model_is_recognised_by_class_attribute_and_percent():
    """Assert that a port that asks for CONST, as ComfyUI's do, gets it without a change."""
    torch = pytest.importorskip("torch")
    from ersde_theory.audit import read_out

    seen = {}

    def port(model, x, sigmas, extra_args=None, **_):
        import comfy.model_sampling

        sampling = model.inner_model.model_patcher.get_model_object("model_sampling")
        seen["const"] = isinstance(sampling, comfy.model_sampling.CONST)
        sigmas = sigmas.clone()
        sigmas[0] = sampling.percent_to_sigma(1e-4)
        for s, t in itertools.pairwise(sigmas):
            x = x + (x - model(x, s * x.new_ones(1))) / s * (t - s)
        return x

    with comfy_stand_ins():
        flow = read_out(k_diffusion(port, [1.0, 0.5, 0.0], parametrisation="const"))
        assert seen["const"]
        read_out(k_diffusion(port, [4.0, 1.0, 0.0], parametrisation="eps"))
        assert not seen["const"]
    assert flow.linear
    # the start state is at infinity, but the network is told 0.9999
    assert flow.tableau.noise_level[0] == float("inf")
    assert flow.levels[0] == pytest.approx(9999.0)
    assert flow.tableau.evaluation.tolist() == [-1, 0, 1, -1]
    assert torch.get_default_dtype() == torch.float32
