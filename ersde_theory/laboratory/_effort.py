"""How much the headline study does: ladders and numbers of paths, in full and for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeakEffort:
    """Ladders and paths of the weak errors with one phi.

    Attributes
    ----------
    law_steps, control_steps : tuple of int
        Ladders of the propagated law, and of the differences from it: some of the former.
    control_path_steps : float
        Most evaluations of the differences.

    Examples
    --------
    >>> QUICK.weak["exp_power"].control_steps
    (10, 20, 40, 80)
    """

    law_steps: tuple[int, ...]
    control_steps: tuple[int, ...]
    control_path_steps: float


@dataclass(frozen=True)
class Effort:
    """Ladders and numbers of paths.

    Attributes
    ----------
    weak : dict of str to WeakEffort
        For every phi of the study.
    gaussian_steps, strong_steps, multilevel_steps : tuple of int
        Ladders: on Gaussian data; of coupled paths; of coupled levels.
    strong_paths, plain_paths : int
        Paths: of strong errors and mode switches, and of plain Monte Carlo on each rung.
    multilevel_path_steps : float
        Most evaluations of a multilevel run.

    Examples
    --------
    >>> list(FULL.weak)
    ['reverse_sde', 'exp_power']
    """

    weak: dict[str, WeakEffort]
    gaussian_steps: tuple[int, ...]
    strong_steps: tuple[int, ...]
    multilevel_steps: tuple[int, ...]
    strong_paths: int
    plain_paths: int
    multilevel_path_steps: float


FULL = Effort(
    # with phi = x^2 some errors change sign at 10 to 40 steps; with exp_power long ladders are dear, and not needed
    weak={
        "reverse_sde": WeakEffort((20, 40, 80, 160, 320, 640, 1280), (20, 40, 80, 160, 320, 640), 6e8),
        "exp_power": WeakEffort((20, 40, 80, 160, 320), (20, 40, 80, 160, 320), 1e8),
    },
    gaussian_steps=(160, 320, 640, 1280),
    strong_steps=(20, 40, 80, 160, 320, 640),
    multilevel_steps=(10, 20, 40, 80, 160),
    strong_paths=20_000,
    plain_paths=100_000,
    multilevel_path_steps=3e8,
)
QUICK = Effort(
    weak={"exp_power": WeakEffort((10, 20, 40, 80), (10, 20, 40, 80), 5e6)},
    gaussian_steps=(160, 320, 640, 1280),
    strong_steps=(20, 40, 80, 160),
    multilevel_steps=(10, 20, 40, 80),
    strong_paths=2000,
    plain_paths=10_000,
    multilevel_path_steps=1e7,
)
