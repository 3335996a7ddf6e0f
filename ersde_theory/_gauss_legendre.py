"""Error-bounded composite Gauss-Legendre integration of many one-dimensional integrals at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

MAX_PANEL = 0.5
TOLERANCE = 2e-14
_FINE, _COARSE = 12, 8
_MAX_BISECTIONS, _MAX_PANELS = 40, 2**20


class QuadratureError(ArithmeticError):
    """An integrand is too rough to be integrated to the accuracy that is promised."""


@cache
def _rule(n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def integrate(
    integrand: Callable[[np.ndarray, np.ndarray], np.ndarray],
    length: np.ndarray,
    what: str,
) -> np.ndarray:
    r"""Return :math:`\int_0^{L_j} f_j(x)\,dx` for every :math:`j` at once.

    For functions that are smooth on the scale of a panel: a spike between all nodes is not seen.
    Each interval is cut into panels no longer than 0.5. A panel is accepted when the 12-node and
    the 8-node rule agree to 2e-14 of the integral of :math:`|f_j|`; the 12-node value is kept,
    whose error is many orders smaller. Other panels are halved.

    Parameters
    ----------
    integrand : callable
        ``integrand(j, x)`` with ``j`` of shape (panels, 1), ``x`` of shape (panels, nodes), to
        values of shape (k, panels, nodes): k integrands share their nodes.
    length : array of shape (m,)
        Upper ends, finite and >= 0.
    what : str
        Named in the error message.

    Returns
    -------
    array of shape (k, m)

    Raises
    ------
    QuadratureError
        If an integrand is not finite, or panels do not converge within 40 bisections or 2^20 panels.
    """
    panels = np.maximum(1, np.ceil(length / MAX_PANEL).astype(np.int64))
    owner = np.repeat(np.arange(length.size), panels)
    first = np.repeat(np.cumsum(panels) - panels, panels)
    width = np.repeat(length / panels, panels)
    left = (np.arange(owner.size) - first) * width
    total: np.ndarray | None = None
    scale: np.ndarray | None = None
    for _ in range(_MAX_BISECTIONS):
        if owner.size > _MAX_PANELS:
            break
        fine, fine_size = _apply(integrand, owner, left, width, _FINE)
        if not np.isfinite(fine).all():
            message = f"{what}: expected a finite integrand, got one that overflows or is not a number"
            raise QuadratureError(message)
        coarse, _ = _apply(integrand, owner, left, width, _COARSE)
        if total is None or scale is None:
            total = np.zeros((fine.shape[0], length.size))
            scale = _sum_by_owner(fine_size, owner, length.size)
        accepted = (np.abs(fine - coarse) <= TOLERANCE * scale[:, owner]).all(axis=0)
        total += _sum_by_owner(fine[:, accepted], owner[accepted], length.size)
        if accepted.all():
            return total
        half = 0.5 * width[~accepted]
        left = np.concatenate([left[~accepted], left[~accepted] + half])
        owner, width = np.tile(owner[~accepted], 2), np.tile(half, 2)
    msg = (
        f"{what}: expected a function that Gauss-Legendre panels resolve to {TOLERANCE}, got one that "
        f"still changes after {_MAX_BISECTIONS} bisections (a jump in it?)"
    )
    raise QuadratureError(msg)


def _apply(
    integrand: Callable[[np.ndarray, np.ndarray], np.ndarray],
    owner: np.ndarray,
    left: np.ndarray,
    width: np.ndarray,
    n_nodes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the integrals of f and of abs(f) over every panel by one rule."""
    nodes, weights = _rule(n_nodes)
    values = integrand(owner[:, None], left[:, None] + width[:, None] * nodes)
    return (values @ weights) * width, (np.abs(values) @ weights) * width


def _sum_by_owner(values: np.ndarray, owner: np.ndarray, size: int) -> np.ndarray:
    """Return the sums of `values` (k, panels) over the panels of each owner, shape (k, size)."""
    return np.stack([np.bincount(owner, weights=row, minlength=size) for row in values])
