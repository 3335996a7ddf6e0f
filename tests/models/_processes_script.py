"""What `test_processes.py` runs with and without torchrun: samples of a small network, right and wrong seeds."""

from __future__ import annotations

import sys

import numpy as np
import torch

from ersde_theory import NoiseScale, TimeGrid, sample, schemes
from ersde_theory.models import NetworkDenoiser, Prediction, SigmaLevels
from ersde_theory.models.processes import Processes, processes
from ersde_theory.random_numbers import start_state

ROWS, SHAPE, SEED = 37, (2, 40, 20), 11  # 20 rows share a block of noise: no share begins with one
GRID = TimeGrid.karras(8, 80.0, 0.02)


def denoiser() -> NetworkDenoiser:
    """Return a convolutional network with fixed weights."""
    torch.manual_seed(0)
    inner = torch.nn.Sequential(
        torch.nn.Conv2d(2, 8, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(8, 2, 3, padding=1)
    )

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
            return self.inner(x + c[:, None, None, None])

    return NetworkDenoiser(Network(), Prediction.edm(0.5), SigmaLevels((0.01, 100.0)), shape=SHAPE)


def zero(y: torch.Tensor, noise_level: float) -> torch.Tensor:
    """Return the denoiser of data at 0: what is left is start and noise, row by row."""
    return 0.0 * y


def samples(group: Processes, rows: int, seed: int, D=None) -> torch.Tensor:
    """Return the samples of a seed, each process making its share in batches of 7."""
    D = denoiser() if D is None else D
    tab = schemes.er_sde(GRID, NoiseScale.exp_power(), 3)
    start = torch.asarray(start_state(SEED, (rows, *SHAPE), 80.0)).to(torch.float32)
    return group.in_batches(
        lambda first, last: sample(tab, D, start[first:last], seed, first_row=first), rows, start_batch=7
    )


def main() -> None:
    """Write what the first process has got."""
    with processes() as group:
        results = {
            "right": samples(group, ROWS, SEED).numpy(),
            "wrong": samples(group, ROWS, SEED + group.rank).numpy(),
            "noise": samples(group, ROWS, SEED, zero).numpy(),
            "one": samples(group, 1, SEED).numpy(),
            "size": np.array(group.size),
        }
        if group.is_first:
            np.savez(sys.argv[1], **results)


if __name__ == "__main__":
    main()
