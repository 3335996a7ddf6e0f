"""ER-SDE with the signature of k-diffusion's samplers, which ComfyUI and others share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ersde_theory import _checks
from ersde_theory.integrations._plan import chosen_plan
from ersde_theory.integrations._stepper import FiniteCheck, TableauStepper, in_dtype, sum_dtype
from ersde_theory.integrations.choice import checked_sigmas, chosen_noise_scale

if TYPE_CHECKING:
    from ersde_theory.noise_scale import NoiseScale

Model = Callable[..., torch.Tensor]
NoiseSampler = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@torch.no_grad()
def sample_er_sde(
    model: Model,
    x: torch.Tensor,
    sigmas: torch.Tensor,
    extra_args: Mapping[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], object] | None = None,
    disable: bool | None = None,
    *,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    noise_scale: NoiseScale | str = "exp_power",
    eta: float = 1.0,
    scheme: str = "best",
    order: int | None = None,
    flow: bool | None = None,
) -> torch.Tensor:
    r"""Sample with an ER-SDE solver, called like any sampler of k-diffusion.

    One call of the model and one of the noise sampler a step (none for the noise where its weight is 0). All
    coefficients are float64 on the host. The state is kept in float32 at least: kept in the dtype of a half-precision
    `x` the error of rounding would be about twice that of the model's own rounding at 50 steps.

    Parameters
    ----------
    model : callable
        ``model(x, sigma * ones, **extra_args)`` returns the denoised x.
    x : Tensor of shape (n, ...)
        The start, of standard deviation ``sigmas[0]``; any floating dtype, any device. Not changed.
    sigmas : Tensor of shape (steps + 1,)
        Strictly falling, usually to 0. The level to which noise is added to data of scale 1; for a flow model in
        [0, 1], where 1 is pure noise.
    extra_args : mapping, optional
        For the model. A ``seed`` in it also seeds the default noise sampler.
    callback : callable, optional
        Called before each step with ``x``, ``i``, ``sigma``, ``sigma_hat`` and ``denoised``.
    disable : bool, optional
        No progress bar; there is none either where the error stream is not a terminal.
    s_noise : float
        Multiplies the noise; every number but 1 leaves the family and its guarantees.
    noise_sampler : callable, optional
        ``noise_sampler(sigma, sigma_next)`` returns standard normals of the shape of `x`; torch's generator if it is
        left out.
    noise_scale : NoiseScale or str
        phi, or its name: ode, reverse_sde, exp_power, exp_reciprocal, log_power, power(p).
    eta : float
        Multiplies the injected noise :math:`h^2` of phi; 0 is the ODE.
    scheme : {"best", "adams", "published", "released"}
        ``best``: variable order, predictor and corrector; ``adams``: exponential Adams; ``published``:
        ER-SDE-Solver with exact coefficients; ``released``: with the quadrature of the public code.
    order : int, optional
        Of ``adams`` (1 to 4), ``published`` and ``released`` (1 to 3); 3 if it is left out.
    flow : bool, optional
        Whether :math:`x = (1-\sigma) x_0 + \sigma\varepsilon`. If it is left out: whether ``model``, or what
        it wraps as ``inner_model``, has a ``model_sampling`` one of whose classes is called ``CONST``, as in ComfyUI.

    Returns
    -------
    Tensor
        Of the shape, dtype and device of `x`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or the model's output has another shape.
    NotAdmissible
        If phi is not admissible on the levels.
    NonFiniteError
        If the model returns nan or inf; with the step and the sigma.

    Examples
    --------
    >>> denoised = lambda x, sigma: x / (1.0 + sigma[:, None] ** 2)
    >>> sigmas = torch.tensor([8.0, 5.0, 3.0, 1.8, 1.0, 0.5, 0.2, 0.0])
    >>> x = sample_er_sde(denoised, torch.tensor([[8.0]]), sigmas, noise_scale="ode")
    >>> round(x.item(), 2), round(8.0 / 65.0**0.5, 2)    # unit Gaussian data, and its exact flow
    (0.97, 0.99)
    """
    _checked_start(x)
    kwargs = dict(extra_args or {})
    is_flow = is_flow_model(model) if flow is None else _checks.instance(flow, "flow", bool)
    numbers = _listed(sigmas)
    levels = checked_sigmas(numbers, flow=is_flow)
    phi = chosen_noise_scale(noise_scale, eta)
    plan = chosen_plan(levels, "flow" if is_flow else "ve", scheme, order, phi)
    stepper = TableauStepper(plan, _checks.nonnegative_number(s_noise, "s_noise"))
    sampler = noise_sampler or _default_noise_sampler(x, kwargs.get("seed"), stepper.memory_for_normals)
    check, ones = FiniteCheck(), x.new_ones([x.shape[0]])
    state = in_dtype(x, sum_dtype(x))
    for i in _counted(len(levels) - 1, disable):
        seen = in_dtype(state, x.dtype)
        denoised = model(seen, sigmas[i] * ones, **kwargs)
        _check_shape(denoised, x)
        if callback is not None:
            callback({"x": seen, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})

        def normals(_draw: int, i: int = i) -> torch.Tensor:
            return _checked_noise(sampler(sigmas[i], sigmas[i + 1]), x)

        state = stepper.advance(state, denoised, normals)
        if not stepper.finite:
            check.see(denoised, f"step {i}, sigma {numbers[i]:g}")
    check.finish()
    return in_dtype(state, x.dtype)


def is_flow_model(model: Any) -> bool:
    """Return whether a model says that it is a flow model, the way ComfyUI's do.

    Looks through ``inner_model`` for a ``model_sampling`` with a class called ``CONST`` among its classes.

    Parameters
    ----------
    model : object
        The model that a sampler is given.

    Returns
    -------
    bool

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> class CONST: ...
    >>> is_flow_model(SimpleNamespace(inner_model=SimpleNamespace(model_sampling=CONST())))
    True
    """
    seen: set[int] = set()
    while model is not None and id(model) not in seen:
        seen.add(id(model))
        sampling = getattr(model, "model_sampling", None)
        if sampling is not None:
            return any(kind.__name__ == "CONST" for kind in type(sampling).__mro__)
        model = getattr(model, "inner_model", None)
    return False


def _checked_start(x: Any) -> None:
    """Raise unless x can be a start."""
    if not isinstance(x, torch.Tensor) or not x.dtype.is_floating_point:
        got = f"a tensor of {x.dtype}" if isinstance(x, torch.Tensor) else _checks.describe(x)
        msg = f"x: expected a tensor of floating dtype, got {got}"
        raise TypeError(msg)
    if x.ndim < 1 or x.shape[0] < 1:
        msg = f"x: expected shape (n, ...) with n >= 1, got {tuple(x.shape)}"
        raise ValueError(msg)


def _listed(sigmas: Any) -> list[float]:
    """Return the sigmas as Python floats."""
    if not isinstance(sigmas, torch.Tensor):
        msg = f"sigmas: expected a tensor, got {_checks.describe(sigmas)}"
        raise TypeError(msg)
    if sigmas.ndim != 1:
        msg = f"sigmas: expected one axis, got shape {tuple(sigmas.shape)}"
        raise ValueError(msg)
    return [float(sigma) for sigma in sigmas.tolist()]


def _check_shape(denoised: Any, x: torch.Tensor) -> None:
    """Raise unless the model's output is a tensor like x."""
    if not isinstance(denoised, torch.Tensor):
        msg = f"model: expected a tensor of shape {tuple(x.shape)}, got {_checks.describe(denoised)}"
        raise TypeError(msg)
    if denoised.shape != x.shape:
        msg = f"model: expected a tensor of shape {tuple(x.shape)}, got shape {tuple(denoised.shape)}"
        raise ValueError(msg)


def _checked_noise(noise: Any, x: torch.Tensor) -> torch.Tensor:
    """Return the normals of a noise sampler in the dtype of the sums."""
    if not isinstance(noise, torch.Tensor) or noise.shape != x.shape:
        got = f"shape {tuple(noise.shape)}" if isinstance(noise, torch.Tensor) else _checks.describe(noise)
        msg = f"noise_sampler: expected a tensor of shape {tuple(x.shape)}, got {got}"
        raise ValueError(msg)
    return noise.to(device=x.device, dtype=sum_dtype(x))


def _default_noise_sampler(
    x: torch.Tensor, seed: int | None, memory: Callable[[torch.Tensor], torch.Tensor]
) -> NoiseSampler:
    """Return normals of torch's own generator, or of one with this seed, as torch.randn's."""
    generator = None if seed is None else torch.Generator(device=x.device).manual_seed(seed)

    def sampler(_sigma: torch.Tensor, _sigma_next: torch.Tensor) -> torch.Tensor:
        return memory(x).normal_(generator=generator)

    return sampler


def _counted(steps: int, disable: bool | None) -> Iterator[int]:
    """Yield the steps, with a progress bar on a terminal."""
    if disable or not sys.stderr.isatty():
        yield from range(steps)
        return
    from rich.console import Console

    from ersde_theory.progress import progress_bar

    with progress_bar(Console(file=sys.stderr)) as progress:
        task = progress.add_task("er_sde", total=float(steps))
        for i in range(steps):
            yield i
            progress.advance(task)


__all__ = ["Model", "NoiseSampler", "is_flow_model", "sample_er_sde"]
