"""Who looks whether the denoiser's values are finite, and says where they first were not.

On NumPy every value is looked at when it comes. On torch a value is looked at when it is first used: the compiled
pass of the update says for nothing whether it is finite; elsewhere the device keeps the place of its first bad value
in one number of its own, which the host reads, and waits for, only now and then.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from array_api_compat import array_namespace, is_numpy_array

READ_EVERY = 16  # values looked at between two readings of a device's number


class NonFiniteError(FloatingPointError):
    """The denoiser returned nan or inf; the message says at which row of the tableau and which sample."""


class FiniteWatch(Protocol):
    """Watches the values of one block of rows."""

    def came(self, key: int, value: Any, row: int) -> None:
        """Take notice of a new value, the denoiser's answer at a row of the tableau."""

    def used(self, values: dict[int, Any], finite: bool | None) -> None:
        """Take notice that values were combined, and of what the combination said of them."""

    def finish(self) -> None:
        """Look at all that is left."""


def finite_watch(state: Any, levels: list[float], first_row: int) -> FiniteWatch:
    """Return a watch for states of this kind, whose first row is number `first_row`."""
    if is_numpy_array(state):
        return _AtOnce(levels, first_row)
    return _OnDevice(state, levels, first_row)


def all_finite(array: Any) -> bool:
    """Return whether all entries of an array or tensor are finite."""
    xp = array_namespace(array)
    # torch takes many sweeps to look at every entry; a sum is finite unless one is not, or it overflows
    if not is_numpy_array(array) and math.isfinite(xp.sum(array).item()):
        return True
    return bool(xp.all(xp.isfinite(array)))


def _failure(row: int, level: float, sample: int) -> NonFiniteError:
    """Return the error that names a place."""
    return NonFiniteError(
        f"denoise: expected finite values, got nan or inf at row {row} of the tableau (noise level "
        f"{level:g}), first in sample {sample}"
    )


class _AtOnce:
    """Looks at every value when it comes."""

    def __init__(self, levels: list[float], first_row: int) -> None:
        self._levels = levels
        self._first_row = first_row

    def came(self, key: int, value: Any, row: int) -> None:  # noqa: ARG002
        xp = array_namespace(value)
        # one cheap reduction: a sum is finite unless an entry is not (or it overflows, which is looked at)
        if math.isfinite(float(xp.sum(value))):
            return
        finite = xp.reshape(xp.isfinite(value), (value.shape[0], -1))
        if not bool(xp.all(finite)):
            sample = self._first_row + int(xp.argmax(xp.astype(~xp.all(finite, axis=1), xp.int32)))
            raise _failure(row, self._levels[row], sample)

    def used(self, values: dict[int, Any], finite: bool | None) -> None:
        pass

    def finish(self) -> None:
        pass


class _OnDevice:
    """Keeps the first bad place, row * samples + sample, as a tensor on the device; torch only."""

    def __init__(self, state: Any, levels: list[float], first_row: int) -> None:
        self._levels = levels
        self._first_row = first_row
        self._samples = state.shape[0]
        self._unseen: dict[int, int] = {}  # row of each value that nobody has looked at
        self._every = 1 if state.device.type == "cpu" else READ_EVERY
        self._waiting = 0
        self._first: Any = None

    def came(self, key: int, value: Any, row: int) -> None:  # noqa: ARG002
        self._unseen[key] = row

    def used(self, values: dict[int, Any], finite: bool | None) -> None:
        for key in sorted(values.keys() & self._unseen.keys()):
            row = self._unseen.pop(key)
            # where the host need not wait, the cheapest look comes first
            if not finite and not (self._every == 1 and all_finite(values[key].detach())):
                self._look(values[key], row)
                self._waiting += 1
        if self._waiting >= self._every or (finite is False and self._waiting):
            self.finish()

    def finish(self) -> None:
        """Read the device's number."""
        self._waiting = 0
        place = self._never if self._first is None else int(self._first)
        if place < self._never:
            row, sample = divmod(place, self._samples)
            raise _failure(row, self._levels[row], self._first_row + sample)

    @property
    def _never(self) -> int:
        """A place after all others."""
        return len(self._levels) * self._samples

    def _look(self, value: Any, row: int) -> None:
        """Let the device note the first bad sample of a value, if it has one; the host does not wait."""
        import torch

        if value.numel() == 0:
            return
        with torch.no_grad():
            size = torch.linalg.vector_norm(value.detach().flatten(1), float("inf"), dim=1)
            place = torch.arange(row * self._samples, (row + 1) * self._samples, device=value.device)
            first = place.masked_fill(torch.isfinite(size), self._never).amin()
            self._first = first if self._first is None else torch.minimum(self._first, first)
