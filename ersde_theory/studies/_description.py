"""A study as a pure description: what is measured, along which axes, how precisely."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from ersde_theory import _checks
from ersde_theory.studies._measurement import Measurement, measurement
from ersde_theory.studies._task import Cell, canonical, digest

_FIELDS = ("name", "measurement", "axes", "settings", "sampling", "seed", "timeout", "description")
_SAMPLING = ("target", "first", "most", "rounds")
_FILES = "ersde_theory.studies.files"


@dataclass(frozen=True)
class Sampling:
    """How many blocks a cell gets.

    Attributes
    ----------
    target : float
        Standard error that a cell is to reach, relative to its value: for every quantity.
    first : int
        Blocks in the first round, >= 4: fewer do not tell their spread.
    most : int
        Blocks of a cell after all rounds.
    rounds : int
        Of allocation.

    Examples
    --------
    >>> Sampling(target=0.05).first
    8
    """

    target: float
    first: int = 8
    most: int = 512
    rounds: int = 6

    def __post_init__(self) -> None:
        _checks.positive_number(self.target, "sampling.target")
        _checks.integer(self.first, "sampling.first", minimum=4)
        _checks.integer(self.most, "sampling.most", minimum=self.first)
        _checks.integer(self.rounds, "sampling.rounds", minimum=1)


@dataclass(frozen=True)
class Study:
    """A study.

    Parameters
    ----------
    name : str
        Of letters, digits, ``-`` and ``_``.
    measurement : str
        Name, or ``package.module:function``.
    axes : mapping of str to sequence of JSON values
        The cells are their product, the last axis fastest, less those to which the measurement does not apply.
    settings : mapping of str to JSON value
        Parameters that all cells share.
    sampling : Sampling, optional
        For a measurement that is sampled, and only for one.
    seed : int
        Of everything random.
    timeout : float, optional
        Seconds after which a task is given up.
    description : str
        A sentence.

    Raises
    ------
    TypeError, ValueError
        If something is of the wrong kind or unknown; the nearest name is suggested.

    Examples
    --------
    >>> study = Study("s", "exact-error", {"scheme": ["adams-3"], "noise_scale": ["ode"], "steps": [10, 20]},
    ...               {"problem": "gaussian"})
    >>> [dict(cell.parameters)["steps"] for cell in study.cells()]
    [10, 20]
    """

    name: str
    measurement: str
    axes: Mapping[str, tuple[Any, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampling: Sampling | None = None
    seed: int = 0
    timeout: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            msg = f"name: expected letters, digits, - and _, got {_checks.describe(self.name)}"
            raise ValueError(msg)
        object.__setattr__(self, "axes", _checked_axes(self.axes))
        object.__setattr__(self, "settings", _checked_settings(self.settings))
        both = next((name for name in self.axes if name in self.settings), None)
        if both is not None:
            msg = f"settings: expected names that are no axes, got {both!r}, which is one"
            raise ValueError(msg)
        _checks.integer(self.seed, "seed", minimum=0, maximum=2**63 - 1)
        if self.timeout is not None:
            _checks.positive_number(self.timeout, "timeout")
        if self.what.sampled != (self.sampling is not None):
            needs = "sampling" if self.what.sampled else "no sampling"
            msg = f"sampling: expected {needs} for {self.measurement}, got {self.sampling}"
            raise ValueError(msg)
        names = list(self.axes)
        self.what.check({**self.settings, **dict.fromkeys(names)})
        if not self.n_cells:  # asks every cell, so that a wrong name is found here and not by whoever walks over them
            msg = f"axes: expected a cell to which {self.measurement} applies, got none among {names}"
            raise ValueError(msg)

    @cached_property
    def what(self) -> Measurement:
        """The measurement."""
        return measurement(self.measurement)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape) if self.what.applies is None else sum(1 for _ in self.places())

    @cached_property
    def key(self) -> str:
        """Content hash of all that decides the cells and their blocks."""
        told = None if self.sampling is None else vars(self.sampling)
        axes = [[name, list(values)] for name, values in self.axes.items()]
        what = [self.measurement, self.what.version, axes, dict(self.settings), told, self.seed]
        return digest(canonical(what))

    def cells(self) -> Iterator[Cell]:
        """Yield the cells in order.

        Yields
        ------
        Cell
        """
        for _, parameters in self._existing():
            yield Cell(self.measurement, self.what.version, tuple(sorted(parameters.items())), self.seed)

    def places(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of every cell along the axes, in the order of :meth:`cells`.

        Yields
        ------
        tuple of int
        """
        for place, _ in self._existing():
            yield place

    def _existing(self) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
        """Yield place and parameters of the cells to which the measurement applies."""
        names, applies = list(self.axes), self.what.applies
        for place in itertools.product(*(range(size) for size in self.shape)):
            values = {name: self.axes[name][i] for name, i in zip(names, place, strict=True)}
            parameters = {**self.settings, **values}
            if applies is None or applies(parameters):
                yield place, parameters

    @staticmethod
    def from_file(path: Path | str) -> Study:
        """Return the study that a TOML file describes, or one of those that come with the project, by name.

        Parameters
        ----------
        path : Path or str

        Returns
        -------
        Study

        Raises
        ------
        ValueError
            If it cannot be read or is no study; the message says where.

        Examples
        --------
        >>> Study.from_file("weak_order_mixture").measurement
        'weak-difference'
        """
        place = Path(path)
        known = {
            item.name.removesuffix(".toml"): item
            for item in resources.files(_FILES).iterdir()
            if item.name.endswith(".toml")
        }
        if not place.exists() and str(path) in known:
            return Study.from_toml(known[str(path)].read_text("utf-8"), str(path))
        if not place.is_file():
            msg = f"study: expected a TOML file, or one of {', '.join(sorted(known))}; got {str(path)!r}"
            raise ValueError(msg)
        try:
            return Study.from_toml(place.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            msg = f"study: expected a readable TOML file, got {path} ({error})"
            raise ValueError(msg) from None

    @staticmethod
    def from_toml(text: str, where: str = "study") -> Study:
        r"""Return the study that TOML text describes.

        Parameters
        ----------
        text : str
        where : str
            Said in messages.

        Returns
        -------
        Study

        Raises
        ------
        ValueError
            If it is no study.

        Examples
        --------
        >>> Study.from_toml('name = "s"')
        Traceback (most recent call last):
            ...
        ValueError: study: expected the keys name, measurement, axes, got no measurement
        """
        try:
            table = tomllib.loads(text)
            for key in table:
                _checks.one_of(key, "key", _FIELDS)
            missing = [key for key in ("name", "measurement", "axes") if key not in table]
            if missing:
                msg = f"expected the keys name, measurement, axes, got no {missing[0]}"
                raise ValueError(msg)
            if "sampling" in table:
                _checks.instance(table["sampling"], "sampling", dict)
                for key in table["sampling"]:
                    _checks.one_of(key, "key of sampling", _SAMPLING)
                table["sampling"] = Sampling(**table["sampling"])
            return Study(**table)
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            msg = f"{where}: {error}"
            raise ValueError(msg) from None


def _checked_axes(axes: Any) -> dict[str, tuple[Any, ...]]:
    """Return axes of distinct JSON values, at least one of each."""
    _checks.instance(axes, "axes", Mapping)
    found: dict[str, tuple[Any, ...]] = {}
    for name, values in axes.items():
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            msg = f"axes.{name}: expected a list of values, got {_checks.describe(values)}"
            raise TypeError(msg)
        found[name] = tuple(values)
        texts = [_checked_json(value, f"axes.{name}") for value in found[name]]
        if not texts or len(set(texts)) != len(texts):
            msg = f"axes.{name}: expected distinct values, at least one, got {list(found[name])}"
            raise ValueError(msg)
    return found


def _checked_settings(settings: Any) -> dict[str, Any]:
    """Return settings that are JSON values."""
    _checks.instance(settings, "settings", Mapping)
    for name, value in settings.items():
        _checked_json(value, f"settings.{name}")
    return dict(settings)


def _checked_json(value: Any, name: str) -> str:
    """Return the canonical text of a JSON value."""
    try:
        return canonical(value)
    except (TypeError, ValueError):
        msg = f"{name}: expected text, a finite number, true, false, or a list of such, got {_checks.describe(value)}"
        raise ValueError(msg) from None
