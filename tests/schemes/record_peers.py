"""Record what public implementations of DPM-Solver++, EDM's samplers and SEEDS compute; not run by the tests.

The recordings in ``tests/schemes/data`` were made with Python 3.11, torch 2.13.0, diffusers 0.42.1 and

    https://github.com/LuChengTHU/dpm-solver    commit 52bc3fb
    https://github.com/crowsonkb/k-diffusion    commit 4601bf0
    https://github.com/NVlabs/edm               commit 008a4e5
    https://github.com/nfsrules/SEEDS           commit b7300bf

cloned side by side into one folder. In an environment of its own that has these packages::

    python tests/schemes/record_peers.py FOLDER

Each peer runs in float64 on the denoiser D(y, lambda) = tanh(y)/(1 + lambda), with given noise; Diffusers computes in
float32. Of the repositories only the functions in question are loaded, so their other requirements are not needed.
SEEDS subtracts its noise and stops before its last step: the recorded draws have the other sign, and every step is run.
"""

from __future__ import annotations

import ast
import itertools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

DATA = Path(__file__).parent / "data"
LEVELS = [6.0, 4.1, 2.5, 1.7, 0.9, 0.55, 0.31, 0.12, 0.05]
TO_ZERO = [*LEVELS[:-1], 0.0]
SEED = 77001
Run = dict[str, Any]


def load(path: Path, names: tuple[str, ...], **given: Any) -> dict[str, Any]:
    """Return functions and classes of a file, which see nothing but each other and what is given."""
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names]
    scope = dict(given)
    exec(compile(tree, str(path), "exec"), scope)
    return scope


def denoise(y: torch.Tensor, level: Any, *_: Any) -> torch.Tensor:
    """Return the data prediction of a simple nonlinear model."""
    return torch.tanh(y) / (1.0 + level)


def start_at(level: float) -> torch.Tensor:
    """Return the start state in y."""
    return level * torch.tensor([[1.3, -0.4, 0.2]], dtype=torch.float64)


class Normals:
    """Gives out recorded draws one by one, whatever it is asked with."""

    def __init__(self, n_draws: int) -> None:
        self.draws = torch.randn((n_draws, 1, 3), generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
        self.given = 0

    def __call__(self, *_: Any) -> torch.Tensor:
        """Return the next draw."""
        self.given += 1
        return self.draws[self.given - 1]


def run(
    levels: list[float], sampler: Callable[[torch.Tensor, Normals], torch.Tensor], n_draws: int = 0, sign: float = 1.0
) -> Run:
    """Return a run of a sampler in y, with one draw a step unless told; draws that it does not ask for stay unused."""
    normals = Normals(n_draws or len(levels) - 1)
    start = start_at(levels[0])
    final = sampler(start.clone(), normals)
    draws = sign * normals.draws
    return {"levels": levels, "start": start.tolist(), "noise": draws.tolist(), "final": final.tolist()}


def dpm_solver_of_diffusers() -> list[Run]:
    """Return runs of DPMSolverMultistepScheduler; the SDE's third order comes last."""
    runs = []
    for eta, order, kind, falls, levels in [
        *((0.0, k, "midpoint", False, LEVELS) for k in (1, 2, 3)),
        (0.0, 2, "heun", False, LEVELS),
        (0.0, 3, "midpoint", True, LEVELS),
        (0.0, 3, "midpoint", True, TO_ZERO),
        *((1.0, 2, kind, False, LEVELS) for kind in ("midpoint", "heun")),
        (1.0, 1, "midpoint", False, LEVELS),
        (1.0, 2, "heun", True, TO_ZERO),
        (1.0, 3, "heun", False, LEVELS),
    ]:
        scheduler = diffusers.DPMSolverMultistepScheduler(
            prediction_type="sample",
            algorithm_type="sde-dpmsolver++" if eta else "dpmsolver++",
            solver_order=order,
            solver_type=kind,
            lower_order_final=falls,
            final_sigmas_type="zero" if levels[-1] == 0.0 else "sigma_min",
        )

        def sampler(y: torch.Tensor, normals: Normals, levels: Any = levels, eta: Any = eta, s: Any = scheduler) -> Any:
            s.set_timesteps(len(levels) - 1)
            s.sigmas = torch.tensor(levels, dtype=torch.float64)
            alpha = 1.0 / torch.sqrt(s.sigmas**2 + 1.0)
            x = alpha[0] * y
            for i, t in enumerate(s.timesteps):
                noise = {"variance_noise": normals()} if eta else {}
                x = s.step(denoise(x / alpha[i], levels[i]), t, x, **noise).prev_sample
            return x / alpha[-1]

        options = {"eta": eta, "order": order, "solver_type": kind, "lower_order_final": falls}
        runs.append(options | run(levels, sampler))
    return runs


def dpm_solver_of_its_authors(folder: Path) -> list[Run]:
    """Return runs of the authors' updates, on times of a linear variance-preserving schedule."""
    peer = load(
        folder / "dpm-solver" / "dpm_solver_pytorch.py", ("NoiseScheduleVP", "DPM_Solver", "expand_dims"), torch=torch
    )
    schedule = peer["NoiseScheduleVP"]("linear")
    times = [torch.tensor([t], dtype=torch.float64) for t in (0.8, 0.68, 0.57, 0.45, 0.34, 0.22, 0.13, 0.05, 0.01)]
    alpha = [schedule.marginal_alpha(t) for t in times]
    levels = [float(torch.exp(-schedule.marginal_lambda(t))) for t in times]

    def noise_prediction(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a, level = schedule.marginal_alpha(t), torch.exp(-schedule.marginal_lambda(t))
        return (x / a - denoise(x / a, level)) / level

    solver = peer["DPM_Solver"](noise_prediction, schedule, algorithm_type="dpmsolver++")
    solver.model = noise_prediction
    kinds = {"midpoint": "dpmsolver", "heun": "taylor"}

    def multistep(y: torch.Tensor, order: int, kind: str) -> torch.Tensor:
        x = alpha[0] * y
        history = [solver.model_fn(x, times[0])]
        for i in range(1, len(times)):
            k = min(order, i)
            past = (history[-k:], times[i - k : i])
            x = solver.multistep_dpm_solver_update(x, *past, times[i], k, solver_type=kinds[kind])
            history.append(solver.model_fn(x, times[i]))
        return x / alpha[-1]

    def singlestep(y: torch.Tensor, order: int, kind: str) -> torch.Tensor:
        x = alpha[0] * y
        for s, t in itertools.pairwise(times):
            x = solver.singlestep_dpm_solver_update(x, s, t, order, solver_type=kinds[kind])
        return x / alpha[-1]

    return [
        {"form": sampler.__name__, "order": k, "solver_type": kind}
        | run(levels, lambda y, _, sampler=sampler, k=k, kind=kind: sampler(y, k, kind))
        for sampler in (multistep, singlestep)
        for k, kind in ((1, "midpoint"), (2, "midpoint"), (2, "heun"), (3, "midpoint"), (3, "heun"))
    ]


def dpm_solver_of_k_diffusion(folder: Path) -> list[Run]:
    """Return runs of k-diffusion's forms of DPM-Solver++."""
    names = ("dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m_sde", "dpmpp_2s_ancestral", "dpmpp_sde")
    path = folder / "k-diffusion" / "k_diffusion" / "sampling.py"
    peer = load(
        path,
        (*(f"sample_{name}" for name in names), "get_ancestral_step", "to_d"),
        torch=torch,
        math=math,
        trange=lambda n, disable: range(n),  # noqa: ARG005
        utils=type("utils", (), {"append_dims": staticmethod(lambda sigma, _: sigma)}),
        BrownianTreeNoiseSampler=None,
        default_noise_sampler=None,
    )
    cases: list[tuple[str, Run, list[float]]] = [("dpmpp_2m", {}, TO_ZERO)]
    for eta in (0.0, 0.5, 1.0):
        cases += [("dpmpp_2m_sde", {"eta": eta, "solver_type": kind}, TO_ZERO) for kind in ("midpoint", "heun")]
        cases += [(name, {"eta": eta}, TO_ZERO) for name in ("dpmpp_3m_sde", "dpmpp_2s_ancestral", "dpmpp_sde")]
    cases.append(("dpmpp_sde", {"eta": 1.0, "r": 0.3}, LEVELS))

    def sampler(name: str, options: Run, levels: list[float]) -> Callable[[torch.Tensor, Normals], torch.Tensor]:
        def sample(y: torch.Tensor, normals: Normals) -> torch.Tensor:
            given = {} if name == "dpmpp_2m" else {"noise_sampler": normals}
            sigmas = torch.tensor(levels, dtype=torch.float64)
            final: torch.Tensor = peer[f"sample_{name}"](denoise, y, sigmas, disable=True, **given, **options)
            return final

        return sample

    return [
        {"name": name} | options | run(lev, sampler(name, options, lev), two_stage_draws(lev) * (name == "dpmpp_sde"))
        for name, options, lev in cases
    ]


def two_stage_draws(levels: list[float]) -> int:
    """Return two draws a step, one of a step to level 0."""
    return 2 * (len(levels) - 1) - (levels[-1] == 0.0)


def edm_of_its_authors(folder: Path) -> list[Run]:
    """Return runs of EDM's sampler, with and without churn, on its own grid."""
    peer = load(folder / "edm" / "generate.py", ("edm_sampler",), torch=torch, np=np)
    net = type(
        "Net",
        (),
        {
            "sigma_min": 0.0,
            "sigma_max": math.inf,
            "round_sigma": staticmethod(torch.as_tensor),
            "__call__": lambda self, y, level, _: denoise(y, level),  # noqa: ARG005
        },
    )()
    n, low, high = 8, 0.05, 6.0
    ramp = torch.arange(n, dtype=torch.float64) / (n - 1)
    grid = (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    levels = [*grid.tolist(), 0.0]
    runs = []
    for churn in (
        {"S_churn": 0.0},
        {"S_churn": 2.0, "S_min": 0.1, "S_max": 3.0, "S_noise": 1.003},
        {"S_churn": 40.0, "S_noise": 1.0},
    ):

        def sampler(y: torch.Tensor, normals: Normals, churn: Run = churn) -> torch.Tensor:
            final: torch.Tensor = peer["edm_sampler"](
                net, y / levels[0], None, normals, num_steps=n, sigma_min=low, sigma_max=high, **churn
            )
            return final

        runs.append({"options": {name.lower(): value for name, value in churn.items()}} | run(levels, sampler))
    return runs


def seeds_of_its_authors(folder: Path) -> list[Run]:
    """Return runs of the data-prediction SEEDS; s = 1 and sigma = t, so that x is y."""
    path = folder / "SEEDS" / "seeds_lib" / "methods" / "etd_serk.py"
    runs = []
    for order in (1, 2, 3):

        def sampler(y: torch.Tensor, normals: Normals, order: int = order) -> torch.Tensor:
            peer = load(path, ("ETD_SERK_SOLVER",), torch=torch, Standard=lambda: normals, Discrete=None)
            solver = peer["ETD_SERK_SOLVER"](
                net=denoise,
                lamb=lambda t: -torch.log(t),
                lamb_inv=lambda u: torch.exp(-u),
                class_labels=None,
                sigma=lambda t: t,
                s=torch.ones_like,
                order=order,
                c2=None,
                noise_pred=False,
                butcher_type=None,
                noise_type=None,
            )
            for s, t in itertools.pairwise(LEVELS):
                y = solver.update(y, *torch.tensor([s, t], dtype=torch.float64), len(LEVELS), 0)
            return y

        runs.append({"order": order} | run(LEVELS, sampler, order * (len(LEVELS) - 1), sign=-1.0))
    return runs


def main(folder: Path) -> None:
    """Write all recordings."""
    DATA.mkdir(exist_ok=True)
    recordings = {
        "dpm_diffusers": dpm_solver_of_diffusers(),
        "dpm_authors": dpm_solver_of_its_authors(folder),
        "dpm_k_diffusion": dpm_solver_of_k_diffusion(folder),
        "edm_authors": edm_of_its_authors(folder),
        "seeds_authors": seeds_of_its_authors(folder),
    }
    for name, runs in recordings.items():
        (DATA / f"{name}.json").write_text(json.dumps({"runs": runs}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
