r"""Exact moments, Wasserstein-2 and KL of a sampler's output on Gaussian data: no sampling, no noise.

On data :math:`N(m, v)` the denoiser is affine, so every tableau maps Gaussians to Gaussians (``math.md``
section 5). Arrays of means and variances are spectra: independent coordinates of diagonal Gaussian data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analytic.distances import gaussian_kl, gaussian_wasserstein2
from ersde_theory import _checks
from ersde_theory._propagation import row_moments, same_structure
from ersde_theory.tableau import Tableau

ScoreError = Callable[[np.ndarray], Any]


def output_moments(
    tab: Tableau | Sequence[Tableau],
    mean: Any,
    variance: Any,
    *,
    start_mean: Any = None,
    start_variance: Any = None,
    score_error: ScoreError | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return mean and variance of the sampler's final state, exactly.

    Parameters
    ----------
    tab : Tableau or sequence of Tableau
        A sampler, or B samplers at once (those of one structure share their arithmetic).
    mean, variance : float or array
        Of the data; they broadcast to the spectrum's shape (...). variance >= 0.
    start_mean, start_variance : float or array, optional
        Of the start state. Default: the forward marginal, :math:`N(\alpha_0 m, \alpha_0^2 v + \sigma_0^2)`.
    score_error : callable, optional
        ``score_error(noise_level)`` for a float64 array of levels: the relative error e of the score that the sampler
        is given, :math:`D_\theta - y = (1+e)(D-y)`. Such a denoiser is affine too, so the moments stay exact. Default:
        none. The first level must then be finite.

    Returns
    -------
    mean, variance : float64 arrays of shape (...), or (B, ...) for a sequence
        In the tableau's coordinates.

    Raises
    ------
    TypeError
        If `tab` is not made of tableaus or an array is not real.
    ValueError
        If a variance is negative, or shapes do not broadcast.
    OverflowError
        If the sampler's moments leave the range of float64.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid.karras(320, 5.0, 0.05), NoiseScale.ode(), order=2)
    >>> _, variance = output_moments(tab, 0.7, 0.25)
    >>> f"{float(variance) - 0.2525:.2e}"
    '-7.32e-06'

    References
    ----------
    ``math.md`` sections 5 and 6.
    """
    tableaus = _sequence(tab)
    data_mean, data_variance = _spectrum(mean, variance)
    shape = data_mean.shape
    m, v = data_mean.ravel(), data_variance.ravel()
    out = np.empty((2, len(tableaus), m.size))
    for members in _groups(tableaus):
        group = [tableaus[i] for i in members]
        alpha = np.stack([t.alpha for t in group], axis=1)[..., None]
        sigma = np.stack([t.sigma for t in group], axis=1)[..., None]
        noisy = alpha**2 * v + sigma**2
        gain = alpha * v / np.where(noisy > 0.0, noisy, 1.0)
        if score_error is not None:
            gain = _mistaken(gain, alpha, np.stack([t.noise_level for t in group], axis=1)[..., None], score_error)
        start_m = alpha[0] * m if start_mean is None else _start(start_mean, shape, "start_mean")
        start_v = noisy[0] if start_variance is None else _start(start_variance, shape, "start_variance")
        if (np.asarray(start_v) < 0.0).any():
            msg = f"start_variance: expected numbers >= 0, got {np.min(start_v)}"
            raise ValueError(msg)
        for mean_r, variance_r in row_moments(group, gain, m, start_m, start_v):
            out[0, members], out[1, members] = mean_r, variance_r
    if not np.isfinite(out).all():
        msg = "output_moments: expected moments within the range of float64, got an overflow on the way"
        raise OverflowError(msg)
    result = out.reshape(2, len(tableaus), *shape)
    return (result[0, 0], result[1, 0]) if isinstance(tab, Tableau) else (result[0], result[1])


def target_moments(tab: Tableau, mean: Any, variance: Any) -> tuple[np.ndarray, np.ndarray]:
    r"""Return mean and variance of the law the sampler should produce: the last row's forward marginal.

    Parameters
    ----------
    tab : Tableau
        The sampler.
    mean, variance : float or array
        Of the data.

    Returns
    -------
    mean, variance : float64 arrays
        :math:`\alpha_N m` and :math:`\alpha_N^2 v + \sigma_N^2`.

    Raises
    ------
    ValueError
        If a variance is negative.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
    >>> [float(v) for v in target_moments(tab, 0.5, 3.0)]
    [0.5, 4.0]
    """
    m, v = _spectrum(mean, variance)
    alpha, sigma = float(tab.alpha[-1]), float(tab.sigma[-1])
    return alpha * m, alpha**2 * v + sigma**2


def wasserstein2(
    tab: Tableau | Sequence[Tableau],
    mean: Any,
    variance: Any,
    *,
    start_mean: Any = None,
    start_variance: Any = None,
    score_error: ScoreError | None = None,
) -> np.ndarray:
    r"""Return the exact Wasserstein-2 distance of the output to the right law, coordinate by coordinate.

    The distance over a whole spectrum is the root of the sum of squares of the entries.

    Parameters
    ----------
    tab, mean, variance, start_mean, start_variance, score_error
        As :func:`output_moments`.

    Returns
    -------
    float64 array of shape (...), or (B, ...) for a sequence

    Raises
    ------
    TypeError, ValueError
        As :func:`output_moments`.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> grid = TimeGrid.karras(20, 80.0, 0.002)
    >>> spectrum = np.logspace(-5, 1, 25)
    >>> tab = schemes.exponential_adams(grid, NoiseScale.exp_power(), order=3)
    >>> distance = wasserstein2(tab, 0.0, spectrum)
    >>> f"{np.sqrt((distance**2).sum() / spectrum.sum()):.1e}"
    '3.5e-03'
    """
    return _against_target(
        gaussian_wasserstein2,
        tab,
        mean,
        variance,
        start_mean=start_mean,
        start_variance=start_variance,
        score_error=score_error,
    )


def kl_divergence(
    tab: Tableau | Sequence[Tableau],
    mean: Any,
    variance: Any,
    *,
    start_mean: Any = None,
    start_variance: Any = None,
    score_error: ScoreError | None = None,
) -> np.ndarray:
    r"""Return the exact Kullback-Leibler divergence of the output from the right law, coordinate by coordinate.

    The divergence over a whole spectrum is the sum of the entries.

    Parameters
    ----------
    tab, mean, variance, start_mean, start_variance, score_error
        As :func:`output_moments`.

    Returns
    -------
    float64 array of shape (...), or (B, ...) for a sequence

    Raises
    ------
    TypeError, ValueError
        As :func:`output_moments`; also if an output or target variance is 0, where it does not exist.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid.karras(50, 80.0, 0.002), NoiseScale.ode(), order=2)
    >>> bool(0 < kl_divergence(tab, 0.0, 1.0) < 1e-4)
    True
    """
    return _against_target(
        gaussian_kl,
        tab,
        mean,
        variance,
        start_mean=start_mean,
        start_variance=start_variance,
        score_error=score_error,
    )


def _mistaken(gain: np.ndarray, alpha: np.ndarray, levels: np.ndarray, score_error: ScoreError) -> np.ndarray:
    """Return the slope in x of a denoiser whose score has a relative error e: 1 - (1 + e)(1 - gain) in y."""
    if (alpha[0] == 0.0).any():
        msg = "score_error: expected tableaus that start at a finite level, got one that starts at level inf"
        raise ValueError(msg)
    error = np.broadcast_to(_checks.float64_array(score_error(levels), "score_error"), levels.shape)
    if not np.isfinite(error).all():
        msg = "score_error: expected finite numbers at every level, got an infinite one"
        raise ValueError(msg)
    return np.asarray((1.0 - (1.0 + error) * (1.0 - alpha * gain)) / alpha)


def _against_target(
    distance: Any, tab: Tableau | Sequence[Tableau], mean: Any, variance: Any, **start: Any
) -> np.ndarray:
    """Return a distance of output to target, coordinate by coordinate."""
    got_mean, got_variance = output_moments(tab, mean, variance, **start)
    targets = [target_moments(t, mean, variance) for t in _sequence(tab)]
    if isinstance(tab, Tableau):
        return np.asarray(distance(got_mean, got_variance, *targets[0], axis=()))
    want_mean, want_variance = (np.stack(part) for part in zip(*targets, strict=True))
    return np.asarray(distance(got_mean, got_variance, want_mean, want_variance, axis=()))


def _groups(tableaus: Sequence[Tableau]) -> list[list[int]]:
    """Return the indices of tableaus that share their structure, group by group."""
    groups: list[list[int]] = []
    for i, tableau in enumerate(tableaus):
        for group in groups:
            if same_structure(tableaus[group[0]], tableau):
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _sequence(tab: Tableau | Sequence[Tableau]) -> list[Tableau]:
    """Return the tableaus as a list, checked."""
    if not isinstance(tab, (Tableau, Sequence)):
        msg = f"tab: expected a Tableau or a sequence of them, got {_checks.describe(tab)}"
        raise TypeError(msg)
    tableaus = [tab] if isinstance(tab, Tableau) else list(tab)
    if not tableaus:
        msg = "tab: expected at least one Tableau, got an empty sequence"
        raise ValueError(msg)
    return [_checks.instance(t, "tab", Tableau) for t in tableaus]


def _spectrum(mean: Any, variance: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance as float64 arrays of one shape, checked."""
    m = _checks.float64_array(mean, "mean")
    v = _checks.nonnegative_array(variance, "variance")
    if not np.isfinite(m).all():
        msg = "mean: expected finite numbers, got an infinite one"
        raise ValueError(msg)
    try:
        m, v = np.broadcast_arrays(m, v)
    except ValueError:
        msg = f"mean: expected a shape that broadcasts with variance {v.shape}, got {m.shape}"
        raise ValueError(msg) from None
    return m, v


def _start(value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return a start moment flattened to the spectrum, checked."""
    array = _checks.float64_array(value, name)
    if not np.isfinite(array).all():
        msg = f"{name}: expected finite numbers, got an infinite one (inf)"
        raise ValueError(msg)
    try:
        return np.broadcast_to(array, shape).ravel()
    except ValueError:
        msg = f"{name}: expected a shape that broadcasts to {shape}, got {array.shape}"
        raise ValueError(msg) from None
