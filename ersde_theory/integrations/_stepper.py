"""A tableau run from outside: a state machine that consumes one value of the network at a time.

The loop of :func:`ersde_theory.sample` calls the network itself. A scheduler is called by a pipeline instead, once a
network value.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ersde_theory._finite_watch import NonFiniteError, all_finite
from ersde_theory.integrations._fused import fused_step, in_dtype, sum_dtype
from ersde_theory.integrations._plan import Plan, plan_of
from ersde_theory.tableau import Tableau


class TableauStepper:
    """Runs a tableau one network value at a time, on torch tensors.

    Sums are taken in float32 at least, in float64 for a float64 state. Nothing that is given is changed or kept, and
    nothing that is returned is used again. ``finite`` says after each step whether the network's value was, or is None
    where that was not found out.

    Parameters
    ----------
    sampler : Tableau or Plan
        The sampler, whose row 0 feeds its first evaluation.
    noise_factor : float
        Multiplies every draw's weight; 1 is the sampler as it is.

    Raises
    ------
    ValueError
        If the tableau has rows before its first evaluation.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> stepper = TableauStepper(schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), 1))
    >>> x = torch.tensor([[8.0]])
    >>> while not stepper.finished:
    ...     x = stepper.advance(x, 0.5 * x)
    >>> x.item()
    2.5
    """

    def __init__(self, sampler: Tableau | Plan, noise_factor: float = 1.0) -> None:
        self._plan = sampler if isinstance(sampler, Plan) else plan_of(sampler)
        self.tab, self.steps = self._plan.tab, self._plan.steps
        self.index = 0
        self.finite: bool | None = None
        self._noise_factor = noise_factor
        self._shape: torch.Size | None = None
        self._normals: torch.Tensor | None = None
        self._values: dict[int, tuple[float, torch.Tensor]] = {}

    @property
    def finished(self) -> bool:
        """Whether every value has been consumed."""
        return self.index == len(self.steps)

    @property
    def unit(self) -> tuple[float, float]:
        """The alpha and sigma at which the next value is taken."""
        return self._plan.units[self.index]

    def memory_for_normals(self, state: torch.Tensor) -> torch.Tensor:
        """Return memory to draw a step's normals into, the same for all: memory fresh from the system costs time.

        No step of any scheme here has two draws.

        Parameters
        ----------
        state : Tensor
            Of the run.

        Returns
        -------
        Tensor
            Of the state's shape and device, in the dtype of the sums; whatever numbers are in it.
        """
        kind, kept = sum_dtype(state), self._normals
        if kept is None or (kept.shape, kept.dtype, kept.device) != (state.shape, kind, state.device):
            with torch.inference_mode(False):  # or only a step in that mode could write to it
                self._normals = kept = torch.empty(state.shape, dtype=kind, device=state.device)
        return kept

    def advance(
        self,
        state: torch.Tensor,
        output: torch.Tensor,
        normals: Callable[[int], torch.Tensor] | None = None,
        *,
        conversion: tuple[float, float] = (0.0, 1.0),
        scale: float = 1.0,
    ) -> torch.Tensor:
        """Return the state at which the next value is wanted, or the last one.

        Parameters
        ----------
        state : Tensor
            Where the network was asked, in the coordinates of the tableau.
        output : Tensor
            Of the network. The data prediction is `scale` times ``conversion`` . (state, output).
        normals : callable, optional
            ``normals(draw)``, standard normals in the dtype of the sums; asked once for each draw with a weight.
        conversion : tuple of float
            Of the state (0 or 1) and of the output.
        scale : float
            Taken into the weights, which saves a pass over the data.

        Returns
        -------
        Tensor
            In the dtype of the sums.

        Raises
        ------
        ValueError
            If all values have been consumed, or noise is wanted and none is given.
        """
        if self.finished:
            msg = f"step: expected at most {len(self.steps)} network values, got another one"
            raise ValueError(msg)
        self._check_shape(state, output)
        step, index = self.steps[self.index], self.index
        newest = 0.0
        terms = []
        for draw, weight in step.noise:
            if normals is None:
                msg = f"normals: expected a source of noise for draw {draw}, got None"
                raise ValueError(msg)
            terms.append((weight * self._noise_factor, normals(draw)))
        for k, weight in step.data:  # the oldest is the last
            if k == index:
                newest = weight * scale
            else:
                terms.append((weight * self._values[k][0], self._values[k][1]))
        last_used = self._plan.last_used[index]
        oldest = step.data[-1][0] if step.data else index
        free = self._values[oldest][1] if oldest < index and oldest in last_used else None
        # Normals are drawn on one thread, which takes several times as long as all the rest does on one. A thread that
        # had shared the rest would wait in a loop beside the next draw, at times at half the draw's speed.
        result, value, self.finite = fused_step(
            state, output, free, conversion, (step.factor, newest), terms, alone=bool(step.noise)
        )
        self._values[index] = (scale, value)
        for k in last_used:
            del self._values[k]
        self.index += 1
        if self.finished:
            self._normals = None
        return result

    def _check_shape(self, state: torch.Tensor, output: torch.Tensor) -> None:
        """Raise unless all that a step combines has one shape."""
        if output.shape != state.shape:
            msg = f"output: expected shape {tuple(state.shape)}, got {tuple(output.shape)}"
            raise ValueError(msg)
        if self._shape is None:
            self._shape = state.shape
        elif state.shape != self._shape:
            msg = f"state: expected shape {tuple(self._shape)} as in the step before, got {tuple(state.shape)}"
            raise ValueError(msg)


class FiniteCheck:
    """Finds the first value of a network that is not finite; on a device without making the host wait.

    On the CPU the error comes at once. Elsewhere asking a tensor makes the host wait for the device, so the flags
    stay there until :meth:`finish`.

    Examples
    --------
    >>> check = FiniteCheck()
    >>> check.see(torch.tensor([float("nan")]), "step 3, sigma 0.5")
    Traceback (most recent call last):
        ...
    ersde_theory._finite_watch.NonFiniteError: model: expected finite values, got nan or inf at step 3, sigma 0.5
    >>> check.finish()
    """

    def __init__(self) -> None:
        self._pending: list[tuple[torch.Tensor, str]] = []

    def see(self, value: torch.Tensor, where: str) -> None:
        """Look at a value.

        Parameters
        ----------
        value : Tensor
            Of the network.
        where : str
            For the message.

        Raises
        ------
        NonFiniteError
            If it is not finite, on the CPU.
        """
        if value.device.type != "cpu":
            self._pending.append((torch.isfinite(value.detach()).all(), where))
            return
        if not all_finite(value.detach()):
            raise _not_finite(where)

    def finish(self) -> None:
        """Wait for the device and report the first value that was not finite.

        Raises
        ------
        NonFiniteError
            If there is one.
        """
        pending, self._pending = self._pending, []
        if pending and not bool(torch.stack([flag for flag, _ in pending]).all()):
            raise _not_finite(next(where for flag, where in pending if not bool(flag)))


def _not_finite(where: str) -> NonFiniteError:
    """Return the error that says where."""
    return NonFiniteError(f"model: expected finite values, got nan or inf at {where}")


__all__ = [
    "FiniteCheck",
    "NonFiniteError",
    "TableauStepper",
    "in_dtype",
    "sum_dtype",
]
