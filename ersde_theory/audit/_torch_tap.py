"""Interception of every random operation of torch's dispatcher."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

from ersde_theory.audit._run import Run
from ersde_theory.audit._watch import Watch

_STANDARD = frozenset({"randn", "randn_like"})
_SCALED = frozenset({"normal", "normal_", "normal_functional"})
_INTEGERS = frozenset({"randint", "randint_like", "random_", "random", "randperm"})
_KINDS: dict[int, tuple[str, bool]] = {}
_OPERATIONS: list[Any] = []


class _Tap(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation: random ones are replaced, the others watched."""

    def __init__(self, run: Run, watch: Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run, self.watch = run, watch

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: torch would wrap each call, which doubles its cost, and load its compiler to do so."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self.run.suspended:
            return out
        # found by its id, for hashing an operation takes longer than many an operation
        name, is_random = _KINDS.get(id(func)) or _kind(func)
        if is_random:
            self._replace(name, args, kwargs, out)
        elif self.watch.follows_any(args) or (kwargs and self.watch.follows_any(kwargs.values())):
            self.watch.after = len(self.run.evaluations)
            self.watch.note(name, args, kwargs, out)
        return out

    def _replace(self, name: str, args: Any, kwargs: Any, out: torch.Tensor) -> None:
        """Put what stands for a draw into the tensor that the operation filled."""
        if name in _INTEGERS:
            return  # seeds and shuffles; as data they would show in the numbers
        if name not in _STANDARD | _SCALED:
            self.run.problems.append(f"asks for random numbers that are no Gaussian draw: torch {name}")
            return
        if out.numel() == 0:
            return
        mean, std = (0.0, 1.0) if name in _STANDARD else _mean_and_std(name, args, kwargs)
        self.run.suspended += 1
        try:
            if bool((torch.as_tensor(std) == 0.0).all()):
                return
            real = ((out.double() - mean) / std).cpu().numpy()
            value = torch.from_numpy(self.run.take(real)).to(out.device)
            out.copy_(value * std + mean)
        finally:
            self.run.suspended -= 1
        self.watch.mark(out)


def _kind(func: Any) -> tuple[str, bool]:
    """Return the name of an operation and whether it is random."""
    _OPERATIONS.append(func)  # keeps its id from being given away
    found = _KINDS[id(func)] = func.overloadpacket.__name__, torch.Tag.nondeterministic_seeded in func.tags
    return found


def _mean_and_std(name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments of normal and normal_."""
    given = args[1:] if name != "normal" else args
    mean = given[0] if given else kwargs.get("mean", 0.0)
    std = given[1] if len(given) > 1 else kwargs.get("std", 1.0)
    return mean, std


@contextlib.contextmanager
def torch_tap(run: Run) -> Iterator[Watch]:
    """Intercept torch's random operations within the block; its generator is afterwards as before."""
    watch = Watch()
    run.on_new = watch.mark
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(run.seed)
        with _quadrature_unwatched(), _Tap(run, watch):
            yield watch


@contextlib.contextmanager
def _quadrature_unwatched() -> Iterator[None]:
    """Let SciPy integrate without being watched: coefficients, thousands of operations for each."""
    integrate = sys.modules.get("scipy.integrate")
    if integrate is None:
        yield
        return
    quad = integrate.quad

    def unwatched(*args: Any, **kwargs: Any) -> Any:
        with no_dispatch():
            return quad(*args, **kwargs)

    with mock.patch.object(integrate, "quad", unwatched):
        yield
