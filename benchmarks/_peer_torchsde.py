"""torchsde's Euler method on the shared task: float64, no gradients, torchsde's own Brownian motion.

Two formulations. ``plain``: drift ``f`` and diagonal diffusion ``g`` as torchsde's documentation writes them, the
posterior by differences and softmax, ``sdeint`` left to make its Brownian motion. ``tuned``: the diffusion is a
scalar, so ``f_and_g_prod`` multiplies the increment itself; the log weights come from one matrix product with
(y, |y|^2) and the mean from another; the ``BrownianInterval`` is told the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import _problem as problem
import numpy as np


def build(n: int, *, threads: int, tuned: bool) -> Callable[[int, int], np.ndarray]:
    """Return ``run(seed, steps)`` to the final states (n, 2)."""
    import torch
    import torchsde

    torch.set_num_threads(threads)
    y = torch.as_tensor(problem.start(n))
    sde = _tuned(torch) if tuned else _plain(torch)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)

    @torch.no_grad()
    def run(seed: int, steps: int) -> np.ndarray:
        path = None
        if tuned:
            path = torchsde.BrownianInterval(t0=0.0, t1=1.0, size=y.shape, dtype=y.dtype, entropy=seed, dt=1.0 / steps)
        else:
            np.random.seed(seed)  # noqa: NPY002 - where torchsde takes its entropy from
        return torchsde.sdeint(sde, y, ends, bm=path, method="euler", dt=1.0 / steps)[-1].numpy()

    return run


def _plain(torch: Any) -> Any:
    log_weights = torch.as_tensor(np.log(problem.WEIGHTS))
    means, variances = torch.as_tensor(problem.MEANS), torch.as_tensor(problem.VARIANCES)

    def denoise(y, lam):
        total = variances + lam**2
        squared = ((y[:, None, :] - means) ** 2).sum(dim=-1)
        logits = log_weights - 0.5 * problem.DIM * torch.log(total) - squared / (2.0 * total)
        posterior = torch.softmax(logits, dim=1)
        pulled = posterior @ (lam**2 * means / total[:, None])
        return pulled + (posterior @ (variances / total))[:, None] * y

    class ReverseEquation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, y):
            r = float(t)
            return float(problem.drift_factor(r)) * (y - denoise(y, problem.level(r)))

        def g(self, t, y):
            return torch.full_like(y, math.sqrt(problem.diffusion_squared(float(t))))

    return ReverseEquation()


def _tuned(torch: Any) -> Any:
    log_weights = torch.as_tensor(np.log(problem.WEIGHTS))
    means, variances = torch.as_tensor(problem.MEANS), torch.as_tensor(problem.VARIANCES)
    squared_means = (means**2).sum(dim=1)

    def denoise(y, lam):
        total = variances + lam**2
        quadratic = torch.cat([means.T / total, -0.5 / total[None]])
        constant = log_weights - torch.log(total) * (0.5 * problem.DIM) - squared_means / (2.0 * total)
        features = torch.cat([y, (y * y).sum(dim=1, keepdim=True)], dim=1)
        posterior = torch.softmax(torch.addmm(constant, features, quadratic), dim=1)
        read_out = torch.cat([lam**2 * means / total[:, None], (variances / total)[:, None]], dim=1)
        sums = posterior @ read_out
        return torch.addcmul(sums[:, :-1], sums[:, -1:], y)

    class ReverseEquation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f_and_g_prod(self, t, y, v):
            r = float(t)
            drift = float(problem.drift_factor(r)) * (y - denoise(y, problem.level(r)))
            return drift, math.sqrt(problem.diffusion_squared(r)) * v

        def f(self, t, y):
            del t  # sdeint looks at the shape only; Euler's method calls f_and_g_prod
            return y

        g = f

    return ReverseEquation()
