"""Samplers to read: our tableaus in other programs' calling conventions, and a function in which breaks are planted."""

# ruff: noqa: ARG002, ARG005 -- the signatures are other programs'

from __future__ import annotations

import numpy as np


def as_function(tab):
    """Return a tableau (alpha = 1) as a function of k-diffusion's signature that draws its own noise."""

    def sampler(model, x, sigmas, extra_args=None, callback=None, disable=None, noise_sampler=None):
        return _run(tab, x, lambda y, level: model(y, level * y.new_ones(y.shape[0])))

    return sampler


def _run(tab, x, evaluate):
    import torch

    data, drawn = [], {}
    for r in range(tab.n_rows):
        if r > 0:
            x = x * float(tab.previous[r])
            for k, weight in zip(tab.data_columns[r], tab.data[r], strict=True):
                if k >= 0:
                    x = x + data[k] * float(weight)
            for m, weight in zip(tab.noise_columns[r], tab.noise[r], strict=True):
                if m >= 0:
                    drawn.setdefault(int(m), torch.randn_like(x) if int(m) not in drawn else None)
                    x = x + drawn[int(m)] * float(weight)
        if tab.evaluation[r] >= 0:
            data.append(evaluate(x, float(tab.noise_level[r])))
    return x


def as_step(tab):
    """Return a one-draw-a-step multistep tableau as a class of steps."""

    class Step:
        def __init__(self):
            self.data, self.row = [], 0

        def __call__(self, x, d, sigma, sigma_next, noise):
            self.data.append(d)
            self.row += 1
            x = x * float(tab.previous[self.row]) + noise * float(tab.noise[self.row, 0])
            for k, weight in zip(tab.data_columns[self.row], tab.data[self.row], strict=True):
                if k >= 0:
                    x = x + self.data[k] * float(weight)
            return x

    return Step


def as_released(tab):
    """Return a one-draw-a-step multistep tableau (VE) as a class of the release's shape."""
    import torch

    class Solver:
        def __init__(self, sde_type, model_prediction_type):
            self.prediction = model_prediction_type

        def ve_3_order_taylor(self, model, x, sigmas, times, **_):
            step = as_step(tab)()
            for i in range(len(sigmas) - 1):
                out = model(x, times[i])
                d = x - sigmas[i] * out if self.prediction == "noise" else out
                x = step(x, d, sigmas[i], sigmas[i + 1], torch.randn_like(x))
            return x

    return Solver


class Scheduler:
    """A one-draw-a-step multistep tableau as a scheduler of diffusers' shape, alpha = 1 and a scaled input."""

    def __init__(self, tab, prediction_type="epsilon"):
        self.tab = tab
        self.config = {"prediction_type": prediction_type}
        self.alphas_cumprod = None
        self.step_index = None

    def set_timesteps(self, num_inference_steps):
        import torch

        assert num_inference_steps == self.tab.n_steps
        self.sigmas = torch.tensor(self.tab.noise_level, dtype=torch.float64)
        self.timesteps = torch.arange(num_inference_steps)
        self._step = as_step(self.tab)()
        self.step_index = 0

    def scale_model_input(self, sample, timestep):
        return sample / (self.sigmas[self.step_index] ** 2 + 1) ** 0.5

    def step(self, model_output, timestep, sample, generator=None, return_dict=True):
        import torch

        sigma, after = self.sigmas[self.step_index], self.sigmas[self.step_index + 1]
        d = sample - sigma * model_output if self.config["prediction_type"] == "epsilon" else model_output
        self.step_index += 1
        return (
            self._step(sample, d, sigma, after, torch.randn(sample.shape, generator=generator, dtype=sample.dtype)),
        )


def euler(model, x, sigmas, change=lambda i, x, d: (x, d), noise=None):
    """Euler's method with first-order steps, a hook before each, and noise of half the level if wanted."""
    for i in range(len(sigmas) - 1):
        s, t = sigmas[i], sigmas[i + 1]
        x, d = change(i, x, model(x, s * x.new_ones(1)))
        x = d + (t / s) * (x - d)
        if noise is not None:
            x = x + 0.5 * float(t) * noise(i, x)
    return x


def numpy_step(x, d, sigma, sigma_next):
    """Take DDIM's step."""
    return d + sigma_next / sigma * (x - d)


GLOBAL_GENERATOR = np.random.default_rng(7)


def numpy_step_with_global_noise(x, d, sigma, sigma_next):
    """Take DDIM's step with noise of a generator that was made when the module was loaded."""
    return numpy_step(x, d, sigma, sigma_next) + 0.1 * GLOBAL_GENERATOR.standard_normal(x.shape)


class FakeTree:
    """A Brownian path with the interface of torchsde's interval."""

    def __init__(self, t0, t1, size, dtype=None, entropy=0, **_):
        self.t0, self.t1, self.size, self.dtype, self.entropy = t0, t1, size, dtype, entropy

    def __call__(self, ta, tb):
        import torch

        return self._at(tb) - self._at(ta) if float(tb) != float(ta) else torch.zeros(self.size, dtype=self.dtype)

    def _at(self, t):
        import torch

        rng = np.random.default_rng([self.entropy, int(1e6 * float(t))])
        return torch.from_numpy(rng.normal(size=tuple(self.size))).to(self.dtype)
