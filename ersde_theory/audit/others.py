"""Schemes of the catalogue that a sampler may be, on its own grid, apart from ER-SDE and exponential Adams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ersde_theory import schemes
from ersde_theory._gauss_legendre import QuadratureError
from ersde_theory.audit.members import Certified
from ersde_theory.audit.noise_scales import NAMED
from ersde_theory.audit.observed import Observed, observe
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.integrations.choice import best_tableau
from ersde_theory.interpolation import InterpolationVariable
from ersde_theory.noise_scale import NoiseScale, NotAdmissible
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_Choice = tuple[str, NoiseScale | None, Callable[[], Tableau]]
_VARIABLES = ("linear", "log", "rational(1)", "rational(0.5)", "arctan(0.5)")


def other_schemes(
    seen: Observed, grid_level: np.ndarray, noise_scale: NoiseScale | None, *, slow: bool = False
) -> Iterator[Certified]:
    """Yield schemes with as many visible states as the sampler, at the same levels.

    Parameters
    ----------
    seen : Observed
        The sampler.
    grid_level : float64 array of shape (N + 1,)
        Levels of its grid.
    noise_scale : NoiseScale or None
        Its phi, if it has one.
    slow : bool
        Whether to yield those whose coefficients take quadrature, and only them.

    Yields
    ------
    Certified

    Examples
    --------
    >>> grid = TimeGrid([4.0, 2.0, 1.0])
    >>> seen = observe(schemes.dpm_solver_pp(grid, 2))
    >>> next(other_schemes(seen, grid.levels, NoiseScale.ode())).name
    'DDIM'
    """
    try:
        grid = TimeGrid(grid_level)
    except ValueError:
        return
    for title, phi, build in (_slow_builds if slow else _builds)(seen, grid, noise_scale):
        try:
            steps = observe(build())
        except (TypeError, ValueError, NotAdmissible, QuadratureError):
            continue  # this scheme does not go with this grid or this phi
        same = steps.level.shape == seen.level.shape and steps.data.shape == seen.data.shape
        if same and np.allclose(steps.level, seen.level, rtol=1e-9, atol=0.0):
            certified = _with_alpha(steps, seen)
            yield Certified(title, phi, certified, None, is_member=_one_evaluation(seen, grid))


def _one_evaluation(seen: Observed, grid: TimeGrid) -> bool:
    """Return whether the visible states are the grid's nodes."""
    return seen.is_multistep and grid.n_steps == seen.n_steps


def _with_alpha(steps: Observed, seen: Observed) -> Observed:
    """Return the steps with the sampler's alpha and its own levels bit for bit."""
    return Observed(seen.level, seen.alpha, steps.row, steps.ratio, steps.data, steps.noise)


def _builds(seen: Observed, grid: TimeGrid, phi: NoiseScale | None) -> Iterator[_Choice]:
    """Yield names and builders, the quick and usual ones first."""
    if _one_evaluation(seen, grid):
        yield "DDIM", NoiseScale.ode(), partial(schemes.ddim, grid, 0.0)
        yield from _fitted_ddim(seen, grid)
        yield "DDPM ancestral", NoiseScale.reverse_sde(), partial(schemes.ddpm_ancestral, grid)
        if phi is not None and phi.power_exponent is not None:
            yield from _of_power(grid, phi, phi.power_exponent)
        yield from _without_noise(grid)
        for noise_scale in _of_euler(seen):
            yield "Euler–Maruyama in y", noise_scale, partial(schemes.euler_maruyama, grid, noise_scale)
    else:
        yield from _staged(grid, phi)


def _slow_builds(seen: Observed, grid: TimeGrid, phi: NoiseScale | None) -> Iterator[_Choice]:
    """Yield names and builders of schemes whose coefficients take quadrature."""
    if _one_evaluation(seen, grid) and phi is not None:
        yield from _predictor_correctors(grid, phi)


def _fitted_ddim(seen: Observed, grid: TimeGrid) -> Iterator[_Choice]:
    """Yield DDIM with the eta that its first noise says."""
    loud = np.flatnonzero((seen.noise_variance > 0.0) & np.isfinite(seen.level[:-1]) & (seen.level[1:] > 0.0))
    if loud.size:
        i = int(loud[0])
        q = seen.level[i + 1] / seen.level[i]
        eta = float(np.sqrt(seen.noise_variance[i] / (seen.level[i + 1] ** 2 * (1.0 - q**2))))
        eta = round(eta, 6) if abs(eta - round(eta, 6)) < 1e-9 else eta
        if eta < 1.0:
            yield f"DDIM, η = {eta:g}", None, partial(schemes.ddim, grid, eta)


def _of_euler(seen: Observed) -> Iterator[NoiseScale]:
    """Yield the functions whose tau^2 at its start each Euler step may have."""
    start, end = seen.level[:-1], seen.level[1:]
    inner = np.isfinite(start)
    rate = (1.0 - seen.ratio[inner]) * start[inner] / (start[inner] - end[inner]) - 1.0
    for noise_scale in map(NoiseScale.from_name, NAMED):
        if np.allclose(noise_scale.tau_squared(start[inner]), rate, rtol=1e-6, atol=1e-9):
            yield noise_scale
            return
    power = round(1.0 + float(np.median(rate)), 9)
    if power > 1.0:
        yield NoiseScale.power(power)


def _of_power(grid: TimeGrid, phi: NoiseScale, exponent: float) -> Iterator[_Choice]:
    """Yield schemes that are defined for powers of the level."""
    tau_squared = exponent - 1.0
    for order in (2, 3):
        for kind in ("midpoint", "heun"):
            for falls in (False, True):
                yield (
                    f"DPM-Solver++({order}M) {kind}" + (", lower order at the end" if falls else ""),
                    phi,
                    partial(
                        schemes.dpm_solver_pp,
                        grid,
                        order,
                        eta=tau_squared,
                        solver_type=kind,
                        lower_order_final=falls,
                    ),
                )
    tau = tau_squared**0.5
    for variant in ("published", "released"):
        for predictor in (2, 3, 4):
            for corrector in (0, *range(1, predictor + 2)):
                title = f"SA-Solver({predictor}{f', {corrector}' if corrector else ''}) {variant}"
                yield title, phi, partial(schemes.sa_solver, grid, tau, predictor, corrector, variant=variant)


def _without_noise(grid: TimeGrid) -> Iterator[_Choice]:
    """Yield multistep schemes for the ODE."""
    ode = NoiseScale.ode()
    for order in (2, 3):
        for b in ("bh1", "bh2"):
            for corrector in (True, False):
                title = f"Uni{'PC' if corrector else 'P'}-{order} {b}"
                yield title, ode, partial(schemes.uni_pc, grid, order, corrector=corrector, b=b)
    for order in (2, 3, 4):
        yield f"DEIS-{order}", ode, partial(schemes.deis, grid, order, process=ForwardProcess.vp_linear())
        yield f"DEIS-{order} in ln λ", ode, partial(schemes.deis, grid, order, variable="log")
        yield f"DEIS-{order} in λ", ode, partial(schemes.deis, grid, order, variable="noise_level")


def _predictor_correctors(grid: TimeGrid, phi: NoiseScale) -> Iterator[_Choice]:
    """Yield predictor-correctors that reuse the evaluation."""
    yield "variable-order PEC", phi, partial(best_tableau, grid, phi)
    for name in _VARIABLES:
        variable = InterpolationVariable.from_name(name)
        for predictor, corrector in ((2, 3), (3, 3), (3, 4)):
            title = f"exponential PEC({predictor}, {corrector}) in {name}"
            build = partial(schemes.exponential_pec, grid, phi, predictor=predictor, corrector=corrector)
            yield title, phi, partial(build, variable=variable)


def _staged(grid: TimeGrid, phi: NoiseScale | None) -> Iterator[_Choice]:
    """Yield schemes with several evaluations a step, or whose levels rise."""
    ode, reverse = NoiseScale.ode(), NoiseScale.reverse_sde()
    yield "EDM Heun", ode, partial(schemes.edm_heun, grid)
    for s_noise in (1.0, 1.003):
        yield f"EDM stochastic, s_noise = {s_noise:g}", None, partial(schemes.edm_stochastic, grid, s_noise=s_noise)
    for order in (2, 3):
        for kind in ("midpoint", "heun"):
            build = partial(schemes.dpm_solver_pp_singlestep, grid, order, solver_type=kind)
            yield f"DPM-Solver++({order}S) {kind}", ode, build
    yield "DPM-Solver++(2S) SDE", reverse, partial(schemes.dpm_solver_pp_sde, grid, eta=1.0)
    yield "DPM-Solver++(2S) SDE, η = 0", ode, partial(schemes.dpm_solver_pp_sde, grid, eta=0.0)
    for order in (1, 2, 3):
        for variant in ("published", "released"):
            yield f"SEEDS-{order} {variant}", reverse, partial(schemes.seeds, grid, order, variant=variant)
    if phi is not None:
        yield "exponential SRA", phi, partial(schemes.exponential_sra, grid, phi)


__all__ = ["other_schemes"]
