"""How many blocks each cell gets: a pure function of the complete results of the blocks that it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ersde_theory.studies._description import Sampling

_MARGIN = 1.15  # the spread is estimated: ask for a little more
_GROWTH = 4  # and do not trust it for more than this


@dataclass(frozen=True)
class Estimate:
    """Mean over blocks, and its standard error.

    Attributes
    ----------
    value, standard_error : float
    blocks : int

    Examples
    --------
    >>> Estimate(1.0, 0.1, 8).blocks
    8
    """

    value: float
    standard_error: float
    blocks: int


def estimate(blocks: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Return mean and standard error of every quantity over the blocks of a cell.

    Parameters
    ----------
    blocks : sequence of mappings
        Values by quantity, block after block; at least one. With one block the standard error is 0.

    Returns
    -------
    dict of str to Estimate

    Raises
    ------
    ValueError
        If the blocks have not all the same quantities.

    Examples
    --------
    >>> estimate([{"x": 1.0}, {"x": 3.0}])["x"]
    Estimate(value=2.0, standard_error=1.0, blocks=2)
    """
    if any(block.keys() != blocks[0].keys() for block in blocks):
        names = sorted({name for block in blocks for name in block})
        msg = f"measurement: expected the same quantities from every block of a cell, got {names} from some only"
        raise ValueError(msg)
    found = {}
    for name in blocks[0]:
        values = np.array([block[name] for block in blocks])
        spread = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
        # a sum in the order of the blocks, whatever the order in which they were done
        found[name] = Estimate(math.fsum(values.tolist()) / len(values), spread, len(values))
    return found


def next_blocks(sampling: Sampling, blocks: Sequence[Mapping[str, float]]) -> int:
    """Return how many blocks a cell should have in all after the next round.

    Parameters
    ----------
    sampling : Sampling
    blocks : sequence of mappings
        All blocks that the cell has.

    Returns
    -------
    int
        As many as it has, if every quantity meets the target or there are `most`.

    Examples
    --------
    >>> from ersde_theory.studies._description import Sampling
    >>> next_blocks(Sampling(target=0.1, first=4), [{"x": 1.0}, {"x": 1.1}, {"x": 0.9}, {"x": 1.0}])
    4
    >>> next_blocks(Sampling(target=0.01, first=4), [{"x": 1.0}, {"x": 1.1}, {"x": 0.9}, {"x": 1.0}])
    16
    """
    have = len(blocks)
    found = estimate(blocks)
    excess = max(_excess(e, sampling.target) for e in found.values())
    if excess <= 1.0:
        return have
    wanted = have * min((_MARGIN * excess) ** 2, float(_GROWTH))
    return min(sampling.most, max(have, math.ceil(wanted)))


def _excess(found: Estimate, target: float) -> float:
    """Return the standard error over what it is to be; 0 for what does not vary, were its value 0."""
    if found.standard_error == 0.0:
        return 0.0
    return found.standard_error / (target * abs(found.value)) if found.value else math.inf
