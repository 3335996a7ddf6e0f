"""A denoiser whose network runs through ``torch.compile``, on a GPU as CUDA graphs if asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ersde_theory import _checks
from ersde_theory.models._network_denoiser import NetworkDenoiser

if TYPE_CHECKING:
    import torch


def compiled(denoiser: NetworkDenoiser, *, cuda_graphs: bool = False, backend: str = "inductor") -> NetworkDenoiser:
    """Return a copy of a denoiser whose network is compiled at its first call; the weights are shared.

    It pays where a network is evaluated many times with the same number of rows: every new number is compiled again,
    which takes from seconds to minutes, and the results differ from the network's own by round-off. On a GPU, CUDA
    graphs also save the launches, which are what a small network waits for; they take the memory of a second copy of
    the activations. Nothing here compiles a network unless this function is called. Move it first (``to``), compile
    last.

    Parameters
    ----------
    denoiser : NetworkDenoiser
        Its network must be a module.
    cuda_graphs : bool
        Record the kernels of a call and replay them, on a GPU ("reduce-overhead" in torch's words). Written for
        CUDA; not tested on one.
    backend : str
        Of torch.compile.

    Returns
    -------
    NetworkDenoiser

    Raises
    ------
    TypeError
        If `denoiser` is no NetworkDenoiser, or its network is no module.
    ValueError
        If CUDA graphs are asked for a network that is not on a GPU.

    Examples
    --------
    >>> import torch
    >>> from ersde_theory.models import SigmaLevels
    >>> class Half(torch.nn.Module):
    ...     def forward(self, x, c):
    ...         return 0.5 * x
    >>> D = NetworkDenoiser(Half(), "x0", SigmaLevels((0.01, 100.0)), shape=(2,))
    >>> compiled(D, backend="eager")(torch.ones(1, 2), 1.0)
    tensor([[0.5000, 0.5000]])
    """
    import torch

    _checks.instance(denoiser, "denoiser", NetworkDenoiser)
    network = denoiser.network
    if not isinstance(network, torch.nn.Module):
        msg = f"denoiser: expected one whose network is a torch.nn.Module, got {_checks.describe(network)}"
        raise TypeError(msg)
    if cuda_graphs and (place := _device(network)) != "cuda":
        msg = f"cuda_graphs: expected a network on a GPU, got one on {place!r}"
        raise ValueError(msg)
    # what a graph returns is overwritten by its next run; the denoiser makes new memory of it at once
    mode = "reduce-overhead" if cuda_graphs else None
    return dataclasses.replace(denoiser, network=torch.compile(network, backend=backend, mode=mode))


def _device(network: torch.nn.Module) -> str:
    """Return the kind of device that a module's weights are on."""
    return next((weight.device.type for weight in network.parameters()), "cpu")


__all__ = ["compiled"]
