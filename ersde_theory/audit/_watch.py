"""What happens to a state inside a sampler: operations that are not linear, casts, numbers that are looked at.

Only used to explain: whether a sampler is linear is decided by its numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from ersde_theory.audit._run import EPS

# operations that are linear in all their arguments together
_LINEAR_NAMES = """add add_ sub sub_ rsub neg neg_ clone copy_ _to_copy to view _unsafe_view reshape expand unsqueeze
    unsqueeze_ squeeze squeeze_ permute transpose t cat stack slice select split split_with_sizes unbind chunk detach
    alias lift_fresh empty_like zeros_like ones_like new_zeros new_ones new_empty new_full full_like contiguous sum mean
    flatten as_strided fill_ zero_ index movedim unfold repeat narrow slice_scatter select_scatter"""
_LINEAR = frozenset(_LINEAR_NAMES.split())
# linear if only one argument is a state; quotients if it is the first
_PRODUCTS = frozenset(
    {"mul", "mul_", "mm", "bmm", "matmul", "dot", "mv", "einsum", "lerp", "lerp_", "addcmul", "outer"}
)
_QUOTIENTS = frozenset({"div", "div_", "true_divide", "true_divide_"})
_READS = frozenset({"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "allclose"})
_NUMBERS = itertools.count(1)


@dataclass
class Watch:
    """Follows everything that is computed from a state.

    Attributes
    ----------
    after : int
        Number of evaluations so far; set by the run.
    events : list of (int, str, str)
        The evaluations so far, ``nonlinear`` | ``reads``, and the operation.
    state_dtype, coefficient_dtype : str
        The least precise dtype of a state, and of a number that it met.
    """

    after: int = 0
    events: list[tuple[int, str, str]] = field(default_factory=list)
    state_dtype: str = "float64"
    coefficient_dtype: str = "float64"
    _number: int = field(default_factory=lambda: next(_NUMBERS))

    def mark(self, tensor: torch.Tensor) -> None:
        """Follow a tensor from here on; the mark lives and dies with it, a weak dictionary takes ten times as long."""
        tensor._followed_by = self._number  # type: ignore[attr-defined]

    def follows(self, tensor: Any) -> bool:
        """Return whether a tensor is computed from what is followed."""
        return getattr(tensor, "_followed_by", 0) == self._number

    def follows_any(self, values: Iterable[Any]) -> bool:
        """Return whether a followed tensor is among an operation's arguments: of most operations there is none."""
        number = self._number
        for value in values:
            if getattr(value, "_followed_by", 0) == number:
                return True
            if isinstance(value, tuple | list) and self.follows_any(value):
                return True
        return False

    def note(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        """Note one operation of a state."""
        inputs = _tensors((*args, *kwargs.values()))
        states = [t for t in inputs if self.follows(t)]
        if name in _READS:
            self.events.append((self.after, "reads", name))
            return
        if not _is_linear(name, args, states):
            self.events.append((self.after, "nonlinear", name))
        for tensor in inputs:
            if not self.follows(tensor) and tensor.is_floating_point():
                self.coefficient_dtype = _coarser(self.coefficient_dtype, tensor)
        for tensor in _tensors((out,)):
            self.mark(tensor)
            if tensor.is_floating_point():
                self.state_dtype = _coarser(self.state_dtype, tensor)

    @property
    def reads(self) -> bool:
        """Whether the sampler looked at a state's numbers."""
        return any(kind == "reads" for _, kind, _ in self.events)

    def explain(self, after: int) -> str:
        """Return what was seen between evaluation `after` - 1 and the next that is not linear, as half a sentence."""
        here = [e for e in self.events if e[0] == after]
        parts = []
        operations = sorted({name for _, kind, name in here if kind == "nonlinear"})
        if operations:
            parts.append(f"the state goes through {', '.join(operations)}")
        if any(kind == "reads" for _, kind, _ in here):
            parts.append("the sampler looks at the state's numbers (a branch or a step that depends on data)")
        return "; ".join(parts)


def _tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors among an operation's arguments or results; torch's own walk through them is far slower."""
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
    return found


def _is_linear(name: str, args: Any, states: list[torch.Tensor]) -> bool:
    """Return whether an operation is known to be linear in the states that it gets."""
    if name in _QUOTIENTS:
        return not any(a is t for a in args[1:] for t in states)
    if name in _PRODUCTS:
        return len(states) == 1
    return name in _LINEAR


def _coarser(dtype: str, tensor: torch.Tensor) -> str:
    """Return the less precise of a dtype and a tensor's."""
    other = str(tensor.dtype).removeprefix("torch.")
    return other if EPS.get(other, 0.0) > EPS[dtype] else dtype
