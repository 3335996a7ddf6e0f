"""Samplers that are no table: each planted break is noticed and named."""

# ruff: noqa: ARG005, D103 -- hooks of one line

from __future__ import annotations

import functools

import numpy as np
import pytest

from ersde_theory import TimeGrid
from ersde_theory.audit import read_out
from ersde_theory.audit.conventions import bare_step, k_diffusion
from tests.audit import _samplers

torch = pytest.importorskip("torch")

SIGMAS = [8.0, 4.0, 2.0, 1.0, 0.5]


def read(change, **options):
    """Return the read-out of Euler's method with a hook before each step."""
    return read_out(k_diffusion(functools.partial(_samplers.euler, change=change), SIGMAS, **options))


def clipped(i, x, d):
    return x, d.clamp(-1.0, 1.0) if i == 2 else d


def normalised(i, x, d):
    return x, d / d.abs().amax().clamp(min=1.0) if i == 1 else d


def centred(i, x, d):
    return x, d - d.mean() if i == 1 else d


def branching(i, x, d):
    return (0.5 * x if i == 3 and float(x.abs().max()) > 3.0 else x), d


def rooted(i, x, d):
    return x, d + 1e-3 * d**2 if i == 0 else d


@pytest.mark.parametrize(
    ("change", "step", "operation"),
    [
        (clipped, 2, "clamp"),
        (normalised, 1, "abs"),
        (branching, 3, "looks at the state's numbers"),
        (rooted, 0, "pow"),
    ],
)
def test_nonlinear_step_is_named_with_its_operation(change, step, operation):
    """Assert that the first step that is no combination is given, and what the state went through there."""
    result = read(change)
    assert not result.linear
    assert any(p.startswith(f"step {step}: ") for p in result.problems), result.problems
    assert any(operation in p for p in result.problems), result.problems


def test_clip_that_unit_vectors_do_not_reach_is_noticed():
    """Assert that a clip at 50 shows with large numbers only, and is reported so."""
    result = read(lambda i, x, d: (x, d.clamp(-50.0, 50.0)))
    (problem,) = result.problems
    assert "order 1000" in problem
    assert "clamp" in problem


def test_mixing_of_pixels_is_noticed():
    """Assert that a linear step whose combination is not one of scalars is no table."""
    result = read(centred)
    assert not result.linear
    assert result.problems[0].startswith("step 1: ")


def test_number_that_a_sampler_adds_of_its_own_is_noticed():
    """Assert that a constant, which is affine and not linear, is no table."""
    result = read(lambda i, x, d: (x + (0.25 if i == 2 else 0.0), d))
    assert not result.linear
    assert any("adds some of its own" in p for p in result.problems)


def test_sampler_that_only_looks_is_read_with_a_note():
    """Assert that a look at the numbers without a consequence is told of, and does not count as a break."""
    result = read(lambda i, x, d: (x * (1.0 if bool(x.isfinite().all()) else 0.0), d))
    assert result.linear
    assert "looks at the state's numbers" in result.notes


def test_nan_is_named_with_its_evaluation():
    """Assert that a state that is not finite is reported with the evaluation that gets it."""
    result = read(lambda i, x, d: (x / (0.0 if i == 1 else 1.0), d))
    assert result.tableau is None
    assert result.problems[0].startswith("evaluation 2 (noise level 2) gets ")


def test_hidden_state_from_run_to_run_is_noticed():
    """Assert that a sampler that remembers its last run is found out."""
    memory = []

    def change(i, x, d):
        memory.append(1)
        return x, d * (1.0 + 0.01 * len(memory))

    result = read(change)
    assert any("hidden state" in p for p in result.problems)


def test_state_reset_for_each_run_is_accepted():
    """Assert that the broken twin of hidden state, memory that starts anew, is linear."""
    assert read_out(bare_step(lambda x, d, s, t: d + t / s * (x - d), TimeGrid(SIGMAS))).linear


def test_adaptive_step_is_noticed():
    """Assert that levels that follow the numbers are reported."""

    def adaptive(model, x, sigmas, **_):
        s, end = float(sigmas[0]), float(sigmas[-1])
        while s > end:
            d = model(x, torch.tensor([s]))
            t = max(end, s * (0.5 if float(d.abs().max()) > 0.7 else 0.7))
            x, s = d + t / s * (x - d), t
        return x

    result = read_out(k_diffusion(adaptive, SIGMAS))
    assert not result.linear
    assert any("depends on the numbers" in p for p in result.problems), result.problems


def test_extra_draw_is_noticed():
    """Assert that a draw that is made for some numbers only is reported."""

    def change(i, x, d):
        return (x + 0.1 * torch.randn_like(x) if float(x.abs().max()) > 5.0 else x), d

    result = read(change)
    assert any("number of draws depends on the numbers" in p for p in result.problems), result.problems


def test_random_numbers_that_are_not_gaussian_are_reported():
    """Assert that uniform noise is no draw."""
    result = read(lambda i, x, d: (x + torch.rand_like(x), d))
    assert any("no Gaussian draw: torch rand_like" in p for p in result.problems)


def test_randomness_that_is_not_intercepted_is_noticed():
    """Assert that noise by an unknown way shows as runs that differ."""
    import random

    result = read(lambda i, x, d: (x + random.gauss(0.0, 1.0), d))
    assert any("not intercepted" in p for p in result.problems)


def test_model_output_changed_in_place_is_noted():
    """Assert that a sampler that writes into what the model returned is told of, and still read."""
    result = read(lambda i, x, d: (x, d.mul_(2.0)), parametrisation="x0")
    assert result.linear
    assert any("in place: model output" in note for note in result.notes)


def test_start_changed_in_place_is_noted():
    """Assert that a sampler that overwrites its start state is told of."""
    step = np.multiply

    def in_place(x, d, sigma, sigma_next):
        return step(x, sigma_next / sigma, out=x) + (1.0 - sigma_next / sigma) * d

    result = read_out(bare_step(in_place, TimeGrid(SIGMAS), library="numpy"))
    assert result.linear
    assert "changes what it is given in place: the start state" in result.notes


def test_error_with_unit_vectors_is_a_problem_and_other_errors_are_passed_on():
    """Assert that what a sampler raises for ordinary numbers is raised."""

    def change(i, x, d):
        if x.numel() < 20:
            msg = "too few pixels"
            raise RuntimeError(msg)
        return x, d

    assert "too few pixels" in read(change).problems[0]
    with pytest.raises(ZeroDivisionError):
        read(lambda i, x, d: 1 / 0)


def test_quadrature_of_coefficients_is_not_watched_and_changes_nothing(monkeypatch):
    """Assert that a weight integrated by SciPy is read as it is, unseen; that one integrated by hand is seen."""
    from ersde_theory.audit import _torch_tap

    integrate = pytest.importorskip("scipy.integrate")
    seen = set()

    class Listed(_torch_tap._Tap):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.add(func.overloadpacket.__name__)
            return super().__torch_dispatch__(func, types, args, kwargs)

    def integrated(i, x, d, quad=None):
        weight = (quad or integrate.quad)(lambda s: float(torch.tensor(s, dtype=torch.float64).exp2()), 0.0, 1.0)[0]
        return x, weight * np.log(2.0) * d

    monkeypatch.setattr(_torch_tap, "_Tap", Listed)
    result = read(integrated)
    assert result.linear
    assert result.tableau.first_difference(read(lambda i, x, d: (x, d)).tableau, rtol=1e-14) is None
    assert "exp2" not in seen
    read(functools.partial(integrated, quad=integrate.quad))
    assert "exp2" in seen
