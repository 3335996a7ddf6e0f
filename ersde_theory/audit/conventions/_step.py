"""The barest convention: ``step(x, d, sigma, sigma_next)`` or ``step(x, d, sigma, sigma_next, noise)``."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ersde_theory import _checks
from ersde_theory.audit._run import Meaning, Run
from ersde_theory.audit.conventions._targets import modules_of, name_of
from ersde_theory.time_grid import TimeGrid

_LIBRARIES = ("torch", "numpy")
_NOISE_PLACE = 4


@dataclass(frozen=True)
class StepFunction:
    """A step with its noise levels; see :func:`bare_step`."""

    step: Callable[..., Any]
    levels: tuple[float, ...]
    library: str
    convention: str = "step"

    @property
    def name(self) -> str:
        """Name of the function."""
        return name_of(self.step)

    @property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid, alpha = 1."""
        return tuple((1.0, level) for level in self.levels)

    @property
    def namespaces(self) -> tuple[dict[str, Any], ...]:
        """The function's module."""
        return modules_of(self.step)

    def run(self, run: Run) -> Any:
        """Take all steps; a class is made anew for each run."""
        step: Any = self.step() if inspect.isclass(self.step) else self.step
        x, noisy = run.begin(), _wants_noise(step)
        for level, level_next in itertools.pairwise(self.levels):
            data = run.model_output(x, run.denoise(x, 1.0, level))
            noise = (run.normal(Meaning(level, level_next), x),) if noisy else ()
            x = step(x, data, level, level_next, *noise)
        return x


def bare_step(step: Callable[..., Any], grid: TimeGrid, *, library: str = "torch") -> StepFunction:
    """Return a step function as a black box, with alpha = 1.

    Parameters
    ----------
    step : callable
        ``step(x, d, sigma, sigma_next)`` with d the data prediction at x; with a fifth parameter it is handed a
        standard normal draw. Multistep methods come as a class whose instances are such steps: one is made for each
        run.
    grid : TimeGrid
        Finite noise levels.
    library : str
        ``torch`` or ``numpy``.

    Returns
    -------
    BlackBox

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or the first level is infinite.

    Examples
    --------
    >>> from ersde_theory import TimeGrid
    >>> from ersde_theory.audit import read_out
    >>> def ddim(x, d, sigma, sigma_next):
    ...     return d + sigma_next / sigma * (x - d)
    >>> read_out(bare_step(ddim, TimeGrid([4.0, 1.0, 0.0]), library="numpy")).tableau.data[:, 0].tolist()
    [0.0, 0.75, 1.0]
    """
    _checks.instance(grid, "grid", TimeGrid)
    _checks.one_of(library, "library", _LIBRARIES)
    if not callable(step):
        msg = f"step: expected a callable, got {_checks.describe(step)}"
        raise TypeError(msg)
    levels = _checks.nonnegative_array(grid.levels, "grid")
    return StepFunction(step, tuple(levels.tolist()), library)


def _wants_noise(step: Callable[..., Any]) -> bool:
    """Return whether a step has a parameter for the noise."""
    parameters = list(inspect.signature(step).parameters.values())
    return len(parameters) > _NOISE_PLACE and parameters[_NOISE_PLACE].default in (inspect.Parameter.empty, None)
