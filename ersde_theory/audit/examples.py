r"""Three faulty samplers to try the audit on, each wrong in a way that ports in use are.

All are called as k-diffusion calls its samplers, and are meant to be ER-SDE with the release's default :math:`\varphi`,
:math:`x\,(e^{x^{0.3}} + 10)`. Their pictures look fine; what is wrong is in the coefficients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

Model = Callable[..., torch.Tensor]


@torch.no_grad()
def sample_riemann(model: Model, x: torch.Tensor, sigmas: torch.Tensor, nodes: int = 100) -> torch.Tensor:
    r"""Sample by ER-SDE-2 whose integral :math:`\int\mathrm{d}u/\varphi` is a left sum of `nodes` terms.

    Parameters
    ----------
    model : callable
        ``model(x, sigma * ones)`` returns the denoised x.
    x : Tensor of shape (n, ...)
        The start.
    sigmas : Tensor of shape (steps + 1,)
        Falling levels.
    nodes : int
        Of the sum.

    Returns
    -------
    Tensor
        Like `x`.

    Examples
    --------
    >>> x = sample_riemann(lambda x, sigma: 0.0 * x, torch.ones(1, 2), torch.tensor([2.0, 1.0, 0.0]))
    >>> x.tolist()
    [[0.0, 0.0]]
    """
    older, slope = None, torch.zeros_like(x)
    for i, (s, t) in enumerate(itertools.pairwise(sigmas)):
        denoised = model(x, s * x.new_ones(x.shape[0]))
        if t == 0.0:
            return denoised
        ratio = _phi(t) / _phi(s)
        x = ratio * x + (1.0 - ratio) * denoised
        if older is not None:
            slope = (denoised - older) / (s - sigmas[i - 1])
            width = (s - t) / nodes
            integral = (width / _phi(t + width * torch.arange(nodes, dtype=sigmas.dtype))).sum()
            x = x + (t - s + _phi(t) * integral) * slope
        x = x + torch.sqrt(t**2 - (s * ratio) ** 2) * torch.randn_like(x)
        older = denoised
    return x


@torch.no_grad()
def sample_silenced(model: Model, x: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    r"""Sample by ER-SDE-1 with a “deterministic mode” that leaves the noise out and keeps :math:`\varphi`.

    Parameters
    ----------
    model : callable
        ``model(x, sigma * ones)`` returns the denoised x.
    x : Tensor of shape (n, ...)
        The start.
    sigmas : Tensor of shape (steps + 1,)
        Falling levels.

    Returns
    -------
    Tensor
        Like `x`.

    Examples
    --------
    >>> sample_silenced(lambda x, sigma: 0.0 * x, torch.ones(1, 2), torch.tensor([2.0, 1.0, 0.0])).tolist()
    [[0.0, 0.0]]
    """
    for s, t in itertools.pairwise(sigmas):
        denoised = model(x, s * x.new_ones(x.shape[0]))
        ratio = _phi(t) / _phi(s)
        x = ratio * x + (1.0 - ratio) * denoised
    return x


@torch.no_grad()
def sample_flow_without_alpha(model: Model, x: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    r"""Sample a flow by ER-SDE-1, whose noise has no factor :math:`\alpha = 1 - \sigma`.

    Parameters
    ----------
    model : callable
        ``model(x, sigma * ones)`` returns the denoised x of a flow model.
    x : Tensor of shape (n, ...)
        The start.
    sigmas : Tensor of shape (steps + 1,)
        Falling, from 1 or below.

    Returns
    -------
    Tensor
        Like `x`.

    Examples
    --------
    >>> sample_flow_without_alpha(lambda x, s: 0.0 * x, torch.ones(1, 2), torch.tensor([1.0, 0.5, 0.0])).abs().tolist()
    [[0.0, 0.0]]
    """
    for sigma, sigma_next in itertools.pairwise(sigmas):
        denoised = model(x, sigma * x.new_ones(x.shape[0]))
        alpha_next = 1.0 - sigma_next
        s, t = sigma / (1.0 - sigma), sigma_next / alpha_next
        kept = _phi(t) / _excess(s)  # phi_t/phi_s times s, and 0 where s is infinite
        x = alpha_next * (kept / sigma * x + (1.0 - kept / s) * denoised)
        x = x + torch.sqrt(t**2 - kept**2) * torch.randn_like(x)  # alpha_next is forgotten
    return x


def _excess(level: torch.Tensor) -> torch.Tensor:
    """Return phi(x)/x of the release's default."""
    return torch.exp(level**0.3) + 10.0


def _phi(level: torch.Tensor) -> torch.Tensor:
    """Return phi of the release's default."""
    return level * _excess(level)


__all__ = ["sample_flow_without_alpha", "sample_riemann", "sample_silenced"]
