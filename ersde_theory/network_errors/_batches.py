"""Rows in batches that fit the memory: a batch that does not is halved, and that is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Part = TypeVar("Part")
# What torch says where it has no class of its own for it: the CPU's allocator, and older CUDA builds.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out.

    Parameters
    ----------
    error : BaseException
        As it was raised.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def in_batches(
    run: Callable[[int, int], Part], n: int, rows: int, halved: Callable[[int], None]
) -> tuple[list[Part], int]:
    """Return what `run` gives for all of n rows, batch by batch, and the rows of a batch that fitted.

    Parameters
    ----------
    run : callable
        ``run(first, last)`` for the rows [first, last).
    n : int
        Rows in all.
    rows : int
        Of a batch, to begin with.
    halved : callable
        Told the new number of rows whenever memory ran out.

    Returns
    -------
    parts : list
        In the order of the rows.
    rows : int
        To begin with next time.

    Raises
    ------
    MemoryError
        If a single row does not fit.

    Examples
    --------
    >>> def run(first, last):
    ...     if last - first > 2:
    ...         raise MemoryError
    ...     return list(range(first, last))
    >>> in_batches(run, 5, 4, lambda rows: print("batch halved to", rows))
    batch halved to 2
    ([[0, 1], [2, 3], [4]], 2)
    """
    parts: list[Part] = []
    first = 0
    while first < n:
        last = min(n, first + rows)
        try:
            parts.append(run(first, last))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if last - first == 1:
                message = f"the network needs more memory than there is for a single sample ({error})"
                raise MemoryError(message) from error
            rows = (last - first) // 2
            halved(rows)
            continue
        first = last
    return parts, rows
