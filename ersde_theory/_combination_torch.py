"""One row of the loop on torch: the fewest sweeps through memory that are to be had.

On the CPU the compiled pass of :mod:`ersde_theory._combination_numba` runs on the tensors' own memory, cut over
torch's threads. On a GPU large states take one kernel that ``torch.compile`` makes (written for CUDA, tested on
the CPU only). Everything else, and all that autograd has to follow, takes torch's own operations. On the CPU they
round as the compiled pass does: which of the two is taken depends on the size of a batch, and the result must not.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch.autograd import forward_ad

from ersde_theory import _combination
from ersde_theory._torch_threads import shared, threads_worth

if TYPE_CHECKING:
    from ersde_theory._combination import Terms

WORTH_COMPILING = 2**20  # below it a GPU spends its time on launching kernels, not on memory


def combine(state: torch.Tensor, factor: float, terms: Terms) -> bool | None:
    """Set ``state`` to ``factor * state`` plus each weight times its array: see :func:`_combination.combine`."""
    if terms and _one_kind(state, [array for _, array in terms]):
        if state.device.type == "cpu":
            threads = cpu_threads(state)
            if threads:
                torch.autograd.graph.increment_version(state)  # it is changed behind torch's back
                places = [(weight, array.data_ptr()) for weight, array in terms]
                return _sweep(state.dtype)(state.data_ptr(), factor, places, state.numel(), threads)
        elif state.device.type == "cuda" and state.numel() >= WORTH_COMPILING and _in_one_kernel(state, factor, terms):
            return None
    memory = state.untyped_storage().data_ptr()
    terms = [(w, a.clone() if a.untyped_storage().data_ptr() == memory else a) for w, a in terms]
    state.mul_(factor)
    for weight, array in terms:
        if state.device.type == "cpu":
            state.add_(weight * array)
        else:
            state.add_(array, alpha=weight)  # one sweep; the product is not rounded
    return None


def _one_kind(state: torch.Tensor, arrays: list[torch.Tensor]) -> bool:
    """Return whether all are plain memory of the state's kind, apart from the state's."""
    if not plain_memory(state, *arrays):
        return False
    place, size = state.data_ptr(), state.nbytes
    return all(abs(a.data_ptr() - place) >= size for a in arrays)


def plain_memory(first: torch.Tensor, *others: torch.Tensor) -> bool:
    """Return whether tensors are float32 or float64 numbers in rows, of one kind, that no derivative follows."""
    dtype, device, shape = first.dtype, first.device, first.shape
    if dtype not in (torch.float32, torch.float64) or forward_ad._current_level >= 0:
        return False
    followed = torch.is_grad_enabled()
    for a in (first, *others):
        if type(a) is not torch.Tensor or a.dtype != dtype or a.device != device or a.shape != shape:
            return False
        if not a.is_contiguous() or a.is_neg() or a._is_zerotensor() or (followed and a.requires_grad):
            return False
    return True


def cpu_threads(state: torch.Tensor) -> int:
    """Return on how many threads the compiled pass is to run, 0 where it does not pay or is not to be had."""
    return threads_worth(state.numel()) if _combination.compiled_pass(state.numel()) is not None else 0


@functools.cache
def _sweep(dtype: torch.dtype) -> Callable[..., bool]:
    """Return the compiled pass for tensors of a dtype; numba is installed."""
    from ersde_theory import _combination_numba

    return _combination_numba.sweep_of("float64" if dtype == torch.float64 else "float32", shared)


def _in_one_kernel(state: torch.Tensor, factor: float, terms: Terms) -> bool:
    """Run the kernel that torch.compile makes; return False, and say so once, where it cannot make one."""
    if _cannot_compile.is_set():
        return False
    numbers = [torch.tensor(number, dtype=torch.float64) for number in (factor, *(w for w, _ in terms))]
    try:
        one_kernel()(state.view(-1), numbers, [a.view(-1) for _, a in terms])
    except Exception as problem:  # whatever a compiler may fail with, torch's own operations do the work
        _cannot_compile.set()
        msg = f"torch.compile gave no kernel for the sampler's update, which runs in several passes: {problem}"
        warnings.warn(msg, RuntimeWarning, stacklevel=2)
        return False
    return True


_cannot_compile = threading.Event()


@functools.cache
def one_kernel(backend: str = "inductor") -> Callable[..., None]:
    """Return the update as torch.compile's one kernel; it is specialised for each number of terms by itself."""
    compiled: Callable[..., None] = torch.compile(_update, backend=backend, fullgraph=True)
    return compiled


def _update(state: torch.Tensor, numbers: list[torch.Tensor], arrays: list[torch.Tensor]) -> None:
    """Set the state to numbers[0] * state + sum of numbers[1 + j] * arrays[j].

    The numbers are tensors of no axes on the host: those neither upcast nor make torch.compile start again.
    """
    total = numbers[0] * state
    for number, array in zip(numbers[1:], arrays, strict=True):
        total = total + number * array
    state.copy_(total)
