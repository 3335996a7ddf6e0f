"""One sampler after another: the table of both."""

from __future__ import annotations

import numpy as np

from ersde_theory.tableau import Tableau


def join(head: Tableau, tail: Tableau) -> Tableau:
    """Return the sampler that runs `head` and then `tail`, which remembers nothing of it.

    Parameters
    ----------
    head : Tableau
        Its last row feeds no evaluation.
    tail : Tableau
        Starts where `head` ends, in the same coordinates.

    Returns
    -------
    Tableau
        With the name of `tail`. The last row of `head` and the first of `tail` are one row.

    Raises
    ------
    ValueError
        If the two do not meet in one state.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> parts = [schemes.er_sde(TimeGrid(levels), NoiseScale.ode(), 1) for levels in ([4.0, 2.0], [2.0, 1.0])]
    >>> join(*parts) == schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), 1)
    True
    """
    if (head.alpha[-1], head.sigma[-1]) != (tail.alpha[0], tail.sigma[0]) or head.evaluation[-1] >= 0:
        msg = f"tail: expected a start at the level {head.noise_level[-1]:g}, got {tail.noise_level[0]:g}"
        raise ValueError(msg)
    shift = (head.n_evaluations, head.n_draws)
    evaluation = np.where(tail.evaluation >= 0, tail.evaluation + shift[0], -1)
    node = np.where(tail.node >= 0, tail.node + head.n_steps, -1)
    covariance = {(i + shift[1], j + shift[1]): value for (i, j), value in tail.draw_covariance.items()}
    return Tableau(
        name=tail.name,
        alpha=np.append(head.alpha, tail.alpha[1:]),
        sigma=np.append(head.sigma, tail.sigma[1:]),
        node=np.append(head.node, node[1:]),
        evaluation=np.append(head.evaluation[:-1], evaluation),
        previous=np.append(head.previous, tail.previous[1:]),
        data_columns=_stacked(head.data_columns, tail.data_columns, shift[0]),
        data=_stacked(head.data, tail.data),
        noise_columns=_stacked(head.noise_columns, tail.noise_columns, shift[1]),
        noise=_stacked(head.noise, tail.noise),
        draws=(*head.draws, *tail.draws),
        draw_covariance={**head.draw_covariance, **covariance},
    )


def _stacked(head: np.ndarray, tail: np.ndarray, shift: int | None = None) -> np.ndarray:
    """Return banded tables below each other; those of columns are given the shift of the second one's."""
    empty = 0 if shift is None else -1
    lower = tail[1:] if shift is None else np.where(tail[1:] >= 0, tail[1:] + shift, -1)
    width = max(head.shape[1], tail.shape[1])
    parts = (np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=empty) for a in (head, lower))
    return np.concatenate(list(parts))
