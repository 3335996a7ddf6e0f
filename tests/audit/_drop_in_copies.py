"""Copies of our drop-in with one thing wrong: its own code runs a table in which a fault was planted by hand."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

from ersde_theory import Tableau
from ersde_theory.integrations import k_diffusion as drop_in
from ersde_theory.integrations._plan import plan_of


def with_table(plant: Callable[[Tableau], Tableau]) -> Callable:
    """Return a copy of the drop-in that runs ``plant(tab)`` in place of the table that it chooses."""
    chosen = drop_in.chosen_plan

    def sample(model, x, sigmas, **options):
        with mock.patch.object(drop_in, "chosen_plan", lambda *names: plan_of(plant(chosen(*names).tab))):
            return drop_in.sample_er_sde(model, x, sigmas, **options)

    return sample


def with_noise(scale: Callable[[float], float]) -> Callable:
    """Return a copy whose noise sampler multiplies the noise of the step from sigma by ``scale(sigma)``."""
    import torch

    def sample(model, x, sigmas, **options):
        def noise(sigma, _sigma_next):
            return scale(float(sigma)) * torch.randn_like(x)

        return drop_in.sample_er_sde(model, x, sigmas, noise_sampler=noise, **options)

    return sample
