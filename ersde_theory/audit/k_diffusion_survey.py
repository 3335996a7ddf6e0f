"""Read-out of every sampler of k-diffusion.

Its package pins an old NumPy and asks for much that its samplers do not use, so it goes, without what it depends on,
into an environment of its own beside this one:

``pip install --no-deps k-diffusion==0.1.1.post1 torchsde==0.2.6 trampoline boltons tqdm``, then
``python -m ersde_theory.audit.k_diffusion_survey --json docs/records/audit-k-diffusion.json``.

Only ``k_diffusion/sampling.py`` is loaded; what else it imports is replaced by stand-ins if it is not installed.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from ersde_theory import schemes
from ersde_theory.audit._survey import Outcome, as_record, difference, report, survey
from ersde_theory.audit._taps import replaced
from ersde_theory.audit.conventions import k_diffusion, load_target
from ersde_theory.audit.conventions._comfy import StandIn
from ersde_theory.audit.readout import BlackBox
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_UNUSED = ("PIL", "safetensors", "torchdiffeq", "torchvision", "torchvision.transforms")
_LARGEST, _SMALLEST = 80.0, 0.002
_CHURN = {"s_churn": 5.0, "s_tmin": 0.05, "s_tmax": 50.0, "s_noise": 1.003}
_VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "sample_euler": ({}, _CHURN),
    "sample_euler_ancestral": ({}, {"eta": 0.5}),
    "sample_heun": ({}, _CHURN),
    "sample_dpm_2": ({}, _CHURN),
    "sample_dpm_2_ancestral": ({},),
    "sample_lms": ({},),
    "sample_dpm_fast": ({}, {"eta": 1.0}),
    "sample_dpm_adaptive": ({},),
    "sample_dpmpp_2s_ancestral": ({},),
    "sample_dpmpp_sde": ({}, {"eta": 0.5}),
    "sample_dpmpp_2m": ({},),
    "sample_dpmpp_2m_sde": ({}, {"solver_type": "heun"}),
    "sample_dpmpp_3m_sde": ({},),
}


def ours(label: str, grid: TimeGrid) -> Tableau | None:
    """Return the scheme of ours that a sampler of k-diffusion should be; None if there is none.

    Parameters
    ----------
    label : str
        As in :func:`tasks`.
    grid : TimeGrid
        What the sampler was given.

    Returns
    -------
    Tableau or None

    Examples
    --------
    >>> ours("sample_euler", TimeGrid([4.0, 1.0])).name
    'ddim eta=0'
    """
    name, _, options = label.partition(" ")
    churned = dict(_CHURN) if "s_churn" in options else None
    makers: dict[tuple[str, bool], Callable[[], Tableau]] = {
        ("sample_euler", False): lambda: schemes.ddim(grid),
        ("sample_euler_ancestral", False): lambda: schemes.ddpm_ancestral(grid),
        ("sample_heun", False): lambda: schemes.edm_heun(grid),
        ("sample_heun", True): lambda: schemes.edm_stochastic(grid, **(churned or {})),
        ("sample_dpmpp_2s_ancestral", False): lambda: schemes.dpm_solver_pp_singlestep(grid, eta=1.0),
        ("sample_dpmpp_sde", False): lambda: schemes.dpm_solver_pp_sde(grid),
        ("sample_dpmpp_2m", False): lambda: schemes.dpm_solver_pp(grid, order=2),
    }
    if "eta=0.5" in options:
        return schemes.dpm_solver_pp_sde(grid, eta=0.5) if name == "sample_dpmpp_sde" else None
    make = makers.get((name, churned is not None))
    return None if make is None else make()


def tasks(sampling: str, n_steps: int) -> Iterator[tuple[str, Callable[[], BlackBox]]]:
    """Yield a label and a maker of a black box for every sampler, with each parametrisation for one of them.

    Parameters
    ----------
    sampling : str
        Path of ``k_diffusion/sampling.py``.
    n_steps : int
        Number of steps, Karras levels from 80 to 0.002, then 0.

    Yields
    ------
    (str, callable)

    Examples
    --------
    >>> next(tasks("sampling.py", 4))[0]
    'sample_euler'
    """
    for name, variants in _VARIANTS.items():
        for options in variants:
            label = " ".join([name, *(f"{k}={v}" for k, v in options.items())])
            yield label, functools.partial(_built, sampling, name, n_steps, "x0", options)
    for parametrisation in ("eps", "v"):
        label = f"sample_dpmpp_2m {parametrisation}"
        yield label, functools.partial(_built, sampling, "sample_dpmpp_2m", n_steps, parametrisation, {})


def _built(sampling: str, name: str, n_steps: int, parametrisation: str, options: dict[str, Any]) -> BlackBox:
    """Return a sampler as a black box; those that make their own grid are told its ends."""
    function = load_target(f"{sampling}:{name}")
    options = {"disable": True, **options}
    grid = TimeGrid.karras(n_steps, _LARGEST, _SMALLEST, final_zero=True)
    if name not in ("sample_dpm_fast", "sample_dpm_adaptive"):
        return k_diffusion(function, grid, parametrisation=parametrisation, **options)

    @functools.wraps(function)
    def between(model: Any, x: Any, sigmas: Any, **given: Any) -> Any:
        count = (n_steps,) if name == "sample_dpm_fast" else ()
        return function(model, x, float(sigmas[-1]), float(sigmas[0]), *count, **given)

    return k_diffusion(between, [_LARGEST, _SMALLEST], parametrisation=parametrisation, **options)


def _compared(found: Outcome, n_steps: int) -> Outcome:
    """Return an outcome with its difference from our scheme."""
    scheme = ours(found.label, TimeGrid.karras(n_steps, _LARGEST, _SMALLEST, final_zero=True))
    if scheme is None or found.read is None or found.read.tableau is None:
        return found
    return replace(found, scheme=scheme.name, difference=difference(found.read.tableau, scheme))


def _installed() -> Path:
    """Return the samplers' file of the installed package, without importing it."""
    spec = importlib.util.find_spec("k_diffusion")
    if spec is None or spec.origin is None:
        msg = "k-diffusion: expected to find it installed, see the help of this command; or give its sampling.py"
        raise typer.BadParameter(msg)
    return Path(spec.origin).parent / "sampling.py"


def _main(
    sampling: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="k_diffusion/sampling.py; default: as installed.")
    ] = None,
    n_steps: Annotated[int, typer.Option("--steps", min=2, help="Number of steps.")] = 20,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write a Record there.")] = None,
) -> None:
    """Read every sampler of k-diffusion, and say of each whether its table reproduces its output.

    \f

    Parameters
    ----------
    sampling : Path, optional
        The samplers' file.
    n_steps : int
        Number of steps.
    json_file : Path, optional
        Of the Record.
    """  # noqa: D301 - the form feed ends what --help shows
    path = str(sampling or _installed())
    began = time.perf_counter()
    stand_ins: dict[str, ModuleType] = {
        name: StandIn(name) for name in _UNUSED if importlib.util.find_spec(name.partition(".")[0]) is None
    }
    with warnings.catch_warnings(), replaced(sys.modules, stand_ins):
        warnings.simplefilter("ignore")
        outcomes = survey(tasks(path, n_steps), "samplers of k-diffusion")
    outcomes = [_compared(o, n_steps) for o in outcomes]
    packages = ("k-diffusion", "torch", "numpy", "torchsde")
    record = as_record("audit-k-diffusion", outcomes, packages, n_steps, time.perf_counter() - began)
    report(outcomes, record, json_file)


if __name__ == "__main__":
    typer.run(_main)
