"""How each name of the catalogue is built: from a grid and phi to a Tableau."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ersde_theory import schemes
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

Build = Callable[[TimeGrid, NoiseScale], Tableau]


def _start(noise_scale: NoiseScale) -> str:
    """Return the start that suits: with noise, short first intervals would make derivatives of a rough path."""
    return "balanced" if noise_scale.name == "ode" else "increasing"


def _tau_squared(noise_scale: NoiseScale) -> float:
    """Return tau^2 of a power of the level."""
    assert noise_scale.power_exponent is not None
    return noise_scale.power_exponent - 1.0


def _er_sde(order: int, variant: str = "published") -> Build:
    return lambda grid, phi: schemes.er_sde(grid, phi, order, variant=variant)


def _adams(order: int) -> Build:
    return lambda grid, phi: schemes.exponential_adams(grid, phi, order, start=_start(phi))


def _pec(predictor: int, corrector: int) -> Build:
    return lambda grid, phi: schemes.exponential_pec(
        grid, phi, predictor=predictor, corrector=corrector, start=_start(phi)
    )


def _dpm(order: int) -> Build:
    return lambda grid, phi: schemes.dpm_solver_pp(grid, order, eta=_tau_squared(phi))


def _sa(predictor: int, corrector: int = 0) -> Build:
    return lambda grid, phi: schemes.sa_solver(grid, _tau_squared(phi) ** 0.5, predictor, corrector)


def _without_phi(build: Callable[[TimeGrid], Tableau]) -> Build:
    """Return the builder of a scheme whose noise is settled by its name."""
    return lambda grid, _phi: build(grid)


_VP = ForwardProcess.vp_linear()  # whose time DEIS extrapolates in

BUILDERS: Mapping[str, Build] = {
    "euler_maruyama": schemes.euler_maruyama,
    "er_sde-1": _er_sde(1),
    "er_sde-2": _er_sde(2),
    "er_sde-3": _er_sde(3),
    "er_sde-2-released": _er_sde(2, "released"),
    "er_sde-3-released": _er_sde(3, "released"),
    "adams-3": _adams(3),
    "adams-4": _adams(4),
    "exponential_pec-2-3": _pec(2, 3),
    "exponential_pec-3-3": _pec(3, 3),
    "exponential_pec-3-4": _pec(3, 4),
    "variable_order_pec": lambda grid, phi: schemes.variable_order_pec(grid, phi, start=_start(phi)),
    "exponential_sra": schemes.exponential_sra,
    "ddim": lambda grid, phi: schemes.ddim(grid, _tau_squared(phi)),
    "ddpm": _without_phi(schemes.ddpm_ancestral),
    "dpm_solver_pp-1": _dpm(1),
    "dpm_solver_pp-2m": _dpm(2),
    "dpm_solver_pp-3m": _dpm(3),
    "dpm_solver_pp-2s": _without_phi(lambda grid: schemes.dpm_solver_pp_singlestep(grid, 2)),
    "dpm_solver_pp-3s": _without_phi(lambda grid: schemes.dpm_solver_pp_singlestep(grid, 3)),
    "dpm_solver_pp-sde": lambda grid, phi: schemes.dpm_solver_pp_sde(grid, eta=_tau_squared(phi)),
    "sa_solver-2": _sa(2),
    "sa_solver-3": _sa(3),
    "sa_solver-4": _sa(4),
    "sa_solver-2-3": _sa(2, 3),
    "sa_solver-3-4": _sa(3, 4),
    "deis-2": _without_phi(lambda grid: schemes.deis(grid, 2, process=_VP)),
    "deis-3": _without_phi(lambda grid: schemes.deis(grid, 3, process=_VP)),
    "deis-4": _without_phi(lambda grid: schemes.deis(grid, 4, process=_VP)),
    "uni_p-2": _without_phi(lambda grid: schemes.uni_pc(grid, 2, corrector=False)),
    "uni_pc-2": _without_phi(lambda grid: schemes.uni_pc(grid, 2)),
    "uni_pc-3": _without_phi(lambda grid: schemes.uni_pc(grid, 3)),
    "edm_heun": _without_phi(schemes.edm_heun),
    "edm_stochastic": _without_phi(lambda grid: schemes.edm_stochastic(grid, s_noise=1.0)),
    "seeds-1": _without_phi(lambda grid: schemes.seeds(grid, 1)),
    "seeds-2": _without_phi(lambda grid: schemes.seeds(grid, 2)),
    "seeds-3": _without_phi(lambda grid: schemes.seeds(grid, 3)),
}
