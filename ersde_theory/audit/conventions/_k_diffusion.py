"""The convention of k-diffusion and ComfyUI: ``sampler(model, x, sigmas, extra_args=None, callback=None, …)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.audit._run import Meaning, Run
from ersde_theory.audit.conventions._comfy import FakeModel
from ersde_theory.audit.conventions._parametrisation import PARAMETRISATIONS, alpha_of
from ersde_theory.audit.conventions._targets import modules_of, name_of
from ersde_theory.time_grid import TimeGrid

_NOISE = ("own", "independent", "tree")


@dataclass(frozen=True)
class KDiffusionSampler:
    """A sampler function with its sigmas; see :func:`k_diffusion`."""

    sampler: Callable[..., Any]
    sigmas: tuple[float, ...]
    parametrisation: str
    noise: str
    options: dict[str, Any] = field(default_factory=dict)
    library: str = "torch"

    @property
    def name(self) -> str:
        """Name of the function."""
        return name_of(self.sampler)

    @property
    def convention(self) -> str:
        """Convention and parametrisation."""
        return f"k-diffusion {self.parametrisation}"

    @property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid that the sampler is given."""
        return tuple((alpha_of(self.parametrisation, s), s) for s in self.sigmas)

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """The function's module."""
        return modules_of(self.sampler)

    def run(self, run: Run) -> Any:
        """Call the sampler."""
        import torch

        run.level_of_time = self._level
        dtype = torch.float64 if run.dtype == "float64" else torch.float32
        options = dict(self.options)
        if self.noise != "own":
            options["noise_sampler"] = self._noise_sampler(run)
        sigmas = torch.tensor(self.sigmas, dtype=dtype)
        model = FakeModel(run, self.parametrisation, sigmas, self.namespaces)
        return self.sampler(model, run.begin(), sigmas, **options)

    def _noise_sampler(self, run: Run) -> Callable[[Any, Any], Any]:
        """Return a noise sampler that says what each draw means."""

        def draw(sigma: Any, sigma_next: Any) -> Any:
            upper, lower = float(sigma), float(sigma_next)
            tree = 0 if self.noise == "tree" else None
            times = (min(upper, lower), max(upper, lower))
            return run.normal(Meaning(self._level(upper), self._level(lower), "increment", tree, times))

        return draw

    def _level(self, sigma: float) -> float:
        """Return the noise level of a sigma."""
        alpha = alpha_of(self.parametrisation, sigma)
        return float("inf") if alpha == 0.0 else sigma / alpha


def k_diffusion(
    sampler: Callable[..., Any],
    sigmas: TimeGrid | Sequence[float] | np.ndarray,
    *,
    parametrisation: str = "x0",
    noise: str = "own",
    **options: Any,
) -> KDiffusionSampler:
    """Return a function of k-diffusion's or ComfyUI's signature as a black box.

    Parameters
    ----------
    sampler : callable
        ``sampler(model, x, sigmas, **options)``; model(x, sigma) returns the denoised state. The model has the
        attributes that ComfyUI's samplers ask for (``inner_model.model_patcher.get_model_object("model_sampling")``).
    sigmas : TimeGrid or array
        What the sampler is given: noise levels, or for ``const`` the flow's sigma = lambda/(1 + lambda), in [0, 1]. A
        TimeGrid holds noise levels in either case. float64 for a float64 state, else float32.
    parametrisation : str
        What the network predicts: ``x0``, ``eps``, ``v`` (alpha = 1), or ``const``: a flow, alpha = 1 - sigma.
    noise : str
        ``own``: what the sampler draws by itself, intercepted. Else a ``noise_sampler`` is handed over:
        ``independent`` draws, or intervals of one Brownian ``tree``.
    **options
        Further arguments of the sampler.

    Returns
    -------
    BlackBox

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value.

    Examples
    --------
    >>> def euler(model, x, sigmas, **_):
    ...     for s, t in zip(sigmas[:-1], sigmas[1:]):
    ...         x = model(x, s * x.new_ones(1)) * (1 - t / s) + x * (t / s)
    ...     return x
    >>> from ersde_theory.audit import read_out
    >>> read_out(k_diffusion(euler, [4.0, 1.0, 0.0])).tableau.previous.tolist()
    [1.0, 0.25, 0.0]
    """
    if not callable(sampler):
        msg = f"sampler: expected a callable, got {_checks.describe(sampler)}"
        raise TypeError(msg)
    _checks.one_of(parametrisation, "parametrisation", PARAMETRISATIONS)
    _checks.one_of(noise, "noise", _NOISE)
    values = _given_sigmas(sigmas, parametrisation)
    return KDiffusionSampler(sampler, values, parametrisation, noise, options)


def _given_sigmas(sigmas: TimeGrid | Sequence[float] | np.ndarray, parametrisation: str) -> tuple[float, ...]:
    """Return the sigmas as a sampler wants them."""
    if isinstance(sigmas, TimeGrid):
        levels = sigmas.levels
        if parametrisation == "const":
            with np.errstate(invalid="ignore"):
                return tuple(np.where(np.isinf(levels), 1.0, levels / (1.0 + levels)).tolist())
        return tuple(_checks.nonnegative_array(levels, "sigmas").tolist())
    values = _checks.nonnegative_array(np.asarray(sigmas), "sigmas")
    if values.ndim != 1 or values.size < 2:
        msg = f"sigmas: expected at least 2 numbers in a row, got shape {values.shape}"
        raise ValueError(msg)
    if parametrisation == "const" and values.max() > 1.0:
        msg = f"sigmas: expected a flow's sigmas in [0, 1] for 'const', got {values.max():g}"
        raise ValueError(msg)
    return tuple(values.tolist())
