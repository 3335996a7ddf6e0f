"""What is measured: a denoiser, its data, the law of these where it is known, and a hash of all that matters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory.sampling import Denoiser

if TYPE_CHECKING:
    from analytic import Law

PRECISIONS = ("float64", "float32", "tf32", "bfloat16", "float16")


@dataclass(frozen=True)
class Subject:
    """A model under measurement; states are NumPy arrays of shape (n, d).

    Attributes
    ----------
    name : str
        For titles.
    at_precision : callable
        ``at_precision(name)``, one of `precisions`, gives the denoiser evaluated in that precision.
    precisions : tuple of str
        Those there are here.
    data : float64 array of shape (K, d)
        Clean data.
    shape : tuple of int
        Of one sample.
    noise_range : tuple of two floats
        Least and greatest level at which the model may be asked.
    law : Law or None
        Whose denoiser is the exact one, if it is known.
    features : mapping of str to callable
        Feature maps for Fréchet distances: from (n, d) to (n, features), by name.
    fingerprint : str
        Hash of weights, data, device and whatever else the results depend on.
    precision : str
        In which everything but the precision study is measured.
    is_exact : bool
        Whether the denoiser is the law's own.
    doubts : callable or None
        ``doubts(seed)`` tests prediction type, levels and scaling on the data, and says in words what contradicts
        them; None where that cannot be tested.

    Examples
    --------
    >>> subject = gaussian_subject()
    >>> subject.denoise(np.array([[2.0]]), 1.0).tolist()
    [[1.0]]
    """

    name: str
    at_precision: Callable[[str], Denoiser]
    precisions: tuple[str, ...]
    data: np.ndarray
    shape: tuple[int, ...]
    noise_range: tuple[float, float]
    law: Law | None
    fingerprint: str
    features: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    precision: str = "float32"
    is_exact: bool = False
    doubts: Callable[[int], tuple[str, ...]] | None = None

    @property
    def denoise(self) -> Denoiser:
        """The denoiser in the subject's own precision."""
        return self.at_precision(self.precision)

    @property
    def finest(self) -> Denoiser:
        """The denoiser in the highest precision there is: for references and orders."""
        return self.at_precision(self.precisions[0])

    def clean(self, n: int, seed: int) -> np.ndarray:
        """Return n independent samples of the data's law (or of the data, with replacement), shape (n, d).

        Parameters
        ----------
        n, seed : int
            How many, and of what.

        Returns
        -------
        float64 array

        Examples
        --------
        >>> gaussian_subject().clean(3, 0).shape
        (3, 1)
        """
        return self.noised(n, 0.0, seed)

    def noised(self, n: int, noise_level: float, seed: int) -> np.ndarray:
        """Return n samples of the forward marginal at a level: clean data and noise, shape (n, d).

        Parameters
        ----------
        n : int
            How many.
        noise_level : float
            Level.
        seed : int
            Of all of it.

        Returns
        -------
        float64 array

        Examples
        --------
        >>> gaussian_subject().noised(3, 1.0, 0).shape
        (3, 1)
        """
        if self.law is not None:
            return np.asarray(self.law.sample(n, noise_level=noise_level, seed=seed))
        generator = np.random.default_rng(seed)
        rows = self.data[generator.integers(0, len(self.data), n)]
        return np.asarray(rows + noise_level * generator.standard_normal(rows.shape))


def fingerprint(*parts: Any) -> str:
    """Return a hash of arrays and of things with a stable text.

    Parameters
    ----------
    *parts
        NumPy arrays, or things whose ``str`` says all.

    Returns
    -------
    str

    Examples
    --------
    >>> fingerprint("a", np.zeros(2)) == fingerprint("a", np.zeros(2)) != fingerprint("a", np.ones(2))
    True
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype}{part.shape}".encode())
            total.update(np.ascontiguousarray(part).tobytes())
        else:
            total.update(str(part).encode())
        total.update(b"|")
    return total.hexdigest()


def law_subject(name: str, law: Any, data: np.ndarray, noise_range: tuple[float, float], **more: Any) -> Subject:
    """Return the subject of a law: its own denoiser, lower precisions by rounding what goes in and what comes out.

    Parameters
    ----------
    name : str
        For titles.
    law : Law
        Known.
    data : float64 array of shape (K, d)
        Samples, or what the law is made of.
    noise_range : tuple of two floats
        Levels to stay in.
    **more
        Further fields of the subject.

    Returns
    -------
    Subject

    Examples
    --------
    >>> gaussian_subject().at_precision("float16")(np.array([[1.0 / 3.0]]), 1.0).tolist()
    [[0.1666259765625]]
    """

    def at_precision(precision: str) -> Denoiser:
        if precision == "float64":
            return lambda y, noise_level: law.denoise(y, noise_level)
        return lambda y, noise_level: _rounded(law.denoise(_rounded(y, precision), noise_level), precision)

    made_of = fingerprint(repr(law), data, noise_range)
    precisions = tuple(p for p in PRECISIONS if p != "tf32")
    shape = more.pop("shape", data.shape[1:])
    more = {"precision": "float64", "is_exact": True, **more}
    return Subject(name, at_precision, precisions, data, shape, noise_range, law, made_of, **more)


def gaussian_subject() -> Subject:
    """Return standard normal data on the line, for examples and tests.

    Returns
    -------
    Subject

    Examples
    --------
    >>> gaussian_subject().noise_range
    (0.002, 80.0)
    """
    from analytic import Gaussian

    law = Gaussian(np.zeros(1), 1.0)
    return law_subject("Gaussian", law, law.sample(512, seed=0), (0.002, 80.0))


def _rounded(y: np.ndarray, precision: str) -> np.ndarray:
    """Return an array rounded to a lower precision, in its own dtype."""
    if precision == "bfloat16":
        bits = y.astype(np.float32).view(np.uint32).astype(np.int64)
        even = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000  # to nearest, ties to even
        return np.asarray(even.astype(np.uint32).view(np.float32).astype(y.dtype))
    return np.asarray(y.astype(precision).astype(y.dtype))
