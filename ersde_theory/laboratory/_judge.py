"""What the comparison of schemes measures: errors of final states, and the floor that no scheme gets below."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ersde_theory.brownian_path import BrownianPath
from ersde_theory.laboratory._gaussian import transition
from ersde_theory.laboratory._references import path_normals, sde_reference
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.tableau import Draw
from ersde_theory.time_grid import TimeGrid

if TYPE_CHECKING:
    from analytic import Law

RESAMPLES, GROUPS = 200, 50
_WAVE_NUMBERS = (0.5, 1.0, 2.0)  # inverse data units
_DIRECTIONS = 8


class Judge:
    """Measures final states against the reference's; paths are resampled alike for every scheme.

    Parameters
    ----------
    law : Law
        Of the data.
    exact : array of shape (n, d)
        Final states of the reference, n >= 50.
    seed : int
        Of the resamples.
    in_law : bool
        Whether to compare laws too; in two dimensions.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> judge = Judge(Gaussian(np.zeros(2), 1.0), np.zeros((100, 2)), 0, in_law=False)
    >>> judge(np.ones((100, 2)))[0]["median"]
    1.0
    """

    def __init__(self, law: Law, exact: np.ndarray, seed: int, *, in_law: bool) -> None:
        self.exact, self.in_law = exact, in_law
        self._nearest = getattr(law, "nearest", None)
        generator = np.random.default_rng(seed)
        self._rows = generator.integers(0, len(exact), size=(RESAMPLES, len(exact)), dtype=np.int32)
        self._weights = generator.multinomial(GROUPS, np.full(GROUPS, 1.0 / GROUPS), size=RESAMPLES) / GROUPS
        if in_law:
            angle = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
            directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            self._waves = np.concatenate([number * directions for number in _WAVE_NUMBERS])
            self._of_exact = self._features(exact)

    def __call__(self, states: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        """Return the measures by name, and resamples of the one in which gains are taken.

        Parameters
        ----------
        states : array of shape (n, d)
            Final states of a scheme on the reference's paths.

        Returns
        -------
        measures : dict of str to float
        resamples : float64 array of shape (200,)

        Examples
        --------
        >>> from analytic import Gaussian
        >>> judge = Judge(Gaussian(np.zeros(2), 1.0), np.zeros((100, 2)), 0, in_law=True)
        >>> round(judge(np.full((100, 2), 0.01))[0]["law"], 4)
        0.0132
        """
        squares = ((states - self.exact) ** 2).mean(axis=1)
        errors = np.sqrt(squares)
        medians = np.median(errors[self._rows], axis=1)
        found = {
            "median": float(np.median(errors)),
            "median_error": float(medians.std()),
            "rms": float(np.sqrt(squares.mean())),
            "rms_error": float(np.sqrt(squares[self._rows].mean(axis=1)).std()),
        }
        if self._nearest is not None:
            found["switched"] = float((self._nearest(states) != self._nearest(self.exact)).mean())
        if not self.in_law:
            return found, medians
        distance, error, distances = self._distance(states)
        return found | {"law": distance, "law_error": error}, distances

    def _features(self, states: np.ndarray) -> np.ndarray:
        """Return cos and sin of all wave vectors, shape (n, 2 waves)."""
        phase = states @ self._waves.T
        return np.concatenate([np.cos(phase), np.sin(phase)], axis=1)

    def _distance(self, states: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Return the RMS difference of characteristic functions, its noise's square taken off, error and resamples."""
        difference = self._features(states) - self._of_exact
        means = np.stack([group.mean(axis=0) for group in np.array_split(difference, GROUPS)])
        noise = float((means.var(axis=0, ddof=1) / GROUPS).sum())

        def square(mean: np.ndarray) -> np.ndarray:
            return np.asarray((mean**2).sum(axis=-1) / len(self._waves))

        noise /= len(self._waves)
        distance = float(np.sqrt(max(float(square(means.mean(axis=0))) - noise, 0.0)))
        squares = square(self._weights @ means)
        # of the square, which is not cut off at 0: there resampled distances are all alike, however large the noise
        spread = float(squares.std())
        error = spread / max(2.0 * distance, (2.0 * spread) ** 0.5) if spread > 0.0 else 0.0
        # a resampled mean has the noise twice: of the paths and of the resampling
        return distance, error, np.sqrt(np.maximum(squares - 2.0 * noise, 0.0))


def exact_floor(grid: TimeGrid, noise_scale: NoiseScale, variances: np.ndarray) -> float:
    """Return the RMS of what the increments over a grid's steps leave open, for Gaussian data.

    No scheme of one draw a step has a smaller error on the path.

    Parameters
    ----------
    grid : TimeGrid
        Finite levels > 0.
    noise_scale : NoiseScale
        phi.
    variances : array of shape (d,)
        Of the data.

    Returns
    -------
    float
        Over the root of the total variance.

    Examples
    --------
    >>> grids, phi = [TimeGrid.karras(n, 5.0, 0.05) for n in (40, 80)], NoiseScale.reverse_sde()
    >>> coarse, fine = (exact_floor(grid, phi, np.ones(1)) for grid in grids)
    >>> round(coarse / fine, 1)    # strong order 1
    2.0
    """
    total = 0.0
    for v in variances.tolist():
        exact = transition(grid.levels, noise_scale, v)
        unseen = exact.unseen**2 + (0.0 if exact.seen_area is None else exact.seen_area**2)
        carried = np.cumprod(np.append(1.0, exact.factor[:0:-1] ** 2))[::-1]  # from each step's end to the last
        total += float((unseen * carried).sum())
    return float(np.sqrt(total / variances.sum()))


def sampled_floor(law: Law, grid: TimeGrid, noise_scale: NoiseScale, paths: int, seed: int) -> tuple[float, float]:
    """Return RMS and median of what the increments over a grid's steps leave open, for any law.

    Two exact solutions share their start and the increments of the steps and are independent given these, so
    half of the mean square of their difference is the variance that is left.

    Parameters
    ----------
    law : Law
        Of the data.
    grid : TimeGrid
        Finite levels > 0.
    noise_scale : NoiseScale
        phi.
    paths : int
        How many pairs.
    seed : int
        Of start and paths.

    Returns
    -------
    rms, median : float
        Over pairs, of the RMS per coordinate of their difference over the root of 2.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> grid, phi = TimeGrid.karras(10, 5.0, 0.05), NoiseScale.reverse_sde()
    >>> sampled = sampled_floor(Gaussian(np.zeros(1), 1.0), grid, phi, 500, 0)[0]
    >>> bool(abs(sampled / exact_floor(grid, phi, np.ones(1)) - 1.0) < 0.1)
    True
    """
    fine = grid.refine(max(4, -(-400 // grid.n_steps)))
    path, other = BrownianPath(noise_scale, fine, seed), BrownianPath(noise_scale, fine, seed + 1)
    start = law.sample(paths, noise_level=float(grid.levels[0]), seed=seed)
    z, rest = path_normals(path, start.shape[1:], 0, paths)
    z_other, rest_other = path_normals(other, start.shape[1:], 0, paths)
    for high, low in itertools.pairwise(grid.levels.tolist()):
        first, weights = path.weights(Draw(high, low))
        step = slice(first, first + weights.size)
        missing = np.tensordot(weights, z[step] - z_other[step], axes=1)
        z_other[step] += weights[:, None, None] * missing
    solve = sde_reference(law, noise_scale)
    difference = solve(fine.levels, start, z, rest) - solve(fine.levels, start, z_other, rest_other)
    squares = (difference**2).mean(axis=1) / 2.0
    return float(np.sqrt(squares.mean())), float(np.median(np.sqrt(squares)))
