"""Misuses of the public API, each with the error it must get: data of `test_bad_input.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from ersde_theory import (
    ForwardProcess,
    NoiseScale,
    NotAdmissible,
    TimeGrid,
    schemes,
)
from ersde_theory.quadrature import moments

GRID = TimeGrid.karras(4, 10.0, 0.1)
ODE, EXP = NoiseScale.ode(), NoiseScale.exp_power()
FROM_INFINITY = TimeGrid.uniform_in_time(ForwardProcess.rectified_flow(), 4, 1.0, 0.1)


@dataclass(frozen=True)
class Misuse:
    """One wrong call, the exception it must raise and words that its message must hold."""

    label: str
    call: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


def constant(*_: Any) -> float:
    """Return a number, no array."""
    return 1.0


def undefined(lam: Any) -> Any:
    """Return nan for every level."""
    return lam * np.nan


def misuse(label: str, error: type[Exception], words: str, call: Callable[[], Any]) -> Misuse:
    """Return a misuse; `words` are separated by |."""
    return Misuse(label, call, error, tuple(words.split("|")))


X = sympy.Symbol("x", positive=True)
GRIDS = (
    misuse("levels rise", ValueError, "levels|1|2", lambda: TimeGrid([3.0, 1.0, 2.0])),
    misuse("levels repeat", ValueError, "levels|index 1", lambda: TimeGrid([2.0, 2.0])),
    misuse("level nan", ValueError, "levels|nan|[1]", lambda: TimeGrid([3.0, np.nan, 1.0])),
    misuse("level negative", ValueError, "levels|-1.0", lambda: TimeGrid([3.0, -1.0])),
    misuse("level 0 inside", ValueError, "last place|index 1", lambda: TimeGrid([3.0, 0.0, 0.0])),
    misuse("level inf inside", ValueError, "first place|inf", lambda: TimeGrid([3.0, np.inf])),
    misuse("one level", ValueError, "levels|2|1", lambda: TimeGrid([1.0])),
    misuse("levels on two axes", ValueError, "levels|(1, 2)", lambda: TimeGrid([[2.0, 1.0]])),
    misuse("levels are text", TypeError, "levels", lambda: TimeGrid(["2", "1"])),
    misuse("levels complex", TypeError, "levels|complex", lambda: TimeGrid(np.array([2j, 1j]))),
    misuse("steps float", TypeError, "n_steps|10.0", lambda: TimeGrid.karras(10.0, 8.0, 1.0)),
    misuse("steps bool", TypeError, "n_steps|True", lambda: TimeGrid.karras(True, 8.0, 1.0)),
    misuse("steps 0", ValueError, "n_steps|0", lambda: TimeGrid.karras(0, 8.0, 1.0)),
    misuse("rho 0", ValueError, "rho|0", lambda: TimeGrid.karras(4, 8.0, 1.0, rho=0.0)),
    misuse("range upside down", ValueError, "lam_max|8", lambda: TimeGrid.karras(4, 1.0, 8.0)),
    misuse("lam_min 0", ValueError, "lam_min|0", lambda: TimeGrid.uniform_in_log(4, 1.0, 0.0)),
    misuse("lam_max inf", ValueError, "lam_max|inf", lambda: TimeGrid.karras(4, np.inf, 1.0)),
    misuse(
        "times rise", ValueError, "t_start|0.9", lambda: TimeGrid.uniform_in_time(ForwardProcess.edm(), 3, 0.1, 0.9)
    ),
    misuse("no process", TypeError, "process|ForwardProcess|edm", lambda: TimeGrid.uniform_in_time("edm", 3, 1.0, 0.1)),
    misuse("refine by 0", ValueError, "factor|0", lambda: GRID.refine(0)),
    misuse("refine by 1.5", TypeError, "factor|1.5", lambda: GRID.refine(1.5)),
)
PROCESSES = (
    misuse("unknown process", ValueError, "edn|did you mean 'edm'", lambda: ForwardProcess.from_name("edn")),
    misuse("process no text", TypeError, "forward process|3", lambda: ForwardProcess.from_name(3)),
    misuse("betas upside down", ValueError, "beta_max|0.1", lambda: ForwardProcess.vp_linear(20.0, 0.1)),
    misuse("beta negative", ValueError, "beta_min|-1", lambda: ForwardProcess.sub_vp(-1.0)),
    misuse("offset 0", ValueError, "offset|0", lambda: ForwardProcess.vp_cosine(0.0)),
    misuse("sigmas upside down", ValueError, "sigma_max|1.0", lambda: ForwardProcess.ve(2.0, 1.0)),
    misuse("time outside", ValueError, "t:|1.5", lambda: ForwardProcess.vp_linear().alpha(1.5)),
    misuse("time nan", ValueError, "t:|nan", lambda: ForwardProcess.edm().sigma(np.nan)),
    misuse("drift at alpha 0", ValueError, "alpha|1", lambda: ForwardProcess.rectified_flow().drift(1.0)),
    misuse("level out of reach", ValueError, "noise_level|1000", lambda: ForwardProcess.ve().time(1000.0)),
    misuse("level below 0", ValueError, "noise_level|-1", lambda: ForwardProcess.edm().time(-1.0)),
    misuse("alpha at inf", ValueError, "noise_level|inf", lambda: ForwardProcess.edm().alpha_at_level(np.inf)),
    misuse("ve from inf", ValueError, "noise_level|inf", lambda: ForwardProcess.ve().sigma_at_level([1.0, np.inf])),
)
PHIS = (
    misuse("power below 1", NotAdmissible, "exponent|0.5", lambda: NoiseScale.power(0.5)),
    misuse("power nan", ValueError, "exponent|nan", lambda: NoiseScale.power(np.nan)),
    misuse("power text", TypeError, "exponent|two", lambda: NoiseScale.power("two")),
    misuse("unknown phi", ValueError, "exp_pwer|did you mean 'exp_power'", lambda: NoiseScale.from_name("exp_pwer")),
    misuse("power of text", ValueError, "power(p)|power(a)", lambda: NoiseScale.from_name("power(a)")),
    misuse("phi name no text", TypeError, "noise scale|7", lambda: NoiseScale.from_name(7)),
    misuse("release type 8", ValueError, "release type|8", lambda: NoiseScale.from_release_type(8)),
    misuse("release type float", TypeError, "release type|7.0", lambda: NoiseScale.from_release_type(7.0)),
    misuse("tau no function", TypeError, "tau_squared|1.0", lambda: NoiseScale.from_tau_squared(1.0)),
    misuse("tau shape", ValueError, "tau_squared|shape", lambda: NoiseScale.from_tau_squared(constant).fei(2.0, 1.0)),
    misuse("tau nan", ValueError, "tau_squared|finite", lambda: NoiseScale.from_tau_squared(undefined).fei(2.0, 1.0)),
    misuse("phi two symbols", ValueError, "free symbol|'x', 'z'", lambda: NoiseScale.from_sympy(X * sympy.Symbol("z"))),
    misuse("phi text", TypeError, "expression|x**2", lambda: NoiseScale.from_sympy("x**2")),
    misuse("phi level negative", ValueError, "noise level|-1", lambda: EXP.tau_squared(-1.0)),
    misuse("phi level nan", ValueError, "noise level|nan", lambda: EXP.log_excess(np.array([1.0, np.nan]))),
    misuse(
        "phi inadmissible",
        NotAdmissible,
        "log_power|tau^2|lambda",
        lambda: schemes.er_sde(TimeGrid([2000.0, 1.0]), NoiseScale.log_power()),
    ),
    misuse(
        "noise negative", NotAdmissible, "log_power|2000", lambda: NoiseScale.log_power().noise_variance(2000.0, 1500.0)
    ),
    misuse("step up", ValueError, "lam_start|1.0", lambda: moments(EXP, 1.0, 2.0, 1)),
    misuse("moment -1", ValueError, "n_max|-1", lambda: moments(EXP, 2.0, 1.0, -1)),
    misuse("moment from inf", ValueError, "lam_start|inf", lambda: moments(EXP, np.inf, 1.0, 1)),
)
SCHEMES = (
    misuse("grid is a list", TypeError, "grid|TimeGrid", lambda: schemes.er_sde([2.0, 1.0], ODE)),
    misuse("phi is a name", TypeError, "noise_scale|NoiseScale|ode", lambda: schemes.er_sde(GRID, "ode")),
    misuse("order 4", ValueError, "order|3|4", lambda: schemes.er_sde(GRID, ODE, 4)),
    misuse("order text", TypeError, "order|'2'", lambda: schemes.er_sde(GRID, ODE, "2")),
    misuse("adams order 5", ValueError, "order|4|5", lambda: schemes.exponential_adams(GRID, ODE, 5)),
    misuse(
        "unknown variant",
        ValueError,
        "variant|did you mean 'released'",
        lambda: schemes.er_sde(GRID, ODE, variant="release"),
    ),
    misuse(
        "unknown start",
        ValueError,
        "start|did you mean 'graded'",
        lambda: schemes.exponential_adams(GRID, ODE, start="grade"),
    ),
    misuse(
        "graded from inf",
        ValueError,
        "start|infinity|graded",
        lambda: schemes.exponential_adams(FROM_INFINITY, ODE, start="graded"),
    ),
    misuse("eta above 1", ValueError, "eta|1.5", lambda: schemes.ddim(GRID, 1.5)),
    misuse("eta nan", ValueError, "eta|nan", lambda: schemes.ddim(GRID, np.nan)),
    misuse(
        "forward without process", TypeError, "process|None", lambda: schemes.ddpm_ancestral(GRID, variance="forward")
    ),
    misuse(
        "forward from inf",
        ValueError,
        "grid|inf",
        lambda: schemes.ddpm_ancestral(FROM_INFINITY, variance="forward", process=ForwardProcess.rectified_flow()),
    ),
    misuse("euler from inf", ValueError, "grid|inf", lambda: schemes.euler_maruyama(FROM_INFINITY, ODE)),
    misuse(
        "euler out of reach",
        ValueError,
        "noise_level|10",
        lambda: schemes.euler_maruyama(GRID, ODE, process=ForwardProcess.ve(0.01, 5.0)),
    ),
)
MISUSES_OF_PARTS = (*GRIDS, *PROCESSES, *PHIS, *SCHEMES)
