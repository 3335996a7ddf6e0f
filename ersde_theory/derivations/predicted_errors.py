"""Errors on Gaussian data predicted from the derived densities: an order and a constant, without running a scheme.

The densities are those that the pages ``gaussian-variance-densities`` and ``gaussian-mean-densities`` prove; here they
are integrated along a path on levels uniform in lambda^(1/rho).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy

from ersde_theory import _checks
from ersde_theory.derivations import _gaussian_densities as densities
from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._noise_scales import EXPRESSIONS, kappa_of

NODES = 4001
RELEASED = "released-3"
SCHEMES = (*densities.CONSTANTS, RELEASED)


@dataclass(frozen=True)
class GaussianPath:
    """Gaussian data and a path: variance of the data, first and last level, exponent of the grid.

    Attributes
    ----------
    variance : float
        Of the data, > 0.
    lam_max, lam_min : float
        First and last level, lam_max > lam_min > 0.
    rho : float
        The levels are uniform in lambda^(1/rho).

    Examples
    --------
    >>> GaussianPath().lam_max
    5.0
    """

    variance: float = 0.25
    lam_max: float = 5.0
    lam_min: float = 0.05
    rho: float = 7.0


@dataclass(frozen=True)
class PredictedError:
    """The leading term constant * N**-order of an error.

    Attributes
    ----------
    order : int
        The power of 1/N.
    constant : float
        Its factor, with sign.

    Examples
    --------
    >>> PredictedError(2, -0.5).at(10)
    -0.005
    """

    order: int
    constant: float

    def at(self, n_steps: int) -> float:
        """Return the predicted error at N steps.

        Parameters
        ----------
        n_steps : int
            N.

        Returns
        -------
        float
        """
        return self.constant / n_steps**self.order


class _Path:
    """Levels of a fine grid, propagators and integrals along them."""

    def __init__(self, noise_scale: str, path: GaussianPath) -> None:
        self._values = {sym.v_x: sympy.Float(path.variance, 30)}
        self._kappa = kappa_of(EXPRESSIONS[noise_scale])
        root = np.linspace(path.lam_min ** (1.0 / path.rho), path.lam_max ** (1.0 / path.rho), NODES)
        self.lam = root**path.rho
        self._jacobian = path.rho * root ** (path.rho - 1.0)
        self._root = root
        self.step_length = self._jacobian * (root[-1] - root[0])
        nu = self.values(densities.NU)
        self.propagator = np.exp(-self._cumulative(nu))

    def values(self, expression: sympy.Expr) -> np.ndarray:
        """Return an expression in lambda, v and kappa on the path."""
        inserted = expression.subs(densities.KAPPA, self._kappa).doit().subs(self._values)
        function = sympy.lambdify(sym.lam, inserted, modules="numpy")
        return np.broadcast_to(np.asarray(function(self.lam), dtype=np.float64), self.lam.shape)

    def integral(self, values: np.ndarray) -> float:
        """Return the integral over the levels."""
        return float(self._cumulative(values)[-1])

    def _cumulative(self, values: np.ndarray) -> np.ndarray:
        from scipy.integrate import cumulative_simpson

        return np.asarray(cumulative_simpson(values * self._jacobian, x=self._root, initial=0.0))


def variance_error(
    scheme: str, noise_scale: str, path: GaussianPath | None = None, *, start: str = "increasing"
) -> PredictedError:
    r"""Return the leading error of the output variance on Gaussian data.

    Parameters
    ----------
    scheme : str
        published-1, -2, -3, adams-2, -3, -4 or released-3 (without its clip: phi = ode).
    noise_scale : str
        Name of a noise scale function with a formula.
    path : GaussianPath, optional
        Data and levels; variance 1/4 from 5 to 0.05 by default.
    start : {"increasing", "graded"}
        Orders 1, 2, ... over the first steps, or a start that does not count.

    Returns
    -------
    PredictedError

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> found = variance_error("published-3", "ode")
    >>> found.order, round(found.constant, 3)
    (2, -0.457)
    """
    _checks.one_of(scheme, "scheme", SCHEMES)
    _checks.one_of(noise_scale, "noise_scale", EXPRESSIONS)
    _checks.one_of(start, "start", ("increasing", "graded"))
    on = _Path(noise_scale, path or GaussianPath())
    squared = on.propagator**2
    if scheme == RELEASED:
        local = on.values(densities.released_variance_density(100))
        return PredictedError(1, on.integral(squared * local * on.step_length))
    order = densities.CONSTANTS[scheme][0]
    own = on.integral(squared * on.values(densities.variance_density(scheme)) * on.step_length**order)
    if order == 1:
        return PredictedError(1, own)
    second = on.integral(squared * on.values(densities.noise_density()) * on.step_length**2)
    if start == "increasing":
        first = on.values(densities.variance_density("published-1"))
        second += float(squared[-1] * first[-1] * on.step_length[-1] ** 2)
    if order == 2:
        return PredictedError(2, own + second)
    return PredictedError(order, own) if second == 0.0 else PredictedError(2, second)


def mean_error(
    scheme: str,
    noise_scale: str,
    offset: float,
    path: GaussianPath | None = None,
    *,
    start: str = "increasing",
) -> PredictedError:
    r"""Return the leading error of the output mean when the start mean is off by `offset`.

    Parameters
    ----------
    scheme, noise_scale : str
        As :func:`variance_error`; not released-3.
    offset : float
        Start mean minus data mean.
    path, start
        As :func:`variance_error`.

    Returns
    -------
    PredictedError

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> mean_error("published-1", "reverse_sde", 1.0).constant
    0.0
    """
    _checks.one_of(scheme, "scheme", densities.CONSTANTS)
    _checks.one_of(noise_scale, "noise_scale", EXPRESSIONS)
    _checks.one_of(start, "start", ("increasing", "graded"))
    on = _Path(noise_scale, path or GaussianPath())
    carried = float(offset * on.propagator[-1])  # Phi(lambda) M(lambda): the whole path's propagator
    order = densities.CONSTANTS[scheme][0]
    own = carried * on.integral(on.values(densities.mean_density(scheme)) * on.step_length**order)
    if order == 1:
        return PredictedError(1, own)
    first = 0.0
    if start == "increasing":
        first = float(carried * on.values(densities.mean_density("published-1"))[-1] * on.step_length[-1] ** 2)
    if order == 2:
        return PredictedError(2, own + first)
    return PredictedError(order, own) if first == 0.0 else PredictedError(2, first)


def squared_strong_error(noise_scale: str, path: GaussianPath | None = None) -> PredictedError:
    r"""Return the leading mean-square error on a coupled path, one and the same for every scheme with k >= 2.

    Parameters
    ----------
    noise_scale : str
        Name of a noise scale function with a formula.
    path : GaussianPath, optional
        As :func:`variance_error`.

    Returns
    -------
    PredictedError
        Of order 2: the strong order is 1.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> squared_strong_error("ode").constant
    0.0
    """
    _checks.one_of(noise_scale, "noise_scale", EXPRESSIONS)
    on = _Path(noise_scale, path or GaussianPath())
    density = on.values(densities.noise_density())
    return PredictedError(2, on.integral(on.propagator**2 * density * on.step_length**2))
