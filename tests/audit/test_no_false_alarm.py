"""Two hundred right samplers, none accused."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, schemes
from ersde_theory.audit.diagnosis import diagnose
from ersde_theory.audit.noise_scales import mixed
from tests.audit._planters import renamed

N_CONFIGURATIONS = 200
PROCESSES = (None, ForwardProcess.rectified_flow(), ForwardProcess.vp_linear(), ForwardProcess.vp_cosine())
PHIS = ("ode", "reverse_sde", "exp_power", "exp_reciprocal", "log_power", "power(1.5)", "power(2.5)")


def random_grid(rng):
    """Return a grid of one of several kinds."""
    n = int(rng.integers(3, 18))
    high, low = float(10.0 ** rng.uniform(0.3, 2.0)), float(10.0 ** rng.uniform(-3.0, -0.5))
    zero = bool(rng.integers(2))
    kind = rng.integers(4)
    if kind == 0:
        return TimeGrid.karras(n, high, low, rho=float(rng.uniform(1.0, 9.0)), final_zero=zero)
    if kind == 1:
        return TimeGrid.uniform_in_log(n, high, low, final_zero=zero)
    if kind == 2:
        shift = float(rng.uniform(1.0, 5.0))
        sigma = 1.0 - np.arange(n + 1) / n
        sigma = shift * sigma / (1.0 + (shift - 1.0) * sigma)
        with np.errstate(divide="ignore"):
            levels = sigma / (1.0 - sigma)
        return TimeGrid(levels if zero else levels[:-1])
    levels = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), n + 1)))[::-1]
    return TimeGrid(np.append(levels, 0.0) if zero else levels)


def random_scheme(rng, grid):
    """Return a scheme on the grid with a random phi, and its name."""
    phi = NoiseScale.from_name(PHIS[rng.integers(len(PHIS))])
    if rng.integers(4) == 0:
        phi = NoiseScale.power(float(rng.uniform(1.0, 3.0)))
    elif rng.integers(4) == 0:
        phi = mixed(NoiseScale.exp_power(), float(rng.uniform(0.1, 2.0)))
    tau = float(rng.uniform(0.0, 1.5)) * int(rng.integers(2))
    finite = bool(np.isfinite(grid.levels[0]))
    builders = [
        lambda: schemes.er_sde(grid, phi, int(rng.integers(1, 4))),
        lambda: schemes.exponential_adams(grid, phi, int(rng.integers(1, 5))),
        lambda: schemes.dpm_solver_pp(grid, int(rng.integers(1, 4)), eta=tau, lower_order_final=bool(rng.integers(2))),
        lambda: schemes.dpm_solver_pp(grid, 2, eta=tau, solver_type="heun"),
        lambda: schemes.ddim(grid, float(rng.uniform(0.0, 1.0))),
        lambda: schemes.ddpm_ancestral(grid),
        lambda: schemes.sa_solver(grid, tau, int(rng.integers(2, 4)), int(rng.integers(0, 3))),
        lambda: schemes.uni_pc(grid, int(rng.integers(2, 4))),
    ]
    if finite:
        builders.append(lambda: schemes.edm_heun(grid))
    return builders[rng.integers(len(builders))]


@pytest.mark.slow
def test_right_samplers_are_never_accused():
    """Assert that of 200 random schemes, phi, grids and processes each is recognised as right."""
    rng = np.random.default_rng(7)
    accused, tried = [], 0
    while tried < N_CONFIGURATIONS:
        grid, process = random_grid(rng), PROCESSES[rng.integers(len(PROCESSES))]
        try:
            tab = random_scheme(rng, grid)()
            tab = tab if process is None else tab.in_process(process)
        except ValueError:
            continue  # the scheme does not go with this grid: nothing to audit
        tried += 1
        found = diagnose(renamed(tab))
        if not found.agrees:
            accused.append(f"{tab.name} on {grid}, {process}: {[str(e) for e in found.faults]}, {found.departure}")
    assert not accused, "\n".join(accused)
