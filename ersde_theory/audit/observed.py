"""A sampler as it shows from outside: step by step, in y = x/alpha, rows that nobody sees eliminated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ersde_theory import _checks
from ersde_theory._tableau_structure import canonical_tables, whitening_factor
from ersde_theory.tableau import Tableau


@dataclass(frozen=True, eq=False)
class Observed:
    r"""Steps between the states that can be seen from outside: the start, each evaluated state, the final one.

    Step i is :math:`y_{i+1} = r_i\,y_i + \sum_k b_{ik} D_k + \xi_i` with noises :math:`\xi` of covariance C. A start
    from level infinity is in units of its noise.

    Attributes
    ----------
    level, alpha : float64 arrays of shape (steps + 1,)
        Of the states; alpha is that of the sampler's own coordinates.
    row : int array of shape (steps + 1,)
        Rows of the tableau that they were.
    ratio : float64 array of shape (steps,)
        r.
    data : float64 array of shape (steps, evaluations)
        b.
    noise : float64 array of shape (steps, steps)
        C.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> seen = observe(schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.reverse_sde(), order=1))
    >>> seen.ratio.tolist(), seen.noise_variance.round(12).tolist()
    ([0.25, 0.25], [3.0, 0.75])
    """

    level: np.ndarray
    alpha: np.ndarray
    row: np.ndarray
    ratio: np.ndarray
    data: np.ndarray
    noise: np.ndarray

    @property
    def n_steps(self) -> int:
        """Number of steps between visible states."""
        return self.ratio.size

    @property
    def noise_variance(self) -> np.ndarray:
        """Variance of each step's noise, shape (steps,)."""
        return np.diag(self.noise)

    @property
    def noise_scale(self) -> np.ndarray:
        """What noise is compared with: the level at the end of each step, at its start if that is 0."""
        end = self.level[1:]
        return np.where(end > 0.0, end, self.level[:-1])

    @property
    def is_multistep(self) -> bool:
        """Whether there is one evaluation a step and the levels fall strictly."""
        return self.data.shape[1] == self.n_steps and bool((np.diff(self.level) < 0.0).all())

    @property
    def is_forgotten(self) -> np.ndarray:
        """Whether start and draws are forgotten where a step begins, shape (steps,): its ratio then cannot be seen."""
        found = np.zeros(self.n_steps, dtype=bool)
        for i in range(0 if self.ratio[:-1].all() else self.n_steps - 1):
            found[i + 1] = (found[i] or self.ratio[i] == 0.0) and not self.noise[i].any()
        return found

    def in_sight(self) -> Observed:
        """Return the steps as they show: a state that is a sum of data alone has no ratio to the next one.

        Returns
        -------
        Observed

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> seen = observe(schemes.er_sde(TimeGrid([np.inf, 2.0, 1.0]), NoiseScale.reverse_sde(), order=1))
        >>> silenced = replace(seen, noise=0.0 * seen.noise)
        >>> silenced.ratio.tolist(), silenced.in_sight().ratio.tolist(), silenced.in_sight().data.tolist()
        ([0.0, 0.25], [0.0, 0.0], [[1.0, 0.0], [0.25, 0.75]])
        """
        hidden = self.is_forgotten
        if not hidden.any():
            return self
        data = self.data.copy()
        for i in np.flatnonzero(hidden):
            data[i] += self.ratio[i] * data[i - 1]
        return replace(self, ratio=np.where(hidden, 0.0, self.ratio), data=data)

    def lags(self) -> np.ndarray:
        """Return the data weights by age, the newest evaluation first, shape (steps, evaluations).

        Returns
        -------
        float64 array

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> seen = observe(schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), order=1))
        >>> seen.lags().tolist()
        [[0.5, 0.0], [0.5, 0.0]]
        """
        found = np.zeros_like(self.data)
        for i in range(self.n_steps):
            found[i, : i + 1] = self.data[i, i::-1]
        return found

    def orders(self, tolerance: float) -> np.ndarray:
        """Return the number of evaluations that each step uses: the age of the oldest one with a weight.

        Parameters
        ----------
        tolerance : float
            Weights up to this count as 0.

        Returns
        -------
        int array of shape (steps,)

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> observe(schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), order=2)).orders(1e-9).tolist()
        [1, 2]
        """
        used = np.abs(self.lags()) > tolerance
        return np.where(used.any(axis=1), used.shape[1] - np.argmax(used[:, ::-1], axis=1), 0)


def observe(tab: Tableau) -> Observed:
    """Return what of a tableau can be seen from outside.

    Parameters
    ----------
    tab : Tableau
        In any coordinates.

    Returns
    -------
    Observed

    Raises
    ------
    TypeError
        If it is not a tableau.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.exponential_pec(TimeGrid.karras(5, 80.0, 0.002), NoiseScale.ode())
    >>> tab.n_rows, observe(tab).n_steps
    (10, 5)
    """
    tab = _checks.instance(tab, "tab", Tableau).canonical()
    data_rows, noise_rows = canonical_tables(tab)
    visible = np.flatnonzero((tab.evaluation >= 0) | np.isin(np.arange(tab.n_rows), (0, tab.n_rows - 1)))
    n = visible.size - 1
    ratio, data, noise = np.ones(n), np.zeros((n, tab.n_evaluations)), np.zeros((n, tab.n_draws))
    for i in range(n):
        for r in range(visible[i] + 1, visible[i + 1] + 1):
            ratio[i] *= tab.previous[r]
            data[i] *= tab.previous[r]
            noise[i] *= tab.previous[r]
            for k, value in data_rows[r].items():
                data[i, k] += value
            for m, value in noise_rows[r].items():
                noise[i, m] += value
    unit = np.where(tab.alpha == 0.0, tab.sigma, tab.alpha)[visible]
    if tab.draw_covariance:
        noise = np.asarray(noise @ whitening_factor(tab))
    noise = noise / unit[1:, None]
    first = int(n > 1 and not data[0].any() and not noise[0].any())  # a start that is only taken for another level
    return Observed(
        level=tab.noise_level[visible[first:]],
        alpha=tab.alpha[visible[first:]],
        row=visible[first:],
        ratio=(ratio * unit[:-1] / unit[1:])[first:],
        data=(data / unit[1:, None])[first:],
        noise=(noise @ noise.T)[first:, first:],
    )


__all__ = ["Observed", "observe"]
