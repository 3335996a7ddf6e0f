"""The loop survives denoisers that return their input, change it, or use their output's memory again.

One that says it is pure saves the copies, and is held to it.
"""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, sample, schemes

GRID = TimeGrid.karras(12, 8.0, 0.05)


def _run(denoise, start):
    tab = schemes.exponential_adams(GRID, NoiseScale.exp_power(), 3)
    return sample(tab, denoise, start, 7)


def _start(library: str):
    start = 8.0 * np.random.default_rng(0).standard_normal((5, 3))
    return start if library == "numpy" else pytest.importorskip("torch").asarray(start.copy())


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_return_its_input(library):
    """Assert that the identity gives what a copying identity gives: the start plus the noise."""
    start = _start(library)
    assert (_run(lambda y, _: y, start) == _run(lambda y, _: y + 0.0, start)).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_change_its_input(library):
    """Assert that clipping in place gives what clipping a copy gives."""
    start = _start(library)

    def in_place(y, _):
        y[y > 1.0] = 1.0
        return y

    def copying(y, level):
        return in_place(y + 0.0, level)

    assert (_run(in_place, start) == _run(copying, start)).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_denoiser_may_use_its_output_again(library):
    """Assert that one output buffer for all calls gives what fresh outputs give."""
    start = _start(library)
    buffer = start * 0.0

    def reusing(y, level):
        buffer[...] = y / (1.0 + level**2)
        return buffer

    assert (_run(reusing, start) == _run(lambda y, level: y / (1.0 + level**2), start)).all()


def test_other_histories_would_be_noticed():
    """Assert that the comparison is sharp: a denoiser off by 1e-12 gives another result."""
    start = _start("numpy")
    off = _run(lambda y, level: y * (1.0 + 1e-12) / (1.0 + level**2), start)
    assert (off != _run(lambda y, level: y / (1.0 + level**2), start)).any()


class Pure:
    """A denoiser that says it is pure, and the memory it was given."""

    pure = True

    def __init__(self, function):
        self.function, self.places = function, []

    def __call__(self, y, level):
        """Note the place and answer."""
        self.places.append(_address(y))
        return self.function(y, level)


def _address(array) -> int:
    return array.data_ptr() if hasattr(array, "data_ptr") else array.__array_interface__["data"][0]


def _shrink(y, level):
    return y / (1.0 + level**2)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_pure_denoiser_gets_the_state_itself_and_gives_the_same_result(library):
    """Assert the bits of the careful loop from one buffer for all calls; the start stays as it is."""
    start = _start(library)
    kept, pure = start + 0.0, Pure(_shrink)
    assert (_run(pure, start) == _run(_shrink, start)).all()
    assert (start == kept).all()
    assert len(set(pure.places)) == 1


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_pure_denoiser_that_returns_its_input_is_an_error(library):
    """Assert that the promise is checked."""
    with pytest.raises(ValueError, match=r"pure: expected it to leave its y alone .*, got its y"):
        _run(Pure(lambda y, _: y), _start(library))
    with pytest.raises(ValueError, match="pure"):
        _run(Pure(lambda y, _: y[...]), _start(library))


def test_pure_denoiser_that_changes_its_input_is_an_error():
    """Assert that NumPy refuses the write, and that torch's count of changes gives it away."""

    def in_place(y, _):
        y[0] = 0.0
        return y + 1.0

    with pytest.raises(ValueError, match="read-only"):
        _run(Pure(in_place), _start("numpy"))
    with pytest.raises(ValueError, match="pure"):
        _run(Pure(in_place), _start("torch"))


def test_pure_denoiser_in_inference_mode_runs():
    """Assert that tensors without a count of changes are no obstacle."""
    torch = pytest.importorskip("torch")
    start = _start("torch")
    with torch.inference_mode():
        got = _run(Pure(_shrink), start)
    assert (got == _run(_shrink, start)).all()


def test_gradients_go_through_the_loop():
    """Assert the derivative of the final state of a linear denoiser, in its start and its parameter."""
    torch = pytest.importorskip("torch")
    start, slope = _start("torch"), torch.tensor(0.5, dtype=torch.float64)

    def total(start, slope, kind):
        return (_run(kind(lambda y, level: slope * y / (1.0 + level**2)), start) ** 2).sum()

    step = 1e-6
    wanted = [
        (total(start + step, slope, Pure) - total(start - step, slope, Pure)) / (2.0 * step),
        (total(start, slope + step, Pure) - total(start, slope - step, Pure)) / (2.0 * step),
    ]
    for kind in (Pure, lambda function: function):
        inputs = start.clone().requires_grad_(), slope.clone().requires_grad_()
        got = torch.autograd.grad(total(*inputs, kind), inputs)
        for x, y in zip(got, wanted, strict=True):
            assert float(x.sum()) == pytest.approx(float(y), rel=1e-6)
    with pytest.raises(ValueError, match="pure: expected values without gradients"):
        total(start, slope.requires_grad_(), Pure)
