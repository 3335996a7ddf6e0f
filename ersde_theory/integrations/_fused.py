"""A step's arithmetic: one compiled sweep over the host's memory, or torch's own operations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from ersde_theory._combination import MOST_TERMS, combine
from ersde_theory._combination_torch import cpu_threads, plain_memory
from ersde_theory._torch_threads import shared

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
    state: torch.Tensor,
    output: torch.Tensor,
    value: torch.Tensor | None,
    conversion: Pair,
    factors: Pair,
    terms: Terms,
    *,
    alone: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, bool | None]:
    """Return the next state, the new value, and whether that is finite if it could be told for nothing.

    The new value is ``conversion`` . (state, output), the result ``factors`` . (state, new value) plus each term's
    weight times its tensor; sums in :func:`sum_dtype`.

    Parameters
    ----------
    state, output : Tensor
        Of one shape; not changed.
    value : Tensor or None
        Overwritten by the new value if it is the tensor of the last term: then of no other, and of no one else.
    conversion, factors : tuple of float
        Of the two sums.
    terms : sequence of (float, Tensor)
        In the dtype of the sums.
    alone : bool
        Not to share the work with torch's other threads.

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
    state, output = in_dtype(state, dtype), in_dtype(output, dtype)
    used = [state, output, *(tensor for _, tensor in terms)]
    threads = cpu_threads(state) if state.is_cpu and len(used) <= MOST_TERMS and plain_memory(*used) else 0
    if not threads:
        new = output * conversion[1] if conversion[0] == 0.0 else torch.add(state, output, alpha=conversion[1])
        result = state.clone(memory_format=torch.contiguous_format)
        combine(result, factors[0], [(factors[1], new), *terms] if factors[1] != 0.0 else terms)
        return result, new, None
    result, old = torch.empty_like(state), 0.0
    if value is not None and terms and terms[-1][1] is value:
        *terms, (old, _) = terms
    else:
        value = torch.empty_like(state)
    finite = _sweep(dtype)(
        (result.data_ptr(), state.data_ptr(), output.data_ptr(), value.data_ptr()),
        conversion,
        (*factors, old),
        [(weight, tensor.data_ptr()) for weight, tensor in terms],
        state.numel(),
        1 if alone else threads,
    )
    return result, value, finite


def in_dtype(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor in a dtype, itself where it has it: asking first is quicker than ``Tensor.to``.

    Parameters
    ----------
    tensor : Tensor
        Of any dtype.
    dtype : torch.dtype
        The one wanted.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> in_dtype(torch.ones(1), torch.float64)
    tensor([1.], dtype=torch.float64)
    """
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


@functools.cache
def _sweep(dtype: torch.dtype) -> Callable[..., bool]:
    """Return the compiled sweep of a dtype; numba is installed."""
    from ersde_theory.integrations import _fused_numba

    return _fused_numba.sweep_of("float64" if dtype == torch.float64 else "float32", shared)


__all__ = ["fused_step", "in_dtype", "sum_dtype"]
