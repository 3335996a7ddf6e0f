"""The grid of the scheduler for diffusers: timesteps, sigmas, where a run is on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from ersde_theory import _checks
from ersde_theory.integrations._diffusers_schedule import Schedule, flow_schedule, vp_reference, vp_schedule
from ersde_theory.integrations._plan import Plan, chosen_plan
from ersde_theory.integrations._stepper import FiniteCheck, TableauStepper
from ersde_theory.integrations.choice import checked_sigmas, unit_of_sigma
from ersde_theory.noise_scale import NoiseScale


class GridOfScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]  # as all of diffusers' own
    """The part of :class:`~ersde_theory.integrations.diffusers.ERSDEScheduler` that knows the grid.

    Examples
    --------
    >>> from ersde_theory.integrations.diffusers import ERSDEScheduler
    >>> scheduler = ERSDEScheduler()
    >>> scheduler.set_timesteps(timesteps=[900, 500, 100])
    >>> scheduler.index_for_timestep(500)
    1
    >>> x = torch.ones(1, 1, 2, 2)
    >>> scheduler.scale_model_input(x, 500) is x
    True
    >>> scheduler.set_begin_index(1)
    >>> scheduler.add_noise(x, 0.0 * x, scheduler.timesteps[1:2]).max().item() < 1.0
    True
    """

    order = 1
    num_inference_steps: int | None
    _step_index: int | None
    _begin_index: int | None
    _stepper: TableauStepper | None

    def _start_grid(self, noise_scale: NoiseScale) -> None:
        """Take the training schedule of the configuration."""
        self._phi = noise_scale
        self._reference = vp_reference(self.config)
        self.betas = self._reference.betas
        self.alphas_cumprod = self._reference.alphas_cumprod
        self.init_noise_sigma = 1.0
        self.num_inference_steps = None
        self._use(self._training_schedule())

    @property
    def step_index(self) -> int | None:
        """Index of the next step, None before the first."""
        return self._step_index

    @property
    def begin_index(self) -> int | None:
        """Index of the first step, if a pipeline has set it."""
        return self._begin_index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start a run in the middle of the grid, as image-to-image does.

        Parameters
        ----------
        begin_index : int
            Of the first step.
        """
        self._begin_index = _checks.integer(begin_index, "begin_index", minimum=0)
        self._step_index, self._stepper = None, None

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[int] | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Choose the grid of the next run: a number of steps, or own timesteps, or own sigmas.

        Parameters
        ----------
        num_inference_steps : int, optional
            How many; with own sigmas or timesteps it is not needed.
        device : str or torch.device, optional
            Of ``self.timesteps``.
        timesteps : sequence of int, optional
            Falling.
        sigmas : sequence of float, optional
            Falling; noise levels sigma/alpha, or for a flow sigmas before the shift, at most 1. If the last is not 0,
            the one that ``final_sigmas_type`` names follows.
        mu : float, optional
            Logarithm of the shift, with ``use_dynamic_shifting``.

        Raises
        ------
        TypeError, ValueError
            If the arguments contradict each other or the levels do not fall.
        NotAdmissible
            If phi is not admissible on the levels.
        """
        if timesteps is not None and sigmas is not None:
            msg = "set_timesteps: expected timesteps or sigmas, got both"
            raise ValueError(msg)
        if timesteps is None and sigmas is None:
            _checks.integer(num_inference_steps, "num_inference_steps", minimum=1)
        if self.config["use_flow_sigmas"]:
            schedule = flow_schedule(self.config, num_inference_steps, timesteps, sigmas, self._shift(mu))
        else:
            schedule = vp_schedule(self._reference, num_inference_steps, timesteps, sigmas)
        self._use(schedule)
        self._plan(0)  # whatever is wrong with the levels is said now
        self.num_inference_steps = len(schedule.timesteps)
        self.timesteps = schedule.timesteps.to(device=device)

    def _shift(self, mu: float | None) -> float:
        """Return the shift of a flow's sigmas."""
        if bool(self.config["use_dynamic_shifting"]) != (mu is not None):
            wanted = "a number with" if self.config["use_dynamic_shifting"] else "None without"
            msg = f"mu: expected {wanted} use_dynamic_shifting, got {mu}"
            raise ValueError(msg)
        return float(self.config["flow_shift"]) if mu is None else float(torch.tensor(mu, dtype=torch.float64).exp())

    def _training_schedule(self) -> Schedule:
        """Return all training steps, for `add_noise` before a run."""
        n = self.config["num_train_timesteps"]
        if self.config["use_flow_sigmas"]:
            return flow_schedule(self.config, n - 1, None, None, float(self.config["flow_shift"]))
        sigmas = ((1.0 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().flip(0)
        return Schedule(torch.arange(n - 1, -1, -1), torch.cat([sigmas, torch.zeros(1)]))

    def _use(self, schedule: Schedule) -> None:
        """Take a grid and forget the run before."""
        self.timesteps, self.sigmas = schedule.timesteps, schedule.sigmas
        self._timestep_list, self._sigma_list = schedule.timesteps.tolist(), schedule.sigmas.tolist()
        self._step_index = None
        self._begin_index = None
        self._stepper = None

    def _plan(self, begin: int) -> Plan:
        """Return the sampler from one of the grid's levels on."""
        flow = bool(self.config["use_flow_sigmas"])
        levels = checked_sigmas(self._sigma_list[begin:], flow=flow)
        return chosen_plan(
            levels, "flow" if flow else "vp", self.config["scheme"], self.config["scheme_order"], self._phi
        )

    def index_for_timestep(self, timestep: float | torch.Tensor) -> int:
        """Return the index of a timestep in the grid.

        Parameters
        ----------
        timestep : float or Tensor
            One of ``self.timesteps``.

        Returns
        -------
        int
            The first one, where a grid has it twice.

        Raises
        ------
        ValueError
            If it is none of them.
        """
        try:
            return self._timestep_list.index(number_of(timestep))
        except ValueError:
            shown = ", ".join(f"{t:g}" for t in self._timestep_list[:4])
            msg = f"timestep: expected one of the grid ({shown}, ...), got {number_of(timestep):g}"
            raise ValueError(msg) from None

    def _ready(self, timestep: float | torch.Tensor) -> TableauStepper:
        """Return the run's stepper, started by the first call; raise if the call is out of order."""
        if self.num_inference_steps is None:
            msg = "step: expected set_timesteps to be called first"
            raise ValueError(msg)
        if self._stepper is None:
            begin = self.index_for_timestep(timestep) if self._begin_index is None else self._begin_index
            if begin >= self.num_inference_steps:
                msg = f"begin_index: expected an index below {self.num_inference_steps}, got {begin}"
                raise ValueError(msg)
            self._stepper, self._step_index = TableauStepper(self._plan(begin)), begin
            self._check = FiniteCheck()
        index = self._step_index
        if self._stepper.finished or index is None:
            msg = f"step: expected {self.num_inference_steps} steps, got another; set_timesteps starts a new run"
            raise ValueError(msg)
        known = not isinstance(timestep, torch.Tensor) or timestep.is_cpu  # or the host would wait
        if known and (number := number_of(timestep)) != self._timestep_list[index]:
            msg = f"timestep: expected {self._timestep_list[index]:g} at step {index}, got {number:g}"
            raise ValueError(msg)
        return self._stepper

    def scale_model_input(self, sample: torch.Tensor, timestep: float | torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        """Return the state as it is: the network is asked in these coordinates.

        Parameters
        ----------
        sample : Tensor
            The state.
        timestep : float or Tensor, optional
            Not used.

        Returns
        -------
        Tensor
        """
        return sample

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return alpha times data plus sigma times noise, at timesteps of the grid.

        Parameters
        ----------
        original_samples, noise : Tensor of shape (n, ...)
            Data, and standard normals.
        timesteps : Tensor of shape (n,)
            Of the grid. During a run that a pipeline began with :meth:`set_begin_index` the run's own place counts.

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If a timestep is not on the grid.
        """
        if self._begin_index is None:
            places = [self.index_for_timestep(t) for t in timesteps.reshape(-1)]
        else:
            places = [self._begin_index if self._step_index is None else self._step_index] * timesteps.numel()
        flow = bool(self.config["use_flow_sigmas"])
        units = torch.tensor([unit_of_sigma(self._sigma_list[i], flow=flow) for i in places], dtype=torch.float64)
        axes = (-1, *[1] * (original_samples.ndim - 1))
        alpha, sigma = (units[:, j].to(original_samples).reshape(axes) for j in (0, 1))
        return alpha * original_samples + sigma * noise


def number_of(timestep: float | torch.Tensor) -> float:
    """Return a timestep as a number.

    Parameters
    ----------
    timestep : float or Tensor
        A number, or a tensor that holds one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not one number.

    Examples
    --------
    >>> number_of(torch.tensor([3]))
    3.0
    """
    if isinstance(timestep, torch.Tensor):
        if timestep.numel() != 1:
            msg = f"timestep: expected one number, got shape {tuple(timestep.shape)}"
            raise ValueError(msg)
        return float(timestep.item())
    return float(timestep)
