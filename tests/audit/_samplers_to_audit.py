"""Samplers of the k-diffusion convention for the tests of the command: right ones and wrong ones."""

import itertools
import math
import sys

import torch


def phi(x):
    """Return x (e^(x^0.3) + 10)."""
    return x * (math.exp(x**0.3) + 10.0)


def er_sde_2(model, x, sigmas, nodes=0, clip=0.0, quiet_from=None, scale=1.0):
    """Run ER-SDE-2; with `nodes` its integral is a left Riemann sum, with none it is very fine."""
    older = older_level = None
    for i, (s, t) in enumerate(zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True)):
        d = model(x, torch.tensor([s], dtype=x.dtype))
        if t == 0.0:
            return d
        ratio = phi(t) / phi(s)
        x = ratio * x + (1.0 - ratio) * d
        if older is not None:
            x = x + (t - s + phi(t) * _integral(t, s, nodes)) * (d - older) / (s - older_level)
        variance = t**2 - (s * ratio) ** 2
        if variance >= clip and (quiet_from is None or i < quiet_from):
            x = x + scale * math.sqrt(max(variance, 0.0)) * torch.randn_like(x)
        older, older_level = d, s
    return x


def _integral(t, s, nodes):
    """Return the integral of 1/phi from t to s, by a left sum or by Gauss-Legendre panels."""
    if nodes:
        return sum((s - t) / nodes / phi(t + j * (s - t) / nodes) for j in range(nodes))
    total, panels = 0.0, 8
    points = ((0.5 - 0.5 * math.sqrt(0.6), 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.5 + 0.5 * math.sqrt(0.6), 5.0 / 18.0))
    ends = [t * (s / t) ** (k / (2 * panels)) for k in range(2 * panels + 1)]
    for low, high in itertools.pairwise(ends):
        total += sum(w * (high - low) / phi(low + c * (high - low)) for c, w in points)
    return total


def thresholding(model, x, sigmas):
    """Run Euler with clipped data predictions."""
    for s, t in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        d = model(x, torch.tensor([s], dtype=x.dtype)).clamp(-1.0, 1.0)
        x = d + (x - d) * (t / s)
    return x


def euler(model, x, sigmas):
    """Run Euler for the ODE: ER-SDE-1 with phi = x."""
    for s, t in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        d = model(x, torch.tensor([s], dtype=x.dtype))
        x = d + (x - d) * (t / s)
    return x


def divided(model, x, sigmas):
    """Run Euler with a quotient that does not exist at level 0."""
    for s, t in itertools.pairwise(sigmas):
        d = model(x, s * x.new_ones(1))
        x = d + (x - d) / s * t * (t / t)
    return x


def failing(model, x, sigmas, how="raise"):
    """Fail in one of several ways while it runs."""
    if how == "exit":
        sys.exit(0)
    if how == "type":
        return model(x, None)
    if how == "shape":
        return model(x[..., :1], sigmas[:1])
    if how == "never":
        return x
    if how == "nothing":
        return None
    if how == "flat":
        return model(x, sigmas[:1]).flatten()
    raise LookupError(how)
