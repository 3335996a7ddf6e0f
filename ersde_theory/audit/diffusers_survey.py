"""Read-out of every scheduler of diffusers, in every configuration of its solver.

``python -m ersde_theory.audit.diffusers_survey --json docs/records/audit-diffusers.json``. torchsde is needed for the
two schedulers that use Brownian trees.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
import time
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ersde_theory.audit._survey import Outcome, as_record, report, survey
from ersde_theory.audit.conventions import diffusers_scheduler
from ersde_theory.audit.readout import BlackBox

_NO_TABLE = {
    "AmusedScheduler": "samples tokens",
    "BlockRefinementScheduler": "samples tokens",
    "DiscreteDDIMScheduler": "samples tokens",
    "EntropyBoundScheduler": "samples tokens",
    "VQDiffusionScheduler": "samples tokens",
    "ConsistencyDecoderScheduler": "fixed two steps of one decoder, without a number of steps",
    "DDPMWuerstchenScheduler": "timesteps are continuous and one per sample; no schedule of levels is stored",
    "HeliosScheduler": "changes the size of the state between stages",
    "HeliosDMDScheduler": "changes the size of the state between stages; its pipeline hands it noise and levels",
    "PiflowScheduler": "the model's output is a policy of many grids, not one prediction",
    "RFD4ProteinaScheduler": "samples protein frames",
    "RePaintScheduler": "mixes a known image in by a mask",
    "SCMScheduler": "at most two steps, with an angle for a timestep",
}
_DEPRECATED = ("KarrasVeScheduler", "ScoreSdeVpScheduler")
_SOLVER = ("algorithm_type", "solver_order", "solver_type", "predictor_order", "corrector_order")
_PREDICTIONS = ("epsilon", "v_prediction", "sample")
_ORDERS = (1, 2, 3)
_FEW = 40
_SWITCHES = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")
_SCORE: tuple[dict[str, Any], ...] = ({}, {"correct_steps": 0})
_STEP_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "DDIMScheduler": {"eta": 1.0},
    "EulerDiscreteScheduler": {"s_churn": 5.0},
    "EDMEulerScheduler": {"s_churn": 5.0},
    "FlowMatchHeunDiscreteScheduler": {"s_churn": 5.0},
    "TCDScheduler": {"eta": 1.0},
    "CogVideoXDDIMScheduler": {"eta": 1.0},
}


def schedulers() -> dict[str, type]:
    """Return the schedulers of diffusers by name, those that need a missing library as placeholders.

    Returns
    -------
    dict of str to type

    Examples
    --------
    >>> import diffusers
    >>> "DDIMScheduler" in schedulers()
    True
    """
    import diffusers.schedulers as package

    names = [n for n in dir(package) if n.endswith("Scheduler") and n not in _DEPRECATED]
    found = {name: getattr(package, name, None) for name in names}
    return {name: cls for name, cls in found.items() if isinstance(cls, type)}


def configurations(cls: type) -> Iterator[dict[str, Any]]:
    """Yield the configurations of a scheduler that change what it computes; clipping is switched off in all.

    Parameters
    ----------
    cls : type
        A scheduler.

    Yields
    ------
    dict
        Arguments of its constructor.

    Examples
    --------
    >>> from diffusers import DDIMScheduler
    >>> list(configurations(DDIMScheduler))[0]
    {'clip_sample': False, 'prediction_type': 'epsilon'}
    """
    parameters = inspect.signature(cls).parameters
    if "correct_steps" in parameters:
        yield from _SCORE
        return
    base = {name: False for name in ("clip_sample", "clip_denoised") if name in parameters}
    solver = [[(name, value) for value in _values(parameters[name])] for name in _SOLVER if name in parameters]
    solvers = [dict(chosen) for chosen in itertools.product(*solver)]
    predictions = [{"prediction_type": p} for p in _PREDICTIONS] if "prediction_type" in parameters else [{}]
    for chosen in solvers:
        yield base | chosen | predictions[0] | _final_level(chosen, "final_sigmas_type" in parameters)
    for prediction in predictions[1:]:
        yield base | prediction
    for switch in _SWITCHES:
        if switch in parameters:
            yield base | predictions[0] | {switch: True}
    if "final_sigmas_type" in parameters:
        yield base | predictions[0] | {"final_sigmas_type": "sigma_min"}
    if "use_flow_sigmas" in parameters:
        flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
        for chosen in solvers if len(solvers) <= _FEW else [{}]:
            yield base | chosen | flow | _final_level(chosen, "final_sigmas_type" in parameters)
    if "stochastic_sampling" in parameters:
        yield base | {"stochastic_sampling": True}
    if "variance_type" in parameters:
        yield base | predictions[0] | {"variance_type": "fixed_large"}


def _final_level(solver: Mapping[str, Any], settable: bool) -> dict[str, Any]:
    """Return the last level that solvers which predict noise ask for: they cannot step to 0."""
    noise = solver.get("algorithm_type") in ("dpmsolver", "sde-dpmsolver")
    return {"final_sigmas_type": "sigma_min"} if noise and settable else {}


def _values(parameter: inspect.Parameter) -> tuple[Any, ...]:
    """Return the values of a solver's parameter: orders 1 to 3, or what its annotation lists."""
    if isinstance(parameter.default, int):
        return _ORDERS
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = eval(annotation, {"Literal": typing.Literal})
    return typing.get_args(annotation) or (parameter.default,)


def tasks(n_steps: int) -> Iterator[tuple[str, Callable[[], BlackBox]]]:
    """Yield a label and a maker of a black box for everything that is read.

    Parameters
    ----------
    n_steps : int
        Passed to ``set_timesteps``.

    Yields
    ------
    (str, callable)

    Examples
    --------
    >>> import diffusers
    >>> len([label for label, _ in tasks(4) if label.startswith("DDIMScheduler")])
    4
    """
    for name, cls in schedulers().items():
        if name in _NO_TABLE:
            continue
        for config in configurations(cls):
            label = " ".join([name, *(f"{k}={v}" for k, v in config.items() if v is not False)])
            yield label, functools.partial(_built, cls, config, n_steps, {})
        if name in _STEP_VARIANTS:
            options = _STEP_VARIANTS[name]
            config = next(configurations(cls))
            label = " ".join([name, *(f"{k}={v:g}" for k, v in options.items())])
            yield label, functools.partial(_built, cls, config, n_steps, options)


def _built(cls: type, config: Mapping[str, Any], n_steps: int, options: Mapping[str, Any]) -> BlackBox:
    """Return the black box of a configuration."""
    return diffusers_scheduler(cls(**config), n_steps, **options)


def _main(
    n_steps: Annotated[int, typer.Option("--steps", min=2, help="Number of steps.")] = 20,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write a Record there.")] = None,
) -> None:
    """Read every scheduler of diffusers, and say of each whether its table reproduces its output.

    \f

    Parameters
    ----------
    n_steps : int
        Number of steps.
    json_file : Path, optional
        Of the Record.
    """  # noqa: D301 - the form feed ends what --help shows
    logging.disable(logging.WARNING)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = survey(tasks(n_steps), "schedulers of diffusers")
    known = schedulers()
    outcomes += [Outcome(name, "not read", why) for name, why in _NO_TABLE.items() if name in known]
    packages = ("diffusers", "torch", "numpy", "torchsde")
    record = as_record("audit-diffusers", outcomes, packages, n_steps, time.perf_counter() - began)
    report(outcomes, record, json_file)


if __name__ == "__main__":
    typer.run(_main)
