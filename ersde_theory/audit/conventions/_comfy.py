"""A model of the shape that k-diffusion's and ComfyUI's samplers expect, and stand-ins for ComfyUI's modules."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from ersde_theory.audit._run import Run
from ersde_theory.audit._taps import replaced
from ersde_theory.audit.conventions._parametrisation import alpha_of, denoised, output_for

_CLASSES = {"x0": "X0", "eps": "EPS", "v": "V_PREDICTION", "const": "CONST"}
_PREDICTIONS = {"x0": "x0", "eps": "epsilon", "v": "v_prediction", "const": "const"}
_STAND_INS = ("model_sampling", "model_patcher", "model_management", "memory_management", "utils", "samplers")


class _ModelSampling:
    """What ComfyUI calls model_sampling: the levels of a network."""

    def __init__(self, parametrisation: str, sigmas: Any) -> None:
        self._parametrisation = parametrisation
        self.prediction_type = _PREDICTIONS[parametrisation]
        self.sigmas = sigmas.flip(0)
        self.sigma_data, self.shift = 1.0, 1.0
        self.sigma_min, self.sigma_max = sigmas[sigmas > 0.0].min(), sigmas.max()

    def sigma(self, timestep: Any) -> Any:
        return timestep

    def timestep(self, sigma: Any) -> Any:
        return sigma

    def percent_to_sigma(self, percent: float) -> float:
        if self._parametrisation == "const":
            return min(1.0, max(0.0, 1.0 - percent))
        low, high = float(self.sigma_min), float(self.sigma_max)
        return float(high * (low / high) ** percent)

    def noise_scaling(self, sigma: Any, noise: Any, latent_image: Any, max_denoise: bool = False) -> Any:  # noqa: ARG002
        kept = 1.0 - sigma if self._parametrisation == "const" else 1.0
        return kept * latent_image + sigma * noise


def _model_sampling(parametrisation: str, sigmas: Any, namespaces: Sequence[Mapping[str, Any]]) -> _ModelSampling:
    """Return the model sampling as an instance of the class of that name in ComfyUI or in the sampler's module."""
    name = _CLASSES[parametrisation]
    places = [sys.modules.get("comfy.model_sampling")]
    places += [getattr(namespace.get("comfy"), "model_sampling", None) for namespace in namespaces]
    found = [getattr(place, name, None) for place in places] + [namespace.get(name) for namespace in namespaces]
    theirs = tuple(dict.fromkeys(cls for cls in found if isinstance(cls, type)))
    return type(name, (_ModelSampling, *theirs), {})(parametrisation, sigmas)


class FakeModel:
    """A model whose data predictions a run decides on: ``model(x, sigma)`` returns the denoised state."""

    def __init__(
        self, run: Run, parametrisation: str, sigmas: Any, namespaces: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self._run, self._parametrisation = run, parametrisation
        sampling = _model_sampling(parametrisation, sigmas, namespaces)
        patcher = SimpleNamespace(get_model_object=lambda _name: sampling, model_options={}, model=None)
        network = SimpleNamespace(
            model_patcher=patcher, model_sampling=sampling, predictor=sampling, inner_model=None, sigmas=sampling.sigmas
        )
        network.inner_model = SimpleNamespace(model_sampling=sampling)
        self.inner_model = network
        self.model_options: dict[str, Any] = {}
        self.sigma_min, self.sigma_max = sampling.sigma_min, sampling.sigma_max

    def __call__(self, x: Any, sigma: Any, **_extra: Any) -> Any:
        run, kind = self._run, self._parametrisation
        level = float(run.host(sigma).reshape(-1)[0]) if hasattr(sigma, "detach") else float(sigma)
        data = run.denoise(x, alpha_of(kind, level), level)
        output = run.model_output(x, output_for(kind, run.evaluations[-1].state, data, level))
        if hasattr(sigma, "detach"):
            sigma = sigma.reshape(sigma.shape + (1,) * (x.ndim - sigma.ndim)).to(x.dtype)
        return denoised(kind, x, output, sigma)

    def sigma_to_t(self, sigma: Any) -> Any:
        """Return the time of a sigma: itself."""
        return sigma

    def t_to_sigma(self, t: Any) -> Any:
        """Return the sigma of a time: itself."""
        return t


class StandIn(ModuleType):
    """A module in which every function exists and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_args, **_kwargs: None


@contextlib.contextmanager
def comfy_stand_ins() -> Iterator[None]:
    """Make ``import comfy.model_sampling`` and its neighbours work where ComfyUI is not installed.

    Within the block a sampler file of ComfyUI can be loaded and run without the program: the classes by which it
    recognises flow models exist, everything else is a function that does nothing.

    Examples
    --------
    >>> with comfy_stand_ins():
    ...     import comfy.model_sampling
    ...     comfy.model_sampling.CONST.__name__
    'CONST'
    """
    if "comfy" in sys.modules:
        yield
        return
    package = StandIn("comfy")
    package.__path__ = []
    found: dict[str, ModuleType] = {"comfy": package}
    for name in _STAND_INS:
        found[f"comfy.{name}"] = StandIn(f"comfy.{name}")
        setattr(package, name, found[f"comfy.{name}"])
    for name in _CLASSES.values():
        setattr(found["comfy.model_sampling"], name, type(name, (), {}))
    with replaced(sys.modules, found):
        yield
