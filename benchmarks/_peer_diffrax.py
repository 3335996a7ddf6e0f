"""diffrax's Euler method on the shared task: jitted, float64, only the final state saved.

Two formulations. ``vmap``: one path is written down and mapped over rows and keys, as diffrax's documentation
does it. ``batch``: the state is the whole array (n, 2) with one Brownian path of that shape, which is faster
because the loop's bookkeeping and the random keys are not repeated for every row.
``UnsafeBrownianPath`` needs ``ForwardMode``: diffrax refuses it with its default adjoint.
"""

from __future__ import annotations

from collections.abc import Callable

import _problem as problem
import numpy as np


def build(n: int, *, batched: bool, noise_factor: float = 1.0) -> Callable[[int, int], np.ndarray]:
    """Return ``run(seed, steps)`` to the final states (n, 2); ``noise_factor`` other than 1 breaks it."""
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import lineax

    log_weights = jnp.log(problem.WEIGHTS)
    means, variances = jnp.asarray(problem.MEANS), jnp.asarray(problem.VARIANCES)

    def denoise_row(y, lam):
        total = variances + lam**2
        squared = ((y - means) ** 2).sum(axis=-1)
        logits = log_weights - 0.5 * problem.DIM * jnp.log(total) - squared / (2.0 * total)
        posterior = jax.nn.softmax(logits)
        pulled = posterior @ (lam**2 * means / total[:, None])
        return pulled + (posterior @ (variances / total)) * y

    denoise = jax.vmap(denoise_row, (0, None)) if batched else denoise_row

    def drift(r, y, args):
        del args
        return problem.drift_factor(r, jnp.exp) * (y - denoise(y, problem.level(r)))

    def diffusion(r, y, args):
        del args
        scale = noise_factor * jnp.sqrt(problem.diffusion_squared(r, jnp.exp))
        return lineax.DiagonalLinearOperator(jnp.full(y.shape, scale))

    def solve(y, key, steps):
        path = diffrax.UnsafeBrownianPath(jax.ShapeDtypeStruct(y.shape, y.dtype), key)
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(diffusion, path))
        solution = diffrax.diffeqsolve(
            terms,
            diffrax.Euler(),
            t0=0.0,
            t1=1.0,
            dt0=1.0 / steps,
            y0=y,
            saveat=diffrax.SaveAt(t1=True),
            adjoint=diffrax.ForwardMode(),
            max_steps=steps + 1,
        )
        return solution.ys[0]

    whole = solve if batched else jax.vmap(solve, (0, 0, None))
    compiled = jax.jit(whole, static_argnums=2)
    y = jnp.asarray(problem.start(n))

    def run(seed: int, steps: int) -> np.ndarray:
        key = jax.random.key(seed)
        keys = key if batched else jax.random.split(key, n)
        return np.asarray(jax.block_until_ready(compiled(y, keys, steps)))

    return run
