r"""Which errors of a denoiser noise forgets: ``python -m ersde_theory.network_errors.forgetting``.

Above a level the denoiser is that of another law: the same images, but those on one side of their first principal axis
have nine times the weight of the others. Below, it is right. What of the wrong mean along that axis is left in the
output? The exact flow of the ODE can be turned round, so that it keeps the total variation distance that the states
have from the right law at that level; a step with noise is a Markov kernel from the right law of one level to that of
the next, under which the distance can only fall (the data-processing inequality: Cover and Thomas, *Elements of
Information Theory*). What this means for a mean is known for Gaussian data of the axis's variance :math:`s^2`: of a
shift at :math:`\lambda` the ODE leaves :math:`s / \sqrt{s^2 + \lambda^2}`, the reverse SDE
:math:`s^2 / (s^2 + \lambda^2)`. The error is a wrong belief about how frequent the largest features are.

The same is done with the shipped network, on top of whatever errors it has. Runs with and without the error share
starts and noise, so the differences are those of pairs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from analytic import EmpiricalDistribution, digits_law, energy_distance
from ersde_theory.exact_gaussian import output_moments
from ersde_theory.network_errors._runs import NOISE_SCALES, tableau
from ersde_theory.progress import progress_bar
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import Denoiser, sample
from ersde_theory.time_grid import TimeGrid

NAME = "forgetting"
ODDS = 9.0  # of the heavier side
MULTIPLES = (1.0, 2.0, 4.0)  # of the axis's deviation: the levels down to which the denoiser is wrong
EVALUATIONS = (10, 20, 50, 100)  # of a whole run, half of them above the level
SAMPLES = {"exact": 2000, "digits": 1000}
RANGE = (80.0, 0.002)
SCHEME = "adams-3"
_FINE = 400  # steps of what is predicted
_CURVE = 25  # levels of the curve that is drawn
_DATA = 4096


@dataclass(frozen=True)
class Tilt:
    """A law with wrong weights.

    Attributes
    ----------
    right, wrong : EmpiricalDistribution
        The same points.
    axis : float64 array of shape (d,)
        Unit vector along which they differ.
    deviation : float
        Standard deviation of the right law along it.
    shift : float
        How far the wrong law's mean is from the right one's along it.

    Examples
    --------
    >>> tilt = tilted(EmpiricalDistribution([[-1.0], [1.0]], 0.1))
    >>> round(tilt.shift, 3), round(tilt.deviation, 3)
    (0.8, 1.005)
    """

    right: EmpiricalDistribution
    wrong: EmpiricalDistribution
    axis: np.ndarray
    deviation: float
    shift: float


def tilted(law: EmpiricalDistribution) -> Tilt:
    """Return a law with the weights of one side of its first principal axis made larger.

    Parameters
    ----------
    law : EmpiricalDistribution
        With equal weights.

    Returns
    -------
    Tilt

    Examples
    --------
    >>> tilted(digits_law(0.1)).wrong.dim
    64
    """
    variances, axes = np.linalg.eigh(law.covariance())
    axis = axes[:, -1] * np.sign(axes[np.argmax(np.abs(axes[:, -1])), -1])
    place = (law.points - law.mean) @ axis
    weights = np.where(place > np.median(place), ODDS, 1.0)
    weights /= weights.sum()
    wrong = EmpiricalDistribution(law.points, law.bandwidth, weights)
    return Tilt(law, wrong, axis, float(np.sqrt(variances[-1])), float(weights @ place))


def left_on_gaussian_data(deviation: float, level: float, noise_scale: str, steps: int = _FINE) -> float:
    """Return what is left of a shift of the mean at a level, on Gaussian data with its exact denoiser below.

    Parameters
    ----------
    deviation : float
        Of the data.
    level : float
        Where the shift is 1.
    noise_scale : str
        Name of phi.
    steps : int
        Of a scheme of order 3.

    Returns
    -------
    float

    Notes
    -----
    Closed forms for two of the functions are in the module's docstring; for others the mean of
    :func:`~ersde_theory.exact_gaussian.output_moments` on a fine grid.

    Examples
    --------
    >>> found = [left_on_gaussian_data(1.0, 2.0, name) for name in ("ode", "reverse_sde")]
    >>> np.allclose(found, [1.0 / np.sqrt(5.0), 1.0 / 5.0], rtol=1e-4)
    True
    """
    tab = tableau(SCHEME, TimeGrid.karras(steps, level, RANGE[1]), noise_scale)
    mean, _ = output_moments(tab, 0.0, deviation**2, start_mean=1.0)
    return float(mean)


def study(
    denoisers: Mapping[str, Denoiser],
    samples: Mapping[str, int] = SAMPLES,
    evaluations: tuple[int, ...] = EVALUATIONS,
    multiples: tuple[float, ...] = MULTIPLES,
    seed: int = 0,
    advance: Callable[[float], None] = lambda _: None,
) -> Record:
    """Return what is left of a wrong mean, and how far outputs are from the data, with and without the error.

    Parameters
    ----------
    denoisers : mapping of str to callable
        Of states (n, 64); the error, the wrong law's denoiser less the right one's, comes on top.
    samples : mapping of str to int
        Of each.
    evaluations : tuple of int
        Of whole runs; even numbers.
    multiples : tuple of float
        Of the axis's deviation: the levels.
    seed : int
        Of starts, noise and data.
    advance : callable
        Called with the share that is done.

    Returns
    -------
    Record
        (denoiser, level, noise_scale, evaluations): ``left``, the share of the wrong mean, and ``energy``, ``clean``:
        energy distances to the data with and without the error, each with ``…_se``. (level, noise_scale):
        ``predicted``; (curve_level, noise_scale): ``curve``, the same at more levels.

    Raises
    ------
    ValueError
        If a number of evaluations is not even or below 2, or a denoiser has no number of samples.

    Examples
    --------
    >>> few = study({"exact": digits_law(0.1).denoise}, {"exact": 16}, (10,), (2.0,))
    >>> few["left"].shape
    (1, 1, 3, 1)
    """
    began = time.perf_counter()
    if any(n < 2 or n % 2 for n in evaluations):
        msg = f"evaluations: expected even numbers from 2 on, got {evaluations}"
        raise ValueError(msg)
    if not denoisers.keys() <= samples.keys():
        msg = f"samples: expected numbers for {', '.join(denoisers)}, got {dict(samples)}"
        raise ValueError(msg)
    tilt = tilted(digits_law(0.1))
    levels = [multiple * tilt.deviation for multiple in multiples]
    grid = len(denoisers), len(levels), len(NOISE_SCALES), len(evaluations)
    found = {name: np.empty((*grid, 2)) for name in ("left", "energy", "clean")}
    work = np.array([samples[name] for name in denoisers])[:, None, None, None] * np.array(evaluations)
    share = np.cumsum(np.broadcast_to(work, grid)) / np.broadcast_to(work, grid).sum()
    data = tilt.right.sample(_DATA, seed=seed + 1)
    for cell, (d, k, p, e) in enumerate(np.ndindex(grid)):
        name, denoise = list(denoisers.items())[d]
        start = tilt.right.sample(samples[name], noise_level=RANGE[0], seed=seed)
        run = _Runs(start, levels[k], NOISE_SCALES[p], evaluations[e], seed)
        clean, wrong = run.end(denoise, denoise), run.end(_mistaken(denoise, tilt), denoise)
        shifts = (wrong - clean) @ tilt.axis / tilt.shift
        found["left"][d, k, p, e] = shifts.mean(), shifts.std(ddof=1) / np.sqrt(len(shifts))
        for key, output in (("energy", wrong), ("clean", clean)):
            distance = energy_distance(output, data)
            found[key][d, k, p, e] = distance.value, distance.standard_error
        advance(float(share[cell]))
    axes = {"denoiser": list(denoisers), "level": levels, "noise_scale": NOISE_SCALES, "evaluations": evaluations}
    arrays = {name: LabelledArray((name,), np.array(values)) for name, values in axes.items()}
    for name, pair in found.items():
        arrays[name] = LabelledArray(tuple(axes), pair[..., 0])
        arrays[f"{name}_se"] = LabelledArray(tuple(axes), pair[..., 1])
    arrays |= _expected(tilt.deviation, levels)
    told = {"deviation": tilt.deviation, "shift": tilt.shift, "odds": ODDS, "scheme": SCHEME, "seed": seed}
    counts = {f"samples of {name}": samples[name] for name in denoisers}
    return Record(NAME, told | counts, arrays, seconds=time.perf_counter() - began)


def _expected(deviation: float, levels: list[float]) -> dict[str, LabelledArray]:
    """Return what would be left on Gaussian data at these levels, and at more of them for a curve.

    Runs start with the right mean, and the wrong one is approached from there: what is left of a shift at the start is
    not in theirs.
    """
    between = np.geomspace(0.8 * levels[0], 1.25 * levels[-1], _CURVE).tolist()
    never = [left_on_gaussian_data(deviation, RANGE[0], name) for name in NOISE_SCALES]
    found = {"curve_level": LabelledArray(("curve_level",), np.array(between))}
    for key, axis, at in (("predicted", "level", levels), ("curve", "curve_level", between)):
        left = [[left_on_gaussian_data(deviation, level, name) for name in NOISE_SCALES] for level in at]
        found[key] = LabelledArray((axis, "noise_scale"), np.array(left) - never)
    return found


def _mistaken(denoise: Denoiser, tilt: Tilt) -> Denoiser:
    """Return a denoiser with the error on top."""
    return lambda y, level: denoise(y, level) + tilt.wrong.denoise(y, level) - tilt.right.denoise(y, level)


@dataclass(frozen=True)
class _Runs:
    """Runs that share start and noise: in two parts, above a level and below, each with a history of its own."""

    start: np.ndarray
    level: float
    noise_scale: str
    evaluations: int
    seed: int

    def end(self, above: Denoiser, below: Denoiser) -> np.ndarray:
        """Return the outputs with one denoiser above the level and another below."""
        half = self.evaluations // 2
        state = self.start
        for part, (denoise, ends) in enumerate(((above, (RANGE[0], self.level)), (below, (self.level, RANGE[1])))):
            tab = tableau(SCHEME, TimeGrid.karras(half, *ends), self.noise_scale)
            state = sample(tab, denoise, state, self.seed + part, batch_rows=len(state))
        return np.asarray(state)


def main(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    seed: Annotated[int, typer.Option(min=0, help="Of starts, noise and data.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Few samples and evaluations: seconds.")] = False,
) -> None:
    """Measure what noise forgets of a denoiser's error at high levels.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    seed : int
        Of starts, noise and data.
    quick : bool
        Few samples and evaluations.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     main(Path(folder) / "forgetting.json", quick=True)  # doctest: +ELLIPSIS
    exact ...
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.network_errors._models import load_subject

    denoisers = {name: load_subject(name).denoise for name in SAMPLES}
    samples = dict.fromkeys(SAMPLES, 32) if quick else SAMPLES
    evaluations, multiples = (EVALUATIONS[:1], MULTIPLES[1:2]) if quick else (EVALUATIONS, MULTIPLES)
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task(NAME, total=1.0)
        record = study(
            denoisers, samples, evaluations, multiples, seed, lambda share: progress.update(task, completed=share)
        )
    record.save(json_file)
    for d, name in enumerate(record["denoiser"]):
        for k, level in enumerate(record["level"]):
            for p, phi in enumerate(record["noise_scale"]):
                left, spread = record["left"][d, k, p, -1], record["left_se"][d, k, p, -1]
                energy, its = record["energy"][d, k, p, -1], record["energy_se"][d, k, p, -1]
                typer.echo(
                    f"{name:7} wrong above {level:5.2f}, {phi:12} left {left:6.3f} ± {spread:.3f}"
                    f" (Gaussian data {record['predicted'][k, p]:.3f}), energy distance {energy:8.5f} ± {its:.5f}"
                )


if __name__ == "__main__":
    typer.run(main)
