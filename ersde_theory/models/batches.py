"""Batches that fit the memory: how many rows a network can take at once, and what to do when it was too many."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ersde_theory import _checks

_SIGNS_OF_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "ALLOC_FAILED")
_CGROUP = Path("/sys/fs/cgroup")
_NO_MEMORY = object()


def in_batches(function: Callable[[int, int], Any], rows: int, *, start_batch: int | None = None) -> Any:
    """Return the rows that a function makes, in batches that become smaller when memory runs out.

    A batch that did not fit is cut in half, which a warning says, and so are all that follow; what is done stays.
    The result is the same as with any other batches if rows are independent and draw their randomness by their
    index, as ``sample(tab, D, start[first:last], seed, first_row=first)`` does.

    Parameters
    ----------
    function : callable
        ``function(first, last)`` gives the rows [first, last): an array, or a tuple of arrays, NumPy or torch, whose
        first axis are these rows.
    rows : int
        How many there are, >= 1.
    start_batch : int, optional
        Rows tried first. Default: all.

    Returns
    -------
    array, or tuple of arrays
        What the function gave, joined along the first axis.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer >= 1.
    MemoryError
        If a single row does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> in_batches(lambda first, last: np.arange(first, last) ** 2, 5, start_batch=2).tolist()
    [0, 1, 4, 9, 16]
    """
    n = _checks.integer(rows, "rows", minimum=1)
    batch = n if start_batch is None else min(n, _checks.integer(start_batch, "start_batch", minimum=1))
    parts: list[Any] = []
    first = 0
    while first < n:
        part = _unless_out_of_memory(function, first, min(n, first + batch))
        if part is not _NO_MEMORY:
            parts.append(part)
            first = min(n, first + batch)
            continue
        if batch == 1:
            msg = f"out of memory with a single row, number {first}: expected at least one to fit"
            raise MemoryError(msg)
        warnings.warn(
            f"out of memory with {batch} rows at once: goes on with {batch // 2}", RuntimeWarning, stacklevel=2
        )
        batch //= 2
    return _joined(parts)


def rows_that_fit(evaluate: Callable[[int], Any], *, device: Any = "cpu", share: float = 0.5) -> int:
    """Return how many rows an evaluation can have in a share of the free memory.

    The evaluation runs with one row and with two, while the bytes of all live torch tensors are counted; more rows
    are taken to cost what the second did. What kernels need besides is not seen: hence the share.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(n)`` evaluates the network once for n rows, as in ``lambda n: D(torch.zeros(n, *D.shape), 1.0)``.
    device : torch.device or str
        Whose memory.
    share : float
        In (0, 1]: the part of the free memory to use.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If the share is no number in (0, 1].

    Examples
    --------
    >>> import torch
    >>> rows_that_fit(lambda n: torch.zeros(n, 1000).exp().sum()) > 100
    True
    """
    if _checks.positive_number(share, "share") > 1.0:
        msg = f"share: expected a number in (0, 1], got {share}"
        raise ValueError(msg)
    one, two = (_peak_bytes(evaluate, n) for n in (1, 2))
    per_row = max(1, two - one)
    return max(1, int((share * free_bytes(device) - (one - per_row)) / per_row))


def free_bytes(device: Any = "cpu") -> int:
    """Return the bytes that a device's memory still has for this process.

    On a GPU what torch holds in reserve counts as free. On the host the limit of a container (cgroup) counts.

    Parameters
    ----------
    device : torch.device or str

    Returns
    -------
    int

    Examples
    --------
    >>> free_bytes() > 2**20
    True
    """
    import torch

    place = torch.device(device)
    if place.type == "cuda":
        unused = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return int(torch.cuda.mem_get_info(place)[0] + unused)
    return min(_available_bytes(), _bytes_left_in_container())


def _unless_out_of_memory(function: Callable[[int, int], Any], first: int, last: int) -> Any:
    """Return what the function gives, or _NO_MEMORY if it ran out; then nothing of the attempt is kept alive."""
    try:
        return function(first, last)
    except (MemoryError, RuntimeError) as problem:  # torch's own error is a RuntimeError
        if not (isinstance(problem, MemoryError) or any(sign in str(problem) for sign in _SIGNS_OF_NO_MEMORY)):
            raise
    # the exception, whose traceback holds the attempt's tensors, is gone here
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return _NO_MEMORY


def _joined(parts: list[Any]) -> Any:
    """Return arrays, or tuples of arrays, joined along the first axis."""
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(of_one)) for of_one in zip(*parts, strict=True))
    from array_api_compat import array_namespace

    return parts[0] if len(parts) == 1 else array_namespace(parts[0]).concat(parts, axis=0)


def _peak_bytes(evaluate: Callable[[int], Any], n: int) -> int:
    """Return the most bytes that tensors made by an evaluation take at one time."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    live: dict[int, int] = {}  # of each memory block that the evaluation has made and that is still there
    peak = 0

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal peak
            known = {id(x.untyped_storage()) for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
            result = func(*args, **(kwargs or {}))
            for x in tree_leaves(result):
                if isinstance(x, torch.Tensor):
                    block = x.untyped_storage()
                    if id(block) not in known and id(block) not in live:
                        live[id(block)] = block.nbytes()
                        weakref.finalize(block, live.pop, id(block), None)
            peak = max(peak, sum(live.values()))
            return result

    with Counting():  # type: ignore[no-untyped-call]
        evaluate(n)
    return peak


def _available_bytes() -> int:
    """Return what the system can give without swapping; a GiB where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 2**30
    fields = dict(line.split(":", 1) for line in lines)
    return 1024 * int(fields["MemAvailable"].split()[0])


def _bytes_left_in_container() -> int:
    """Return what the container's limit leaves, a very large number where there is none."""
    try:
        limit, used = (
            (_CGROUP / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current")
        )
    except OSError:
        return 2**62
    return 2**62 if limit == "max" else max(0, int(limit) - int(used))


__all__ = ["free_bytes", "in_batches", "rows_that_fit"]
