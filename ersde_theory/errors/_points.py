"""Points that fill the unit cube evenly, randomised, as start states and normals of Brownian paths.

A mean over scrambled Sobol' points has no bias and, for smooth functions of few directions that matter, far less
variance than one over independent points. The directions of a path are put in the order in which they matter: its
sum, then the difference of its halves, then of its quarters (a Brownian bridge).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

StartAt = Callable[[np.ndarray], np.ndarray]

MOST_EVEN = 768  # coordinates that are filled evenly; those beyond are independent
_BITS = 32  # of a coordinate


def point_batches(
    start_numbers: int, rows: int, width: int, points: int, batch: int, seed: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield points for the start and standard normals, batch by batch, of one randomised set of points.

    Parameters
    ----------
    start_numbers : int
        Coordinates that the start takes.
    rows, width : int
        Normals wanted a point: so many rows of so many coordinates; the first rows matter most.
    points, batch : int
        Powers of 2: points of the set, and of a batch at most.
    seed : tuple of int
        Of the randomisation.

    Yields
    ------
    start : float64 array of shape (n, start_numbers)
        In the open unit cube.
    normals : float64 array of shape (rows, width, n)

    Examples
    --------
    >>> ((start, normals),) = point_batches(1, 2, 1, 256, 256, (0,))
    >>> normals.shape, bool(abs(normals.mean()) < 1e-3), bool(abs((normals**2).mean() - 1.0) < 0.02)
    ((2, 1, 256), True, True)
    """
    from scipy.special import ndtri
    from scipy.stats.qmc import Sobol

    of_points, of_rest = np.random.SeedSequence(seed).spawn(2)
    even = min(start_numbers + rows * width, max(start_numbers, MOST_EVEN))
    engine = Sobol(even, scramble=True, bits=_BITS, rng=np.random.default_rng(of_points))
    rest = np.random.default_rng(of_rest)
    for first in range(0, points, batch):
        n = min(batch, points - first)
        cube = engine.random(n) + 0.5**_BITS / 2.0  # the middle of a cell, never 0
        normals = np.empty((rows * width, n))
        ndtri(cube[:, start_numbers:].T, out=normals[: even - start_numbers])
        if even < start_numbers + rows * width:
            normals[even - start_numbers :] = rest.standard_normal((rows * width - even + start_numbers, n))
        yield cube[:, :start_numbers], normals.reshape(rows, width, n)


@functools.lru_cache(maxsize=64)
def bridge(intervals: int) -> Any:
    """Return the orthogonal matrix that makes increments of a path from independent normals, the coarsest first.

    Parameters
    ----------
    intervals : int
        Of the path.

    Returns
    -------
    sparse array of shape (intervals, intervals)

    Examples
    --------
    >>> bridge(4).toarray().round(2).tolist()[0]
    [0.5, 0.5, 0.71, 0.0]
    """
    from scipy.sparse import csr_array

    waves, pieces = [np.full(intervals, intervals**-0.5)], [(0, intervals)]
    while pieces:
        first, last = pieces.pop(0)
        if last - first < 2:
            continue
        middle = (first + last) // 2
        wave = np.zeros(intervals)
        wave[first:middle], wave[middle:last] = 1.0 / (middle - first), -1.0 / (last - middle)
        waves.append(wave / np.linalg.norm(wave))
        pieces += [(first, middle), (middle, last)]
    return csr_array(np.array(waves).T)
