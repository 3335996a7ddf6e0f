"""Adapters for networks in memory: one function for each convention that is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ersde_theory.models._discrete_levels import DiscreteLevels
from ersde_theory.models._level_map import EdmLevels, SigmaLevels
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models._prediction import Prediction


def edm_denoiser(
    network: Callable[..., Any],
    *,
    shape: tuple[int, ...],
    sigma_data: float = 0.5,
    noise_range: tuple[float, float] = (0.002, 80.0),
    **settings: Any,
) -> NetworkDenoiser:
    r"""Return the denoiser of EDM's raw network :math:`F(c_{in}x, \ln(\sigma)/4)`, preconditioned here.

    A network that has its preconditioning inside (NVlabs' ``net(x, sigma, class_labels)``) goes to
    :func:`k_diffusion_denoiser`.

    Parameters
    ----------
    network : callable
        ``network(x, c_noise, **condition)``.
    shape : tuple of int
        Of one sample.
    sigma_data : float
        Standard deviation of the data that it was trained for.
    noise_range : tuple of two floats
        Levels that it was trained on.
    **settings
        Others of :class:`NetworkDenoiser`.

    Returns
    -------
    NetworkDenoiser

    Examples
    --------
    >>> import torch
    >>> D = edm_denoiser(lambda x, c_noise: torch.zeros_like(x), shape=(2,), sigma_data=1.0)
    >>> D(torch.tensor([[2.0, 4.0]]), 1.0)
    tensor([[1., 2.]])
    """
    levels = EdmLevels(sigma_data, noise_range)
    return NetworkDenoiser(network, Prediction.edm(sigma_data), levels, shape=shape, **settings)


def k_diffusion_denoiser(
    model: Callable[..., Any],
    *,
    shape: tuple[int, ...],
    noise_range: tuple[float, float],
    **settings: Any,
) -> NetworkDenoiser:
    """Return the denoiser of a callable that denoises already: ``model(x, sigma, **condition)``, sigma of shape (n,).

    Parameters
    ----------
    model : callable
        Any of k-diffusion's wrappers, or an EDM network with its preconditioning inside.
    shape : tuple of int
        Of one sample.
    noise_range : tuple of two floats
        Levels that it was trained on, such as ``(float(model.sigma_min), float(model.sigma_max))``.
    **settings
        Others of :class:`NetworkDenoiser`.

    Returns
    -------
    NetworkDenoiser

    Examples
    --------
    >>> import torch
    >>> model = lambda x, sigma: x / (1.0 + sigma[:, None] ** 2)
    >>> k_diffusion_denoiser(model, shape=(2,), noise_range=(0.01, 80.0))(torch.ones(1, 2), 3.0)
    tensor([[0.1000, 0.1000]])
    """
    return NetworkDenoiser(model, "x0", SigmaLevels(noise_range), shape=shape, **settings)


def guided_diffusion_denoiser(
    model: Callable[..., Any],
    alphas_cumprod: Any,
    *,
    shape: tuple[int, ...],
    learned_variance: bool = True,
    snap: bool = False,
    time_scale: float = 1.0,
    **settings: Any,
) -> NetworkDenoiser:
    """Return the denoiser of an epsilon network of guided-diffusion, ``model(x, timesteps, **condition)``.

    Parameters
    ----------
    model : callable
        Class labels are its keyword ``y``.
    alphas_cumprod : array of shape (T,)
        Of the schedule that it was trained with, not respaced.
    shape : tuple of int
        Of one sample, (channels, height, width).
    learned_variance : bool
        The output has twice the channels (``learn_sigma``); the variance half is left out.
    snap : bool
        Tell the network whole timesteps only.
    time_scale : float
        1000 / T with ``rescale_timesteps``.
    **settings
        Others of :class:`NetworkDenoiser`.

    Returns
    -------
    NetworkDenoiser

    Examples
    --------
    >>> import numpy as np, torch
    >>> model = lambda x, t: torch.cat([x, x], dim=1)
    >>> D = guided_diffusion_denoiser(model, np.linspace(0.9, 0.1, 10), shape=(1, 2, 2))
    >>> D(torch.zeros(1, 1, 2, 2), 1.0).shape
    torch.Size([1, 1, 2, 2])
    """
    levels = DiscreteLevels(alphas_cumprod, snap=snap, time_scale=time_scale)
    return NetworkDenoiser(model, "epsilon", levels, shape=shape, learned_variance=learned_variance, **settings)


__all__ = ["edm_denoiser", "guided_diffusion_denoiser", "k_diffusion_denoiser"]
