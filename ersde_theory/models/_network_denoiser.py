r"""A network as the denoiser :math:`D(y, \lambda)` in canonical coordinates."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from ersde_theory import _checks
from ersde_theory.models._level_map import SLACK, Level, LevelMap, checked_range
from ersde_theory.models._network_call import doubled, home, moved, rows, tensor
from ersde_theory.models._prediction import Prediction


@dataclass(frozen=True, eq=False, repr=False)
class NetworkDenoiser:
    r"""A network that answers ``D(y, noise_level)``, as :func:`ersde_theory.sample` asks.

    The network is called as ``network(x, c, **condition)`` with its own state x (scaled, in its own precision and on
    its own device), the conditioning c of shape (n,) and keywords of yours. Its output F may be a tensor, a tuple
    whose first item is one, or an object with ``.sample``. Then :math:`D = w_x x + w_F F`, computed in the precision
    of y. No gradients are kept, and autocast is off inside: the network computes in the precision of its weights.
    c is float32 (float64 for a float64 network): half precision has too few digits for timesteps.

    Parameters
    ----------
    network : torch.nn.Module or callable
        A module is put in evaluation mode.
    prediction : str or Prediction
        x0, epsilon, v, score, flow, or ``Prediction.edm(sigma_data)``.
    levels : LevelMap
        What the network is called with at a level.
    shape : tuple of int
        Of one sample.
    noise_range : tuple of two floats, optional
        Levels the network was trained on; by default those of `levels`. Others raise.
    name : str
        For tables and messages.
    condition : mapping, optional
        Keywords for the network, nested if it wants that. A tensor has a first axis of 1 (the same for every row) or
        of n.
    unconditional : mapping, optional
        Replaces entries of `condition` for the unconditional half of classifier-free guidance.
    guidance : float, optional
        Scale w of :math:`D_u + w(D_c - D_u)`, evaluated as one batch of 2n rows. None: `condition` alone.
    learned_variance : bool
        The output has twice the channels; the second half is the variance and is left out.
    extrapolate : bool
        Allow levels outside `noise_range`, as far as `levels` goes.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or value.

    Examples
    --------
    >>> import torch
    >>> from ersde_theory.models import SigmaLevels
    >>> net = lambda x, sigma: x / (1.0 + sigma[:, None] ** 2)  # exact for N(0, 1) data
    >>> D = NetworkDenoiser(net, "x0", SigmaLevels((0.01, 100.0)), shape=(2,))
    >>> D(torch.tensor([[2.0, 4.0]]), 1.0)
    tensor([[1., 2.]])
    >>> D.to(dtype=None).noise_range
    (0.01, 100.0)
    """

    pure: ClassVar[bool] = True  # y is left alone and D is new memory, so that the loop needs no copies

    network: Callable[..., Any]
    prediction: Prediction | str
    levels: LevelMap
    _: dataclasses.KW_ONLY
    shape: tuple[int, ...]
    noise_range: tuple[float, float] = None  # type: ignore[assignment]  # filled from levels
    name: str = "network"
    condition: Mapping[str, Any] = field(default_factory=dict)
    unconditional: Mapping[str, Any] | None = None
    guidance: float | None = None
    learned_variance: bool = False
    extrapolate: bool = False

    def __post_init__(self) -> None:
        if not callable(self.network):
            msg = f"network: expected a module or another callable, got {_checks.describe(self.network)}"
            raise TypeError(msg)
        object.__setattr__(self, "prediction", Prediction.of(self.prediction))
        object.__setattr__(self, "shape", tuple(_checks.integer(k, "shape", minimum=1) for k in self.shape))
        given = self.levels.noise_range if self.noise_range is None else self.noise_range
        object.__setattr__(self, "noise_range", checked_range(given))
        object.__setattr__(self, "condition", dict(self.condition or {}))
        if self.guidance is not None:
            _checks.real_number(self.guidance, "guidance")
            if not self.unconditional:
                msg = (
                    "unconditional: expected the keywords of the unconditional half, since guidance is given, got none"
                )
                raise ValueError(msg)
        if hasattr(self.network, "eval"):
            self.network.eval()

    def __repr__(self) -> str:
        parts = (type(self.network).__name__, Prediction.of(self.prediction).name, type(self.levels).__name__)
        low, high = self.noise_range
        return f"NetworkDenoiser({self.name!r}: {', '.join(parts)}, shape {self.shape}, levels [{low:g}, {high:g}])"

    def __call__(self, y: torch.Tensor, noise_level: float) -> torch.Tensor:
        r"""Return :math:`D(y, \lambda)`.

        Parameters
        ----------
        y : tensor of shape (n, \*shape)
            float32 or float64, on any device. At level inf in units of the noise, x/sigma.
        noise_level : float

        Returns
        -------
        tensor
            Of the shape, dtype and device of `y`.

        Raises
        ------
        TypeError
            If y is not a float tensor.
        ValueError
            If y or the network's output has another shape, or the level is outside the trained range.
        """
        self._check_state(y)
        return self.at_level(y, self.levels.at(self._checked_level(noise_level)))

    def at_level(self, y: torch.Tensor, level: Level) -> torch.Tensor:
        r"""Return the denoiser with everything about the level said explicitly.

        Parameters
        ----------
        y : tensor of shape (n, \*shape)
        level : Level
            Of the state and of what the network is told.

        Returns
        -------
        tensor
            Of the shape, dtype and device of `y`.

        Examples
        --------
        >>> import torch
        >>> from ersde_theory.models import SigmaLevels
        >>> D = NetworkDenoiser(lambda x, sigma: x, "epsilon", SigmaLevels((0.01, 100.0)), shape=(2,))
        >>> D.at_level(torch.ones(1, 2), Level(alpha=0.5, sigma=1.0, conditioning=1.0))
        tensor([[0., 0.]])
        """
        import torch

        w_state, w_output = Prediction.of(self.prediction).weights(level.alpha, level.sigma)
        unit = level.alpha if level.alpha > 0.0 else level.sigma
        with torch.no_grad():
            output = self._output(y, unit * level.input_scale, level.conditioning)
            # weights are Python floats: a tensor would promote, and cost a copy to the device
            return (w_state * unit) * y + w_output * output

    def with_condition(self, **condition: Any) -> NetworkDenoiser:
        """Return the same denoiser with keywords added to or replaced in `condition`.

        Parameters
        ----------
        **condition
            Keywords for the network.

        Returns
        -------
        NetworkDenoiser

        Examples
        --------
        >>> from ersde_theory.models import SigmaLevels
        >>> net = lambda x, sigma, label=0: x + label
        >>> D = NetworkDenoiser(net, "x0", SigmaLevels((0.01, 100.0)), shape=(2,))
        >>> D.with_condition(label=3).condition
        {'label': 3}
        """
        return dataclasses.replace(self, condition={**self.condition, **condition})

    def to(self, *, device: Any = None, dtype: torch.dtype | None = None) -> NetworkDenoiser:
        """Return a copy whose network runs on a device, in a precision; y keeps its own.

        Parameters
        ----------
        device : torch.device or str, optional
        dtype : torch.dtype, optional
            float64, float32, bfloat16 or float16.

        Returns
        -------
        NetworkDenoiser

        Raises
        ------
        TypeError
            If the network is not a module, so that nothing can be moved.
        """
        import torch

        if device is None and dtype is None:
            return self
        if not isinstance(self.network, torch.nn.Module):
            msg = f"network: expected a torch.nn.Module to move, got {_checks.describe(self.network)}"
            raise TypeError(msg)
        network = copy.deepcopy(self.network).to(device=device, dtype=dtype)
        given = moved(self.condition, device, dtype)
        nothing = None if self.unconditional is None else moved(self.unconditional, device, dtype)
        return dataclasses.replace(self, network=network, condition=given, unconditional=nothing)

    # ------------------------------------------------------------------ the call

    def _output(self, y: torch.Tensor, scale: float, conditioning: float) -> torch.Tensor:
        """Return the network's output, guided, in the dtype and on the device of y."""
        import torch

        dtype, device = home(self.network, y)
        n = y.shape[0]
        x = (scale * y).to(device=device, dtype=dtype)
        keywords = rows(self.condition, n)
        if self.guidance is not None:
            x = torch.cat([x, x])
            keywords = doubled(keywords, rows({**self.condition, **(self.unconditional or {})}, n))
        # half precision has too few digits to tell one timestep from the next
        exact = torch.float64 if dtype == torch.float64 else torch.float32
        told = torch.full((x.shape[0],), conditioning, dtype=exact, device=device)
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            output = self._checked_output(tensor(self.network(x, told, **keywords)), x)
            if self.guidance is not None:
                conditional, unconditional = output[:n], output[n:]
                output = unconditional + self.guidance * (conditional - unconditional)
        return output.to(device=y.device, dtype=y.dtype)

    def _checked_output(self, output: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        expected = tuple(x.shape)
        if self.learned_variance:
            both = (expected[0], 2 * expected[1], *expected[2:])
            if tuple(output.shape) != both:
                msg = f"{self.name}: expected an output of shape {both} (learned_variance), got {tuple(output.shape)}"
                raise ValueError(msg)
            return output[:, : expected[1]]
        if tuple(output.shape) != expected:
            twice = output.ndim == len(expected) and output.shape[1] == 2 * expected[1]
            hint = "; does it predict a variance too? Then say learned_variance=True" if twice else ""
            msg = f"{self.name}: expected an output of shape {expected}, got {tuple(output.shape)}{hint}"
            raise ValueError(msg)
        return output

    def _check_state(self, y: Any) -> None:
        import torch

        if not isinstance(y, torch.Tensor) or not y.is_floating_point():
            msg = f"y: expected a torch tensor of floats, got {_checks.describe(getattr(y, 'dtype', y))}"
            raise TypeError(msg)
        if y.ndim != len(self.shape) + 1 or tuple(y.shape[1:]) != self.shape:
            msg = f"y: expected shape (n, {', '.join(map(str, self.shape))}), got {tuple(y.shape)}"
            raise ValueError(msg)

    def _checked_level(self, noise_level: Any) -> float:
        level = float(noise_level)
        low, high = self.noise_range
        inside = low * (1.0 - SLACK) <= level <= high * (1.0 + SLACK)
        # the end of a process with alpha = 0 is a level of its own: the map knows whether there is one
        if not (inside or self.extrapolate or level == math.inf):
            msg = (
                f"noise_level: expected a level in [{low:g}, {high:g}], on which {self.name} was trained, "
                f"got {level:g} (extrapolate=True allows it)"
            )
            raise ValueError(msg)
        return level


__all__ = ["NetworkDenoiser"]
