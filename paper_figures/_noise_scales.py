"""The noise scales that the figures compare, with their looks and labels."""

from __future__ import annotations

from collections.abc import Iterator

from ersde_theory.noise_scale import NoiseScale
from ersde_theory.time_grid import TimeGrid
from paper_figures.style import Look, look

NAMES = ("ode", "power(1.5)", "reverse_sde", "exp_reciprocal", "log_power", "exp_power")
FORMULAS = {
    "ode": r"ode: $\varphi = x$",
    "power(1.5)": r"power: $x^{1.5}$",
    "reverse_sde": r"reverse_sde: $x^2$",
    "exp_reciprocal": r"exp_reciprocal: $x(e^{-1/x}+10)$",
    "log_power": r"log_power: $x^{0.9}\log_{10}(1+100x^{1.5})$",
    "exp_power": r"exp_power: $x(e^{x^{0.3}}+10)$",
}
KARRAS = {"lam_max": 80.0, "lam_min": 0.002, "rho": 7.0}
VP_TIMES = {"t_start": 1.0, "t_end": 0.001}


def labelled() -> Iterator[tuple[int, str, Look]]:
    """Yield index, label and look of each noise scale."""
    for i, name in enumerate(NAMES):
        yield i, FORMULAS[name], look(i)


def noise_scales() -> list[NoiseScale]:
    """Return the noise scales in order."""
    return [NoiseScale.from_name(name) for name in NAMES]


def grids(n_steps: int) -> dict[str, TimeGrid]:
    """Return the grid of a VE and of a VP model with the same number of steps."""
    from ersde_theory.forward_process import ForwardProcess

    return {
        "VE (Karras)": karras(n_steps),
        "VP (uniform in t)": TimeGrid.uniform_in_time(
            ForwardProcess.vp_linear(), n_steps, VP_TIMES["t_start"], VP_TIMES["t_end"]
        ),
    }


def karras(n_steps: int) -> TimeGrid:
    """Return the Karras grid that the figures share."""
    return TimeGrid.karras(n_steps, KARRAS["lam_max"], KARRAS["lam_min"], KARRAS["rho"])
