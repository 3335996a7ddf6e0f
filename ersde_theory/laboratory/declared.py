"""The declared orders as a table for documents: ``python -m ersde_theory.laboratory declared``."""

from __future__ import annotations

from ersde_theory.catalogue import Scheme, scheme, scheme_names

_HEAD = ("scheme", "ode", "strong", "weak", "one step: ode", "one step: strong", "evaluations a step", "noise scales")


def declared_table() -> str:
    """Return the orders of ``declared_orders.toml`` as a Markdown table.

    Returns
    -------
    str
        One line a scheme, in the order of the file; a dash where there is no order.

    Examples
    --------
    >>> print(declared_table().splitlines()[4])
    | `er_sde-2` | 2 | 1 | 2 | 3 | 1.5 | 1 | any |
    """
    rows = [_HEAD, ("---",) + ("---:",) * (len(_HEAD) - 2) + ("---",), *(_row(scheme(name)) for name in scheme_names())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(entry: Scheme) -> tuple[str, ...]:
    """Return the cells of a scheme."""
    orders, gaussian = entry.orders, entry.gaussian
    names = ("ode", "strong", "weak", "local_ode", "local_strong")
    cells = [_order(getattr(orders, name), getattr(gaussian, name)) for name in names]
    cells[0] += " (graded start)" if entry.graded else ""
    return f"`{entry.name}`", *cells, str(entry.evaluations), ", ".join(entry.noise_scales) or "any"


def _order(order: float | None, on_gaussian_data: float | None) -> str:
    """Return an order, with the one on Gaussian data if that is another."""
    if order is None:
        return "–"
    return f"{order:g}" if order == on_gaussian_data else f"{order:g} (Gaussian data {on_gaussian_data:g})"
