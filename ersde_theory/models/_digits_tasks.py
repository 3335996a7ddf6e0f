"""What the digits networks are trained on: batches that depend on (seed, step) alone, and the losses.

Data of the denoisers: ``x_0 = image + bandwidth * normal``, the law ``analytic.digits_law(bandwidth)`` itself, so that
its known denoiser is what the loss has its minimum at.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analytic.data import handwritten_digits
from ersde_theory import _checks
from ersde_theory.models.classifier import Classifier
from ersde_theory.models.unet import UNet

BANDWIDTH = 0.1
NOISE_RANGE = (0.002, 80.0)
NO_LABEL = 10
TEST_IMAGES = 360  # held out from the classifier
_SIDE = 8
_TRAINING_STREAM = 3  # beside those of random_numbers
_EDM_MEAN, _EDM_SPREAD = -1.2, 1.2  # of ln λ (Karras et al. 2022)
_DROPPED_LABELS = 0.2


@dataclass(frozen=True)
class Task:
    """A network and the loss that it is trained with.

    ``loss(network, seed, step, device)`` depends on nothing else; ``settings`` say what it is, in JSON values.
    """

    kind: str
    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, int, int, torch.device], Tensor]
    settings: Mapping[str, Any]
    learning_rate: float
    default_steps: int


@functools.cache
def sigma_data(bandwidth: float = BANDWIDTH) -> float:
    """Return the standard deviation over all pixels of all images, smoothing included."""
    return math.sqrt(float(handwritten_digits().pixels.var()) + bandwidth**2)


def task(kind: str, batch: int = 128) -> Task:
    """Return the task of a kind of network: edm, flow or classifier."""
    _checks.one_of(kind, "kind", ("edm", "flow", "classifier"))
    settings: dict[str, Any] = {"kind": kind, "batch": batch, "bandwidth": BANDWIDTH}
    if kind == "classifier":
        settings["test_images"] = TEST_IMAGES
        return Task(kind, Classifier, functools.partial(_classifier_loss, batch), settings, 3e-3, 3000)
    settings |= {"prediction": "F of EDM" if kind == "edm" else "velocity", "sigma_data": sigma_data()}
    example = _edm_example if kind == "edm" else _flow_example
    return Task(kind, UNet, functools.partial(_denoising_loss, example, batch), settings, 4e-3, 5000)


def edm_scales(lam: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return c_skip, c_out, c_in and c_noise of Karras et al. 2022 (Table 1)."""
    s = sigma_data()
    total = lam**2 + s**2
    return s**2 / total, lam * s / torch.sqrt(total), 1.0 / torch.sqrt(total), torch.log(lam) / 4.0


def _edm_example(x0: Tensor, noise: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return input, noise signal and target; every other ln λ is uniform over the range, the others normal."""
    low, high = (math.log(level) for level in NOISE_RANGE)
    log_lam = low + (high - low) * uniform
    log_lam[::2] = _EDM_MEAN + _EDM_SPREAD * torch.special.ndtri(uniform[::2])
    lam = torch.exp(log_lam)[:, None, None, None]
    skip, out, scale, signal = edm_scales(lam)
    y = x0 + lam * noise
    return scale * y, signal.reshape(-1), (x0 - skip * y) / out


def _flow_example(x0: Tensor, noise: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return input, time and target; every other time is uniform, the others logit-normal."""
    time = uniform.clone()
    time[::2] = torch.sigmoid(torch.special.ndtri(uniform[::2]))
    t = time[:, None, None, None]
    return (1.0 - t) * x0 + t * noise, time, noise - x0


def _denoising_loss(
    example: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
    batch: int,
    network: nn.Module,
    seed: int,
    step: int,
    device: torch.device,
) -> Tensor:
    """Return the mean square of output minus target, which is EDM's weighting of the squared denoising error."""
    generator = _generator(seed, step)
    digits = handwritten_digits()
    chosen = generator.integers(len(digits.pixels), size=batch)
    smoothing, noise = generator.standard_normal((2, batch, 1, _SIDE, _SIDE))
    x0 = digits.pixels[chosen].reshape(-1, 1, _SIDE, _SIDE) + BANDWIDTH * smoothing
    labels = np.where(generator.random(batch) < _DROPPED_LABELS, NO_LABEL, digits.labels[chosen])
    uniform = _stratified(generator, batch)
    parts = (torch.from_numpy(part).to(device, torch.float32) for part in (x0, noise, uniform))
    x, signal, target = example(*parts)
    output = network(x, signal, torch.from_numpy(labels).to(device))
    return functional.mse_loss(output, target)


def _stratified(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return one uniform number in each of count intervals; even and odd places each cover [0, 1] evenly."""
    half = np.arange(count) // 2
    widths = np.where(np.arange(count) % 2, count // 2, (count + 1) // 2)
    return (half + generator.uniform(0.001, 0.999, count)) / widths


@functools.cache
def classifier_split() -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the classifier's training and test images, a fixed random split."""
    order = np.random.Generator(np.random.Philox(key=20)).permutation(len(handwritten_digits().pixels))
    return np.sort(order[TEST_IMAGES:]), np.sort(order[:TEST_IMAGES])


def _classifier_loss(batch: int, network: nn.Module, seed: int, step: int, device: torch.device) -> Tensor:
    """Return the cross entropy on training images, smoothed like the law and moved by at most one pixel."""
    generator = _generator(seed, step)
    digits, (indices, _) = handwritten_digits(), classifier_split()
    chosen = indices[generator.integers(len(indices), size=batch)]
    images = digits.pixels[chosen].reshape(-1, _SIDE, _SIDE)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=-1.0)
    down, right = generator.integers(3, size=(2, batch))
    rows, columns = (shift[:, None] + np.arange(_SIDE) for shift in (down, right))
    moved = padded[np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
    moved = moved + BANDWIDTH * generator.standard_normal(moved.shape)
    x = torch.from_numpy(moved[:, None]).to(device, torch.float32)
    _, logits = network(x)
    return functional.cross_entropy(logits, torch.from_numpy(digits.labels[chosen]).to(device))


def _generator(seed: int, step: int) -> np.random.Generator:
    """Return the counter stream of a step of training."""
    counter = np.array([0, step, 0, _TRAINING_STREAM], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))
