r"""(a) The error of one step that starts on noised real data, next to what bounds it.

From the exact forward marginal a fine reference runs down to the level :math:`\lambda_s`; the step
:math:`\lambda_s \to \lambda_t = \lambda_s e^{-h}` takes its start and its older evaluations from there. With P the
polynomial that a scheme integrates in place of the data prediction, its error on the path is

.. math:: e = \varphi_t\int_{\lambda_t}^{\lambda_s}\frac{\varphi'}{\varphi^2}\,\big(D(X_u,u) - P(u)\big)\,du,
          \qquad \mathrm{rms}\,e \le \mathrm{FEI}\;\sup_u \mathrm{rms}\,(D - P)

by Minkowski's inequality: for order 1, :math:`P = D_s`, the FEI bound. Without noise the path is smooth, and
Newton's form of the remainder gives more, for :math:`D - P = [D_u, D_s, \dots]\,(u-\lambda_s)\cdots` has a factor of
one sign:

.. math:: \mathrm{rms}\,e \le |M_k|\,\sup_u \mathrm{rms}\,[D_u, D_s, \dots, D_{s-k+1}]
          + |G_1|\,(\lambda_{s-1}-\lambda_s)\,\mathrm{rms}\,[D_s, D_{s-1}, D_{s-2}]

with :math:`M_k = \varphi_t\int\varphi'/\varphi^2\prod_{j<k}(u-\lambda_{s-j})\,du`, the last term for the published
solver of order 3 only (its second difference stands before :math:`(u-\lambda_s)^2`). With noise the divided
differences have no sup. The sup is taken half-way between the reference's nodes, and continued to the step's ends.

A network :math:`D_\theta` and the exact denoiser :math:`D^*` differ in one step on the same path by at most
:math:`2\,\mathrm{FEI}\,\sup\|D_\theta(X^\theta_u) - D^*(X^*_u)\|`; to first order in their distance that is
:math:`2\,\mathrm{FEI}\,\sup\|D_\theta - D^*\|` on the network's path, which is what is tested.
"""

from __future__ import annotations

import functools
import itertools
import time
from typing import Any

import numpy as np

from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._statistics import mean_squares, rms, rms_difference
from ersde_theory.network_errors._step import FINE, PAST, SCHEMES, Passage, passage, step_bounds, step_errors
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import Record

NAME = "network-one-step"
NOISE_SCALES = ("ode", "exp_power", "reverse_sde")
LENGTHS = (32, 16, 8)  # of steps, in units of 1 / FINE log-units
_MOST_RESOLVED = 0.1  # of the least error of a cell: a reference that errs more is reported


def levels_of(subject: Subject, effort: Effort) -> tuple[float, ...]:
    """Return those of the levels, fixed beforehand, whose whole passage lies in the model's range.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Has the levels.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> levels_of(gaussian_subject(), QUICK)
    (0.15, 1.5)
    """
    low, high = subject.noise_range
    above, below = np.exp(PAST / FINE), np.exp(-max(LENGTHS) / FINE)
    chosen = tuple(level for level in effort.levels if level * below >= low and level * above <= high)
    if not chosen:
        message = f"noise range: expected one around a level of {effort.levels}, got {low:g} to {high:g}"
        raise ValueError(message)
    return chosen


def measure_one_step(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return one-step errors and bounds for every noise scale, level, step and scheme.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Levels and paths.
    memo : Memo
        Keeps results.
    seed : int
        Of data and paths.

    Returns
    -------
    Record
        (noise_scale, level, step, scheme): ``error``, ``bound``, ``remainder``, ``twin``, and with a known law the
        same of its denoiser with ``exact_`` before, ``gap`` (difference of the two errors), ``path_gap`` (rms of the
        difference on each path); (noise_scale, level, step): ``fei``, ``gap_bound``, ``reference_error``. Standard
        errors end in ``_se``.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_one_step(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> bool((record["error"] <= record["bound"]).all())
    True
    """
    begin = time.perf_counter()
    levels = levels_of(subject, effort)
    sizes = {"paths": effort.one_step_paths, "lengths": list(LENGTHS)}
    cells = memo.all(
        (
            {**sizes, "noise_scale": name, "level": level},
            functools.partial(_cell, subject, name, level, effort.one_step_paths, seed),
        )
        for name, level in itertools.product(NOISE_SCALES, levels)
    )
    arrays = coordinates(noise_scale=NOISE_SCALES, level=levels, step=[h / FINE for h in LENGTHS], scheme=list(SCHEMES))
    grid = len(NOISE_SCALES), len(levels)
    arrays |= stacked(cells, grid, tuple(arrays), lambda label: "" if label == "fei" else "data units, RMS")
    settings = {"model": subject.name, "paths": effort.one_step_paths, "seed": seed, "precision": subject.precision}
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


def _cell(subject: Subject, name: str, level: float, paths: int, seed: int) -> Result:
    """Return everything about the steps from one level with one noise scale."""
    phi = NoiseScale.from_name(name)
    start = subject.noised(paths, level * float(np.exp(PAST / FINE)), seed)
    through = passage(subject.denoise, phi, level, LENGTHS, start, seed)
    found, errors = _one(through)
    found["fei"] = np.array([float(phi.fei(level, through.levels[h])) for h in LENGTHS])
    rough = [through.rough[h] - through.states[h] for h in LENGTHS]
    found["reference_error"] = np.array([rms(mean_squares(difference))[0] for difference in rough])
    if subject.law is not None:
        exact, exact_errors = _one(passage(subject.law.denoise, phi, level, LENGTHS, start, seed))
        found |= {f"exact_{label}": values for label, values in exact.items()}
        found |= _gaps(subject, through, errors, exact_errors)
    return found


def _one(through: Passage) -> tuple[Result, np.ndarray]:
    """Return the summaries of all steps along one path, and the errors themselves, (step, scheme, n, d)."""
    labels = ("error", "error_se", "twin", "bound", "remainder")
    table = {label: np.empty((len(LENGTHS), len(SCHEMES))) for label in labels}
    errors = []
    for i, length in enumerate(LENGTHS):
        for j, scheme in enumerate(SCHEMES):
            error, twin = step_errors(through, scheme, length)
            errors.append(error)
            values: Any = (*rms(mean_squares(error)), rms(mean_squares(twin))[0], *step_bounds(through, scheme, length))
            for label, value in zip(labels, values, strict=True):
                table[label][i, j] = value
    return table, np.array(errors).reshape(len(LENGTHS), len(SCHEMES), *errors[0].shape)


def _gaps(subject: Subject, through: Passage, errors: np.ndarray, exact: np.ndarray) -> Result:
    """Return how far the network's errors are from the exact denoiser's, and the bound of that."""
    assert subject.law is not None
    table = {label: np.empty(errors.shape[:2]) for label in ("gap", "gap_se", "path_gap")}
    for at in np.ndindex(errors.shape[:2]):
        table["gap"][at], table["gap_se"][at] = rms_difference(mean_squares(errors[at]), mean_squares(exact[at]))
        table["path_gap"][at] = rms(mean_squares(errors[at] - exact[at]))[0]
    apart = {
        k: rms(mean_squares(value - subject.law.denoise(through.between_states[k], through.levels[k])))[0]
        for k, value in through.between.items()
    }
    bounds, sizes = [], []
    for length in LENGTHS:
        sizes.append(max(size for k, size in apart.items() if k < length))
        bounds.append(2.0 * float(through.phi.fei(through.levels[0], through.levels[length])) * sizes[-1])
    return {**table, "gap_bound": np.array(bounds), "denoiser_error": np.array(sizes)}


def _one_step_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_one_step`.

    Parameters
    ----------
    record : Record
        Its record.

    Returns
    -------
    list of Table

    Examples
    --------
    See ``docs/network_measurements.md``.
    """
    tables = [_error_table(record, str(name), i) for i, name in enumerate(record["noise_scale"])]
    return [*tables, _bound_table(record), *([_gap_table(record)] if "gap" in record.arrays else [])]


def _error_table(record: Record, name: str, i: int) -> Table:
    """Return the errors of the middle step."""
    middle = len(record["step"]) // 2
    schemes = record["scheme"].tolist()
    known = "exact_error" in record.arrays
    rows = []
    for k, level in enumerate(record["level"].tolist()):
        at = (i, k, middle)
        cells = [number(record["error"][*at, s], record["error_se"][*at, s]) for s in range(len(schemes))]
        bound = [number(record["bound"][*at, 0])]
        exact = [number(record["exact_error"][*at, s]) for s in (0, len(schemes) - 1)] if known else []
        rows.append((f"{level:g}", number(record["fei"][at]), *cells, *bound, *exact))
    columns = (
        "λ",
        "FEI",
        *schemes,
        "FEI bound of order 1",
        *(("exact, order 1", f"exact, {schemes[-1]}") if known else ()),
    )
    return Table(
        f"One step, φ = {name}, log-step {record['step'][middle]:g}: error (RMS per coordinate)", columns, rows
    )


def _bound_table(record: Record) -> Table:
    """Return ratios of errors to bounds, and how often the twin is caught."""
    rows = []
    for i, name in enumerate(record["noise_scale"].tolist()):
        for s, scheme in enumerate(record["scheme"].tolist()):
            error, bound = record["error"][i, ..., s], record["bound"][i, ..., s]
            remainder = record["remainder"][i, ..., s]
            best = np.where(np.isfinite(remainder), remainder, bound)
            caught = float((record["twin"][i, ..., s] > best).mean())
            worst = "–" if np.isnan(remainder).all() else number(float((error / remainder).max()))
            rows.append(
                (
                    name,
                    scheme,
                    number(float(np.median(error / bound))),
                    number(float((error / bound).max())),
                    worst,
                    f"{caught:.0%}",
                )
            )
    columns = ("φ", "scheme", "median error/bound", "largest", "largest error/remainder bound", "twins caught")
    note = (
        "A ratio above 1 would refute a bound. The twin's newest data weight is half too heavy; a bound catches it "
        "where its error is above it."
    )
    return Table("One step: error over bound, all levels and steps", columns, rows, (note, _resolution(record)))


def _resolution(record: Record) -> str:
    """Return how sure the reference is."""
    share = record["reference_error"][..., None] / record["error"]
    unsure = float((share > _MOST_RESOLVED).mean())
    return (
        f"A reference of twice the step differs by at most {float(np.median(share)):.1%} of the error in half of the "
        f"cells; in {unsure:.0%} of them by more than {_MOST_RESOLVED:.0%}."
    )


def _gap_table(record: Record) -> Table:
    """Return the test of the network against the exact denoiser, level by level."""
    rows, names = [], record["noise_scale"].tolist()
    bound = record["gap_bound"][..., None]
    for k, level in enumerate(record["level"].tolist()):
        gap, limit = np.abs(record["gap"][:, k]), bound[:, k]
        safe = np.maximum(limit, np.finfo(float).tiny)
        holds = bool((gap <= limit).all())
        rows.append(
            (
                f"{level:g}",
                number(float(record["denoiser_error"][:, k].max())),
                number(float((gap / safe).max())),
                number(float((record["path_gap"][:, k] / safe).max())),
                "yes" if holds else "NO",
                *(
                    number(float(np.median(record["error"][i, k] / record["exact_error"][i, k])))
                    for i in range(len(names))
                ),
            )
        )
    ratios = (f"its error / the exact one's, {name}" for name in names)
    columns = ("λ", "sup ‖D_θ − D*‖", "largest difference / bound", "path by path", "bound holds", *ratios)
    top = record["level"][int(np.argmax(record["denoiser_error"].max(axis=(0, 2))))]
    note = (
        f"The denoisers differ most at λ = {top:g}. A ratio below 1 in the last columns: on its path the network moves "
        "less than the exact denoiser, which jumps from datum to datum; above 1: it still moves where the exact one "
        "has decided. Ratios are medians over steps and schemes."
    )
    title = "|error of the network − error of the exact denoiser| against 2·FEI·sup‖D_θ − D*‖"
    return Table(title, columns, rows, (note,))


MEASUREMENT = Measurement(
    letter="a",
    name=NAME,
    title="one-step errors",
    tasks=lambda subject, effort: len(NOISE_SCALES) * len(levels_of(subject, effort)),
    run=measure_one_step,
    tables=_one_step_tables,
)
