"""Digits drawn by the shipped networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ersde_theory import random_numbers
from ersde_theory.models.digits import SHAPE, digits_denoiser
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.sampling import sample
from ersde_theory.schemes import variable_order_pec
from ersde_theory.time_grid import TimeGrid

STEPS = 40
ROWS = (  # network, phi, whether column k is asked for the digit k
    ("edm", "ode", False),
    ("edm", "exp_power", False),
    ("flow", "ode", False),
    ("flow", "exp_power", False),
    ("edm", "exp_power", True),
    ("flow", "exp_power", True),
)
COLUMNS = 10


def samples(seed: int = 0) -> np.ndarray:
    """Return images, shape (rows, columns, 64): 40 steps of variable-order PEC from level 80 to 0.002.

    All rows start from the same noise, so that networks and noise scale functions can be compared down a column.
    """
    grid = TimeGrid.karras(STEPS, 80.0, 0.002)
    start = torch.from_numpy(random_numbers.start_state(seed, (COLUMNS, *SHAPE), 80.0))
    rows = []
    for kind, noise_scale, conditional in ROWS:
        denoiser: Any = digits_denoiser(kind).to(dtype=torch.float64)
        if conditional:
            denoiser = denoiser.with_condition(label=torch.arange(COLUMNS))
        table = variable_order_pec(grid, NoiseScale.from_name(noise_scale))
        rows.append(sample(table, denoiser, start, seed).reshape(COLUMNS, -1).numpy())
    return np.stack(rows)
