"""One table: from balls to the certified float64 that a file holds."""

from __future__ import annotations

import itertools
from typing import Any

from flint import arb, ctx

from ersde_theory.vectors._grids import Grid
from ersde_theory.vectors._noise_scales import noise_scale
from ersde_theory.vectors._rounding import Undecided, relative_radius, rounded
from ersde_theory.vectors._schemes import FROM_FINITE_LEVEL, NO_PHI, SCHEMES, Row
from ersde_theory.vectors._steps import Steps

PRECISIONS = (224, 448, 896)


def names_of(levels: list[float]) -> list[tuple[str, str]]:
    """Return the schemes and noise scale functions that exist on a grid.

    Parameters
    ----------
    levels : list of float
        The first decides.

    Returns
    -------
    list of (str, str)

    Examples
    --------
    >>> ("adams-3", "log_power") in names_of([float("inf"), 1.0, 0.0])
    False
    """
    from_infinity = levels[0] == float("inf")
    return [
        (scheme, phi)
        for scheme, (_, noise_scales) in SCHEMES.items()
        for phi in noise_scales
        if not (from_infinity and scheme in FROM_FINITE_LEVEL)
        and (phi == NO_PHI or levels[0] <= noise_scale(phi).limit)
    ]


class Builder:
    """Builds the tables of one grid; steps are shared by the schemes with one noise scale function.

    Parameters
    ----------
    grid : Grid
        The family.
    levels : list of float
        Its levels.

    Examples
    --------
    >>> from ersde_theory.vectors._grids import GRIDS
    >>> table, radius = Builder(GRIDS[0], [4.0, 2.0, 1.0]).table("er_sde-1", "ode")
    >>> table["previous"], table["data"], 0.0 < radius < 1e-30
    ([1.0, 0.5, 0.5], [[], [[0, 0.5]], [[1, 0.5]]], False)
    """

    def __init__(self, grid: Grid, levels: list[float]) -> None:
        self.grid = grid
        self.levels = levels
        self._steps: dict[tuple[str, int], Steps] = {}

    def table(self, scheme: str, phi: str) -> tuple[dict[str, Any], float]:
        """Return a table as a file holds it, and the largest relative radius of its coefficients.

        Parameters
        ----------
        scheme, phi : str
            Names.

        Returns
        -------
        dict
        float

        Raises
        ------
        Undecided
            If the highest precision does not certify every coefficient.
        """
        for bits in PRECISIONS:
            try:
                with ctx.workprec(bits):
                    return self._certified(scheme, phi, bits)
            except Undecided:
                if bits == PRECISIONS[-1]:
                    raise
        raise AssertionError(scheme)

    def unit(self) -> tuple[list[float], list[float]]:
        """Return alpha and sigma of every level, correctly rounded."""
        with ctx.workprec(PRECISIONS[0]):
            pairs = [self.grid.unit(level) for level in self.levels]
            return [rounded(alpha) for alpha, _ in pairs], [rounded(sigma) for _, sigma in pairs]

    def _certified(self, scheme: str, phi: str, bits: int) -> tuple[dict[str, Any], float]:
        """Return a table made with so many bits."""
        key = (phi, bits)
        if key not in self._steps:
            self._steps[key] = Steps(self.levels, noise_scale("ode" if phi == NO_PHI else phi))
        rows = SCHEMES[scheme][0](self._steps[key])
        alpha = [self.grid.unit(level)[0] for level in self.levels]
        radius = 0.0

        def number(ball: Any) -> float:
            nonlocal radius
            nearest = rounded(ball)
            radius = max(radius, relative_radius(ball))
            return nearest

        def columns(entries: dict[int, Any], factor: Any) -> list[list[float]]:
            used = [(k, entries[k] * factor) for k in sorted(entries, reverse=True)]
            return [[k, number(ball)] for k, ball in used if not (ball.is_exact() and ball == 0)]

        table: dict[str, Any] = {"scheme": scheme, "noise_scale": phi}
        table["level"] = [row.level for row in rows]
        table["evaluation"] = [row.evaluation for row in rows]
        table["previous"] = [number(ball) for ball in _previous(rows, alpha)]
        table["data"] = [columns(row.data, alpha[row.level]) for row in rows]
        table["noise"] = [columns(row.noise, alpha[row.level]) for row in rows]
        return table, radius


def _previous(rows: list[Row], alpha: list[Any]) -> list[Any]:
    """Return the coefficients of the rows before, in x; a row with alpha 0 is a state in units of the noise."""
    found = [arb(1)]
    for before, row in itertools.pairwise(rows):
        unit = alpha[before.level]
        same = row.level == before.level
        found.append(row.previous if same else row.previous * alpha[row.level] / (arb(1) if unit == 0 else unit))
    return found
