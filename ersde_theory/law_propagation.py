r"""The law of a sampler's output on the line, for any denoiser: no sampling, no statistical error.

For data in one dimension the law of each state is a density, and a row with noise :math:`c` maps it to

.. math:: q_r(x) = \int N\bigl(x;\; p_r u + \textstyle\sum_k b_{rk} D_k,\; c^2\bigr)\, dQ_{r-1},

where a one-step scheme needs the density of the state before, a two-step scheme its joint density with the state
before that. All integrals are trapezoidal sums on lattices finer than the noise, where the error falls faster than
any power of the spacing. Without noise, the nodes of the start law move along the sampler's paths.

The spacing is refined until two passes agree. Every result has the difference of the last two passes as its error:
it is that of the coarser pass, so it bounds the error of the finer one with room to spare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ersde_theory import _checks
from ersde_theory._law_comparison import MASS_OFF, Comparison, Observable, Rule
from ersde_theory._law_evolution import Density, Evolution, ResolutionError, read_plan, start_support
from ersde_theory.tableau import Tableau

_FIRST_RESOLUTION, _REFINEMENT = 1.2, 1.3
_ROUNDOFF_PER_ROW = 4.0 * float(np.finfo(np.float64).eps)
_LEAST_TOLERANCE = 1e-13


class Computed(NamedTuple):
    """A number and a bound on its error: quadrature, mass cut off, and round-off.

    Attributes
    ----------
    value : float
        The number.
    error : float
        At least the magnitude of its error.

    Examples
    --------
    >>> Computed(0.25, 1e-14).value
    0.25
    """

    value: float
    error: float


class OutputLaw:
    """The law of a sampler's output in one dimension, as :func:`propagate_law` returns it.

    Laws to compare with are log densities, called with points of shape (n, 1) as those of ``analytic`` are;
    observables are called with shape (n,). Comparisons need the output's density, and so a row with noise or a
    monotone map from the start.

    Examples
    --------
    >>> from analytic import GaussianMixture
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> data = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.25)
    >>> tab = schemes.er_sde(TimeGrid.karras(20, 5.0, 0.2), NoiseScale.reverse_sde(), order=2)
    >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 5.0))
    >>> distance = law.total_variation(lambda y: data.log_density(y, 0.2))
    >>> f"{distance.value:.5f}", distance.error < 1e-10
    ('0.00296', True)
    """

    def __init__(self, fine: Rule, coarse: Rule, n_rows: int) -> None:
        self._rules = (fine, coarse)
        self._roundoff = _ROUNDOFF_PER_ROW * n_rows

    def __repr__(self) -> str:
        fine = self._rules[0]
        return f"OutputLaw({fine.x.size} nodes from {fine.x.min():g} to {fine.x.max():g})"

    @property
    def points(self) -> np.ndarray:
        """Nodes x, shape (n,)."""
        return self._rules[0].x

    @property
    def weights(self) -> np.ndarray:
        """Masses of the nodes: the integral of f against the law is the sum of weights times f(points)."""
        return self._rules[0].weight

    @property
    def density(self) -> np.ndarray:
        """Density at the nodes, shape (n,)."""
        return self._rules[0].density

    @property
    def mass_defect(self) -> float:
        """Mass that the rule has lost or gained; part of every error."""
        return abs(1.0 - float(self.weights.sum()))

    def expectation(self, f: Observable) -> Computed:
        """Return the mean of an observable.

        Parameters
        ----------
        f : callable
            From points of shape (n,) to numbers of that shape; smooth.

        Returns
        -------
        Computed

        Raises
        ------
        ValueError
            If `f` returns another shape, or nan or inf.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.expectation(lambda x: x**2).value, 12)
        1.470588235294
        """
        return self._computed([rule.integral(f) for rule in self._rules], self.mass_defect)

    def mean(self) -> Computed:
        """Return the mean of the output.

        Returns
        -------
        Computed

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([3.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.mean().value, 12)
        3.0
        """
        return self.expectation(lambda x: x)

    def variance(self) -> Computed:
        """Return the variance of the output.

        Returns
        -------
        Computed

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.variance().value, 12)
        1.470588235294
        """
        return self._computed([(rule.variance, rule.root_mean_square**2) for rule in self._rules], self.mass_defect)

    def weak_error(self, f: Observable, target_log_density: Density) -> Computed:
        """Return the mean of an observable minus its mean under another law, on the same nodes.

        Parameters
        ----------
        f : callable
            As in :meth:`expectation`.
        target_log_density : callable
            From points (n, 1) to log densities (n,).

        Returns
        -------
        Computed

        Raises
        ------
        ValueError
            As :meth:`expectation` and :meth:`total_variation`.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.weak_error(lambda x: x**2, lambda y: data.log_density(y, 1.0)).value, 12)
        -0.529411764706
        """
        return self._against(target_log_density, lambda pair: pair.weak_error(f))

    def total_variation(self, target_log_density: Density) -> Computed:
        """Return half the integral of the densities' absolute difference.

        Parameters
        ----------
        target_log_density : callable
            From points (n, 1) to log densities (n,); normalised.

        Returns
        -------
        Computed

        Raises
        ------
        ValueError
            If the target is not a density on the output's range, or the output has none.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.total_variation(lambda y: data.log_density(y, 1.0)).value, 10)
        0.0742561177
        """
        return self._against(target_log_density, Comparison.total_variation)

    def kl_divergence(self, target_log_density: Density) -> Computed:
        """Return the Kullback-Leibler divergence of the output from another law, in nats.

        Parameters
        ----------
        target_log_density : callable
            As in :meth:`total_variation`.

        Returns
        -------
        Computed

        Raises
        ------
        ValueError
            As :meth:`total_variation`.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.kl_divergence(lambda y: data.log_density(y, 1.0)).value, 10)
        0.0213894087
        """
        return self._against(target_log_density, Comparison.kl_divergence)

    def wasserstein1(self, target_log_density: Density) -> Computed:
        """Return the Wasserstein-1 distance: the integral of the absolute difference of distribution functions.

        Parameters
        ----------
        target_log_density : callable
            As in :meth:`total_variation`.

        Returns
        -------
        Computed
            In the units of the tableau's states.

        Raises
        ------
        ValueError
            As :meth:`total_variation`.

        Examples
        --------
        >>> from analytic import Gaussian
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> data = Gaussian([0.0], 1.0)
        >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
        >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 4.0))
        >>> round(law.wasserstein1(lambda y: data.log_density(y, 1.0)).value, 10)
        0.1608020138
        """
        return self._against(target_log_density, Comparison.wasserstein1)

    def _computed(self, results: list[tuple[float, float]], defect: float) -> Computed:
        """Return the finer pass's number; its error from the coarser pass's, and from mass and digits lost."""
        (fine, scale), (coarse, _) = results
        return Computed(fine, abs(fine - coarse) + (defect + self._roundoff) * scale)

    def _against(self, target: Density, compare: Callable[[Comparison], tuple[float, float]]) -> Computed:
        """Return a comparison with a target."""
        _checks.callables(target_log_density=target)
        pairs = [Comparison(rule, target) for rule in self._rules]
        return self._computed([compare(pair) for pair in pairs], self.mass_defect + pairs[0].target_defect)


def can_propagate(tab: Tableau) -> bool:
    """Return whether :func:`propagate_law` supports a tableau.

    Parameters
    ----------
    tab : Tableau
        The sampler.

    Returns
    -------
    bool

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> can_propagate(schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1))
    True
    """
    try:
        read_plan(_checks.instance(tab, "tab", Tableau))
    except ValueError:
        return False
    return True


def propagate_law(
    tab: Tableau,
    denoise: Callable[[Any, float], Any],
    start_log_density: Density,
    *,
    tolerance: float = 1e-10,
    max_nodes: int = 2**18,
) -> OutputLaw:
    """Return the law of a sampler's output on the line, from the law of its start.

    Supported are: schemes without noise, of any number of steps and stages; one- and two-step schemes with noise,
    every noisy row with draws of its own. Rows without noise may follow those of a one-step scheme (a corrector, a
    last step to level 0).

    Parameters
    ----------
    tab : Tableau
        The sampler.
    denoise : callable
        ``denoise(y, noise_level)`` with y of shape (n, 1) in float64, as in :func:`ersde_theory.sample`.
    start_log_density : callable
        From points (n, 1) in the coordinates of row 0 to log densities (n,), normalised, with light tails and no
        detail much finer than row 0's sigma.
    tolerance : float
        Passes are refined until mass, characteristic function and the integral of the squared density change by
        less than this and round-off (4 eps a row). At least 1e-13.
    max_nodes : int
        Most nodes of a law; a two-step scheme may have 64 times as many pairs.

    Returns
    -------
    OutputLaw

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the tableau is not supported, a callable returns something else, or the start law is not normalised.
    ResolutionError
        If more than `max_nodes` would be needed; the message says how many.

    Examples
    --------
    >>> from analytic import Gaussian
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> from ersde_theory.exact_gaussian import output_moments
    >>> data = Gaussian([0.7], 0.25)
    >>> tab = schemes.er_sde(TimeGrid.karras(10, 5.0, 0.05), NoiseScale.reverse_sde(), order=2)
    >>> law = propagate_law(tab, data.denoise, lambda y: data.log_density(y, 5.0))
    >>> abs(law.variance().value - output_moments(tab, 0.7, 0.25)[1]) < 1e-12
    np.True_

    References
    ----------
    Trefethen, Weideman (2014), The exponentially convergent trapezoidal rule.
    """
    plan = read_plan(_checks.instance(tab, "tab", Tableau))
    _checks.callables(denoise=denoise, start_log_density=start_log_density)
    allowed = _checks.integer(max_nodes, "max_nodes", minimum=16)
    if _checks.positive_number(tolerance, "tolerance") < _LEAST_TOLERANCE:
        msg = f"tolerance: expected a number >= {_LEAST_TOLERANCE:g}, got {tolerance}"
        raise ValueError(msg)
    support = start_support(start_log_density, _checks.positive_number(float(tab.sigma[0]), "sigma of row 0"))
    passes: list[Rule] = []
    resolution = _FIRST_RESOLUTION
    enough = tolerance + _ROUNDOFF_PER_ROW * tab.n_rows
    while len(passes) < 2 or passes[-1].change_from(passes[-2]) > enough:
        passes = [*passes[-1:], Rule(Evolution(plan, denoise, allowed, resolution).run(start_log_density, support))]
        resolution *= _REFINEMENT
    law = OutputLaw(passes[-1], passes[-2], tab.n_rows)
    if law.mass_defect <= MASS_OFF:
        return law
    msg = f"start_log_density: expected a density of mass 1, got one of mass {law.weights.sum():.9g}"
    raise ValueError(msg)


__all__ = ["Computed", "OutputLaw", "ResolutionError", "can_propagate", "propagate_law"]
