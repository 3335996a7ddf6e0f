"""The package's own tableaus, computed in float64, against the certified vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes
from ersde_theory.integrations.choice import PROCESSES, chosen_tableau

_Build = Callable[[TimeGrid, NoiseScale], Tableau]


def _with_phi(scheme: Callable[..., Tableau], *arguments: Any, **options: Any) -> _Build:
    """Return the builder of a scheme that takes phi."""
    return lambda grid, phi: scheme(grid, phi, *arguments, **options)


def _dpm(order: int) -> _Build:
    return lambda grid, phi: schemes.dpm_solver_pp(grid, order, eta=_tau_squared(phi))


def _sa(*points: int) -> _Build:
    return lambda grid, phi: schemes.sa_solver(grid, _tau_squared(phi) ** 0.5, *points)


_BUILDERS: dict[str, _Build] = {
    **{f"er_sde-{k}": _with_phi(schemes.er_sde, k) for k in (1, 2, 3)},
    **{f"er_sde-{k}-released": _with_phi(schemes.er_sde, k, variant="released") for k in (1, 2, 3)},
    **{f"adams-{k}": _with_phi(schemes.exponential_adams, k) for k in (3, 4)},
    **{
        f"exponential_pec-{p}-{c}": _with_phi(schemes.exponential_pec, predictor=p, corrector=c)
        for p, c in ((2, 3), (3, 3), (3, 4))
    },
    **{f"dpm_solver_pp-{k}": _dpm(k) for k in (1, 2, 3)},
    **{f"sa_solver-{k}": _sa(k) for k in (2, 3)},
    "sa_solver-2-3": _sa(2, 3),
    "ddim": lambda grid, _: schemes.ddim(grid),
    "ddim-eta-0.5": lambda grid, _: schemes.ddim(grid, 0.5),
    "ddpm": lambda grid, _: schemes.ddpm_ancestral(grid),
}


def own_tableau(scheme: str, noise_scale: str, levels: Sequence[float], process: str) -> Tableau:
    """Return the package's own table of a scheme of the vectors.

    Parameters
    ----------
    scheme, noise_scale : str
        Names in the files.
    levels : sequence of float
        Of the grid.
    process : {"ve", "vp", "flow"}
        Gives the coordinates.

    Returns
    -------
    Tableau

    Examples
    --------
    >>> own_tableau("adams-3", "exp_power", [4.0, 2.0, 0.0], "flow").alpha.tolist()[0]
    0.2
    """
    phi = NoiseScale.from_name("ode" if noise_scale == "none" else noise_scale)
    if scheme == "variable_order_pec":
        return chosen_tableau(tuple(levels), process, "best", None, phi)
    tab = _BUILDERS[scheme](TimeGrid(levels), phi)
    coordinates = PROCESSES[process]
    return tab if coordinates is None else tab.in_process(coordinates)


def relative_error(table: dict[str, Any], tab: Tableau) -> float:
    """Return the largest relative error of a tableau's coefficients against a certified table.

    Parameters
    ----------
    table : dict
        One of the ``tableaus`` of a file.
    tab : Tableau
        In the same coordinates, with the same rows.

    Returns
    -------
    float
        inf if the rows differ, or a coefficient is 0 in one of the two only.

    Examples
    --------
    >>> table = {"evaluation": [0, -1], "previous": [1.0, 0.5], "data": [[], [[0, 0.5]]], "noise": [[], []]}
    >>> relative_error(table, schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), 1))
    0.0
    """
    if table["evaluation"] != tab.evaluation.tolist():
        return math.inf
    worst = 0.0
    for r in range(tab.n_rows):
        pairs = [(table["previous"][r], float(tab.previous[r]))]
        for name, columns, values in (("data", tab.data_columns, tab.data), ("noise", tab.noise_columns, tab.noise)):
            want = {int(k): float(w) for k, w in table[name][r]}
            used = np.flatnonzero((columns[r] >= 0) & (values[r] != 0.0))
            got = {int(columns[r, j]): float(values[r, j]) for j in used}
            pairs += [(want.get(k, 0.0), got.get(k, 0.0)) for k in want.keys() | got.keys()]
        for certified, own in pairs:
            if certified != own:
                worst = max(worst, abs(own - certified) / abs(certified) if certified != 0.0 else math.inf)
    return worst


def errors(content: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return the largest relative error of the package's own coefficients, for each table of a file.

    Parameters
    ----------
    content : dict
        Of a file, with levels as numbers.

    Returns
    -------
    dict
        By scheme and noise scale function.

    Examples
    --------
    >>> table = {"scheme": "ddim", "noise_scale": "ode", "evaluation": [0, -1], "previous": [1.0, 0.25],
    ...     "data": [[], [[0, 0.5]]], "noise": [[], []]}
    >>> errors({"grid": {"process": "ve"}, "levels": [2.0, 1.0], "tableaus": [table]})
    {('ddim', 'ode'): 1.0}
    """
    process = content["grid"]["process"]
    return {
        (table["scheme"], table["noise_scale"]): relative_error(
            table, own_tableau(table["scheme"], table["noise_scale"], content["levels"], process)
        )
        for table in content["tableaus"]
    }


def _tau_squared(phi: NoiseScale) -> float:
    """Return tau^2 of a power of the level."""
    assert phi.power_exponent is not None
    return phi.power_exponent - 1.0


__all__ = ["errors", "own_tableau", "relative_error"]
