"""One run of a sampler under observation: what it is given, and what it does with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

DTYPES = ("float64", "float32", "float16", "bfloat16")
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class CannotRead(Exception):
    """The sampler asks for something that no table of scalars can have; the message says what."""


@dataclass(frozen=True)
class Evaluation:
    """One call of the model: the level it stands for, and the state x that it was asked about."""

    alpha: float
    sigma: float
    state: np.ndarray

    @property
    def level(self) -> float:
        """Noise level sigma/alpha."""
        return math.inf if self.alpha == 0.0 else self.sigma / self.alpha


@dataclass(frozen=True)
class Meaning:
    """What is known of a draw when it is asked for.

    Levels and kind; the Brownian tree and the times between which it was asked; stated covariances with earlier draws.
    """

    level_from: float
    level_to: float
    kind: str = "increment"
    tree: int | None = None
    times: tuple[float, float] = (0.0, 0.0)
    linked: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class DrawNote:
    """One draw: the evaluation after which it was asked for, what it means if that was said, and its numbers."""

    after: int
    meaning: Meaning | None
    value: np.ndarray


class Source(Protocol):
    """Where a run's numbers come from."""

    @property
    def start(self) -> np.ndarray:
        """The start state."""

    def data(self, k: int, state: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        """Return the data prediction of evaluation k."""

    def draw(self, m: int, real: np.ndarray) -> np.ndarray:
        """Return draw m in place of the real one."""


@dataclass(frozen=True)
class BasisSource:
    """Unit vectors: the start is component 0, evaluation k is 1 + k, draw m is 1 + evaluations + m."""

    n_evaluations: int
    n_draws: int

    @property
    def start(self) -> np.ndarray:
        return self._unit(0)

    def data(self, k: int, state: np.ndarray, alpha: float, sigma: float) -> np.ndarray:  # noqa: ARG002
        if k >= self.n_evaluations:
            msg = f"number of evaluations depends on the numbers: more than {self.n_evaluations} with unit vectors"
            raise CannotRead(msg)
        return self._unit(1 + k)

    def draw(self, m: int, real: np.ndarray) -> np.ndarray:  # noqa: ARG002
        if m >= self.n_draws:
            msg = f"number of draws depends on the numbers: more than {self.n_draws} with unit vectors"
            raise CannotRead(msg)
        return self._unit(1 + self.n_evaluations + m)

    def _unit(self, index: int) -> np.ndarray:
        vector = np.zeros(1 + self.n_evaluations + self.n_draws)
        vector[index] = 1.0
        return vector.reshape(1, 1, 1, -1)


@dataclass
class RandomSource:
    """A random start, a random nonlinear denoiser, and the sampler's own noise (or `replayed` draws)."""

    start: np.ndarray
    denoise: Callable[[np.ndarray, float], np.ndarray]
    replayed: Sequence[np.ndarray] | None = None

    def data(self, k: int, state: np.ndarray, alpha: float, sigma: float) -> np.ndarray:  # noqa: ARG002
        if alpha == 0.0:
            return self.denoise(state / sigma, math.inf)
        return self.denoise(state / alpha, sigma / alpha)

    def draw(self, m: int, real: np.ndarray) -> np.ndarray:
        if self.replayed is None:
            return real
        return self.replayed[m] if m < len(self.replayed) else real


@dataclass
class JointSource:
    """Unit vectors and random numbers side by side: a table and its test from one run.

    How often the sampler will ask is not known yet, so it gets unit vectors as it comes for them: `columns` notes
    whether each was for an evaluation.
    """

    random: RandomSource
    width: int
    columns: list[bool] = field(default_factory=list)

    @property
    def start(self) -> np.ndarray:
        return self._joined(0, self.random.start)

    def data(self, k: int, state: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        return self._next(True, self.random.data(k, self.random_part(state), alpha, sigma))

    def draw(self, m: int, real: np.ndarray) -> np.ndarray:
        return self._next(False, self.random.draw(m, self.random_part(real)))

    def random_part(self, state: np.ndarray) -> np.ndarray:
        """Return the random numbers of a state."""
        return state.reshape(-1)[self.width :].reshape(self.random.start.shape)

    def unit_part(self, state: np.ndarray) -> np.ndarray:
        """Return the rest, as a run with unit vectors for the start, all evaluations, and all draws has it."""
        asked = np.array(self.columns, dtype=bool)
        order = np.concatenate([[0], 1 + np.flatnonzero(asked), 1 + np.flatnonzero(~asked)])
        return state.reshape(-1)[order].reshape(1, 1, 1, -1)

    def _next(self, is_evaluation: bool, numbers: np.ndarray) -> np.ndarray:
        self.columns.append(is_evaluation)
        if len(self.columns) >= self.width:
            msg = f"more evaluations and draws than {self.width - 1}"
            raise CannotRead(msg)
        return self._joined(len(self.columns), numbers)

    def _joined(self, index: int, numbers: np.ndarray) -> np.ndarray:
        vector = np.zeros(self.width)
        vector[index] = 1.0
        return np.concatenate([vector, numbers.reshape(-1)]).reshape(1, 1, 1, -1)


def nonlinear_denoiser(size: int, amplitude: float, seed: int) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return a random network of one hidden layer, tanh, over all `size` numbers of a state."""
    rng = np.random.default_rng(seed)
    inner, outer = rng.normal(size=(2, size, size)) / math.sqrt(size)
    shift = rng.normal(size=size)

    def denoise(y: np.ndarray, level: float) -> np.ndarray:
        unit = 1.0 if math.isinf(level) else math.sqrt(amplitude**2 + level**2)
        hidden = np.tanh(inner @ (y.reshape(-1) / unit) + shift)
        value: np.ndarray = amplitude * (outer @ hidden).reshape(y.shape)
        return value

    return denoise


@dataclass
class Run:
    """What a black box works with: a start, a denoiser, draws; everything it asks for is noted.

    Conventions call :meth:`begin`, :meth:`denoise`, :meth:`model_output` and, where noise is handed over,
    :meth:`normal`. States are arrays of NumPy or torch; all notes are float64 NumPy arrays. `level_of_time` turns the
    time of a Brownian tree into a noise level.
    """

    source: Source
    library: str = "torch"
    dtype: str = "float64"
    seed: int = 0
    evaluations: list[Evaluation] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    draws: list[DrawNote] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suspended: int = 0
    on_new: Callable[[Any], None] = lambda _array: None
    level_of_time: Callable[[float], float] = float
    _given: list[tuple[str, Any, np.ndarray]] = field(default_factory=list)
    _trees: list[Any] = field(default_factory=list)
    _tree_draws: dict[tuple[int, float, float], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.seed, 1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the state."""
        return self.source.start.shape

    def begin(self) -> Any:
        """Return the start state."""
        return self._give("the start state", self.array(self.source.start))

    def denoise(self, state: Any, alpha: float, sigma: float) -> np.ndarray:
        """Return the data prediction at x = `state` of level sigma/alpha, as host numbers of the state's shape."""
        x = self._host(state).reshape(self.shape)
        k = len(self.evaluations)
        self.evaluations.append(Evaluation(float(alpha), float(sigma), x))
        if not np.isfinite(x).all():
            bad = "nan" if np.isnan(x).any() else "inf"
            msg = f"evaluation {k} (noise level {self.evaluations[k].level:.6g}) gets {bad}"
            raise CannotRead(msg)
        value = self.source.data(k, x, float(alpha), float(sigma))
        self.outputs.append(value)
        return value

    def model_output(self, like: Any, value: np.ndarray) -> Any:
        """Return `value` as an array in the library, dtype and shape of `like`, watched for changes."""
        array = self.array(value.reshape(tuple(like.shape)), like)
        return self._give(f"model output {len(self.evaluations) - 1}", array)

    def normal(self, meaning: Meaning | None = None, like: Any = None) -> Any:
        """Return a standard normal draw for samplers that are handed their noise."""
        if meaning is not None and meaning.tree is not None:
            value = self.tree_draw(meaning, self._rng.normal(size=self.shape))
        else:
            value = self.take(self._rng.normal(size=self.shape), meaning)
        return self._give(f"draw {len(self.draws) - 1}", self.array(value, like))

    def take(self, real: np.ndarray, meaning: Meaning | None = None) -> np.ndarray:
        """Return what stands for one or more freshly drawn normals, and note them."""
        count, rest = divmod(real.size, math.prod(self.shape))
        if rest or count == 0:
            msg = f"a draw of shape {real.shape} for a state of shape {self.shape} has no place in a table"
            raise CannotRead(msg)
        values = []
        for part in real.reshape(count, *self.shape):
            value = np.asarray(self.source.draw(len(self.draws), part), dtype=np.float64)
            self.draws.append(DrawNote(len(self.evaluations), meaning, value.copy()))
            values.append(value)
        return np.stack(values).reshape(real.shape)

    def tree_index(self, tree: Any) -> int:
        """Return the number of a Brownian tree, by identity."""
        for i, known in enumerate(self._trees):
            if known is tree:
                return i
        self._trees.append(tree)
        return len(self._trees) - 1

    def tree_draw(self, meaning: Meaning, real: np.ndarray) -> np.ndarray:
        """Return the normal of an interval of a tree: the same one whenever it is asked for."""
        key = (int(meaning.tree or 0), *meaning.times)
        if key in self._tree_draws:
            return self.draws[self._tree_draws[key]].value.reshape(real.shape)
        self._tree_draws[key] = len(self.draws)
        return self.take(real, meaning)

    def array(self, value: np.ndarray, like: Any = None) -> Any:
        """Return host numbers in the sampler's library, in the dtype of `like` or of the state."""
        if self.library == "numpy":
            return value.astype(self.dtype if like is None else like.dtype)
        import torch

        self.suspended += 1
        try:
            dtype = getattr(torch, self.dtype) if like is None else like.dtype
            array = torch.from_numpy(np.array(value, dtype=np.float64)).to(dtype)
        finally:
            self.suspended -= 1
        self.on_new(array)
        return array

    def changed_in_place(self) -> list[str]:
        """Return the names of what was given to the sampler and is no longer what it was."""
        return [
            name for name, array, kept in self._given if not np.array_equal(self._host(array), kept, equal_nan=True)
        ]

    def host(self, array: Any) -> np.ndarray:
        """Return an array of the sampler as float64 numbers."""
        return self._host(array)

    def _give(self, name: str, array: Any) -> Any:
        self._given.append((name, array, self._host(array)))
        return array

    def _host(self, array: Any) -> np.ndarray:
        if isinstance(array, np.ndarray):
            return np.array(array, dtype=np.float64)
        self.suspended += 1
        try:
            return np.array(array.detach().to("cpu").double().numpy())
        finally:
            self.suspended -= 1
