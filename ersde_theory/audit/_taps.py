"""Interception of noise, however a sampler draws it, without a change to its code.

torch: every random operation of the dispatcher (``randn``, ``randn_like``, ``normal_``, with or without a generator).
NumPy: the functions of ``numpy.random`` and generators, also those that live in the sampler's module.
torchsde: the intervals of Brownian trees keep their meaning.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import numpy as np

from ersde_theory.audit._run import Meaning, Run

_GAUSSIAN_NUMPY = ("standard_normal", "normal", "randn")
_GENERATORS = (np.random.Generator, np.random.RandomState)
_OTHER_NUMPY = ("random", "rand", "uniform", "random_sample", "laplace", "exponential", "multivariate_normal")


@contextlib.contextmanager
def tapped(run: Run, namespaces: tuple[dict[str, Any], ...] = ()) -> Iterator[Any]:
    """Intercept all noise within the block; yields the watch of a torch sampler, or None for NumPy."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_numpy_tap(run))
        for namespace in namespaces:
            stack.enter_context(replaced(namespace, _tapped_generators(run, namespace)))
        if run.library == "numpy":
            yield None
            return
        from ersde_theory.audit._torch_tap import torch_tap

        for tree in _tree_classes():
            stack.enter_context(_tree_tap(run, tree))
        yield stack.enter_context(torch_tap(run))


@contextlib.contextmanager
def replaced(mapping: dict[str, Any], new: Mapping[str, Any]) -> Iterator[None]:
    """Put entries into a mapping for the length of the block; whatever else changes in it stays."""
    missing = object()
    old = {key: mapping.get(key, missing) for key in new}
    mapping.update(new)
    try:
        yield
    finally:
        for key, value in old.items():
            if value is missing:
                mapping.pop(key, None)
            else:
                mapping[key] = value


# ---------------------------------------------------------------------- NumPy


@contextlib.contextmanager
def _numpy_tap(run: Run) -> Iterator[None]:
    """Replace the functions of numpy.random and the generators that it makes."""
    state = np.random.get_state()  # noqa: NPY002
    make = np.random.default_rng

    def gaussian(name: str) -> Any:
        real = getattr(np.random, name)

        def drawn(*args: Any, **kwargs: Any) -> Any:
            return _numpy_draw(run, name, real, args, kwargs)

        return drawn

    patches: dict[str, Any] = {name: gaussian(name) for name in _GAUSSIAN_NUMPY}
    patches |= {name: _reported(run, name, getattr(np.random, name)) for name in _OTHER_NUMPY}
    patches["default_rng"] = lambda seed=None: _tapped(run, make(seed))
    patches["RandomState"] = type("RandomState", (_TappedState,), {"run": run})
    try:
        with mock.patch.multiple(np.random, **patches):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _numpy_draw(run: Run, name: str, real: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what stands for a draw by a NumPy function of this name."""
    if run.suspended:
        return real(*args, **kwargs)
    loc, scale = 0.0, 1.0
    if name == "normal":
        loc = kwargs.get("loc", args[0] if args else 0.0)
        scale = kwargs.get("scale", args[1] if len(args) > 1 else 1.0)
    out = np.asarray(real(*args, **kwargs))
    if np.all(np.asarray(scale) == 0.0):
        return out
    value = loc + scale * run.take((out.astype(np.float64) - loc) / scale)
    if kwargs.get("out") is not None:
        kwargs["out"][...] = value
        return kwargs["out"]
    return value.astype(out.dtype)


def _reported(run: Run, name: str, real: Any) -> Any:
    """Return a random function that is no Gaussian draw: it is let through, and reported."""

    def drawn(*args: Any, **kwargs: Any) -> Any:
        if not run.suspended:
            run.problems.append(f"asks for random numbers that are no Gaussian draw: numpy.random {name}")
        return real(*args, **kwargs)

    return drawn


class _Tap:
    """What the intercepted generators share; comes before the real class."""

    run: Run

    def standard_normal(self, *args: Any, **kwargs: Any) -> Any:
        return self._draw("standard_normal", args, kwargs)

    def normal(self, *args: Any, **kwargs: Any) -> Any:
        return self._draw("normal", args, kwargs)

    def random(self, *args: Any, **kwargs: Any) -> Any:
        return _reported(self.run, "random", self._real("random"))(*args, **kwargs)

    def uniform(self, *args: Any, **kwargs: Any) -> Any:
        return _reported(self.run, "uniform", self._real("uniform"))(*args, **kwargs)

    def _real(self, name: str) -> Any:
        return getattr(super(), name)

    def _draw(self, name: str, args: Any, kwargs: Any) -> Any:
        return _numpy_draw(self.run, name, self._real(name), args, kwargs)


class _TappedGenerator(_Tap, np.random.Generator):
    """A NumPy generator whose normals are intercepted."""


class _TappedState(_Tap, np.random.RandomState):
    """A generator of NumPy's old kind whose normals are intercepted; its ``randn`` asks ``standard_normal``."""


def _tapped(run: Run, generator: Any) -> Any:
    """Return a generator that shares the stream of another and is intercepted."""
    if isinstance(generator, np.random.Generator):
        tap: Any = _TappedGenerator(generator.bit_generator)
    else:
        tap = _TappedState(generator._bit_generator)
    tap.run = run
    return tap


def _tapped_generators(run: Run, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the NumPy generators of a module, intercepted."""
    return {name: _tapped(run, value) for name, value in namespace.items() if isinstance(value, _GENERATORS)}


# ---------------------------------------------------------------------- Brownian trees


def _tree_classes() -> list[type]:
    """Return the classes of Brownian trees that are loaded, the inner one first."""
    torchsde = sys.modules.get("torchsde")
    names = ("BrownianInterval", "BrownianPath", "BrownianTree")
    found = [getattr(torchsde, name) for name in names if hasattr(torchsde, name)]
    return [cls for cls in found if isinstance(cls, type)]


@contextlib.contextmanager
def _tree_tap(run: Run, cls: type) -> Iterator[None]:
    """Replace what a class of trees answers; its own use of random numbers is its own affair."""
    build, ask = cls.__init__, cls.__call__  # type: ignore[misc]

    def built(tree: Any, *args: Any, **kwargs: Any) -> None:
        run.suspended += 1
        try:
            build(tree, *args, **kwargs)
        finally:
            run.suspended -= 1

    def asked(tree: Any, ta: Any, tb: Any = None, *args: Any, **kwargs: Any) -> Any:
        if run.suspended:
            return ask(tree, ta, tb, *args, **kwargs)
        run.suspended += 1
        try:
            real = ask(tree, ta, tb, *args, **kwargs)
            times = sorted((float(ta), float(tb))) if tb is not None else [0.0, float(ta)]
        finally:
            run.suspended -= 1
        length = times[1] - times[0]
        if length == 0.0:
            return real
        # sampling goes down: the draw is the motion from the interval's upper end to its lower one
        value = -run.host(real) / np.sqrt(length)
        upper, lower = run.level_of_time(times[1]), run.level_of_time(times[0])
        meaning = Meaning(upper, lower, "increment", run.tree_index(tree), (times[0], times[1]))
        return run.array(-run.tree_draw(meaning, value) * np.sqrt(length), real)

    with mock.patch.multiple(cls, __init__=built, __call__=asked):
        yield
