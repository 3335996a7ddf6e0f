"""Reference solutions, independent of the schemes they judge: ODE, SDE and closed forms."""

from analytic._brownian_steps import (
    StepCovariances,
    coarsen_brownian,
    draw_brownian,
    step_covariances,
)
from analytic.gaussian_solutions import (
    GaussianTransition,
    gaussian_ode_solution,
    gaussian_transition,
)
from analytic.reference_ode import solve_ode, solve_ode_x
from analytic.reference_sde import solve_sde

__all__ = [
    "GaussianTransition",
    "StepCovariances",
    "coarsen_brownian",
    "draw_brownian",
    "gaussian_ode_solution",
    "gaussian_transition",
    "solve_ode",
    "solve_ode_x",
    "solve_sde",
    "step_covariances",
]
