"""The predictor-corrector scheduler of score SDEs: ``step_correct`` and ``step_pred`` instead of ``step``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ersde_theory.audit._run import Run
from ersde_theory.audit.conventions._targets import modules_of


@dataclass(frozen=True)
class ScoreSdeScheduler:
    """A predictor-corrector scheduler with its number of steps; ``correct_steps=0`` leaves the predictor alone."""

    scheduler: Any
    timesteps: Mapping[str, Any]
    library: str = "torch"
    convention: str = "diffusers score predictor-corrector"

    @property
    def name(self) -> str:
        """Name of the scheduler's class."""
        return type(self.scheduler).__name__

    @property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid of the scheduler: alpha = 1, and the result of the last step without its noise at level 0."""
        self._begin()
        return (*((1.0, float(self._sigma(t))) for t in self.scheduler.timesteps), (1.0, 0.0))

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """The scheduler's module."""
        return modules_of(type(self.scheduler))

    def _begin(self) -> None:
        steps = self.timesteps["num_inference_steps"]
        self.scheduler.set_timesteps(steps)
        self.scheduler.set_sigmas(steps)

    def _sigma(self, t: Any) -> float:
        """Return the level at which the predictor stands."""
        return float(self.scheduler.discrete_sigmas[int(t * (len(self.scheduler.timesteps) - 1))])

    def run(self, run: Run) -> Any:
        """Sample as the pipeline does."""
        scheduler = self.scheduler
        run.suspended += 1
        self._begin()
        sigmas = [self._sigma(t) for t in scheduler.timesteps]
        run.suspended -= 1
        mean = x = run.begin()
        for t, sigma in zip(scheduler.timesteps, sigmas, strict=True):
            for _ in range(int(scheduler.config.correct_steps)):
                x = scheduler.step_correct(self._score(run, x, sigma), x)[0]
            predicted = scheduler.step_pred(self._score(run, x, sigma), t, x)
            x, mean = predicted.prev_sample, predicted.prev_sample_mean
        return mean

    def _score(self, run: Run, x: Any, sigma: float) -> Any:
        """Return the score that stands for the data prediction of a run."""
        data = run.denoise(x, 1.0, sigma)
        return run.model_output(x, (data - run.evaluations[-1].state) / sigma**2)
