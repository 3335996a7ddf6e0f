"""Covariances in the three forms that users write, read into spectra and bases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytic import _checks
from analytic._checks import FloatArray

ASYMMETRY_TOLERANCE = 1e-10
ROUND_OFF = 64 * float(np.finfo(np.float64).eps)


class Spectrum(NamedTuple):
    """Eigenvalues and eigenvectors of one covariance or of K of them.

    ``variances`` has shape ``(...,)`` for isotropic covariances (``isotropic`` is True) and
    ``(..., d)`` otherwise; ``basis`` is None for coordinate axes, else ``(..., d, d)`` with
    eigenvectors in columns.
    """

    variances: FloatArray
    basis: FloatArray | None
    isotropic: bool


def read(name: str, value: object, lead: tuple[int, ...], dim: int, *, strict: bool) -> Spectrum:
    """Read covariances of shape ``lead``, ``(*lead, d)`` or ``(*lead, d, d)``.

    Parameters
    ----------
    name : str
        Argument name for messages.
    value : array_like
        The covariances; a scalar serves all components.
    lead : tuple of int
        ``()`` for one covariance, ``(K,)`` for K.
    dim : int
        Dimension d.
    strict : bool
        Whether eigenvalues must be > 0 (else >= 0).

    Returns
    -------
    Spectrum

    Raises
    ------
    TypeError
        If the numbers are not real.
    ValueError
        If a shape is wrong, a matrix is not symmetric, or an eigenvalue is negative beyond
        round-off (or not positive when ``strict``).
    """
    shapes = [lead, (*lead, dim), (*lead, dim, dim)]
    what = "one of the shapes " + ", ".join(str(shape) for shape in shapes)
    array = _checks.host_array(name, value, ndims=(0, 1, 2, 3), what=what)
    if array.ndim == 0:
        array = np.broadcast_to(array, lead)
    if array.shape not in shapes:
        msg = f"{name}: expected {what}, got shape {array.shape}"
        raise ValueError(msg)
    if array.shape == lead:
        return Spectrum(_positive(name, array, strict), None, isotropic=True)
    if array.ndim == len(lead) + 1:
        return Spectrum(_positive(name, array, strict), None, isotropic=False)
    return _read_full(name, array, strict)


def _read_full(name: str, array: FloatArray, strict: bool) -> Spectrum:
    transposed = np.swapaxes(array, -1, -2)
    scale = float(np.abs(array).max())
    skew = float(np.abs(array - transposed).max())
    if skew > ASYMMETRY_TOLERANCE * scale:
        msg = f"{name}: expected symmetric matrices, got an asymmetry of {skew:.3g}"
        raise ValueError(msg)
    values, basis = np.linalg.eigh((array + transposed) / 2)
    floor = ROUND_OFF * array.shape[-1] * np.abs(values).max(axis=-1, keepdims=True)
    if not strict:  # an eigenvalue within round-off of zero is zero
        values = np.where(np.abs(values) <= floor, 0.0, values)
    elif (values <= floor).any():
        bad = float((values - floor).min())
        msg = f"{name}: expected positive definite matrices, got an eigenvalue of {bad:.3g}"
        raise ValueError(msg)
    return Spectrum(_positive(name, values, strict), basis, isotropic=False)


def _positive(name: str, variances: FloatArray, strict: bool) -> FloatArray:
    lowest = float(variances.min())
    if lowest < 0 or (strict and lowest == 0):
        hint = "; EmpiricalDistribution takes point masses" if strict and lowest == 0 else ""
        msg = f"{name}: expected variances {'>' if strict else '>='} 0, got {lowest:g}{hint}"
        raise ValueError(msg)
    out = np.array(variances)
    out.flags.writeable = False
    return out


def as_matrices(spectrum: Spectrum, dim: int) -> FloatArray:
    """Return the covariances as matrices, shape ``(..., d, d)``."""
    variances = spectrum.variances
    if spectrum.isotropic:
        variances = np.repeat(variances[..., None], dim, axis=-1)
    if spectrum.basis is None:
        return variances[..., None] * np.eye(dim)
    return np.asarray((spectrum.basis * variances[..., None, :]) @ np.swapaxes(spectrum.basis, -1, -2))


def draw(spectrum: Spectrum, normal: FloatArray, component: npt.NDArray[np.intp] | None = None) -> FloatArray:
    """Turn standard normals (n, d) into draws with the covariance of each row's component."""
    variances = spectrum.variances if component is None else spectrum.variances[component]
    scale = np.sqrt(variances)
    if spectrum.isotropic:
        return normal * scale[..., None]
    if spectrum.basis is None:
        return normal * scale
    basis = spectrum.basis if component is None else spectrum.basis[component]
    return np.asarray((basis @ (normal * scale)[..., None])[..., 0])


def scaled(spectrum: Spectrum, factor: float) -> FloatArray:
    """Return the covariances times a factor, in the form in which they came."""
    variances = spectrum.variances * factor
    if spectrum.basis is None:
        return variances
    swapped = np.swapaxes(spectrum.basis, -1, -2)
    return np.asarray((spectrum.basis * variances[..., None, :]) @ swapped)
