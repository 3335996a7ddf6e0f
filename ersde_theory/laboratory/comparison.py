r"""The comparison of schemes at equal numbers of evaluations: ``python -m ersde_theory.laboratory.comparison``.

Every scheme runs on the same levels (Karras) with the same noise. On the Gaussian spectrum all errors are
exact. Elsewhere a path's error is taken against a reference on the same Brownian path, and so is the error of a
mixture's law: most of the noise of the two samples is common and cancels. What was learned on `SETTINGS` is tried on
`HELD_OUT`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ersde_theory import schemes
from ersde_theory.brownian_path import BrownianPath
from ersde_theory.errors import StepTransition, exact_strong_error
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.interpolation import InterpolationVariable
from ersde_theory.laboratory._gaussian import node_levels, transition
from ersde_theory.laboratory._judge import RESAMPLES, Judge, exact_floor, sampled_floor
from ersde_theory.laboratory._references import ode_end, sde_end
from ersde_theory.laboratory._variables import variable_errors
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import Problem, problem
from ersde_theory.records import LabelledArray, Record, write_atomically
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

if TYPE_CHECKING:
    from analytic import Law

EVALUATIONS = (10, 15, 20, 30, 50, 100, 200)
NOISE_SCALES = ("ode", "exp_power", "reverse_sde")  # the third only where errors are exact
RELEASED = "ER-SDE-3 as released"
DEFAULT = "PEC, variable order"
_REFINEMENT = 2  # of the reference's levels, against all levels that a scheme uses
MakeGrid = Callable[[int], TimeGrid]
Build = Callable[[MakeGrid, int, NoiseScale], Tableau | None]


def _balanced(grid: MakeGrid, budget: int, phi: NoiseScale) -> Tableau | None:
    """Return Adams-3 with a balanced start, which is for the ODE."""
    return schemes.exponential_adams(grid(budget - 1), phi, 3, start="balanced") if phi.name == "ode" else None


def _pec(predictor: int, corrector: int, variable: str) -> Build:
    """Return the builder of a predictor-corrector scheme in a variable."""
    v = InterpolationVariable.from_name(variable)
    return lambda grid, budget, phi: schemes.exponential_pec(
        grid(budget), phi, predictor=predictor, corrector=corrector, variable=v
    )


SCHEMES: dict[str, Build] = {
    RELEASED: lambda grid, budget, phi: schemes.er_sde(grid(budget), phi, 3, variant="released"),
    "ER-SDE-3 as published": lambda grid, budget, phi: schemes.er_sde(grid(budget), phi, 3),
    "Adams-3": lambda grid, budget, phi: schemes.exponential_adams(grid(budget), phi, 3),
    "Adams-3, balanced start": _balanced,
    "PEC-3-3, arctan(2)": _pec(3, 3, "arctan(2)"),
    "PEC-3-3, lambda": _pec(3, 3, "linear"),
    DEFAULT: lambda grid, budget, phi: schemes.variable_order_pec(grid(budget), phi),
    "PEC-2-3, arctan(0.5)": _pec(2, 3, "arctan(0.5)"),
    "PEC-3-4, ln lambda": _pec(3, 4, "log"),  # UniPC-3, and SA-Solver's variable
    "SRA": lambda grid, budget, phi: schemes.exponential_sra(grid(budget // 2), phi),
}
_RELEASED = list(SCHEMES).index(RELEASED)


@dataclass(frozen=True)
class Setting:
    """A law, the ends of its Karras grids, and how many paths to run.

    Attributes
    ----------
    problem : Problem
        The law.
    lam_max, lam_min : float
        First and last level.
    paths : int
        0 where all errors are exact.
    floor_paths : int
        Of those, how many to run twice for the floor.
    rho : float
        Of the Karras grids.

    Examples
    --------
    >>> SETTINGS["spectrum"].grid(10).n_steps
    10
    """

    problem: Problem
    lam_max: float
    lam_min: float
    paths: int
    floor_paths: int
    rho: float = 7.0

    def grid(self, n_steps: int) -> TimeGrid:
        """Return the Karras grid of so many steps.

        Parameters
        ----------
        n_steps : int
            N.

        Returns
        -------
        TimeGrid

        Examples
        --------
        >>> SETTINGS["digits"].grid(3).levels[-1]
        np.float64(0.002)
        """
        return TimeGrid.karras(n_steps, self.lam_max, self.lam_min, self.rho)


def _five_modes() -> Problem:
    """Return a mixture in the plane, drawn once from a seed, whose modes are narrow."""

    def law() -> Law:
        from analytic import GaussianMixture

        generator = np.random.default_rng(77)
        weights, means = generator.dirichlet(np.full(5, 4.0)), generator.uniform(-2.0, 2.0, (5, 2))
        return GaussianMixture(weights, means, generator.uniform(0.1, 0.5, 5) ** 2)

    return Problem("five modes", "two dimensions, five Gaussians", law, lambda n: TimeGrid.karras(n, 80.0, 0.002))


SETTINGS = {
    "spectrum": Setting(problem("spectrum"), 80.0, 0.002, 0, 0),
    "mixture": Setting(problem("mixture"), 20.0, 0.02, 50_000, 1_000),
    "mixture, wide": Setting(problem("mixture"), 80.0, 0.002, 50_000, 1_000),
    "digits": Setting(problem("digits"), 80.0, 0.002, 400, 40),
}
HELD_OUT = {
    "spectrum, rho 5": Setting(problem("spectrum"), 80.0, 0.002, 0, 0, rho=5.0),
    "spectrum, 160 to 0.002": Setting(problem("spectrum"), 160.0, 0.002, 0, 0),
    "five modes": Setting(_five_modes(), 80.0, 0.002, 50_000, 100),
    "five modes, short": Setting(_five_modes(), 20.0, 0.02, 50_000, 100, rho=5.0),
    "digits, rho 5": Setting(problem("digits"), 80.0, 0.002, 300, 20, rho=5.0),
    "digits, 40 to 0.01": Setting(problem("digits"), 40.0, 0.01, 300, 20),
}
Values = dict[str, np.ndarray]
Tick = Callable[[], None]


def compare(
    *,
    quick: bool = False,
    held_out: bool = False,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> Record:
    r"""Return errors of all schemes on all problems at equal evaluations.

    Parameters
    ----------
    quick : bool
        Only where all errors are exact, at 10, 20 and 50 evaluations.
    held_out : bool
        The laws and grids of `HELD_OUT` at 10 to 50 evaluations, in place of those of `SETTINGS`.
    seed : int
        Of everything random.
    advance : callable, optional
        Told the share of the runs that are done.

    Returns
    -------
    Record
        Each (noise_scale, problem, scheme, evaluations), nan where it is not measured. ``law``: on the spectrum the
        exact W2 over the root of the total variance, on mixtures the RMS error of the characteristic function at 24
        fixed wave vectors. ``median`` and ``rms`` over paths of the RMS error per coordinate on the coupled path
        (rms on the spectrum: exact, in W2's units). ``switched``: share of paths that end nearer to another digit.
        ``gain``: error of the released solver over this one's, in law with noise where that is measured, else in the
        median (on the spectrum, where both are W2, exactly). ``*_error``: bootstrap standard errors. ``floor``
        (noise_scale, problem, evaluations): the least rms of any scheme that draws the increments of the steps only,
        and ``floor_median`` the median of what these leave open. And what :func:`variable_errors` returns.

    Examples
    --------
    >>> record = compare(quick=True)
    >>> record["gain"].shape
    (3, 1, 10, 3)
    """
    begin = time.perf_counter()
    chosen = HELD_OUT if held_out else SETTINGS
    counts = (10, 20, 50) if quick else tuple(n for n in EVALUATIONS if n <= 50 or not held_out)
    names = [name for name, setting in chosen.items() if not (quick and setting.paths)]
    cells = [(i, j) for j, name in enumerate(names) for i in range(2 if chosen[name].paths else len(NOISE_SCALES))]
    shape = (len(NOISE_SCALES), len(names), len(SCHEMES), len(counts))
    found: Values = {}
    done, total = itertools.count(1), len(cells) * len(SCHEMES) * len(counts)

    def tick() -> None:
        """Count one run."""
        if advance is not None:
            advance(next(done) / total)

    for i, j in cells:
        setting, phi = chosen[names[j]], NoiseScale.from_name(NOISE_SCALES[i])
        tableaus = [[build(setting.grid, n, phi) for n in counts] for build in SCHEMES.values()]
        values = _run(setting, tableaus, phi, seed, tick) if setting.paths else _exact(setting, tableaus, phi, tick)
        values |= _floors(setting, counts, phi, seed)
        for label, value in values.items():
            whole = found.setdefault(label, np.full(shape if value.ndim == 2 else (*shape[:2], shape[3]), np.nan))
            whole[i, j] = value
    dims = ("noise_scale", "problem", "scheme", "evaluations")
    arrays = {
        label: LabelledArray(dims if value.ndim == 4 else (*dims[:2], dims[3]), value) for label, value in found.items()
    }
    for dim, coordinate in zip(dims, (NOISE_SCALES, names, list(SCHEMES), counts), strict=True):
        arrays[dim] = LabelledArray((dim,), np.array(coordinate))
    arrays |= variable_errors(next(iter(chosen.values())).grid, counts)
    settings = {"seed": seed, "quick": quick, "paths": {name: chosen[name].paths for name in names}}
    return Record("comparison", settings, arrays, seconds=time.perf_counter() - begin)


def _exact(setting: Setting, tableaus: list[list[Tableau | None]], phi: NoiseScale, tick: Tick) -> Values:
    """Return the exact errors on the Gaussian spectrum."""
    variances = _variances(setting)
    size = float(np.sqrt(variances.sum()))
    law, rms = (np.full((len(tableaus), len(tableaus[0])), np.nan) for _ in range(2))
    solutions: dict[bytes, list[StepTransition]] = {}  # most schemes share their levels
    for s, k, tab in _present(tableaus):
        law[s, k] = float(np.sqrt((wasserstein2(tab, 0.0, variances) ** 2).sum())) / size
        levels = node_levels(tab)
        if (key := levels.tobytes()) not in solutions:
            solutions[key] = [transition(levels, phi, v) for v in variances.tolist()]
        pairs = zip(variances.tolist(), solutions[key], strict=True)
        errors = [exact_strong_error(tab, v, solution)[-1] for v, solution in pairs]
        rms[s, k] = float(np.linalg.norm(errors)) / size
        tick()
    gain = _ratio(law[_RELEASED], law)
    return {"law": law, "law_error": 0.0 * law, "rms": rms, "gain": gain, "gain_error": 0.0 * gain}


def _run(setting: Setting, tableaus: list[list[Tableau | None]], phi: NoiseScale, seed: int, tick: Tick) -> Values:
    """Return the errors on a law that has to be run, on coupled paths."""
    law = setting.problem.make_law()
    levels = np.concatenate([node_levels(tab) for _, _, tab in _present(tableaus)])
    fine = TimeGrid(np.unique(levels)[::-1]).refine(_REFINEMENT)
    start = law.sample(setting.paths, noise_level=setting.lam_max, seed=seed)
    path = BrownianPath(phi, fine, seed)
    exact = ode_end(law, fine, start) if phi.name == "ode" else sde_end(law, path, start)
    judge = Judge(law, exact, seed, in_law=phi.name != "ode" and start.shape[1] == 2)
    shape = (len(tableaus), len(tableaus[0]))
    values: Values = {}
    resamples = np.full((*shape, RESAMPLES), np.nan)
    for s, k, tab in _present(tableaus):
        found, resamples[s, k] = judge(sample(tab, law.denoise, start, path))
        for label, value in found.items():
            values.setdefault(label, np.full(shape, np.nan))[s, k] = value
        tick()
    main = values["law" if judge.in_law else "median"]
    gains = _ratio(resamples[_RELEASED], resamples)
    return {**values, "gain": _ratio(main[_RELEASED], main), "gain_error": gains.std(axis=-1)}


def _floors(setting: Setting, counts: tuple[int, ...], phi: NoiseScale, seed: int) -> Values:
    """Return what the increments of so many steps leave open, RMS and (where it is sampled) median."""
    if phi.name == "ode":
        return {"floor": np.zeros(len(counts))}
    if not setting.paths:
        return {"floor": np.array([exact_floor(setting.grid(n), phi, _variances(setting)) for n in counts])}
    law = setting.problem.make_law()
    pairs = [sampled_floor(law, setting.grid(n), phi, setting.floor_paths, seed) for n in counts]
    return dict(zip(("floor", "floor_median"), np.array(pairs).T, strict=True))


def _present(tableaus: list[list[Tableau | None]]) -> Iterator[tuple[int, int, Tableau]]:
    """Yield every table there is, with its scheme and number of evaluations."""
    for s, row in enumerate(tableaus):
        for k, tab in enumerate(row):
            if tab is not None:
                yield s, k, tab


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return a ratio, nan where the denominator is lost in noise."""
    return np.asarray(numerator / np.where(denominator > 0.0, denominator, np.nan))


def _variances(setting: Setting) -> np.ndarray:
    """Return the variances of a Gaussian law."""
    assert setting.problem.spectrum is not None
    return setting.problem.spectrum[1]


def command(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    quick: Annotated[bool, typer.Option("--quick", help="The spectrum only, seconds.")] = False,
    held_out: Annotated[bool, typer.Option("--held-out", help="Laws and grids on which nothing was chosen.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of everything random.")] = 0,
) -> None:
    """Compare schemes at equal numbers of evaluations, and write a Record.

    Parameters
    ----------
    json_file : Path
        Where it goes.
    quick : bool
        The spectrum only.
    held_out : bool
        Laws and grids on which nothing was chosen.
    seed : int
        Of everything random.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     command(Path(folder) / "comparison.json", quick=True)
    ...     Record.load(Path(folder) / "comparison.json").name
    'comparison'
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("comparison", total=1.0)
        record = compare(
            quick=quick,
            held_out=held_out,
            seed=seed,
            advance=lambda share: progress.update(task, completed=share),
        )
    write_atomically(json_file, record.to_json() + "\n")


if __name__ == "__main__":
    typer.run(command)
