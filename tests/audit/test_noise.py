"""Noise by every way it can be drawn, and what its draws mean."""

# ruff: noqa: ARG005, D103 -- hooks of one line

from __future__ import annotations

import functools
import itertools
import math
import sys
from types import ModuleType

import numpy as np
import pytest

from ersde_theory import TimeGrid
from ersde_theory.audit import read_out
from ersde_theory.audit._taps import replaced
from ersde_theory.audit.conventions import bare_step, k_diffusion
from tests.audit import _samplers

SIGMAS = [8.0, 4.0, 2.0, 1.0]
GRID = TimeGrid(SIGMAS)


def generator():
    import torch

    return torch.Generator().manual_seed(3)


def torch_ways():
    """Return ways to draw a standard normal like x, by name."""
    import torch

    fixed = generator()
    return {
        "randn_like": lambda i, x: torch.randn_like(x),
        "randn": lambda i, x: torch.randn(x.shape, dtype=x.dtype),
        "randn float32": lambda i, x: torch.randn(x.shape).to(x.dtype),
        "randn generator": lambda i, x: torch.randn(x.shape, generator=fixed, dtype=x.dtype),
        "normal": lambda i, x: torch.normal(0.0, 1.0, tuple(x.shape), dtype=x.dtype),
        "normal tensor": lambda i, x: torch.normal(torch.zeros_like(x), torch.ones_like(x)),
        "normal scaled": lambda i, x: (torch.normal(2.0, 3.0, tuple(x.shape), dtype=x.dtype) - 2.0) / 3.0,
        "normal_": lambda i, x: torch.empty_like(x).normal_(),
        "normal_ scaled": lambda i, x: torch.empty_like(x).normal_(1.0, 2.0).sub(1.0).div(2.0),
        "numpy": lambda i, x: torch.from_numpy(np.random.randn(*x.shape)),  # noqa: NPY002
        "numpy state": lambda i, x: torch.from_numpy(np.random.RandomState(i).randn(*x.shape)),
        "distribution": lambda i, x: torch.distributions.Normal(torch.zeros_like(x), 1.0).sample(),
        "randn out": lambda i, x: torch.randn(x.shape, out=torch.empty_like(x), dtype=x.dtype),
        "numpy generator": lambda i, x: torch.from_numpy(np.random.default_rng(i).normal(0.0, 1.0, x.shape)),
    }


@pytest.mark.parametrize(
    "way",
    [
        "randn_like", "randn", "randn float32", "randn generator", "normal", "normal tensor", "normal scaled",
        "normal_", "normal_ scaled", "numpy", "numpy generator", "numpy state", "distribution", "randn out",
    ],
)  # fmt: skip
def test_noise_is_intercepted_however_it_is_drawn(way):
    """Assert that each step's noise weight is read, and its interval understood."""
    pytest.importorskip("torch")
    read = read_out(k_diffusion(functools.partial(_samplers.euler, noise=torch_ways()[way]), SIGMAS))
    assert read.problems == ()
    tab = read.tableau
    assert tab.noise_columns[1:, 0].tolist() == [0, 1, 2]
    assert np.allclose(tab.noise[1:, 0], [2.0, 1.0, 0.5], rtol=1e-15)
    assert [(d.level_from, d.level_to, d.kind) for d in tab.draws] == [
        (8.0, 4.0, "increment"),
        (4.0, 2.0, "increment"),
        (2.0, 1.0, "increment"),
    ]


def test_noise_drawn_ahead_is_taken_apart():
    """Assert that one tensor of all noises counts as one draw a step."""
    torch = pytest.importorskip("torch")

    def ahead(model, x, sigmas, **_):
        noises = torch.randn(len(sigmas) - 1, *x.shape, dtype=x.dtype)
        return _samplers.euler(model, x, sigmas, noise=lambda i, _x: noises[i])

    tab = read_out(k_diffusion(ahead, SIGMAS)).tableau
    assert tab.n_draws == 3
    assert np.allclose(tab.noise[1:, 0], [2.0, 1.0, 0.5])
    assert [d.level_to for d in tab.draws] == [4.0, 2.0, 1.0]


def test_noise_of_another_shape_is_a_problem():
    """Assert that noise that is no draw of the state's size is reported."""
    torch = pytest.importorskip("torch")
    read = read_out(
        k_diffusion(functools.partial(_samplers.euler, noise=lambda i, x: torch.randn(x.shape[-1] - 1)[0]), SIGMAS)
    )
    assert read.tableau is None
    assert "has no place in a table" in read.problems[0]


def test_generator_of_the_samplers_module_is_intercepted():
    """Assert that a NumPy generator made at import is found."""
    read = read_out(bare_step(_samplers.numpy_step_with_global_noise, GRID, library="numpy"))
    assert read.problems == ()
    assert np.allclose(read.tableau.noise[1:, 0], 0.1)


def test_sampler_in_inference_mode_is_intercepted():
    """Assert that a sampler that switches gradients off in torch's strictest way is read."""
    torch = pytest.importorskip("torch")

    @torch.inference_mode()
    def sampler(model, x, sigmas, **_):
        return _samplers.euler(model, x, sigmas, noise=lambda i, x: torch.randn_like(x))

    read = read_out(k_diffusion(sampler, SIGMAS))
    assert read.problems == ()
    assert np.allclose(read.tableau.noise[1:, 0], [2.0, 1.0, 0.5])


def test_noise_argument_is_handed_over():
    """Assert that a step with a fifth parameter gets the draw."""

    def step(x, d, sigma, sigma_next, noise):
        return d + sigma_next / sigma * (x - d) + 0.25 * noise

    tab = read_out(bare_step(step, GRID, library="numpy")).tableau
    assert np.allclose(tab.noise[1:, 0], 0.25)
    assert tab.draws[1].level_from == 4.0


def test_generator_seeded_again_gives_equal_draws():
    """Assert that noise that comes twice is noted and fully correlated."""
    torch = pytest.importorskip("torch")

    def noise(i, x):
        return torch.randn(x.shape, generator=generator(), dtype=x.dtype)

    read = read_out(k_diffusion(functools.partial(_samplers.euler, noise=noise), SIGMAS))
    assert read.tableau.draw_covariance == {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0}
    assert any("the same numbers" in note for note in read.notes)


def test_unused_draw_keeps_its_place():
    """Assert that a draw of weight 0 counts as a draw."""
    torch = pytest.importorskip("torch")

    def noise(i, x):
        return 0.0 * torch.randn_like(x)

    tab = read_out(k_diffusion(functools.partial(_samplers.euler, noise=noise), SIGMAS)).tableau
    assert tab.n_draws == 3
    assert not tab.is_stochastic
    assert [(d.level_from, d.level_to) for d in tab.draws] == [(8.0, 4.0), (4.0, 2.0), (2.0, 1.0)]


def test_random_state_is_left_as_it_was():
    """Assert that reading a sampler does not disturb the generators of torch and NumPy."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    read_out(k_diffusion(functools.partial(_samplers.euler, noise=torch_ways()["numpy"]), SIGMAS))
    read_out(k_diffusion(functools.partial(_samplers.euler, noise=torch_ways()["randn_like"]), SIGMAS))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


# ---------------------------------------------------------------------- Brownian trees


def with_stages(noise_sampler):
    """Return a sampler that asks a tree for two overlapping intervals a step, as dpmpp_sde does."""

    def sampler(model, x, sigmas, **_):
        ask = noise_sampler(x, sigmas)
        for s, t in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
            m = math.sqrt(s * t)
            d = model(x, s * x.new_ones(1))
            middle = d + m / s * (x - d) + 0.3 * ask(s, m)
            d = model(middle, m * x.new_ones(1))
            x = d + t / s * (x - d) + 0.2 * ask(s, t)
        return x

    return sampler


def expected_covariance():
    """Return the correlations of the two draws of each step: sqrt of the ratio of the intervals' lengths."""
    pairs = itertools.pairwise(SIGMAS)
    return {(2 * i, 2 * i + 1): math.sqrt((s - math.sqrt(s * t)) / (s - t)) for i, (s, t) in enumerate(pairs)}


def assert_tree(tab):
    """Assert that draws know their intervals and their correlation."""
    assert tab.n_draws == 6
    assert np.allclose(tab.noise[1::2].max(axis=1), 0.3)  # the motion goes down, so its weight is positive
    assert [(d.level_from, d.level_to) for d in tab.draws[2:4]] == [(4.0, pytest.approx(math.sqrt(8.0))), (4.0, 2.0)]
    assert tab.draw_covariance == pytest.approx(expected_covariance())


def test_intervals_of_a_tree_are_correlated_by_their_overlap():
    """Assert that a tree of torchsde, asked for overlapping intervals, keeps its meaning."""
    pytest.importorskip("torch")
    torchsde = ModuleType("torchsde")
    torchsde.BrownianInterval = _samplers.FakeTree

    def tree_sampler(x, sigmas):
        tree = torchsde.BrownianInterval(float(sigmas.min()), float(sigmas.max()), x.shape, x.dtype)
        return lambda s, t: -tree(t, s) / math.sqrt(s - t)

    with replaced(sys.modules, {"torchsde": torchsde}):
        read = read_out(k_diffusion(with_stages(tree_sampler), SIGMAS))
    assert read.problems == ()
    assert_tree(read.tableau)


def test_real_tree_is_read_if_torchsde_is_installed():
    """Assert the same for torchsde itself."""
    torchsde = pytest.importorskip("torchsde")

    def tree_sampler(x, sigmas):
        tree = torchsde.BrownianTree(float(sigmas.min()), x.new_zeros(x.shape), float(sigmas.max()), entropy=5)
        return lambda s, t: -tree(t, s) / math.sqrt(s - t)

    read = read_out(k_diffusion(with_stages(tree_sampler), SIGMAS))
    assert read.problems == ()
    assert_tree(read.tableau)


def test_noise_sampler_argument_is_handed_over():
    """Assert that a sampler with a noise_sampler is given a tree, or independent draws, whichever is asked for."""
    pytest.importorskip("torch")

    def sampler(model, x, sigmas, noise_sampler=None, **_):
        return with_stages(lambda _x, _s: noise_sampler)(model, x, sigmas)

    assert_tree(read_out(k_diffusion(sampler, SIGMAS, noise="tree")).tableau)
    apart = read_out(k_diffusion(sampler, SIGMAS, noise="independent")).tableau
    assert apart.draw_covariance == {}
    assert [d.level_to for d in apart.draws[1::2]] == SIGMAS[1:]


def test_interval_asked_twice_is_one_draw():
    """Assert that a tree answers the same question with the same numbers."""
    pytest.importorskip("torch")

    def sampler(model, x, sigmas, noise_sampler=None, **_):
        def twice(s, t):
            return 0.5 * (noise_sampler(s, t) + noise_sampler(s, t))

        return with_stages(lambda _x, _s: twice)(model, x, sigmas)

    assert_tree(read_out(k_diffusion(sampler, SIGMAS, noise="tree")).tableau)
