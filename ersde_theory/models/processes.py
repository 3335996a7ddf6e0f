"""Several GPUs or processes: each makes its share of the rows, with the noise that these rows have anyway.

Started by ``torchrun --nproc-per-node 2 script.py``; the same script without torchrun does all rows itself. The
processes exchange nothing but their results, through host memory.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ersde_theory import _checks
from ersde_theory.models.batches import _joined, in_batches

_SET_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Processes:
    """The processes that work together, seen from one of them.

    Attributes
    ----------
    rank : int
        Which one this is; number 0 writes files and talks.
    size : int
        How many there are.
    device : str
        Where this one's network belongs: a GPU of its own, or "cpu".

    Examples
    --------
    >>> Processes(0, 1, "cpu").is_first
    True
    """

    rank: int
    size: int
    device: str

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def share(self, rows: int) -> tuple[int, int]:
        """Return the first of this process's rows, and the first that is no longer one of them.

        Parameters
        ----------
        rows : int
            How many rows all processes make.

        Returns
        -------
        tuple of two ints

        Examples
        --------
        >>> [Processes(rank, 3, "cpu").share(10) for rank in range(3)]
        [(0, 3), (3, 6), (6, 10)]
        """
        return rows * self.rank // self.size, rows * (self.rank + 1) // self.size

    def gathered(self, value: Any) -> list[Any]:
        """Return what the processes have, in their order, to each of them; they all wait for the last.

        Parameters
        ----------
        value
            What this process has; one that pickle knows.

        Returns
        -------
        list

        Examples
        --------
        >>> Processes(0, 1, "cpu").gathered("mine")
        ['mine']
        """
        if self.size == 1:
            return [value]
        import torch.distributed

        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    def in_batches(self, function: Callable[[int, int], Any], rows: int, *, start_batch: int | None = None) -> Any:
        """Return the rows that a function makes, on every process, each of which has made its share.

        The result is the same to round-off whatever the number of processes, under the conditions of
        :func:`~ersde_theory.models.batches.in_batches`: rows are independent and draw by their index.

        Parameters
        ----------
        function : callable
            ``function(first, last)`` gives the rows [first, last): an array, or a tuple of arrays.
        rows : int
            How many there are, >= 1.
        start_batch : int, optional
            Rows that a process tries first. Default: all of its share.

        Returns
        -------
        array, or tuple of arrays
            All rows in their order; tensors in host memory.

        Raises
        ------
        TypeError, ValueError
            If a number is not an integer >= 1.
        MemoryError
            If a single row does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> Processes(0, 1, "cpu").in_batches(lambda first, last: np.arange(first, last), 3).tolist()
        [0, 1, 2]
        """
        first, last = self.share(_checks.integer(rows, "rows", minimum=1))
        part = None
        if last > first:
            made = in_batches(lambda a, b: function(first + a, first + b), last - first, start_batch=start_batch)
            part = _on_host(made)
        return _joined([p for p in self.gathered(part) if p is not None])


@contextmanager
def processes() -> Iterator[Processes]:
    """Join the processes that torchrun has started; without it, there is one, which can do without torch.

    If a process fails, torchrun ends the others.

    Yields
    ------
    Processes
        Use them inside the block only.

    Examples
    --------
    >>> with processes() as group:
    ...     group.size
    1
    """
    if not all(name in os.environ for name in _SET_BY_TORCHRUN):
        yield Processes(0, 1, "cuda" if _has_gpu() else "cpu")
        return
    import torch.distributed

    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    # results travel through host memory: no GPU talks to another; who is done waits, for torchrun watches the others
    torch.distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Processes(torch.distributed.get_rank(), torch.distributed.get_world_size(), device)
    finally:
        torch.distributed.destroy_process_group()


def _has_gpu() -> bool:
    """Return whether torch is there and has a GPU."""
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()


def _on_host(made: Any) -> Any:
    """Return arrays, or a tuple of arrays, with tensors in host memory."""
    if isinstance(made, tuple):
        return tuple(_on_host(one) for one in made)
    return made.cpu() if hasattr(made, "cpu") else made


__all__ = ["Processes", "processes"]
