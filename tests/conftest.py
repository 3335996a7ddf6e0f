"""What every test shares: strict floating point, fixed seeds, Hypothesis, array libraries."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
import pytest

# They run other people's code, once, to record it.
collect_ignore_glob = ["schemes/record_peers*.py"]

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("search", derandomize=False, deadline=None, max_examples=2000)
hypothesis.settings.load_profile("ci")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Run every test with NumPy raising where a NaN or an infinity would be born."""
    with np.errstate(invalid="raise", divide="raise"):
        return (yield)


@dataclass(frozen=True)
class Backend:
    """An array library with a floating-point type.

    ``library`` is "numpy" or "torch", ``namespace`` its array-API namespace, ``dtype_name``
    "float32" or "float64".
    """

    library: str
    dtype_name: str
    namespace: Any

    @property
    def dtype(self) -> Any:
        """The library's own dtype object."""
        return getattr(self.namespace, self.dtype_name)

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number of the dtype."""
        return float(np.finfo(self.dtype_name).eps)

    def asarray(self, values: Any) -> Any:
        """Return the values as an array of this library and dtype."""
        return self.namespace.asarray(np.asarray(values, dtype=self.dtype_name))

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return an array of this library as float64 NumPy; its library and dtype must be ours."""
        kind = type(array).__module__.partition(".")[0]
        if kind != self.library or array.dtype != self.dtype:
            message = f"expected a {self.library} {self.dtype_name} array, got {kind} {array.dtype}"
            raise TypeError(message)
        return np.asarray(array, dtype=np.float64)


@pytest.fixture(
    params=[(library, dtype_name) for library in ("numpy", "torch") for dtype_name in ("float32", "float64")],
    ids="-".join,
)
def xp(request: pytest.FixtureRequest) -> Backend:
    """Give NumPy and torch in float32 and float64; torch only where it is installed."""
    library, dtype_name = request.param
    if library == "torch":
        pytest.importorskip("torch")
        import array_api_compat.torch as namespace
    else:
        import array_api_compat.numpy as namespace
    return Backend(library, dtype_name, namespace)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Give a seed that depends on the test's name alone, whatever else runs and in what order."""
    return zlib.crc32(request.node.nodeid.encode())


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Give a generator started from the test's own seed."""
    return np.random.default_rng(seed)
