"""ER-SDE as a scheduler of diffusers."""
# ruff: noqa: ARG002 - the decorator of a constructor reads its arguments

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers, SchedulerOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin as SchedulerMixin  # a saved pipeline looks for it here
from diffusers.utils.torch_utils import randn_tensor

from ersde_theory import _checks
from ersde_theory.integrations._diffusers_grid import GridOfScheduler
from ersde_theory.integrations._stepper import TableauStepper, in_dtype, sum_dtype
from ersde_theory.integrations.choice import SCHEMES, chosen_noise_scale
from ersde_theory.noise_scale import NoiseScale

PREDICTION_TYPES = ("epsilon", "sample", "v_prediction", "flow_prediction")
_LOGGER = logging.getLogger(__name__)


class ERSDEScheduler(GridOfScheduler):
    r"""Extended reverse-time SDE solvers, in the place of any multistep scheduler of diffusers.

    ``ERSDEScheduler.from_config(pipe.scheduler.config)`` takes over schedule and prediction type. A configuration of
    ``FlowMatchEulerDiscreteScheduler`` is recognised as a flow. Clipping and thresholding are not taken over: they
    would make the sampler another one. One evaluation of the network a step. Sums are taken in float32 at least.

    Parameters
    ----------
    num_train_timesteps, beta_start, beta_end, beta_schedule, trained_betas, rescale_betas_zero_snr
        The training schedule, as in ``DPMSolverMultistepScheduler``.
    prediction_type : {"epsilon", "sample", "v_prediction", "flow_prediction"}
        What the network returns; the last for flows only, ``v_prediction`` not for them.
    scheme : {"best", "adams", "published", "released"}
        ``best``: variable order, predictor and corrector; ``adams``: exponential Adams; ``published``:
        ER-SDE-Solver with exact coefficients; ``released``: with the quadrature of the public code.
    scheme_order : int, optional
        Of ``adams`` (1 to 4), ``published`` and ``released`` (1 to 3); 3 if it is left out.
    noise_scale : str or NoiseScale
        phi: ode, reverse_sde, exp_power, exp_reciprocal, log_power, power(p).
    eta : float
        Multiplies the injected noise :math:`h^2` of phi; 0 is the ODE.
    use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas, use_lu_lambdas, lambda_min_clipped
        The grid, as in ``DPMSolverMultistepScheduler``.
    use_flow_sigmas : bool
        Whether :math:`x = (1-\sigma)x_0 + \sigma\varepsilon`.
    flow_shift : float
        Shift of a flow's sigmas.
    use_dynamic_shifting : bool
        Whether :meth:`set_timesteps` is given a ``mu``, with ``flow_shift`` = exp(mu).
    final_sigmas_type : {"zero", "sigma_min"}
        Where the last step ends.
    variance_type : {"learned", "learned_range"}, optional
        Whether the network also predicts a variance, which is not used.
    timestep_spacing, steps_offset
        As in ``DPMSolverMultistepScheduler``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range; an unknown name suggests the nearest.

    Examples
    --------
    >>> scheduler = ERSDEScheduler(noise_scale="ode", prediction_type="sample")
    >>> scheduler.set_timesteps(3)
    >>> x = torch.ones(1, 1, 2, 2)
    >>> for t in scheduler.timesteps:
    ...     x0 = torch.zeros_like(scheduler.scale_model_input(x, t))
    ...     x = scheduler.step(x0, t, x).prev_sample
    >>> x.abs().max().item(), len(scheduler)
    (0.0, 1000)
    >>> noisy = scheduler.add_noise(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), scheduler.timesteps[:1])
    >>> scheduler.set_begin_index(1)
    >>> ERSDEScheduler.from_config(scheduler.config).config.noise_scale
    'ode'
    >>> scheduler.save_config("")
    Traceback (most recent call last):
        ...
    ValueError: save_directory: expected a folder, got ''
    """

    _compatibles = [member.name for member in KarrasDiffusionSchedulers]  # noqa: RUF012 - diffusers reads a list

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: Sequence[float] | None = None,
        prediction_type: str = "epsilon",
        scheme: str = "best",
        scheme_order: int | None = None,
        noise_scale: str | NoiseScale = "exp_power",
        eta: float = 1.0,
        use_karras_sigmas: bool = False,
        use_exponential_sigmas: bool = False,
        use_beta_sigmas: bool = False,
        use_lu_lambdas: bool = False,
        use_flow_sigmas: bool = False,
        flow_shift: float = 1.0,
        use_dynamic_shifting: bool = False,
        final_sigmas_type: str = "zero",
        lambda_min_clipped: float = -float("inf"),
        variance_type: str | None = None,
        timestep_spacing: str = "linspace",
        steps_offset: int = 0,
        rescale_betas_zero_snr: bool = False,
    ) -> None:
        _checks.one_of(prediction_type, "prediction_type", PREDICTION_TYPES)
        _checks.one_of(scheme, "scheme", SCHEMES)
        _checks.one_of(final_sigmas_type, "final_sigmas_type", ("zero", "sigma_min"))
        wrong = "v_prediction" if use_flow_sigmas else "flow_prediction"
        if prediction_type == wrong:
            msg = f"prediction_type: expected another with use_flow_sigmas={use_flow_sigmas}, got {wrong!r}"
            raise ValueError(msg)
        if use_flow_sigmas and (use_karras_sigmas or use_exponential_sigmas or use_beta_sigmas or use_lu_lambdas):
            msg = "use_flow_sigmas: expected no Karras, exponential, beta or Lu sigmas beside it, got one of them"
            raise ValueError(msg)
        if isinstance(noise_scale, NoiseScale):
            self.register_to_config(noise_scale=noise_scale.name)  # type: ignore[no-untyped-call]
        self._start_grid(chosen_noise_scale(noise_scale, eta))

    # ------------------------------------------------------------------ one step

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        generator: torch.Generator | list[torch.Generator] | None = None,
        variance_noise: torch.Tensor | None = None,
        return_dict: bool = True,
        *,
        eta: float = 0.0,
        use_clipped_model_output: bool | None = None,
    ) -> SchedulerOutput | tuple[torch.Tensor]:
        """Return the state at which the network is asked next, or the result.

        Parameters
        ----------
        model_output : Tensor of shape (n, channels, ...)
            Of the network, as ``prediction_type`` says.
        timestep : float or Tensor
            The timestep at which it was asked.
        sample : Tensor of shape (n, channels, ...)
            The state at which it was asked. Not changed.
        generator : torch.Generator or list of torch.Generator, optional
            Of the noise; a list has one for each sample.
        variance_noise : Tensor of shape (n, channels, ...), optional
            Standard normals to be used instead.
        return_dict : bool
            Return a SchedulerOutput rather than a tuple.
        eta, use_clipped_model_output
            DDIM's, which some pipelines pass to every scheduler: without effect at what they are by default.

        Returns
        -------
        SchedulerOutput or tuple of Tensor
            ``prev_sample``, in the dtype of `sample`.

        Raises
        ------
        TypeError, ValueError
            If it is called before :meth:`set_timesteps`, out of order or too often, or shapes do not fit.
        NonFiniteError
            If the network returned nan or inf; with the step and the sigma. On a device other than the CPU at the
            last step, so that the host need not wait.
        """
        if eta or use_clipped_model_output:
            msg = f"step: expected no DDIM option, got {eta=}, {use_clipped_model_output=}; the class takes its own eta"
            raise ValueError(msg)
        stepper = self._ready(timestep)
        index = self._step_index
        assert index is not None
        output = self._checked_output(model_output, sample)
        conversion, scale = self._data_prediction(stepper)

        def normals(_draw: int) -> torch.Tensor:
            if variance_noise is not None:
                if variance_noise.shape != sample.shape:
                    msg = f"variance_noise: expected shape {tuple(sample.shape)}, got {tuple(variance_noise.shape)}"
                    raise ValueError(msg)
                return variance_noise.to(device=sample.device, dtype=sum_dtype(sample))
            if sample.is_cpu and not isinstance(generator, list):
                return stepper.memory_for_normals(sample).normal_(generator=generator)  # as randn_tensor's
            return randn_tensor(sample.shape, generator=generator, device=sample.device, dtype=sum_dtype(sample))

        result = stepper.advance(sample, output, normals, conversion=conversion, scale=scale)
        result = in_dtype(result, sample.dtype)
        if not stepper.finite:
            self._check.see(output, f"step {index}, sigma {self._sigma_list[index]:g}")
        self._step_index = index + 1
        if stepper.finished:
            self._check.finish()
        return SchedulerOutput(prev_sample=result) if return_dict else (result,)

    def _checked_output(self, output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """Return the network's output without a predicted variance, of the shape of the state."""
        if self.config["variance_type"] in ("learned", "learned_range") and output.shape[1] == 2 * sample.shape[1]:
            output = output[:, : sample.shape[1]]
        if output.shape != sample.shape:
            msg = f"model_output: expected shape {tuple(sample.shape)}, got {tuple(output.shape)}"
            raise ValueError(msg)
        return output

    def _data_prediction(self, stepper: TableauStepper) -> tuple[tuple[float, float], float]:
        """Return how the data prediction is made of state and output: a factor for each, and one of both."""
        kind = self.config["prediction_type"]
        alpha, sigma = stepper.unit
        if kind == "sample":
            return (0.0, 1.0), 1.0
        if kind == "flow_prediction":
            return (1.0, -sigma), 1.0
        if alpha == 0.0:
            msg = f"prediction_type: expected another than {kind!r} for a start from pure noise, sigma = 1"
            raise ValueError(msg)
        return ((1.0, -sigma), 1.0 / alpha) if kind == "epsilon" else ((1.0, -sigma / alpha), alpha)

    # ------------------------------------------------------------------ configurations

    @classmethod
    def from_config(cls, config: Any = None, return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        """Return a scheduler with the schedule and prediction type of another one's configuration.

        Parameters
        ----------
        config : mapping
            ``config`` of any scheduler; of a flow-matching Euler scheduler it becomes a flow.
        return_unused_kwargs : bool
            Also return the arguments that are not understood.
        **kwargs : object
            Arguments of the class, before those of the configuration.

        Returns
        -------
        ERSDEScheduler, or tuple of it and a dict

        Raises
        ------
        ValueError
            If a flow's configuration asks for what is not supported.
        """
        given = dict(config or {})
        if "shift" in given and "beta_schedule" not in given:
            if given.get("shift_terminal") or given.get("invert_sigmas") or given.get("time_shift_type") == "linear":
                msg = "config: expected no shift_terminal, invert_sigmas or linear time_shift_type, got one of them"
                raise ValueError(msg)
            flow = {
                "use_flow_sigmas": True,
                "prediction_type": "flow_prediction",
                "flow_shift": given.get("shift", 1.0),
            }
            kwargs = {**flow, **kwargs}
        if given.get("thresholding") or given.get("clip_sample"):
            _LOGGER.info("clip_sample and thresholding are not taken over: they would make the sampler another one")
        return super().from_config(config, return_unused_kwargs, **kwargs)

    def save_config(self, save_directory: Any, push_to_hub: bool = False, **kwargs: Any) -> None:
        """Write the configuration; a phi of the user's own has no name to be found by.

        Parameters
        ----------
        save_directory : str or path
            Folder.
        push_to_hub : bool
            As in diffusers.
        **kwargs : object
            As in diffusers.

        Raises
        ------
        ValueError
            If the folder has no name or phi cannot be made from its name.
        """
        if not str(save_directory):
            msg = f"save_directory: expected a folder, got {save_directory!r}"
            raise ValueError(msg)
        NoiseScale.from_name(self.config["noise_scale"])
        super().save_config(save_directory, push_to_hub, **kwargs)

    def __len__(self) -> int:
        return int(self.config["num_train_timesteps"])


__all__ = ["PREDICTION_TYPES", "ERSDEScheduler"]
