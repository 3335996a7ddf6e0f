"""A network's denoiser for the loops of this package: NumPy states of shape (n, d) in, NumPy out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ersde_theory.sampling import Denoiser, NonFiniteError

MOST_ROWS = 1024


class HostDenoiser:
    """A denoiser of torch tensors (n, *shape) as one of NumPy arrays (n, d), in batches that fit the memory.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_level)`` of a tensor (n, *shape), to one of the same shape and dtype.
    shape : tuple of int
        Of one sample.
    device : str
        Where y is sent.
    say : callable
        Told in words when a batch is halved.

    Examples
    --------
    >>> halve = HostDenoiser(lambda y, noise_level: 0.5 * y, (1, 2), "cpu", print)
    >>> halve(np.array([[2.0, 4.0]]), 1.0).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self, denoise: Callable[[Any, float], Any], shape: tuple[int, ...], device: str, say: Callable[[str], None]
    ) -> None:
        self._denoise = denoise
        self._shape = shape
        self._device = device
        self._say = say
        self._rows = 0  # of a batch; found at the first call

    def __call__(self, y: np.ndarray, noise_level: float) -> np.ndarray:
        """Return D(y, noise_level), of the shape and dtype of y."""
        import torch

        from ersde_theory.models.batches import in_batches, rows_that_fit

        level = float(noise_level)

        def evaluate(rows: int) -> torch.Tensor:
            with torch.inference_mode():
                return self._denoise(torch.zeros(rows, *self._shape, device=self._device), level)

        def run(first: int, last: int) -> np.ndarray:
            block = torch.from_numpy(np.ascontiguousarray(y[first:last])).reshape(-1, *self._shape)
            with torch.inference_mode():
                value = self._denoise(block.to(self._device), level)
            return np.asarray(value.reshape(last - first, -1).cpu().numpy())

        if self._rows == 0:
            try:
                self._rows = min(MOST_ROWS, rows_that_fit(evaluate, device=self._device))
            except (MemoryError, RuntimeError) as error:
                if not isinstance(error, MemoryError) and "out of memory" not in str(error):
                    raise
                self._rows = 1  # two rows do not fit; the batches say it if one does not either
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = in_batches(run, len(y), start_batch=self._rows)
        for warning in caught:
            if "out of memory" in str(warning.message):
                self._say(str(warning.message))
                self._rows = max(1, min(self._rows, len(y)) // 2)
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        return np.asarray(value)


def watched(denoise: Denoiser, where: str) -> Denoiser:
    """Return a denoiser that stops at the first value that is not finite, and says at which call, level and sample."""
    calls = 0

    def run(y: np.ndarray, noise_level: float) -> np.ndarray:
        nonlocal calls
        calls += 1
        value = np.asarray(denoise(y, noise_level))
        if not math.isfinite(float(value.sum())):
            bad = ~np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
            if bad.any():
                message = (
                    f"denoise: expected finite values, got nan or inf in {where}, evaluation {calls} "
                    f"(noise level {noise_level:g}), first in sample {int(np.argmax(bad))}"
                )
                raise NonFiniteError(message)
        return value

    return run
