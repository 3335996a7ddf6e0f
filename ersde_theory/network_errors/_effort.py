"""How much the measurements do: in full, within ten minutes on two cores for the digits network, and quickly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes of all measurements.

    Attributes
    ----------
    levels : tuple of float
        At which one step is measured, fixed beforehand; those within the model's range are used.
    one_step_paths, global_paths, order_paths, precision_paths : int
        Paths of each measurement.
    evaluations : tuple of int
        Of runs from the greatest level to the least, multiples of 5.
    reference_steps : int
        Of global references, a multiple of all `evaluations`.
    order_steps : tuple of int
        Ladder of step counts.
    score_samples, quality_samples : int
        Samples of an output.
    score_evaluations, quality_evaluations : tuple of int
        Of the runs that are compared with the data.

    Examples
    --------
    >>> FULL.evaluations[-1]
    200
    """

    levels: tuple[float, ...]
    one_step_paths: int
    global_paths: int
    evaluations: tuple[int, ...]
    reference_steps: int
    order_paths: int
    order_steps: tuple[int, ...]
    precision_paths: int
    score_samples: int
    score_evaluations: tuple[int, ...]
    quality_samples: int
    quality_evaluations: tuple[int, ...]


FULL = Effort(
    levels=(0.02, 0.05, 0.15, 0.5, 1.5, 5.0, 15.0, 25.0),
    one_step_paths=64,
    global_paths=48,
    evaluations=(5, 10, 20, 50, 100, 200),
    reference_steps=400,
    order_paths=24,
    order_steps=(10, 20, 40, 80, 160),
    precision_paths=24,
    score_samples=384,
    score_evaluations=(5, 10, 20, 50, 100),
    quality_samples=768,
    quality_evaluations=(20, 50),
)
QUICK = Effort(
    levels=(0.15, 1.5),
    one_step_paths=16,
    global_paths=8,
    evaluations=(5, 10, 20),
    reference_steps=40,
    order_paths=6,
    order_steps=(5, 10, 20, 40),
    precision_paths=8,
    score_samples=64,
    score_evaluations=(5, 10, 20),
    quality_samples=128,
    quality_evaluations=(10,),
)
