"""Record what public implementations of SA-Solver, UniPC and DEIS compute; not run by the tests.

The recordings in ``tests/schemes/data`` were made with Python 3.11, torch 2.13.0, diffusers 0.42.1, jax 0.10.2 and

    https://github.com/scxue/SA-Solver    commit 876f3dd
    https://github.com/qsh-zh/deis        commit a30709f

cloned side by side into one folder. In an environment of its own that has these packages::

    python tests/schemes/record_peers_multistep.py FOLDER

Each peer runs in float64 on the denoiser D(y, lambda) = tanh(y)/(1 + lambda), with given noise. The schedulers of
Diffusers keep float32 levels: they are replaced by float64 ones after ``set_timesteps``. Of SA-Solver's own code the
updates without its modification for few steps are called one by one, as its ``sample`` does. DEIS's own code
integrates by a left Riemann sum of 10 000 nodes: it is recorded with two and four times as many, too, so that the limit
can be extrapolated.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import diffusers
import jax
import torch

DATA = Path(__file__).parent / "data"
LEVELS = [6.0, 4.1, 2.5, 1.7, 0.9, 0.55, 0.31, 0.12, 0.05]
SEED = 20231
RIEMANN_NODES = (10_000, 20_000, 40_000)
Run = dict[str, Any]


def denoise(y: torch.Tensor, level: float) -> torch.Tensor:
    """Return the data prediction of a simple nonlinear model."""
    return torch.tanh(y) / (1.0 + level)


def start_at(level: float) -> torch.Tensor:
    """Return the start state in y."""
    return level * torch.tensor([[1.3, -0.4, 0.2]], dtype=torch.float64)


def normals(step: int) -> torch.Tensor:
    """Return the draw of a step."""
    return torch.randn((1, 3), generator=torch.Generator().manual_seed(SEED + step), dtype=torch.float64)


def run_diffusers(kind: str, levels: list[float], **options: Any) -> Run:
    """Return a run of a scheduler of Diffusers."""
    n = len(levels) - 1
    scheduler = getattr(diffusers, kind)(prediction_type="sample", **options)
    scheduler.set_timesteps(n)
    scheduler.sigmas = torch.tensor(levels, dtype=torch.float64)
    alpha = 1.0 / torch.sqrt(scheduler.sigmas**2 + 1.0)
    x = alpha[0] * start_at(levels[0])
    for i, t in enumerate(scheduler.timesteps):
        data = denoise(x / alpha[i], levels[i])
        drawn = {"generator": torch.Generator().manual_seed(SEED + i)} if kind == "SASolverScheduler" else {}
        x = scheduler.step(data, t, x, **drawn).prev_sample
    return {
        "levels": levels,
        "start": start_at(levels[0]).tolist(),
        "noise": [normals(i).tolist() for i in range(n)],
        "final": (x / alpha[-1]).tolist(),
    }


def sa_of_diffusers() -> list[Run]:
    """Return runs of SASolverScheduler, which always corrects."""
    runs = []
    for tau in (0.0, 0.7, 1.0):
        for k in (1, 2, 3, 4):
            for c in (1, 2, 3, 4):
                run = run_diffusers(
                    "SASolverScheduler",
                    LEVELS,
                    predictor_order=k,
                    corrector_order=c,
                    tau_func=lambda _, tau=tau: tau,
                    lower_order_final=False,
                )
                runs.append({"tau": tau, "predictor": k, "corrector": c} | run)
    return runs


def sa_of_its_authors(folder: Path) -> list[Run]:
    """Return runs of SA-Solver's own updates on times of a linear variance-preserving schedule."""
    sys.path.insert(0, str(folder / "SA-Solver"))
    from sa_solver import NoiseScheduleVP, SASolver

    schedule = NoiseScheduleVP("linear", dtype=torch.float64)
    times = [torch.tensor([t], dtype=torch.float64) for t in (0.8, 0.68, 0.57, 0.45, 0.34, 0.22, 0.13, 0.05, 0.01)]
    alpha = [schedule.marginal_alpha(t) for t in times]
    levels = [float(torch.exp(-schedule.marginal_lambda(t))) for t in times]
    level_at = dict(zip([float(t) for t in times], levels, strict=True))

    def noise_prediction(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a, s = schedule.marginal_alpha(t[:1]), schedule.marginal_std(t[:1])
        return (x - a * denoise(x / a, level_at[float(t[0])])) / s

    solver = SASolver(noise_prediction, schedule)

    def run(tau: float, k: int, c: int) -> Run:
        x = alpha[0] * start_at(levels[0])
        history = [solver.model_fn(x, times[0])]
        for i in range(1, len(times)):
            step = {
                "tau": torch.tensor(tau, dtype=torch.float64),
                "t_prev_list": times[:i],
                "noise": normals(i - 1),
                "t": times[i],
            }
            predicted = solver.adams_bashforth_update(order=min(k, i), x=x, model_prev_list=history, **step)
            history = [*history, solver.model_fn(predicted, times[i])]
            if c == 0 or i == len(times) - 1:  # the last step is not corrected
                x = predicted
            else:
                x = solver.adams_moulton_update(order=min(c, i + 1), x=x, model_prev_list=history, **step)
        return {
            "tau": tau,
            "predictor": k,
            "corrector": c,
            "levels": levels,
            "start": start_at(levels[0]).tolist(),
            "noise": [normals(i).tolist() for i in range(len(times) - 1)],
            "final": (x / alpha[-1]).tolist(),
        }

    return [run(tau, k, c) for tau in (0.0, 0.7) for k in (1, 2, 3, 4) for c in (0, 2, 3, 4)]


def uni_pc_of_diffusers() -> list[Run]:
    """Return runs of UniPCMultistepScheduler, with and without corrector, and one that ends at level 0."""
    runs = []
    for p in (1, 2, 3):
        for b in ("bh1", "bh2"):
            for corrector in (False, True):
                off = [] if corrector else list(range(len(LEVELS)))
                run = run_diffusers(
                    "UniPCMultistepScheduler",
                    LEVELS,
                    solver_order=p,
                    solver_type=b,
                    disable_corrector=off,
                    lower_order_final=False,
                )
                runs.append({"order": p, "b": b, "corrector": corrector} | run)
    to_zero = run_diffusers(
        "UniPCMultistepScheduler",
        [*LEVELS[:-1], 0.0],
        solver_order=2,
        solver_type="bh2",
        lower_order_final=True,
    )
    return [*runs, {"order": 2, "b": "bh2", "corrector": True} | to_zero]


def deis_of_diffusers() -> list[Run]:
    """Return runs of DEISMultistepScheduler, which extrapolates in the logarithm of the level."""
    return [
        {"order": k, "variable": "log_rho"}
        | run_diffusers("DEISMultistepScheduler", LEVELS, solver_order=k, lower_order_final=False)
        for k in (1, 2, 3)
    ]


def deis_of_its_authors(folder: Path) -> list[Run]:
    """Return runs of DEIS's own code, tAB and rhoAB, with several numbers of Riemann nodes."""
    jax.config.update("jax_enable_x64", val=True)
    # a helper for discrete schedules, unused here, that newer versions of jax have elsewhere
    jax._src.numpy.lax_numpy._promote_dtypes_inexact = jax._src.numpy.util.promote_dtypes_inexact
    sys.path.insert(0, str(folder / "deis"))
    import th_deis
    from th_deis import multistep

    shipped = multistep.get_integrator_basis_fn
    process = th_deis.VPSDE(*th_deis.get_linear_alpha_fns(0.1, 20.0), 1e-2, 0.8)
    times = th_deis.sde.get_rev_ts(process, 8, 2.0, ts_phase="t")
    levels = [float(level) for level in process.t2rho(times)]

    def noise_prediction(x: torch.Tensor, t: Any) -> torch.Tensor:
        a = float(process.t2alpha_fn(float(t))) ** 0.5
        level = float(process.t2rho(float(t)))
        return (x / a - denoise(x / a, level)) / level

    def run(method: str, degree: int, nodes: int) -> list[list[float]]:
        multistep.get_integrator_basis_fn = lambda sde: lambda a, b, _: shipped(sde)(a, b, nodes)
        sampler = th_deis.get_sampler(
            process, noise_prediction, ts_phase="t", ts_order=2.0, num_step=8, method=method, ab_order=degree
        )
        ends = [float(process.t2alpha_fn(t)) ** 0.5 for t in (times[0], times[-1])]
        return (sampler(ends[0] * start_at(levels[0])) / ends[1]).tolist()

    return [
        {
            "order": degree + 1,
            "variable": method.removesuffix("_ab"),
            "levels": levels,
            "start": start_at(levels[0]).tolist(),
            "finals": [run(method, degree, nodes) for nodes in RIEMANN_NODES],
        }
        for method in ("t_ab", "rho_ab")
        for degree in (1, 2, 3)
    ]


def main(folder: Path) -> None:
    """Write all recordings."""
    DATA.mkdir(exist_ok=True)
    recordings = {
        "sa_diffusers": sa_of_diffusers(),
        "sa_authors": sa_of_its_authors(folder),
        "unipc_diffusers": uni_pc_of_diffusers(),
        "deis_diffusers": deis_of_diffusers(),
        "deis_authors": deis_of_its_authors(folder),
    }
    for name, runs in recordings.items():
        (DATA / f"{name}.json").write_text(json.dumps({"runs": runs}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
