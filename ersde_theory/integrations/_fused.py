"""A step's arithmetic: one compiled sweep over the host's memory, or torch's own operations."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ersde_theory import _combination
from ersde_theory._combination import combine

WORTH_THREADS = 2**20  # numbers; handing a part to another thread takes up to 0.1 ms, as long as 2^18 of them

Terms = Sequence[tuple[float, torch.Tensor]]
Pair = tuple[float, float]


def sum_dtype(state: torch.Tensor) -> torch.dtype:
    """Return the dtype in which sums are taken: float64 for float64, otherwise float32.

    Parameters
    ----------
    state : Tensor
        Of any floating dtype.

    Returns
    -------
    torch.dtype

    Examples
    --------
    >>> sum_dtype(torch.zeros(1, dtype=torch.float16))
    torch.float32
    """
    return torch.float64 if state.dtype == torch.float64 else torch.float32


def fused_step(
    state: torch.Tensor, output: torch.Tensor, value: torch.Tensor | None, conversion: Pair, factors: Pair, terms: Terms
) -> tuple[torch.Tensor, torch.Tensor, bool | None]:
    """Return the next state, the new value, and whether that is finite if it could be told for nothing.

    The new value is ``conversion`` . (state, output), the result ``factors`` . (state, new value) plus each term's
    weight times its tensor; sums in :func:`sum_dtype`.

    Parameters
    ----------
    state, output : Tensor
        Of one shape; not changed.
    value : Tensor or None
        May be overwritten by the new value: one that is the tensor of no term but the last, and of no one else.
    conversion, factors : tuple of float
        Of the two sums.
    terms : sequence of (float, Tensor)
        In the dtype of the sums.

    Returns
    -------
    Tensor
        The result, new.
    Tensor
        The new value; `output` itself is never kept.
    bool or None
        Whether the new value is finite.

    Examples
    --------
    >>> x, output = torch.tensor([3.0]), torch.tensor([1.0])
    >>> [float(t) for t in fused_step(x, output, None, (1.0, -1.0), (0.5, 0.25), [(10.0, torch.tensor([0.1]))])[:2]]
    [3.0, 2.0]
    """
    dtype = sum_dtype(state)
    state, output = state.to(dtype), output.to(dtype)
    tensors = (state, output, *(tensor for _, tensor in terms))
    compiled = _compiled() if _suits(tensors) else None
    if compiled is None:
        new = output * conversion[1] if conversion[0] == 0.0 else torch.add(state, output, alpha=conversion[1])
        result = state.clone(memory_format=torch.contiguous_format)
        combine(result, factors[0], [(factors[1], new), *terms] if factors[1] != 0.0 else terms)
        return result, new, None
    result = torch.empty_like(state)
    old = 0.0
    if value is not None and terms and terms[-1][1] is value:
        *terms, (old, _) = terms
    elif value is None:
        value = torch.zeros_like(state)  # read with the weight 0
    finite = _on_threads(compiled, (result, state, output, value), conversion, (*factors, old), terms)
    return result, value, finite


def _suits(tensors: Sequence[torch.Tensor]) -> bool:
    """Return whether the compiled sweep can take these tensors, and pays."""
    first = tensors[0]
    return _combination.compiled_pass(first.numel()) is not None and all(
        type(t) is torch.Tensor
        and t.device.type == "cpu"
        and t.dtype == first.dtype
        and t.shape == first.shape
        and t.is_contiguous()
        and not (t.requires_grad and torch.is_grad_enabled())
        for t in tensors
    )


def _on_threads(
    compiled: Callable[..., bool],
    tensors: tuple[torch.Tensor, ...],
    conversion: Pair,
    factors: tuple[float, float, float],
    terms: Terms,
) -> bool:
    """Run the sweep, a part of it on each of torch's threads."""
    flat = [_flat(t) for t in tensors]
    arrays = [_flat(t) for _, t in terms]
    number, size = flat[0].dtype.type, flat[0].size
    pairs = tuple(map(number, conversion)), tuple(map(number, factors))
    weights = tuple(number(weight) for weight, _ in terms)

    def run(first: int, last: int) -> bool:
        return compiled(*(a[first:last] for a in flat), *pairs, weights, tuple(a[first:last] for a in arrays))

    threads = torch.get_num_threads() if size >= WORTH_THREADS else 1
    if threads == 1:
        return run(0, size)
    cuts = [size * i // threads for i in range(threads + 1)]
    pool = _pool(os.getpid(), threads - 1)
    others = [pool.submit(run, *part) for part in itertools.pairwise(cuts[1:])]
    finite = run(*cuts[:2])
    return all([finite, *(other.result() for other in others)])


def _flat(tensor: torch.Tensor) -> np.ndarray:
    """Return a contiguous tensor's memory as a flat array."""
    return (tensor.detach() if tensor.requires_grad else tensor).numpy().reshape(-1)


@functools.cache
def _pool(process: int, workers: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """Return the threads of a process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(workers, thread_name_prefix="step")


@functools.cache
def _compiled() -> Callable[..., bool] | None:
    """Return the compiled sweep, or None where numba is not installed."""
    if importlib.util.find_spec("numba") is None:
        return None
    from ersde_theory.integrations import _fused_numba

    kernel: Callable[..., bool] = _fused_numba.step
    return kernel


__all__ = ["fused_step", "sum_dtype"]
