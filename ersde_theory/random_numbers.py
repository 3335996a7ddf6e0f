r"""Counter-based streams of standard normals: the same numbers for any batch size, order and device.

Rows are cut into blocks whose size depends on the shape of one row alone. Draw m of block r comes from the
Philox counter stream (seed, stream, m, r), row after row, so any prefix of the rows has the same numbers as
all of them. Numbers are made in float64 on the host and then cast.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ersde_theory import _checks

BLOCK_ELEMENTS = 2**15
STEP_NOISE, START_NOISE, AREA_NOISE = 0, 1, 2


def rows_per_block(row_shape: tuple[int, ...]) -> int:
    """Return how many rows share one counter stream: 2^15 numbers' worth, at least one row.

    Parameters
    ----------
    row_shape : tuple of int
        Shape of one row.

    Returns
    -------
    int

    Examples
    --------
    >>> rows_per_block((2,)), rows_per_block((3, 64, 64))
    (16384, 2)
    """
    return max(1, BLOCK_ELEMENTS // max(1, math.prod(row_shape)))


def checked_seed(seed: Any) -> int:
    """Return a seed in [0, 2^64), or say what was expected.

    Parameters
    ----------
    seed : int
        The seed.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or out of range.

    Examples
    --------
    >>> checked_seed(7)
    7
    """
    return _checks.integer(seed, "seed", minimum=0, maximum=2**64 - 1)


def standard_normal(
    seed: int,
    draw: int,
    row_shape: tuple[int, ...],
    first_row: int,
    last_row: int,
    stream: int = STEP_NOISE,
    *,
    out: np.ndarray | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Return draw number `draw` of the rows [first_row, last_row).

    Parameters
    ----------
    seed : int
        In [0, 2^64).
    draw : int
        Index of the draw, >= 0.
    row_shape : tuple of int
        Shape of one row.
    first_row, last_row : int
        Rows wanted, 0 <= first_row <= last_row.
    stream : int
        Separate families of draws: 0 for the noise of steps, 1 for start states, 2 for areas of a Brownian path.
    out : array of shape (last_row - first_row, *row_shape), optional
        Where to put them, cast to its dtype.
    threads : int
        Blocks made at once; the numbers do not depend on it.

    Returns
    -------
    float64 array of shape (last_row - first_row, *row_shape), or `out`

    Examples
    --------
    >>> whole = standard_normal(7, 3, (2,), 0, 10)
    >>> bool((standard_normal(7, 3, (2,), 4, 6) == whole[4:6]).all())
    True

    References
    ----------
    Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3 (Philox).
    """
    size = rows_per_block(row_shape)
    result = np.empty((last_row - first_row, *row_shape)) if out is None else out

    def fill(block: int) -> None:
        first, last = max(first_row, block * size), min(last_row, (block + 1) * size)
        counter = np.array([0, block, draw, stream], dtype=np.uint64)
        generator = np.random.Generator(np.random.Philox(key=seed, counter=counter))
        if first > block * size:
            generator.standard_normal((first - block * size, *row_shape))
        place = result[first - first_row : last - first_row]
        if place.dtype == np.float64 and place.flags.c_contiguous:
            generator.standard_normal(out=place)
        else:
            place[...] = generator.standard_normal(place.shape)

    blocks = range(first_row // size, -(-last_row // size)) if last_row > first_row else range(0)
    if threads == 1 or len(blocks) == 1:
        for block in blocks:
            fill(block)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, blocks))
    return result


def start_state(seed: int, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Return a start state of pure noise, `scale` times standard normals.

    Parameters
    ----------
    seed : int
        In [0, 2^64). Independent of the steps' noise of the same seed.
    shape : tuple of int
        (rows, *row_shape).
    scale : float
        Standard deviation: lambda_0 in y.

    Returns
    -------
    float64 array of shape `shape`

    Raises
    ------
    TypeError, ValueError
        If the seed or scale is not valid.

    Examples
    --------
    >>> start_state(0, (3, 2), 80.0).shape
    (3, 2)
    """
    noise = standard_normal(checked_seed(seed), 0, tuple(shape[1:]), 0, shape[0], START_NOISE)
    return _checks.positive_number(scale, "scale") * noise
