r"""Exact second moments through tableaus of one structure, row by row, in memory O(window).

On Gaussian data the denoiser is affine, :math:`D_k = m + \kappa_k(x_k - \alpha_k m)`, so the current state, the
evaluations and the draws that are still in use are jointly Gaussian. Their covariance is all there is to
carry along; without noise everything is a multiple of the start, and that multiple is. Tableaus that share their
columns are propagated together, over any spectrum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ersde_theory.tableau import Tableau


@dataclass(frozen=True)
class _Noise:
    """Coefficients of independent draws: added variance, or columns of draws that stay in use."""

    fresh_variance: np.ndarray
    columns: list[np.ndarray]
    values: list[np.ndarray]
    window: int


def same_structure(a: Tableau, b: Tableau) -> bool:
    """Return whether two tableaus use the same columns in every row, and both have noise or both none."""
    return (
        a.is_stochastic == b.is_stochastic
        and np.array_equal(a.data_columns, b.data_columns)
        and np.array_equal(a.noise_columns, b.noise_columns)
        and np.array_equal(a.evaluation, b.evaluation)
        and a.draw_covariance == b.draw_covariance
    )


def row_moments(
    tableaus: Sequence[Tableau],
    gain: np.ndarray,
    data_mean: np.ndarray,
    start_mean: np.ndarray,
    start_variance: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield mean and variance of every row's state.

    Parameters
    ----------
    tableaus : sequence of Tableau
        B tableaus of one structure.
    gain : array of shape (rows, B, S)
        The denoiser's slope kappa at each row.
    data_mean : array broadcastable to (B, S)
        m.
    start_mean, start_variance : array broadcastable to (B, S)
        Law of row 0.
    """
    if not any(t.is_stochastic for t in tableaus):
        yield from _deterministic_moments(tableaus, gain, data_mean, start_mean, start_variance)
        return
    first = tableaus[0]
    window = _data_window(first)
    noise = _independent_noise(tableaus)
    previous, data, alpha = _stacked(tableaus)
    shape = gain.shape[1:]
    mean = np.broadcast_to(start_mean, shape)
    means = np.zeros((window, *shape))
    size = 1 + window + noise.window
    covariance = np.zeros((size, size, *shape))
    covariance[0, 0] = start_variance
    drawn = 0
    for r in range(first.n_rows):
        if r > 0:
            used = first.data_columns[r] >= 0
            slots = first.data_columns[r][used] % max(window, 1)
            weights = data[r][used]
            mean = previous[r] * mean + (weights * means[slots]).sum(axis=0)
            place, factor = [0, *(1 + slots)], [previous[r], *weights]
            for column, value in zip(noise.columns[r], noise.values[r], strict=True):
                slot = 1 + window + int(column) % noise.window
                while drawn <= column:
                    _enter(covariance, 1 + window + drawn % noise.window)
                    drawn += 1
                place, factor = [*place, slot], [*factor, value]
            _combine(
                covariance,
                np.array(place),
                np.stack(np.broadcast_arrays(*factor)),
                noise.fresh_variance[r],
            )
        k = first.evaluation[r]
        if k >= 0 and window:
            slot = int(k) % window
            means[slot] = data_mean + gain[r] * (mean - alpha[r] * data_mean)
            _evaluate(covariance, 1 + slot, gain[r])
        yield mean, covariance[0, 0].copy()


def _deterministic_moments(
    tableaus: Sequence[Tableau],
    gain: np.ndarray,
    data_mean: np.ndarray,
    start_mean: np.ndarray,
    start_variance: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield mean and variance of every row's state where no draw has a weight."""
    first = tableaus[0]
    previous, data, alpha = _stacked(tableaus)
    window = max(_data_window(first), 1)
    # entry 0: deviation of the mean from the data's, entry 1: multiple of the start's standard deviation
    offset = np.stack(np.broadcast_arrays(start_mean - alpha[0] * data_mean, np.sqrt(start_variance) + 0.0 * gain[0]))
    values = np.zeros((window, 2, *gain.shape[1:]))
    for r in range(first.n_rows):
        if r > 0:
            used = first.data_columns[r] >= 0
            weights = data[r][used]
            fixed_point = previous[r] * alpha[r - 1] + weights.sum(axis=0) - alpha[r]
            slots = first.data_columns[r][used] % window
            offset = previous[r] * offset + (weights[:, None] * values[slots]).sum(axis=0)
            offset[0] += fixed_point * data_mean
        k = first.evaluation[r]
        if k >= 0:
            values[int(k) % window] = gain[r] * offset
        yield offset[0] + alpha[r] * data_mean, offset[1] ** 2


def _stacked(tableaus: Sequence[Tableau]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return previous and data coefficients and alpha of all tableaus, row first, tableau before the spectrum."""
    previous = np.stack([t.previous for t in tableaus], axis=1)[..., None]
    data = np.stack([t.data for t in tableaus], axis=2)[..., None]
    return previous, data, np.stack([t.alpha for t in tableaus], axis=1)[..., None]


def state_variances(tableau: Tableau) -> np.ndarray:
    """Return the variance of every row for data 0, started from sigma_0^2; shape (rows,)."""
    gain = np.zeros((tableau.n_rows, 1, 1))
    zero = np.zeros((1, 1))
    rows = row_moments([tableau], gain, zero, zero, zero + tableau.sigma[0] ** 2)
    return np.array([float(variance[0, 0]) for _, variance in rows])


def _combine(covariance: np.ndarray, place: np.ndarray, factor: np.ndarray, fresh: np.ndarray) -> None:
    """Replace the state (slot 0) by a combination of slots plus independent noise, in place."""
    with_others = (factor[:, None] * covariance[place]).sum(axis=0)
    variance = (factor * with_others[place]).sum(axis=0) + fresh
    covariance[0] = with_others
    covariance[:, 0] = with_others
    covariance[0, 0] = variance


def _evaluate(covariance: np.ndarray, slot: int, gain: np.ndarray) -> None:
    """Put gain times the state (slot 0) into a slot, in place."""
    row = gain * covariance[0]
    covariance[slot] = row
    covariance[:, slot] = row
    covariance[slot, slot] = gain**2 * covariance[0, 0]


def _enter(covariance: np.ndarray, slot: int) -> None:
    """Put a new independent standard normal into a slot, in place."""
    covariance[slot] = 0.0
    covariance[:, slot] = 0.0
    covariance[slot, slot] = 1.0


def _data_window(t: Tableau) -> int:
    """Return how many evaluations must be kept at once."""
    known = np.append(0, np.cumsum(t.evaluation >= 0)[:-1])
    oldest = np.where(t.data_columns >= 0, t.data_columns, known[:, None]).min(axis=1, initial=t.n_rows)
    return int(np.maximum(known - oldest, 0).max(initial=0))


def _independent_noise(tableaus: Sequence[Tableau]) -> _Noise:
    """Return the noise of each row in independent draws; those used once need no slot."""
    first = tableaus[0]
    used = first.noise_columns[first.noise_columns >= 0]
    empty: list[np.ndarray] = [np.zeros(0)] * first.n_rows
    if not first.draw_covariance and np.unique(used).size == used.size:
        fresh = np.stack([(t.noise**2).sum(axis=1) for t in tableaus], axis=1)[..., None]
        return _Noise(fresh, empty, empty, 0)
    from ersde_theory._tableau_structure import whitening_factor

    factor = whitening_factor(first).toarray() if first.draw_covariance else np.eye(first.n_draws)
    columns, values, window, entered = [], [], 0, 0
    for r in range(first.n_rows):
        drawn = first.noise_columns[r] >= 0
        rows = factor[first.noise_columns[r][drawn]]
        weights = np.stack([t.noise[r][drawn] for t in tableaus], axis=1)  # (used, B)
        combined = np.einsum("ub,un->nb", weights, rows)
        at = np.flatnonzero((rows != 0.0).any(axis=0))
        columns.append(at)
        values.append(combined[at][..., None])
        if at.size:
            entered = max(entered, int(at[-1]) + 1)
            window = max(window, entered - int(at[0]))
    return _Noise(np.zeros((first.n_rows, len(tableaus), 1)), columns, values, window)
