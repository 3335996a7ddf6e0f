"""Faults put into our own schemes by hand, coefficient by coefficient, without the catalogue's own planters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ersde_theory import NoiseScale, Tableau, TimeGrid, schemes

REVERSE, EXP = NoiseScale.reverse_sde(), NoiseScale.exp_power()


def with_noise(tab, noise):
    """Return a multistep tableau with other weights of its draws."""
    return replace(tab, noise=np.append(0.0, noise)[:, None])


def noise_of(tab):
    """Return the weights of the draws of a multistep tableau."""
    return tab.noise[1:, 0].copy()


def levels_of(tab):
    """Return the start and end levels of its steps."""
    return tab.noise_level[:-1], tab.noise_level[1:]


def with_data(tab, data):
    """Return a tableau with other data weights, by age of the evaluation."""
    changed = np.zeros_like(tab.data)
    changed[1:, : data.shape[1]] = data
    return replace(tab, data=np.where(tab.data_columns < 0, 0.0, changed))


def parts(grid, phi, build=schemes.er_sde):
    """Return the data weights of order 1, and what orders 2 and 3 add, by age."""
    first, second, third = (np.zeros((grid.n_steps, 3)) for _ in range(3))
    for k, table in enumerate((first, second, third), start=1):
        weights = build(grid, phi, k).data[1:]
        table[:, : weights.shape[1]] = weights
    return first, second - first, third - second


def recombined(grid, phi, slope=1.0, curvature=1.0, build=schemes.er_sde):
    """Return a scheme of order 3 with its slope and curvature terms multiplied."""
    one, two, three = parts(grid, phi, build)
    scale = np.broadcast_to(np.asarray(slope, float), (grid.n_steps,))[:, None]
    return with_data(build(grid, phi, 3), one + scale * two + curvature * three)


def riemann(grid, phi, nodes, offset):
    """Return ER-SDE-2 whose integral is a Riemann sum, by a plain loop."""
    tab = schemes.er_sde(grid, phi, 2)
    data = tab.data[1:].copy()
    for i in range(1, grid.n_steps):
        older, s, t = grid.levels[i - 1 : i + 2].tolist()
        if t == 0.0:
            continue
        total = 0.0
        for j in range(nodes):
            u = t + (j + offset) / nodes * (s - t)
            ratio = t / u * float(np.exp(-phi.log_excess_difference(u, t)))
            total += ratio * (s - t) / nodes
        slope = (t - s + total) / (s - older)
        fei = float(phi.fei(s, t))
        data[i, :2] = fei + slope, -slope
    return with_data(tab, data)


def with_single_precision_noise(tab):
    """Return the tableau with noises from differences of squares in float32."""
    s, t = (level.astype(np.float32) for level in levels_of(tab))
    ratio = tab.previous[1:].astype(np.float32)
    variance = np.maximum(t**2 - (s * ratio) ** 2, np.float32(0.0))
    return with_noise(tab, np.sqrt(np.where(t > 0.0, variance, 0.0)).astype(float))


def of_sigma(grid, phi, order, process):
    """Return ER-SDE made for sigma instead of lambda, on a schedule with alpha."""
    alpha, sigma = process.alpha_at_level(grid.levels), process.sigma_at_level(grid.levels)
    wrong = schemes.er_sde(TimeGrid(sigma), phi, order)
    return replace(wrong, alpha=alpha, sigma=sigma, draws=schemes.er_sde(grid, phi, order).draws)


def shifted_ratio(tab):
    """Return the tableau with phi at the levels of the step before."""
    ratio = tab.previous[1:].copy()
    ratio[1:-1] = ratio[:-2]
    data = tab.data.copy()
    data[1:, 0] += tab.previous[1:] - ratio
    return replace(tab, previous=np.append(1.0, ratio), data=data)


def older_history(tab):
    """Return the tableau with every evaluation one step old."""
    columns = np.where(tab.data_columns > 0, tab.data_columns - 1, tab.data_columns)
    return replace(tab, data_columns=columns)


def extrapolated_to_zero(tab):
    """Return the tableau with a last step to level 0 of order 2."""
    older, s = tab.noise_level[-3:-1].tolist()
    slope = -s / (s - older)
    data = tab.data.copy()
    data[-1, :2] = 1.0 + slope, -slope
    return replace(tab, data=data)


def renamed(tab: Tableau) -> Tableau:
    """Return the tableau under a name that gives nothing away."""
    return replace(tab, name="sampler")
