"""(d) Score error against discretisation error: whether, and from where on, an SDE solver overtakes the ODE's.

What counts here is the output's law: its energy distance to the data. The model itself is run with every noise scale,
and so is the exact denoiser of a known law with a controlled error on top (`PROFILES` says how large it is at each
level). An SDE forgets the errors of high levels, the faster the more noise it has, and makes those of low levels anew,
the larger its FEI the more. So not every imperfect score lets it overtake: on Gaussian data an error of high levels
does, one of low levels does not (the claim ``sde-quality-imperfect``); on the digits, no SDE is seen ahead of the ODE,
and where the error is as large at all levels the reverse SDE is far behind (``docs/network_measurements.md``).
"""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np

from analytic import energy_distance
from ersde_theory.network_errors._crossing import GROUPS, crossing, energy_without_groups, jackknife
from ersde_theory.network_errors._effort import Effort
from ersde_theory.network_errors._measurement import Measurement, Memo, Table, coordinates, number, stacked
from ersde_theory.network_errors._perturbation import PROFILES, perturbed
from ersde_theory.network_errors._runs import NOISE_SCALES, run_grid, tableau
from ersde_theory.network_errors._statistics import mean_squares, rms
from ersde_theory.network_errors._subject import Subject
from ersde_theory.network_errors.journal import Result
from ersde_theory.records import LabelledArray, Record
from ersde_theory.sampling import Denoiser, sample

NAME = "network-score-error"
SCHEME = "adams-3"
STRENGTHS = (0.1, 0.4)  # RMS per coordinate of the controlled error, times the profile
_LEVELS = 12
_CLEAR = 2.0  # standard errors by which a curve must be below another
_MOST_DATA = 4096
_ERROR_UNIT = "data units, RMS per coordinate"


def cases_of(subject: Subject) -> list[tuple[str, float, str]]:
    """Return the denoisers that are compared: label, strength and profile of the error on top of the exact one.

    Parameters
    ----------
    subject : Subject
        The model; itself has the strength nan.

    Returns
    -------
    list of (str, float, str)

    Examples
    --------
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> len(cases_of(gaussian_subject()))
    5
    """
    own = [(subject.name, float("nan"), "")]
    if subject.law is None:
        return own
    exact = [] if subject.is_exact else [("exact", 0.0, next(iter(PROFILES)))]
    wrong = [(f"exact, error {size:g} at {profile}", size, profile) for profile in PROFILES for size in STRENGTHS]
    return [*own, *exact, *wrong]


def measure_score_error(subject: Subject, effort: Effort, memo: Memo, seed: int) -> Record:
    """Return distances of outputs from the data for every denoiser, noise scale and number of evaluations.

    Parameters
    ----------
    subject : Subject
        The model.
    effort : Effort
        Samples and evaluations.
    memo : Memo
        Keeps results.
    seed : int
        Of all of it.

    Returns
    -------
    Record
        (case, noise_scale, evaluations): ``energy`` and ``energy_se``; ``energy_without`` (…, group): without a group
        of samples and without the data's own term, for errors of differences. (case, level): ``denoiser_error``, its
        RMS per coordinate, where the law is known.

    Examples
    --------
    >>> from ersde_theory.network_errors._effort import QUICK
    >>> from ersde_theory.network_errors._subject import gaussian_subject
    >>> from ersde_theory.network_errors.journal import Journal
    >>> record = measure_score_error(gaussian_subject(), QUICK, Memo(Journal(None), {}, lambda: None), 0)
    >>> record["energy"].shape
    (5, 3, 3)
    """
    begin = time.perf_counter()
    cases, counts = cases_of(subject), effort.score_evaluations
    denoisers = {label: _denoiser(subject, strength, profile, seed) for label, strength, profile in cases}
    samples = {"samples": effort.score_samples}
    runs = memo.all(
        (
            {**samples, "case": label, "noise_scale": name, "evaluations": n, "scheme": SCHEME},
            functools.partial(_distance, subject, effort, denoisers[label], name, n, seed),
        )
        for label, name, n in itertools.product(denoisers, NOISE_SCALES, counts)
    )
    errors = memo.all(
        (
            {**samples, "case": label, "of": "denoiser error"},
            functools.partial(_denoiser_error, subject, denoise, seed),
        )
        for label, denoise in denoisers.items()
    )
    arrays = coordinates(case=list(denoisers), noise_scale=NOISE_SCALES, evaluations=counts)
    grid = len(denoisers), len(NOISE_SCALES), len(counts)
    arrays |= stacked(runs, grid, (*arrays, "group"), lambda _: "data units")
    arrays |= stacked(errors, grid[:1], ("case", "level"), lambda label: "" if label.endswith("_se") else _ERROR_UNIT)
    arrays["level"] = LabelledArray(("level",), _levels(subject), "data units")
    settings = {
        "model": subject.name,
        "seed": seed,
        "precision": subject.precision,
        "samples": effort.score_samples,
        "scheme": SCHEME,
    }
    return Record(NAME, settings, arrays, seconds=time.perf_counter() - begin)


def _denoiser(subject: Subject, strength: float, profile: str, seed: int) -> Denoiser:
    """Return the denoiser of a case."""
    if np.isnan(strength):
        return subject.denoise
    assert subject.law is not None
    return perturbed(subject.law.denoise, strength, profile, subject.data.shape[1], seed)


def _distance(subject: Subject, effort: Effort, denoise: Denoiser, name: str, n: int, seed: int) -> Result:
    """Return how far the output's law is from the data's."""
    start = subject.noised(effort.score_samples, subject.noise_range[1], seed)
    output = sample(tableau(SCHEME, run_grid(subject, n), name), denoise, start, seed, batch_rows=len(start))
    data = subject.clean(min(_MOST_DATA, 4 * effort.score_samples), seed + 1)
    found = energy_distance(output, data)
    without = energy_without_groups(output, data)
    return {"energy": np.array(found.value), "energy_se": np.array(found.standard_error), "energy_without": without}


def _levels(subject: Subject) -> np.ndarray:
    """Return levels over the model's range."""
    low, high = subject.noise_range
    return np.geomspace(high, low, _LEVELS)


def _denoiser_error(subject: Subject, denoise: Denoiser, seed: int) -> Result:
    """Return the distance from the exact denoiser at every level, on noised data; nan without a known law."""
    if subject.law is None:
        return {"denoiser_error": np.full(_LEVELS, np.nan), "denoiser_error_se": np.full(_LEVELS, np.nan)}
    found = []
    for k, level in enumerate(_levels(subject).tolist()):
        y = subject.noised(256, level, seed + k)
        found.append(rms(mean_squares(denoise(y, level) - subject.law.denoise(y, level))))
    values, spread = np.array(found).T
    return {"denoiser_error": values, "denoiser_error_se": spread}


def _crossings(record: Record) -> list[tuple[str, str, float, float, float, str]]:
    """Return where each SDE passes below the ODE, with the difference at the most evaluations.

    Parameters
    ----------
    record : Record
        Of :func:`measure_score_error`.

    Returns
    -------
    list of (case, noise scale, evaluations, standard error of its logarithm, difference over standard error, verdict)
        The verdict: ``SDE ahead``, ``ODE ahead`` or ``not told apart`` at the most evaluations.

    Examples
    --------
    See ``docs/network_measurements.md``.
    """
    counts = record["evaluations"]
    found = []
    for c, case in enumerate(record["case"].tolist()):
        ode, without_ode = record["energy"][c, 0], record["energy_without"][c, 0]
        for i, name in enumerate(record["noise_scale"].tolist()[1:], start=1):
            difference = record["energy"][c, i] - ode
            without = record["energy_without"][c, i] - without_ode
            spread = jackknife(without)
            score = float(difference[-1] / spread[-1])
            verdict = "not told apart" if abs(score) < _CLEAR else "SDE ahead" if score < 0.0 else "ODE ahead"
            at = crossing(counts, difference)
            partial = np.log([crossing(counts, without[:, g]) for g in range(GROUPS)])
            sure = bool(np.isfinite(partial).all()) and np.isfinite(at)
            error = float(jackknife(partial)) if sure else float("nan")
            found.append((case, name, at, error, score, verdict))
    return found


def _score_tables(record: Record) -> list[Table]:
    """Return the tables of a record of :func:`measure_score_error`.

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
    rows = []
    for c, case in enumerate(record["case"].tolist()):
        for i, name in enumerate(record["noise_scale"].tolist()):
            cells = zip(record["energy"][c, i], record["energy_se"][c, i], strict=True)
            rows.append((case, name, *(number(v, e) for v, e in cells)))
    columns = ("denoiser", "φ", *(f"{n} evaluations" for n in record["evaluations"]))
    distances = Table(f"Energy distance of outputs to the data ({SCHEME})", columns, rows)
    crossed = [
        (case, name, _crossing_words(at, error), f"{score:+.1f}", verdict)
        for case, name, at, error, score, verdict in _crossings(record)
    ]
    top = int(record["evaluations"][-1])
    where = ("denoiser", "φ", "below the ODE from", f"difference at {top}, in standard errors", f"at {top} evaluations")
    tables = [distances, Table("Where an SDE passes below the ODE", where, crossed)]
    if np.isfinite(record["denoiser_error"]).any():
        tables.append(_error_table(record))
    return tables


def _crossing_words(at: float, error: float) -> str:
    """Return where a crossing is, and how sure that is."""
    if not np.isfinite(at):
        return "nowhere"
    if not np.isfinite(error):
        return f"{at:.0f} evaluations, not sure"
    return f"{at:.0f} evaluations (factor {np.exp(error):.1f})"


def _error_table(record: Record) -> Table:
    """Return the errors of the denoisers by level."""
    levels = record["level"].tolist()
    rows = [(case, *(number(v) for v in record["denoiser_error"][c])) for c, case in enumerate(record["case"].tolist())]
    return Table(
        "Error of the denoiser on noised data (RMS per coordinate)",
        ("denoiser", *(f"λ = {v:.3g}" for v in levels)),
        rows,
    )


MEASUREMENT = Measurement(
    letter="d",
    name=NAME,
    title="score error against discretisation error",
    tasks=lambda subject, effort: len(cases_of(subject)) * (1 + len(NOISE_SCALES) * len(effort.score_evaluations)),
    run=measure_score_error,
    tables=_score_tables,
)
