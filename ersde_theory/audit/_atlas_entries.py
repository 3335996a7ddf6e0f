"""Which public implementations the atlas audits, and how each is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ersde_theory.audit.targets import Calling


@dataclass(frozen=True)
class Entry:
    """One implementation in one way of calling it.

    Attributes
    ----------
    program : str
        Name of the checkout.
    label : str
        What is called, in a few words.
    target : str
        ``file.py:callable`` within the checkout, or ``file.hpp:callable`` for C++.
    calling : Calling
    dtype : str
        Of the state.

    Examples
    --------
    >>> ENTRIES[0].program
    'release'
    """

    program: str
    label: str
    target: str
    calling: Calling
    dtype: str = "float64"


def _linear(x: Any) -> Any:
    """Return phi = x."""
    return x


def _of_release() -> Iterator[Entry]:
    """Yield the authors' class."""
    target = "er_sde_solver.py:ER_SDE_Solver"
    for order in (1, 2, 3):
        yield Entry("release", f"VE, order {order}", target, Calling("released", arguments={"order": order}))
    for to_zero in (True, False):
        label = f"VP, order 3, last step {'to 0' if to_zero else 'above 0'}"
        calling = Calling("released", schedule="vp-linear", arguments={"order": 3}, to_zero=to_zero)
        yield Entry("release", label, target, calling)


def _of_comfyui() -> Iterator[Entry]:
    """Yield ComfyUI's samplers."""
    file = "comfy/k_diffusion/sampling.py"
    er_sde = f"{file}:sample_er_sde"
    for name, parametrisation, schedule in (("", "eps", "ve-karras"), (", flow", "const", "flow")):
        for dtype in ("float64", "float32"):
            yield Entry(
                "comfyui", f"er_sde{name}, {dtype}", er_sde, Calling("k-diffusion", parametrisation, schedule), dtype
            )
        quiet = Calling("k-diffusion", parametrisation, schedule, arguments={"s_noise": 0.0})
        yield Entry("comfyui", f"er_sde{name}, s_noise = 0", er_sde, quiet)
        ode = Calling("k-diffusion", parametrisation, schedule, arguments={"noise_scaler": _linear})
        yield Entry("comfyui", f"er_sde{name}, φ = x, float32", er_sde, ode, "float32")
        node = Calling("k-diffusion", parametrisation, schedule, arguments={"noise_scaler": _linear, "s_noise": 0.0})
        yield Entry("comfyui", f"er_sde{name}, node's ODE", er_sde, node)
    for name in ("dpmpp_2m_sde", "dpmpp_3m_sde", "seeds_2", "seeds_3", "euler_ancestral", "res_multistep"):
        for suffix, parametrisation, schedule in (("", "eps", "ve-karras"), (", flow", "const", "flow")):
            calling = Calling("k-diffusion", parametrisation, schedule, "independent")
            yield Entry("comfyui", f"{name}{suffix}", f"{file}:sample_{name}", calling)


def _of_schedulers() -> Iterator[Entry]:
    """Yield the diffusers schedulers of InvokeAI and SD.Next."""
    invoke = "invokeai/backend/rectified_flow/er_sde_scheduler.py:ERSDEScheduler"
    flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    for label, arguments in (("VP", {}), ("flow", flow)):
        yield Entry("invokeai", label, invoke, Calling("diffusers", arguments=arguments))
        quiet = Calling("diffusers", arguments={**arguments, "stochastic": False})
        yield Entry("invokeai", f"{label}, stochastic = False", invoke, quiet)
    sdnext = "modules/schedulers/scheduler_ersde.py:ERSDEScheduler"
    for label, arguments in (("VP", {}), ("flow", flow)):
        for order in (1, 2, 3):
            calling = Calling("diffusers", arguments={**arguments, "solver_order": order})
            yield Entry("sdnext", f"{label}, order {order}", sdnext, calling)


def _of_stable_diffusion_cpp() -> Iterator[Entry]:
    """Yield stable-diffusion.cpp's sampler, in C++ and float32."""
    target = "src/runtime/denoiser.hpp:sample_er_sde"
    flow: dict[str, Any] = {"is_flow_denoiser": True}
    for name, parametrisation, schedule, arguments in (
        ("", "eps", "ve-karras", {}),
        (", flow", "const", "flow", flow),
    ):
        for suffix, eta in (("", {}), (", eta = 0", {"eta": 0.0})):
            calling = Calling("k-diffusion", parametrisation, schedule, arguments={**arguments, **eta})
            yield Entry("stable-diffusion.cpp", f"er_sde{name}{suffix}", target, calling)


ENTRIES: tuple[Entry, ...] = (*_of_release(), *_of_comfyui(), *_of_schedulers(), *_of_stable_diffusion_cpp())

__all__ = ["ENTRIES", "Entry"]
