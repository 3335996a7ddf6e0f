"""Ground truth for diffusion samplers: laws whose denoiser is known, references, distances, data.

Imports nothing of the package it judges.
"""

from analytic.data import Digits, digits_law, digits_mixture, handwritten_digits
from analytic.distances import (
    Estimate,
    energy_distance,
    gaussian_kl,
    gaussian_kl_full,
    gaussian_wasserstein2,
    gaussian_wasserstein2_full,
    sliced_wasserstein2,
)
from analytic.empirical import EmpiricalDistribution
from analytic.gaussian import Gaussian
from analytic.law import Law
from analytic.mixture import GaussianMixture
from analytic.reference import (
    GaussianTransition,
    StepCovariances,
    coarsen_brownian,
    draw_brownian,
    gaussian_ode_solution,
    gaussian_transition,
    solve_ode,
    solve_ode_x,
    solve_sde,
    step_covariances,
)

__all__ = [
    "Digits",
    "EmpiricalDistribution",
    "Estimate",
    "Gaussian",
    "GaussianMixture",
    "GaussianTransition",
    "Law",
    "StepCovariances",
    "coarsen_brownian",
    "digits_law",
    "digits_mixture",
    "draw_brownian",
    "energy_distance",
    "gaussian_kl",
    "gaussian_kl_full",
    "gaussian_ode_solution",
    "gaussian_transition",
    "gaussian_wasserstein2",
    "gaussian_wasserstein2_full",
    "handwritten_digits",
    "sliced_wasserstein2",
    "solve_ode",
    "solve_ode_x",
    "solve_sde",
    "step_covariances",
]
