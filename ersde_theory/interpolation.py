r"""Data weights of a step from an interpolation polynomial in a free variable :math:`v(\lambda)`.

A scheme replaces the data prediction along the path by a polynomial through the values that it has, and
integrates that polynomial exactly against :math:`\varphi_t\varphi'/\varphi^2`. The noise level is only one of the
variables in which the polynomial can be taken. In a bounded variable :math:`v` that becomes flat at both ends a
polynomial stays bounded too, as the data prediction does, however far the noise level is extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory._gauss_legendre import integrate
from ersde_theory._levels import log_ratio
from ersde_theory.noise_scale import NoiseScale

_Gap = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class InterpolationVariable:
    r"""A strictly increasing smooth function :math:`v(\lambda)` in which to interpolate.

    Make one by a named constructor. It is known through its differences, so that those of near levels are exact
    to round-off.

    Attributes
    ----------
    name : str
        As :meth:`from_name` takes it.
    finite_at_zero : bool
        Whether it can be used at level 0.

    Examples
    --------
    >>> InterpolationVariable.arctan(0.5)
    InterpolationVariable('arctan(0.5)')
    >>> round(float(InterpolationVariable.log().difference(2.0, 1.0)), 6)
    0.693147
    """

    name: str
    _gap: _Gap
    finite_at_zero: bool = True

    def __repr__(self) -> str:
        return f"InterpolationVariable({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InterpolationVariable) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    @staticmethod
    def linear() -> InterpolationVariable:
        r"""Return :math:`v = \lambda`.

        Examples
        --------
        >>> float(InterpolationVariable.linear().difference(3.0, 1.0))
        2.0
        """
        return InterpolationVariable("linear", _linear_gap)

    @staticmethod
    def log() -> InterpolationVariable:
        r"""Return :math:`v = \ln\lambda`, for levels above 0.

        Examples
        --------
        >>> InterpolationVariable.log().finite_at_zero
        False
        """
        return InterpolationVariable("log", _log_gap, finite_at_zero=False)

    @staticmethod
    def rational(scale: float = 1.0) -> InterpolationVariable:
        r"""Return :math:`v = \lambda/(c+\lambda)`, between 0 and 1.

        Parameters
        ----------
        scale : float
            c > 0, where v is halfway.

        Returns
        -------
        InterpolationVariable

        Raises
        ------
        TypeError, ValueError
            If it is not a number above 0.

        Examples
        --------
        >>> float(InterpolationVariable.rational(2.0).difference(2.0, 0.0))
        0.5
        """
        c = _checks.positive_number(scale, "scale")
        return InterpolationVariable(f"rational({_shortest(c)})", partial(_rational_gap, c))

    @staticmethod
    def arctan(scale: float = 1.0) -> InterpolationVariable:
        r"""Return :math:`v = \arctan(\lambda/c)`, between 0 and :math:`\pi/2`.

        Along the ODE of Gaussian data of standard deviation c the data prediction is an affine function of
        :math:`\cos v`.

        Parameters
        ----------
        scale : float
            c > 0, where v is halfway.

        Returns
        -------
        InterpolationVariable

        Raises
        ------
        TypeError, ValueError
            If it is not a number above 0.

        Examples
        --------
        >>> round(float(InterpolationVariable.arctan(0.5).difference(0.5, 0.0) / np.pi), 12)
        0.25
        """
        c = _checks.positive_number(scale, "scale")
        return InterpolationVariable(f"arctan({_shortest(c)})", partial(_arctan_gap, c))

    @staticmethod
    def hypot(scale: float = 1.0) -> InterpolationVariable:
        r"""Return :math:`v = \sqrt{c^2+\lambda^2}-c`: :math:`\lambda^2` up to a factor below c, :math:`\lambda` above.

        Along the ODE of data with a smooth density the data prediction is a smooth function of
        :math:`\lambda^2`.

        Parameters
        ----------
        scale : float
            c > 0.

        Returns
        -------
        InterpolationVariable

        Raises
        ------
        TypeError, ValueError
            If it is not a number above 0.

        Examples
        --------
        >>> float(InterpolationVariable.hypot(3.0).difference(4.0, 0.0))
        2.0
        """
        c = _checks.positive_number(scale, "scale")
        return InterpolationVariable(f"hypot({_shortest(c)})", partial(_hypot_gap, c))

    @staticmethod
    def from_name(name: str) -> InterpolationVariable:
        """Return a variable by its name.

        Parameters
        ----------
        name : str
            linear, log, rational(c), arctan(c) or hypot(c); c is 1 where it is left out.

        Returns
        -------
        InterpolationVariable

        Raises
        ------
        TypeError, ValueError
            If the name is unknown (the nearest is suggested) or its scale is not a number above 0.

        Examples
        --------
        >>> InterpolationVariable.from_name("rational(0.5)").name
        'rational(0.5)'
        """
        of_scale = (InterpolationVariable.rational, InterpolationVariable.arctan, InterpolationVariable.hypot)
        scaled = {f.__name__: f for f in of_scale}
        plain = {f.__name__: f for f in (InterpolationVariable.linear, InterpolationVariable.log)}
        kind, bracket, rest = name.partition("(") if isinstance(name, str) else ("", "", "")
        if bracket and rest.endswith(")") and kind in scaled:
            try:
                return scaled[kind](float(rest[:-1]))
            except ValueError:
                msg = f"interpolation variable: expected {kind}(c) with a number c > 0, got {name!r}"
                raise ValueError(msg) from None
        known = _checks.one_of(name, "interpolation variable", (*plain, *scaled))
        return plain[known]() if known in plain else scaled[known]()

    def difference(self, high: Any, low: Any) -> np.ndarray:
        r"""Return :math:`v(\lambda_{high}) - v(\lambda_{low})`, to the relative accuracy of the levels' own gap.

        Parameters
        ----------
        high, low : float or array
            Finite noise levels, >= 0 (above 0 for ``log``), in any order; shapes broadcast.

        Returns
        -------
        float64 array

        Raises
        ------
        TypeError, ValueError
            If levels are no numbers or out of range.

        Examples
        --------
        >>> float(InterpolationVariable.linear().difference([1.5], 1.0)[0])
        0.5
        """
        u, w = _checks.nonnegative_array(high, "high"), _checks.nonnegative_array(low, "low")
        if not self.finite_at_zero and ((u == 0.0).any() or (w == 0.0).any()):
            msg = f"noise level: expected levels above 0 for the variable {self.name}, got 0"
            raise ValueError(msg)
        u, w = np.broadcast_arrays(u, w)
        return np.asarray(self._gap(u, w, u - w))


def interpolation_weights(
    noise_scale: NoiseScale, lam_start: Any, lam_end: Any, nodes: Any, variable: InterpolationVariable
) -> np.ndarray:
    r"""Return the weights of values at `nodes` whose interpolation polynomial in v is integrated over a step.

    .. math:: w_j = \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'(u)}{\varphi(u)^2}
              \prod_{i\neq j}\frac{v(u)-v_i}{v_j-v_i}\,du

    With no node strictly inside the step each integrand has one sign, so every weight has a relative error of
    about 1e-13; their sum is the FEI to round-off. At :math:`\lambda_t = 0` the weights are the polynomial's
    value there.

    Parameters
    ----------
    noise_scale : NoiseScale
        phi.
    lam_start, lam_end : float or array of shape (...)
        Levels of the steps, lam_start > lam_end >= 0, finite.
    nodes : array of shape (..., k)
        Distinct finite levels: lam_start and older ones, for a corrector lam_end too.
    variable : InterpolationVariable
        v.

    Returns
    -------
    float64 array of shape (..., k)

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a step does not go down, nodes coincide or have no last axis, shapes do not broadcast, or a level is 0
        where v is infinite.
    QuadratureError
        If phi (given by the user) is too rough to be integrated to that accuracy.

    Examples
    --------
    >>> phi = NoiseScale.ode()
    >>> w = interpolation_weights(phi, 2.0, 1.0, [2.0, 3.0], InterpolationVariable.linear())
    >>> bool(np.isclose(w.sum(), phi.fei(2.0, 1.0))), bool(w[1] < 0.0)
    (True, True)

    References
    ----------
    ``math.md`` sections 3 and 6.
    """
    _checks.instance(noise_scale, "noise_scale", NoiseScale)
    _checks.instance(variable, "variable", InterpolationVariable)
    start, end, at = _checked_steps(lam_start, lam_end, nodes)
    if not variable.finite_at_zero and ((end == 0.0).any() or (at == 0.0).any()):
        msg = f"lam_end, nodes: expected levels above 0 for the variable {variable.name}, got 0"
        raise ValueError(msg)
    shape, k = at.shape, at.shape[-1]
    start, end, at = start.ravel(), end.ravel(), at.reshape(-1, k)
    spacing = variable.difference(at[:, :, None], at[:, None, :])  # v_j - v_i
    result = np.empty(at.shape)
    inner = end > 0.0
    if inner.any():
        result[inner] = _integrated(noise_scale, start[inner], end[inner], at[inner], spacing[inner], variable)
    if not inner.all():
        from_nodes = variable.difference(0.0, at[~inner])
        result[~inner] = _lagrange(from_nodes, spacing[~inner]).T
    return result.reshape(shape)


def _checked_steps(lam_start: Any, lam_end: Any, nodes: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps of shape (...) that go down, and distinct nodes of shape (..., k)."""
    at = _checks.nonnegative_array(nodes, "nodes")
    if at.ndim < 1 or at.shape[-1] < 1:
        msg = f"nodes: expected shape (..., k) with k >= 1, got {at.shape}"
        raise ValueError(msg)
    start, end = _checks.nonnegative_array(lam_start, "lam_start"), _checks.nonnegative_array(lam_end, "lam_end")
    try:
        shape = np.broadcast_shapes(start.shape, end.shape, at.shape[:-1])
    except ValueError:
        msg = f"nodes: expected shapes that broadcast, got steps {start.shape}, {end.shape} and nodes {at.shape}"
        raise ValueError(msg) from None
    start, end = np.broadcast_to(start, shape), np.broadcast_to(end, shape)
    if (start <= end).any():
        j = int(np.argmax((start <= end).ravel()))
        msg = f"lam_start: expected a level above lam_end, got {start.ravel()[j]} and {end.ravel()[j]}"
        raise ValueError(msg)
    if (np.diff(np.sort(at, axis=-1), axis=-1) == 0.0).any():
        msg = "nodes: expected distinct levels, got one twice"
        raise ValueError(msg)
    return start, end, np.broadcast_to(at, (*shape, at.shape[-1]))


def _integrated(
    noise_scale: NoiseScale,
    start: np.ndarray,
    end: np.ndarray,
    nodes: np.ndarray,
    spacing: np.ndarray,
    variable: InterpolationVariable,
) -> np.ndarray:
    """Integrate the Lagrange basis over l = ln(start/u), shape (steps, k)."""
    length = log_ratio(start, end)
    above = nodes >= start[:, None]  # the gap to a node is summed from the step's end on the node's side
    offset = np.where(above, start[:, None] - nodes, end[:, None] - nodes)

    def integrand(j: np.ndarray, ell: np.ndarray) -> np.ndarray:
        step = j[:, 0]
        b = np.maximum(length[j] - ell, 0.0)
        u = start[j] * np.exp(-ell)
        excess = noise_scale._difference(np.broadcast_to(end[j], b.shape), b)
        density = np.exp(-(b + excess)) * (1.0 + noise_scale._tau_squared(u))
        inside = np.where(above[step, :, None], (start[j] * np.expm1(-ell))[:, None], (end[j] * np.expm1(b))[:, None])
        gap = inside + offset[step, :, None]
        from_nodes = variable._gap(u[:, None], nodes[step, :, None], gap)
        return density * _lagrange(np.moveaxis(from_nodes, 1, -1), spacing[step, None])

    return integrate(integrand, length, f"noise scale {noise_scale.name}, variable {variable.name}").T


def _lagrange(from_nodes: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the Lagrange basis, shape (k, ...), of gaps v - v_i (..., k) and v_j - v_i (..., k, k)."""
    k = from_nodes.shape[-1]
    basis = []
    for j in range(k):
        others = [i for i in range(k) if i != j]
        basis.append(np.prod(from_nodes[..., others] / spacing[..., j, others], axis=-1))
    return np.stack(basis)


def _shortest(c: float) -> str:
    """Return a number as text that names no other number."""
    return repr(c).removesuffix(".0")


def _linear_gap(u: np.ndarray, w: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return u - w, which is given."""
    return np.broadcast_to(gap, np.broadcast_shapes(u.shape, w.shape))


def _log_gap(u: np.ndarray, w: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return ln(u/w) from the gap u - w."""
    near = np.abs(gap) < 0.5 * w
    return np.where(near, np.log1p(np.where(near, gap / w, 0.0)), np.log(u / w))


def _rational_gap(scale: float, u: np.ndarray, w: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return u/(c+u) - w/(c+w) from the gap u - w."""
    return gap / (scale + u) * (scale / (scale + w))


def _arctan_gap(scale: float, u: np.ndarray, w: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return arctan(u/c) - arctan(w/c) from the gap u - w."""
    return np.arctan(gap / (scale + u * (w / scale)))


def _hypot_gap(scale: float, u: np.ndarray, w: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return hypot(c, u) - hypot(c, w) from the gap u - w."""
    return gap * ((u + w) / (np.hypot(scale, u) + np.hypot(scale, w)))


__all__ = ["InterpolationVariable", "interpolation_weights"]
