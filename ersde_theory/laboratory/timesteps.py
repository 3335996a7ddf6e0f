"""Is the default ahead off Karras levels too? ``python -m ersde_theory.laboratory timesteps --json FILE``.

On the levels that schedulers take by default, uniform in the time of their process, the last step above level 0 is
long and about as long in the noise level as the one before. The default and the released solver run on such levels: on
the Gaussian spectrum exactly, elsewhere without noise, on paths from common starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from ersde_theory import _checks
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.laboratory._references import ode_end
from ersde_theory.laboratory.comparison import DEFAULT, HELD_OUT, RELEASED, SCHEMES, SETTINGS
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

EVALUATIONS = (10, 15, 20, 30, 50)
CASES = (("spectrum", "ode"), ("spectrum", "exp_power"), ("mixture", "ode"), ("digits", "ode"), ("five modes", "ode"))
_TRAINED, _FLOW_SHIFT = 1000, 3.0


def _linear(n: int) -> TimeGrid:
    return TimeGrid.uniform_in_time(ForwardProcess.vp_linear(), n, 1.0, 1e-3)


def _scaled_linear(n: int) -> TimeGrid:
    """Return levels at even timesteps of Stable Diffusion's 1000, both ends included."""
    kept = np.cumprod(1.0 - np.linspace(0.00085**0.5, 0.012**0.5, _TRAINED) ** 2)
    return TimeGrid(np.sqrt(1.0 / kept - 1.0)[np.linspace(_TRAINED - 1, 0, n + 1).round().astype(int)])


def _cosine(n: int) -> TimeGrid:
    return TimeGrid.uniform_in_time(ForwardProcess.vp_cosine(), n, 0.99, 1e-3)


def _flow(n: int) -> TimeGrid:
    sigmas = np.linspace(1.0 - 1.0 / _TRAINED, 1.0 / _TRAINED, n + 1)  # before the shift
    return TimeGrid(_FLOW_SHIFT * sigmas / (1.0 - sigmas))


def _to_zero(make: Callable[[int], TimeGrid]) -> Callable[[int], TimeGrid]:
    """Return the same levels with 0 in place of the last."""
    return lambda n: TimeGrid(np.append(make(n).levels[:-1], 0.0))


GRIDS: Mapping[str, Callable[[int], TimeGrid]] = {
    "linear": _linear,
    "scaled linear": _scaled_linear,
    "cosine": _cosine,
    "flow, shift 3": _flow,
    "linear, to 0": _to_zero(_linear),
    "scaled linear, to 0": _to_zero(_scaled_linear),
    "flow, shift 3, to 0": _to_zero(_flow),
}


def timesteps(paths: int = 400, seed: int = 0) -> Record:
    """Return errors of the released and the default scheme on levels uniform in time.

    Parameters
    ----------
    paths : int
        On the mixtures; a quarter of them on the digits.
    seed : int
        Of the starts.

    Returns
    -------
    Record
        Named ``timesteps``: ``error`` (grid, case, scheme, evaluations): on the spectrum the exact W2 over the root of
        the total variance, else the median over paths of the RMS error per coordinate. ``gain`` (grid, case,
        evaluations), the released scheme's error over the default's. On grids that end at 0 the spectrum alone is run,
        and nan is elsewhere.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> timesteps(paths=0)["gain"].shape
    (7, 5, 5)
    """
    begin = time.perf_counter()
    n, root = _checks.integer(paths, "paths", minimum=0), _checks.integer(seed, "seed", minimum=0)
    names = (RELEASED, DEFAULT)
    error = np.full((len(GRIDS), len(CASES), len(names), len(EVALUATIONS)), np.nan)
    for i, make in enumerate(GRIDS.values()):
        for j, (problem, noise) in enumerate(CASES):
            phi = NoiseScale.from_name(noise)
            for k, count in enumerate(EVALUATIONS):
                tableaus = [SCHEMES[name](make, count, phi) for name in names]
                present = [tab for tab in tableaus if tab is not None]
                if problem == "spectrum":
                    error[i, j, :, k] = [_exact_error(tab) for tab in present]
                elif n and make(count).levels[-1] > 0.0:
                    error[i, j, :, k] = _medians(
                        problem, make(count), present, n // (4 if problem == "digits" else 1), root
                    )
    arrays = {
        "error": LabelledArray(("grid", "case", "scheme", "evaluations"), error),
        "gain": LabelledArray(("grid", "case", "evaluations"), error[:, :, 0] / error[:, :, 1]),
        "grid": LabelledArray(("grid",), np.array(list(GRIDS))),
        "case": LabelledArray(("case",), np.array([", ".join(case) for case in CASES])),
        "scheme": LabelledArray(("scheme",), np.array(names)),
        "evaluations": LabelledArray(("evaluations",), np.array(EVALUATIONS)),
    }
    return Record("timesteps", {"paths": n, "seed": root}, arrays, seconds=time.perf_counter() - begin)


def _exact_error(tab: Tableau) -> float:
    """Return the W2 of the output on the spectrum, relative to its size."""
    spectrum = SETTINGS["spectrum"].problem.spectrum
    assert spectrum is not None
    return float(np.linalg.norm(wasserstein2(tab, 0.0, spectrum[1])) / np.sqrt(spectrum[1].sum()))


def _medians(problem: str, grid: TimeGrid, tableaus: list[Tableau], paths: int, seed: int) -> list[float]:
    """Return median errors of paths without noise."""
    law = (SETTINGS | HELD_OUT)[problem].problem.make_law()
    start = law.sample(paths, noise_level=float(grid.levels[0]), seed=seed)
    exact = ode_end(law, grid, start)
    ends = [sample(tab, law.denoise, start) for tab in tableaus]
    return [float(np.median(np.sqrt(((end - exact) ** 2).mean(axis=1)))) for end in ends]
